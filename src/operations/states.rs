//! The state container: a blob for each operation and one for each key, changed only by
//! compare-and-swap on their version.

use super::{
    id::OperationId,
    key::RequestKey,
    record::{Operation, OperationStatus},
};
use crate::storage::{
    BlobItem, BlobStore, Container, DeleteMode, ETag, ListQuery, Metadata, NewBlob, PutMode,
    Sharing, StorageError, StoredBlob,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

const OPERATIONS: &str = "operations/";
const KEYS: &str = "keys/";

/// The metadata that lets a list tell what has ended. A hint: what decides is in the blob.
const STATUS: &str = "status";

/// What the program remembers of operations.
#[derive(Clone)]
pub(super) struct States {
    store: Arc<dyn BlobStore>,
}

/// A blob as it was found.
#[derive(Debug)]
pub(super) struct Seen<T> {
    /// `None`: it cannot be read as one of ours.
    pub value: Option<T>,
    pub etag: ETag,
    /// How long ago it was written, by the store's clock.
    pub age: Duration,
}

/// Whose a key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyHolder {
    pub operation: OperationId,
    /// The hash of the request that came with it.
    pub body: String,
    /// Another for each request that took it, so that each is another version of the blob.
    pub claim: Uuid,
    /// Whether several requests may begin under the operation's id: none of them gives the key
    /// back.
    #[serde(default)]
    pub is_shared: bool,
    /// The operation instead of which this one is, with its caller's word that it may be paid
    /// again: until that has begun, the other one's end is what the key stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<OperationId>,
}

impl KeyHolder {
    pub fn new(operation: OperationId, key: &RequestKey) -> Self {
        Self {
            operation,
            body: key.body.clone(),
            claim: Uuid::new_v4(),
            is_shared: false,
            before: None,
        }
    }

    /// The same, for one more request.
    pub fn shared(&self) -> Self {
        Self {
            claim: Uuid::new_v4(),
            is_shared: true,
            ..self.clone()
        }
    }

    /// Instead of an operation that may have been paid for.
    pub fn instead_of(self, before: Option<OperationId>) -> Self {
        Self { before, ..self }
    }
}

impl States {
    pub fn new(store: Arc<dyn BlobStore>) -> Self {
        Self { store }
    }

    /// Whether other processes may work on the same operations.
    pub fn are_shared(&self) -> bool {
        self.store.sharing() == Sharing::ManyProcesses
    }

    /// Whether the container can be read at all.
    pub async fn check(&self) -> Result<(), StorageError> {
        let query = ListQuery {
            prefix: OPERATIONS.to_owned(),
            max_results: Some(1),
            ..ListQuery::default()
        };
        self.store.list(Container::State, &query).await.map(drop)
    }

    /// Writes a new operation down.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] when another request was first.
    pub async fn create(&self, operation: &Operation) -> Result<ETag, StorageError> {
        let path = operation_path(&operation.id);
        self.put(&path, operation, PutMode::Create).await
    }

    /// Replaces the version that the caller has seen.
    ///
    /// # Errors
    /// [`StorageError::Changed`] when that is not the latest any more.
    pub async fn replace(&self, operation: &Operation, seen: &ETag) -> Result<ETag, StorageError> {
        let path = operation_path(&operation.id);
        let mode = PutMode::Replace(seen.clone());
        self.put(&path, operation, mode).await
    }

    /// The operation, where there is one.
    pub async fn read(&self, id: &OperationId) -> Result<Option<Seen<Operation>>, StorageError> {
        let seen = self.get::<Operation>(&operation_path(id)).await?;
        // A blob under another's name is as good as none of ours.
        Ok(seen.map(|seen| Seen {
            value: seen.value.filter(|operation| operation.id == *id),
            ..seen
        }))
    }

    /// Takes a key that nobody has.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] when somebody has it.
    pub async fn create_key(
        &self,
        key: &RequestKey,
        holder: &KeyHolder,
    ) -> Result<ETag, StorageError> {
        self.put_key(key, holder, PutMode::Create).await
    }

    /// Takes a key from whom it was seen with.
    ///
    /// # Errors
    /// [`StorageError::Changed`] when somebody else was faster.
    pub async fn replace_key(
        &self,
        key: &RequestKey,
        holder: &KeyHolder,
        seen: &ETag,
    ) -> Result<ETag, StorageError> {
        self.put_key(key, holder, PutMode::Replace(seen.clone()))
            .await
    }

    /// Whose a key is, where anybody has it.
    pub async fn read_key(
        &self,
        key: &RequestKey,
    ) -> Result<Option<Seen<KeyHolder>>, StorageError> {
        self.get(&key_path(key)).await
    }

