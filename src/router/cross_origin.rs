//! Which other pages' scripts may call. Only standing alone: under the Functions host the
//! platform answers for that, and two answers would contradict each other.

use crate::routes;
use axum::{
    Router,
    http::{HeaderValue, Method, header},
};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Allows the given origins, or none.
pub(super) fn allow(router: Router, origins: &[String]) -> Router {
    if origins.is_empty() {
        return router;
    }
    let origins = match origins.iter().any(|origin| origin == "*") {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(
            origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin).ok()),
        ),
    };
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::HeaderName::from_static("idempotency-key"),
            header::HeaderName::from_static("prefer"),
            header::HeaderName::from_static("x-api-key"),
            header::HeaderName::from_static("x-functions-key"),
        ])
        .expose_headers([
            header::RETRY_AFTER,
            routes::limited::RATE_LIMIT,
            routes::limited::RATE_LIMIT_POLICY,
            header::HeaderName::from_static("operation-location"),
            header::HeaderName::from_static("preference-applied"),
            header::HeaderName::from_static("x-request-id"),
            header::HeaderName::from_static("x-suggestion-source"),
        ])
        .max_age(Duration::from_secs(3600));
    router.layer(layer)
}
