//! Where bytes lie: one interface to put, get, delete, list and sign blobs in two containers, over
//! Azure Blob Storage ([`azure`]) and over a folder ([`directory`]). What an image is called
//! and what it knows is the gallery's business, not this room's.

pub mod azure;
mod content;
pub mod directory;
mod secret;
mod signer;

pub use content::BlobContent;
pub use signer::Signer;

use async_trait::async_trait;
use bytes::Bytes;
use std::{collections::BTreeMap, time::Duration};
use time::OffsetDateTime;
use uuid::Uuid;

/// The two containers that the program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Images and thumbnails; readable by whoever has a signature.
    Images,
    /// What the program remembers; nobody is ever given a signature for it.
    State,
}

/// What [`BlobStore::authenticate`] derives its key for.
const PURPOSE_OF_AUTHENTICATORS: &str = "visionary page cursors";

/// A blob's user metadata: lower-case names, ASCII values.
pub type Metadata = BTreeMap<String, String>;

/// A blob to be written.
#[derive(Debug, Clone)]
pub struct NewBlob {
    /// The whole content.
    pub content: BlobContent,
    /// Its media type.
    pub content_type: String,
    /// Its metadata; together at most 8 KB (the service's limit).
    pub metadata: Metadata,
    /// The write's own id. Whoever sends the same write again, because its outcome is not known,
    /// gives the same id, and a store that has the blob already knows it as this write's.
    pub write_id: Uuid,
}

/// What a copied image gets of its own; the content is the source's.
#[derive(Debug, Clone)]
pub struct CopiedProperties {
    /// Its media type.
    pub content_type: String,
    /// Its metadata; nothing of the source's is kept.
    pub metadata: Metadata,
    /// The write's own id, as in [`NewBlob`].
    pub write_id: Uuid,
}

/// A version of a blob: opaque; changes with every write. A folder's are made of the content, so
/// there two versions of one name differ only where their bytes do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As the store wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a write does with a blob that already has the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutMode {
    /// Fails with [`StorageError::AlreadyExists`] (`If-None-Match: *`).
    Create,
    /// Replaces it.
    Overwrite,
    /// Replaces it if it still has this version (`If-Match`); fails with
    /// [`StorageError::Changed`] where it has another, or is not there.
    Replace(ETag),
}

/// Which version of a blob is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteMode {
    /// Whichever is there.
    Any,
    /// This one; fails with [`StorageError::Changed`] where there is another.
    Version(ETag),
}

/// Who else may use a store at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody: what this process does not know of the store's blobs has ended.
    OneProcess,
    /// Any number of processes, on any number of machines.
    ManyProcesses,
}

/// What a list tells of one blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobItem {
    /// The whole name, exactly as it is stored.
    pub name: String,
    /// Length of the content.
    pub size_bytes: u64,
    /// Media type.
    pub content_type: String,
    /// When it was last written.
    pub last_modified: OffsetDateTime,
    /// User metadata.
    pub metadata: Metadata,
}

/// A blob with its content.
#[derive(Debug, Clone)]
pub struct StoredBlob {
    /// The whole content.
    pub bytes: Bytes,
    /// Media type.
    pub content_type: String,
    /// User metadata. In a folder it may be newer than the content after a crash, so nothing
    /// that is decided may rest on it.
    pub metadata: Metadata,
    /// Its version.
    pub etag: ETag,
    /// How long ago it was last written, by the store's own clock, so that no other machine's
    /// matters. Whole seconds at an account; zero where a folder's clock was set back.
    pub age: Duration,
}

/// Which part of a container to list.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Only names that start so; empty for all.
    pub prefix: String,
    /// Where an earlier page ended ([`BlobPage::next_marker`]).
    pub marker: Option<String>,
    /// At most so many items, 1 to 5000; the store may give fewer.
    pub max_results: Option<u32>,
    /// Whether names with a further `/` are listed or only their folders.
    pub depth: ListDepth,
}

/// How deep a list goes below its prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ListDepth {
    /// Every blob.
    #[default]
    Whole,
    /// Blobs without a further `/`, and the folders of the others ([`BlobPage::folders`]).
    OneLevel,
}

/// One page of a list, in ascending order of the names' UTF-8 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlobPage {
    /// The blobs.
    pub items: Vec<BlobItem>,
    /// With [`ListDepth::OneLevel`]: prefixes that end in `/` and have blobs below them.
    pub folders: Vec<String>,
    /// Present while there is more; pass it to the next [`ListQuery`].
    pub next_marker: Option<String>,
}

/// What a signature is asked for. The state container cannot be named here.
#[derive(Debug, Clone, Copy)]
pub enum SignedResource<'a> {
    /// One blob of the images container.
    Image(&'a str),
    /// The images container.
    ImagesContainer,
    /// The whole account (an account SAS); only a store that is an account has it.
    Account,
}

