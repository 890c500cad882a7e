//! Places for generations: a bounded number at once, a bounded number that wait.

use super::{OperationError, OperationSettings};
use crate::images::memory::{ImageMemory, MemoryShare, Reservation};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// When a caller that found no place may come again.
const COME_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// What lets an operation in that nobody waits for: a place, or one in the queue.
#[derive(Debug)]
pub(super) enum Admission {
    Place(Place),
    Queued { _ticket: OwnedSemaphorePermit },
}

/// The places of this process, and the memory that those who have one share.
#[derive(Debug)]
pub(super) struct Places {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    memory: ImageMemory,
    /// Of pictures that are only repeated: whoever does not read them must not be in the way of
    /// those that are paid for.
    repeated_memory: ImageMemory,
    longest_queue_time: Duration,
}

impl Places {
    pub fn new(settings: &OperationSettings) -> Self {
        Self {
            places: Arc::new(Semaphore::new(settings.max_concurrent)),
            queue: Arc::new(Semaphore::new(settings.max_queued)),
            memory: ImageMemory::new(settings.memory_mebibytes),
            repeated_memory: ImageMemory::new((settings.memory_mebibytes / 6).max(1)),
            longest_queue_time: settings.longest_queue_time,
        }
    }

    /// An empty part of the memory for one generation.
    pub fn memory_share(&self) -> MemoryShare {
        self.memory.share()
    }

    /// Room for a stored picture that is read again.
    ///
    /// # Errors
    /// [`OperationError::Busy`].
    pub async fn reserve_repeated(
        &self,
        share: &MemoryShare,
        bytes: usize,
    ) -> Result<Reservation, OperationError> {
        self.in_time(share.reserve(Some(bytes))).await
    }

    /// An empty part of the memory for pictures that are read again.
    pub fn repeated_share(&self) -> MemoryShare {
        self.repeated_memory.share()
    }

    /// A place for a caller who waits: after a bounded time in a queue of bounded length, and
    /// once there is room for a picture. Nothing is paid for while there is none.
    ///
    /// # Errors
    /// [`OperationError::Busy`].
    pub async fn take(&self) -> Result<Place, OperationError> {
        let place = match self.admit()? {
            Admission::Place(place) => place,
            Admission::Queued { _ticket } => self.in_time(self.next_place()).await?,
        };
        self.in_time(self.memory.wait_for_room()).await?;
        Ok(place)
    }

    /// Lets an operation in, as far as there are places and the queue is not full.
    ///
    /// # Errors
    /// [`OperationError::Busy`].
    pub fn admit(&self) -> Result<Admission, OperationError> {
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Ok(Admission::Place(Place { _permit: permit }));
        }
        let permit = self.queue.clone().try_acquire_owned();
        let _ticket = permit.map_err(|_| busy())?;
        Ok(Admission::Queued { _ticket })
    }

    /// A place and room for a picture, however long it takes; `None` is an operation that was
    /// let in elsewhere.
    pub async fn wait(&self, admission: Option<Admission>) -> Place {
        let place = match admission {
            Some(Admission::Place(place)) => place,
            Some(Admission::Queued { _ticket }) => self.next_place().await,
            None => self.next_place().await,
        };
        self.memory.wait_for_room().await;
        place
    }

    async fn next_place(&self) -> Place {
        match self.places.clone().acquire_owned().await {
            Ok(permit) => Place { _permit: permit },
            // Nobody closes the semaphore.
            Err(_) => std::future::pending().await,
        }
    }

    async fn in_time<T>(&self, wait: impl Future<Output = T>) -> Result<T, OperationError> {
        let waited = tokio::time::timeout(self.longest_queue_time, wait).await;
        waited.map_err(|_| busy())
    }
}

fn busy() -> OperationError {
    OperationError::Busy {
        retry_after: COME_AGAIN_AFTER,
    }
}
