//! A folder as a blob store, for a start without any account: a blob is a file under its own
//! name, its media type and metadata lie beside it in a tree of small JSON files. Writes are
//! temporary file, fsync, link or rename, so a blob is there whole or not at all. One process at
//! a time uses a folder.

mod address;
mod file;
mod key;
mod list;
mod lock;
mod name;
mod names;
mod properties;
mod temporary;

use super::{
    BlobItem, BlobPage, BlobStore, Container, CopiedProperties, DeleteMode, ETag, ListQuery,
    NewBlob, PURPOSE_OF_AUTHENTICATORS, PutMode, Sharing, Signer, StorageError, StoredBlob,
};
use crate::sas::{SasProtocol, SasRejection, SharedKey, verify_service_sas};
use async_trait::async_trait;
use names::KeptFolders;
use properties::Properties;
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use time::OffsetDateTime;

/// The container's name in the signatures of this store; its files are the images'.
const SIGNED_CONTAINER: &str = "images";

/// Where the folder store keeps everything.
#[derive(Debug, Clone)]
pub struct DirectorySettings {
    /// The store's own folder; made when it is missing.
    pub root: PathBuf,
    /// How long to wait for another process that uses the folder to end.
    pub lock_wait: Duration,
}

/// A blob store in a folder, which is this process's alone as long as a clone of it lives.
#[derive(Debug, Clone)]
pub struct DirectoryStore {
    root: PathBuf,
    key: Arc<SharedKey>,
    kept: Arc<KeptFolders>,
    _lock: Option<lock::FolderLock>,
}

/// A file that is ready to be served.
#[derive(Debug)]
pub struct OpenFile {
    /// The content, at its start.
    pub file: tokio::fs::File,
    /// Its length.
    pub size_bytes: u64,
    /// The image's name.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// A strong entity tag, with its quotes: a blob's content never changes without it.
    pub etag: String,
    /// When it was written.
    pub last_modified: OffsetDateTime,
}

/// Why a file is not given away.
#[derive(Debug, thiserror::Error)]
pub enum RejectedFile {
    /// The signature does not open it.
    #[error(transparent)]
    Signature(#[from] SasRejection),
    /// It is not there or cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl DirectoryStore {
    /// Opens the folder, making it and its signing key when they are missing. Blocks the thread
    /// while another process uses it, for [`DirectorySettings::lock_wait`] at the most.
    ///
    /// # Errors
    /// [`StorageError::Failed`] when the folder or its key cannot be read or written, or another
    /// process, or another store of this one, still uses the folder.
    pub fn open(settings: &DirectorySettings) -> Result<Self, StorageError> {
        let failed = |error: io::Error| StorageError::failed("open the storage folder", error);
        for part in ["images", "state", "properties", "incoming"] {
            std::fs::create_dir_all(settings.root.join(part)).map_err(failed)?;
        }
        let lock = lock::FolderLock::take(&settings.root, settings.lock_wait).map_err(failed)?;
        let key = key::read_or_create(&settings.root).map_err(failed)?;
        temporary::sweep(&settings.root.join("incoming"));
        Ok(Self {
            root: settings.root.clone(),
            key: Arc::new(key),
            kept: Arc::default(),
            _lock: Some(lock),
        })
    }

    /// Opens a folder to look at it: nothing in it is made or swept away. What is signed is
    /// worth something only where the folder has its key.
    ///
    /// # Errors
    /// As [`Self::open`], and where the folder has no images.
    pub fn open_to_look(settings: &DirectorySettings) -> Result<Self, StorageError> {
        let failed = |error: io::Error| StorageError::failed("open the storage folder", error);
        std::fs::read_dir(settings.root.join("images")).map_err(failed)?;
        let lock = lock::FolderLock::take_present(&settings.root, settings.lock_wait);
        Ok(Self {
            root: settings.root.clone(),
            key: Arc::new(key::read_or_draw(&settings.root).map_err(failed)?),
            kept: Arc::default(),
            _lock: lock.map_err(failed)?,
        })
    }

    /// Opens the image at an address below `/api/files/`, for a signature that is valid at `now`.
    /// `path` is the address's path with its escapes decoded.
    ///
    /// # Errors
    /// [`RejectedFile`] for a signature that does not open the image, or a file that is not there.
    pub async fn open_signed_image(
        &self,
        path: &str,
        query: &HashMap<String, String>,
        now: OffsetDateTime,
    ) -> Result<OpenFile, RejectedFile> {
        let name = address::to_name(path).ok_or(StorageError::NotFound)?;
        verify_service_sas(&self.key, SIGNED_CONTAINER, &name, query, now)?;
        Ok(self.open_image(name).await?)
    }

    async fn open_image(&self, name: String) -> Result<OpenFile, StorageError> {
        let path = self.data_path(Container::Images, &name)?;
        let properties_path = self.properties_path(Container::Images, &name)?;
        const STEP: &str = "open a file";
        blocking(STEP, move || {
            open_file(name, &path, &properties_path).map_err(|error| not_found_or(STEP, error))
        })
        .await
    }

    fn place(&self, container: Container, name: &str) -> Result<file::Place, StorageError> {
        Ok(file::Place {
            data_root: self.container_path(container),
            data_path: self.data_path(container, name)?,
            properties_root: self.properties_root(container),
            properties_path: self.properties_path(container, name)?,
        })
    }

    fn data_path(&self, container: Container, name: &str) -> Result<PathBuf, StorageError> {
        Ok(self
            .container_path(container)
            .join(name::relative_path(name)?))
    }

    fn properties_path(&self, container: Container, name: &str) -> Result<PathBuf, StorageError> {
        let mut path = self
            .properties_root(container)
            .join(name::relative_path(name)?)
            .into_os_string();
        path.push(".json");
        Ok(path.into())
    }

    fn container_path(&self, container: Container) -> PathBuf {
        self.root.join(container_folder(container))
    }

    fn properties_root(&self, container: Container) -> PathBuf {
        self.root
            .join("properties")
            .join(container_folder(container))
    }
}

#[async_trait]
impl BlobStore for DirectoryStore {
    async fn put(
        &self,
        container: Container,
        name: &str,
        blob: NewBlob,
        mode: PutMode,
    ) -> Result<ETag, StorageError> {
        let place = self.place(container, name)?;
        let incoming = self.root.join("incoming");
        blocking("write a file", move || place.put(&incoming, &blob, &mode)).await
    }

