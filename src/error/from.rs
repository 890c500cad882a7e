//! Every capability's errors as answers, one exhaustive match each.

mod limits;
mod operations;

use super::ApiError;
use crate::{
    gallery::{CursorError, InvalidImageId},
    images::{GenerationError, InvalidGpuSampleRequest, InvalidOption, is_field_of_providers},
    openai::UpstreamError,
    operations::Payment,
    prompt::Prompt,
    storage::{StorageError, directory::RejectedFile},
    suggestions::SuggestionError,
};
use axum::http::StatusCode;
use operations::canceled;
use std::{sync::Arc, time::Duration};

pub use operations::describe;

/// The request header that names a key.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

const NO_IMAGE: &str = "there is no such image";

/// For limits of the upstream that do not say when they end.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(20);

impl From<InvalidOption> for ApiError {
    fn from(error: InvalidOption) -> Self {
        Self::invalid(&error.field, &error.problem, &error.allowed)
    }
}

impl From<InvalidGpuSampleRequest> for ApiError {
    fn from(error: InvalidGpuSampleRequest) -> Self {
        match error {
            InvalidGpuSampleRequest::NoPrompt { .. } => {
                let allowed = format!("a text of 1 to {} characters", Prompt::MAX_CHARACTERS);
                Self::missing(&error.to_string(), "prompt", &allowed).logged_as("prompt is missing")
            }
            InvalidGpuSampleRequest::Option(error) => error.into(),
        }
    }
}

impl From<CursorError> for ApiError {
    fn from(error: CursorError) -> Self {
        match error {
            CursorError::Invalid => Self::invalid(
                "cursor",
                "is not one of ours",
                "the nextCursor of an earlier answer",
            ),
            CursorError::Storage(error) => error.into(),
        }
    }
}

impl From<InvalidImageId> for ApiError {
    fn from(_: InvalidImageId) -> Self {
        Self::not_found(NO_IMAGE)
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        of_storage(&error, "there is no such file").with_cause(error)
    }
}

/// Of a failure that several requests share.
impl From<Arc<StorageError>> for ApiError {
    fn from(error: Arc<StorageError>) -> Self {
        of_storage(&error, "there is no such file").with_cause(error)
    }
}

impl ApiError {
    /// What became of asking for one image.
    #[must_use]
    pub fn of_image(error: impl Into<Arc<StorageError>>) -> Self {
        let error = error.into();
        of_storage(&error, NO_IMAGE).with_cause(error)
    }
}

fn of_storage(error: &StorageError, nothing_there: &'static str) -> ApiError {
    let detail = match error {
        StorageError::NotFound | StorageError::InvalidName { .. } => {
            return ApiError::not_found(nothing_there);
        }
        StorageError::Denied { .. } => "the image store refused this service's credentials",
        StorageError::CannotSign => "the image store cannot make such a signature",
        StorageError::AlreadyExists
        | StorageError::Changed
        | StorageError::TooLarge { .. }
        | StorageError::Failed { .. } => "the image store cannot be reached or failed",
    };
    ApiError::new(StatusCode::BAD_GATEWAY, "storage_error", detail)
}

impl From<RejectedFile> for ApiError {
    fn from(error: RejectedFile) -> Self {
        match error {
            RejectedFile::Signature(rejection) => Self::forbidden(&rejection.to_string()),
            RejectedFile::Storage(error) => error.into(),
        }
    }
}

impl From<GenerationError> for ApiError {
    fn from(error: GenerationError) -> Self {
        of_generation(&error).with_cause(error)
    }
}

fn of_generation(error: &GenerationError) -> ApiError {
    match error {
        GenerationError::Upstream {
            error,
            attempts,
            upstream_request_id,
            ..
        } => {
            let answer = of_upstream(error).with("attemptCount", *attempts);
            match upstream_request_id {
                Some(id) => answer.with("upstreamRequestId", id.as_str()),
                None => answer,
            }
        }
        GenerationError::Painter(_) => ApiError::internal(),
        GenerationError::Canceled => canceled(Payment::None),
    }
}

impl From<UpstreamError> for ApiError {
    fn from(error: UpstreamError) -> Self {
        of_upstream(&error).with_cause(error)
    }
}

fn of_upstream(error: &UpstreamError) -> ApiError {
    let bad_gateway = |code, detail: &str| ApiError::new(StatusCode::BAD_GATEWAY, code, detail);
    match error {
        UpstreamError::Refused { categories } => {
            let detail = "the image provider's content policy refused the prompt";
            ApiError::new(StatusCode::BAD_REQUEST, "content_policy_violation", detail)
                .with("categories", categories.clone())
        }
        UpstreamError::InvalidRequest { message, parameter } => {
            let sentence = "the image provider does not accept the request";
            let detail = match message.as_str() {
                "" => sentence.to_owned(),
                quote => format!("{sentence}: {quote}"),
            };
            let answer = ApiError::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
                .logged_as(sentence);
            match parameter {
                Some(parameter) if is_field_of_providers(parameter) => {
                    answer.with("field", parameter.as_str())
                }
                _ => answer,
            }
        }
        UpstreamError::ModelNotFound => bad_gateway(
            "model_not_found",
            "the image provider has no such model or deployment",
        ),
        UpstreamError::Misconfigured { .. } => bad_gateway(
            "upstream_misconfigured",
            "the image provider refused this service; its operator has to look at the settings",
        ),
        UpstreamError::NoToken(_) => bad_gateway(
            "upstream_misconfigured",
            "this service could not sign in to the image provider, so nothing was sent to it; \
                its operator has to look at its identity",
        ),
        UpstreamError::RateLimited {
            retry_after,
            quota_is_spent,
        } => rate_limited(*retry_after, *quota_is_spent),
        UpstreamError::ServerFault { retry_after, .. } => {
            let answer = bad_gateway("upstream_error", "the image provider failed");
            match retry_after {
                Some(wait) => answer.with_retry_after(*wait),
                None => answer,
            }
        }
        UpstreamError::Unreachable(_) => bad_gateway(
            "upstream_unreachable",
            "the image provider cannot be reached",
        ),
        UpstreamError::Broken(_) => {
            bad_gateway("upstream_error", "the image provider's answer broke off")
        }
        UpstreamError::Malformed { .. } => bad_gateway(
            "upstream_error",
            "the image provider's answer cannot be used",
        ),
        UpstreamError::TimedOut => ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            "deadline_exceeded",
            "the image provider did not answer in time",
        ),
    }
}

fn rate_limited(retry_after: Option<Duration>, quota_is_spent: bool) -> ApiError {
    let (code, detail) = if quota_is_spent {
        ("insufficient_quota", "the image provider's quota is spent")
    } else {
        (
            "rate_limit_exceeded",
            "the image provider's rate limit is reached",
        )
    };
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
        .with_retry_after(retry_after.unwrap_or(DEFAULT_RETRY_AFTER))
}

impl From<SuggestionError> for ApiError {
    fn from(error: SuggestionError) -> Self {
        let detail = "the language model gave no suggestion";
        let answer = Self::new(StatusCode::BAD_GATEWAY, "upstream_error", detail);
        match error {
            SuggestionError::Upstream(call) => answer.with_cause(call),
            SuggestionError::Unusable { .. } => answer.with_cause(error),
        }
    }
}
