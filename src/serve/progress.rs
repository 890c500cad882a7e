//! Where a connection stands: what its stream may give to the HTTP reader, and since when it is
//! its peer's turn.

use super::{head::HeadReader, limits::ConnectionLimits};
use crate::request_body::BodyEvent;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
};
use tokio::{sync::Notify, time::Instant};

/// One connection's state, shared by its stream, its requests, its answers and its watcher.
pub(super) struct Progress {
    state: Mutex<State>,
    /// Told when the connection has to go for another one.
    pub(super) let_go: Notify,
}

struct State {
    stage: Stage,
    since: Instant,
    head: HeadReader,
    longest_head: usize,
    is_head_too_long: bool,
    stalled_since: Option<Instant>,
    is_let_go: bool,
    /// Of a reader whose bytes are held back.
    held_back: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not a byte of the next request has come.
    Idle,
    /// A head is on its way, or whole and not yet understood.
    Head,
    /// A request is worked on.
    Request {
        body: BodyLeft,
        is_awaited: bool,
        is_answered: bool,
    },
    /// It is closed behind what its peer still sends.
    Draining,
}

/// What is still to come of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyLeft {
    Bytes(u64),
    /// In chunks.
    Unknown,
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// No request came.
    Idle,
    /// A head did not come to its end.
    Head,
    /// A head is too long.
    HeadTooLong,
    /// A body that nobody reads did not come to its end.
    Body,
    /// Its peer does not take its answer.
    Unread,
}

/// Who goes first where there are too many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    Idle,
    /// Its answer is sent.
    Drain,
    Head,
    Body,
    /// Of an answer.
    Reader,
}

