//! Who shows the service's key, and who may do what without it.

use crate::{
    app::{App, Mode},
    error::ApiError,
};
use axum::http::{HeaderMap, header::AUTHORIZATION};

const API_KEY: &str = "x-api-key";

/// Whether a key is set and the request shows it, as `X-Api-Key` or `Authorization: Bearer`.
#[must_use]
pub fn shows_api_key(app: &App, headers: &HeaderMap) -> bool {
    let Some(key) = &app.api_key else {
        return false;
    };
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
    });
    let shown = headers.get(API_KEY).map(|value| value.as_bytes());
    shown.into_iter().chain(bearer).any(|it| key.opens_to(it))
}

/// Where a key is set, lets nobody pass without it, in every mode.
///
/// # Errors
/// 401 without the key.
pub fn check_key(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    match app.api_key.is_none() || shows_api_key(app, headers) {
        true => Ok(()),
        false => Err(ApiError::unauthorized()),
    }
}

/// The same for what only the gallery's owner may do. Without a key the Functions host alone
/// stands guard, whose folder asks for a function key; and standing alone nobody would, so nobody
/// passes.
///
/// # Errors
/// 401 without the key, 403 where there is none.
pub fn check_admin(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    match app.api_key.is_none() && app.mode == Mode::Standalone {
        true => Err(ApiError::no_api_key()),
        false => check_key(app, headers),
    }
}
