//! A new image on its way into the gallery.

use super::{
    Gallery, ImageId, NewImage, StoredImage, found::Found, metadata, name, png_text, prompts,
};
use crate::{
    image_format::ImageFormat,
    storage::{BlobContent, BlobItem, Container, NewBlob, PutMode, StorageError},
};
use time::OffsetDateTime;

/// Two images of one title in one millisecond are rare; this many are a broken store.
const MOST_NAME_MOVES: u64 = 100;

/// The picture; a PNG tells what it was made from wherever it goes.
fn content(image: &NewImage) -> BlobContent {
    let with_text = || {
        let texts = png_text::texts_of(&image.prompt, &image.facts, image.made_at);
        png_text::with_text(&image.bytes, &texts)
    };
    let pieces = (image.format == ImageFormat::Png).then(with_text).flatten();
    pieces.map_or_else(|| image.bytes.clone().into(), BlobContent::from)
}

impl Gallery {
    /// Stores an image under a new name; a taken name moves on by a millisecond. The same image
    /// can be given again when its outcome is not known, and is stored once. Its thumbnail is
    /// made a little later.
    ///
    /// # Errors
    /// [`StorageError`] when the store fails after its retries; the image is then not stored.
    pub async fn add(&self, image: &NewImage) -> Result<StoredImage, StorageError> {
        let blob = self.prepare(image).await;
        let title = name::title(image.prompt.as_str());
        let first = name::epoch_millis(image.made_at);
        for millis in first..first + MOST_NAME_MOVES {
            let path = name::gallery_path(&title, millis, image.format);
            match self.try_add(&path, blob.clone()).await {
                Err(StorageError::AlreadyExists) => {}
                Err(error) => return Err(error),
                Ok(item) => {
                    self.pages.forget();
                    self.thumbs.make_soon(ImageId::of(&path));
                    return Ok(Found::from_blob(item).into());
                }
            }
        }
        Err(StorageError::AlreadyExists)
    }

    async fn prepare(&self, image: &NewImage) -> NewBlob {
        let (prompt, facts) = (&image.prompt, &image.facts);
        let prompt_record = image.write_id.simple().to_string();
        let encoded = metadata::encode(prompt, facts, image.made_at, &prompt_record);
        if !encoded.prompt_is_whole {
            prompts::keep(self.store.as_ref(), image.write_id, prompt).await;
        }
        NewBlob {
            content: content(image),
            content_type: image.format.content_type().to_owned(),
            metadata: encoded.metadata,
            write_id: image.write_id,
        }
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
}