/// What went wrong in a store, as far as a caller can act on it.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// [`PutMode::Create`] met a blob of that name.
    #[error("a blob of that name already exists")]
    AlreadyExists,
    /// [`PutMode::Replace`] or [`DeleteMode::Version`] met another version, or the former none.
    #[error("the blob was changed or removed meanwhile")]
    Changed,
    /// There is no such blob.
    #[error("there is no such blob")]
    NotFound,
    /// The blob is larger than it may be for this.
    #[error("the blob is too large: it has {size_bytes} bytes")]
    TooLarge {
        /// Its length.
        size_bytes: u64,
    },
    /// The name cannot be stored: empty, too long, or not a clean relative path.
    #[error("{name:?} is not a blob name: {reason}")]
    InvalidName {
        /// The refused name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// This store has no such signature.
    #[error("this store has no account to sign for")]
    CannotSign,
    /// The service refused the account's credentials.
    #[error("the storage account refused the credentials while trying to {step}")]
    Denied {
        /// What was tried.
        step: &'static str,
        /// The role that an identity needs for it, where that is what the service missed.
        missing_role: Option<Role>,
        /// The service's answer.
        #[source]
        source: BoxError,
    },
    /// The store failed, after retries where they make sense.
    #[error("storage failed to {step}")]
    Failed {
        /// What was tried.
        step: &'static str,
        /// The cause.
        #[source]
        source: BoxError,
    },
}

/// What an identity without an account key has to be to use an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads and writes blobs; assigned at the containers, or at the account.
    BlobDataContributor,
    /// Gets keys to sign addresses with; assigned at the account.
    BlobDelegator,
}

impl Role {
    /// As Azure names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BlobDataContributor => "Storage Blob Data Contributor",
            Self::BlobDelegator => "Storage Blob Delegator",
        }
    }
}

/// A cause whose type does not matter to the caller.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl StorageError {
    /// Wraps a cause with the step that it stopped.
    pub(crate) fn failed(step: &'static str, source: impl Into<BoxError>) -> Self {
        Self::Failed {
            step,
            source: source.into(),
        }
    }
}

/// A store of blobs. Containers are made when they are missing, by writes that need no blob.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Writes a whole blob, there completely or not at all, and returns its new version.
    ///
    /// # Errors
    /// As [`PutMode`] says; never [`StorageError::NotFound`]. A write whose answer was lost is
    /// known as this one's when it is repeated. [`StorageError::Changed`] can still mean that it
    /// was done and then replaced by somebody who had read it.
    async fn put(
        &self,
        container: Container,
        name: &str,
        blob: NewBlob,
        mode: PutMode,
    ) -> Result<ETag, StorageError>;

    /// Reads a whole blob, all of one version.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such blob or no such container.
    async fn get(&self, container: Container, name: &str) -> Result<StoredBlob, StorageError> {
        self.get_at_most(container, name, u64::MAX).await
    }

    /// [`Self::get`] for blobs that anybody may have put there: of a larger one nothing is held.
    ///
    /// # Errors
    /// As [`Self::get`], and [`StorageError::TooLarge`] for more than `most_bytes`.
    async fn get_at_most(
        &self,
        container: Container,
        name: &str,
        most_bytes: u64,
    ) -> Result<StoredBlob, StorageError>;

    /// What a list would tell of one blob, without its content.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such blob or no such container.
    async fn look(&self, container: Container, name: &str) -> Result<BlobItem, StorageError>;

    /// Copies an image under a new name. The store does it: nothing of the content comes through
    /// this process's memory. A copy that an earlier call left halfway is completed first.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] without the source, [`StorageError::AlreadyExists`] where
    /// `target` is taken, but not by this very write, whose answer was lost;
    /// [`StorageError::TooLarge`] for more than the store copies by itself (256 MiB at an account);
    /// [`StorageError::InvalidName`] also for a source whose name is too long to copy from;
    /// [`StorageError::Changed`] where somebody writes or deletes one of the two meanwhile.
    async fn copy_image(
        &self,
        source: &str,
        target: &str,
        properties: CopiedProperties,
    ) -> Result<(), StorageError>;

    /// Deletes a blob.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such blob or no such container; also where
    /// this very call has deleted it, its answer was lost, and it was sent again.
    /// [`StorageError::Changed`] as [`DeleteMode`] says.
    async fn delete(
        &self,
        container: Container,
        name: &str,
        mode: DeleteMode,
    ) -> Result<(), StorageError>;

    /// Lists one page; a missing container is an empty one.
    async fn list(&self, container: Container, query: &ListQuery)
    -> Result<BlobPage, StorageError>;

    /// What makes signatures now; a store without a key of its own may ask for one first.
    ///
    /// # Errors
    /// [`StorageError`] where there is no key to be had.
    async fn signer(&self) -> Result<Signer, StorageError>;

    /// An authenticator of a message (HMAC-SHA256) that only who knows this store's secret can
    /// make; the same in every process that uses the store.
    ///
    /// # Errors
    /// [`StorageError`] where the secret lies in the store and cannot be read or made there.
    async fn authenticate(&self, message: &[u8]) -> Result<[u8; 32], StorageError>;

    /// The percent-encoded address of an image without a signature. `public_base_url`
    /// (scheme, host, port, no slash at the end) is used by stores that this process serves.
    fn image_url(&self, name: &str, public_base_url: &str) -> String;

    /// Over which protocols this store's signatures may be used.
    fn protocol(&self) -> crate::sas::SasProtocol;

    /// Who else may use this store at the same time.
    fn sharing(&self) -> Sharing;

    /// Says in a few words which store this is, without secrets.
    fn describe(&self) -> String;
}
