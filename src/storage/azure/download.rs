//! A blob on its way from the account, all of one version.

use super::{
    WRITE_ID,
    failure::{error_code, map_gone},
};
use crate::storage::{ETag, StorageError, StoredBlob};
use azure_storage_blobs::{blob::Blob, prelude::BlobClient};
use futures_util::StreamExt;
use std::time::Duration;
use time::OffsetDateTime;

const STEP: &str = "read a blob";

/// More than any blob has: it is read in one request. Pieces of a blob that was replaced meanwhile
/// would not fit together, and for a small last piece the crate wants a checksum that Azurite lacks.
const WHOLE_BLOB: u64 = 1 << 40;

/// How often it is read anew where an empty blob is filled between two requests.
const ROUNDS: u32 = 3;

/// Reads a whole blob.
///
/// # Errors
/// [`StorageError::NotFound`] without the blob or its container; other failures after the retries.
pub(super) async fn read(client: &BlobClient) -> Result<StoredBlob, StorageError> {
    for _ in 0..ROUNDS {
        if let Some(blob) = read_filled(client).await? {
            return Ok(blob);
        }
        // The crate asks for a range, and an empty blob has none.
        let found = client.get_properties().await;
        let found = found.map_err(|error| map_gone(STEP, &error))?;
        if found.blob.properties.content_length == 0 {
            return Ok(stored(found.blob, found.date, Vec::new()));
        }
    }
    let text = "it was empty and was written again, each time that it was read";
    Err(StorageError::failed(STEP, text))
}

/// `None`: it is empty.
async fn read_filled(client: &BlobClient) -> Result<Option<StoredBlob>, StorageError> {
    let mut answers = client.get().chunk_size(WHOLE_BLOB).into_stream();
    let answer = match answers.next().await {
        Some(Err(error)) if error_code(&error) == Some("InvalidRange") => return Ok(None),
        Some(answer) => answer.map_err(|error| map_gone(STEP, &error))?,
        None => return Err(StorageError::failed(STEP, "there was no answer")),
    };
    let data = answer.data.collect().await;
    let bytes = data.map_err(|error| map_gone(STEP, &error))?;
    Ok(Some(stored(answer.blob, answer.date, bytes.into())))
}

fn stored(blob: Blob, account_clock: OffsetDateTime, bytes: Vec<u8>) -> StoredBlob {
    let mut metadata: crate::storage::Metadata = blob
        .metadata
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    metadata.remove(WRITE_ID);
    let age = account_clock - blob.properties.last_modified;
    StoredBlob {
        bytes: bytes.into(),
        content_type: blob.properties.content_type,
        metadata,
        etag: ETag::new(blob.properties.etag.to_string()),
        age: Duration::try_from(age).unwrap_or_default(),
    }
}
