//! What happens around each request: its id, a span and one log line for it, panics caught,
//! errors written out.

use super::observed_body::ObservedBody;
use crate::{error::ApiError, error::take_error, routes::request_id::RequestId};
use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, time::Instant};
use tracing::{Instrument, Span};

const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Runs a request within all that.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    around(request, |request| next.run(request)).await
}

/// Has `answer` answer a request within all that. The log has the route's pattern and never the
/// address as it was typed, which may hold a function key or a signature.
pub(super) async fn around<F>(mut request: Request, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", id = id.as_str());
    request.extensions_mut().insert(id.clone());
    let run = AssertUnwindSafe(answer(request)).catch_unwind();
    async {
        // The log has a panic already, by its place.
        let internal = |_| ApiError::internal().into_answer(id.as_str());
        let mut response = run.await.unwrap_or_else(internal);
        if let Some(error) = take_error(&mut response) {
            error.log();
            let other_headers = std::mem::take(response.headers_mut());
            response = error.into_answer(id.as_str());
            let from_layers = other_headers
                .into_iter()
                .filter_map(|(name, value)| Some((name?, value)));
            for (name, value) in from_layers {
                response.headers_mut().entry(name).or_insert(value);
            }
        }
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(REQUEST_ID_HEADER, value);
        }
        let status = response.status().as_u16();
        let elapsed_ms = started.elapsed().as_millis();
        tracing::info!(%method, route, status, elapsed_ms, "request");
        response.map(|body| Body::new(ObservedBody::new(body, Span::current())))
    }
    .instrument(span)
    .await
}

#[cfg(test)]
mod tests;
