//! The body of a successful answer while it arrives: who reads it, piece by piece, and how long
//! the upstream may take over it.

use super::{UpstreamError, failure};
use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use std::future::Future;
use tokio::time::Instant;

/// A whole body that is longer is no answer of ours.
const MAX_WHOLE_BYTES: usize = 4 * 1024 * 1024;

/// The media type of server-sent events.
const EVENT_STREAM: &str = "text/event-stream";

/// Makes something of a successful answer's body.
pub trait ReadAnswer: Sync {
    /// What it makes.
    type Output: Send;

    /// The media types that it reads, for the request's `Accept`.
    fn accepts(&self) -> &'static str {
        "application/json"
    }

    /// Reads the body to its end. An answer that broke off may be read again by another call.
    ///
    /// # Errors
    /// [`UpstreamError`] when the body cannot be used or is an error in spite of its status.
    fn read(
        &self,
        body: &mut AnswerBody,
    ) -> impl Future<Output = Result<Self::Output, UpstreamError>> + Send;
}

/// A body on its way.
#[derive(Debug)]
pub struct AnswerBody {
    response: reqwest::Response,
    deadline: Instant,
    latest: Instant,
}

impl AnswerBody {
    pub(super) fn new(response: reqwest::Response, deadline: Instant, latest: Instant) -> Self {
        Self {
            response,
            deadline,
            latest,
        }
    }

    /// Its length, where the upstream tells.
    #[must_use]
    pub fn declared_length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// Whether the upstream says that it is an event stream.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        let named = self.response.headers().get(CONTENT_TYPE);
        let named = named.and_then(|named| named.to_str().ok());
        let essence = named.and_then(|named| named.split(';').next());
        essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(EVENT_STREAM))
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`UpstreamError::TimedOut`], or [`UpstreamError::Broken`] when the connection is lost.
    pub async fn next_piece(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        match tokio::time::timeout_at(self.deadline, self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(UpstreamError::Broken(error.without_url())),
            Err(_) => Err(UpstreamError::TimedOut),
        }
    }

    /// Lets the upstream wait for something of ours. The time is not its own, so its deadline
    /// moves by it; an answer that is paid for is not lost to our own lack of memory before the
    /// very end.
    ///
    /// # Errors
    /// [`UpstreamError::TimedOut`] at the end of all time.
    pub async fn pause<T>(&mut self, wait: impl Future<Output = T>) -> Result<T, UpstreamError> {
        let paused_at = Instant::now();
        let waited = tokio::time::timeout_at(self.latest, wait).await;
        self.deadline = (self.deadline + paused_at.elapsed()).min(self.latest);
        waited.map_err(|_| UpstreamError::TimedOut)
    }
}

/// Reads short answers as a whole.
#[derive(Debug, Clone, Copy)]
pub struct WholeBody;

impl ReadAnswer for WholeBody {
    type Output = Vec<u8>;

    async fn read(&self, body: &mut AnswerBody) -> Result<Vec<u8>, UpstreamError> {
        let mut whole = Vec::new();
        while let Some(piece) = body.next_piece().await? {
            if whole.len() + piece.len() > MAX_WHOLE_BYTES {
                return Err(UpstreamError::Malformed {
                    reason: "it is longer than 4 MiB",
                });
            }
            whole.extend_from_slice(&piece);
        }
        match failure::in_success(&whole) {
            Some(error) => Err(error),
            None => Ok(whole),
        }
    }
}
