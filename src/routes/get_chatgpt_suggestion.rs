//! `GET /api/getChatGPTSuggestion`: one idea for a prompt, as plain text.

use crate::{app::App, error::ApiError, suggestions::SuggestionSource};
use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

const SOURCE_HEADER: HeaderName = HeaderName::from_static("x-suggestion-source");

/// Answers with the text; a header tells when it is a stored one.
///
/// # Errors
/// 502 when the model fails and stored suggestions are switched off.
pub async fn handle(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let suggestion = app.suggestions.suggest().await?;
    let source = match suggestion.source {
        SuggestionSource::Model => "model",
        SuggestionSource::Stored => "stored",
        SuggestionSource::Fallback => "fallback",
    };
    let mut response = ([(CACHE_CONTROL, "no-store")], suggestion.text).into_response();
    response
        .headers_mut()
        .insert(SOURCE_HEADER, HeaderValue::from_static(source));
    Ok(response)
}
