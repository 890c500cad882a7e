//! Signed addresses of images and thumbnails: the store is asked once for what signs, however many
//! there are.

use super::{
    Gallery, ImageEntry, ImageId, StoredImage, found::Found, thumbnail_links::LinkMaker, thumbs,
};
use crate::{
    sas::SasTerms,
    storage::{SignedResource, Signer, StorageError},
};
use time::OffsetDateTime;

/// Makes addresses for one answer. Each opens one blob, for reading.
pub struct Addresses<'a> {
    gallery: &'a Gallery,
    signer: Signer,
    links: LinkMaker,
    terms: SasTerms,
    public_base_url: &'a str,
}

impl Gallery {
    /// Addresses that are signed at `now`. `public_base_url` starts those that this process
    /// serves.
    ///
    /// # Errors
    /// [`StorageError`] when the store has nothing to sign with.
    pub async fn addresses<'a>(
        &'a self,
        now: OffsetDateTime,
        public_base_url: &'a str,
    ) -> Result<Addresses<'a>, StorageError> {
        let terms = self.read_terms(now);
        Ok(Addresses {
            gallery: self,
            signer: self.store.signer().await?,
            links: self.link_maker(&terms).await?,
            terms,
            public_base_url,
        })
    }
}

impl Addresses<'_> {
    /// A signed, read-only address of a stored image.
    ///
    /// # Errors
    /// [`StorageError`] when the store cannot sign.
    pub fn url(&self, image: &StoredImage) -> Result<String, StorageError> {
        self.of(&image.path)
    }

    /// Where a stored image's thumbnail is, or is made.
    ///
    /// # Errors
    /// [`StorageError`] when the store cannot sign.
    pub fn thumbnail_url(&self, image: &StoredImage) -> Result<String, StorageError> {
        self.of_thumbnail(&ImageId::of(&image.path))
    }

    /// A signed, read-only address of whatever lies there.
    pub(super) fn of(&self, path: &str) -> Result<String, StorageError> {
        let signature = self.signer.sign(SignedResource::Image(path), &self.terms)?;
        let address = self.gallery.store.image_url(path, self.public_base_url);
        Ok(format!("{address}?{signature}"))
    }

    /// The thumbnail itself where it is known to be there, else the function that makes it.
    fn of_thumbnail(&self, image: &ImageId) -> Result<String, StorageError> {
        match self.gallery.thumbs.is_known(image) {
            true => self.of(&thumbs::path_of(image)),
            false => Ok(self.links.address(image, self.public_base_url)),
        }
    }

    pub(super) fn entry(&self, found: Found) -> Result<ImageEntry, StorageError> {
        let id = ImageId::of(&found.path);
        Ok(ImageEntry {
            url: self.of(&found.path)?,
            thumbnail_url: self.of_thumbnail(&id)?,
            id: id.to_text(),
            created_at: found.created_at(),
            name: found.name,
            prompt: found.prompt,
            model: found.model,
            size: found.size,
            content_type: found.content_type,
            size_bytes: found.size_bytes,
        })
    }
}
