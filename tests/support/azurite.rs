//! Where the test command has started Azurite, and its published account.
#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::panic, clippy::unwrap_used, clippy::disallowed_methods)] // the test command tells by the environment

use visionary::{sas::SharedKey, storage::azure::AzureAccess};

/// Azurite's one account.
pub const ACCOUNT: &str = "devstoreaccount1";

/// Its published key.
pub const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// What opens it.
pub fn access() -> AzureAccess {
    AzureAccess::Key(SharedKey::from_base64(ACCOUNT, KEY).unwrap())
}

/// `http://127.0.0.1:PORT/devstoreaccount1`. Where there is none, the test fails and says why.
pub fn endpoint() -> String {
    read_endpoint("VISIONARY_TEST_AZURITE", "http://127.0.0.1:")
}

/// The same of the one that takes tokens: `https://127.0.0.1:PORT/devstoreaccount1`, with a
/// certificate that [`https_client`] takes.
pub fn https_endpoint() -> String {
    read_endpoint("VISIONARY_TEST_AZURITE_HTTPS", "https://127.0.0.1:")
}

/// A client for it.
pub fn https_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .tls_danger_accept_invalid_certs(true)
        .build()
        .unwrap()
}

fn read_endpoint(variable: &str, start: &str) -> String {
    match std::env::var(variable) {
        Ok(endpoint) if endpoint.starts_with(start) => endpoint,
        Ok(reason) => panic!(
            "there is no Azurite: {}",
            reason.trim_start_matches("missing: ")
        ),
        Err(_) => panic!("there is no Azurite: run `cargo xtask test`, which starts one"),
    }
}

/// A connection string for it.
pub fn connection_string() -> String {
    let endpoint = endpoint();
    format!(
        "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};"
    )
}

/// A container name that no other test has.
pub fn new_container(purpose: &str) -> String {
    format!("{purpose}-{}", uuid::Uuid::new_v4().simple())
}
