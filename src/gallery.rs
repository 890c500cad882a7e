//! What an image is called, where it lies, what is kept beside it, and the list of all of them,
//! newest first.

mod add;
mod addresses;
mod details;
mod found;
mod id;
mod list;
mod metadata;
mod migrate;
mod name;
mod of_operation;
mod old;
mod png_text;
mod prompts;
mod record;
mod remove;
mod thumbnail_links;
mod thumbs;

use crate::{
    image_format::ImageFormat,
    prompt::Prompt,
    sas::{SasTerms, signature_window},
    storage::{BlobStore, Container, ListQuery, SignedResource, StorageError},
};
use bytes::Bytes;
use list::Pages;
use old::OldImages;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use thumbs::Thumbs;
use time::OffsetDateTime;
use uuid::Uuid;

pub use addresses::Addresses;
pub use details::{ImageDetails, Thumbnail};
pub use id::{ImageId, InvalidImageId};
pub use list::{Cursor, CursorError};
pub use metadata::{ImageFacts, UsageFact, format_millis};
pub use migrate::{
    LeftReason, MigrationCounts, MigrationEnd, MigrationEvent, MigrationMode, MigrationOptions,
    MigrationReporter, Originals,
};
pub use old::OldImagesSettings;
pub use record::ImageRecord;
pub use thumbnail_links::ThumbnailLinks;
pub use thumbs::ThumbsSettings;

/// How a gallery is kept.
#[derive(Debug, Clone)]
pub struct GallerySettings {
    /// How signatures are given.
    pub signatures: SignatureSettings,
    /// What the store has listed is remembered for so long; what this process itself adds and
    /// removes shows at once.
    pub page_memory: Duration,
    /// How fresh the index of old images is.
    pub old_images: OldImagesSettings,
    /// How thumbnails are made.
    pub thumbnails: ThumbsSettings,
    /// Whether the addresses of the function that makes thumbnails have to be ones that we gave.
    pub thumbnail_links: ThumbnailLinks,
}

impl GallerySettings {
    /// With these signatures, and all else as it usually is.
    #[must_use]
    pub fn new(signatures: SignatureSettings) -> Self {
        Self {
            signatures,
            page_memory: Duration::from_secs(3),
            old_images: OldImagesSettings::default(),
            thumbnails: ThumbsSettings::default(),
            thumbnail_links: ThumbnailLinks::Open,
        }
    }
}

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
    /// The write's own id, see [`NewBlob`](crate::storage::NewBlob).
    pub write_id: Uuid,
}

/// An image of the gallery as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageEntry {
    /// The blob's path, base64url without padding.
    pub id: String,
    /// A signed, read-only, percent-encoded address.
    pub url: String,
    /// Where its thumbnail is, or is made.
    pub thumbnail_url: String,
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
    /// The text of its [`ImageId`].
    #[must_use]
    pub fn id(&self) -> String {
        ImageId::of(&self.path).to_text()
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
    /// Present while there may be older ones; [`Gallery::read_cursor`] reads it.
    pub next_cursor: Option<String>,
}

/// The images of one store.
pub struct Gallery {
    store: Arc<dyn BlobStore>,
    signatures: SignatureSettings,
    pages: Pages,
    old: OldImages,
    thumbs: Thumbs,
    thumbnail_links: ThumbnailLinks,
}

impl Gallery {
    /// A gallery over `store`.
    #[must_use]
    pub fn new(store: Arc<dyn BlobStore>, settings: GallerySettings) -> Self {
        Self {
            pages: Pages::new(store.clone(), settings.page_memory),
            old: OldImages::new(store.clone(), settings.old_images),
            thumbs: Thumbs::new(store.clone(), settings.thumbnails),
            signatures: settings.signatures,
            thumbnail_links: settings.thumbnail_links,
            store,
        }
    }

    /// The encoded picture of a stored image, as its maker gave it.
    ///
    /// # Errors
    /// [`StorageError`] when it is gone or the store fails.
    pub async fn read(&self, image: &StoredImage) -> Result<Bytes, StorageError> {
        let found = self.store.get(Container::Images, &image.path).await?;
        Ok(png_text::without_text(found.bytes))
    }

    /// A signature of the whole container (or account) as a query string without `?`.
    ///
    /// # Errors
    /// [`StorageError::CannotSign`] where the store cannot sign for an account, others where it
    /// has no key now.
    pub async fn shared_access_signature(
        &self,
        now: OffsetDateTime,
    ) -> Result<String, StorageError> {
        let resource = match self.signatures.scope {
            SignatureScope::Container => SignedResource::ImagesContainer,
            SignatureScope::Account => SignedResource::Account,
        };
        let terms = SasTerms {
            permissions: self.signatures.container_permissions.clone(),
            ..self.read_terms(now)
        };
        self.store.signer().await?.sign(resource, &terms)
    }

    /// At least so long a signature holds that is given now.
    #[must_use]
    pub fn shortest_validity(&self) -> Duration {
        Duration::from_secs(60 * u64::from(self.signatures.minutes_left))
    }

    /// Whether the store answers and can sign: lists one blob at the most, which costs next to
    /// nothing.
    ///
    /// # Errors
    /// [`StorageError`] with the reason why not.
    pub async fn check(&self) -> Result<(), StorageError> {
        let query = ListQuery {
            max_results: Some(1),
            ..ListQuery::default()
        };
        self.store.list(Container::Images, &query).await?;
        self.store.signer().await.map(drop)
    }

    /// Which store it is, without secrets.
    #[must_use]
    pub fn describe(&self) -> String {
        self.store.describe()
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
}

impl From<found::Found> for StoredImage {
    fn from(found: found::Found) -> Self {
        Self {
            path: found.path,
            name: found.name,
            size: found.size,
            content_type: found.content_type,
            size_bytes: found.size_bytes,
        }
    }
}

#[cfg(test)]
mod tests;
