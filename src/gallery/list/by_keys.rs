//! Our images where the store cannot give a page: Azurite fails a whole page for one control
//! character in a name, and anybody with a writing signature could put one there. The digits of
//! the keys divide the list into ever smaller parts, until only the one key is missing.

use super::pages::Page;
use crate::{
    gallery::found::{self, Found, OURS},
    storage::{BlobPage, BlobStore, Container, ListQuery, StorageError},
};
use std::sync::Arc;

/// A key has so many digits, so a list that fails can be divided so often.
const KEY_DIGITS: usize = 13;

/// So many keys that cannot be listed are gone around for one page. Many more of them would be
/// many requests.
const MOST_BROKEN_KEYS: usize = 10;

/// Whether the store lists anything: a prefix below which nothing is.
pub(super) async fn lists_anything(store: &dyn BlobStore) -> bool {
    let nothing = format!("{OURS}{}/", "0".repeat(KEY_DIGITS));
    list(store, &nothing, None, 1).await.is_ok()
}

/// Our images behind the path `after`, `size` at the most unless many have the same key. The
/// page's marker only says whether there may be more behind its last image.
///
/// # Errors
/// [`StorageError`] where more keys are broken than can be gone around.
pub(super) async fn read(
    store: &dyn BlobStore,
    after: Option<&str>,
    size: u32,
) -> Result<Page, Arc<StorageError>> {
    let mut parts = parts_behind(after);
    let mut page = Page {
        found: Vec::new(),
        strays: Vec::new(),
        next_marker: None,
    };
    let mut broken = 0;
    while let Some(part) = parts.pop() {
        match read_part(store, &part, after, size, &mut page).await {
            Ok(()) if page.found.is_empty() => {}
            Ok(()) => {
                page.next_marker = Some(part);
                break;
            }
            Err(StorageError::Failed { .. }) if part.len() < OURS.len() + KEY_DIGITS => {
                parts.extend((0..10).rev().map(|digit| format!("{part}{digit}")));
            }
            Err(error @ StorageError::Failed { .. }) if broken < MOST_BROKEN_KEYS => {
                broken += 1;
                tracing::warn!(prefix = part, %error, "a key of the gallery cannot be listed");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(page)
}

/// The prefixes that hold all keys from that of `after` on, as a stack with the first on top:
/// behind 127 lie 127 itself, 128, 129, 13, 14 … 19, 2, 3 … 9.
fn parts_behind(after: Option<&str>) -> Vec<String> {
    let digits = |stem: &str, first: u32| -> Vec<String> {
        (first..10).map(|digit| format!("{stem}{digit}")).collect()
    };
    let key_end = OURS.len() + KEY_DIGITS;
    let Some(key) = after.and_then(|path| path.get(OURS.len()..key_end)) else {
        return digits(OURS, 0).into_iter().rev().collect();
    };
    let mut parts = vec![format!("{OURS}{key}")];
    for (index, digit) in key.char_indices().rev() {
        let stem = format!("{OURS}{}", &key[..index]);
        let next = digit.to_digit(10).map_or(10, |digit| digit + 1);
        parts.extend(digits(&stem, next));
    }
    parts.reverse();
    parts
}

/// Adds what lies below a prefix and behind `after`: of a part with more than `size` images at
/// least the first of them.
async fn read_part(
    store: &dyn BlobStore,
    prefix: &str,
    after: Option<&str>,
    size: u32,
    page: &mut Page,
) -> Result<(), StorageError> {
    let mut marker = None;
    loop {
        let listed = list(store, prefix, marker, size).await?;
        let images = listed.items.into_iter().filter(found::is_image);
        for image in images.map(Found::from_blob) {
            match found::is_ours(&image.path) {
                true if after.is_none_or(|after| image.path.as_str() > after) => {
                    page.found.push(image);
                }
                true => {}
                false => page.strays.push(image),
            }
        }
        marker = listed.next_marker;
        if marker.is_none() || !page.found.is_empty() {
            return Ok(());
        }
    }
}

async fn list(
    store: &dyn BlobStore,
    prefix: &str,
    marker: Option<String>,
    size: u32,
) -> Result<BlobPage, StorageError> {
    let query = ListQuery {
        prefix: prefix.to_owned(),
        marker,
        max_results: Some(size),
        ..ListQuery::default()
    };
    store.list(Container::Images, &query).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_behind_a_key_hold_every_later_key_once_and_no_earlier_one() {
        let path = "gallery/8219999999127/a_1.png";
        let mut parts = parts_behind(Some(path));
        parts.reverse();
        assert_eq!(parts[0], "gallery/8219999999127");
        assert_eq!(parts[1], "gallery/8219999999128");
        assert!(parts.is_sorted());
        for (key, holders) in [
            ("8219999999126", 0),
            ("8219999999127", 1),
            ("8219999999130", 1),
            ("8220000000000", 1),
            ("9999999999999", 1),
            ("0000000000000", 0),
        ] {
            let blob = format!("gallery/{key}/x.png");
            let found = parts.iter().filter(|part| blob.starts_with(*part));
            assert_eq!(found.count(), holders, "{key}");
        }
        assert_eq!(parts_behind(None).len(), 10);
    }
}
