//! What images and suggestions share of OpenAI's API and of those that speak it: addressing,
//! credentials, sending, retrying, and reading errors.

mod address;
mod authorization;
mod body;
mod failure;
mod models;
mod policy;
mod retry;

use crate::credentials::Credentials;
use authorization::{Sent, Tokens};
use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::time::Instant;
use url::Url;

pub use address::{ApiCall, Endpoint};
pub use authorization::ApiCredential;
pub use body::{AnswerBody, ReadAnswer, WholeBody};
pub use failure::UpstreamError;
pub use models::ModelEnd;
pub use policy::{AfterTimeout, SendPolicy};

/// The public API.
pub const DEFAULT_BASE_URL: &str = "https://api.openai.com/v1";

/// The part of an error's body that is read: an error is a few sentences, a web page may be long.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The encoding of answers that we read. Without a word about it a proxy in between may compress.
const PLAIN: &str = "identity";

/// Where the upstream is and how to speak to it.
#[derive(Debug, Clone)]
pub struct OpenAiSettings {
    /// Which service, and where.
    pub endpoint: Endpoint,
    /// What opens its door.
    pub credential: ApiCredential,
    /// Sent as `OpenAI-Organization`.
    pub organization: Option<String>,
    /// Wait before the first retry; doubled each time, at most 8 s (the official client's values).
    pub first_retry_delay: Duration,
    /// How long the body of an error is read: its status is known, and says enough alone.
    pub error_body_timeout: Duration,
}

/// An answer of the upstream.
#[derive(Debug)]
pub struct UpstreamAnswer<T> {
    /// What the reader made of its body.
    pub value: T,
    /// The upstream's request id.
    pub request_id: Option<String>,
    /// How often the call was sent.
    pub attempts: u32,
}

/// A call that failed for good.
#[derive(Debug, thiserror::Error)]
#[error("the call failed after {attempts} attempts (upstream request id {})", request_id.as_deref().unwrap_or("none"))]
pub struct FailedCall {
    /// Why.
    #[source]
    pub error: UpstreamError,
    /// How often the call was sent.
    pub attempts: u32,
    /// The upstream's request id, where it gave one.
    pub request_id: Option<String>,
    /// Whether any of the attempts may have been paid for.
    pub maybe_paid: bool,
}

/// A client of one upstream.
#[derive(Debug, Clone)]
pub struct OpenAiClient {
    http: reqwest::Client,
    settings: OpenAiSettings,
    tokens: Option<Tokens>,
}

impl OpenAiClient {
    /// A client over the shared HTTP client. Where the settings want Entra ID tokens, they come
    /// from `credentials`; without them calls go out with nothing that opens a door.
    #[must_use]
    pub fn new(
        http: reqwest::Client,
        settings: OpenAiSettings,
        credentials: Option<&Arc<Credentials>>,
    ) -> Self {
        Self {
            tokens: Tokens::of(&settings, credentials),
            http,
            settings,
        }
    }

    /// The upstream's address, for those who may fetch from it what it names.
    #[must_use]
    pub fn base_url(&self) -> &Url {
        self.settings.endpoint.base_url()
    }

    /// Whether `model` belongs in a call's body or is part of its address already.
    #[must_use]
    pub fn names_model_in_body(&self) -> bool {
        self.settings.endpoint.names_model_in_body()
    }

    /// Sends a JSON body and has the answer read, with retries until the policy's token is
    /// cancelled.
    ///
    /// # Errors
    /// [`FailedCall`] with the last failure.
    pub async fn post<R: ReadAnswer>(
        &self,
        call: ApiCall,
        model: &str,
        body: &serde_json::Value,
        policy: SendPolicy<'_>,
        reader: &R,
    ) -> Result<UpstreamAnswer<R::Output>, FailedCall> {
        let url = self.settings.endpoint.url(call, model);
        let body = Bytes::from(body.to_string());
        let (mut sent, mut tries, mut maybe_paid) = (Sent::default(), 0, false);
        loop {
            let request = self
                .http
                .post(url.clone())
                .header("content-type", "application/json")
                .header("accept", reader.accepts())
                .header(ACCEPT_ENCODING, PLAIN)
                .body(body.clone());
            tries += 1;
            let deadline = policy.attempt_deadline(tries);
            let attempt = self.attempt(request, deadline, policy, &mut sent, reader);
            let failure = match attempt.await {
                Ok((value, request_id)) => {
                    return Ok(UpstreamAnswer {
                        value,
                        request_id,
                        attempts: sent.attempts,
                    });
                }
                Err(failure) => failure,
            };
            maybe_paid |= failure.is_in_success || !failure.error.surely_cost_nothing();
            let wait = retry::wait_before_next(&failure, tries, &self.settings, policy);
            if let Some(wait) = wait {
                tracing::info!(attempts = sent.attempts, error = %failure.error, wait_ms = wait.as_millis(), "upstream call is to be sent again");
                if policy.wait(wait).await.is_ok() {
                    continue;
                }
            }
            return Err(FailedCall {
                error: self.without_secrets(failure.error, &sent),
                attempts: sent.attempts,
                request_id: failure.request_id,
                maybe_paid,
            });
        }
    }

