//! Entity tags (RFC 9110, section 8.8.3): weak ones of answers that are made anew for each request,
//! and what callers have already.

use axum::http::{HeaderMap, header::IF_NONE_MATCH};
use std::hash::{DefaultHasher, Hasher};

/// The tag of a body: the same on every instance of one build.
#[must_use]
pub fn entity_tag(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("W/\"{:016x}\"", hasher.finish())
}

/// Whether the caller has the body of this tag already: tags are compared weakly, and `*` is
/// whatever there is.
#[must_use]
pub fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let known = headers.get_all(IF_NONE_MATCH).iter();
    let mut known = known
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','));
    known.any(|tag| tag.trim() == "*" || weak(tag) == weak(etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        let etag = entity_tag(b"a list");
        let strong = etag.trim_start_matches("W/").to_owned();
        for (tags, expected) in [
            (etag.as_str(), true),
            (strong.as_str(), true),
            (&format!("\"other\", {etag}"), true),
            ("*", true),
            ("\"other\"", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, tags.parse().unwrap())]);
            assert_eq!(is_known(&headers, &etag), expected, "{tags}");
        }
        assert!(!is_known(&HeaderMap::new(), &etag));
        for (tags, expected) in [("\"a\"", true), ("\"x\", W/\"a\"", true), ("\"b\"", false)] {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, tags.parse().unwrap())]);
            assert_eq!(
                is_known(&headers, "\"a\""),
                expected,
                "a strong one, {tags}"
            );
        }
    }
}