    /// Gives a key back, unless somebody else has it meanwhile.
    pub async fn free_key(&self, key: &RequestKey, seen: ETag) -> Result<(), StorageError> {
        let (path, mode) = (key_path(key), DeleteMode::Version(seen));
        match self.store.delete(Container::State, &path, mode).await {
            Err(StorageError::NotFound | StorageError::Changed) => Ok(()),
            other => other,
        }
    }

    /// One page of all operations, oldest first, or of all keys.
    pub async fn list(
        &self,
        kind: StateKind,
        marker: Option<String>,
    ) -> Result<(Vec<ListedState>, Option<String>), StorageError> {
        let query = ListQuery {
            prefix: kind.prefix().to_owned(),
            marker,
            ..ListQuery::default()
        };
        let page = self.store.list(Container::State, &query).await?;
        let listed = page.items.into_iter().map(ListedState::from);
        Ok((listed.collect(), page.next_marker))
    }

    /// Removes a state that is older than `age` by the store's clock and has not changed since
    /// that was seen.
    pub async fn remove_if_older(&self, name: &str, age: Duration) -> Result<(), StorageError> {
        let found = match self.store.get(Container::State, name).await {
            Err(StorageError::NotFound) => return Ok(()),
            found => found?,
        };
        if found.age <= age {
            return Ok(());
        }
        let mode = DeleteMode::Version(found.etag);
        match self.store.delete(Container::State, name, mode).await {
            Err(StorageError::NotFound | StorageError::Changed) => Ok(()),
            other => other,
        }
    }

    async fn put_key(
        &self,
        key: &RequestKey,
        holder: &KeyHolder,
        mode: PutMode,
    ) -> Result<ETag, StorageError> {
        let json = serde_json::to_vec(holder);
        let json = json.map_err(|error| StorageError::failed("write a key", error))?;
        let blob = state_blob(json, Metadata::new());
        let path = key_path(key);
        self.store.put(Container::State, &path, blob, mode).await
    }

    async fn put(
        &self,
        path: &str,
        operation: &Operation,
        mode: PutMode,
    ) -> Result<ETag, StorageError> {
        let json = serde_json::to_vec(operation);
        let json = json.map_err(|error| StorageError::failed("write an operation", error))?;
        let status = operation.status.name().to_owned();
        let blob = state_blob(json, Metadata::from([(STATUS.to_owned(), status)]));
        self.store.put(Container::State, path, blob, mode).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<Seen<T>>, StorageError> {
        match self.store.get(Container::State, path).await {
            Err(StorageError::NotFound) => Ok(None),
            Err(error) => Err(error),
            Ok(StoredBlob {
                bytes, etag, age, ..
            }) => {
                let value = serde_json::from_slice(&bytes);
                if let Err(error) = &value {
                    // The sentence has places and names of ours, and no word of a caller's.
                    let (line, column) = (error.line(), error.column());
                    let path = without_chance(path);
                    tracing::error!(path, line, column, "a state blob cannot be read");
                }
                Ok(Some(Seen {
                    value: value.ok(),
                    etag,
                    age,
                }))
            }
        }
    }
}

/// What the state container holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StateKind {
    Operation,
    Key,
}

impl StateKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Operation => OPERATIONS,
            Self::Key => KEYS,
        }
    }
}

/// One line of a list of states.
#[derive(Debug)]
pub(super) struct ListedState {
    pub name: String,
    pub last_modified: time::OffsetDateTime,
    /// Whether its operation seems to be under way.
    pub seems_unfinished: bool,
}

impl ListedState {
    /// The operation's id, if this is one.
    pub fn operation_id(&self) -> Option<OperationId> {
        OperationId::parse(self.name.strip_prefix(OPERATIONS)?).ok()
    }
}

impl From<BlobItem> for ListedState {
    fn from(blob: BlobItem) -> Self {
        let unfinished = [OperationStatus::NotRunning, OperationStatus::Running];
        let status = blob.metadata.get(STATUS);
        Self {
            // One without the metadata is looked at.
            seems_unfinished: status
                .is_none_or(|status| unfinished.iter().any(|known| known.name() == status)),
            name: blob.name,
            last_modified: blob.last_modified,
        }
    }
}

fn state_blob(json: Vec<u8>, metadata: Metadata) -> NewBlob {
    NewBlob {
        content: json.into(),
        content_type: "application/json".to_owned(),
        metadata,
        write_id: Uuid::new_v4(),
    }
}

/// A path for the log: whoever has an operation's whole id may see and cancel it. What is left of
/// it begins the blob's name.
fn without_chance(path: &str) -> &str {
    match path.strip_prefix(OPERATIONS) {
        Some(id) => &path[..path.len() - id.len() + OperationId::TIME_DIGITS.min(id.len())],
        None => path,
    }
}

fn operation_path(id: &OperationId) -> String {
    format!("{OPERATIONS}{id}")
}

fn key_path(key: &RequestKey) -> String {
    format!("{KEYS}{}", key.hash)
}
