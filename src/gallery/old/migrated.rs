//! Which old images have a copy in `gallery/`, and so are not to be listed themselves. Each run
//! of the migration writes its batches as blobs of their own: nobody has to wait for anybody,
//! and a million images cost no more to note than the length of their paths.

use crate::storage::{BlobStore, Container, ListQuery, Metadata, NewBlob, PutMode, StorageError};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::{
    collections::HashSet,
    fmt::Write,
    hash::{BuildHasher, RandomState},
};
use uuid::Uuid;

/// Where the batches lie, in the state container.
const BATCHES: &str = "gallery/migrated/";

/// Far more than a batch has.
const MOST_BATCH_BYTES: u64 = 64 * 1024 * 1024;

/// Images that have a copy. Of each only a hash is held: a million take some 20 MiB.
#[derive(Debug, Default)]
pub(in crate::gallery) struct Migrated {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl Migrated {
    /// Reads all batches.
    ///
    /// # Errors
    /// What the store says.
    pub async fn read(store: &dyn BlobStore) -> Result<Self, StorageError> {
        let mut migrated = Self::default();
        let mut query = ListQuery {
            prefix: BATCHES.to_owned(),
            ..ListQuery::default()
        };
        loop {
            let page = store.list(Container::State, &query).await?;
            for batch in page.items {
                let batch = store.get_at_most(Container::State, &batch.name, MOST_BATCH_BYTES);
                migrated.add_lines(&String::from_utf8_lossy(&batch.await?.bytes));
            }
            match page.next_marker {
                Some(marker) => query.marker = Some(marker),
                None => return Ok(migrated),
            }
        }
    }

    /// Whether an image has a copy. Another image that came to the same path later has another
    /// time, unless its name tells one.
    pub fn has(&self, path: &str, millis: u64) -> bool {
        self.hashes.contains(&self.hash(path, millis))
    }

    /// Adds an image; false if it was there.
    pub fn add(&mut self, path: &str, millis: u64) -> bool {
        self.hashes.insert(self.hash(path, millis))
    }

    /// What is no line of a batch is left out.
    fn add_lines(&mut self, lines: &str) {
        for line in lines.lines() {
            let Some((path, millis)) = line.split_once(' ') else {
                continue;
            };
            if let (Ok(path), Ok(millis)) = (
                percent_decode_str(path).decode_utf8(),
                millis.parse::<u64>(),
            ) {
                self.add(&path, millis);
            }
        }
    }

    fn hash(&self, path: &str, millis: u64) -> u64 {
        self.hasher.hash_one((path, millis))
    }
}

/// Images that were copied and are still to be written down: a line for each, with its
/// percent-encoded path and its time in milliseconds since 1970.
#[derive(Debug, Default)]
pub(in crate::gallery) struct Batch {
    lines: String,
    count: usize,
}

impl Batch {
    pub fn add(&mut self, path: &str, millis: u64) {
        let path = utf8_percent_encode(path, NON_ALPHANUMERIC);
        // Writing to a string cannot fail.
        let _ = writeln!(self.lines, "{path} {millis}");
        self.count += 1;
    }

    /// How many images it has.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Writes it down, if there is anything in it.
    ///
    /// # Errors
    /// What the store says; the images are then not written down.
    pub async fn write(self, store: &dyn BlobStore) -> Result<(), StorageError> {
        if self.count == 0 {
            return Ok(());
        }
        let id = Uuid::new_v4();
        let blob = NewBlob {
            content: self.lines.into_bytes().into(),
            content_type: "text/plain".to_owned(),
            metadata: Metadata::new(),
            write_id: id,
        };
        let path = format!("{BATCHES}{}", id.simple());
        let put = store.put(Container::State, &path, blob, PutMode::Create);
        put.await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_comes_back_from_its_line() {
        let paths = [
            "a cat_1680000000000.png",
            "a\nb 1",
            "100%25 \r\n/猫?#.png",
            "",
            " ",
        ];
        let mut batch = Batch::default();
        for (millis, path) in paths.iter().enumerate() {
            batch.add(path, millis as u64);
        }
        assert_eq!((batch.count(), batch.lines.lines().count()), (5, 5));
        let mut migrated = Migrated::default();
        migrated.add_lines(&batch.lines);
        assert_eq!(migrated.hashes.len(), 5);
        for (millis, path) in paths.iter().enumerate() {
            assert!(migrated.has(path, millis as u64), "{path:?}");
            assert!(!migrated.has(path, 99), "{path:?} of another time");
        }
        assert!(!migrated.has("a", 1));
    }

    #[test]
    fn what_is_no_line_is_left_out() {
        let mut migrated = Migrated::default();
        migrated.add_lines("\na\nb x\n%ff 1\nc 18446744073709551616\nd 1");
        assert!(migrated.has("d", 1) && migrated.hashes.len() == 1);
    }
}
