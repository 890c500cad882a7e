//! What an image is called, where it lies, what is kept beside it, and the list of all of them,
//! newest first.

mod listing;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "no answer shows the record yet")
)]
mod metadata;
mod name;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "no picture is given its texts yet")
)]
mod png_text;
mod record;
mod walk;

use crate::{
    image_format::ImageFormat,
    prompt::Prompt,
    sas::{SasTerms, signature_window},
    storage::{
        BlobItem, BlobStore, Container, ListQuery, NewBlob, PutMode, SignedResource, StorageError,
    },
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{ops::RangeInclusive, sync::Arc};
use time::OffsetDateTime;
use uuid::Uuid;

pub use listing::{Cursor, InvalidCursor};
pub use metadata::{ImageFacts, UsageFact};
pub use record::ImageRecord;

/// Without a `limit`, a list ends here and names a cursor.
const MOST_IN_ONE_LIST: usize = 10_000;

/// Two images of one title in one millisecond are rare; this many are a broken store.
const MOST_NAME_MOVES: u64 = 100;

/// How signatures are given.
#[derive(Debug, Clone)]
pub struct SignatureSettings {
    /// Permission letters of the container's signature, in the service's order.
    pub container_permissions: String,
    /// Whether [`Gallery::shared_access_signature`] covers the account or the container.
    pub scope: SignatureScope,
    /// At least so many minutes of validity remain when a signature is given.
    pub minutes_left: u16,
}

/// What [`Gallery::shared_access_signature`] covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureScope {
    /// The images container.
    Container,
    /// The whole blob account, as the original's documentation shows it.
    Account,
}

/// A picture on its way into the gallery.
#[derive(Debug, Clone)]
pub struct NewImage {
    /// The encoded picture.
    pub bytes: Bytes,
    /// Its encoding, known from its bytes.
    pub format: ImageFormat,
    /// What it was made from.
    pub prompt: Prompt,
    /// What else is known about it.
    pub facts: ImageFacts,
    /// When it was made.
    pub made_at: OffsetDateTime,
    /// The write's own id, see [`NewBlob`].
    pub write_id: Uuid,
}

/// An image of the gallery as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageEntry {
    /// The blob's path, base64url without padding.
    pub id: String,
    /// A signed, read-only, percent-encoded address.
    pub url: String,
    /// Unique; `<title>_<epoch ms>.<ext>` for images of ours.
    pub name: String,
    /// The prompt, as far as it is known.
    pub prompt: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Which model made it.
    pub model: Option<String>,
    /// Width and height in pixels, `1024x1024`.
    pub size: Option<String>,
    /// Media type.
    pub content_type: String,
    /// Length of the encoded picture.
    pub size_bytes: u64,
}

/// An image that is stored, without an address: those are signed anew each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredImage {
    /// Where it lies.
    pub path: String,
    /// Unique, `<title>_<epoch ms>.<ext>`.
    pub name: String,
    /// Width and height in pixels, `1024x1024`.
    pub size: Option<String>,
    /// Media type.
    pub content_type: String,
    /// Length of the encoded picture.
    pub size_bytes: u64,
}

impl StoredImage {
    /// The blob's path, base64url without padding.
    #[must_use]
    pub fn id(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.path)
    }
}

/// Which images to list.
#[derive(Debug, Clone, Default)]
pub struct ListImagesQuery {
    /// At most so many.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
}

/// A part of the list, newest first.
#[derive(Debug, Clone)]
pub struct ImagePage {
    /// The images.
    pub images: Vec<ImageEntry>,
    /// Present while there are older ones.
    pub next_cursor: Option<Cursor>,
}

/// The images of one store.
pub struct Gallery {
    store: Arc<dyn BlobStore>,
    signatures: SignatureSettings,
}

impl Gallery {
    /// A gallery over `store`.
    #[must_use]
    pub fn new(store: Arc<dyn BlobStore>, signatures: SignatureSettings) -> Self {
        Self { store, signatures }
    }

    /// Stores an image under a new name; a taken name moves on by a millisecond. The same image
    /// can be given again when its outcome is not known, and is stored once.
    ///
    /// # Errors
    /// [`StorageError`] when the store fails after its retries; the image is then not stored.
    pub async fn add(&self, image: &NewImage) -> Result<StoredImage, StorageError> {
        let title = name::title(image.prompt.as_str());
        let blob = NewBlob {
            content: image.bytes.clone().into(),
            content_type: image.format.content_type().to_owned(),
            metadata: metadata::encode(&image.prompt, &image.facts, image.made_at, "").metadata,
            write_id: image.write_id,
        };
        let first = name::epoch_millis(image.made_at);
        for millis in first..first + MOST_NAME_MOVES {
            let path = name::gallery_path(&title, millis, image.format);
            match self.try_add(&path, blob.clone()).await {
                Err(StorageError::AlreadyExists) => {}
                Err(error) => return Err(error),
                Ok(item) => return Ok(listing::Found::from_blob(item).into()),
            }
        }
        Err(StorageError::AlreadyExists)
    }

