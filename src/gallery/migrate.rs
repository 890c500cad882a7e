//! Copies old images to where ours lie, so that the list needs no index for them. The store
//! copies; stopped at any moment and run again, nothing is copied twice.

mod count;
mod progress;
mod source;

use super::{
    Gallery, ImageId,
    old::{Batch, Migrated, Part, Walker},
};
use crate::storage::{BlobItem, Container, DeleteMode, StorageError};
use futures_util::{StreamExt, TryStreamExt, stream};
use progress::Progress;
use source::Source;
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

pub use progress::{LeftReason, MigrationCounts, MigrationEnd, MigrationEvent, MigrationReporter};

/// So many images of one title and time have room within a second.
const MOST_NAME_MOVES: u64 = 1000;

/// Copies that are not written down are found again by asking for each of them, so a killed run
/// costs the next one this many requests at the most.
const MOST_IN_BATCH: usize = 5000;

/// While it is not written down that an image has a copy, lists have both.
const LONGEST_BATCH: Duration = Duration::from_secs(30);

/// What to do with the old images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationOptions {
    /// Whether anything is done at all.
    pub mode: MigrationMode,
    /// What becomes of an image that has a copy.
    pub originals: Originals,
    /// So many are copied at once.
    pub at_once: usize,
}

/// Whether anything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationMode {
    /// Copies.
    Copy,
    /// Only tells what would be copied; nothing is written or deleted.
    DryRun,
}

/// What becomes of an old image that has a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Originals {
    /// It stays, and is not listed any more.
    Keep,
    /// It is deleted when its copy is known to be there, with the same length.
    Delete,
}

/// A migration at work.
struct Migration<'a> {
    gallery: &'a Gallery,
    options: MigrationOptions,
    progress: Progress<'a>,
    /// What had a copy before.
    known: Migrated,
    /// Targets of a dry run, which the store does not know.
    planned: Mutex<Migrated>,
    batch: Mutex<(Batch, Instant)>,
}

/// Where the copy of an image is.
enum CopyPlace {
    /// There, since now.
    New(String),
    /// There already.
    Known(String),
    /// It would lie here.
    Free(String),
}

impl Gallery {
    /// Copies old images, and then brings the index of old images up to date. `stop` ends it
    /// early, when the copies that have begun are made.
    pub async fn migrate(
        &self,
        options: MigrationOptions,
        stop: impl Future<Output = ()> + Send,
        report: &MigrationReporter<'_>,
    ) -> (MigrationCounts, MigrationEnd) {
        let known = match Migrated::read(self.store.as_ref()).await {
            Ok(known) => known,
            Err(error) => return (MigrationCounts::default(), MigrationEnd::Broken(error)),
        };
        let migration = Migration {
            gallery: self,
            options,
            progress: Progress::new(report),
            known,
            planned: Mutex::default(),
            batch: Mutex::new((Batch::default(), Instant::now())),
        };
        let end = match migration.run(stop).await {
            Ok(end) => end,
            Err(error) => MigrationEnd::Broken(error),
        };
        (migration.progress.counts(), end)
    }
}

