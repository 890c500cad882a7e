//! The JSON of one image of the gallery, as `getImages` and `images` answer it.

use crate::gallery::{ImageEntry, format_millis};
use serde::Serialize;
use utoipa::ToSchema;

/// What is told of an image.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Image)]
pub struct ImageJson {
    /// For `images/{id}` and `thumbnails/{id}`.
    #[schema(pattern = "^[A-Za-z0-9_-]+$")]
    id: String,
    /// The picture: percent-encoded, with a read-only signature for it alone. It stays the same
    /// for 15 minutes.
    #[schema(format = "uri")]
    url: String,
    /// Unique, `<title>_<epoch ms>.<ext>`; others' images have others' names.
    name: String,
    /// As whole as it fits beside the image; `images/{id}` has all of it.
    prompt: String,
    /// RFC 3339, milliseconds, UTC.
    #[schema(format = "date-time")]
    created_at: String,
    /// Where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    model: Option<String>,
    /// `WIDTHxHEIGHT`, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    size: Option<String>,
    /// The picture's media type.
    content_type: String,
    /// The picture's length.
    size_bytes: u64,
    /// A small picture: its signed address, or the one that makes it.
    #[schema(format = "uri")]
    thumbnail_url: String,
}

impl From<ImageEntry> for ImageJson {
    fn from(entry: ImageEntry) -> Self {
        Self {
            id: entry.id,
            url: entry.url,
            name: entry.name,
            prompt: entry.prompt,
            created_at: format_millis(entry.created_at).unwrap_or_default(),
            model: entry.model,
            size: entry.size,
            content_type: entry.content_type,
            size_bytes: entry.size_bytes,
            thumbnail_url: entry.thumbnail_url,
        }
    }
}
