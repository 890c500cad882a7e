//! What signs: got once, from a store that may have to ask for a key first, and then used for any
//! number of signatures without waiting.

use super::{SignedResource, StorageError};
use crate::sas::{SasResource, SasTerms, SharedKey, account_sas, service_sas};
use std::sync::Arc;

/// Signs for one store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Signer {
    key: Key,
    /// The images' container, the only one that it signs for.
    container: Arc<str>,
}

#[derive(Debug, Clone)]
enum Key {
    /// The account's own, which opens everything in it.
    Account(Arc<SharedKey>),
    /// A folder's; there is no account around it.
    Folder(Arc<SharedKey>),
}

impl Signer {
    /// With an account's key.
    #[must_use]
    pub fn of_account(key: Arc<SharedKey>, container: impl Into<Arc<str>>) -> Self {
        Self {
            key: Key::Account(key),
            container: container.into(),
        }
    }

    /// With a folder's key.
    #[must_use]
    pub fn of_folder(key: Arc<SharedKey>, container: impl Into<Arc<str>>) -> Self {
        Self {
            key: Key::Folder(key),
            container: container.into(),
        }
    }

    /// Makes a signature as a query string without `?`.
    ///
    /// # Errors
    /// [`StorageError::CannotSign`] where the store has no such signature.
    pub fn sign(
        &self,
        resource: SignedResource<'_>,
        terms: &SasTerms,
    ) -> Result<String, StorageError> {
        let container = self.container.as_ref();
        let resource = match resource {
            SignedResource::Image(blob) => SasResource::Blob { container, blob },
            SignedResource::ImagesContainer => SasResource::Container { container },
            SignedResource::Account => return self.sign_account(terms),
        };
        match &self.key {
            Key::Account(key) | Key::Folder(key) => Ok(service_sas(key, resource, terms)),
        }
    }

    fn sign_account(&self, terms: &SasTerms) -> Result<String, StorageError> {
        match &self.key {
            Key::Account(key) => Ok(account_sas(key, terms)),
            Key::Folder(_) => Err(StorageError::CannotSign),
        }
    }
}
