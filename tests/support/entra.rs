//! An identity for the tests: tokens with the words that Azurite reads in them, and a number.
#![allow(dead_code)] // each test binary uses its own part

use async_trait::async_trait;
use azure_core_1::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use time::{Duration, OffsetDateTime};
use visionary::{credentials::Credentials, storage::azure::AzureAccess};

/// Tokens without end, each another one.
pub fn credentials() -> Arc<Credentials> {
    let issued = Arc::new(AtomicUsize::new(0));
    let make = move || {
        let credential = Issuer(issued.clone());
        Ok(Arc::new(credential) as Arc<dyn TokenCredential>)
    };
    Arc::new(Credentials::new("a test's identity", Box::new(make)))
}

/// What opens an account for it.
pub fn access() -> AzureAccess {
    AzureAccess::Identity {
        credentials: credentials(),
        signature_minutes: 30,
    }
}

#[derive(Debug)]
struct Issuer(Arc<AtomicUsize>);

#[async_trait]
impl TokenCredential for Issuer {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core_1::Result<AccessToken> {
        assert_eq!(scopes, ["https://storage.azure.com/.default"]);
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let now = OffsetDateTime::now_utc();
        let token = token(number, now.unix_timestamp());
        Ok(AccessToken::new(token, now + Duration::hours(1)))
    }
}

/// A signed token's form; its signature is a word.
fn token(number: usize, now: i64) -> String {
    let part = |json: Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let tenant = "ab1f708d-50f6-404c-a006-d71b2ac7a606";
    let header = part(json!({"alg": "RS256", "typ": "JWT"}));
    let claims = part(json!({
        "aud": "https://storage.azure.com",
        "iss": format!("https://sts.windows.net/{tenant}/"),
        "iat": now - 60, "nbf": now - 60, "exp": now + 3600,
        "oid": "11059fcc-5514-4800-b5f8-49808b9cfab6", "tid": tenant,
        "jti": number.to_string(),
    }));
    format!("{header}.{claims}.signature")
}