impl Migration<'_> {
    async fn run(
        &self,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<MigrationEnd, StorageError> {
        let is_stopped = AtomicBool::new(false);
        let stop = async {
            stop.await;
            is_stopped.store(true, Ordering::Relaxed);
        };
        let store = self.gallery.store.as_ref();
        let pages = [Part::Foreign, Part::Strays].map(|part| {
            stream::unfold(Walker::new(store, part), async |mut walker| {
                Some((walker.next().await?, walker))
            })
        });
        let images = stream::iter(pages).flatten().flat_map(|page| {
            stream::iter(match page {
                Ok(images) => images.into_iter().map(Ok).collect(),
                Err(unlisted) => vec![Err(unlisted)],
            })
        });
        let images = images.take_until(Box::pin(stop)).map(Ok);
        let done =
            images.try_for_each_concurrent(self.options.at_once, async |image| match image {
                Ok(image) => self.take(image).await,
                Err(unlisted) => {
                    self.progress.unlisted(&unlisted.prefix, &unlisted.error);
                    Ok(())
                }
            });
        done.await?;
        self.write_batch().await?;
        if is_stopped.load(Ordering::Relaxed) {
            return Ok(MigrationEnd::Stopped);
        }
        let counts = self.progress.counts();
        let has_changed = counts.copied + counts.there_already + counts.deleted > 0;
        if self.options.mode == MigrationMode::Copy && has_changed {
            self.gallery.old.rebuild().await?;
        }
        Ok(MigrationEnd::Done)
    }

    /// Does with one blob what is to be done.
    ///
    /// # Errors
    /// [`StorageError`] where it cannot be written down what has a copy: all else is reported.
    async fn take(&self, blob: BlobItem) -> Result<(), StorageError> {
        let path = blob.name.clone();
        let Some(source) = Source::new(blob) else {
            self.progress.left(&path, LeftReason::NoPicture);
            return Ok(());
        };
        let is_known = self.known.has(source.path(), source.millis());
        let (mode, originals) = (self.options.mode, self.options.originals);
        if is_known && originals == Originals::Keep {
            self.progress.there();
            return Ok(());
        }
        let copy = match (mode, is_known) {
            (MigrationMode::Copy, false) => self.copy(&source).await,
            (MigrationMode::DryRun, _) | (_, true) => self.find_copy(&source).await,
        };
        let place = match copy {
            Ok(CopyPlace::Free(_)) if is_known => {
                self.progress.left(&path, LeftReason::CopyRemoved);
                return Ok(());
            }
            Ok(place) => place,
            Err(error) => {
                self.progress.failed(&path, &error);
                return Ok(());
            }
        };
        match &place {
            CopyPlace::New(target) | CopyPlace::Free(target) => {
                self.progress.copied(&path, target, source.size_bytes());
            }
            CopyPlace::Known(_) => self.progress.there(),
        }
        match (mode, originals, place) {
            (MigrationMode::DryRun, Originals::Keep, _) => Ok(()),
            (MigrationMode::DryRun, Originals::Delete, _) => {
                self.progress.deleted();
                Ok(())
            }
            (MigrationMode::Copy, Originals::Keep, _) => self.note(&source).await,
            (
                MigrationMode::Copy,
                Originals::Delete,
                CopyPlace::New(target) | CopyPlace::Known(target) | CopyPlace::Free(target),
            ) => self.delete_original(&source, &target).await,
        }
    }

    /// Copies an image under the first name that is its own or free.
    async fn copy(&self, source: &Source) -> Result<CopyPlace, StorageError> {
        let store = self.gallery.store.as_ref();
        let properties = source.properties(store).await?;
        for moves in 0..MOST_NAME_MOVES {
            let target = source.target(moves);
            let copied = store.copy_image(source.path(), &target, properties.clone());
            match copied.await {
                Ok(()) => return Ok(CopyPlace::New(target)),
                Err(StorageError::AlreadyExists) => {}
                Err(error) => return Err(error),
            }
            if self.is_copy(source, &target).await? == Some(true) {
                return Ok(CopyPlace::Known(target));
            }
        }
        Err(StorageError::AlreadyExists)
    }

    /// Where the copy of an image is or would be, without writing anything.
    async fn find_copy(&self, source: &Source) -> Result<CopyPlace, StorageError> {
        for moves in 0..MOST_NAME_MOVES {
            let target = source.target(moves);
            match self.is_copy(source, &target).await? {
                Some(true) => return Ok(CopyPlace::Known(target)),
                Some(false) => {}
                None if lock(&self.planned).add(&target, 0) => return Ok(CopyPlace::Free(target)),
                None => {} // an image before this one would be copied there
            }
        }
        Err(StorageError::AlreadyExists)
    }

    /// Whether what lies there is the image's copy; `None` where nothing does.
    async fn is_copy(&self, source: &Source, target: &str) -> Result<Option<bool>, StorageError> {
        let there = self.gallery.store.look(Container::Images, target).await;
        match there {
            Ok(blob) => Ok(Some(source.has_copy(&blob))),
            Err(StorageError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an image that has a copy. Where that cannot be done it is noted as one that has.
    async fn delete_original(&self, source: &Source, target: &str) -> Result<(), StorageError> {
        match self.try_delete_original(source, target).await {
            Ok(()) => {
                self.progress.deleted();
                Ok(())
            }
            Err(StorageError::NotFound) => Ok(()), // another run was faster
            Err(error) => {
                self.progress.failed(source.path(), &error);
                self.note(source).await
            }
        }
    }

    /// [`StorageError::Changed`]: the copy is not what it is to be, or the original not what it
    /// was when it was listed.
    async fn try_delete_original(&self, source: &Source, target: &str) -> Result<(), StorageError> {
        let store = self.gallery.store.as_ref();
        let copy = match store.look(Container::Images, target).await {
            Err(StorageError::NotFound) => Err(StorageError::Changed),
            found => found,
        }?;
        if !source.has_copy(&copy) || copy.size_bytes != source.size_bytes() {
            return Err(StorageError::Changed);
        }
        let original = store.look(Container::Images, source.path()).await?;
        if !source.is_still(&original) {
            return Err(StorageError::Changed);
        }
        let deleted = store.delete(Container::Images, source.path(), DeleteMode::Any);
        deleted.await?;
        // The copy gets its own when somebody looks at it.
        let thumbnail = ImageId::of(source.path());
        if let Err(error) = self.gallery.thumbs.remove(&thumbnail).await {
            tracing::warn!(%error, "a thumbnail of a deleted image is left");
        }
        Ok(())
    }

    /// Notes that an image has a copy, and writes that down with many others.
    async fn note(&self, source: &Source) -> Result<(), StorageError> {
        let is_due = {
            let (batch, begun_at) = &mut *lock(&self.batch);
            batch.add(source.path(), source.millis());
            batch.count() >= MOST_IN_BATCH || begun_at.elapsed() >= LONGEST_BATCH
        };
        match is_due {
            true => self.write_batch().await,
            false => Ok(()),
        }
    }

    async fn write_batch(&self) -> Result<(), StorageError> {
        let next = (Batch::default(), Instant::now());
        let (batch, _) = std::mem::replace(&mut *lock(&self.batch), next);
        batch.write(self.gallery.store.as_ref()).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
