//! The count of a day, as a blob of the state container that is changed only by compare-and-swap.

use super::{LONGEST_PAUSE, PAUSE_STEP, ROUNDS};
use crate::storage::{
    BlobStore, Container, DeleteMode, ETag, ListQuery, Metadata, NewBlob, PutMode, StorageError,
};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

const PREFIX: &str = "budget/";

/// A count with its latest writes takes 2.5 KB.
const LARGEST_BLOB: u64 = 4096;

/// So many writes are remembered: more than others do while one is repeated whose answer was lost.
const REMEMBERED_WRITES: usize = 60;

/// All days.
pub(super) struct Ledger {
    store: Arc<dyn BlobStore>,
}

/// A day as it was read.
pub(super) struct Page {
    /// By all processes together.
    pub reserved: u32,
    /// The latest writes.
    writes: Vec<Uuid>,
    /// `None` where nothing was.
    seen: Option<ETag>,
}

#[derive(Serialize, Deserialize)]
struct Content {
    reserved: u32,
    /// The latest writes, this one last: by them a write is known that another process replaced
    /// before its own knew of it. They are another content each time, too, by which a folder tells
    /// versions apart.
    #[serde(default)]
    writes: Vec<Uuid>,
}

impl Ledger {
    pub fn new(store: Arc<dyn BlobStore>) -> Self {
        Self { store }
    }

    /// # Errors
    /// What the store says; also where the count cannot be read: what it was is not known, so
    /// nothing may be spent.
    pub async fn read(&self, day: Date) -> Result<Page, StorageError> {
        let path = path_of(day);
        let blob = self
            .store
            .get_at_most(Container::State, &path, LARGEST_BLOB);
        match blob.await {
            Err(StorageError::NotFound) => Ok(Page {
                reserved: 0,
                writes: Vec::new(),
                seen: None,
            }),
            Err(error) => Err(error),
            Ok(blob) => {
                let content = serde_json::from_slice::<Content>(&blob.bytes);
                let content = content
                    .map_err(|error| StorageError::failed("read the daily budget", error))?;
                Ok(Page {
                    reserved: content.reserved,
                    writes: content.writes,
                    seen: Some(blob.etag),
                })
            }
        }
    }

    /// # Errors
    /// [`StorageError::Changed`] or [`StorageError::AlreadyExists`] when another was faster.
    pub async fn reserve(&self, day: Date, page: &Page, images: u32) -> Result<(), StorageError> {
        let reserved = page.reserved.saturating_add(images);
        self.write(day, page, reserved).await
    }

    /// Gives back what was reserved.
    ///
    /// # Errors
    /// What the store says; then it stays reserved.
    pub async fn take_back(&self, day: Date, images: u32) -> Result<(), StorageError> {
        for round in 0..ROUNDS {
            tokio::time::sleep((PAUSE_STEP * round).min(LONGEST_PAUSE)).await;
            let page = self.read(day).await?;
            if page.seen.is_none() {
                return Ok(()); // somebody removed it
            }
            let reserved = page.reserved.saturating_sub(images);
            match self.write(day, &page, reserved).await {
                Err(StorageError::Changed) => {}
                written => return written,
            }
        }
        Err(StorageError::Changed)
    }

    /// When a day was last written, by the store's clock.
    pub async fn last_written(&self, day: Date) -> Result<OffsetDateTime, StorageError> {
        let item = self.store.look(Container::State, &path_of(day)).await?;
        Ok(item.last_modified)
    }

    /// Removes the days that nobody has written to for so long, by the store's clock.
    pub async fn remove_older_than(&self, age: Duration) -> Result<(), StorageError> {
        let query = ListQuery {
            prefix: PREFIX.to_owned(),
            ..ListQuery::default()
        };
        for day in self.store.list(Container::State, &query).await?.items {
            let found = self
                .store
                .get_at_most(Container::State, &day.name, LARGEST_BLOB);
            let found = match found.await {
                Err(StorageError::NotFound | StorageError::TooLarge { .. }) => continue,
                found => found?,
            };
            if found.age <= age {
                continue;
            }
            let mode = DeleteMode::Version(found.etag);
            match self.store.delete(Container::State, &day.name, mode).await {
                Ok(()) | Err(StorageError::NotFound | StorageError::Changed) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes a count in the place of `page`, once: where the store says that another process did,
    /// that one may have replaced what this very write had left there.
    async fn write(&self, day: Date, page: &Page, reserved: u32) -> Result<(), StorageError> {
        let write = Uuid::new_v4();
        match self.put(day, page, reserved, write).await {
            Err(refused @ (StorageError::Changed | StorageError::AlreadyExists)) => {
                let is_done = self.read(day).await?.writes.contains(&write);
                if is_done { Ok(()) } else { Err(refused) }
            }
            written => written,
        }
    }

    async fn put(
        &self,
        day: Date,
        page: &Page,
        reserved: u32,
        write: Uuid,
    ) -> Result<(), StorageError> {
        let forgotten = (page.writes.len() + 1).saturating_sub(REMEMBERED_WRITES);
        let before = page.writes.iter().skip(forgotten).copied();
        let writes = before.chain([write]).collect();
        let json = serde_json::to_vec(&Content { reserved, writes });
        let json = json.map_err(|error| StorageError::failed("write the daily budget", error))?;
        let blob = NewBlob {
            content: json.into(),
            content_type: "application/json".to_owned(),
            metadata: Metadata::new(),
            write_id: write,
        };
        let mode = match &page.seen {
            Some(seen) => PutMode::Replace(seen.clone()),
            None => PutMode::Create,
        };
        let path = path_of(day);
        let written = self.store.put(Container::State, &path, blob, mode).await;
        written.map(drop)
    }
}

/// Years have four digits: the store's clock is no further on.
fn path_of(day: Date) -> String {
    let (year, month, day) = (day.year(), u8::from(day.month()), day.day());
    format!("{PREFIX}{year:04}-{month:02}-{day:02}")
}
