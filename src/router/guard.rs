//! Who may call which function. One place, ahead of the handlers: whoever may not has no work done
//! and no body read.

use crate::{
    app::App,
    error::ApiError,
    routes::{
        admin::{check_admin, check_key},
        thumbnails::is_our_address,
    },
};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use std::sync::Arc;

/// What a function asks of its callers beside what the platform does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Nothing: it tells nothing, or its addresses carry signatures of their own.
    Open,
    /// `API_KEY`, where that is set.
    Key,
    /// The same, or an address that we gave.
    KeyOrAddress,
    /// `API_KEY`; where none is set, behind the Functions host nothing more than that asks for,
    /// and standing alone nobody may.
    Owner,
}

/// Lets a request pass, or answers it.
///
/// # Errors
/// 401 without the key, 403 where there is none to show, 502 where an address cannot be checked.
pub(super) async fn stand_guard(
    State((app, guard)): State<(Arc<App>, Guard)>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    match guard {
        Guard::Open => {}
        Guard::Key => check_key(&app, request.headers())?,
        Guard::KeyOrAddress => {
            if let Err(refusal) = check_key(&app, request.headers())
                && !is_our_address(&app, request.uri()).await?
            {
                return Err(refusal);
            }
        }
        Guard::Owner => check_admin(&app, request.headers())?,
    }
    Ok(next.run(request).await)
}
