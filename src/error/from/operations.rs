//! What becomes of an operation that does not succeed, for those who wait and those who ask later.

use super::{ApiError, IDEMPOTENCY_KEY, limits::limited, of_generation};
use crate::{
    operations::{Destination, FinishedOperation, OperationError, Parcel, Payment},
    picture_json::PictureJson,
};
use axum::http::StatusCode;
use serde_json::{Value, json};

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

pub(super) fn canceled(payment: Payment) -> ApiError {
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
