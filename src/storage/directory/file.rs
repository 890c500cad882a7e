//! One blob in the folder. A write is temporary files, fsync, then properties and data into
//! place; the data's one rename is what makes the blob, or its new version. So properties come
//! first, and after a crash in between they may be newer than the data.

use super::{
    not_found_or,
    properties::Properties,
    temporary::{Temporary, remove_empty_parents},
};
use crate::storage::{
    BlobItem, CopiedProperties, DeleteMode, ETag, NewBlob, PutMode, StorageError, StoredBlob,
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    slice,
    sync::{Mutex, MutexGuard, PoisonError},
};
use time::OffsetDateTime;

/// Where a blob lies, whether it is there or not.
pub(super) struct Place {
    /// The container's folder, which stays when it is empty.
    pub data_root: PathBuf,
    pub data_path: PathBuf,
    pub properties_root: PathBuf,
    pub properties_path: PathBuf,
}

impl Place {
    /// Writes a blob. Killed at any moment, it leaves at most temporary files, or properties of a
    /// blob or a version that is not there yet; the next write replaces them.
    ///
    /// # Errors
    /// As [`PutMode`] says, and [`StorageError::Failed`].
    pub fn put(
        &self,
        incoming: &Path,
        blob: &NewBlob,
        mode: &PutMode,
    ) -> Result<ETag, StorageError> {
        const STEP: &str = "write a file";
        let failed = |error: io::Error| StorageError::failed(STEP, error);
        let data = Temporary::write(incoming, blob.content.pieces()).map_err(failed)?;
        let properties = Properties {
            content_type: blob.content_type.clone(),
            metadata: blob.metadata.clone(),
        };
        self.place(STEP, incoming, &data, &properties, mode)?;
        Ok(etag(blob.content.pieces()))
    }

    /// Writes a blob with another's content, as one that must be new. The kernel copies it, in
    /// the file system where that can.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] without the source, [`StorageError::AlreadyExists`], and
    /// [`StorageError::Failed`].
    pub fn copy_from(
        &self,
        source: &Path,
        incoming: &Path,
        properties: CopiedProperties,
    ) -> Result<(), StorageError> {
        const STEP: &str = "copy a file";
        let source = fs::File::open(source).map_err(|error| not_found_or(STEP, error))?;
        let attributes = source.metadata();
        let attributes = attributes.map_err(|error| StorageError::failed(STEP, error))?;
        if attributes.is_dir() {
            return Err(StorageError::NotFound);
        }
        let data = Temporary::copy(incoming, source);
        let data = data.map_err(|error| StorageError::failed(STEP, error))?;
        let properties = Properties {
            content_type: properties.content_type,
            metadata: properties.metadata,
        };
        self.place(STEP, incoming, &data, &properties, &PutMode::Create)
    }

