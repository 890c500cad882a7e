//! Deleting one blob of the account.

use super::failure::{error_code, map_gone};
use crate::storage::{DeleteMode, StorageError};
use azure_core::request_options::IfMatchCondition;
use azure_storage_blobs::prelude::BlobClient;

const STEP: &str = "delete a blob";

/// Deletes it. Unlike a write, a repeated delete cannot know what its lost answer was.
///
/// # Errors
/// [`StorageError::NotFound`] without the blob or its container, [`StorageError::Changed`] where
/// another version lies there; other failures after the retries.
pub(super) async fn delete(client: &BlobClient, mode: DeleteMode) -> Result<(), StorageError> {
    let request = match mode {
        DeleteMode::Any => client.delete(),
        DeleteMode::Version(etag) => {
            let condition = IfMatchCondition::Match(etag.as_str().to_owned());
            client.delete().if_match(condition)
        }
    };
    match request.await {
        Ok(_) => Ok(()),
        // What is not there has no version either, and is told apart only by looking.
        Err(error) if error_code(&error) == Some("ConditionNotMet") => {
            let found = client.get_properties().await;
            found.map_err(|error| map_gone(STEP, &error))?;
            Err(StorageError::Changed)
        }
        Err(error) => Err(map_gone(STEP, &error)),
    }
}
