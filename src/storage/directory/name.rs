//! Which blob names the folder store can hold: clean relative paths, so that no name ever
//! leaves the store's folder or hides its own temporary files.

use crate::storage::StorageError;
use std::path::PathBuf;

/// The longest segment that common file systems take, in bytes, less `.json` for the properties.
const MAX_SEGMENT_BYTES: usize = 250;

/// The name as a path below a container's folder.
///
/// # Errors
/// [`StorageError::InvalidName`] for names that are no clean relative path.
pub(super) fn relative_path(name: &str) -> Result<PathBuf, StorageError> {
    match name.split('/').find_map(segment_fault) {
        None => Ok(name.split('/').collect()),
        Some(reason) => Err(StorageError::InvalidName {
            name: name.to_owned(),
            reason,
        }),
    }
}

fn segment_fault(segment: &str) -> Option<&'static str> {
    if segment.is_empty() {
        Some("a part between slashes is empty")
    } else if segment == "." || segment == ".." {
        Some("`.` and `..` are no names")
    } else if segment.len() > MAX_SEGMENT_BYTES {
        Some("a part between slashes has more than 250 bytes")
    } else if segment.contains(['\0', '\\']) {
        Some("it holds NUL or a backslash")
    } else if cfg!(windows) && segment.contains(':') {
        Some("it holds a colon") // an alternate data stream there
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_the_folder() {
        for name in [
            "",
            "/etc/passwd",
            "a//b",
            "..",
            "a/../b",
            "./a",
            "a/",
            "a\\..\\b",
            "nul\0",
        ] {
            assert!(relative_path(name).is_err(), "{name:?}");
        }
        assert!(relative_path(&"x".repeat(251)).is_err());
        assert_eq!(
            relative_path("gallery/7/a b_1.png").unwrap(),
            PathBuf::from("gallery/7/a b_1.png")
        );
    }
}
