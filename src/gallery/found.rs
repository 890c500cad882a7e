//! What a blob of the images container tells about the image that it is.

use super::{metadata, name};
use crate::storage::BlobItem;
use std::cmp::Reverse;
use time::OffsetDateTime;

/// Where our own images lie.
pub(super) const OURS: &str = "gallery/";

/// Thumbnails lie in the same container and are no images of the gallery.
pub(super) const THUMBNAILS: &str = "thumbs/";

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

/// A place in the order of old images: newest first, equal times by path.
pub(super) type Position<'a> = (Reverse<u64>, &'a str);

/// Whether a blob is an image: a folder of an account with hierarchical names, which lists as
/// an empty blob, is not.
pub(super) fn is_image(blob: &BlobItem) -> bool {
    !blob.metadata.contains_key("hdi_isfolder")
}

/// Whether a path has the form that this service gives to its images: a key of 13 digits, whose
/// order is that of the list. All else is old or foreign.
pub(super) fn is_ours(path: &str) -> bool {
    name::parse_gallery_path(path).is_some()
}

impl Found {
    /// Takes what the blob tells: metadata first, then its name, then its last write.
    pub fn from_blob(blob: BlobItem) -> Self {
        let (prompt, model, size) = metadata::decode(&blob.metadata);
        let ours = name::parse_gallery_path(&blob.name);
        let name = ours.map_or(blob.name.as_str(), |(_, name)| name);
        let (title, millis_in_name) = name::parse_name(last_part(name));
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

    pub fn position(&self) -> Position<'_> {
        (Reverse(self.created_millis), &self.path)
    }
}

/// The prompt of a blob that tells none: the title in its name.
pub(super) fn prompt_in_name(path: &str) -> &str {
    name::parse_name(last_part(path)).0
}

fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Newest first; equal times in the order of their paths, so that the order never changes.
pub(super) fn sort_newest_first(found: &mut [Found]) {
    found.sort_unstable_by(|one, other| one.position().cmp(&other.position()));
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

    #[test]
    fn old_new_and_foreign_blobs_are_ordered_by_their_time() {
        let mut list = [
            "logo.png",                                     // by its last write, 2026
            "old cat_1680000000000.png",                    // 2023
            "gallery/8320000000000/two_1679999999999.png",  // a millisecond before it
            "gallery/broken/three_1990000000000.png",       // foreign, but with a time: 2033
            "gallery/8100000000000/zero_1899999999999.png", // 2030
        ]
        .map(found);
        sort_newest_first(&mut list);
        let paths: Vec<&str> = list.iter().map(|found| found.path.as_str()).collect();
        assert_eq!(
            paths,
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
    fn folders_are_no_images() {
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
        assert!(!is_image(&blob("gallery", &[("hdi_isfolder", "true")])));
        assert!(is_image(&blob("gallery/x.png", &[])));
    }
}
