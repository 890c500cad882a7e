//! How many connections there are, and which one goes when there are too many.

use super::{limits::ConnectionLimits, progress::Progress};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// Nobody tells when a connection becomes idle.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// All open connections.
pub(super) struct Places {
    limits: ConnectionLimits,
    open: Mutex<Open>,
    freed: Notify,
}

#[derive(Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Arc<Progress>>,
}

/// One connection's place, given back when it is dropped.
pub(super) struct Place {
    number: u64,
    places: Arc<Places>,
}

impl Places {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        Self {
            limits,
            open: Mutex::default(),
            freed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for one more, and makes some.
    pub(super) async fn room(&self) {
        while self.lock().connections.len() >= self.limits.connections {
            self.let_one_go();
            let _ = tokio::time::timeout(LOOK_AGAIN, self.freed.notified()).await;
        }
    }

    /// Has the connection closed that is idle for the longest time; where none is, one whose
    /// request does not come to its end, or whose answer is not taken. Those whose answer is made,
    /// or is on its way, stay.
    pub(super) fn let_one_go(&self) {
        let open = self.lock();
        let waiting = open
            .connections
            .values()
            .filter_map(|progress| Some((progress.waits(&self.limits)?, progress)));
        if let Some((_, progress)) = waiting.min_by_key(|(waits, _)| *waits) {
            progress.give_up();
        }
    }

    pub(super) fn take(self: &Arc<Self>, progress: Arc<Progress>) -> Place {
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        open.connections.insert(number, progress);
        Place {
            number,
            places: self.clone(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().connections.remove(&self.number);
        self.places.freed.notify_one();
    }
}
