//! `GET /api/getChatGPTSuggestion`: one idea for a prompt, as plain text.

use crate::{app::App, error::ApiError, limits::Caller, suggestions::SuggestionSource};
use axum::{
    Extension,
    extract::State,
    http::{HeaderName, HeaderValue, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

const SOURCE_HEADER: HeaderName = HeaderName::from_static("x-suggestion-source");

/// Answers with the text; a header tells when it is a stored one.
///
/// # Errors
/// 502 when the model fails, and 429 when it is not asked since the minute's limit is reached, where
/// stored suggestions are switched off.
pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let suggestion = match app.suggestions.asks_model() {
        false => app.suggestions.suggest().await?,
        true => match app.limits.count_suggestion(caller) {
            Ok(()) => app.suggestions.suggest().await?,
            // One that costs nothing, where it may stand in.
            Err(refusal) => app.suggestions.instead_of_model().ok_or(refusal)?,
        },
    };
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
