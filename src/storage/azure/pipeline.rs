//! How requests reach the account: what Microsoft's pipeline is told (transport, repetitions,
//! `Cache-Control`), and the list request, which goes around it.

use super::{
    AzureSettings,
    failure::Refusal,
    list_xml, own_terms,
    retry::{Retries, delay, pass_on},
    transport,
};
use crate::{
    sas::{SasProtocol, SasResource, SharedKey, VERSION, service_sas},
    storage::{BlobPage, ListDepth, ListQuery, StorageError},
};
use async_trait::async_trait;
use azure_core::{
    ClientOptions, Context, Policy, PolicyResult, Request, RetryOptions, TransportOptions,
};
use std::sync::Arc;
use time::OffsetDateTime;

/// Names are unique and never written again, so what a browser has it may keep.
pub(super) const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";

pub(super) fn client_options(http: &reqwest::Client, settings: &AzureSettings) -> ClientOptions {
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
    options.per_retry_policies_mut().push(Arc::new(retries));
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

/// Lists one page with a signature that allows just that. `None`: there is no such container.
///
/// # Errors
/// [`StorageError`] after the retries.
pub(super) async fn list(
    http: &reqwest::Client,
    settings: &AzureSettings,
    key: &SharedKey,
    container: &str,
    query: &ListQuery,
) -> Result<Option<BlobPage>, StorageError> {
    let mut attempt = 0;
    loop {
        match list_once(http, settings, key, container, query).await {
            Ok(page) => return Ok(Some(page)),
            Err(Failure::Passing(_)) if attempt < settings.retries.max_retries => {
                attempt += 1;
                tokio::time::sleep(delay(&settings.retries, attempt)).await;
            }
            Err(Failure::Final(StorageError::NotFound)) => return Ok(None),
            Err(Failure::Passing(error) | Failure::Final(error)) => return Err(error),
        }
    }
}

/// A failed list: worth another try, or not. A 500 is not: it is what a name gets that the
/// service cannot list, and the gallery asks for smaller parts then.
enum Failure {
    Passing(StorageError),
    Final(StorageError),
}

async fn list_once(
    http: &reqwest::Client,
    settings: &AzureSettings,
    key: &SharedKey,
    container: &str,
    query: &ListQuery,
) -> Result<BlobPage, Failure> {
    const STEP: &str = "list the container";
    let passing =
        |error: reqwest::Error| Failure::Passing(StorageError::failed(STEP, error.without_url()));
    let url = list_url(settings, key, container, query).map_err(Failure::Final)?;
    let response = http
        .get(url)
        .header("x-ms-version", VERSION)
        .timeout(settings.request_timeout)
        .send()
        .await
        .map_err(passing)?;
    let status = response.status().as_u16();
    if status != 200 {
        let header = |name| response.headers().get(name)?.to_str().ok();
        let refusal = Refusal::read(status, header, OffsetDateTime::now_utc());
        let error = refusal.into_error(STEP);
        return Err(match status {
            408 | 429 | 502 | 503 | 504 => Failure::Passing(error),
            _ => Failure::Final(error),
        });
    }
    let body = response.bytes().await.map_err(passing)?;
    let page = list_xml::parse_page(&body);
    page.map_err(|error| Failure::Passing(StorageError::failed(STEP, error)))
}

fn list_url(
    settings: &AzureSettings,
    key: &SharedKey,
    container: &str,
    query: &ListQuery,
) -> Result<url::Url, StorageError> {
    let protocol = match settings.endpoint.scheme() {
        "http" => SasProtocol::HttpsAndHttp,
        _ => SasProtocol::Https,
    };
    let signature = service_sas(
        key,
        SasResource::Container { container },
        &own_terms("l", protocol),
    );
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
