//! Which blob names go to the account.

use crate::storage::StorageError;

/// The service's rule: 1 to 1024 characters
/// (<https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>).
/// Names that a URL parser would change are refused too: they would be stored elsewhere.
pub(super) fn check_name(name: &str) -> Result<(), StorageError> {
    let invalid = |reason| {
        let name = name.to_owned();
        Err(StorageError::InvalidName { name, reason })
    };
    if name.is_empty() || name.chars().count() > 1024 {
        return invalid("a blob's name has 1 to 1024 characters");
    }
    if name
        .split('/')
        .any(|part| part.is_empty() || part == "." || part == "..")
    {
        return invalid("a part between slashes is empty, `.` or `..`");
    }
    if name.chars().any(char::is_control) || name.contains('\\') {
        return invalid("it holds a control character or a backslash");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_url_would_change_are_refused() {
        for name in [
            "",
            "/a",
            "a//b",
            "a/../b",
            "a\\b",
            "a\nb",
            &"x".repeat(1025),
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_name("gallery/7/a b ü_1.png").is_ok());
    }
}