    /// Puts what is written into place.
    fn place(
        &self,
        step: &'static str,
        incoming: &Path,
        data: &Temporary,
        properties: &Properties,
        mode: &PutMode,
    ) -> Result<(), StorageError> {
        let failed = |error: io::Error| StorageError::failed(step, error);
        let properties = serde_json::to_vec(properties).map_err(|error| failed(error.into()))?;
        let properties = Temporary::write(incoming, &[properties.into()]).map_err(failed)?;
        let _turn = take_turn();
        self.check(mode)?;
        properties
            .rename_to(&self.properties_path)
            .map_err(failed)?;
        let placed = match mode {
            PutMode::Create => data.link_to(&self.data_path),
            PutMode::Overwrite | PutMode::Replace(_) => data.rename_to(&self.data_path),
        };
        placed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StorageError::AlreadyExists,
            _ => failed(error),
        })
    }

    /// Whether what lies here may be written over. It is this thread's turn.
    fn check(&self, mode: &PutMode) -> Result<(), StorageError> {
        match mode {
            PutMode::Create => match self.data_path.try_exists() {
                Ok(false) => Ok(()),
                Ok(true) => Err(StorageError::AlreadyExists),
                Err(error) => Err(StorageError::failed("write a file", error)),
            },
            PutMode::Overwrite => Ok(()),
            PutMode::Replace(version) => match self.version("write a file") {
                Ok(found) if found == *version => Ok(()),
                Ok(_) | Err(StorageError::NotFound) => Err(StorageError::Changed),
                Err(error) => Err(error),
            },
        }
    }

    /// Reads the blob, if it has at most `most_bytes`.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], [`StorageError::TooLarge`], and [`StorageError::Failed`].
    pub fn get(&self, most_bytes: u64) -> Result<StoredBlob, StorageError> {
        const STEP: &str = "read a file";
        let failed = |error| not_found_or(STEP, error);
        let file = fs::File::open(&self.data_path).map_err(failed)?;
        let attributes = file.metadata().map_err(failed)?;
        if attributes.is_dir() {
            return Err(StorageError::NotFound);
        }
        let written = attributes.modified().map_err(failed)?;
        let bytes = read_at_most(&file, attributes.len(), most_bytes).map_err(failed)?;
        let Some(bytes) = bytes.map(Bytes::from) else {
            let now = file.metadata().map_err(failed)?;
            let size_bytes = now.len().max(attributes.len());
            return Err(StorageError::TooLarge { size_bytes });
        };
        let properties = Properties::read(&self.properties_path, &self.data_path);
        Ok(StoredBlob {
            etag: etag(slice::from_ref(&bytes)),
            bytes,
            content_type: properties.content_type,
            metadata: properties.metadata,
            age: written.elapsed().unwrap_or_default(),
        })
    }

    /// What a list tells of the blob, whose name is `name`.
    ///
    /// # Errors
    /// [`StorageError::NotFound`], and [`StorageError::Failed`].
    pub fn look(&self, name: String) -> Result<BlobItem, StorageError> {
        describe(name, &self.data_path, &self.properties_path)
            .map_err(|error| not_found_or("look at a file", error))
    }

    /// Deletes the blob: the data, which is what makes it, then the properties.
    ///
    /// # Errors
    /// As [`DeleteMode`] says, [`StorageError::NotFound`], and [`StorageError::Failed`].
    pub fn delete(&self, mode: &DeleteMode) -> Result<(), StorageError> {
        const STEP: &str = "delete a file";
        let _turn = take_turn();
        if let DeleteMode::Version(version) = mode
            && self.version(STEP)? != *version
        {
            return Err(StorageError::Changed);
        }
        if self.data_path.is_dir() {
            return Err(StorageError::NotFound);
        }
        fs::remove_file(&self.data_path).map_err(|error| not_found_or(STEP, error))?;
        remove_empty_parents(&self.data_path, &self.data_root);
        match fs::remove_file(&self.properties_path) {
            Ok(()) => remove_empty_parents(&self.properties_path, &self.properties_root),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "properties of a deleted blob are left"),
        }
        Ok(())
    }

    fn version(&self, step: &'static str) -> Result<ETag, StorageError> {
        let bytes = fs::read(&self.data_path);
        let bytes = bytes.map_err(|error| not_found_or(step, error))?;
        Ok(etag(&[bytes.into()]))
    }
}

/// A blob without its content.
///
/// # Errors
/// What the file system says; `NotFound` for what is no file.
pub(super) fn describe(
    name: String,
    data_path: &Path,
    properties_path: &Path,
) -> io::Result<BlobItem> {
    let attributes = fs::metadata(data_path)?;
    if !attributes.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let properties = Properties::read(properties_path, data_path);
    Ok(BlobItem {
        name,
        size_bytes: attributes.len(),
        content_type: properties.content_type,
        last_modified: OffsetDateTime::from(attributes.modified()?),
        metadata: properties.metadata,
    })
}

/// `None`: there is more, perhaps only since the file was opened.
fn read_at_most(file: &fs::File, length: u64, most_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    if length > most_bytes {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(length).map_err(io::Error::other)?)?;
    file.take(most_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    let is_all = u64::try_from(bytes.len()).is_ok_and(|length| length <= most_bytes);
    Ok(is_all.then_some(bytes))
}

/// A file has no version but its content: times are too coarse for two writes in a row.
fn etag(pieces: &[Bytes]) -> ETag {
    let mut digest = Sha256::new();
    for piece in pieces {
        digest.update(piece);
    }
    ETag::new(
        digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>(),
    )
}

/// One write at a time puts its files into place; the slow part, writing them, is before that.
/// From the look at what lies there to the rename nobody of this process may take the name, and
/// no other process uses the folder.
fn take_turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
