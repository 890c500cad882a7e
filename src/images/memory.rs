//! Memory for pictures in the making. Bytes are reserved before they are read, so that an
//! upstream waits instead of filling the process; a picture gives its bytes back when the last
//! holder of it is gone.

use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// What a picture whose size nobody tells is taken for at first, in bytes; most of 1024 x 1024
/// and 1536 x 1024 pixels are smaller.
const USUAL_PICTURE: usize = 4 * MEBIBYTE;

/// Reservations that turn out too small grow by so many bytes at least.
const GROWTH: usize = MEBIBYTE;

/// Reservations are counted in units of so many bytes.
const UNIT: usize = 1024;

const MEBIBYTE: usize = 1024 * 1024;

/// The address space in which a picture arrives. glibc maps what is larger than 32 MiB, always, by
/// itself (<https://man7.org/linux/man-pages/man3/mallopt.3.html>, `M_MMAP_THRESHOLD`), and unmaps
/// it when it is freed; what is smaller comes from its heaps, once one as large was freed, and
/// stays there. Pages that nothing was written to take no memory. Other systems reserve memory
/// for address space.
const ROOM: usize = match cfg!(all(target_os = "linux", target_pointer_width = "64")) {
    true => 33 * MEBIBYTE,
    false => 0,
};

/// The memory that all pictures share.
///
/// Nobody may wait for memory forever while holding some: a hundred half-read pictures would
/// wait for each other. So there is one overdraft: whoever has it takes what it needs, finishes,
/// and hands it on. What is held at once is thus bounded by the memory and one request's pictures.
#[derive(Debug, Clone)]
pub struct ImageMemory {
    free: Arc<Semaphore>,
    overdraft: Arc<Semaphore>,
    total_units: u32,
}

/// One request's part of the memory.
#[derive(Debug, Clone)]
pub struct MemoryShare {
    memory: ImageMemory,
    /// The overdraft, while this request has it. The lock is held while waiting: the calls of
    /// one request wait one after the other, and what one of them gets helps all.
    overdraft: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

/// Reserved bytes, given back on drop.
#[derive(Debug)]
pub struct Reservation {
    share: MemoryShare,
    permits: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl ImageMemory {
    /// Memory of so many MiB.
    #[must_use]
    pub fn new(mebibytes: u32) -> Self {
        let total_units = mebibytes.saturating_mul((MEBIBYTE / UNIT) as u32);
        Self {
            free: Arc::new(Semaphore::new(total_units as usize)),
            overdraft: Arc::new(Semaphore::new(1)),
            total_units,
        }
    }

    /// Waits until a picture of the usual size would fit: nothing should be paid for while there
    /// is no room to receive it. The room is not kept, since the picture comes much later.
    pub async fn wait_for_room(&self) {
        let wanted = units(USUAL_PICTURE).min(self.total_units);
        drop(self.free.acquire_many(wanted).await);
    }

    /// A request's part, empty at first.
    #[must_use]
    pub fn share(&self) -> MemoryShare {
        MemoryShare {
            memory: self.clone(),
            overdraft: Arc::default(),
        }
    }
}

impl MemoryShare {
    /// Waits for the bytes of an answer of this declared length, or of a usual picture.
    pub async fn reserve(&self, declared: Option<usize>) -> Reservation {
        let mut reservation = Reservation {
            share: self.clone(),
            permits: None,
            bytes: 0,
        };
        reservation.grow(declared.unwrap_or(USUAL_PICTURE)).await;
        reservation
    }

    async fn acquire(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let mut overdraft = self.overdraft.lock().await;
        if overdraft.is_some() {
            return None;
        }
        let wanted = units(bytes);
        // The semaphores are never closed, so neither branch is ever without a permit.
        tokio::select! {
            biased;
            Ok(permit) = self.memory.free.clone().acquire_many_owned(wanted) => Some(permit),
            Ok(token) = self.memory.overdraft.clone().acquire_owned() => {
                *overdraft = Some(token);
                None
            }
            else => None,
        }
    }
}

impl Reservation {
    /// How many bytes may be held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Waits until at least `bytes` may be held.
    pub async fn ensure(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.grow((bytes - self.bytes).max(GROWTH)).await;
        }
    }

