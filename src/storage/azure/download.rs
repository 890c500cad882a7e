//! A blob on its way from the account, all of one version.

use super::{
    failure::{error_code, map_gone},
    look::user_metadata,
};
use crate::storage::{ETag, StorageError, StoredBlob};
use azure_core::ResponseBody;
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

/// Reads a whole blob of at most `most_bytes`.
///
/// # Errors
/// [`StorageError::NotFound`] without the blob or its container, [`StorageError::TooLarge`]; other
/// failures after the retries.
pub(super) async fn read(client: &BlobClient, most_bytes: u64) -> Result<StoredBlob, StorageError> {
    for _ in 0..ROUNDS {
        if let Some(blob) = read_filled(client, most_bytes).await? {
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
async fn read_filled(
    client: &BlobClient,
    most_bytes: u64,
) -> Result<Option<StoredBlob>, StorageError> {
    let mut answers = client.get().chunk_size(WHOLE_BLOB).into_stream();
    let answer = match answers.next().await {
        Some(Err(error)) if error_code(&error) == Some("InvalidRange") => return Ok(None),
        Some(answer) => answer.map_err(|error| map_gone(STEP, &error))?,
        None => return Err(StorageError::failed(STEP, "there was no answer")),
    };
    let size_bytes = answer.blob.properties.content_length;
    if size_bytes > most_bytes {
        return Err(StorageError::TooLarge { size_bytes }); // the rest of the answer is not read
    }
    let bytes = collect(answer.data, size_bytes).await?;
    Ok(Some(stored(answer.blob, answer.date, bytes)))
}

/// In memory of just its size. An answer is never longer than it says: HTTP/1.1 ends it there.
async fn collect(mut data: ResponseBody, size_bytes: u64) -> Result<Vec<u8>, StorageError> {
    let capacity = usize::try_from(size_bytes);
    let capacity = capacity.map_err(|error| StorageError::failed(STEP, error))?;
    let mut bytes = Vec::new();
    let reserved = bytes.try_reserve_exact(capacity);
    reserved.map_err(|error| StorageError::failed(STEP, error))?;
    while let Some(chunk) = data.next().await {
        bytes.extend_from_slice(&chunk.map_err(|error| map_gone(STEP, &error))?);
    }
    Ok(bytes)
}

fn stored(blob: Blob, account_clock: OffsetDateTime, bytes: Vec<u8>) -> StoredBlob {
    let age = account_clock - blob.properties.last_modified;
    StoredBlob {
        bytes: bytes.into(),
        content_type: blob.properties.content_type,
        metadata: user_metadata(blob.metadata),
        etag: ETag::new(blob.properties.etag.to_string()),
        age: Duration::try_from(age).unwrap_or_default(),
    }
}
