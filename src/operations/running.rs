//! The operations that this very process works on: who waits for one learns of its end at once,
//! and who cancels one is heard at once.

use super::id::OperationId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// The operations at work.
#[derive(Debug, Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<OperationId, Shared>>>);

/// Two requests with one key begin under one id, and two questions may take up one lost
/// operation; the store lets one of them go on. The other's going must not hide that one.
#[derive(Debug, Default)]
struct Shared {
    signals: Signals,
    entries: usize,
}

/// What goes to and from the work on one operation.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    /// Set when nothing more of it is wanted.
    pub canceled: CancellationToken,
    /// Set when it is written down that it has ended, or its task is gone.
    pub ended: CancellationToken,
}

/// An operation's place in the list, as long as its task lives or is about to begin.
#[derive(Debug)]
pub(super) struct Entry {
    running: Running,
    id: OperationId,
    signals: Signals,
}

impl Signals {
    /// Until it has ended, or nobody wants it any more, which is an end too.
    pub async fn over(&self) {
        tokio::select! {
            () = self.ended.cancelled() => {}
            () = self.canceled.cancelled() => {}
        }
    }
}

impl Running {
    pub fn enter(&self, id: &OperationId) -> Entry {
        let mut locked = self.locked();
        let shared = locked.entry(id.clone()).or_default();
        shared.entries += 1;
        let signals = shared.signals.clone();
        drop(locked);
        Entry {
            running: self.clone(),
            id: id.clone(),
            signals,
        }
    }

    pub fn find(&self, id: &OperationId) -> Option<Signals> {
        let locked = self.locked();
        locked.get(id).map(|shared| shared.signals.clone())
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<OperationId, Shared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub fn signals(&self) -> &Signals {
        &self.signals
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut locked = self.running.locked();
        if let Some(shared) = locked.get_mut(&self.id) {
            shared.entries -= 1;
            if shared.entries == 0 {
                locked.remove(&self.id);
                self.signals.ended.cancel();
            }
        }
    }
}
