//! What an error answer means, in the many spellings of OpenAI and Azure: a table of codes, some
//! sentences that come without one, and a table of statuses for the rest.

mod quote;
mod refusal;

use crate::credentials::CredentialError;
use serde_json::Value;
use std::time::Duration;

/// Why the upstream gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The content was refused; the same prompt will be refused again.
    #[error("the request was refused by the provider's content policy")]
    Refused {
        /// What for, as far as the provider says: `violence`, `sexual`, ...
        categories: Vec<String>,
    },
    /// The provider does not take a value of the request.
    #[error("the provider does not accept the request (parameter {})", parameter.as_deref().unwrap_or("not named"))]
    InvalidRequest {
        /// The provider's sentence, shortened, for the caller alone: it may quote the prompt,
        /// so neither this type's `Display` nor the log has it. Empty when it speaks of keys.
        message: String,
        /// The parameter that it names; a plain word.
        parameter: Option<String>,
    },
    /// The model or deployment is not there (any more).
    #[error("the provider has no such model or deployment")]
    ModelNotFound,
    /// Key, address or account are not right; nothing that a caller could mend.
    #[error("the provider is not set up right: {reason} (status {status})")]
    Misconfigured {
        /// What the operator should look at.
        reason: &'static str,
        /// The provider's status.
        status: u16,
    },
    /// Nothing was sent, for there is no token to show.
    #[error("there is no token for the provider")]
    NoToken(#[source] CredentialError),
    /// Too many requests, or no money left.
    #[error("the provider's rate limit is reached")]
    RateLimited {
        /// When to come again, where the provider says so.
        retry_after: Option<Duration>,
        /// The account's quota is spent: coming again soon will not help.
        quota_is_spent: bool,
    },
    /// The provider failed.
    #[error("the provider failed with status {status}")]
    ServerFault {
        /// Its status.
        status: u16,
        /// When to come again, where the provider says so.
        retry_after: Option<Duration>,
    },
    /// No answer in time.
    #[error("the provider did not answer in time")]
    TimedOut,
    /// No connection, or it was lost before an answer began.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The connection was lost in the middle of an answer.
    #[error("the provider's answer broke off")]
    Broken(#[source] reqwest::Error),
    /// The answer is not what the API promises.
    #[error("the provider's answer cannot be used: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl UpstreamError {
    /// Whether the provider surely made nothing that it could charge for: it was not reached, or
    /// turned the request away at its door. A refusal may come from its look at the picture.
    #[must_use]
    pub fn surely_cost_nothing(&self) -> bool {
        match self {
            Self::InvalidRequest { .. }
            | Self::ModelNotFound
            | Self::Misconfigured { .. }
            | Self::NoToken(_)
            | Self::RateLimited { .. } => true,
            Self::Unreachable(error) => error.is_connect(),
            Self::Refused { .. }
            | Self::ServerFault { .. }
            | Self::TimedOut
            | Self::Broken(_)
            | Self::Malformed { .. } => false,
        }
    }

    /// What the `error` of an answer under status 200 means: Azure sends it there at times.
    /// `None` for the empty ones that some servers have beside their pictures.
    #[must_use]
    pub fn in_success(error: &Value) -> Option<Self> {
        let is_empty = match error {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        (!is_empty).then(|| classify(status_within(error), error))
    }
}

/// What an answer that is no success means.
pub(super) fn of_answer(status: u16, body: &[u8]) -> UpstreamError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    // Gateways such as Azure's API Management have no envelope.
    let error = body.get("error").cloned().unwrap_or(body);
    classify(status, &error)
}

/// The error of an answer whose status says success.
pub(super) fn in_success(body: &[u8]) -> Option<UpstreamError> {
    let parsed: Value = serde_json::from_slice(body).ok()?;
    UpstreamError::in_success(parsed.get("error")?)
}

/// What an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Refused,
    NoSuchModel,
    QuotaIsSpent,
    RateLimited,
    Misconfigured(&'static str),
    InvalidRequest,
    ServerFault,
}

const CREDENTIALS: &str = "it refused the credentials";

/// The codes, wherever they stand: in `code`, in Azure's inner error, or in `type`. A code says
/// more than the status that it comes with.
fn meaning_of_code(code: &str) -> Option<Meaning> {
    Some(match code {
        "moderation_blocked" // GPT image models
        | "content_policy_violation" // dall-e, and Azure's images
        | "contentFilter" // Azure's images of 2023, under status 200
        | "content_filter" // Azure's chats
        | "ResponsibleAIPolicyViolation" // Azure's inner error, below a bare "BadRequest"
            => Meaning::Refused,
        "model_not_found" | "DeploymentNotFound" => Meaning::NoSuchModel,
        "OperationNotSupported" => Meaning::Misconfigured("the model does not do such work"),
        "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active"
            => Meaning::QuotaIsSpent,
        "rate_limit_exceeded" => Meaning::RateLimited,
        "invalid_api_key" => Meaning::Misconfigured(CREDENTIALS),
        "unsupported_country_region_territory"
            => Meaning::Misconfigured("it does not serve the country of this service"),
        _ => return None,
    })
}

/// What comes without a code that says it.
fn meaning_of_sentence(status: u16, error: &Parts<'_>) -> Option<Meaning> {
    let says = |words: &str| error.message.contains(words);
    let is_about_model = error.parameter == "model" || (status == 404 && says("model"));
    if matches!(status, 400 | 500) && refusal::is_sentence(error.message) {
        Some(Meaning::Refused)
    } else if error.parameter == "model" && error.code == "invalid_value"
        || is_about_model && (says("does not exist") || says("not found"))
    {
        Some(Meaning::NoSuchModel)
    } else if quote::refuses_key(error.message) {
        Some(Meaning::Misconfigured(CREDENTIALS))
    } else {
        None
    }
}

/// The statuses, for answers that say no more: pages of gateways, codes that nobody knows.
fn meaning_of_status(status: u16) -> Meaning {
    match status {
        300..400 => Meaning::Misconfigured("it sends its callers to another address"),
        400 | 413 | 422 => Meaning::InvalidRequest,
        401 | 407 => Meaning::Misconfigured(CREDENTIALS),
        402 => Meaning::QuotaIsSpent,
        403 => Meaning::Misconfigured("the account may not do this or is blocked"),
        404 | 405 | 410 | 421 => Meaning::Misconfigured("the API does not answer at this address"),
        429 => Meaning::RateLimited,
        _ => Meaning::ServerFault,
    }
}

/// The parts of an error that carry meaning.
struct Parts<'a> {
    code: &'a str,
    inner_code: &'a str,
    kind: &'a str,
    parameter: &'a str,
    message: &'a str,
}

