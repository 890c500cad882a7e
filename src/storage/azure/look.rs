//! What the account tells of a blob beside its content.

use super::{WRITE_ID, failure::map_gone};
use crate::storage::{BlobItem, Metadata, StorageError};
use azure_storage_blobs::prelude::BlobClient;
use std::collections::HashMap;

/// Asks for a blob's properties.
///
/// # Errors
/// [`StorageError::NotFound`] without the blob or its container; other failures after the retries.
pub(super) async fn look(client: &BlobClient) -> Result<BlobItem, StorageError> {
    let found = client.get_properties().await;
    let blob = found
        .map_err(|error| map_gone("look at a blob", &error))?
        .blob;
    Ok(BlobItem {
        name: blob.name,
        size_bytes: blob.properties.content_length,
        content_type: blob.properties.content_type,
        last_modified: blob.properties.last_modified,
        metadata: user_metadata(blob.metadata),
    })
}

/// A blob's metadata without what is this store's own.
pub(super) fn user_metadata(found: Option<HashMap<String, String>>) -> Metadata {
    let found = found.unwrap_or_default().into_iter();
    let mut metadata: Metadata = found
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    metadata.remove(WRITE_ID);
    metadata
}
