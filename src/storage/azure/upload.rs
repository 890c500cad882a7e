//! One blob on its way to the account: in one request, or in blocks and a list of them that
//! makes the blob. Until that list is taken there is no blob; blocks that never get one are
//! thrown away by the service after a week.

use super::{
    WRITE_ID,
    failure::{error_code, is_gone, is_not_found, map_error},
    retry::Deadline,
};
use crate::storage::{BlobContent, ETag, NewBlob, PutMode, StorageError};
use azure_core::{
    Context, EMPTY_BODY,
    error::Error,
    request_options::{IfMatchCondition, Metadata as AzureMetadata},
};
use azure_storage_blobs::{
    blob::{BlobBlockType, BlockList},
    prelude::{BlobClient, ContainerClient},
};
use std::time::Duration;
use tokio::time::Instant;

const STEP: &str = "write a blob";

/// Beyond this a blob goes up in blocks: a request has one time limit, and what breaks off is
/// sent again from its start.
const LARGEST_REQUEST: u64 = 8 * 1024 * 1024;

const BLOCK: u64 = 4 * 1024 * 1024;

/// How often everything is sent from the start: a container has to be made first, or somebody
/// takes away the container or the blocks meanwhile.
const ROUNDS: u32 = 3;

/// A write of one blob, and all that it needs to know its own again.
pub(super) struct Upload<'a> {
    container: &'a ContainerClient,
    client: BlobClient,
    blob: &'a NewBlob,
    mode: PutMode,
    /// In the metadata, so that a write whose answer was lost knows its own blob, and in the
    /// names of the blocks, so that two writers of one name do not mix theirs.
    write_id: String,
    context: Context,
}

/// What lies under a name that is taken.
enum Found {
    Ours(ETag),
    SomebodyElses,
    Nothing,
}

impl<'a> Upload<'a> {
    /// Prepares a write that ends within `longest_put`, or an eighth of that more for each
    /// block: a large blob may be slow as long as its blocks get through.
    pub fn new(
        container: &'a ContainerClient,
        name: &str,
        blob: &'a NewBlob,
        mode: PutMode,
        longest_put: Duration,
    ) -> Self {
        let blocks = match blob.content.len() {
            0..=LARGEST_REQUEST => 0,
            length => u32::try_from(length.div_ceil(BLOCK)).unwrap_or(u32::MAX),
        };
        let time = longest_put + (longest_put / 8).saturating_mul(blocks);
        let mut context = Context::new();
        context.insert(Deadline(Instant::now() + time));
        Self {
            container,
            client: container.blob_client(name),
            blob,
            mode,
            write_id: blob.write_id.simple().to_string(),
            context,
        }
    }

    /// Writes it; returns its version.
    ///
    /// # Errors
    /// [`StorageError`], never [`StorageError::NotFound`].
    pub async fn run(&self) -> Result<ETag, StorageError> {
        let mut last = None;
        for _ in 0..ROUNDS {
            let error = match self.send().await {
                Ok(etag) => return Ok(ETag::new(etag)),
                Err(error) => error,
            };
            if let Some(etag) = self.after(&error).await? {
                return Ok(etag);
            }
            last = Some(error);
        }
        let text = last.map_or_else(String::new, |error: Error| error.to_string());
        Err(StorageError::failed(STEP, text))
    }

    /// What a failure leaves to be done: nothing, since the blob is there; everything once more
    /// (`None`); or to give up.
    async fn after(&self, error: &Error) -> Result<Option<ETag>, StorageError> {
        let code = error_code(error);
        match (&self.mode, code) {
            (
                PutMode::Create,
                Some("BlobAlreadyExists" | "ConditionNotMet" | "InvalidBlockList"),
            ) => match self.look().await? {
                Found::Ours(etag) => Ok(Some(etag)),
                Found::SomebodyElses => Err(StorageError::AlreadyExists),
                Found::Nothing => Ok(None),
            },
            (PutMode::Replace(_), Some("ConditionNotMet")) => match self.look().await? {
                Found::Ours(etag) => Ok(Some(etag)),
                Found::SomebodyElses | Found::Nothing => Err(StorageError::Changed),
            },
            // The blocks of a list that was taken, and that somebody replaced; or they are gone.
            (PutMode::Replace(_), Some("InvalidBlockList")) => match self.look().await? {
                Found::Ours(etag) => Ok(Some(etag)),
                Found::SomebodyElses | Found::Nothing => Ok(None), // the next list is refused
            },
            (PutMode::Replace(_), _) if is_gone(error) => Err(StorageError::Changed),
            (PutMode::Overwrite, Some("InvalidBlockList")) => Ok(None),
            _ if is_not_found(error) => self.create_container().await.map(|()| None),
            _ => Err(map_error(STEP, error)),
        }
    }

