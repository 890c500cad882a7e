//! `GET /api/images/{id}`: all that is known of an image. `DELETE`, which is a function folder of
//! its own since the platform's keys are by folder: removes it.

use super::{base_url::public_base_url, image_json::ImageJson};
use crate::{
    app::App,
    error::ApiError,
    gallery::{ImageDetails, ImageId},
};
use axum::{
    extract::{Path, State},
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use time::OffsetDateTime;
use tracing::Instrument;
use utoipa::ToSchema;

/// All that is known of an image.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImageDetails)]
pub struct Answer {
    #[serde(flatten)]
    image: ImageJson,
    /// There, and true, where a part of the prompt is lost.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    prompt_truncated: bool,
    /// What the provider made of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revised_prompt: Option<String>,
    /// Who made the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    provider: Option<String>,
    /// The quality that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    quality: Option<String>,
    /// What makes the image again, where the provider can do that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    seed: Option<u64>,
    /// The provider's counts for the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    usage: Option<Value>,
    /// How many images those counts are for, where it is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    usage_images: Option<u64>,
    /// A mark that the images of one request share.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    operation: Option<String>,
    /// The request that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// The provider's id of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    upstream_request_id: Option<String>,
}

/// Answers with the record of an image.
///
/// # Errors
/// 404 for an id that no image has, 502 when the store fails.
pub async fn handle_get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = ImageId::parse(&id)?;
    let base_url = public_base_url(&app, &headers);
    let now = OffsetDateTime::now_utc();
    let details = app.gallery.details(&id, now, &base_url).await;
    let answer = Answer::from(details.map_err(ApiError::of_image)?);
    let body = serde_json::to_vec(&answer).map_err(|_| ApiError::internal())?;
    let fields = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "private, no-cache"),
    ];
    Ok((fields, body).into_response())
}

/// Removes an image with its thumbnail and its record; one that is not there is removed already.
/// The router's guard has asked who it is.
///
/// # Errors
/// 404 for what is no id, 502 when the store fails.
pub async fn handle_delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = ImageId::parse(&id)?;
    // Whoever leaves does not leave a thumbnail of what is removed.
    let removal = async move { app.gallery.remove(&id).await };
    let removed = tokio::spawn(removal.in_current_span()).await;
    let removed = removed.map_err(|_| ApiError::internal())?;
    removed.map_err(ApiError::of_image)?;
    tracing::info!("an image was removed");
    Ok(StatusCode::NO_CONTENT)
}

impl From<ImageDetails> for Answer {
    fn from(details: ImageDetails) -> Self {
        let ImageDetails { entry, record } = details;
        Self {
            image: entry.into(),
            prompt_truncated: record.prompt_is_cut,
            revised_prompt: record.revised_prompt,
            provider: record.provider,
            quality: record.quality,
            seed: record.seed,
            usage: record.usage,
            usage_images: record.usage_images,
            operation: record.operation,
            request_id: record.request_id,
            upstream_request_id: record.upstream_request_id,
        }
    }
}
