//! Every capability's errors as answers, one exhaustive match each.

use super::ApiError;
use crate::{
    gallery::InvalidCursor,
    images::{GenerationError, InvalidGpuSampleRequest, InvalidOption, is_field_of_providers},
    openai::UpstreamError,
    operations::{Destination, OperationError},
    picture_json::PictureJson,
    prompt::Prompt,
    storage::{StorageError, directory::RejectedFile},
    suggestions::SuggestionError,
};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

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
            InvalidGpuSampleRequest::NoPrompt => {
                let allowed = format!("a text of 1 to {} characters", Prompt::MAX_CHARACTERS);
                Self::missing(&error.to_string(), "prompt", &allowed)
            }
            InvalidGpuSampleRequest::Option(error) => error.into(),
        }
    }
}

impl From<InvalidCursor> for ApiError {
    fn from(_: InvalidCursor) -> Self {
        Self::invalid(
            "cursor",
            "is not one of ours",
            "the nextCursor of an earlier answer",
        )
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        let bad_gateway = StatusCode::BAD_GATEWAY;
        let detail = match &error {
            StorageError::NotFound => return Self::not_found("there is no such file"),
            StorageError::InvalidName { .. } => {
                return Self::not_found("there is no such file").with_cause(error);
            }
            StorageError::Denied { .. } => "the image store refused this service's credentials",
            StorageError::CannotSign => "the image store cannot make such a signature",
            StorageError::AlreadyExists | StorageError::Changed | StorageError::Failed { .. } => {
                "the image store cannot be reached or failed"
            }
        };
        Self::new(bad_gateway, "storage_error", detail).with_cause(error)
    }
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
        match error {
            GenerationError::Upstream {
                error,
                attempts,
                upstream_request_id,
            } => {
                let answer = Self::from(error).with("attemptCount", attempts);
                match upstream_request_id {
                    Some(id) => answer.with("upstreamRequestId", id),
                    None => answer,
                }
            }
            GenerationError::Painter(cause) => Self::internal().with_cause(cause),
            GenerationError::Canceled => {
                let detail = "the generation was canceled before the provider was asked";
                Self::new(StatusCode::CONFLICT, "canceled", detail)
            }
        }
    }
}

impl From<UpstreamError> for ApiError {
    fn from(error: UpstreamError) -> Self {
        let bad_gateway = |code, detail: &str| Self::new(StatusCode::BAD_GATEWAY, code, detail);
        let answer = match &error {
            UpstreamError::Refused { categories } => {
                let detail = "the image provider's content policy refused the prompt";
                Self::new(StatusCode::BAD_REQUEST, "content_policy_violation", detail)
                    .with("categories", categories.clone())
            }
            UpstreamError::InvalidRequest { message, parameter } => {
                let sentence = "the image provider does not accept the request";
                let detail = match message.as_str() {
                    "" => sentence.to_owned(),
                    quote => format!("{sentence}: {quote}"),
                };
                let answer = Self::new(StatusCode::BAD_REQUEST, "invalid_request", detail)
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
            UpstreamError::TimedOut => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "deadline_exceeded",
                "the image provider did not answer in time",
            ),
        };
        answer.with_cause(error)
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

impl From<OperationError> for ApiError {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::Invalid(error) => error.into(),
            OperationError::Busy { retry_after } => {
                let detail = "too many images are being generated; try again soon";
                Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_generations",
                    detail,
                )
                .with_retry_after(retry_after)
            }
            OperationError::Generation(error) => error.into(),
            OperationError::NotStored {
                stored,
                unstored,
                source,
            } => {
                let mut pictures = PictureJson::default();
                let mut lost = unstored.into_iter().map(|parcel| {
                    let image = parcel.picture;
                    let content_type = image.format.content_type();
                    (pictures.add(image.bytes), content_type)
                });
                let (first, content_type) = lost.next().unwrap_or_default();
                let others: Vec<Value> = lost
                    .map(|(picture, kind)| json!({ "b64_json": picture, "contentType": kind }))
                    .collect();
                let stored: Vec<Value> = stored
                    .iter()
                    .filter_map(|image| image.entry.as_ref())
                    .map(|entry| json!({ "id": entry.id, "name": entry.name }))
                    .collect();
                let detail =
                    "the image was generated but could not be stored; it is in this answer";
                Self::new(StatusCode::BAD_GATEWAY, "storage_error", detail)
                    .with("b64_json", first)
                    .with("contentType", content_type)
                    .with("otherImages", others)
                    .with("stored", stored)
                    .with_pictures(pictures)
                    .with_cause(source)
            }
            OperationError::StillRunning { destination } => still_running(destination),
            OperationError::Crashed => Self::internal().with_cause(error),
        }
    }
}

fn still_running(destination: Destination) -> ApiError {
    let (code, detail) = match destination {
        Destination::Gallery | Destination::GalleryAndCaller => (
            "still_running",
            "the images take longer than a request can last; \
                they will be in the gallery when they are done",
        ),
        Destination::Caller => (
            "deadline_exceeded",
            "the image takes longer than a request can last and is not kept",
        ),
    };
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, code, detail)
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
