//! What signs: got once, from a store that may have to ask for a key first, and then used for any
//! number of signatures without waiting.

use super::{SignedResource, StorageError};
use crate::sas::{
    DelegationKey, SasResource, SasTerms, SharedKey, account_sas, service_sas, user_delegation_sas,
};
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
    /// One that the account gave to this process's identity for a while.
    Delegated(Arc<DelegationKey>),
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

    /// With a user delegation key.
    #[must_use]
    pub fn delegated(key: Arc<DelegationKey>, container: impl Into<Arc<str>>) -> Self {
        Self {
            key: Key::Delegated(key),
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
    /// [`StorageError::CannotSign`] where the store has no such signature; another where it would
    /// outlive its key.
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
            Key::Delegated(key) => user_delegation_sas(key, resource, terms)
                .map_err(|error| StorageError::failed("sign an address", error)),
        }
    }

    fn sign_account(&self, terms: &SasTerms) -> Result<String, StorageError> {
        match &self.key {
            Key::Account(key) => Ok(account_sas(key, terms)),
            Key::Delegated(_) | Key::Folder(_) => Err(StorageError::CannotSign),
        }
    }
}
