//! A store whose writer is overtaken: its write was done, its answer was lost, and when it asks
//! again another process has written on top of it, so that it is told of that one.

use super::{Limits, take};
use crate::{
    sas::SasProtocol,
    storage::{
        BlobItem, BlobPage, BlobStore, Container, CopiedProperties, DeleteMode, ETag, ListQuery,
        NewBlob, PutMode, Sharing, Signer, StorageError, StoredBlob,
    },
};
use async_trait::async_trait;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

pub(super) struct Overtaken {
    store: Arc<dyn BlobStore>,
    other: Arc<Limits>,
    is_armed: AtomicBool,
    taken: AtomicU32,
}

impl Overtaken {
    pub fn new(store: Arc<dyn BlobStore>, other: Arc<Limits>) -> Self {
        Self {
            store,
            other,
            is_armed: AtomicBool::new(false),
            taken: AtomicU32::new(0),
        }
    }

    /// The next write is overtaken.
    pub fn arm(&self) {
        self.is_armed.store(true, Ordering::SeqCst);
    }

    /// Images that the other process took meanwhile.
    pub fn taken(&self) -> u32 {
        self.taken.load(Ordering::SeqCst)
    }

    /// Has the other process take images until it has to write.
    async fn write_on_top(&self, before: &ETag, name: &str) {
        let written = async || self.store.get(Container::State, name).await.unwrap().etag;
        while written().await == *before {
            assert!(take(&self.other, 1).await.is_ok());
            self.taken.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[async_trait]
impl BlobStore for Overtaken {
    async fn put(
        &self,
        container: Container,
        name: &str,
        blob: NewBlob,
        mode: PutMode,
    ) -> Result<ETag, StorageError> {
        let written = self.store.put(container, name, blob, mode).await?;
        if self.is_armed.swap(false, Ordering::SeqCst) {
            self.write_on_top(&written, name).await;
            return Err(StorageError::Changed);
        }
        Ok(written)
    }

    async fn get_at_most(
        &self,
        container: Container,
        name: &str,
        most_bytes: u64,
    ) -> Result<StoredBlob, StorageError> {
        self.store.get_at_most(container, name, most_bytes).await
    }

    async fn look(&self, container: Container, name: &str) -> Result<BlobItem, StorageError> {
        self.store.look(container, name).await
    }

    async fn copy_image(
        &self,
        _source: &str,
        _target: &str,
        _properties: CopiedProperties,
    ) -> Result<(), StorageError> {
        panic!("no count is copied")
    }

    async fn delete(
        &self,
        container: Container,
        name: &str,
        mode: DeleteMode,
    ) -> Result<(), StorageError> {
        self.store.delete(container, name, mode).await
    }

    async fn list(
        &self,
        container: Container,
        query: &ListQuery,
    ) -> Result<BlobPage, StorageError> {
        self.store.list(container, query).await
    }

    async fn signer(&self) -> Result<Signer, StorageError> {
        self.store.signer().await
    }

    async fn authenticate(&self, message: &[u8]) -> Result<[u8; 32], StorageError> {
        self.store.authenticate(message).await
    }

    fn image_url(&self, name: &str, public_base_url: &str) -> String {
        self.store.image_url(name, public_base_url)
    }

    fn protocol(&self) -> SasProtocol {
        self.store.protocol()
    }

    fn sharing(&self) -> Sharing {
        self.store.sharing()
    }

    fn describe(&self) -> String {
        self.store.describe()
    }
}
