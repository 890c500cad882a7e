//! Prompts that are too long for an image's metadata, whole, in the state container. An image
//! names its prompt by a random id, and is stored behind it.

use super::metadata;
use crate::{
    prompt::Prompt,
    storage::{BlobStore, Container, DeleteMode, Metadata, NewBlob, PutMode, StorageError},
};
use bytes::Bytes;
use uuid::Uuid;

/// Four bytes for each of the characters that a prompt can have.
const MOST_BYTES: u64 = 4 * Prompt::MAX_CHARACTERS as u64;

/// Keeps a prompt whole. A paid image does not fail because this cannot be done: it is then
/// stored with what fits into its metadata.
pub(super) async fn keep(store: &dyn BlobStore, id: Uuid, prompt: &Prompt) {
    let blob = NewBlob {
        content: Bytes::copy_from_slice(prompt.as_str().as_bytes()).into(),
        content_type: "text/plain; charset=utf-8".to_owned(),
        metadata: Metadata::new(),
        write_id: id,
    };
    let path = path(&id.simple().to_string());
    // The image may be tried again with the same prompt under the same id.
    let kept = store.put(Container::State, &path, blob, PutMode::Overwrite);
    if let Err(error) = kept.await {
        tracing::warn!(%error, "a long prompt could not be kept whole");
    }
}

/// The whole prompt of an image, where it lies apart and is still there.
///
/// # Errors
/// What the store says.
pub(super) async fn read(store: &dyn BlobStore, id: &str) -> Result<Option<String>, StorageError> {
    let path = path(id);
    match store.get_at_most(Container::State, &path, MOST_BYTES).await {
        Ok(blob) => Ok(String::from_utf8(blob.bytes.into()).ok()),
        Err(StorageError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the prompt of an image, where it has one.
///
/// # Errors
/// What the store says.
pub(super) async fn remove(store: &dyn BlobStore, of: &Metadata) -> Result<(), StorageError> {
    let Some(id) = metadata::decode_record(of).prompt_record else {
        return Ok(());
    };
    let path = path(&id);
    match store.delete(Container::State, &path, DeleteMode::Any).await {
        Ok(()) | Err(StorageError::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

fn path(id: &str) -> String {
    format!("prompts/{id}")
}
