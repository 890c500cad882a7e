//! One atomic write: temporary files, fsync, then properties and data into place. Properties
//! come first, since a blob is there as soon as its data is.

use super::properties::Properties;
use crate::storage::{NewBlob, PutMode};
use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// A blob on its way into the folder.
pub(super) struct Write {
    /// Where temporary files are made; on the same file system as the rest.
    pub incoming: PathBuf,
    pub data_path: PathBuf,
    pub properties_path: PathBuf,
    pub blob: NewBlob,
    pub mode: PutMode,
}

impl Write {
    /// Writes it. Killed at any moment, it leaves at most temporary files, or properties of a
    /// blob that is not there yet; nobody sees either, and the next write replaces them.
    ///
    /// # Errors
    /// `AlreadyExists` in [`PutMode::Create`]; otherwise what the file system says.
    pub fn run(self) -> io::Result<()> {
        let properties = serde_json::to_vec(&Properties {
            content_type: self.blob.content_type.clone(),
            metadata: self.blob.metadata.clone(),
        })?;
        let data = Temporary::write(&self.incoming, &self.blob.bytes)?;
        let properties = Temporary::write(&self.incoming, &properties)?;
        // Between the look and the link nobody of this process may take the name: the
        // properties would be the loser's.
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if self.mode == PutMode::Create && self.data_path.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        properties.rename_to(&self.properties_path)?;
        match self.mode {
            PutMode::Create => data.link_to(&self.data_path),
            PutMode::Overwrite => data.rename_to(&self.data_path),
        }
    }
}

/// One write at a time puts its files into place; the slow part, writing them, is before that.
static TURN: Mutex<()> = Mutex::new(());

/// A file that is removed again unless it was moved into place.
struct Temporary(PathBuf);

impl Temporary {
    fn write(folder: &Path, bytes: &[u8]) -> io::Result<Self> {
        let temporary = Self(folder.join(uuid::Uuid::new_v4().simple().to_string()));
        let mut file = fs::File::create_new(&temporary.0)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(temporary)
    }

    fn link_to(&self, path: &Path) -> io::Result<()> {
        create_parent(path)?;
        link_new(&self.0, path)?;
        sync_parent(path);
        Ok(())
    }

    fn rename_to(&self, path: &Path) -> io::Result<()> {
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

/// Removes what killed processes left. Another process may be writing right now, so only what
/// is too old for that.
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
