//! What an account without a key has in its place: tokens for requests, user delegation keys for
//! signatures, and for authenticators a secret that lies in the state container.

use super::{bearer::Bearer, delegation::DelegationKeys};
use crate::{
    sas::SharedKey,
    storage::{BlobStore, Container, Metadata, NewBlob, PutMode, StorageError, secret},
};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Where the secret lies that all instances make authenticators with.
const SECRET_NAME: &str = "secrets/page-cursors";

/// Somebody may delete it between two requests; nobody does so twice.
const ROUNDS: u32 = 3;

/// Access to an account by Microsoft Entra ID.
#[derive(Debug)]
pub(super) struct Identity {
    pub bearer: Bearer,
    pub keys: DelegationKeys,
    secret: OnceCell<SharedKey>,
}

impl Identity {
    /// Asks for nothing yet.
    pub fn new(bearer: Bearer, keys: DelegationKeys) -> Self {
        Self {
            bearer,
            keys,
            secret: OnceCell::new(),
        }
    }

    /// The secret that every process of this store makes authenticators with. Whoever wants it
    /// first in all of them draws it; this one remembers it.
    ///
    /// # Errors
    /// [`StorageError`] where it can neither be read nor made.
    pub async fn secret(&self, store: &dyn BlobStore) -> Result<&SharedKey, StorageError> {
        self.secret.get_or_try_init(|| read_or_create(store)).await
    }
}

async fn read_or_create(store: &dyn BlobStore) -> Result<SharedKey, StorageError> {
    const STEP: &str = "read the secret of page cursors";
    for _ in 0..ROUNDS {
        match store.get_at_most(Container::State, SECRET_NAME, 4096).await {
            Ok(found) if found.bytes.len() >= secret::SHORTEST => {
                return Ok(SharedKey::from_bytes(SECRET_NAME, found.bytes.to_vec()));
            }
            Ok(_) => return Err(StorageError::failed(STEP, "it is too short to be one")),
            Err(StorageError::NotFound) => {}
            Err(error) => return Err(error),
        }
        let drawn = secret::draw();
        let blob = NewBlob {
            content: drawn.clone().into(),
            content_type: "application/octet-stream".to_owned(),
            metadata: Metadata::new(),
            write_id: Uuid::new_v4(),
        };
        let put = store.put(Container::State, SECRET_NAME, blob, PutMode::Create);
        match put.await {
            Ok(_) => return Ok(SharedKey::from_bytes(SECRET_NAME, drawn)),
            Err(StorageError::AlreadyExists) => {} // another instance's
            Err(error) => return Err(error),
        }
    }
    Err(StorageError::failed(STEP, "it is deleted each time"))
}
