//! A request's id: the Functions host's invocation id, or one of our own.

use axum::http::HeaderMap;

/// The Functions host sets it on every request that it hands over.
pub const INVOCATION_ID: &str = "x-azure-functions-invocationid";

/// An id that a caller can quote and the log knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId {
    text: String,
    is_invocation: bool,
}

impl RequestId {
    /// The last invocation id, since the host appends its own behind whatever a caller sent;
    /// without one a new id.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let last = headers.get_all(INVOCATION_ID).iter().next_back();
        let id = last
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .map(str::trim)
            .filter(|id| is_id(id));
        Self {
            is_invocation: id.is_some(),
            text: id.map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned),
        }
    }

    /// As text of visible ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it came with the request, as the Functions host's come.
    #[must_use]
    pub fn is_invocation(&self) -> bool {
        self.is_invocation
    }
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_hosts_id_stands_last() {
        let mut headers = HeaderMap::new();
        headers.append(INVOCATION_ID, HeaderValue::from_static("callers-own"));
        headers.append(INVOCATION_ID, HeaderValue::from_static("a, hosts-id"));
        assert_eq!(RequestId::of(&headers).as_str(), "hosts-id");
    }

    #[test]
    fn what_is_no_id_is_replaced() {
        for text in ["", "two words", "<script>", &"x".repeat(65)] {
            let mut headers = HeaderMap::new();
            headers.insert(INVOCATION_ID, HeaderValue::from_str(text).unwrap());
            assert_ne!(RequestId::of(&headers).as_str(), text);
        }
    }
}
