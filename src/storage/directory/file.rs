//! One atomic write: temporary files, fsync, then properties and data into place. Properties
//! come first, since a blob is there as soon as its data is.

use super::properties::Properties;
use crate::storage::{NewBlob, PutMode};
use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
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
    /// Writes it. Killed at any moment, it leaves at most temporary files and a properties
    /// file without a blob, which nobody sees.
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
        match self.mode {
            PutMode::Create => {
                properties.link_to(&self.properties_path)?;
                if let Err(error) = data.link_to(&self.data_path) {
                    // Ours alone: the link above would have failed on anybody else's.
                    let _ = fs::remove_file(&self.properties_path);
                    return Err(error);
                }
            }
            PutMode::Overwrite => {
                properties.rename_to(&self.properties_path)?;
                data.rename_to(&self.data_path)?;
            }
        }
        Ok(())
    }
}

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
        sync_parent(path)
    }

    fn rename_to(&self, path: &Path) -> io::Result<()> {
        create_parent(path)?;
        fs::rename(&self.0, path)?;
        sync_parent(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
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

fn create_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// Makes the new name itself survive a power cut.
fn sync_parent(path: &Path) -> io::Result<()> {
    if cfg!(unix)
        && let Some(parent) = path.parent()
    {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}