impl<'a> Parts<'a> {
    fn of(error: &'a Value) -> Self {
        let text_of = |value: &'a Value, name| value.get(name).and_then(Value::as_str);
        let text = |name| text_of(error, name).unwrap_or_default();
        let inner_code = refusal::inner_error(error).and_then(|inner| text_of(inner, "code"));
        Self {
            code: text("code"),
            inner_code: inner_code.unwrap_or_default(),
            kind: text("type"),
            parameter: text("param"),
            message: error.as_str().unwrap_or_else(|| text("message")),
        }
    }
}

fn classify(status: u16, error: &Value) -> UpstreamError {
    let parts = Parts::of(error);
    let codes = [parts.code, parts.inner_code, parts.kind];
    let meaning = codes.into_iter().find_map(meaning_of_code);
    let meaning = meaning
        .or_else(|| meaning_of_sentence(status, &parts))
        .unwrap_or_else(|| meaning_of_status(status));
    let limited = |quota_is_spent| UpstreamError::RateLimited {
        retry_after: None,
        quota_is_spent,
    };
    match meaning {
        Meaning::Refused => UpstreamError::Refused {
            categories: refusal::categories(error, parts.message),
        },
        Meaning::NoSuchModel => UpstreamError::ModelNotFound,
        Meaning::QuotaIsSpent => limited(true),
        Meaning::RateLimited => limited(false),
        Meaning::Misconfigured(reason) => UpstreamError::Misconfigured { reason, status },
        Meaning::InvalidRequest => UpstreamError::InvalidRequest {
            message: quote::for_caller(parts.message),
            parameter: quote::word(parts.parameter),
        },
        Meaning::ServerFault => UpstreamError::ServerFault {
            status,
            retry_after: None,
        },
    }
}

/// The status that an error under 200 should have had: some name it in `status` or `code`.
fn status_within(error: &Value) -> u16 {
    let number = |name: &str| match error.get(name)? {
        Value::String(digits) => digits.parse().ok(),
        other => u16::try_from(other.as_u64()?).ok(),
    };
    let named = ["status", "code"].into_iter().find_map(number);
    named
        .filter(|status| (400..600).contains(status))
        .unwrap_or(500)
}

#[cfg(test)]
mod tests;
