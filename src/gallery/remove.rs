//! Removing an image with all that belongs to it.

use super::{Gallery, ImageId, found, prompts};
use crate::storage::{Container, DeleteMode, StorageError};

impl Gallery {
    /// Removes an image, its thumbnail, and its prompt where that lies apart. What is not there
    /// is removed already; a removal that broke off is finished by the next one.
    ///
    /// # Errors
    /// What the store says.
    pub async fn remove(&self, image: &ImageId) -> Result<(), StorageError> {
        let path = image.path();
        // The prompt goes first: the image alone knows where it is. What others put anywhere
        // may name another image's.
        if found::is_ours(path) {
            match self.store.look(Container::Images, path).await {
                Ok(blob) => prompts::remove(self.store.as_ref(), &blob.metadata).await?,
                Err(StorageError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        let deleted = self.store.delete(Container::Images, path, DeleteMode::Any);
        match deleted.await {
            Ok(()) | Err(StorageError::NotFound) => {}
            Err(error) => return Err(error),
        }
        self.pages.forget();
        if !found::is_ours(path) {
            self.old.forget(path);
        }
        self.thumbs.remove(image).await
    }
}
