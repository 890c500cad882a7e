//! `GET` and `DELETE /api/operations/{id}`: what an operation has come to, and that it is not
//! wanted any more.

use super::{base_url::public_base_url, operation_answer::operation_answer};
use crate::{
    app::App,
    error::ApiError,
    operations::{Operation, OperationId},
};
use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use std::{sync::Arc, time::Duration};

/// So long, in seconds, a question may wait for the end: well below the times after which a
/// platform cuts a request that says nothing.
const LONGEST_WAIT: u64 = 60;

/// Answers with the operation as it stands, or when it has ended within `wait` seconds.
///
/// # Errors
/// 400 for a wrong `wait`, 404 for an id that no operation has, 502 when the store fails.
pub async fn handle_get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let wait = parse_wait(query.as_deref().unwrap_or_default())?;
    let operation = match OperationId::parse(&id) {
        Ok(id) => app.operations.wait(&id, wait).await?,
        Err(_) => None,
    };
    answer(&app, operation, &headers).await
}

/// Cancels what was not sent, gives up the rest, and answers with the operation as it stands.
///
/// # Errors
/// 404 for an id that no operation has, 502 when the store fails.
pub async fn handle_delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let operation = match OperationId::parse(&id) {
        Ok(id) => app.operations.cancel(&id).await?,
        Err(_) => None,
    };
    answer(&app, operation, &headers).await
}

async fn answer(
    app: &App,
    operation: Option<Operation>,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let operation = operation.ok_or_else(ApiError::no_operation)?;
    operation_answer(
        app,
        StatusCode::OK,
        operation,
        &public_base_url(app, headers),
    )
    .await
}

/// `wait` in whole seconds; other parameters belong to the platform.
fn parse_wait(query: &str) -> Result<Duration, ApiError> {
    let invalid = |problem: &str| {
        let allowed = format!("a whole number of seconds from 0 to {LONGEST_WAIT}");
        ApiError::invalid("wait", problem, &allowed)
    };
    let mut given =
        url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "wait");
    match (given.next(), given.next()) {
        (None, _) => Ok(Duration::ZERO),
        (Some((_, text)), None) => match text.parse::<u64>() {
            Ok(seconds) if seconds <= LONGEST_WAIT => Ok(Duration::from_secs(seconds)),
            _ => Err(invalid("is no such number")),
        },
        (Some(_), Some(_)) => Err(invalid("is given more than once")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_bounded_number_of_seconds() {
        for (query, expected) in [
            ("", Some(0)),
            ("code=x", Some(0)),
            ("wait=20", Some(20)),
            ("wait=60&code=x", Some(60)),
            ("wait=61", None),
            ("wait=-1", None),
            ("wait=1.5", None),
            ("wait=", None),
            ("wait=1&wait=2", None),
        ] {
            let parsed = parse_wait(query).ok();
            assert_eq!(parsed, expected.map(Duration::from_secs), "{query}");
        }
    }
}
