//! One connection from its first byte to its last: its requests go to the router, and it is closed
//! when its peer takes too long over anything.

use super::{
    current::Current,
    drain,
    limits::ConnectionLimits,
    progress::{BodyLeft, Late, Progress},
    stream::WatchedStream,
};
use crate::{
    request_body::{BodyRoom, BoundedBody},
    router::Doubt,
};
use axum::{
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::{HeaderValue, Request, Response, header::CONNECTION},
};
use http_body::{Body as _, Frame, SizeHint};
use hyper::{body::Incoming, server::conn::http1, service::Service as _};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{net::TcpStream, sync::watch};
use tokio_util::sync::CancellationToken;

/// A connection keeps its buffer, which grows with what it reads, by default to 400 KB. A head has
/// to fit in.
const BEYOND_A_HEAD: usize = 8 * 1024;

/// What all connections of a server share.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) current: watch::Receiver<Current>,
    pub(super) limits: ConnectionLimits,
    pub(super) bodies: BodyRoom,
    pub(super) stopping: CancellationToken,
}

enum End {
    /// By the peer's wish, or by an answer that says so.
    Done,
    Late(Late),
    /// For another one.
    LetGo,
}

/// How a connection is closed.
enum Closing {
    AtOnce,
    /// Behind what its peer still sends; with a status where the peer has no answer yet.
    Drained(Option<&'static str>),
}

impl Server {
    /// Serves one connection to its end.
    pub(super) async fn serve(self, stream: TcpStream, peer: SocketAddr, progress: Arc<Progress>) {
        let stream = WatchedStream::new(stream, progress.clone());
        let requests = Requests {
            current: self.current,
            limits: self.limits,
            bodies: self.bodies,
            peer,
            progress: progress.clone(),
        };
        let service = hyper::service::service_fn(move |request| requests.answer(request));
        let mut connection = http1::Builder::new()
            .header_read_timeout(None) // it would run for idle connections too
            .max_buf_size(self.limits.head_bytes + BEYOND_A_HEAD)
            .max_headers(self.limits.head_fields)
            .serve_connection(TokioIo::new(stream), service);
        let mut late = pin!(late(&progress, &self.limits));
        let mut is_told = false;
        let end = loop {
            tokio::select! {
                biased;
                _ = &mut connection => break End::Done,
                () = self.stopping.cancelled(), if !is_told => {
                    is_told = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
                late = &mut late => break End::Late(late),
                () = progress.let_go.notified() => break End::LetGo,
            }
        };
        let (stream, is_unread) = into_socket(connection.into_parts());
        match end.closing(is_unread, &progress) {
            Closing::AtOnce => {}
            Closing::Drained(status) => {
                drain::close(stream, status, self.limits.drain, &progress).await;
            }
        }
    }
}

/// The socket, and whether the peer has sent more than was read. Everything else that the
/// connection held is dropped: draining may take a while.
fn into_socket<S>(parts: http1::Parts<TokioIo<WatchedStream>, S>) -> (TcpStream, bool) {
    let stream = parts.io.into_inner();
    let is_unread = !parts.read_buf.is_empty() || stream.has_unread();
    (stream.into_inner(), is_unread)
}

impl End {
    fn closing(&self, is_unread: bool, progress: &Progress) -> Closing {
        match self {
            Self::LetGo | Self::Late(Late::Idle | Late::Unread | Late::Body) => Closing::AtOnce,
            _ if progress.is_stalled() => Closing::AtOnce,
            Self::Done if !is_unread && !progress.is_amid_request() => Closing::AtOnce,
            Self::Done => Closing::Drained(None),
            Self::Late(Late::Head) => Closing::Drained(Some("408 Request Timeout")),
            Self::Late(Late::HeadTooLong) => {
                Closing::Drained(Some("431 Request Header Fields Too Large"))
            }
        }
    }
}

/// Done when the peer is late. It looks again each time that the connection does.
async fn late(progress: &Progress, limits: &ConnectionLimits) -> Late {
    let mut timer = pin!(tokio::time::sleep(limits.idle));
    poll_fn(|context| {
        loop {
            let Some((ends_at, late)) = progress.ends(limits) else {
                return Poll::Pending;
            };
            if ends_at <= tokio::time::Instant::now() {
                return Poll::Ready(late);
            }
            // An earlier end than this is looked at again then: most requests touch no timer.
            if timer.is_elapsed() || timer.deadline() > ends_at {
                timer.as_mut().reset(ends_at);
            }
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// The requests of one connection.
struct Requests {
    current: watch::Receiver<Current>,
    limits: ConnectionLimits,
    bodies: BodyRoom,
    peer: SocketAddr,
    progress: Arc<Progress>,
}

impl Requests {
    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<AnswerBody>, Infallible>> + use<> {
        let length = request.body().size_hint().exact();
        let doubt = self
            .progress
            .begin(length.map_or(BodyLeft::Unknown, BodyLeft::Bytes));
        let watch = self.progress.clone();
        let watch = move |event| watch.body_event(event);
        let (time, room) = (self.limits.body, self.bodies.for_one());
        let mut request = request.map(|body| Body::new(BoundedBody::new(body, time, room, watch)));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        if let Some(doubt) = doubt {
            request.extensions_mut().insert(Doubt(doubt));
        }
        let router = self.current.borrow().router.clone();
        let answer = TowerToHyperService::new(router).call(request);
        let progress = self.progress.clone();
        async move {
            let mut answer = answer.await?;
            // Where a body in chunks ends only hyper knows, and what comes behind it could not be
            // told from it. A body that has not come to its end is drained behind the answer and
            // its connection closed: the peer is told, so that it sends no other request there.
            if length.is_none() || progress.is_amid_request() {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(CONNECTION, close);
            }
            Ok(answer.map(|body| AnswerBody { body, progress }))
        }
    }
}

/// An answer's body, which tells when it has come to its end.
struct AnswerBody {
    body: Body,
    progress: Arc<Progress>,
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.progress.answered();
    }
}
