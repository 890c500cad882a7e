//! The folder store's signing key: made once, readable by its owner alone.

use crate::{
    sas::SharedKey,
    storage::secret::{SHORTEST, draw},
};
use std::{fs, io, io::Write, path::Path};

/// The account name in the store's signatures.
const ACCOUNT: &str = "local";
const FILE_NAME: &str = "signing.key";

/// Reads the key of the store in `root`, or makes it. Two processes that start at once agree:
/// the key is linked into place whole, and who comes second reads the first one's.
///
/// # Errors
/// When the file cannot be read or written, or does not hold 32 bytes or more.
pub(super) fn read_or_create(root: &Path) -> io::Result<SharedKey> {
    let path = root.join(FILE_NAME);
    if !path.exists() {
        create(root, &path)?;
    }
    read(&path)
}

/// Reads the key of the store in `root`; where there is none, draws one that nobody else knows.
///
/// # Errors
/// As [`read_or_create`].
pub(super) fn read_or_draw(root: &Path) -> io::Result<SharedKey> {
    match read(&root.join(FILE_NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(SharedKey::from_bytes(ACCOUNT, draw()))
        }
        read => read,
    }
}

fn read(path: &Path) -> io::Result<SharedKey> {
    let key = fs::read(path)?;
    if key.len() < SHORTEST {
        let message = format!("{} is shorter than {SHORTEST} bytes", path.display());
        return Err(io::Error::other(message));
    }
    Ok(SharedKey::from_bytes(ACCOUNT, key))
}

fn create(root: &Path, path: &Path) -> io::Result<()> {
    let key = draw();
    let temporary = root
        .join("incoming")
        .join(uuid::Uuid::new_v4().simple().to_string());
    let mut file = owner_only().open(&temporary)?;
    file.write_all(&key)?;
    file.sync_all()?;
    let linked = super::temporary::link_new(&temporary, path);
    let _ = fs::remove_file(&temporary); // gone already where a rename stood in for the link
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn owner_only() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
