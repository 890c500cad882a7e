//! What a migration tells while it runs, and the counts.

use super::lock;
use crate::storage::StorageError;
use std::sync::Mutex;

/// What has come of a migration so far; of a dry run, what would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MigrationCounts {
    /// Images that were copied.
    pub copied: u64,
    /// Their length together.
    pub copied_bytes: u64,
    /// Images that had a copy before.
    pub there_already: u64,
    /// What stays where it is, see [`LeftReason`].
    pub left: u64,
    /// Images that could not be copied or deleted, and prefixes that could not be listed.
    pub failed: u64,
    /// Originals that were deleted.
    pub deleted: u64,
}

/// Why something stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftReason {
    /// It is no PNG, JPEG or WebP by its type or its extension, or it is empty.
    NoPicture,
    /// The store does not copy so large a blob by itself.
    TooLarge,
    /// The store has no request to copy from such a name.
    UnusableName,
    /// It was copied before, and somebody has removed the copy.
    CopyRemoved,
    /// It was deleted while it was to be copied.
    Gone,
}

/// Something that has happened, or in a dry run would.
#[derive(Debug)]
pub enum MigrationEvent<'a> {
    /// An image was copied.
    Copied {
        /// Where it lay.
        source: &'a str,
        /// Where its copy lies.
        target: &'a str,
        /// Its length.
        size_bytes: u64,
    },
    /// An image had a copy.
    There,
    /// It stays where it is.
    Left {
        /// Where that is.
        source: &'a str,
        /// Why.
        reason: LeftReason,
    },
    /// It could not be copied, or its original not be deleted.
    Failed {
        /// Where it lies.
        source: &'a str,
        /// Why.
        error: &'a StorageError,
    },
    /// What lies below a prefix could not be listed.
    Unlisted {
        /// The prefix; empty for the whole container.
        prefix: &'a str,
        /// Why.
        error: &'a StorageError,
    },
}

/// How a migration ended.
#[derive(Debug)]
pub enum MigrationEnd {
    /// It has seen everything.
    Done,
    /// It was told to stop.
    Stopped,
    /// The store could not be written, or read, where nothing goes without it.
    Broken(StorageError),
}

/// Takes what has happened, with the counts up to then.
pub type MigrationReporter<'a> = dyn Fn(MigrationEvent<'_>, &MigrationCounts) + Send + Sync + 'a;

/// The counts, and whom to tell.
pub(super) struct Progress<'a> {
    report: &'a MigrationReporter<'a>,
    counts: Mutex<MigrationCounts>,
}

impl<'a> Progress<'a> {
    pub fn new(report: &'a MigrationReporter<'a>) -> Self {
        let counts = Mutex::default();
        Self { report, counts }
    }

    /// The counts up to now.
    pub fn counts(&self) -> MigrationCounts {
        *lock(&self.counts)
    }

    /// An image was copied; in a dry run it would be.
    pub fn copied(&self, source: &str, target: &str, size_bytes: u64) {
        let event = MigrationEvent::Copied {
            source,
            target,
            size_bytes,
        };
        self.tell(event, |counts| {
            counts.copied += 1;
            counts.copied_bytes += size_bytes;
        });
    }

    /// An image had a copy.
    pub fn there(&self) {
        self.tell(MigrationEvent::There, |counts| counts.there_already += 1);
    }

    /// It stays where it is.
    pub fn left(&self, source: &str, reason: LeftReason) {
        let event = MigrationEvent::Left { source, reason };
        self.tell(event, |counts| counts.left += 1);
    }

    /// An original was deleted.
    pub fn deleted(&self) {
        lock(&self.counts).deleted += 1;
    }

    /// It failed, or cannot be done at all, and then it is no failure.
    pub fn failed(&self, source: &str, error: &StorageError) {
        let reason = match error {
            StorageError::NotFound => LeftReason::Gone,
            StorageError::TooLarge { .. } => LeftReason::TooLarge,
            StorageError::InvalidName { .. } => LeftReason::UnusableName,
            _ => {
                let event = MigrationEvent::Failed { source, error };
                return self.tell(event, |counts| counts.failed += 1);
            }
        };
        self.left(source, reason);
    }

    /// A part of the container cannot be seen.
    pub fn unlisted(&self, prefix: &str, error: &StorageError) {
        let event = MigrationEvent::Unlisted { prefix, error };
        self.tell(event, |counts| counts.failed += 1);
    }

    fn tell(&self, event: MigrationEvent<'_>, count: impl FnOnce(&mut MigrationCounts)) {
        count(&mut lock(&self.counts));
        (self.report)(event, &self.counts());
    }
}
