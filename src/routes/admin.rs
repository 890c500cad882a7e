//! Who may do what only the gallery's owner may.

use crate::{app::App, error::ApiError};
use axum::http::{HeaderMap, header::AUTHORIZATION};

const API_KEY: &str = "x-api-key";

/// Lets whoever shows `API_KEY` pass, as `X-Api-Key` or `Authorization: Bearer`, in every mode.
/// Without such a setting the Functions host alone stands guard, whose folder asks for a function
/// key; and standing alone nobody would, so nobody passes.
///
/// # Errors
/// 401 without the key, 403 where there is none.
pub fn check_admin(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(key) = &app.api_key else {
        return match app.is_behind_host {
            true => Ok(()),
            false => Err(ApiError::no_api_key()),
        };
    };
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
    });
    let shown = headers.get(API_KEY).map(|value| value.as_bytes());
    match shown.into_iter().chain(bearer).any(|it| key.opens_to(it)) {
        true => Ok(()),
        false => Err(ApiError::unauthorized()),
    }
}
