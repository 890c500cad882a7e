//! How calls show who sends them: a key, an Entra ID token that is renewed once when it is
//! refused, or nothing.

use super::{Endpoint, OpenAiClient, OpenAiSettings, UpstreamError, retry::Failure, within};
use crate::credentials::{AccessToken, CredentialError, Credentials};
use reqwest::{
    RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What opens the upstream's door.
#[derive(Debug, Clone)]
pub enum ApiCredential {
    /// Nothing: servers on one's own machine often need none.
    None,
    /// Its key.
    Key(SecretString),
    /// Tokens of this process's identity.
    Entra {
        /// What they are for, such as `https://cognitiveservices.azure.com/.default`.
        scope: String,
    },
}

/// Where tokens come from, and what for.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    credentials: Arc<Credentials>,
    scope: String,
}

impl Tokens {
    pub fn of(settings: &OpenAiSettings, credentials: Option<&Arc<Credentials>>) -> Option<Self> {
        let ApiCredential::Entra { scope } = &settings.credential else {
            return None;
        };
        Some(Self {
            credentials: credentials?.clone(),
            scope: scope.clone(),
        })
    }

    /// A token; one in the place of `refused`, where there is one.
    async fn take(
        &self,
        refused: Option<&AccessToken>,
        deadline: Instant,
    ) -> Result<AccessToken, UpstreamError> {
        let taken = async {
            if let Some(token) = refused {
                self.credentials.refused(&self.scope, token).await;
            }
            self.credentials.token(&self.scope).await
        };
        let taken = tokio::time::timeout_at(deadline, taken).await;
        taken
            .unwrap_or_else(|_| Err(self.gave_none("none came within the call's time")))
            .map_err(UpstreamError::NoToken)
    }

    fn gave_none(&self, reason: &str) -> CredentialError {
        CredentialError {
            credential: self.credentials.describe().to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// What one call has sent so far, repetitions included.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// How often.
    pub attempts: u32,
    /// The token that it showed last.
    token: Option<AccessToken>,
    has_renewed: bool,
}

impl OpenAiClient {
    /// Sends a request with what opens the door. A token that is refused is renewed and the
    /// request sent once more, once in a call and not when nobody wants the call any more: a 401
    /// costs nothing, and an answer in time is all that its caller sees.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        deadline: Instant,
        canceled: Option<&CancellationToken>,
        sent: &mut Sent,
    ) -> Result<Response, Failure> {
        let again = request.try_clone();
        let response = self.send_once(request, deadline, None, sent).await?;
        let is_wanted = !canceled.is_some_and(CancellationToken::is_cancelled);
        let is_refused = response.status() == StatusCode::UNAUTHORIZED;
        match (again, sent.token.take()) {
            (Some(again), Some(token)) if is_refused && is_wanted && !sent.has_renewed => {
                tracing::info!("a token was refused; the call is sent again with a new one");
                drop(response);
                sent.has_renewed = true;
                self.send_once(again, deadline, Some(&token), sent).await
            }
            (_, token) => {
                sent.token = token;
                Ok(response)
            }
        }
    }

    async fn send_once(
        &self,
        request: RequestBuilder,
        deadline: Instant,
        refused: Option<&AccessToken>,
        sent: &mut Sent,
    ) -> Result<Response, Failure> {
        if let Some(tokens) = &self.tokens {
            let taken = tokens.take(refused, deadline).await;
            sent.token = Some(taken.map_err(Failure::without_answer)?);
        }
        sent.attempts += 1;
        let request = request.headers(self.headers(sent.token.as_ref()));
        within(deadline, async {
            request.send().await.map_err(Failure::connection)
        })
        .await
    }

    /// A sentence that repeats the key or the token goes to nobody, whatever it looks like.
    pub(super) fn without_secrets(&self, error: UpstreamError, sent: &Sent) -> UpstreamError {
        let repeats_secret = |message: &str| match &self.settings.credential {
            ApiCredential::Key(key) => message.contains(key.expose_secret()),
            ApiCredential::Entra { .. } => {
                let token = sent.token.as_ref();
                token.is_some_and(|token| token.is_in(message))
            }
            ApiCredential::None => false,
        };
        match error {
            UpstreamError::InvalidRequest { message, parameter } if repeats_secret(&message) => {
                UpstreamError::InvalidRequest {
                    message: String::new(),
                    parameter,
                }
            }
            error => error,
        }
    }

    /// The one place where the key or a token is opened to be sent; never both.
    fn headers(&self, token: Option<&AccessToken>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let shown = match (&self.settings.credential, &self.settings.endpoint) {
            (ApiCredential::None, _) => None,
            (ApiCredential::Entra { .. }, _) => {
                token.map(|token| (AUTHORIZATION, token.bearer().expose_secret().to_owned()))
            }
            (ApiCredential::Key(key), Endpoint::OpenAi { .. }) => {
                Some((AUTHORIZATION, format!("Bearer {}", key.expose_secret())))
            }
            (
                ApiCredential::Key(key),
                Endpoint::AzureDeployments { .. } | Endpoint::AzureV1 { .. },
            ) => {
                let name = HeaderName::from_static("api-key");
                Some((name, key.expose_secret().to_owned()))
            }
        };
        let shown = shown.map(|(name, value)| (name, HeaderValue::from_str(&value)));
        if let Some((name, Ok(mut value))) = shown {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let organization = self.settings.organization.as_deref();
        if let Some(Ok(organization)) = organization.map(HeaderValue::from_str) {
            headers.insert("openai-organization", organization);
        }
        headers
    }
}