    async fn grow(&mut self, more: usize) {
        if let Some(permit) = self.share.acquire(more).await {
            match &mut self.permits {
                Some(permits) => permits.merge(permit),
                none => *none = Some(permit),
            }
        }
        self.bytes += more;
    }

    /// Holds a picture and as much of this reservation as it takes.
    #[must_use]
    pub fn hold(&mut self, mut picture: Vec<u8>) -> Bytes {
        picture.shrink_to_fit(); // room that was made on a guess is given back, too
        let taken = picture.len().min(self.bytes);
        self.bytes -= taken;
        let held = self.permits.as_mut().and_then(|permits| {
            let wanted = units(taken) as usize;
            permits.split(wanted.min(permits.num_permits()))
        });
        Bytes::from_owner(HeldPicture {
            picture,
            _reservation: Reservation {
                share: self.share.clone(),
                permits: held,
                bytes: taken,
            },
        })
    }
}

/// An empty buffer for a picture of about so many bytes, whose memory goes back to the system
/// with the picture and does not stay behind in the allocator.
#[must_use]
pub fn picture_buffer(expected_bytes: usize) -> Vec<u8> {
    let mut buffer = Vec::new();
    if buffer.try_reserve_exact(expected_bytes.max(ROOM)).is_err() {
        // Address space is short, or counted as memory.
        buffer.reserve_exact(expected_bytes);
    }
    buffer
}

/// A picture's bytes and its memory, given back together.
struct HeldPicture {
    picture: Vec<u8>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for HeldPicture {
    fn as_ref(&self) -> &[u8] {
        &self.picture
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn free_mebibytes(memory: &ImageMemory) -> usize {
        memory.free.available_permits() * UNIT / MEBIBYTE
    }

    #[tokio::test]
    async fn a_held_picture_keeps_its_own_bytes_and_the_rest_goes_back() {
        let memory = ImageMemory::new(10);
        let mut reservation = memory.share().reserve(None).await;
        assert_eq!(free_mebibytes(&memory), 6);
        let picture = reservation.hold(vec![0; MEBIBYTE]);
        drop(reservation);
        assert_eq!(free_mebibytes(&memory), 9);
        let copy = picture.clone();
        drop(picture);
        assert_eq!(free_mebibytes(&memory), 9, "somebody still has it");
        drop(copy);
        assert_eq!(free_mebibytes(&memory), 10);
    }

    #[test]
    fn a_buffer_is_too_large_for_the_heaps_and_large_enough_for_the_picture() {
        assert!(picture_buffer(1).capacity() >= ROOM.max(1));
        assert!(picture_buffer(ROOM + 1).capacity() > ROOM);
    }

    #[tokio::test]
    async fn half_read_pictures_do_not_wait_for_each_other_forever() {
        let memory = ImageMemory::new(8);
        let mut first = memory.share().reserve(None).await;
        let mut second = memory.share().reserve(None).await;
        first.ensure(6 * MEBIBYTE).await; // by the overdraft
        let mut more = Box::pin(second.ensure(6 * MEBIBYTE));
        assert!(more.as_mut().now_or_never().is_none(), "it is taken");
        drop(first);
        more.await;
        assert_eq!(second.bytes(), 6 * MEBIBYTE);
    }

    #[tokio::test]
    async fn the_calls_of_one_request_share_the_overdraft() {
        let memory = ImageMemory::new(4);
        let share = memory.share();
        let first = share.reserve(None).await;
        let big = share.reserve(Some(100 * MEBIBYTE));
        let (second, third) = futures_util::future::join(share.reserve(None), big).await;
        let other = memory.share();
        let mut waiting = Box::pin(other.reserve(None));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop((first, second, third, share));
        waiting.await;
    }

    #[tokio::test]
    async fn room_is_waited_for_and_not_kept() {
        let memory = ImageMemory::new(4);
        memory.wait_for_room().await;
        let held = memory.share().reserve(None).await;
        let mut room = Box::pin(memory.wait_for_room());
        assert!(room.as_mut().now_or_never().is_none());
        drop(held);
        room.await;
        assert_eq!(free_mebibytes(&memory), 4);
    }
}
