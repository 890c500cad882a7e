//! Stores with old images in them, the program over them, and what is there afterwards.

use crate::{
    azurite,
    faulty_account::{FaultyAccount, Step},
    process::{PATIENCE, program},
    secrets,
    service::{Service, client},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use visionary::{
    sas::{SasProtocol, SasTerms},
    storage::{
        BlobItem, BlobStore, Container, DeleteMode, ListQuery, NewBlob, PutMode, SignedResource,
        StorageError,
        azure::{AzureSettings, AzureStore, RetrySettings},
        directory::{DirectorySettings, DirectoryStore},
    },
};

/// What the original stored everything as.
pub const OLD_TYPE: &str = "application/octet-stream";

/// Where old images lie.
pub enum Place {
    Folder(tempfile::TempDir),
    Account {
        store: Arc<AzureStore>,
        settings: [(&'static str, String); 3],
        faults: Option<FaultyAccount>,
    },
}

/// What one run of the program did.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Bytes that belong to a name.
pub fn picture(name: &str) -> Vec<u8> {
    format!("picture {name}").into_bytes()
}

impl Place {
    pub fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    pub async fn account() -> Self {
        Self::at(None)
    }

    /// The program's requests meet faults, those of the test do not.
    pub async fn faulty_account() -> Self {
        Self::at(Some(FaultyAccount::start().await))
    }

    fn at(faults: Option<FaultyAccount>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let images = azurite::new_container("old");
        // A name that the account with faults does not take for a place of operations.
        let state = azurite::new_container("memory");
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let account = AzureSettings {
            account: azurite::ACCOUNT.to_owned(),
            endpoint: azurite::endpoint().parse().unwrap(),
            images_container: images.clone(),
            state_container: state.clone(),
            request_timeout: Duration::from_secs(20),
            longest_put: Duration::from_secs(60),
            retries: RetrySettings::default(),
        };
        let connection = match &faults {
            Some(faults) => faults.connection_string(),
            None => azurite::connection_string(),
        };
        Self::Account {
            store: Arc::new(AzureStore::new(account, azurite::access(), http)),
            settings: [
                ("AZURE_STORAGE_CONNECTION_STRING", connection),
                ("IMAGES_CONTAINER", images),
                ("STATE_CONTAINER", state),
            ],
            faults,
        }
    }

    pub fn faults(&self) -> &FaultyAccount {
        match self {
            Self::Account { faults, .. } => faults.as_ref().unwrap(),
            Self::Folder(_) => panic!("a folder has no faults"),
        }
    }

    /// How many of the requests that came change anything.
    pub fn writes_seen(&self) -> usize {
        let steps = [
            Step::Blob,
            Step::Block,
            Step::Commit,
            Step::Container,
            Step::Copy,
            Step::Properties,
            Step::Delete,
        ];
        steps.map(|step| self.faults().seen(step)).iter().sum()
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder.path(),
            Self::Account { .. } => panic!("an account has no path"),
        }
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Folder(folder) => vec![("STORAGE_DIR", folder.path().to_str().unwrap())],
            Self::Account { settings, .. } => settings
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect(),
        }
    }

    /// The store; a folder is in use as long as it lives.
    pub fn store(&self) -> Arc<dyn BlobStore> {
        match self {
            Self::Account { store, .. } => store.clone(),
            Self::Folder(folder) => {
                let settings = DirectorySettings {
                    root: folder.path().to_owned(),
                    // What other tests start has the lock too between its fork and its exec.
                    lock_wait: PATIENCE,
                };
                Arc::new(DirectoryStore::open(&settings).unwrap())
            }
        }
    }

    pub async fn put(&self, name: &str, content_type: &str, content: impl Into<Vec<u8>>) {
        self.put_with(name, content_type, content, &[]).await;
    }

    pub async fn put_with(
        &self,
        name: &str,
        content_type: &str,
        content: impl Into<Vec<u8>>,
        metadata: &[(&str, &str)],
    ) {
        let metadata = metadata.iter();
        let blob = NewBlob {
            content: content.into().into(),
            content_type: content_type.to_owned(),
            metadata: metadata
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            write_id: uuid::Uuid::new_v4(),
        };
        let store = self.store();
        let put = store.put(Container::Images, name, blob, PutMode::Overwrite);
        put.await.unwrap();
    }

    /// Puts a blob under an encoded name that the store itself would refuse.
    pub async fn put_raw(&self, encoded_name: &str) {
        let store = self.store();
        let now = time::OffsetDateTime::now_utc();
        let terms = SasTerms {
            permissions: "cw".to_owned(),
            starts_at: now - time::Duration::hours(1),
            expires_at: now + time::Duration::hours(1),
            protocol: SasProtocol::HttpsAndHttp,
        };
        let signer = store.signer().await.unwrap();
        let signature = signer
            .sign(SignedResource::ImagesContainer, &terms)
            .unwrap();
        let container = store.image_url("x", "").replace("/x", "");
        let put = client()
            .put(format!("{container}/{encoded_name}?{signature}"))
            .header("x-ms-blob-type", "BlockBlob")
            .header("content-type", OLD_TYPE)
            .body("x");
        assert_eq!(put.send().await.unwrap().status(), 201);
    }

    pub async fn look(&self, name: &str) -> Result<BlobItem, StorageError> {
        self.store().look(Container::Images, name).await
    }

    pub async fn delete(&self, name: &str) {
        let store = self.store();
        let deleted = store.delete(Container::Images, name, DeleteMode::Any);
        deleted.await.unwrap();
    }

    /// Names and types of all images, whoever stored them.
    pub async fn images(&self) -> BTreeMap<String, String> {
        let store = self.store();
        let page = store.list(Container::Images, &ListQuery::default()).await;
        let items = page.unwrap().items.into_iter();
        items.map(|item| (item.name, item.content_type)).collect()
    }

    /// Names and types of those with a key of ours.
    pub async fn copies(&self) -> BTreeMap<String, String> {
        let mut images = self.images().await;
        images.retain(|name, _| name.starts_with("gallery/8"));
        images
    }

    /// All that there is, as it lies there.
    pub async fn everything(&self) -> Vec<String> {
        if let Self::Folder(folder) = self {
            return files_below(folder.path())
                .iter()
                .map(|path| format!("{path:?} {:?}", std::fs::metadata(path).unwrap().modified()))
                .collect();
        }
        let state = self.store();
        let state = state.list(Container::State, &ListQuery::default()).await;
        let images = self.images().await.into_iter();
        let images = images.map(|(name, content_type)| format!("{name} {content_type}"));
        let state = state.unwrap().items.into_iter().map(|item| item.name);
        images.chain(state).collect()
    }

    /// Leaves nothing of a folder but its images, as if nobody had served it yet.
    pub fn forget_own_files(&self) {
        if let Self::Folder(folder) = self {
            for part in ["state", "properties", "incoming"] {
                std::fs::remove_dir_all(folder.path().join(part)).unwrap();
            }
            for part in ["lock", "signing.key"] {
                std::fs::remove_file(folder.path().join(part)).unwrap();
            }
        }
    }

    /// As after a run that was killed before it could write down what it had copied.
    pub async fn forget_what_was_copied(&self) {
        let store = self.store();
        let query = ListQuery {
            prefix: "gallery/migrated/".to_owned(),
            ..ListQuery::default()
        };
        let page = store.list(Container::State, &query).await.unwrap();
        assert!(!page.items.is_empty());
        for item in page.items {
            let deleted = store.delete(Container::State, &item.name, DeleteMode::Any);
            deleted.await.unwrap();
        }
    }

    /// A service over it.
    pub async fn serve(&self) -> Service {
        Service::start(&self.settings()).await
    }

    /// One that looks after its index of old images all the time.
    pub async fn serve_restless(&self) -> Service {
        Service::start_with(&self.settings(), |config| {
            config.gallery.old_images.looked_at_after = Duration::from_millis(1);
            config.gallery.old_images.walked_after = Duration::ZERO;
        })
        .await
    }

    /// The prompts of all images that a new service lists.
    pub async fn listed(&self) -> Vec<String> {
        let mut service = self.serve().await;
        let list = service.get("/api/getImages").await.json();
        service.stop().await;
        let images = list["imageUrls"].as_array().unwrap().iter();
        let prompts = images.map(|image| image["prompt"].as_str().unwrap().to_owned());
        prompts.collect()
    }

    /// The program, not started yet.
    pub fn program(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = program(&self.settings());
        command.args(arguments);
        command
    }
}

impl Run {
    pub async fn of(place: &Place, arguments: &[&str]) -> Self {
        Self::with(place, arguments, &[]).await
    }

    /// With further settings.
    pub async fn with(place: &Place, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut command = place.program(arguments);
        let output = command.envs(settings.iter().copied()).output();
        let output = tokio::time::timeout(PATIENCE * 3, output)
            .await
            .unwrap()
            .unwrap();
        let text = |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            secrets::search_lines(&text);
            text
        };
        Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// The summary without its bytes, in short.
    pub fn counts(&self) -> String {
        let line = self.out.lines().last().unwrap();
        let (_, counts) = line.rsplit_once(": ").unwrap();
        let (copied, rest) = counts.split_once(" (").unwrap();
        let (_, rest) = rest.split_once("bytes)").unwrap();
        let rest = rest.replace("to be ", "");
        let parts: Vec<String> = rest
            .split(", ")
            .skip(1)
            .map(|part| {
                let (what, count) = part.rsplit_once(' ').unwrap();
                format!("{count} {}", what.split(' ').next().unwrap())
            })
            .collect();
        format!("{copied}, {}", parts.join(", "))
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files_below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}
