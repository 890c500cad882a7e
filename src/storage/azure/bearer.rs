//! Requests under a Microsoft Entra ID token instead of an account key. A token that is refused
//! (401) is asked for anew, once for each request; a token never goes over http to another
//! machine.

use super::{failure::Failure, retry::pass_on, transport::io_error};
use crate::credentials::{AccessToken, CredentialError, Credentials};
use async_trait::async_trait;
use azure_core::{
    Context, Policy, PolicyResult, Request, StatusCode,
    error::{Error, ErrorKind},
    headers::AUTHORIZATION,
};
use reqwest::{RequestBuilder, header};
use secrecy::ExposeSecret;
use std::sync::Arc;
use url::{Host, Url};

/// Tokens for every storage account, in every cloud.
const SCOPE: &str = "https://storage.azure.com/.default";

/// Whether a token may be sent there: over https, or to this very machine.
#[must_use]
pub fn may_carry_token(endpoint: &Url) -> bool {
    let is_loopback = match endpoint.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    endpoint.scheme() == "https" || is_loopback
}

/// Puts tokens on requests. In the crate's pipeline it stands behind the repetitions, so that
/// each attempt has a token that is good, within the time for all of them.
#[derive(Debug, Clone)]
pub(super) struct Bearer(pub Arc<Credentials>);

impl Bearer {
    async fn token(&self, url: &Url) -> Result<AccessToken, CredentialError> {
        match may_carry_token(url) {
            true => self.0.token(SCOPE).await,
            false => Err(CredentialError {
                credential: self.0.describe().to_owned(),
                reason: "a token is not sent over http to another machine".to_owned(),
            }),
        }
    }

    /// Sends what `prepare` makes, with a token, and with another one where that is refused.
    ///
    /// # Errors
    /// [`Failure`] without an answer or without a token.
    pub async fn send(
        &self,
        url: &Url,
        prepare: impl Fn() -> RequestBuilder + Send + Sync,
    ) -> Result<reqwest::Response, Failure> {
        let broken = |error| Failure::Broken(io_error(error));
        let token = self.token(url).await.map_err(Failure::NoToken)?;
        let request = authorize_builder(prepare(), &token);
        let response = request.send().await.map_err(broken)?;
        if response.status() != reqwest::StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.0.refused(SCOPE, &token).await;
        let token = self.token(url).await.map_err(Failure::NoToken)?;
        let request = authorize_builder(prepare(), &token);
        request.send().await.map_err(broken)
    }
}

fn authorize_builder(request: RequestBuilder, token: &AccessToken) -> RequestBuilder {
    request.header(header::AUTHORIZATION, token.bearer().expose_secret())
}

#[async_trait]
impl Policy for Bearer {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let token = self.token(request.url()).await.map_err(no_token)?;
        authorize(request, &token);
        let response = pass_on(context, request, next).await?;
        if response.status() != StatusCode::Unauthorized {
            return Ok(response);
        }
        self.0.refused(SCOPE, &token).await;
        let token = self.token(request.url()).await.map_err(no_token)?;
        authorize(request, &token);
        pass_on(context, request, next).await
    }
}

fn authorize(request: &mut Request, token: &AccessToken) {
    let value = token.bearer().expose_secret().to_owned();
    request.insert_header(AUTHORIZATION, value);
}

fn no_token(error: CredentialError) -> Error {
    Error::new(ErrorKind::Credential, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_https_or_stays_on_this_machine() {
        for (endpoint, may) in [
            ("https://acct.blob.core.windows.net", true),
            ("https://10.0.0.4/acct", true),
            ("http://127.0.0.1:10000/devstoreaccount1", true),
            ("http://localhost:10000/devstoreaccount1", true),
            ("http://[::1]:10000/devstoreaccount1", true),
            ("http://acct.blob.core.windows.net", false),
            ("http://10.0.0.4:10000/devstoreaccount1", false),
            ("http://azurite:10000/devstoreaccount1", false),
            ("http://localhost.example.com", false),
        ] {
            assert_eq!(
                may_carry_token(&endpoint.parse().unwrap()),
                may,
                "{endpoint}"
            );
        }
    }
}
