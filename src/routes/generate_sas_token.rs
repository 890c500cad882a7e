//! `GET /api/generateSASToken`: a signature for reading the images container.

use crate::{app::App, error::ApiError};
use axum::{
    extract::State,
    http::header::CACHE_CONTROL,
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use time::OffsetDateTime;

/// Answers with a query string, as text, without `?`.
///
/// # Errors
/// 502 where the store cannot sign.
pub async fn handle(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let now = OffsetDateTime::now_utc();
    let signature = app.gallery.shared_access_signature(now).await?;
    Ok(([(CACHE_CONTROL, "no-store")], signature).into_response())
}
