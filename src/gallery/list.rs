//! The list: our own images and the old ones, merged by their time, page by page.

mod by_keys;
mod cursor;
mod ours;
mod pages;

use super::{Gallery, ImagePage, ListImagesQuery, found::Found, old::OldIndex};
use crate::storage::StorageError;
use ours::{LARGEST_PAGE, Next, Ours, Place};
use std::sync::Arc;
use time::OffsetDateTime;

pub use cursor::{Cursor, CursorError};
pub(super) use pages::Pages;

/// Without a `limit`, a list ends here and names a cursor.
const MOST_IN_ONE_LIST: usize = 10_000;

/// The usual limits are below this; pages of one size serve them all from one call.
const SMALL_PAGE: u32 = 100;

/// A page costs one call, or two where it begins within a page of the store and ends in the
/// next. Stores may give short and empty pages: after so many calls the answer is short.
const MOST_CALLS: usize = 3;

impl Gallery {
    /// Lists images newest first, whoever stored them. Ours come before old ones of the same
    /// millisecond.
    ///
    /// # Errors
    /// [`StorageError`] when the store cannot be listed or cannot sign.
    pub async fn list(
        &self,
        query: &ListImagesQuery,
        now: OffsetDateTime,
        public_base_url: &str,
    ) -> Result<ImagePage, Arc<StorageError>> {
        let limit = query.limit.unwrap_or(MOST_IN_ONE_LIST);
        // Two calls for the longest list. They cannot be made at once, since only the first page
        // tells where the second begins.
        let page_size = match query.limit {
            None => LARGEST_PAGE,
            Some(limit) => u32::try_from(limit).map_or(LARGEST_PAGE, |limit| limit.max(SMALL_PAGE)),
        };
        let most_calls = query.limit.map_or(usize::MAX, |_| MOST_CALLS);
        let cursor = query.cursor.clone().unwrap_or(Cursor {
            ours: Place::START,
            old: None,
        });
        let store = self.store.as_ref();
        let ours = Ours::new(&self.pages, store, cursor.ours, page_size, most_calls);
        let ours = match query.limit {
            None => ours.wanting(limit),
            Some(_) => ours, // the usual page is one call
        };
        let addresses = self.addresses(now, public_base_url).await?;
        let mut images = Vec::with_capacity(limit.min(1000));
        // Images are signed while the next page is on its way.
        let give = |found| {
            images.push(addresses.entry(found)?);
            Ok(())
        };
        let next = self.merge(ours, cursor.old, limit, give).await?;
        let next_cursor = match next {
            Some(cursor) => Some(self.cursor_text(&cursor).await?),
            None => None,
        };
        Ok(ImagePage {
            images,
            next_cursor,
        })
    }

    /// Gives as many images as wanted, newest first, and tells where to go on.
    async fn merge(
        &self,
        mut ours: Ours<'_>,
        mut last_old: Option<(u64, String)>,
        limit: usize,
        mut give: impl FnMut(Found) -> Result<(), StorageError>,
    ) -> Result<Option<Cursor>, Arc<StorageError>> {
        // The store is asked for both at once.
        let is_rest_old = ours.is_at_end();
        let old = async {
            match is_rest_old {
                true => self.old.awaited().await,
                false => self.old.current().await,
            }
        };
        let (first, old) = tokio::join!(async { ours.next().await.map(drop) }, old);
        first.inspect_err(|_| self.old.forget_failure())?;
        let is_old_known = old.is_some();
        let old = old.unwrap_or_default();
        let mut old_index = first_behind(&old, last_old.as_ref());
        let mut given = 0;
        while given < limit {
            let next_old = old.get(old_index);
            let takes_old = match (ours.next().await?, next_old) {
                (Next::Enough, _) | (Next::End, None) => break,
                (Next::Image(image), _) if stands_before(image, last_old.as_ref()) => {
                    ours.take();
                    continue;
                }
                (Next::End, Some(_)) => true,
                (Next::Image(image), Some(old)) => old.millis() > image.created_millis,
                (Next::Image(_), None) => false,
            };
            let image = match next_old.filter(|_| takes_old) {
                Some(image) => {
                    last_old = Some((image.millis(), image.path().to_owned()));
                    old_index += 1;
                    Some(image.to_found())
                }
                None => ours.take(),
            };
            if let Some(image) = image {
                give(image)?;
                given += 1;
            }
        }
        self.old.note(ours.take_strays());
        let place = ours.into_place();
        let is_whole = place == Place::End && is_old_known && old.get(old_index).is_none();
        let cursor = Cursor {
            ours: place,
            old: last_old,
        };
        Ok((!is_whole).then_some(cursor))
    }
}

/// Whether an image of ours belongs before the old one that was given last: it came between two
/// pages, as copies of old images do, and out of its place it would be told twice.
fn stands_before(image: &Found, last_old: Option<&(u64, String)>) -> bool {
    last_old.is_some_and(|(millis, _)| image.created_millis >= *millis)
}

/// The first old image behind the one that was given last.
fn first_behind(old: &OldIndex, last: Option<&(u64, String)>) -> usize {
    last.map_or(0, |(millis, path)| old.count_up_to(*millis, path))
}
