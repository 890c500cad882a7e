//! Azure OpenAI: an endpoint, deployments, and a key or this process's identity.

use super::{AZURE_OPENAI, AZURE_TEXT_DEPLOYMENT, Common, OpenAiConfig, read_model, settings};
use crate::{
    config::reader::Reader,
    images::openai::{AZURE_PROVIDER, OpenAiImageSettings},
    openai::{ApiCredential, Endpoint},
};
use url::{Host, Url};

pub(super) const SCOPE: &str = "AZURE_OPENAI_SCOPE";

/// What tokens for Azure OpenAI are for, with the dated versions and with v1.
const DEFAULT_SCOPE: &str = "https://cognitiveservices.azure.com/.default";

/// Half a configuration is a mistake.
pub(super) fn report_missing(reader: &mut Reader<'_>, has_identity: bool) {
    for name in AZURE_OPENAI {
        if reader.is_set(name) {
            continue;
        }
        let problem = match (name == AZURE_OPENAI[1], has_identity) {
            (true, true) => continue,
            (true, false) => {
                "is missing, and there is no identity in its place: set the key, or leave it out \
                and give the app a managed identity (AZURE_TOKEN_CREDENTIALS names other \
                credentials)"
            }
            (false, _) => "is missing (azure-openai needs endpoint and deployment)",
        };
        reader.problem(name, problem);
    }
}

pub(super) fn read(reader: &mut Reader<'_>, common: &Common) -> Option<OpenAiConfig> {
    let endpoint = reader.url("AZURE_OPENAI_ENDPOINT");
    let credential = read_credential(reader);
    let shows_token = matches!(credential, ApiCredential::Entra { .. });
    if shows_token && endpoint.as_ref().is_some_and(is_open_to_listeners) {
        let rule = "must be an https address, since tokens are sent there";
        reader.problem("AZURE_OPENAI_ENDPOINT", rule);
    }
    let version = reader.text(&["OPENAI_API_VERSION"]);
    let is_version = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if version
        .as_deref()
        .is_some_and(|version| !is_version(version))
    {
        reader.problem(
            "OPENAI_API_VERSION",
            "must be v1, or a date such as 2024-10-21",
        );
    }
    let deployment = read_model(reader, "AZURE_OPENAI_DEPLOYMENT_NAME");
    let text_deployment = read_model(reader, AZURE_TEXT_DEPLOYMENT);
    let endpoint = Endpoint::azure(endpoint?, version.as_deref());
    Some(OpenAiConfig {
        upstream: settings(endpoint, credential, None),
        images: OpenAiImageSettings {
            provider: AZURE_PROVIDER,
            model: deployment?,
            timeout: common.timeout,
            download_hosts: common.download_hosts.clone(),
        },
        suggestions: text_deployment.map(|deployment| common.suggestions(deployment)),
    })
}

/// Unencrypted and on another machine.
fn is_open_to_listeners(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() != "https" && !is_loopback
}

/// A key wins: whoever sets one wants it used.
fn read_credential(reader: &mut Reader<'_>) -> ApiCredential {
    let key = reader.header_value(&[AZURE_OPENAI[1]]);
    let scope = reader.text(&[SCOPE]);
    let is_scope = |scope: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:/".contains(&byte);
        scope.ends_with("/.default") && scope.bytes().all(allowed)
    };
    if scope.as_deref().is_some_and(|scope| !is_scope(scope)) {
        let rule = "must be an address with /.default at its end, such as";
        reader.problem(SCOPE, format!("{rule} {DEFAULT_SCOPE}"));
    }
    match key {
        Some(key) => ApiCredential::Key(key.into()),
        None => ApiCredential::Entra {
            scope: scope.unwrap_or_else(|| DEFAULT_SCOPE.to_owned()),
        },
    }
}