    async fn try_add(&self, path: &str, blob: NewBlob) -> Result<BlobItem, StorageError> {
        let item = BlobItem {
            name: path.to_owned(),
            size_bytes: blob.content.len(),
            content_type: blob.content_type.clone(),
            last_modified: OffsetDateTime::UNIX_EPOCH, // an image of ours has its time in its path
            metadata: blob.metadata.clone(),
        };
        self.store
            .put(Container::Images, path, blob, PutMode::Create)
            .await?;
        Ok(item)
    }

    /// A signed, read-only address of a stored image.
    ///
    /// # Errors
    /// [`StorageError`] when the store cannot sign.
    pub fn url(
        &self,
        image: &StoredImage,
        now: OffsetDateTime,
        public_base_url: &str,
    ) -> Result<String, StorageError> {
        self.signed_url(&image.path, &self.read_terms(now), public_base_url)
    }

    /// The encoded picture of a stored image.
    ///
    /// # Errors
    /// [`StorageError`] when it is gone or the store fails.
    pub async fn read(&self, image: &StoredImage) -> Result<Bytes, StorageError> {
        let found = self.store.get(Container::Images, &image.path).await?;
        Ok(found.bytes)
    }

    /// The images that an operation has stored within a span of time, oldest first, whoever
    /// looks for them: what is left of an operation whose process is gone.
    ///
    /// # Errors
    /// [`StorageError`] when the store cannot be listed.
    pub async fn find_of_operation(
        &self,
        mark: &str,
        made: RangeInclusive<OffsetDateTime>,
    ) -> Result<Vec<StoredImage>, StorageError> {
        let prefixes = name::prefixes_of(made);
        let found = walk::find_of_operation(self.store.as_ref(), prefixes, mark).await?;
        Ok(found.into_iter().map(StoredImage::from).collect())
    }

    /// Lists images newest first, whoever stored them; equal times go by path.
    ///
    /// # Errors
    /// [`StorageError`] when the store cannot be listed or cannot sign.
    pub async fn list(
        &self,
        query: &ListImagesQuery,
        now: OffsetDateTime,
        public_base_url: &str,
    ) -> Result<ImagePage, StorageError> {
        let limit = query
            .limit
            .unwrap_or(MOST_IN_ONE_LIST)
            .min(MOST_IN_ONE_LIST);
        let mut found = walk::find_all(self.store.as_ref()).await?;
        listing::sort_newest_first(&mut found);
        let page = listing::page(found, query.cursor.as_ref(), limit);
        let terms = self.read_terms(now);
        let images = page
            .found
            .into_iter()
            .map(|found| self.entry(found, &terms, public_base_url))
            .collect::<Result<_, _>>()?;
        Ok(ImagePage {
            images,
            next_cursor: page.next_cursor,
        })
    }

    /// A signature of the whole container (or account) as a query string without `?`.
    ///
    /// # Errors
    /// [`StorageError::CannotSign`] where the store is no account.
    pub fn shared_access_signature(&self, now: OffsetDateTime) -> Result<String, StorageError> {
        let resource = match self.signatures.scope {
            SignatureScope::Container => SignedResource::ImagesContainer,
            SignatureScope::Account => SignedResource::Account,
        };
        let terms = SasTerms {
            permissions: self.signatures.container_permissions.clone(),
            ..self.read_terms(now)
        };
        self.store.sign(resource, &terms)
    }

    /// Whether the store answers: lists one blob at the most, which costs next to nothing.
    ///
    /// # Errors
    /// [`StorageError`] with the reason why not.
    pub async fn check(&self) -> Result<(), StorageError> {
        let query = ListQuery {
            max_results: Some(1),
            ..ListQuery::default()
        };
        self.store.list(Container::Images, &query).await.map(drop)
    }

    fn read_terms(&self, now: OffsetDateTime) -> SasTerms {
        let (starts_at, expires_at) = signature_window(now, self.signatures.minutes_left);
        SasTerms {
            permissions: "r".to_owned(),
            starts_at,
            expires_at,
            protocol: self.store.protocol(),
        }
    }

    fn entry(
        &self,
        found: listing::Found,
        terms: &SasTerms,
        public_base_url: &str,
    ) -> Result<ImageEntry, StorageError> {
        Ok(ImageEntry {
            id: BASE64_URL_SAFE_NO_PAD.encode(&found.path),
            url: self.signed_url(&found.path, terms, public_base_url)?,
            created_at: found.created_at(),
            name: found.name,
            prompt: found.prompt,
            model: found.model,
            size: found.size,
            content_type: found.content_type,
            size_bytes: found.size_bytes,
        })
    }

    fn signed_url(
        &self,
        path: &str,
        terms: &SasTerms,
        public_base_url: &str,
    ) -> Result<String, StorageError> {
        let signature = self.store.sign(SignedResource::Image(path), terms)?;
        let address = self.store.image_url(path, public_base_url);
        Ok(format!("{address}?{signature}"))
    }
}

impl From<listing::Found> for StoredImage {
    fn from(found: listing::Found) -> Self {
        Self {
            path: found.path,
            name: found.name,
            size: found.size,
            content_type: found.content_type,
            size_bytes: found.size_bytes,
        }
    }
}
