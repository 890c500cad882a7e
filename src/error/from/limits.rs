//! What callers are told of this service's own limits.

use super::ApiError;
use crate::limits::{Limit, Refusal, TooMany};
use axum::http::StatusCode;

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        limited(&refusal)
    }
}

impl From<TooMany> for ApiError {
    fn from(error: TooMany) -> Self {
        let detail =
            "too many whole lists are being sent; try again soon, or ask for pages with limit";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_lists", detail)
            .with("field", "limit")
            .with(
                "allowed",
                "1 to 1000, with the nextCursor of the page before",
            )
            .with_retry_after(error.retry_after)
    }
}

pub(super) fn limited(refusal: &Refusal) -> ApiError {
    let (code, detail) = match refusal.limit {
        Limit::Caller => (
            "rate_limited",
            "this caller has asked for as much as a minute allows; try again when retryAfter is over",
        ),
        Limit::Instance => (
            "rate_limited",
            "the service is asked for more than it does in a minute; try again when retryAfter is over",
        ),
        Limit::Day => (
            "budget_exhausted",
            "the service has made as many images as it may in a day; there are more after midnight UTC",
        ),
    };
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
        .with("limit", refusal.limit.name())
        .with_retry_after(refusal.retry_after)
}