    async fn send(&self) -> azure_core::Result<String> {
        match self.blob.content.len() {
            0..=LARGEST_REQUEST => self.put_whole().await,
            _ => self.put_blocks().await,
        }
    }

    async fn put_whole(&self) -> azure_core::Result<String> {
        let put = self
            .client
            .put_block_blob(EMPTY_BODY)
            .content_type(self.blob.content_type.clone())
            .content_disposition("inline")
            .metadata(self.metadata())
            .context(self.context_with(self.blob.content.clone()));
        let put = match self.condition() {
            Some(condition) => put.if_match(condition),
            None => put,
        };
        Ok(put.await?.etag)
    }

    async fn put_blocks(&self) -> azure_core::Result<String> {
        let content = &self.blob.content;
        let mut list = BlockList::default();
        for number in 0..content.len().div_ceil(BLOCK) {
            let id = format!("{}{number:06}", self.write_id); // all of one length, as is the rule
            let block = content.slice(number * BLOCK..(number + 1) * BLOCK);
            let put = self.client.put_block(id.clone(), EMPTY_BODY);
            put.context(self.context_with(block)).await?;
            // The latest of that name: a repeated list finds its blocks among the committed ones.
            list.blocks.push(BlobBlockType::new_latest(id));
        }
        let commit = self
            .client
            .put_block_list(list)
            .content_type(self.blob.content_type.clone())
            .content_disposition("inline")
            .metadata(self.metadata())
            .context(self.context.clone());
        let commit = match self.condition() {
            Some(condition) => commit.if_match(condition),
            None => commit,
        };
        Ok(commit.await?.etag)
    }

    /// For a request that has this as its body ([`super::transport`]).
    fn context_with(&self, body: BlobContent) -> Context {
        let mut context = self.context.clone();
        context.insert(body);
        context
    }

    fn condition(&self) -> Option<IfMatchCondition> {
        match &self.mode {
            PutMode::Create => Some(IfMatchCondition::NotMatch("*".to_owned())),
            PutMode::Overwrite => None,
            PutMode::Replace(etag) => Some(IfMatchCondition::Match(etag.as_str().to_owned())),
        }
    }

    fn metadata(&self) -> AzureMetadata {
        let mut metadata = AzureMetadata::new();
        for (name, value) in &self.blob.metadata {
            metadata.insert(name.clone(), value.clone());
        }
        metadata.insert(WRITE_ID, self.write_id.clone());
        metadata
    }

    /// A write whose answer was lost is sent again and then meets its own blob: no conflict. A
    /// failure here is not taken for somebody else's blob, which would store the image twice.
    async fn look(&self) -> Result<Found, StorageError> {
        let found = self.client.get_properties();
        match found.context(self.context.clone()).await {
            Ok(found) => {
                let etag = ETag::new(found.blob.properties.etag.to_string());
                let metadata = found.blob.metadata.unwrap_or_default();
                Ok(match metadata.get(WRITE_ID) {
                    Some(id) if *id == self.write_id => Found::Ours(etag),
                    _ => Found::SomebodyElses,
                })
            }
            Err(error) if is_not_found(&error) => Ok(Found::Nothing),
            Err(error) => Err(map_error("look at a blob", &error)),
        }
    }

    async fn create_container(&self) -> Result<(), StorageError> {
        let create = self.container.create().context(self.context.clone());
        match create.await {
            Ok(()) => Ok(()),
            Err(error) if error_code(&error) == Some("ContainerAlreadyExists") => Ok(()),
            Err(error) => Err(match map_error("make the container", &error) {
                StorageError::NotFound => {
                    StorageError::failed("make the container", "there is no such place")
                }
                error => error,
            }),
        }
    }
}
