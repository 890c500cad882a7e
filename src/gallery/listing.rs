//! From blobs to the list: what each one tells about itself, newest first, page by page.

use super::{metadata, name};
use crate::storage::BlobItem;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use std::cmp::Reverse;
use time::OffsetDateTime;

/// Where our own images lie.
pub(super) const OURS: &str = "gallery/";

/// Thumbnails lie in the same container and are no images of the gallery.
const THUMBNAILS: &str = "thumbs/";

/// An image that the store has, without its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub path: String,
    pub name: String,
    pub prompt: String,
    pub created_millis: u64,
    pub model: Option<String>,
    pub size: Option<String>,
    pub content_type: String,
    pub size_bytes: u64,
}

/// Whether a folder of the container is neither ours nor the thumbnails'.
pub(super) fn is_foreign(folder: &str) -> bool {
    folder != OURS && folder != THUMBNAILS
}

/// Whether a blob is an image: a folder of an account with hierarchical names, which lists as
/// an empty blob, is not.
pub(super) fn is_image(blob: &BlobItem) -> bool {
    !blob.metadata.contains_key("hdi_isfolder")
}

impl Found {
    /// Takes what the blob tells: metadata first, then its name, then its last write.
    pub fn from_blob(blob: BlobItem) -> Self {
        let (prompt, model, size) = metadata::decode(&blob.metadata);
        let ours = name::parse_gallery_path(&blob.name);
        let name = ours.map_or(blob.name.as_str(), |(_, name)| name);
        let last_part = name.rsplit('/').next().unwrap_or(name);
        let (title, millis_in_name) = name::parse_name(last_part);
        let created_millis = ours
            .map(|(millis, _)| millis)
            .or(millis_in_name)
            .unwrap_or_else(|| name::epoch_millis(blob.last_modified));
        Self {
            name: name.to_owned(),
            prompt: prompt.unwrap_or_else(|| title.to_owned()),
            created_millis,
            model,
            size,
            content_type: blob.content_type,
            size_bytes: blob.size_bytes,
            path: blob.name,
        }
    }

    /// When it was made, to the millisecond.
    pub fn created_at(&self) -> OffsetDateTime {
        let nanos = i128::from(self.created_millis) * 1_000_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    fn position(&self) -> (Reverse<u64>, &str) {
        (Reverse(self.created_millis), &self.path)
    }
}

/// Newest first; equal times in the order of their paths, so that the order never changes.
pub(super) fn sort_newest_first(found: &mut [Found]) {
    found.sort_unstable_by(|one, other| one.position().cmp(&other.position()));
}

/// Where a page ended: the place of its last image, so that images that come or go meanwhile
/// neither repeat nor skip any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    millis: u64,
    path: String,
}

/// The text is not a cursor that we gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this gallery")]
pub struct InvalidCursor;

impl Cursor {
    /// Reads a cursor as [`Cursor::to_text`] writes it.
    ///
    /// # Errors
    /// [`InvalidCursor`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text);
        let decoded = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded = decoded.ok_or(InvalidCursor)?;
        let (millis, path) = decoded.split_once(':').ok_or(InvalidCursor)?;
        let millis = millis.parse().map_err(|_| InvalidCursor)?;
        match path {
            "" => Err(InvalidCursor),
            path => Ok(Self {
                millis,
                path: path.to_owned(),
            }),
        }
    }

    /// As opaque text of URL-safe characters.
    #[must_use]
    pub fn to_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{}:{}", self.millis, self.path))
    }
}

/// Some images of the list and where they end.
pub(super) struct Page {
    pub found: Vec<Found>,
    pub next_cursor: Option<Cursor>,
}

/// At most `limit` images of a sorted list behind `cursor`.
pub(super) fn page(found: Vec<Found>, cursor: Option<&Cursor>, limit: usize) -> Page {
    let start = cursor.map_or(0, |cursor| {
        let last = (Reverse(cursor.millis), cursor.path.as_str());
        found.partition_point(|image| image.position() <= last)
    });
    let is_last_page = found.len() - start <= limit;
    let found: Vec<Found> = found.into_iter().skip(start).take(limit).collect();
    let next_cursor = found.last().filter(|_| !is_last_page).map(|last| Cursor {
        millis: last.created_millis,
        path: last.path.clone(),
    });
    Page { found, next_cursor }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Metadata;
    use time::macros::datetime;

    fn found(path: &str) -> Found {
        Found::from_blob(BlobItem {
            name: path.to_owned(),
            size_bytes: 1,
            content_type: "image/png".to_owned(),
            last_modified: datetime!(2026-11-21 10:00 UTC),
            metadata: Metadata::new(),
        })
    }

    fn paths(found: &[Found]) -> Vec<&str> {
        found.iter().map(|found| found.path.as_str()).collect()
    }

    #[test]
    fn old_new_and_foreign_blobs_are_merged_by_their_time() {
        let mut list = [
            "logo.png",                                     // by its last write, 2026
            "old cat_1680000000000.png",                    // 2023
            "gallery/8320000000000/two_1679999999999.png",  // a millisecond before it
            "gallery/broken/three_1990000000000.png",       // foreign, but with a time: 2033
            "gallery/8100000000000/zero_1899999999999.png", // 2030
        ]
        .map(found);
        sort_newest_first(&mut list);
        assert_eq!(
            paths(&list),
            [
                "gallery/broken/three_1990000000000.png",
                "gallery/8100000000000/zero_1899999999999.png",
                "logo.png",
                "old cat_1680000000000.png",
                "gallery/8320000000000/two_1679999999999.png",
            ]
        );
    }

    #[test]
    fn pages_of_every_size_give_every_image_once() {
        let mut list: Vec<Found> = (0..25u64)
            .map(|number| {
                found(&format!(
                    "image {number}_{}.png",
                    1_680_000_000_000 + number / 3
                ))
            })
            .collect();
        sort_newest_first(&mut list);
        for limit in 1..=26 {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let page = page(list.clone(), cursor.as_ref(), limit);
                seen.extend(page.found);
                match page.next_cursor {
                    Some(next) => cursor = Some(Cursor::parse(&next.to_text()).unwrap()),
                    None => break,
                }
            }
            assert_eq!(paths(&seen), paths(&list), "limit {limit}");
        }
    }

    #[test]
    fn only_our_own_cursors_are_read() {
        for text in ["", "x", "!!", "MTIz", "OmE", "MTo"] {
            assert_eq!(Cursor::parse(text), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn thumbnails_and_folders_are_no_images() {
        let blob = |name: &str, metadata: &[(&str, &str)]| BlobItem {
            name: name.to_owned(),
            size_bytes: 0,
            content_type: String::new(),
            last_modified: OffsetDateTime::UNIX_EPOCH,
            metadata: metadata
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        assert!(!is_foreign("thumbs/") && !is_foreign("gallery/") && is_foreign("holiday/"));
        assert!(!is_image(&blob("gallery", &[("hdi_isfolder", "true")])));
        assert!(is_image(&blob("gallery/x.png", &[])));
    }
}