    async fn get_at_most(
        &self,
        container: Container,
        name: &str,
        most_bytes: u64,
    ) -> Result<StoredBlob, StorageError> {
        let place = self.place(container, name)?;
        blocking("read a file", move || place.get(most_bytes)).await
    }

    async fn look(&self, container: Container, name: &str) -> Result<BlobItem, StorageError> {
        let place = self.place(container, name)?;
        let name = name.to_owned();
        blocking("look at a file", move || place.look(name)).await
    }

    async fn copy_image(
        &self,
        source: &str,
        target: &str,
        properties: CopiedProperties,
    ) -> Result<(), StorageError> {
        let source = self.data_path(Container::Images, source)?;
        let target = self.place(Container::Images, target)?;
        let incoming = self.root.join("incoming");
        let copy = move || target.copy_from(&source, &incoming, properties);
        blocking("copy a file", copy).await
    }

    async fn delete(
        &self,
        container: Container,
        name: &str,
        mode: DeleteMode,
    ) -> Result<(), StorageError> {
        let place = self.place(container, name)?;
        blocking("delete a file", move || place.delete(&mode)).await
    }

    async fn list(
        &self,
        container: Container,
        query: &ListQuery,
    ) -> Result<BlobPage, StorageError> {
        let lister = list::Lister {
            data_root: self.container_path(container),
            properties_root: self.properties_root(container),
            query: query.clone(),
            kept: self.kept.clone(),
        };
        const STEP: &str = "list the storage folder";
        let run = move || {
            let page = lister.run();
            page.map_err(|error| StorageError::failed(STEP, error))
        };
        blocking(STEP, run).await
    }

    async fn signer(&self) -> Result<Signer, StorageError> {
        Ok(Signer::of_folder(self.key.clone(), SIGNED_CONTAINER))
    }

    async fn authenticate(&self, message: &[u8]) -> Result<[u8; 32], StorageError> {
        Ok(self.key.authenticate(PURPOSE_OF_AUTHENTICATORS, message))
    }

    fn image_url(&self, name: &str, public_base_url: &str) -> String {
        format!("{public_base_url}/api/files/{}", address::to_address(name))
    }

    fn protocol(&self) -> SasProtocol {
        SasProtocol::HttpsAndHttp
    }

    fn sharing(&self) -> Sharing {
        Sharing::OneProcess
    }

    fn describe(&self) -> String {
        format!("folder {}", self.root.display())
    }
}

fn open_file(name: String, path: &Path, properties_path: &Path) -> io::Result<OpenFile> {
    let file = std::fs::File::open(path)?;
    let attributes = file.metadata()?;
    if !attributes.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let last_modified = OffsetDateTime::from(attributes.modified()?);
    let (nanos, size_bytes) = (last_modified.unix_timestamp_nanos(), attributes.len());
    Ok(OpenFile {
        name,
        file: tokio::fs::File::from_std(file),
        size_bytes,
        content_type: Properties::read(properties_path, path).content_type,
        etag: format!("\"{nanos:x}-{size_bytes:x}\""),
        last_modified,
    })
}

fn container_folder(container: Container) -> &'static str {
    match container {
        Container::Images => "images",
        Container::State => "state",
    }
}

fn not_found_or(step: &'static str, error: io::Error) -> StorageError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => {
            StorageError::NotFound
        }
        _ => StorageError::failed(step, error),
    }
}

/// Runs file work off the async threads.
async fn blocking<T: Send + 'static>(
    step: &'static str,
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(StorageError::failed(step, panic)))
}