impl Progress {
    pub(super) fn new(limits: &ConnectionLimits) -> Self {
        Self {
            state: Mutex::new(State {
                stage: Stage::Idle,
                since: Instant::now(),
                head: HeadReader::default(),
                longest_head: limits.head_bytes,
                is_head_too_long: false,
                stalled_since: None,
                is_let_go: false,
                held_back: None,
            }),
            let_go: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of the bytes that have come may be read now: up to a head's or a body's end. What
    /// comes behind is the next request, which is to be seen from its first byte.
    pub(super) fn pass(&self, bytes: &[u8]) -> usize {
        let mut state = self.lock();
        match &mut state.stage {
            Stage::Idle if !bytes.is_empty() => {
                (state.stage, state.since) = (Stage::Head, Instant::now());
                state.pass_head(bytes)
            }
            Stage::Idle | Stage::Head => state.pass_head(bytes),
            Stage::Draining => bytes.len(),
            Stage::Request { body, .. } => match body {
                BodyLeft::Unknown => bytes.len(),
                BodyLeft::Bytes(left) => {
                    let passed = bytes
                        .len()
                        .min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= passed as u64;
                    state.rest_if_done();
                    passed
                }
            },
        }
    }

    /// Remembers who to wake when more may be read.
    pub(super) fn hold_back(&self, waker: &Waker) {
        self.lock().held_back = Some(waker.clone());
    }

    /// A head was understood. Gives what is doubtful about it.
    pub(super) fn begin(&self, body: BodyLeft) -> Option<&'static str> {
        let mut state = self.lock();
        let head = std::mem::take(&mut state.head);
        state.stage = Stage::Request {
            body,
            is_awaited: false,
            is_answered: false,
        };
        state.wake();
        match head.is_complete() {
            true => head.doubt(),
            false => Some("its head is not where its connection has one"),
        }
    }

    pub(super) fn body_event(&self, event: BodyEvent) {
        let mut state = self.lock();
        let now = Instant::now();
        let State { stage, since, .. } = &mut *state;
        let Stage::Request {
            body, is_awaited, ..
        } = stage
        else {
            return;
        };
        if event == BodyEvent::Awaited && !*is_awaited {
            *since = now;
        }
        *is_awaited = event == BodyEvent::Awaited;
        if event == BodyEvent::Ended {
            *body = BodyLeft::Bytes(0);
            state.rest_if_done();
        }
    }

    /// An answer has come to its end.
    pub(super) fn answered(&self) {
        let mut state = self.lock();
        let now = Instant::now();
        if let Stage::Request { is_answered, .. } = &mut state.stage {
            *is_answered = true;
            state.since = now;
            state.rest_if_done();
        }
    }

    /// The connection is only drained from now on.
    pub(super) fn begin_drain(&self) {
        let mut state = self.lock();
        (state.stage, state.since) = (Stage::Draining, Instant::now());
    }

    /// Whether the peer took what was written.
    pub(super) fn written(&self, is_taken: bool) {
        let mut state = self.lock();
        match is_taken {
            true => state.stalled_since = None,
            false => {
                state.stalled_since.get_or_insert_with(Instant::now);
            }
        }
    }

    /// Whether a request is on its way that is not read to its end.
    pub(super) fn is_amid_request(&self) -> bool {
        match self.lock().stage {
            Stage::Idle | Stage::Draining => false,
            Stage::Head => true,
            Stage::Request { body, .. } => body != BodyLeft::Bytes(0),
        }
    }

    /// Whether the peer has not taken all that is written for it.
    pub(super) fn is_stalled(&self) -> bool {
        self.lock().stalled_since.is_some()
    }

    /// When the connection is to be closed, if nothing happens, and why.
    pub(super) fn ends(&self, limits: &ConnectionLimits) -> Option<(Instant, Late)> {
        let state = self.lock();
        let waiting = match state.stage {
            Stage::Head if state.is_head_too_long => Some((state.since, Late::HeadTooLong)),
            Stage::Idle => Some((state.since + limits.idle, Late::Idle)),
            Stage::Head => Some((state.since + limits.head, Late::Head)),
            Stage::Request {
                is_answered: true, ..
            } => Some((state.since + limits.body.pause, Late::Body)),
            Stage::Request { .. } | Stage::Draining => None,
        };
        let unread = state.stalled_since;
        let unread = unread.map(|since| (since + limits.unread, Late::Unread));
        [waiting, unread]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }

    /// What the connection waits for, and since when, where it can be closed for another one.
    pub(super) fn waits(&self, limits: &ConnectionLimits) -> Option<(Use, Instant)> {
        let state = self.lock();
        match (state.stage, state.stalled_since) {
            _ if state.is_let_go => None,
            // Every reader is behind for a moment.
            (_, Some(since)) if since.elapsed() < limits.unread_when_full => None,
            (_, Some(since)) => Some((Use::Reader, since)),
            (Stage::Idle, None) => Some((Use::Idle, state.since)),
            (Stage::Draining, None) => Some((Use::Drain, state.since)),
            (Stage::Head, None) => Some((Use::Head, state.since)),
            (
                Stage::Request {
                    is_awaited: true, ..
                },
                None,
            ) => Some((Use::Body, state.since)),
            (Stage::Request { .. }, None) => None,
        }
    }

    /// Has the connection closed for another one.
    pub(super) fn give_up(&self) {
        self.lock().is_let_go = true;
        self.let_go.notify_one();
    }
}

impl State {
    fn pass_head(&mut self, bytes: &[u8]) -> usize {
        if self.head.is_complete() || self.is_head_too_long {
            return 0;
        }
        let passed = self.head.read(bytes);
        if self.head.length() > self.longest_head {
            self.is_head_too_long = true;
            return 0;
        }
        passed
    }

    /// A request that is read and answered makes room for the next one.
    fn rest_if_done(&mut self) {
        let is_done = matches!(
            self.stage,
            Stage::Request {
                body: BodyLeft::Bytes(0),
                is_answered: true,
                ..
            }
        );
        if is_done {
            (self.stage, self.since) = (Stage::Idle, Instant::now());
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.held_back.take() {
            waker.wake();
        }
    }
}
