//! An operation as its caller sees it: where it can be asked about, and what it has come to.

use super::{
    image_answer::{ImageAnswer, Images},
    problem::Problem,
};
use crate::{
    app::App,
    error::{ApiError, OPERATION_LOCATION},
    operations::{ASK_AGAIN_AFTER, Operation, OperationId, OperationStatus},
    picture_json::PictureJson,
};
use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};

/// An operation as it stands.
#[derive(Serialize, ToSchema)]
#[schema(as = Operation)]
pub struct Answer {
    /// The only key to it: whoever has it may see the result and cancel.
    #[schema(value_type = String, pattern = "^[0-9a-f]{44}$")]
    id: OperationId,
    /// `notRunning` and `running` go on; the others are its end.
    #[schema(schema_with = statuses)]
    status: &'static str,
    /// When it was accepted, in seconds since 1970.
    created: i64,
    /// Until when it is kept, in seconds since 1970.
    expires: i64,
    /// Of one that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Images)]
    result: Option<Value>,
    /// Of one that failed or was canceled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Problem)]
    error: Option<Value>,
}

fn statuses() -> Object {
    let object = ObjectBuilder::new().schema_type(Type::String);
    let names = ["notRunning", "running", "succeeded", "failed", "canceled"];
    object.enum_values(Some(names)).build()
}

/// The absolute address of an operation.
#[must_use]
pub fn operation_location(id: &str, public_base_url: &str) -> String {
    format!("{public_base_url}/api/operations/{id}")
}

/// An answer's header that says so.
pub fn set_operation_location(headers: &mut HeaderMap, id: &str, public_base_url: &str) {
    let location = operation_location(id, public_base_url);
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(OPERATION_LOCATION, location);
    }
}

/// The operation with its result or its error, and when to ask again while it has neither.
///
/// # Errors
/// What the store says when it cannot sign the images' addresses.
pub async fn operation_answer(
    app: &App,
    status: StatusCode,
    operation: Operation,
    public_base_url: &str,
) -> Result<Response, ApiError> {
    let created = operation.id.created_at().unix_timestamp();
    let kept_for = i64::try_from(app.operations.kept_for().as_secs()).unwrap_or(i64::MAX);
    let mut answer = Answer {
        id: operation.id.clone(),
        status: operation.status.name(),
        created,
        expires: created.saturating_add(kept_for),
        result: None,
        error: None,
    };
    let is_final = operation.status.is_final();
    let id = operation.id.clone();
    match operation.status {
        OperationStatus::NotRunning | OperationStatus::Running => {}
        OperationStatus::Succeeded { mut result } => {
            let made = result.images.len();
            result.images.retain(|image| image.stored.is_some());
            if result.images.len() < made {
                let warning = "what was not to be stored went to its caller alone";
                result.warnings.push(warning.to_owned());
            }
            let images = ImageAnswer {
                output_key: operation.output_key,
                request_id: operation.request_id,
                public_base_url: public_base_url.to_owned(),
            };
            let result = images
                .json(app, result, &mut PictureJson::default())
                .await?;
            answer.result = Some(result);
        }
        OperationStatus::Failed { error, .. } | OperationStatus::Canceled { error, .. } => {
            answer.error = Some(error);
        }
    }
    let body = serde_json::to_vec(&answer).map_err(|_| ApiError::internal())?;
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    let mut response = (status, headers, body).into_response();
    set_operation_location(response.headers_mut(), id.as_str(), public_base_url);
    if !is_final {
        let seconds = ASK_AGAIN_AFTER.as_secs();
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    Ok(response)
}
