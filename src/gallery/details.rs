//! One image: all that is known of it, and its thumbnail.

use super::{
    Gallery, ImageEntry, ImageId, ImageRecord, StoredImage,
    found::{self, Found},
    prompts,
    thumbs::{self, Made},
};
use crate::{
    sas::SasTerms,
    storage::{Container, StorageError},
};
use std::sync::Arc;
use time::OffsetDateTime;

/// All that is known of an image.
#[derive(Debug, Clone)]
pub struct ImageDetails {
    /// What the list tells too, with the prompt as whole as it was kept.
    pub entry: ImageEntry,
    /// What was written down when it was made.
    pub record: ImageRecord,
}

/// What an image's thumbnail is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thumbnail {
    /// A signed address.
    At(String),
    /// There is none: the picture cannot be used.
    Unusable,
    /// There is none yet, since too many others are being made.
    NotNow,
}

impl Gallery {
    /// All that is known of an image.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such image; what the store says otherwise.
    pub async fn details(
        &self,
        image: &ImageId,
        now: OffsetDateTime,
        public_base_url: &str,
    ) -> Result<ImageDetails, StorageError> {
        let blob = self.store.look(Container::Images, image.path()).await;
        let blob = blob.inspect_err(|error| self.note_missing(image, error))?;
        if !found::is_image(&blob) {
            return Err(StorageError::NotFound);
        }
        let mut record = super::metadata::decode_record(&blob.metadata);
        let mut found = Found::from_blob(blob);
        if let Some(id) = &record.prompt_record
            && let Some(prompt) = prompts::read(self.store.as_ref(), id).await?
        {
            found.prompt.clone_from(&prompt);
            record.prompt = Some(prompt);
            record.prompt_is_cut = false;
        }
        let terms = self.read_terms(now);
        Ok(ImageDetails {
            entry: self.entry(found, &terms, public_base_url)?,
            record,
        })
    }

    /// An image's thumbnail, which is made where it is missing.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such image; what the store says otherwise.
    pub async fn thumbnail(
        &self,
        image: &ImageId,
        now: OffsetDateTime,
        public_base_url: &str,
    ) -> Result<Thumbnail, Arc<StorageError>> {
        let made = self.thumbs.ensure(image).await;
        match made.inspect_err(|error| self.note_missing(image, error))? {
            Made::There => {
                let terms = self.read_terms(now);
                let path = thumbs::path_of(image);
                Ok(Thumbnail::At(self.signed_url(
                    &path,
                    &terms,
                    public_base_url,
                )?))
            }
            Made::Unusable => Ok(Thumbnail::Unusable),
            Made::NotNow => Ok(Thumbnail::NotNow),
        }
    }

    /// Where a stored image's thumbnail is, or is made.
    ///
    /// # Errors
    /// [`StorageError`] when the store cannot sign.
    pub fn thumbnail_address(
        &self,
        image: &StoredImage,
        now: OffsetDateTime,
        public_base_url: &str,
    ) -> Result<String, StorageError> {
        let id = ImageId::of(&image.path);
        self.thumbnail_url(&id, &self.read_terms(now), public_base_url)
    }

    /// The thumbnail itself where it is known to be there, else the function that makes it.
    pub(super) fn thumbnail_url(
        &self,
        image: &ImageId,
        terms: &SasTerms,
        public_base_url: &str,
    ) -> Result<String, StorageError> {
        match self.thumbs.is_known(image) {
            true => self.signed_url(&thumbs::path_of(image), terms, public_base_url),
            false => Ok(self.link_maker(terms).address(image, public_base_url)),
        }
    }

    /// An old image that is gone has no business in the index.
    fn note_missing(&self, image: &ImageId, error: &StorageError) {
        if matches!(error, StorageError::NotFound) && self.old.knows(image.path()) {
            self.old.forget(image.path());
        }
    }
}
