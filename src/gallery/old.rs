//! Images that are not ours: what the original stored at the container's root, and what others
//! put anywhere. They hardly change, so an index of them is kept in the state container, built
//! once and freshened in the background: no answer waits for a walk through the container, but
//! the first of all.

mod index;
mod migrated;
mod upkeep;
mod walk;

use super::found::Found;
use crate::storage::{BlobStore, StorageError};
use futures_util::FutureExt;
use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

pub(super) use index::OldIndex;
pub(super) use migrated::{Batch, Migrated};
pub(super) use walk::{Part, Walker};

/// A failed attempt is repeated after this long.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How fresh the index is.
#[derive(Debug, Clone, Copy)]
pub struct OldImagesSettings {
    /// The stored index is looked at again after this long: another instance may have changed it.
    pub looked_at_after: Duration,
    /// The container is walked again when the stored index is this old.
    pub walked_after: Duration,
    /// At the first of so many walks `gallery/` is searched for what is not ours. That costs a
    /// list call for each 5000 images.
    pub walks_per_search: u64,
    /// An answer waits so long for the first index.
    pub longest_wait: Duration,
}

impl Default for OldImagesSettings {
    fn default() -> Self {
        Self {
            looked_at_after: Duration::from_secs(60),
            walked_after: Duration::from_secs(600),
            walks_per_search: 144, // about a day
            longest_wait: Duration::from_secs(5),
        }
    }
}

/// The index of old images, in memory.
#[derive(Clone)]
pub(super) struct OldImages(Arc<Inner>);

struct Inner {
    store: Arc<dyn BlobStore>,
    settings: OldImagesSettings,
    known: watch::Sender<Known>,
    work: Mutex<Work>,
}

/// What this process knows of the index.
#[derive(Debug, Clone)]
enum Known {
    NotYet,
    /// It takes longer than an answer waits.
    Late,
    /// The first attempt failed; another follows.
    Failed,
    Index(Arc<OldIndex>),
}

/// What is to be done, and when.
#[derive(Default)]
struct Work {
    is_running: bool,
    next: Option<Instant>,
    changes: Vec<Change>,
}

/// What this process has noticed of an image since the index was stored.
#[derive(Debug, Clone)]
enum Change {
    Came(Found),
    Went(String),
}

impl OldImages {
    pub fn new(store: Arc<dyn BlobStore>, settings: OldImagesSettings) -> Self {
        Self(Arc::new(Inner {
            store,
            settings,
            known: watch::Sender::new(Known::NotYet),
            work: Mutex::default(),
        }))
    }

    /// The index as this process knows it. Only the first who ask wait for it, and not for
    /// long: where there is none yet, building it is a walk through the container. `None`: it is
    /// not known yet, and what is listed without it is not the whole.
    pub async fn current(&self) -> Option<Arc<OldIndex>> {
        let waits = |known: &Known| matches!(known, Known::NotYet);
        self.current_unless(waits).await
    }

    /// [`Self::current`] for whoever wants old images alone: each of them waits.
    pub async fn awaited(&self) -> Option<Arc<OldIndex>> {
        let waits = |known: &Known| matches!(known, Known::NotYet | Known::Late);
        self.current_unless(waits).await
    }

    async fn current_unless(&self, waits: impl Fn(&Known) -> bool) -> Option<Arc<OldIndex>> {
        self.freshen();
        let mut known = self.0.known.subscribe();
        let wait = known.wait_for(|known| !waits(known));
        let Ok(known) = tokio::time::timeout(self.0.settings.longest_wait, wait).await else {
            let waits = |known: &Known| matches!(known, Known::NotYet);
            self.0.replace_known(waits, Known::Late);
            return None;
        };
        match &*known.ok()? {
            Known::NotYet | Known::Late => None,
            Known::Failed => Some(Arc::default()),
            Known::Index(index) => Some(index.clone()),
        }
    }

    /// Where the store has just failed as a whole, nothing is remembered of the first attempt's
    /// failure: whoever asks next waits for another, and gets the old images with ours.
    pub fn forget_failure(&self) {
        let has_failed = |known: &Known| matches!(known, Known::Failed);
        if self.0.replace_known(has_failed, Known::NotYet) {
            self.0.lock().next = None;
        }
    }

