//! An answer to a caller, as Kestrel writes it. Its `Date` and `Server` headers are not modelled.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::body::chunk;
use super::handler::Answer;
use super::message::Head;
use super::proxy;

/// The answer to one request.
pub struct Reply<'writer> {
    writer: &'writer mut OwnedWriteHalf,
    is_to_head: bool,
    is_http_1_0: bool,
    /// The connection closes after this answer.
    pub is_last: bool,
    has_started: bool,
}

/// Transfer coding of a streamed answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Plain,
    Chunked,
}

impl<'writer> Reply<'writer> {
    pub fn new(writer: &'writer mut OwnedWriteHalf, request: &Head) -> Self {
        let is_http_1_0 = request.start.ends_with("HTTP/1.0");
        Self {
            writer,
            is_to_head: request.start.starts_with("HEAD "),
            is_http_1_0,
            is_last: is_http_1_0 || request.headers.lists("connection", "close"),
            has_started: false,
        }
    }

    pub fn stream(&self) -> &TcpStream {
        self.writer.as_ref()
    }

    pub async fn send_continue(&mut self) -> io::Result<()> {
        self.writer
            .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            .await
    }

    /// An answer of the host's own, without a body.
    pub async fn empty(&mut self, status: u16) -> io::Result<()> {
        self.own(status, &[], b"").await
    }

    /// An empty answer, after which the connection closes.
    pub async fn refuse(&mut self, status: u16) -> io::Result<()> {
        self.is_last = true;
        self.empty(status).await
    }

    /// An answer of the host's own.
    pub async fn own(
        &mut self,
        status: u16,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<()> {
        let mut head = Head::of_status(status, "Host");
        if !self.is_to_head && status != 204 {
            head.headers.set("Content-Length", &body.len().to_string());
        }
        headers
            .iter()
            .for_each(|(name, value)| head.headers.set(name, value));
        self.whole(head, body).await
    }

    /// After a failure: an empty 500, or a reset if an answer has started.
    pub async fn fail(&mut self) -> io::Result<()> {
        match self.has_started {
            false => self.empty(500).await,
            true => self.abort(),
        }
    }

    /// An answer with all of its body.
    pub async fn whole(&mut self, head: Head, body: &[u8]) -> io::Result<()> {
        let body = if self.is_to_head { b"" } else { body };
        let Some(mut bytes) = self.start(head) else {
            return Box::pin(self.empty(500)).await;
        };
        bytes.extend_from_slice(body);
        self.writer.write_all(&bytes).await
    }

    /// A proxied answer. YARP sends the head together with the first piece of the body.
    pub async fn stream_answer(&mut self, answer: &mut Answer) -> io::Result<()> {
        let mut head = proxy::answer_head(&answer.head);
        let is_bodiless = self.is_to_head || matches!(head.status(), Some(204 | 304));
        let Ok(first) = answer.piece().await else {
            return self.fail().await;
        };
        let has_length = head.headers.has("content-length");
        let mut coding = Coding::Plain;
        if !has_length && !is_bodiless {
            match (&first, self.is_http_1_0) {
                (None, _) => head.headers.set("Content-Length", "0"),
                (Some(_), true) => self.is_last = true,
                (Some(_), false) => {
                    head.headers.set("Transfer-Encoding", "chunked");
                    coding = Coding::Chunked;
                }
            }
        }
        let Some(head) = self.start(head) else {
            return self.empty(500).await;
        };
        self.writer.write_all(&head).await?;
        self.copy(first, answer, coding).await
    }

    async fn copy(
        &mut self,
        first: Option<Vec<u8>>,
        answer: &mut Answer,
        coding: Coding,
    ) -> io::Result<()> {
        let mut next = first;
        while let Some(piece) = next {
            match coding {
                Coding::Plain => self.writer.write_all(&piece).await?,
                Coding::Chunked => self.writer.write_all(&chunk(&piece)).await?,
            }
            let Ok(piece) = answer.piece().await else {
                return self.abort();
            };
            next = piece;
        }
        match coding {
            Coding::Plain => Ok(()),
            Coding::Chunked => self.writer.write_all(&chunk(b"")).await,
        }
    }

    /// The head's bytes. None if Kestrel would refuse to write it.
    fn start(&mut self, mut head: Head) -> Option<Vec<u8>> {
        if !head.headers.iter().all(|(_, value)| value.is_ascii()) {
            return None;
        }
        self.is_last |= head.headers.lists("connection", "close");
        if self.is_last {
            head.headers.set("Connection", "close");
        }
        self.has_started = true;
        Some(head.to_bytes())
    }

    /// Resets the connection, as Kestrel does if an answer cannot be finished.
    fn abort(&self) -> io::Result<()> {
        self.stream().set_zero_linger()?;
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

/// Returns when the caller has closed the connection.
pub async fn disconnected(stream: &TcpStream) {
    const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);
    while let Ok(1..) = stream.peek(&mut [0]).await {
        // Unread bytes hide the end of the connection, so poll.
        tokio::time::sleep(PAUSE).await;
    }
}