    /// Asks for the model list, which costs nothing: whether the address is right, the service
    /// there and the key accepted. A server that has no such list is taken as ready. Gives the
    /// listed models that have an end.
    ///
    /// # Errors
    /// [`UpstreamError`] with the reason why not.
    pub async fn check(&self, deadline: Instant) -> Result<Vec<ModelEnd>, UpstreamError> {
        let request = self
            .http
            .get(self.settings.endpoint.url(ApiCall::Models, ""));
        let mut sent = Sent::default();
        let response = self.send(request, deadline, None, &mut sent).await;
        let response = response.map_err(|failure| failure.error)?;
        let status = response.status();
        match status.as_u16() {
            401 | 403 => Err(UpstreamError::Misconfigured {
                reason: "it refused the credentials",
                status: status.as_u16(),
            }),
            500.. => Err(UpstreamError::ServerFault {
                status: status.as_u16(),
                retry_after: None,
            }),
            200..300 => {
                let ends = tokio::time::timeout_at(deadline, models::read_ends(response));
                Ok(ends.await.unwrap_or_default())
            }
            _ => Ok(Vec::new()),
        }
    }

    async fn attempt<R: ReadAnswer>(
        &self,
        request: reqwest::RequestBuilder,
        deadline: Instant,
        policy: SendPolicy<'_>,
        sent: &mut Sent,
        reader: &R,
    ) -> Result<(R::Output, Option<String>), retry::Failure> {
        let SendPolicy {
            latest, canceled, ..
        } = policy;
        let response = self.send(request, deadline, canceled, sent).await?;
        let status = response.status();
        let request_id = request_id(response.headers());
        let (outcome, hints) = if status.is_success() {
            let outcome = read_success(response, deadline, latest, reader).await;
            (outcome, retry::RetryHints::default())
        } else {
            let hints = retry::RetryHints::of(response.headers());
            let deadline = deadline.min(Instant::now() + self.settings.error_body_timeout);
            let body = read_error(AnswerBody::new(response, deadline, latest)).await;
            (Err(failure::of_answer(status.as_u16(), &body)), hints)
        };
        match outcome {
            Ok(value) => Ok((value, request_id)),
            Err(error) => Err(retry::Failure {
                error: retry::with_retry_after(error, hints),
                hints,
                request_id,
                is_in_success: status.is_success(),
            }),
        }
    }
}

/// Ends a step at the deadline.
async fn within<T>(
    deadline: Instant,
    step: impl Future<Output = Result<T, retry::Failure>>,
) -> Result<T, retry::Failure> {
    tokio::time::timeout_at(deadline, step)
        .await
        .unwrap_or_else(|_| Err(retry::Failure::without_answer(UpstreamError::TimedOut)))
}

async fn read_success<R: ReadAnswer>(
    response: reqwest::Response,
    deadline: Instant,
    latest: Instant,
    reader: &R,
) -> Result<R::Output, UpstreamError> {
    let encoding = response.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != PLAIN) {
        return Err(UpstreamError::Malformed {
            reason: "it is compressed, which was not asked for",
        });
    }
    let mut body = AnswerBody::new(response, deadline, latest);
    reader.read(&mut body).await
}

/// What there is of an error's body: its status alone says enough when it breaks off.
async fn read_error(mut body: AnswerBody) -> Vec<u8> {
    let mut read = Vec::new();
    while let Ok(Some(piece)) = body.next_piece().await
        && read.len() < MAX_ERROR_BYTES
    {
        read.extend_from_slice(&piece);
    }
    read.truncate(MAX_ERROR_BYTES);
    read
}

/// `x-request-id` at OpenAI, `apim-request-id` at Azure.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers
        .get("x-request-id")
        .or_else(|| headers.get("apim-request-id"))?;
    let id = id.to_str().ok()?;
    Some(id.chars().take(128).collect())
}