    /// Notes images that were met and may be missing in the index. Where there is none yet the
    /// first walk finds them, and until then each list would note them all again.
    pub fn note(&self, met: Vec<Found>) {
        let Known::Index(known) = self.0.known.borrow().clone() else {
            return;
        };
        let has_room = known.has_room();
        let is_new = |image: &Found| !known.contains(image) && !known.hides(&image.path);
        let new = met.into_iter().filter(|image| has_room && is_new(image));
        let new: Vec<Found> = new.collect();
        if new.is_empty() {
            return;
        }
        // One that was written anew is there with an earlier time.
        let paths: HashSet<&str> = new.iter().map(|image| image.path.as_str()).collect();
        let before = known.iter().filter(|image| paths.contains(image.path()));
        let went = before.map(|image| Change::Went(image.path().to_owned()));
        let mut changes: Vec<Change> = went.collect();
        changes.extend(new.into_iter().map(Change::Came));
        self.change(changes);
    }

    /// Whether it is in the index, as far as this process knows.
    pub fn knows(&self, path: &str) -> bool {
        let known = self.0.known.borrow().index();
        known.iter().any(|image| image.path() == path)
    }

    /// Notes that an image is gone.
    pub fn forget(&self, path: &str) {
        self.change(vec![Change::Went(path.to_owned())]);
    }

    /// Builds the index anew, strays and all, and writes it. Where others write it meanwhile
    /// again and again it is left to them.
    ///
    /// # Errors
    /// What the store says.
    pub async fn rebuild(&self) -> Result<(), StorageError> {
        self.0.rebuild().await
    }

    fn change(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        self.0.known.send_if_modified(|known| {
            let Known::Index(index) = known else {
                return false;
            };
            changes.iter().for_each(|it| it.apply(Arc::make_mut(index)));
            true
        });
        let mut work = self.0.lock();
        work.changes.extend(changes);
        work.next = None;
        drop(work);
        self.freshen();
    }

    /// Looks after the index in the background where it is time to.
    fn freshen(&self) {
        let mut work = self.0.lock();
        let is_due = work.next.is_none_or(|next| next <= Instant::now());
        if is_due && !work.is_running {
            work.is_running = true;
            let inner = self.0.clone();
            tokio::spawn(async move { inner.look_after().await });
        }
    }
}

impl Inner {
    async fn look_after(&self) {
        let changes = std::mem::take(&mut self.lock().changes);
        // A panic must not leave it running: nobody would ever look after the index again.
        let outcome = AssertUnwindSafe(self.bring_up_to_date(&changes)).catch_unwind();
        let lost = |_| Err(StorageError::failed("index old images", "it panicked"));
        let outcome = outcome.await.unwrap_or_else(lost);
        let wait = match &outcome {
            Ok(()) => self.settings.looked_at_after,
            Err(error) => {
                tracing::warn!(%error, "the index of old images could not be looked after");
                AFTER_FAILURE
            }
        };
        let mut work = self.lock();
        if outcome.is_err() {
            work.changes.splice(0..0, changes);
        }
        work.is_running = false;
        // Changes that came meanwhile are the next request's work.
        work.next = work.changes.is_empty().then(|| Instant::now() + wait);
        if outcome.is_err() {
            work.next = Some(Instant::now() + wait);
        }
        drop(work);
        // Whoever waits is let go; with the next attempt the old images come.
        let waits = |known: &Known| matches!(known, Known::NotYet | Known::Late);
        self.replace_known(waits, Known::Failed);
    }

    /// Replaces what is known where it is such; whether it was.
    fn replace_known(&self, is_now: impl Fn(&Known) -> bool, next: Known) -> bool {
        self.known.send_if_modified(|known| {
            let is_now = is_now(known);
            if is_now {
                *known = next;
            }
            is_now
        })
    }

    fn publish(&self, mut index: OldIndex) {
        let changes = self.lock().changes.clone();
        changes.iter().for_each(|change| change.apply(&mut index));
        let index = Arc::new(index);
        self.known.send_if_modified(|known| {
            let is_new = !matches!(known, Known::Index(known) if *known == index);
            if is_new {
                *known = Known::Index(index);
            }
            is_new
        });
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn index(&self) -> Arc<OldIndex> {
        match self {
            Self::Index(index) => index.clone(),
            Self::NotYet | Self::Late | Self::Failed => Arc::default(),
        }
    }
}

impl Change {
    fn apply(&self, index: &mut OldIndex) {
        match self {
            Self::Came(found) => index.insert(found.clone()),
            Self::Went(path) => {
                index.remove(path);
            }
        }
    }
}
