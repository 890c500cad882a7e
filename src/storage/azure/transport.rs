//! Microsoft's storage crates speak through our own reqwest client: pooled connections, one
//! time limit for each request, and nothing of the request's URL or headers in an error.

use super::retry::pass_on;
use crate::storage::BlobContent;
use async_trait::async_trait;
use azure_core::{
    Body, Context, Policy, PolicyResult, Request, Response,
    error::{Error, ErrorKind, ResultExt},
    headers::{CONTENT_LENGTH, HeaderName, HeaderValue, Headers},
};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http_body::{Frame, SizeHint};
use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{self, Poll},
    time::Duration,
};

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
impl Policy for SharedTransport {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        _next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let method = reqwest::Method::from_bytes(request.method().as_ref().as_bytes())
            .context(ErrorKind::DataConversion, "a method that HTTP lacks")?;
        let mut outgoing = self
            .http
            .request(method, request.url().clone())
            .timeout(self.timeout);
        for (name, value) in request.headers().iter() {
            outgoing = outgoing.header(name.as_str(), value.as_str());
        }
        let outgoing = match (context.get::<BlobContent>(), request.body()) {
            (Some(content), _) => outgoing.body(reqwest::Body::wrap(Pieces::of(content))),
            (None, Body::Bytes(bytes)) => outgoing.body(bytes.clone()),
            (None, Body::SeekableStream(stream)) => {
                outgoing.body(reqwest::Body::wrap_stream(stream.clone()))
            }
        };
        let response = outgoing.send().await.map_err(io_error)?;
        let status = azure_core::StatusCode::try_from(response.status().as_u16())
            .map_err(|_| Error::message(ErrorKind::DataConversion, "a status that HTTP lacks"))?;
        let headers = copy_headers(response.headers());
        let body: ByteStream = Box::pin(response.bytes_stream().map_err(io_error));
        Ok(Response::new(status, headers, body))
    }
}

/// A request's content comes with its context, since the crate's own bodies are one piece, or a
/// stream that is copied through a buffer. This tells its length before the request is signed.
#[derive(Debug)]
pub(super) struct ContentLength;

#[async_trait]
impl Policy for ContentLength {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        if let Some(content) = context.get::<BlobContent>() {
            request.insert_header(CONTENT_LENGTH, content.len().to_string());
        }
        pass_on(context, request, next).await
    }
}

/// A body that hands the very pieces of a content to the connection, and knows their length.
struct Pieces(VecDeque<Bytes>);

impl Pieces {
    fn of(content: &BlobContent) -> Self {
        Self(content.pieces().iter().cloned().collect())
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

/// The crate reads it of each blob, for nobody here, and takes a new one for a failed request: it
/// knows four tiers, and the service has more (page blobs have others, and there is `Smart`).
const ACCESS_TIER: &str = "x-ms-access-tier";

fn copy_headers(headers: &reqwest::header::HeaderMap) -> Headers {
    let wanted = headers.iter().filter(|(name, _)| *name != ACCESS_TIER);
    let readable = wanted.filter_map(|(name, value)| {
        let value = HeaderValue::from(value.to_str().ok()?.to_owned());
        Some((HeaderName::from(name.as_str().to_owned()), value))
    });
    readable.collect::<HashMap<_, _>>().into()
}

/// The URL is taken out: with a signature in it, it is a secret.
pub(super) fn io_error(error: reqwest::Error) -> Error {
    Error::new(ErrorKind::Io, error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body as _;

    #[test]
    fn a_body_hands_on_the_memory_that_it_got() {
        let pieces = vec![Bytes::from(vec![1; 70_000]), Bytes::from(vec![2; 3])];
        let content = BlobContent::from(pieces.clone());
        let mut body = Pieces::of(&content);
        assert_eq!(body.size_hint().exact(), Some(70_003));
        let mut context = task::Context::from_waker(task::Waker::noop());
        for piece in &pieces {
            assert!(!body.is_end_stream());
            let frame = Pin::new(&mut body).poll_frame(&mut context);
            let Poll::Ready(Some(Ok(frame))) = frame else {
                panic!("it ended early");
            };
            let sent = frame.into_data().unwrap();
            assert_eq!(sent.as_ptr_range(), piece.as_ptr_range());
        }
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
    }
}
