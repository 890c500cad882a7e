//! The images of one operation: what is left of it when its process is gone.

use super::{
    Gallery, StoredImage,
    found::{Found, sort_newest_first},
    metadata, name,
};
use crate::storage::{Container, ListQuery, StorageError};
use std::ops::RangeInclusive;
use time::OffsetDateTime;

impl Gallery {
    /// The images that an operation has stored within a span of time, oldest first, whoever
    /// looks for them.
    ///
    /// # Errors
    /// [`StorageError`] when the store cannot be listed.
    pub async fn find_of_operation(
        &self,
        mark: &str,
        made: RangeInclusive<OffsetDateTime>,
    ) -> Result<Vec<StoredImage>, StorageError> {
        let mut found = Vec::new();
        for prefix in name::prefixes_of(made) {
            self.add_of_operation(mark, prefix, &mut found).await?;
        }
        sort_newest_first(&mut found);
        found.reverse();
        Ok(found.into_iter().map(StoredImage::from).collect())
    }

    async fn add_of_operation(
        &self,
        mark: &str,
        prefix: String,
        found: &mut Vec<Found>,
    ) -> Result<(), StorageError> {
        let mut query = ListQuery {
            prefix,
            ..ListQuery::default()
        };
        loop {
            let page = self.store.list(Container::Images, &query).await?;
            let images = page.items.into_iter();
            let images = images.filter(|blob| metadata::operation(&blob.metadata) == Some(mark));
            found.extend(images.map(Found::from_blob));
            match page.next_marker {
                Some(marker) => query.marker = Some(marker),
                None => return Ok(()),
            }
        }
    }
}
