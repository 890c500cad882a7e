//! `GET /api/thumbnails/{id}`: leads to an image's thumbnail, and makes it where it is missing.

use super::base_url::public_base_url;
use crate::{
    app::App,
    error::ApiError,
    gallery::{ImageId, Thumbnail},
    thumbnails,
};
use axum::{
    extract::{Path, State},
    http::{
        HeaderMap, StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION},
    },
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use time::OffsetDateTime;

/// A picture that cannot be used hardly becomes better.
const KEEP_PLACEHOLDER: &str = "private, max-age=300";

/// Answers with the thumbnail's signed address, or with a placeholder where there is none.
///
/// # Errors
/// 404 for an id that no image has, 502 when the store fails.
pub async fn handle(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = ImageId::parse(&id)?;
    let base_url = public_base_url(&app, &headers);
    let now = OffsetDateTime::now_utc();
    let thumbnail = app.gallery.thumbnail(&id, now, &base_url).await;
    Ok(match thumbnail.map_err(ApiError::of_image)? {
        Thumbnail::At(url) => {
            // A browser may use the address again for half the time that its signature holds.
            let keep = app.gallery.shortest_validity().as_secs() / 2;
            let keep = format!("private, max-age={keep}");
            let fields = [(LOCATION, url), (CACHE_CONTROL, keep)];
            (StatusCode::TEMPORARY_REDIRECT, fields).into_response()
        }
        Thumbnail::Unusable => placeholder(KEEP_PLACEHOLDER),
        Thumbnail::NotNow => placeholder("no-store"),
    })
}

/// Whether the address is one that we gave, for callers who show no key, as `<img>` cannot.
///
/// # Errors
/// 502 when that cannot be told.
pub async fn is_our_address(app: &App, uri: &Uri) -> Result<bool, ApiError> {
    // Ids have no character that would be escaped.
    let id = uri.path().rsplit('/').next().unwrap_or_default();
    let query = uri.query().unwrap_or_default();
    let now = OffsetDateTime::now_utc();
    let is_ours = app.gallery.is_thumbnail_link(id, query, now);
    is_ours.await.map_err(ApiError::from)
}

fn placeholder(keep: &'static str) -> Response {
    let fields = [
        (CONTENT_TYPE, thumbnails::CONTENT_TYPE),
        (CACHE_CONTROL, keep),
    ];
    (fields, thumbnails::placeholder()).into_response()
}
