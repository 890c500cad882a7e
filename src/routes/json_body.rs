//! A request's body as a JSON object: bounded in length, in a media type that is accepted, and
//! without a content coding. What the bytes are is told in `content`.

mod content;

use crate::{error::ApiError, request_body::BodyError};
use axum::{
    body::{Body, to_bytes},
    http::{
        HeaderMap,
        header::{CONTENT_ENCODING, CONTENT_TYPE, ORIGIN},
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
    /// It has a content coding; the sentence says what shows that.
    Encoded(&'static str),
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
            UnreadableBody::Encoded(problem) => Self::unsupported_coding(problem),
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
    if is_encoded(headers) {
        let problem = "the body has a Content-Encoding; send it without one";
        return Err(UnreadableBody::Encoded(problem));
    }
    // A body whose length is announced need not be sent.
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(UnreadableBody::TooLarge);
    }
    let body = to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|error| unread(&error))?;
    content::parse_object(&body)
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

/// Whether there is a content coding but `identity`, which is none. Generated clients send headers
/// that are empty.
fn is_encoded(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    values.any(|value| {
        let mut codings = value.as_bytes().split(|byte| *byte == b',');
        codings.any(|coding| {
            let coding = coding.trim_ascii();
            !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")
        })
    })
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

    #[test]
    fn any_coding_but_identity_encodes() {
        for (codings, expected) in [
            ("", false),
            ("identity", false),
            (" Identity , ", false),
            ("gzip", true),
            ("identity, br", true),
            ("aws-chunked", true),
        ] {
            let encoded = is_encoded(&headers(CONTENT_ENCODING, codings));
            assert_eq!(encoded, expected, "{codings}");
        }
        assert!(!is_encoded(&HeaderMap::new()));
    }
}
