//! One blob: what a request writes, and what the answers say of it.

use std::time::SystemTime;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use httpdate::fmt_http_date;

/// A blob with all that belongs to it.
#[derive(Debug, Clone)]
pub struct Blob {
    pub bytes: Bytes,
    pub content_type: String,
    pub metadata: Vec<(String, String)>,
    /// `Cache-Control` and `Content-Disposition`, as far as they were given.
    pub manners: Vec<(&'static str, String)>,
    /// With its quotation marks.
    pub etag: String,
    pub written_at: SystemTime,
}

impl Blob {
    /// As a request writes it.
    pub fn from_request(headers: &HeaderMap, bytes: Bytes, etag: String) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = text("x-ms-blob-content-type")
            .or(text("content-type"))
            .unwrap_or("application/octet-stream");
        let metadata = headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-ms-meta-")?;
            Some((name.to_owned(), value.to_str().ok()?.to_owned()))
        });
        let mut metadata: Vec<_> = metadata.collect();
        metadata.sort();
        let manners = [
            ("cache-control", text("x-ms-blob-cache-control")),
            ("content-disposition", text("x-ms-blob-content-disposition")),
        ];
        let manners = manners.map(|(name, value)| Some((name, value?.to_owned())));
        Self {
            bytes,
            content_type: content_type.to_owned(),
            metadata,
            manners: manners.into_iter().flatten().collect(),
            etag,
            written_at: SystemTime::now(),
        }
    }

    /// The answer to a HEAD.
    pub fn properties(&self) -> Response {
        let mut headers = self.headers();
        headers.insert("content-length", self.bytes.len().into());
        (StatusCode::OK, headers, Body::empty()).into_response()
    }

    /// The answer to a GET of all of it or of a range (`bytes=<first>-<last>`); `None` where it
    /// ends before the range.
    pub fn content(&self, range: Option<&str>) -> Option<Response> {
        let Some(range) = range.and_then(|range| range.strip_prefix("bytes=")) else {
            return Some((self.headers(), self.bytes.clone()).into_response());
        };
        let (first, last) = range.split_once('-')?;
        let first: usize = first.parse().ok()?;
        if first >= self.bytes.len() {
            return None;
        }
        let end = last.parse().map_or(self.bytes.len(), |last: usize| {
            last.saturating_add(1).min(self.bytes.len())
        });
        let part = self.bytes.slice(first..end);
        let mut headers = self.headers();
        let shown = format!("bytes {first}-{}/{}", end - 1, self.bytes.len());
        headers.insert("content-range", value(&shown));
        Some((StatusCode::PARTIAL_CONTENT, headers, part).into_response())
    }

    /// The answer to the request that wrote it.
    pub fn written(&self) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert("etag", value(&self.etag));
        let written_at = fmt_http_date(self.written_at);
        headers.insert("last-modified", value(&written_at));
        let encrypted = HeaderName::from_static("x-ms-request-server-encrypted");
        headers.insert(encrypted, value("true"));
        (StatusCode::CREATED, headers).into_response()
    }

    fn headers(&self) -> HeaderMap {
        let written_at = fmt_http_date(self.written_at);
        let fixed = [
            ("content-type", self.content_type.as_str()),
            ("etag", &self.etag),
            ("last-modified", &written_at),
            ("x-ms-creation-time", &written_at),
            ("x-ms-blob-type", "BlockBlob"),
            ("x-ms-lease-status", "unlocked"),
            ("x-ms-lease-state", "available"),
            ("x-ms-server-encrypted", "true"),
            ("accept-ranges", "bytes"),
        ];
        let fixed = fixed.map(|(name, text)| (HeaderName::from_static(name), value(text)));
        let mut headers: HeaderMap = fixed.into_iter().collect();
        for (name, text) in &self.manners {
            headers.insert(*name, value(text));
        }
        for (name, text) in &self.metadata {
            let name = HeaderName::try_from(format!("x-ms-meta-{name}")).unwrap();
            headers.insert(name, value(text));
        }
        headers
    }
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap()
}
