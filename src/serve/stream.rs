//! A connection's stream, which gives the HTTP reader one request at a time and tells the
//! connection's [`Progress`] what moves.

use super::progress::Progress;
use bytes::{Buf, BytesMut};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

pub(super) struct WatchedStream {
    stream: TcpStream,
    progress: Arc<Progress>,
    /// What has come and may not be read yet.
    held: BytesMut,
}

impl WatchedStream {
    pub(super) fn new(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Self {
            stream,
            progress,
            held: BytesMut::new(),
        }
    }

    /// Whether the peer has sent what nobody has read; a byte of it is read to know.
    pub(super) fn has_unread(&self) -> bool {
        !self.held.is_empty() || matches!(self.stream.try_read(&mut [0; 1]), Ok(1))
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }

    fn written<T>(&self, written: Poll<T>) -> Poll<T> {
        self.progress.written(written.is_ready());
        written
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let come = if this.held.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
            buffer.filled().len() - before
        } else {
            let come = this.held.len().min(buffer.remaining());
            buffer.put_slice(&this.held[..come]);
            come
        };
        if come == 0 {
            return Poll::Ready(Ok(())); // the peer's end
        }
        let passed = this.progress.pass(&buffer.filled()[before..]);
        if this.held.is_empty() {
            this.held
                .extend_from_slice(&buffer.filled()[before + passed..]);
        } else {
            this.held.advance(passed);
        }
        buffer.set_filled(before + passed);
        if passed == 0 {
            this.progress.hold_back(context.waker());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// The connection's owner closes it, having read what still comes.
    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
