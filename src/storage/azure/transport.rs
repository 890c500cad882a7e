//! Microsoft's storage crates speak through our own reqwest client: pooled connections, one
//! time limit for each request, and nothing of the request's URL or headers in an error.

use async_trait::async_trait;
use azure_core::{
    Body, HttpClient, Request, Response,
    error::{Error, ErrorKind, ResultExt},
    headers::{HeaderName, HeaderValue, Headers},
};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use std::{collections::HashMap, pin::Pin, time::Duration};

/// The stream type that the crate's responses want.
type ByteStream = Pin<Box<dyn Stream<Item = azure_core::Result<Bytes>> + Send + Sync>>;

/// The crates' HTTP client over ours.
#[derive(Debug, Clone)]
pub(super) struct SharedTransport {
    pub http: reqwest::Client,
    /// How long one request, its body and its answer may take.
    pub timeout: Duration,
}

#[async_trait]
impl HttpClient for SharedTransport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<Response> {
        let method = reqwest::Method::from_bytes(request.method().as_ref().as_bytes())
            .context(ErrorKind::DataConversion, "a method that HTTP lacks")?;
        let mut outgoing = self
            .http
            .request(method, request.url().clone())
            .timeout(self.timeout);
        for (name, value) in request.headers().iter() {
            outgoing = outgoing.header(name.as_str(), value.as_str());
        }
        let outgoing = match request.body().clone() {
            Body::Bytes(bytes) => outgoing.body(bytes),
            Body::SeekableStream(stream) => outgoing.body(reqwest::Body::wrap_stream(stream)),
        };
        let response = outgoing.send().await.map_err(io_error)?;
        let status = azure_core::StatusCode::try_from(response.status().as_u16())
            .map_err(|_| Error::message(ErrorKind::DataConversion, "a status that HTTP lacks"))?;
        let headers = copy_headers(response.headers());
        let body: ByteStream = Box::pin(response.bytes_stream().map_err(io_error));
        Ok(Response::new(status, headers, body))
    }
}

fn copy_headers(headers: &reqwest::header::HeaderMap) -> Headers {
    let readable = headers.iter().filter_map(|(name, value)| {
        let value = HeaderValue::from(value.to_str().ok()?.to_owned());
        Some((HeaderName::from(name.as_str().to_owned()), value))
    });
    readable.collect::<HashMap<_, _>>().into()
}

/// The URL is taken out: with a signature in it, it is a secret.
fn io_error(error: reqwest::Error) -> Error {
    Error::new(ErrorKind::Io, error.without_url())
}
