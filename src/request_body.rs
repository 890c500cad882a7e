//! A request's body within its time and memory: whoever begins to send one has to go on, and to
//! come to an end.

mod memory;

pub use memory::{BodyMemory, BodyRoom, HeldRoom};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// How long the sender of a body may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyTime {
    /// From one byte to the next.
    pub pause: Duration,
    /// In all, from when somebody begins to read.
    pub whole: Duration,
}

/// Why a body has no end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Its sender took too long.
    #[error("the body did not come in time")]
    TooSlow,
    /// The bodies of all callers take what they may.
    #[error("too much of bodies is held at once")]
    NoRoom,
    /// Its sender left, or sent what is no body.
    #[error("the body broke off or is malformed")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BodyError {
    /// The fault of a body somewhere among the causes of an error.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

/// What happens to a body, for whoever watches over its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEvent {
    /// Its reader waits for more of it.
    Awaited,
    /// More of it has come.
    Moved,
    /// It has been read to its end.
    Ended,
    /// It has no end.
    Failed,
}

/// A body that is given up when it takes too long, or too much. The time runs while it is read.
pub struct BoundedBody<B, W> {
    body: B,
    time: BodyTime,
    room: HeldRoom,
    watch: W,
    ends_at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B, W> BoundedBody<B, W> {
    /// `watch` is told of every step.
    pub fn new(body: B, time: BodyTime, room: HeldRoom, watch: W) -> Self {
        Self {
            body,
            time,
            room,
            watch,
            ends_at: None,
            timer: None,
        }
    }

    /// Whether the time is over. The timer runs from the first time that nothing is there.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let ends_at = *self.ends_at.get_or_insert(now + self.time.whole);
        let timer = self.timer.get_or_insert_with(|| {
            let next = ends_at.min(now + self.time.pause);
            Box::pin(tokio::time::sleep_until(next))
        });
        timer.as_mut().poll(context).is_ready()
    }

    /// What its reader may have.
    fn within_room(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match self.room.take(bytes) {
            true => Ok(frame),
            false => Err(BodyError::NoRoom),
        }
    }
}

impl<B, W> Body for BoundedBody<B, W>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    W: Fn(BodyEvent) + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                self.timer = None;
                let frame = frame.map(|frame| {
                    let frame = frame.map_err(|error| BodyError::Broken(error.into()));
                    self.within_room(frame?)
                });
                let event = match &frame {
                    Some(Ok(_)) => BodyEvent::Moved,
                    Some(Err(_)) => BodyEvent::Failed,
                    None => BodyEvent::Ended,
                };
                (self.watch)(event);
                Poll::Ready(frame)
            }
            Poll::Pending if self.is_late(context) => {
                (self.watch)(BodyEvent::Failed);
                Poll::Ready(Some(Err(BodyError::TooSlow)))
            }
            Poll::Pending => {
                (self.watch)(BodyEvent::Awaited);
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
