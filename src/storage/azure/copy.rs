//! An image's copy, made by the account itself (Copy Blob From URL). That call takes the source's
//! media type and caching along, so the copy gets its own by a second one (Set Blob Properties).
//! Put Blob From URL would do both at once, but Azurite does not have it.

use super::{
    WRITE_ID,
    failure::{error_code, is_gone, map_error, map_gone},
    look::user_metadata,
    pipeline::CACHE_CONTROL,
    retry::Deadline,
};
use crate::storage::{CopiedProperties, StorageError};
use azure_core::{
    Context,
    error::Error,
    request_options::{IfMatchCondition, IfSourceMatchCondition, Metadata as AzureMetadata},
};
use azure_storage_blobs::{
    blob::{Blob, BlobProperties},
    prelude::BlobClient,
};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

const STEP: &str = "copy a blob";

/// The service's own limit
/// (<https://learn.microsoft.com/rest/api/storageservices/copy-blob-from-url>).
const LARGEST_COPY: u64 = 256 * 1024 * 1024;

/// The service's own limit for the address of what it copies, in bytes (the same page).
pub(super) const LONGEST_SOURCE: usize = 2048;

/// How often a target is looked at anew that others write and delete meanwhile.
const ROUNDS: u32 = 3;

/// One copy, and all that it needs to know its own again.
pub(super) struct Copy<'a> {
    source: BlobClient,
    source_url: Url,
    target: BlobClient,
    properties: &'a CopiedProperties,
    write_id: String,
    context: Context,
}

/// What lies under the target's name.
struct Found {
    etag: String,
    /// This very write made it.
    is_ours: bool,
    /// Its media type and caching are not what they are to be, and it is this copy, or an
    /// earlier one of the same image that did not come to its second step.
    is_half_done: bool,
}

impl<'a> Copy<'a> {
    /// Prepares a copy that ends within `longest`. `source_url` has a signature.
    pub fn new(
        (source, target): (BlobClient, BlobClient),
        source_url: Url,
        properties: &'a CopiedProperties,
        longest: Duration,
    ) -> Self {
        let mut context = Context::new();
        context.insert(Deadline(Instant::now() + longest));
        Self {
            source,
            source_url,
            target,
            write_id: properties.write_id.simple().to_string(),
            properties,
            context,
        }
    }

    /// Copies it.
    ///
    /// # Errors
    /// As [`crate::storage::BlobStore::copy_image`] says.
    pub async fn run(&self) -> Result<(), StorageError> {
        let source = self.properties_of_source().await?;
        for _ in 0..ROUNDS {
            let found = match self.copy(&source).await {
                Ok(etag) => Some(self.made(&source, etag)),
                Err(error) if is_taken(&error) => self.look(&source).await?,
                Err(error) => return Err(not_copied(&error)),
            };
            let Some(found) = found else {
                continue; // it was deleted meanwhile
            };
            if found.is_half_done && !self.complete(&source, &found.etag).await? {
                continue; // somebody wrote it meanwhile, perhaps a lost request of ours
            }
            return match found.is_ours {
                true => Ok(()),
                false => Err(StorageError::AlreadyExists),
            };
        }
        Err(StorageError::Changed)
    }

    async fn properties_of_source(&self) -> Result<BlobProperties, StorageError> {
        let found = self.source.get_properties().context(self.context.clone());
        let found = found.await.map_err(|error| map_gone(STEP, &error))?;
        let properties = found.blob.properties;
        let size_bytes = properties.content_length;
        match size_bytes > LARGEST_COPY {
            true => Err(StorageError::TooLarge { size_bytes }),
            false => Ok(properties),
        }
    }

    /// The first step; returns the new blob's version.
    async fn copy(&self, source: &BlobProperties) -> azure_core::Result<String> {
        let mut metadata = AzureMetadata::new();
        for (name, value) in &self.properties.metadata {
            metadata.insert(name.clone(), value.clone());
        }
        metadata.insert(WRITE_ID, self.write_id.clone());
        let copy = self
            .target
            .copy_from_url(self.source_url.clone())
            .is_synchronous(true)
            .metadata(metadata)
            .if_match(IfMatchCondition::NotMatch("*".to_owned()))
            .if_source_match(IfSourceMatchCondition::Match(source.etag.to_string()))
            .context(self.context.clone());
        Ok(copy.await?.etag)
    }

    fn made(&self, source: &BlobProperties, etag: String) -> Found {
        Found {
            etag,
            is_ours: true,
            is_half_done: !self.is_complete(source),
        }
    }

    /// `None`: there is nothing.
    async fn look(&self, source: &BlobProperties) -> Result<Option<Found>, StorageError> {
        let found = self.target.get_properties().context(self.context.clone());
        let blob = match found.await {
            Ok(found) => found.blob,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(map_error("look at a blob", &error)),
        };
        let is_ours = self.write_id_of(&blob) == Some(&self.write_id);
        let is_this_copy = is_ours || self.is_same_copy(source, &blob);
        Ok(Some(Found {
            etag: blob.properties.etag.to_string(),
            is_ours,
            is_half_done: is_this_copy && !self.is_complete(&blob.properties),
        }))
    }

    fn write_id_of<'b>(&self, blob: &'b Blob) -> Option<&'b String> {
        blob.metadata.as_ref()?.get(WRITE_ID)
    }

    /// Whether this process, or another before it, was to make the same copy.
    fn is_same_copy(&self, source: &BlobProperties, blob: &Blob) -> bool {
        self.write_id_of(blob).is_some()
            && user_metadata(blob.metadata.clone()) == self.properties.metadata
            && blob.properties.content_length == source.content_length
    }

    /// The crate does not read the disposition, but whatever has our caching was written by us.
    fn is_complete(&self, properties: &BlobProperties) -> bool {
        properties.content_type == self.properties.content_type
            && properties.cache_control.as_deref() == Some(CACHE_CONTROL)
    }

    /// The second step. What it does not name would be taken away, such as the checksum. False:
    /// the blob has another version by now.
    async fn complete(&self, source: &BlobProperties, etag: &str) -> Result<bool, StorageError> {
        let set = self
            .target
            .set_properties()
            .set_from_blob_properties(source.clone())
            .content_type(self.properties.content_type.clone())
            .content_disposition("inline")
            .cache_control(CACHE_CONTROL)
            .if_match(IfMatchCondition::Match(etag.to_owned()))
            .context(self.context.clone());
        match set.await {
            Ok(_) => Ok(true),
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) if error_code(&error) == Some("ConditionNotMet") => Ok(false),
            Err(error) => Err(map_error(STEP, &error)),
        }
    }
}

fn is_taken(error: &Error) -> bool {
    const CODES: [&str; 3] = [
        "BlobAlreadyExists",
        "ConditionNotMet",
        "TargetConditionNotMet",
    ];
    error_code(error).is_some_and(|code| CODES.contains(&code))
}

fn not_copied(error: &Error) -> StorageError {
    match error_code(error) {
        Some("SourceConditionNotMet") => StorageError::Changed,
        _ => map_gone(STEP, error),
    }
}
