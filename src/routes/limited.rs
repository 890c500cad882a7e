//! What the functions with limits tell their callers of them, whatever else they answer.

use super::caller::limited_caller;
use crate::{
    app::App,
    limits::{Counted, PolicyStatus},
};
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

/// The limits that hold for the caller
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/11/>).
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is left of them.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Adds the two fields to the answer, as things stand when it begins. The handler finds the caller
/// in the request's extensions.
pub async fn tell_limits(
    app: &App,
    counted: Counted,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = limited_caller(app, request.headers(), request.extensions());
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    let status = app.limits.status(counted, caller);
    set_field(
        response.headers_mut(),
        RATE_LIMIT_POLICY,
        &status,
        PolicyStatus::policy_item,
    );
    set_field(
        response.headers_mut(),
        RATE_LIMIT,
        &status,
        PolicyStatus::status_item,
    );
    response
}

fn set_field(
    headers: &mut HeaderMap,
    name: HeaderName,
    status: &[PolicyStatus],
    item: fn(&PolicyStatus) -> String,
) {
    let items: Vec<String> = status.iter().map(item).collect();
    if let (false, Ok(value)) = (items.is_empty(), HeaderValue::from_str(&items.join(", "))) {
        headers.insert(name, value);
    }
}
