//! A store over an account with faults, and writes that tell whether they are whole.

use crate::{
    azurite, entra,
    faulty_account::{FaultyAccount, Step},
};
use bytes::Bytes;
use std::{ops::Deref, time::Duration};
use visionary::{
    sas::{SasProtocol, SasTerms},
    storage::{
        BlobContent, BlobPage, BlobStore, Container, ETag, ListQuery, Metadata, NewBlob, PutMode,
        SignedResource, StorageError,
        azure::{AzureAccess, AzureSettings, AzureStore, RetrySettings},
    },
};

/// Fits into one request.
pub const SMALL: usize = 2_000_000;

/// Takes three blocks.
pub const LARGE: usize = 9_000_000;

/// The steps of a write, each with a size whose writes take it.
pub const WRITES: [(Step, usize); 3] = [
    (Step::Blob, SMALL),
    (Step::Block, LARGE),
    (Step::Commit, LARGE),
];

/// An account with faults and the store over it, in containers of their own.
pub struct Account {
    pub store: AzureStore,
    faulty: FaultyAccount,
}

impl Deref for Account {
    type Target = FaultyAccount;

    fn deref(&self) -> &FaultyAccount {
        &self.faulty
    }
}

impl Account {
    /// With a container, and without faults.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With a change to the settings.
    pub async fn start_with(change: impl FnOnce(&mut AzureSettings)) -> Self {
        Self::without_container(change).await.with_container().await
    }

    /// One that this process's identity opens.
    pub async fn by_identity() -> Self {
        let faulty = FaultyAccount::start_with_tokens().await;
        let account = Self::over(faulty, entra::access(), |_| {});
        account.with_container().await
    }

    async fn with_container(self) -> Self {
        let account = self;
        let first = blob(Bytes::from_static(b"first"));
        let put = account
            .store
            .put(Container::Images, "first.png", first, PutMode::Create);
        put.await.unwrap();
        account.heal(); // forgets what it has seen
        account
    }

    /// As long as nothing was ever written.
    pub async fn without_container(change: impl FnOnce(&mut AzureSettings)) -> Self {
        Self::over(FaultyAccount::start().await, azurite::access(), change)
    }

    fn over(
        faulty: FaultyAccount,
        access: AzureAccess,
        change: impl FnOnce(&mut AzureSettings),
    ) -> Self {
        let mut settings = AzureSettings {
            account: azurite::ACCOUNT.to_owned(),
            endpoint: faulty.endpoint().parse().unwrap(),
            images_container: azurite::new_container("images"),
            state_container: azurite::new_container("state"),
            request_timeout: Duration::from_secs(20),
            longest_put: Duration::from_secs(60),
            retries: RetrySettings {
                max_retries: 3,
                first_delay: Duration::from_millis(1),
                longest_wait: Duration::from_millis(200),
                container_delay: Duration::from_millis(1),
            },
        };
        change(&mut settings);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let store = AzureStore::new(settings, access, http);
        Self { store, faulty }
    }

    /// Writes a blob of this size under a new name.
    pub async fn create(&self, name: &str, size: usize) -> Result<ETag, StorageError> {
        let new = blob(content(name, size));
        let put = self
            .store
            .put(Container::Images, name, new, PutMode::Create);
        put.await
    }

    /// Whether a blob of this name is there; panics where it is not what [`Self::create`] wrote.
    pub async fn has_whole(&self, name: &str, size: usize) -> bool {
        match self.store.get(Container::Images, name).await {
            Ok(found) => {
                assert!(found.bytes == content(name, size), "{name} is not whole");
                assert_eq!(found.content_type, "image/png");
                assert_eq!(found.metadata, blob(Bytes::new()).metadata);
                true
            }
            Err(StorageError::NotFound) => false,
            Err(error) => panic!("{name}: {error:?}"),
        }
    }

    /// The headers that whoever has a signature gets with a blob.
    pub async fn headers(&self, name: &str) -> reqwest::header::HeaderMap {
        let now = time::OffsetDateTime::now_utc();
        let terms = SasTerms {
            permissions: "r".to_owned(),
            starts_at: now - time::Duration::minutes(5),
            expires_at: now + time::Duration::minutes(5),
            protocol: SasProtocol::HttpsAndHttp,
        };
        let signer = self.store.signer().await.unwrap();
        let signature = signer.sign(SignedResource::Image(name), &terms);
        let address = self.store.image_url(name, "");
        let url = format!("{address}?{}", signature.unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.head(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.headers().clone()
    }

    /// Lists everything.
    pub async fn list(&self) -> Result<BlobPage, StorageError> {
        let everything = ListQuery::default();
        self.store.list(Container::Images, &everything).await
    }

    /// The names of all blobs but the first.
    pub async fn names(&self) -> Vec<String> {
        let names = self.list().await.unwrap().items.into_iter();
        let names = names.map(|item| item.name);
        names.filter(|name| name != "first.png").collect()
    }
}

/// A blob as the gallery writes them.
pub fn blob(content: impl Into<BlobContent>) -> NewBlob {
    NewBlob {
        content: content.into(),
        content_type: "image/png".to_owned(),
        metadata: Metadata::from([("prompt".to_owned(), "a%20cat".to_owned())]),
        write_id: uuid::Uuid::new_v4(),
    }
}

/// Bytes that differ from name to name and from block to block.
pub fn content(name: &str, size: usize) -> Bytes {
    let start = name.bytes().map(usize::from).sum::<usize>();
    let bytes = (start..start + size).map(|index| (index % 251) as u8);
    bytes.collect::<Vec<_>>().into()
}

/// What the log gets of an error: its causes.
pub fn cause(error: &StorageError) -> String {
    let source = std::error::Error::source(error);
    source.map(ToString::to_string).unwrap_or_default()
}
