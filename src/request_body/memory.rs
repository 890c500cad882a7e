//! The memory that request bodies take while they are read: some for each, the rest for all.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much of request bodies is held at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyMemory {
    /// Bytes that every body may have, whatever the others do.
    pub each: usize,
    /// Bytes beyond that, of all bodies together.
    pub shared: usize,
}

/// What all bodies share.
#[derive(Debug, Clone)]
pub struct BodyRoom {
    each: usize,
    shared: Arc<Semaphore>,
}

/// What one body has of it, given back when it is dropped.
#[derive(Debug)]
pub struct HeldRoom {
    room: BodyRoom,
    left: usize,
    permits: Option<OwnedSemaphorePermit>,
}

impl BodyRoom {
    /// With nothing taken.
    #[must_use]
    pub fn new(memory: BodyMemory) -> Self {
        Self {
            each: memory.each,
            shared: Arc::new(Semaphore::new(memory.shared.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// For a body of which nothing has come yet.
    #[must_use]
    pub fn for_one(&self) -> HeldRoom {
        HeldRoom {
            room: self.clone(),
            left: self.each,
            permits: None,
        }
    }
}

impl HeldRoom {
    /// Takes room for so many bytes more, or nothing where there is none.
    pub fn take(&mut self, bytes: usize) -> bool {
        let own = bytes.min(self.left);
        let Ok(beyond) = u32::try_from(bytes - own) else {
            return false;
        };
        if beyond > 0 {
            let shared = self.room.shared.clone();
            let Ok(more) = shared.try_acquire_many_owned(beyond) else {
                return false;
            };
            match &mut self.permits {
                Some(permits) => permits.merge(more),
                none => *none = Some(more),
            }
        }
        self.left -= own;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_and_all_share_the_rest() {
        let room = BodyRoom::new(BodyMemory {
            each: 10,
            shared: 5,
        });
        let (mut first, mut second) = (room.for_one(), room.for_one());
        assert!(first.take(8) && first.take(6), "ten and four");
        assert!(second.take(10));
        assert!(!second.take(2), "one is left");
        assert!(second.take(1) && !first.take(1));
        drop(first);
        assert!(second.take(4) && !second.take(1));
    }
}
