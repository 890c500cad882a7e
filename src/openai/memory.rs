//! A bound on the memory that upstream answers take while they are read, decoded and stored.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// An answer that does not tell its length is taken to be as long as a large image's.
const UNKNOWN_LENGTH: u64 = 16 * 1024 * 1024;

/// The budget is counted in these, since a semaphore counts in 32 bits.
const BYTES_PER_PERMIT: u64 = 1024;

/// A number of bytes that all answers share.
#[derive(Debug, Clone)]
pub struct Memory {
    permits: Arc<Semaphore>,
    capacity: u32,
}

/// A part of the budget; given back when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Reservation {
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Memory {
    /// A budget of so many MiB.
    #[must_use]
    pub fn new(mebibytes: u32) -> Self {
        let capacity = mebibytes.saturating_mul(1024);
        Self {
            permits: Arc::new(Semaphore::new(capacity as usize)),
            capacity,
        }
    }

    /// Waits for room for an answer: its base64 text and the decoded image are held at once for
    /// a moment. An answer beyond the whole budget gets the whole budget, alone.
    pub(super) async fn reserve(&self, content_length: Option<u64>) -> Reservation {
        let length = content_length.unwrap_or(UNKNOWN_LENGTH);
        let needed = length.saturating_mul(7) / 4 / BYTES_PER_PERMIT + 1;
        let permits = u32::try_from(needed).unwrap_or(u32::MAX).min(self.capacity);
        let permit = self.permits.clone().acquire_many_owned(permits).await;
        Reservation {
            _permit: permit.ok().map(Arc::new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn answers_wait_until_there_is_room() {
        let memory = Memory::new(1);
        let first = memory.reserve(Some(500 * 1024)).await;
        assert!(memory.reserve(Some(500 * 1024)).now_or_never().is_none());
        drop(first);
        assert!(memory.reserve(Some(500 * 1024)).now_or_never().is_some());
    }

    #[tokio::test]
    async fn an_answer_beyond_the_budget_gets_all_of_it_alone() {
        let memory = Memory::new(1);
        let huge = memory.reserve(Some(u64::MAX)).await;
        assert!(memory.reserve(Some(1)).now_or_never().is_none());
        drop(huge);
        assert!(memory.reserve(None).now_or_never().is_some());
    }
}
