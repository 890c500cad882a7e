//! How requests reach the account: what Microsoft's pipeline is told (transport, repetitions,
//! `Cache-Control`), and the list request, which goes around it.

use super::{
    Authority, AzureSettings,
    failure::{Failure, Refusal},
    list_xml, own_terms,
    retry::{Attempts, Kind, Retries, pass_on},
    transport,
};
use crate::{
    sas::{SasProtocol, SasResource, SharedKey, VERSION, service_sas},
    storage::{BlobPage, ListDepth, ListQuery, StorageError},
};
use async_trait::async_trait;
use azure_core::{
    ClientOptions, Context, Policy, PolicyResult, Request, RetryOptions, TransportOptions,
    date::to_rfc1123,
    error::{Error, ErrorKind},
};
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::time::Instant;

/// Names are unique and never written again, so what a browser has it may keep.
pub(super) const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";

pub(super) fn client_options(
    http: &reqwest::Client,
    settings: &AzureSettings,
    authority: &Authority,
) -> ClientOptions {
    let transport = transport::SharedTransport {
        http: http.clone(),
        timeout: settings.request_timeout,
    };
    let retries = Retries {
        settings: settings.retries,
        longest_call: settings.longest_put,
    };
    let mut options = ClientOptions::new(TransportOptions::new_custom_policy(Arc::new(transport)))
        .retry(RetryOptions::none());
    let policies = options.per_call_policies_mut();
    policies.push(Arc::new(BlobCacheControl));
    policies.push(Arc::new(transport::ContentLength));
    let policies = options.per_retry_policies_mut();
    policies.push(Arc::new(retries));
    if let Authority::Identity(identity) = authority {
        policies.push(Arc::new(identity.bearer.clone()));
    }
    options
}

/// Adds the header that the crate's builders have no method for. It stands before the signing
/// step, since the signature covers it.
#[derive(Debug)]
struct BlobCacheControl;

#[async_trait]
impl Policy for BlobCacheControl {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        if makes_a_blob(request) {
            request.insert_header("x-ms-blob-cache-control", CACHE_CONTROL);
        }
        pass_on(context, request, next).await
    }
}

/// Put Blob has a blob type, Put Block List has none.
fn makes_a_blob(request: &Request) -> bool {
    let blob_type = &azure_core::headers::BLOB_TYPE;
    let commits_blocks = |(name, value)| name == "comp" && value == "blocklist";
    request.headers().get_optional_str(blob_type).is_some()
        || request.url().query_pairs().any(commits_blocks)
}

/// Lists one page, with a token or else with a signature that allows just that. `None`: there is no such container.
///
/// # Errors
/// [`StorageError`] after the retries.
pub(super) async fn list(
    http: &reqwest::Client,
    settings: &AzureSettings,
    authority: &Authority,
    container: &str,
    query: &ListQuery,
) -> Result<Option<BlobPage>, StorageError> {
    let deadline = Instant::now() + settings.longest_put;
    let mut attempts = Attempts::new(settings.retries, deadline, Kind::Lists);
    loop {
        let url = list_url(settings, authority, container, query)?;
        let attempt = list_once(http, url, authority, settings.request_timeout);
        let failure = match attempts.make(attempt).await {
            Ok(Ok(page)) => return Ok(Some(page)),
            Ok(Err(failure)) | Err(failure) => failure,
        };
        if let Err(gave_up) = attempts.wait_after(failure).await {
            return match gave_up.to_error("list the container") {
                StorageError::NotFound => Ok(None),
                error => Err(error),
            };
        }
    }
}

async fn list_once(
    http: &reqwest::Client,
    url: url::Url,
    authority: &Authority,
    timeout: Duration,
) -> Result<BlobPage, Failure> {
    let broken = |error| Failure::Broken(transport::io_error(error));
    let prepare = || {
        let request = http.get(url.clone()).header("x-ms-version", VERSION);
        request
            .header("x-ms-date", to_rfc1123(&OffsetDateTime::now_utc()))
            .timeout(timeout)
    };
    let response = match authority {
        Authority::Key(_) => prepare().send().await.map_err(broken)?,
        Authority::Identity(identity) => identity.bearer.send(&url, prepare).await?,
    };
    let status = response.status().as_u16();
    if status != 200 {
        let header = |name| response.headers().get(name)?.to_str().ok();
        let refusal = Refusal::read(status, header, OffsetDateTime::now_utc());
        return Err(Failure::Refused(refusal));
    }
    let body = response.bytes().await.map_err(broken)?;
    list_xml::parse_page(&body).map_err(|error| Failure::Broken(Error::new(ErrorKind::Io, error)))
}

fn list_url(
    settings: &AzureSettings,
    authority: &Authority,
    container: &str,
    query: &ListQuery,
) -> Result<url::Url, StorageError> {
    let signature = match authority {
        Authority::Key(key) => list_signature(settings, key, container),
        Authority::Identity(_) => String::new(),
    };
    let endpoint = super::endpoint_text(&settings.endpoint);
    let mut url = url::Url::parse(&format!("{endpoint}/{container}?{signature}"))
        .map_err(|error| StorageError::failed("address the container", error))?;
    url.query_pairs_mut()
        .append_pair("restype", "container")
        .append_pair("comp", "list")
        .append_pair("include", "metadata")
        .append_pair("prefix", &query.prefix);
    if let Some(marker) = &query.marker {
        url.query_pairs_mut().append_pair("marker", marker);
    }
    if query.depth == ListDepth::OneLevel {
        url.query_pairs_mut().append_pair("delimiter", "/");
    }
    if let Some(max_results) = query.max_results {
        url.query_pairs_mut()
            .append_pair("maxresults", &max_results.to_string());
    }
    Ok(url)
}

fn list_signature(settings: &AzureSettings, key: &SharedKey, container: &str) -> String {
    let protocol = match settings.endpoint.scheme() {
        "http" => SasProtocol::HttpsAndHttp,
        _ => SasProtocol::Https,
    };
    let resource = SasResource::Container { container };
    service_sas(key, resource, &own_terms("l", protocol))
}
