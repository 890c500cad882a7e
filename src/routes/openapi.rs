//! `GET /api/openapi.json`: the service described to programs, in OpenAPI 3.1. Answers' types
//! describe themselves; what a function takes and how it fails is written down here, a function
//! at a time, and tests hold it against what the service does.

mod bodies;
mod document;
mod functions;
mod nullable;
mod parts;
mod rules;

use super::{
    base_url::public_base_url,
    entity_tag::{entity_tag, is_known},
};
use crate::{app::App, images::MAX_IMAGES};
use axum::{
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG},
    },
    response::{IntoResponse, Response},
};
use serde_json::Value;
use std::sync::{Arc, OnceLock};

/// The description as text, made once for each `MAX_IMAGES`: what it says depends on nothing
/// else but on the address, which stands where this word is.
static TEXTS: [OnceLock<String>; MAX_IMAGES as usize + 1] =
    [const { OnceLock::new() }; MAX_IMAGES as usize + 1];

/// No address of ours holds these characters.
const BASE_URL: &str = "{base url}";

/// Answers with the description, in which this service's address is the one to call.
pub async fn handle(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let base_url = public_base_url(&app, &headers);
    let body = text(app.max_images, &base_url);
    let etag = entity_tag(body.as_bytes());
    let fields = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "private, max-age=300"),
        (ETAG, &etag),
    ];
    match is_known(&headers, &etag) {
        true => (StatusCode::NOT_MODIFIED, fields).into_response(),
        false => (fields, body).into_response(),
    }
}

fn text(max_images: u8, base_url: &str) -> String {
    let place = &TEXTS[usize::from(max_images.min(MAX_IMAGES))];
    let text = place.get_or_init(|| document(max_images, BASE_URL).to_string());
    // Escaped, an address could end the string that it stands in only if it held a quote.
    let escaped = Value::from(base_url).to_string();
    text.replace(BASE_URL, escaped.trim_matches('"'))
}

/// The description of a service at `base_url` that makes up to `max_images` at once.
#[must_use]
pub fn document(max_images: u8, base_url: &str) -> Value {
    document::build(max_images, base_url)
}
