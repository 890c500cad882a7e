//! The operations that this very process works on: who waits for one learns of its end at once,
//! and who cancels one is heard at once.

use super::id::OperationId;
use std::{
    collections::{HashMap, hash_map},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// The operations at work.
#[derive(Debug, Clone, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<OperationId, Signals>>>);

/// What goes to and from the work on one operation.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    /// Set when nothing more of it is wanted.
    pub canceled: CancellationToken,
    /// Set when it is written down that it has ended, or its task is gone.
    pub ended: CancellationToken,
}

/// An operation's place in the list, as long as its task lives.
#[derive(Debug)]
pub(super) struct Entry {
    running: Running,
    id: OperationId,
    signals: Signals,
}

impl Running {
    /// Takes the place of an operation, unless somebody in this process has it.
    pub fn enter(&self, id: &OperationId) -> Option<Entry> {
        let mut running = self.locked();
        let hash_map::Entry::Vacant(vacant) = running.entry(id.clone()) else {
            return None;
        };
        let signals = vacant.insert(Signals::default()).clone();
        Some(Entry {
            running: self.clone(),
            id: id.clone(),
            signals,
        })
    }

    pub fn find(&self, id: &OperationId) -> Option<Signals> {
        self.locked().get(id).cloned()
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<OperationId, Signals>> {
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
        self.running.locked().remove(&self.id);
        self.signals.ended.cancel();
    }
}
