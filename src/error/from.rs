//! Every capability's errors as answers, one exhaustive match each.

use super::ApiError;
use crate::{
    gallery::{CursorError, InvalidImageId},
    images::{GenerationError, InvalidGpuSampleRequest, InvalidOption, is_field_of_providers},
    limits::{Limit, Refusal, TooMany},
    openai::UpstreamError,
    operations::{Destination, FinishedOperation, OperationError, Parcel, Payment},
    picture_json::PictureJson,
    prompt::Prompt,
    storage::{StorageError, directory::RejectedFile},
    suggestions::SuggestionError,
};
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

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
            InvalidGpuSampleRequest::NoPrompt => {
                let allowed = format!("a text of 1 to {} characters", Prompt::MAX_CHARACTERS);
                Self::missing(&error.to_string(), "prompt", &allowed)
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
        GenerationError::Canceled => of_operation(&OperationError::Canceled {
            payment: Payment::None,
        }),
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

impl From<OperationError> for ApiError {
    fn from(error: OperationError) -> Self {
        let answer = of_operation(&error);
        match error {
            OperationError::Generation(cause) => answer.with_cause(cause),
            OperationError::StateUnavailable(cause) => answer.with_cause(cause),
            OperationError::NotStored {
                finished,
                unstored,
                source,
            } => with_unstored(answer, &finished, unstored).with_cause(source),
            OperationError::Crashed => answer.with_cause(error),
            _ => answer,
        }
    }
}

/// The problem document of a failure that is written down, for a caller who asks later: without
/// pictures, which nobody keeps.
#[must_use]
pub fn describe(error: &OperationError) -> Value {
    of_operation(error).problem().into()
}

fn of_operation(error: &OperationError) -> ApiError {
    let sentence = |status, code, detail: &str| ApiError::new(status, code, detail);
    let answer = match error {
        OperationError::Invalid(error) => error.clone().into(),
        OperationError::Busy { retry_after } => sentence(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_generations",
            "too many images are being generated; try again soon",
        )
        .with_retry_after(*retry_after),
        OperationError::Limited(refusal) => limited(refusal),
        OperationError::StateUnavailable(_) => sentence(
            StatusCode::BAD_GATEWAY,
            "storage_error",
            "the store cannot be reached or failed; nothing was sent to the image provider",
        ),
        OperationError::KeyReused => sentence(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "the idempotency key was used for another request within the last 24 hours",
        )
        .with("field", IDEMPOTENCY_KEY)
        .with("allowed", "a new key, or the same request as before"),
        OperationError::FirstStillRunning { retry_after, .. } => sentence(
            StatusCode::CONFLICT,
            "idempotency_key_in_use",
            "the first request with this idempotency key is still at work",
        )
        .with_retry_after(*retry_after),
        OperationError::FirstFailed { problem, .. } => ApiError::of_problem(problem),
        OperationError::NotKept => sentence(
            StatusCode::CONFLICT,
            "result_not_kept",
            "the first request with this idempotency key got its images, and they were not kept",
        ),
        OperationError::Generation(error) => of_generation(error),
        OperationError::NotStored { .. } => sentence(
            StatusCode::BAD_GATEWAY,
            "storage_error",
            "the image was generated but could not be stored",
        ),
        OperationError::StillRunning { destination, .. } => still_running(*destination),
        OperationError::Canceled { payment } => canceled(*payment),
        OperationError::Interrupted { payment } => interrupted(*payment),
        OperationError::Unreadable => sentence(
            StatusCode::INTERNAL_SERVER_ERROR,
            "state_unreadable",
            "what is remembered of the operation cannot be read; its images may have been paid \
                for, and with retryPaid they are made, and maybe paid for, again",
        ),
        OperationError::Crashed => ApiError::internal(),
    };
    match error.operation() {
        Some(id) => answer.with("operationId", id.as_str()),
        None => answer,
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        limited(&refusal)
    }
}

impl From<TooMany> for ApiError {
    fn from(error: TooMany) -> Self {
        let detail =
            "too many whole lists are being sent; try again soon, or ask for pages with limit";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_lists", detail)
            .with("field", "limit")
            .with(
                "allowed",
                "1 to 1000, with the nextCursor of the page before",
            )
            .with_retry_after(error.retry_after)
    }
}

fn limited(refusal: &Refusal) -> ApiError {
    let (code, detail) = match refusal.limit {
        Limit::Caller => (
            "rate_limited",
            "this caller has asked for as much as a minute allows; try again when retryAfter is over",
        ),
        Limit::Instance => (
            "rate_limited",
            "the service is asked for more than it does in a minute; try again when retryAfter is over",
        ),
        Limit::Day => (
            "budget_exhausted",
            "the service has made as many images as it may in a day; there are more after midnight UTC",
        ),
    };
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
        .with("limit", refusal.limit.name())
        .with_retry_after(refusal.retry_after)
}

/// All pictures that are paid for and nowhere else.
fn with_unstored(answer: ApiError, finished: &FinishedOperation, lost: Vec<Parcel>) -> ApiError {
    let mut pictures = PictureJson::default();
    let mut lost = lost.into_iter().map(|parcel| {
        let image = parcel.picture;
        let content_type = image.format.content_type();
        (pictures.add(image.bytes), content_type)
    });
    let (first, content_type) = lost.next().unwrap_or_default();
    let others: Vec<Value> = lost
        .map(|(picture, kind)| json!({ "b64_json": picture, "contentType": kind }))
        .collect();
    let stored = finished.images.iter();
    let stored: Vec<Value> = stored
        .filter_map(|image| image.stored.as_ref())
        .map(|image| json!({ "id": image.id(), "name": image.name }))
        .collect();
    let detail = "the image was generated but could not be stored; it is in this answer";
    answer
        .saying(detail)
        .with("b64_json", first)
        .with("contentType", content_type)
        .with("otherImages", others)
        .with("stored", stored)
        .with_pictures(pictures)
}

fn still_running(destination: Destination) -> ApiError {
    let (code, detail) = match destination {
        Destination::Gallery | Destination::GalleryAndCaller => (
            "still_running",
            "the images take longer than a request can last; \
                the operation goes on, and they will be in the gallery when they are done",
        ),
        Destination::Caller => (
            "deadline_exceeded",
            "the image takes longer than a request can last and is not kept",
        ),
    };
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, code, detail)
}

fn canceled(payment: Payment) -> ApiError {
    let detail = match payment {
        Payment::None => "the operation was canceled before the provider was asked",
        Payment::Possible => {
            "the operation was canceled after the provider was asked: it cannot be called back \
                and may charge for the images, which go to the gallery when they come"
        }
    };
    ApiError::new(StatusCode::CONFLICT, "canceled", detail)
}

fn interrupted(payment: Payment) -> ApiError {
    let detail = match payment {
        Payment::None => {
            "the processes that worked on the operation were lost before the provider was asked"
        }
        Payment::Possible => {
            "the process that worked on the operation was lost after the provider was asked: the \
                images may have been paid for; with retryPaid they are made, and maybe paid for, again"
        }
    };
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "interrupted", detail)
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
