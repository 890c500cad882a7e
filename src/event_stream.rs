//! Server-sent events as an answer's body (<https://html.spec.whatwg.org/multipage/server-sent-events.html>):
//! each event's JSON is sent piece by piece, and comments keep the connection alive between them.

use crate::picture_json::{PictureText, TooSlow};
use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    task::AbortHandle,
    time::{Instant, Sleep},
};

/// A line that readers of events pass over.
const COMMENT: Bytes = Bytes::from_static(b": heartbeat\n\n");

const END_OF_EVENT: Bytes = Bytes::from_static(b"\n\n");

/// A caller takes at least a heartbeat's few bytes in time, or this long after it.
const PATIENCE: Duration = Duration::from_secs(30);

/// One event.
pub struct Event {
    /// Its name.
    pub name: &'static str,
    /// Its JSON, on one line. The time to read it runs from when it is made, so it is to be made
    /// when its turn has come: by the stream when that is polled, not by who fills a channel.
    pub data: PictureText,
}

/// A body of events. It begins with a comment, so that everybody on the way passes the head on;
/// another one follows whenever the stream has no event for a while. When the caller takes
/// nothing any more the stream is dropped with all that waits in it: pictures that nobody reads
/// would fill the memory for all.
pub struct EventStream {
    events: Arc<Mutex<Waiting>>,
    heartbeat: Duration,
    silence: Pin<Box<Sleep>>,
    place: Place,
    watchdog: AbortHandle,
}

type Events = Pin<Box<dyn Stream<Item = Event> + Send>>;

/// What is not sent yet.
struct Waiting {
    /// `None` once the caller has taken too long.
    events: Option<Events>,
    polled_at: Instant,
}

enum Place {
    Beginning,
    BetweenEvents,
    Within(PictureText),
    End,
}

impl EventStream {
    /// A body of these events, with a comment after each `heartbeat` without one. It has to be
    /// made within the runtime, which watches the time.
    #[must_use]
    pub fn new(events: impl Stream<Item = Event> + Send + 'static, heartbeat: Duration) -> Self {
        Self::with_patience(events, heartbeat, PATIENCE)
    }

    fn with_patience(
        events: impl Stream<Item = Event> + Send + 'static,
        heartbeat: Duration,
        patience: Duration,
    ) -> Self {
        let events = Arc::new(Mutex::new(Waiting {
            events: Some(Box::pin(events)),
            polled_at: Instant::now(),
        }));
        Self {
            watchdog: let_go_after(heartbeat.saturating_add(patience), events.clone()),
            events,
            heartbeat,
            silence: Box::pin(tokio::time::sleep(heartbeat)),
            place: Place::Beginning,
        }
    }

    /// The next event's first line and the beginning of its second, a comment, or the end.
    fn poll_between(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, TooSlow>>> {
        let polled = match &mut lock(&self.events).events {
            Some(events) => events.as_mut().poll_next(context),
            None => return Poll::Ready(Some(Err(TooSlow))),
        };
        match polled {
            Poll::Ready(Some(event)) => {
                let head = format!("event: {}\ndata: ", event.name);
                self.place = Place::Within(event.data);
                Poll::Ready(Some(Ok(head.into())))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.silence.as_mut().poll(context));
                Poll::Ready(Some(Ok(COMMENT)))
            }
        }
    }

    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, TooSlow>>> {
        match &mut self.place {
            Place::Beginning => {
                self.place = Place::BetweenEvents;
                Poll::Ready(Some(Ok(COMMENT)))
            }
            Place::BetweenEvents => self.poll_between(context),
            Place::Within(text) => match ready!(Pin::new(text).poll_frame(context)) {
                Some(piece) => {
                    let bytes = piece.map(|piece| piece.into_data().unwrap_or_default());
                    Poll::Ready(Some(bytes))
                }
                None => {
                    self.place = Place::BetweenEvents;
                    Poll::Ready(Some(Ok(END_OF_EVENT)))
                }
            },
            Place::End => Poll::Ready(None),
        }
    }
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        lock(&self.events).polled_at = Instant::now();
        let bytes = ready!(self.poll_bytes(context));
        let heartbeat = self.heartbeat;
        match &bytes {
            Some(Ok(_)) => self.silence.set(tokio::time::sleep(heartbeat)),
            Some(Err(_)) | None => self.place = Place::End,
        }
        Poll::Ready(bytes.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.place, Place::End)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.watchdog.abort();
        // An aborted task may hold its part of the events for a moment longer.
        let events = lock(&self.events).events.take();
        drop(events);
    }
}

/// Lets go of the events when the body was not polled for so long.
fn let_go_after(limit: Duration, events: Arc<Mutex<Waiting>>) -> AbortHandle {
    let watch = async move {
        loop {
            let end = lock(&events).polled_at + limit;
            tokio::time::sleep_until(end).await;
            let mut waiting = lock(&events);
            if waiting.polled_at.elapsed() >= limit {
                let unread = waiting.events.take();
                drop(waiting);
                drop(unread);
                return;
            }
        }
    };
    tokio::spawn(watch).abort_handle()
}

fn lock(events: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    events.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
