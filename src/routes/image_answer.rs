//! The JSON of finished images, as `generateImage`, its event stream and `operations` answer it.

use crate::{
    app::App,
    error::ApiError,
    gallery::Addresses,
    operations::{FinishedImage, FinishedOperation},
    picture_json::{PictureJson, PictureText},
    storage::StorageError,
};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// The original's answer, word for word.
pub const MESSAGE: &str = "Image uploaded successfully";

/// How one caller is answered.
#[derive(Debug, Clone)]
pub struct ImageAnswer {
    /// The name of the list of images.
    pub output_key: String,
    /// The request that is answered.
    pub request_id: String,
    /// Start of the addresses of a store that this process serves.
    pub public_base_url: String,
}

impl ImageAnswer {
    /// The whole answer, with the pictures' bytes where there are any.
    ///
    /// # Errors
    /// What the store says when it cannot sign.
    pub async fn text(
        &self,
        app: &App,
        finished: FinishedOperation,
    ) -> Result<PictureText, ApiError> {
        let mut pictures = PictureJson::default();
        let json = self.json(app, finished, &mut pictures).await?;
        Ok(pictures.into_text(&json))
    }

    /// The same as a value of which `pictures` has the pictures. Addresses are signed now.
    ///
    /// # Errors
    /// What the store says when it cannot sign.
    pub async fn json(
        &self,
        app: &App,
        finished: FinishedOperation,
        pictures: &mut PictureJson,
    ) -> Result<Value, ApiError> {
        let first = finished.images.first();
        let first_size = first
            .and_then(|image| image.stored.as_ref())
            .and_then(|stored| stored.size.clone());
        let mut object = json!({
            "provider": finished.provider,
            "model": finished.model,
            "size": first_size,
            "operationId": finished.operation,
            "requestId": self.request_id,
        });
        if let Some(attempts) = finished.attempts {
            object["attemptCount"] = attempts.into();
        }
        if let Some(usage) = finished.usage {
            object["usage"] = usage;
        }
        let id = finished.operation.clone();
        let images = self.images_json(app, finished.images, pictures).await;
        // They are stored and paid for: whoever is told where to ask again does not order them anew.
        let images =
            images.map_err(|error| ApiError::from(error).with("operationId", id.as_str()))?;
        Ok(json!({
            "message": MESSAGE,
            self.output_key.as_str(): images,
            "object": object,
            "warnings": finished.warnings,
        }))
    }

    async fn images_json(
        &self,
        app: &App,
        images: Vec<FinishedImage>,
        pictures: &mut PictureJson,
    ) -> Result<Vec<Value>, StorageError> {
        let now = OffsetDateTime::now_utc();
        let addresses = app.gallery.addresses(now, &self.public_base_url).await?;
        let images = images.into_iter();
        images
            .map(|image| image_json(&addresses, image, pictures))
            .collect()
    }
}

fn image_json(
    addresses: &Addresses<'_>,
    image: FinishedImage,
    pictures: &mut PictureJson,
) -> Result<Value, StorageError> {
    let mut json = json!({});
    if let Some(stored) = image.stored {
        json = json!({
            "id": stored.id(),
            "url": addresses.url(&stored)?,
            "name": stored.name,
            "thumbnailUrl": addresses.thumbnail_url(&stored)?,
            "contentType": stored.content_type,
            "sizeBytes": stored.size_bytes,
        });
    }
    if let Some(revised_prompt) = image.revised_prompt {
        json["revisedPrompt"] = revised_prompt.into();
    }
    if let Some(bytes) = image.bytes {
        json["b64_json"] = pictures.add(bytes);
    }
    Ok(json)
}
