//! What a file cannot hold itself: a blob's media type and metadata, as a JSON file beside it.
//! A file that somebody else put into the folder has none, and its name tells the media type.

use crate::storage::Metadata;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A blob's media type and metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Properties {
    pub content_type: String,
    #[serde(default)]
    pub metadata: Metadata,
}

impl Properties {
    /// Reads them, or makes them up from the file's name: a missing or broken properties file
    /// must not hide the blob.
    pub fn read(properties_path: &Path, data_path: &Path) -> Self {
        std::fs::read(properties_path)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_else(|| Self {
                content_type: content_type_by_extension(data_path).to_owned(),
                metadata: Metadata::new(),
            })
    }
}

fn content_type_by_extension(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("gif") => "image/gif",
        Some("avif") => "image/avif",
        _ => "application/octet-stream",
    }
}
