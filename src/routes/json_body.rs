//! A request's body as a JSON object, of a bounded length and from those who may send one.

use crate::{error::ApiError, request_body::BodyError};
use axum::{
    body::{Body, to_bytes},
    http::{
        HeaderMap,
        header::{CONTENT_TYPE, ORIGIN},
    },
};
use http_body::Body as _;
use serde_json::{Map, Value};

/// The largest body that a function takes: the longest prompt, each character as two `\u` escapes,
/// and the other fields.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Why a body gave no fields.
#[derive(Debug)]
pub enum UnreadableBody {
    /// It has a type that is not read as JSON, or comes from a web page without one that is.
    UnsupportedType,
    /// It is longer than 1 MiB.
    TooLarge,
    /// It came too slowly.
    TooSlow,
    /// Too many long ones come at once.
    NoRoom,
    /// It is no JSON object; the sentence says what it is.
    NoObject(String),
}

impl From<UnreadableBody> for ApiError {
    fn from(body: UnreadableBody) -> Self {
        match body {
            UnreadableBody::UnsupportedType => Self::unsupported_type(),
            UnreadableBody::TooLarge => Self::too_large(MAX_BODY_BYTES),
            UnreadableBody::TooSlow => Self::too_slow(),
            UnreadableBody::NoRoom => Self::too_many_bodies(),
            UnreadableBody::NoObject(problem) => Self::unreadable(&problem),
        }
    }
}

/// Reads the whole body.
///
/// # Errors
/// [`UnreadableBody`].
pub async fn read_object(
    headers: &HeaderMap,
    body: Body,
) -> Result<Map<String, Value>, UnreadableBody> {
    if !is_json(headers) {
        return Err(UnreadableBody::UnsupportedType);
    }
    // Whoever says so beforehand need not send it.
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(UnreadableBody::TooLarge);
    }
    let body = to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|error| unread(&error))?;
    let problem = if body.iter().all(u8::is_ascii_whitespace) {
        "the body is empty".to_owned()
    } else {
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => return Ok(fields),
            Ok(_) => "the body is JSON but no object".to_owned(),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                format!("the body is not JSON: line {line}, column {column}")
            }
        }
    };
    Err(UnreadableBody::NoObject(problem))
}

fn unread(error: &axum::Error) -> UnreadableBody {
    match BodyError::find(error) {
        None => UnreadableBody::TooLarge,
        Some(BodyError::TooSlow) => UnreadableBody::TooSlow,
        Some(BodyError::NoRoom) => UnreadableBody::NoRoom,
        Some(broken @ BodyError::Broken(_)) => UnreadableBody::NoObject(broken.to_string()),
    }
}

/// JSON is read under its own types, under none, and under the form type that `curl -d` sends.
/// The last two a browser sends for any web page without asking first, and names its `Origin`:
/// for pages only JSON's own types count, so that a foreign page cannot spend money here.
fn is_json(headers: &HeaderMap) -> bool {
    let is_page = headers.contains_key(ORIGIN);
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return !is_page;
    };
    let text = value.to_str().unwrap_or("unreadable");
    let kind = text.split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let is_form = ["", "application/x-www-form-urlencoded"].contains(&kind.as_str());
    let is_json = ["application/json", "text/json"].contains(&kind.as_str())
        || (kind.starts_with("application/") && kind.ends_with("+json"));
    is_json || (is_form && !is_page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: axum::http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn json_is_read_under_its_own_types_none_and_curls() {
        for (kind, expected) in [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("application/problem+json", true),
            ("application/x-www-form-urlencoded", true),
            ("text/plain", false),
            ("multipart/form-data; boundary=x", false),
            ("image/png", false),
        ] {
            assert_eq!(is_json(&headers(CONTENT_TYPE, kind)), expected, "{kind}");
        }
        assert!(is_json(&HeaderMap::new()));
        assert!(!is_json(&headers(ORIGIN, "https://evil.example")));
    }
}
