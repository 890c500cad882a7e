//! Work that costs no money and much memory: so much of it at once, and the next waits a moment.

use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Nobody's turn has come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much of it is going on")]
pub struct TooMany {
    /// When to come again.
    pub retry_after: Duration,
}

/// A turn, over when it is dropped.
#[derive(Debug)]
#[must_use = "dropped, the turn is over"]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// A bounded number of turns at once.
#[derive(Debug)]
pub(super) struct Turns {
    permits: Arc<Semaphore>,
    longest_wait: Duration,
}

impl Turns {
    pub fn new(at_once: usize, longest_wait: Duration) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(at_once)),
            longest_wait,
        }
    }

    pub async fn next(&self) -> Result<Turn, TooMany> {
        let next = self.permits.clone().acquire_owned();
        // Nobody closes the semaphore.
        match tokio::time::timeout(self.longest_wait, next).await {
            Ok(Ok(permit)) => Ok(Turn { _permit: permit }),
            _ => Err(TooMany {
                retry_after: self.longest_wait.max(Duration::from_secs(1)),
            }),
        }
    }
}
