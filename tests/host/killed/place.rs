//! Where the images and states of one test lie, and what a look from outside finds there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use visionary::storage::{
    BlobStore, Container, ListQuery,
    azure::{AzureSettings, AzureStore, RetrySettings},
};

use crate::azurite;
use crate::host::harness::{DEADLINE, client};

/// The state container's folder.
const STATE: &str = "state";

/// A folder, or a pair of containers on Azurite.
pub enum Place {
    Folder(TempDir),
    Containers { images: String, state: String },
}

impl Place {
    pub fn new_folder() -> Self {
        Self::Folder(TempDir::new().unwrap())
    }

    pub fn new_containers() -> Self {
        Self::Containers {
            images: azurite::new_container("killed-images"),
            state: azurite::new_container("killed-state"),
        }
    }

    /// The settings by which a process finds it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Folder(folder) => vec![("STORAGE_DIR", folder.path().display().to_string())],
            Self::Containers { images, state } => vec![
                (
                    "AZURE_STORAGE_CONNECTION_STRING",
                    azurite::connection_string(),
                ),
                ("IMAGES_CONTAINER", images.clone()),
                ("STATE_CONTAINER", state.clone()),
            ],
        }
    }

    /// The names of all blobs of the state container.
    pub async fn state_names(&self) -> BTreeSet<String> {
        match self {
            Self::Folder(folder) => files_below(&folder.path().join(STATE))
                .into_keys()
                .collect(),
            Self::Containers { .. } => self.listed(Container::State).await.into_iter().collect(),
        }
    }

    /// How many images are there, finished or not.
    pub async fn image_count(&self) -> usize {
        match self {
            Self::Folder(folder) => paths_below(&folder.path().join("images")).len(),
            Self::Containers { .. } => self.listed(Container::Images).await.len(),
        }
    }

    /// The status of every operation that is written down.
    pub async fn statuses(&self) -> BTreeMap<String, String> {
        self.statuses_but(&BTreeSet::new()).await
    }

    /// The same without those that have a known name. All that is looked at is whole, or the test
    /// fails.
    pub async fn statuses_but(&self, known: &BTreeSet<String>) -> BTreeMap<String, String> {
        let states = match self {
            Self::Folder(folder) => files_below(&folder.path().join(STATE)),
            Self::Containers { .. } => self.read_but(known).await,
        };
        let mut statuses = BTreeMap::new();
        for (name, bytes) in states {
            let state = serde_json::from_slice::<Value>(&bytes);
            let state = state.unwrap_or_else(|error| panic!("{name} is not whole: {error}"));
            if let (Some(id), false) = (name.strip_prefix("operations/"), known.contains(&name)) {
                let status = state["status"].as_str().unwrap();
                statuses.insert(id.to_owned(), status.to_owned());
            }
        }
        statuses
    }

    /// What lies beside each image of a folder is whole, too.
    pub fn check_properties(&self) {
        let Self::Folder(folder) = self else {
            return;
        };
        for (name, bytes) in files_below(&folder.path().join("properties")) {
            let properties = serde_json::from_slice::<Value>(&bytes);
            assert!(properties.is_ok(), "{name} is not whole: {properties:?}");
        }
    }

    async fn read_but(&self, known: &BTreeSet<String>) -> BTreeMap<String, Vec<u8>> {
        let (store, mut states) = (self.store(), BTreeMap::new());
        for name in self.listed(Container::State).await {
            if !known.contains(&name) {
                let blob = store.get(Container::State, &name).await.unwrap();
                states.insert(name, blob.bytes.to_vec());
            }
        }
        states
    }

    async fn listed(&self, container: Container) -> Vec<String> {
        let (store, mut query) = (self.store(), ListQuery::default());
        let mut names = Vec::new();
        loop {
            let page = store.list(container, &query).await.unwrap();
            names.extend(page.items.into_iter().map(|item| item.name));
            query.marker = page.next_marker;
            if query.marker.is_none() {
                return names;
            }
        }
    }

    fn store(&self) -> AzureStore {
        let Self::Containers { images, state } = self else {
            panic!("a folder has no account");
        };
        let settings = AzureSettings {
            account: azurite::ACCOUNT.to_owned(),
            endpoint: azurite::endpoint().parse().unwrap(),
            images_container: images.clone(),
            state_container: state.clone(),
            request_timeout: DEADLINE,
            longest_put: DEADLINE,
            retries: RetrySettings::default(),
        };
        AzureStore::new(settings, azurite::access(), client())
    }
}

/// Names relative to `root`, with `/`, and contents.
fn files_below(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let named = paths_below(root).into_iter().map(|path| {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        (name.to_owned(), fs::read(&path).unwrap())
    });
    named.collect()
}

fn paths_below(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files
}
