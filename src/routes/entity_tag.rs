//! Weak entity tags of answers that are made anew for each request (RFC 9110, section 8.8.3).

use axum::http::{HeaderMap, header::IF_NONE_MATCH};
use std::hash::{DefaultHasher, Hasher};

/// The tag of a body: the same on every instance of one build.
#[must_use]
pub fn entity_tag(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("W/\"{:016x}\"", hasher.finish())
}

/// Whether the caller has the body of this tag already.
#[must_use]
pub fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(IF_NONE_MATCH);
    let known = known.and_then(|tags| tags.to_str().ok());
    known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == etag))
}
