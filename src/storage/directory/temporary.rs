//! Files on their way to their place, and the folders around that: what is written is on the disk
//! before it has its name, and a name survives a power cut.

use bytes::Bytes;
use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// A file that is removed again unless it was moved into place.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    pub fn write(folder: &Path, pieces: &[Bytes]) -> io::Result<Self> {
        Self::fill(folder, |file| {
            pieces.iter().try_for_each(|piece| file.write_all(piece))
        })
    }

    /// Not `fs::copy`: that one takes the permissions along, which need not let us write or sync.
    pub fn copy(folder: &Path, mut source: fs::File) -> io::Result<Self> {
        Self::fill(folder, |file| io::copy(&mut source, file).map(drop))
    }

    fn fill(folder: &Path, fill: impl FnOnce(&mut fs::File) -> io::Result<()>) -> io::Result<Self> {
        let temporary = Self(folder.join(uuid::Uuid::new_v4().simple().to_string()));
        let mut file = fs::File::create_new(&temporary.0)?;
        fill(&mut file)?;
        file.sync_all()?;
        Ok(temporary)
    }

    pub fn link_to(&self, path: &Path) -> io::Result<()> {
        create_parent(path)?;
        link_new(&self.0, path)?;
        sync_parent(path);
        Ok(())
    }

    pub fn rename_to(&self, path: &Path) -> io::Result<()> {
        create_parent(path)?;
        fs::rename(&self.0, path)?;
        sync_parent(path);
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Removes what killed processes left. Where a file system has no locks, another process may be
/// writing right now, so only what is too old for that.
pub(super) fn sweep(incoming: &Path) {
    const TOO_OLD: Duration = Duration::from_secs(3600);
    for entry in fs::read_dir(incoming).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|found| found.modified()).ok();
        let age = modified.and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age > TOO_OLD) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Gives the file a second name that must be new. File systems without hard links (some
/// network and removable ones) get a rename after a look, which is exact for one process.
///
/// # Errors
/// `AlreadyExists` when `path` is taken.
pub(super) fn link_new(temporary: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(temporary, path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
            ) =>
        {
            if path.try_exists()? {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(temporary, path)
        }
        other => other,
    }
}

/// Makes the folders above `path`, each of which is a new name in the one above it.
fn create_parent(path: &Path) -> io::Result<()> {
    let above = path.ancestors().skip(1);
    let missing: Vec<&Path> = above.take_while(|folder| !folder.exists()).collect();
    for folder in missing.iter().rev() {
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => sync_parent(folder),
        }
    }
    Ok(())
}

/// Makes a new name survive a power cut. The file is in place already, and some network file
/// systems cannot do this at all, so a failure is not the write's.
fn sync_parent(path: &Path) {
    if let Some(parent) = path.parent().filter(|_| cfg!(unix))
        && let Err(error) = fs::File::open(parent).and_then(|folder| folder.sync_all())
    {
        tracing::debug!(%error, "a folder could not be synced");
    }
}

/// An account has no folders that nothing lies in. It is this thread's turn, so no write is
/// about to use one.
pub(super) fn remove_empty_parents(path: &Path, root: &Path) {
    let is_below = |folder: &&Path| folder.starts_with(root) && *folder != root;
    let mut removed = path;
    for folder in path.ancestors().skip(1).take_while(is_below) {
        if fs::remove_dir(folder).is_err() {
            break; // something lies in it
        }
        removed = folder;
    }
    sync_parent(removed);
}
