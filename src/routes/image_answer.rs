//! The JSON of finished images, as `generateImage`, its event stream and `operations` answer it.

use crate::{
    app::App,
    error::ApiError,
    gallery::Addresses,
    operations::{FinishedImage, FinishedOperation},
    picture_json::{PictureJson, PictureText},
    storage::StorageError,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// The original's answer, word for word.
pub const MESSAGE: &str = "Image uploaded successfully";

/// The images of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = GeneratedImages)]
pub struct Images {
    /// `Image uploaded successfully`.
    message: &'static str,
    /// Under the request's `outputKey`, which is `imageList` unless given.
    #[serde(flatten)]
    lists: BTreeMap<String, Vec<Image>>,
    /// How they were made.
    object: Making,
    /// What was dropped, capped, or failed beside the images that are here.
    warnings: Vec<String>,
}

/// One image, as far as it is known and wanted.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = GeneratedImage)]
pub struct Image {
    /// Always there for those who asked for a place in the gallery.
    #[serde(flatten)]
    #[schema(value_type = Stored)]
    stored: Option<Stored>,
    /// What the provider made of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revised_prompt: Option<String>,
    /// The picture itself, for `response_format` `b64_json`.
    #[serde(rename = "b64_json", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, content_encoding = "base64")]
    picture: Option<Value>,
}

/// An image's place in the gallery.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StoredImage)]
pub struct Stored {
    /// For `images/{id}` and `thumbnails/{id}`.
    #[schema(pattern = "^[A-Za-z0-9_-]+$")]
    id: String,
    /// The picture, with a read-only signature for it alone.
    #[schema(format = "uri")]
    url: String,
    /// Unique, `<title>_<epoch ms>.<ext>`.
    name: String,
    /// Leads to a small picture.
    #[schema(format = "uri")]
    thumbnail_url: String,
    /// The picture's media type.
    content_type: String,
    /// The picture's length.
    size_bytes: u64,
}

/// How images were made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Making)]
pub struct Making {
    /// Who made them.
    provider: String,
    /// With which model.
    model: String,
    /// `WIDTHxHEIGHT`, where it is known.
    #[schema(required)]
    size: Option<String>,
    /// How many calls to the provider it took, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempt_count: Option<u32>,
    /// The provider's counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    usage: Option<Value>,
    /// The operation, for `operations/{id}`.
    #[schema(pattern = "^[0-9a-f]{44}$")]
    operation_id: String,
    /// The request that is answered.
    request_id: String,
}

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
        let id = finished.operation.clone();
        let object = Making {
            provider: finished.provider,
            model: finished.model,
            size: first_size,
            attempt_count: finished.attempts,
            usage: finished.usage,
            operation_id: finished.operation.into(),
            request_id: self.request_id.clone(),
        };
        // They are stored and paid for: whoever is told where to ask again does not order them anew.
        let images = self.images(app, finished.images, pictures).await;
        let images =
            images.map_err(|error| ApiError::from(error).with("operationId", id.as_str()))?;
        let answer = Images {
            message: MESSAGE,
            lists: BTreeMap::from([(self.output_key.clone(), images)]),
            object,
            warnings: finished.warnings,
        };
        serde_json::to_value(answer).map_err(|_| ApiError::internal())
    }

    async fn images(
        &self,
        app: &App,
        images: Vec<FinishedImage>,
        pictures: &mut PictureJson,
    ) -> Result<Vec<Image>, StorageError> {
        let now = OffsetDateTime::now_utc();
        let addresses = app.gallery.addresses(now, &self.public_base_url).await?;
        let images = images.into_iter();
        images
            .map(|image| image_of(&addresses, image, pictures))
            .collect()
    }
}

fn image_of(
    addresses: &Addresses<'_>,
    image: FinishedImage,
    pictures: &mut PictureJson,
) -> Result<Image, StorageError> {
    let stored = match image.stored {
        None => None,
        Some(stored) => Some(Stored {
            id: stored.id(),
            url: addresses.url(&stored)?,
            thumbnail_url: addresses.thumbnail_url(&stored)?,
            name: stored.name,
            content_type: stored.content_type,
            size_bytes: stored.size_bytes,
        }),
    };
    Ok(Image {
        stored,
        revised_prompt: image.revised_prompt,
        picture: image.bytes.map(|bytes| pictures.add(bytes)),
    })
}
