//! The id by which an image is asked for: its path, as text that fits into an address.

use super::found::THUMBNAILS;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A blob's name has at most 1024 characters, of four bytes at the most.
const MOST_PATH_BYTES: usize = 4 * 1024;

/// An image's id: base64url, without padding, of its path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageId {
    path: String,
}

/// No image of this gallery can have this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of an image")]
pub struct InvalidImageId;

impl ImageId {
    /// The id of the image at a path.
    #[must_use]
    pub fn of(path: &str) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Reads an id as [`Self::to_text`] writes it.
    ///
    /// # Errors
    /// [`InvalidImageId`] for all else, and for what would name a thumbnail.
    pub fn parse(text: &str) -> Result<Self, InvalidImageId> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text);
        let path = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let may_be_image = |path: &String| {
            !path.is_empty() && path.len() <= MOST_PATH_BYTES && !path.starts_with(THUMBNAILS)
        };
        let path = path.filter(may_be_image).ok_or(InvalidImageId)?;
        Ok(Self { path })
    }

    /// As text of URL-safe characters.
    #[must_use]
    pub fn to_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.path)
    }

    /// Where the image lies.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A path's SHA-256 in hexadecimal digits, where the path itself would be too long.
pub(super) fn hash_of(path: &str) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(path) {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let id = ImageId::of("gallery/8219999999999/猫_1780000000000.png");
        assert_eq!(ImageId::parse(&id.to_text()), Ok(id));
        let of_thumbnail = ImageId::of("thumbs/x.webp").to_text();
        for text in ["", "!", "YQ==", "_w", of_thumbnail.as_str()] {
            assert_eq!(ImageId::parse(text), Err(InvalidImageId), "{text:?}");
        }
    }
}
