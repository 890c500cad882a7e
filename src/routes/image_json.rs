//! The JSON of one image of the gallery, as `getImages` and `images` answer it.

use crate::gallery::{ImageEntry, format_millis};
use serde::Serialize;

/// What is told of an image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageJson {
    id: String,
    url: String,
    name: String,
    prompt: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<String>,
    content_type: String,
    size_bytes: u64,
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
