//! The two stores: what the service is told of them, and the same write done without the service.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use visionary::storage::{
    BlobStore, Container, Metadata, NewBlob, PutMode,
    directory::{DirectorySettings, DirectoryStore},
};

use crate::{
    Failure,
    azurite::{self, account_sas},
    client::Caller,
    process::TemporaryFolder,
};

/// The service sends more in blocks.
const MOST_IN_ONE_REQUEST: usize = 8 * 1024 * 1024;

/// The length of the service's blocks.
const BLOCK_BYTES: usize = 4 * 1024 * 1024;

/// Where pictures are kept.
pub(crate) enum StoreKind {
    Folder,
    Azurite { endpoint: String },
}

/// An empty store for one run of the service.
pub(crate) struct Store {
    folder: TemporaryFolder,
    azurite: Option<Containers>,
}

struct Containers {
    endpoint: String,
    sas: String,
    name: String,
}

/// Writes the baseline's pictures as the service does, without it; clones write to the same place.
#[derive(Clone)]
pub(crate) enum BaselineWriter {
    Folder(DirectoryStore),
    Azurite {
        caller: Caller,
        container_url: String,
        sas: String,
    },
}

impl StoreKind {
    pub(crate) fn name(&self) -> String {
        match self {
            StoreKind::Folder => "folder".to_owned(),
            StoreKind::Azurite { endpoint } => format!("Azurite at {endpoint}"),
        }
    }

    /// A store that nothing has been written to.
    pub(crate) fn fresh(&self) -> Result<Store, Failure> {
        let azurite = match self {
            StoreKind::Folder => None,
            StoreKind::Azurite { endpoint } => Some(Containers {
                endpoint: endpoint.trim_end_matches('/').to_owned(),
                sas: account_sas()?,
                name: container_name(),
            }),
        };
        let folder = TemporaryFolder::create()?;
        Ok(Store { folder, azurite })
    }
}

/// Another name in each run: an Azurite that outlives one must not show its pictures to the next.
fn container_name() -> String {
    static CREATED: AtomicUsize = AtomicUsize::new(0);
    let number = CREATED.fetch_add(1, Ordering::Relaxed);
    let moment = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!(
        "bench-{}-{}-{number}",
        moment.as_millis(),
        std::process::id()
    )
}

impl Store {
    /// The settings that make the service use this store.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let Some(containers) = &self.azurite else {
            let path = self.folder.path().join("data");
            return vec![("STORAGE_DIR", path.display().to_string())];
        };
        let connection_string = format!(
            "DefaultEndpointsProtocol=http;AccountName={};AccountKey={};BlobEndpoint={};",
            azurite::ACCOUNT,
            azurite::KEY,
            containers.endpoint,
        );
        vec![
            ("AZURE_STORAGE_CONNECTION_STRING", connection_string),
            ("IMAGES_CONTAINER", format!("{}-images", containers.name)),
            ("STATE_CONTAINER", format!("{}-state", containers.name)),
        ]
    }

    /// Makes the place that the baseline writes to, beside the service's own.
    pub(crate) async fn baseline_writer(&self, caller: &Caller) -> Result<BaselineWriter, Failure> {
        let Some(containers) = &self.azurite else {
            let path = self.folder.path().join("baseline");
            let store = DirectoryStore::open(&DirectorySettings {
                root: path,
                lock_wait: Duration::ZERO,
            })?;
            return Ok(BaselineWriter::Folder(store));
        };
        let create = containers.container_url("baseline");
        caller.put(&create, Bytes::new()).await?;
        Ok(BaselineWriter::Azurite {
            caller: caller.clone(),
            container_url: format!("{}/{}-baseline", containers.endpoint, containers.name),
            sas: containers.sas.clone(),
        })
    }

    /// Removes what was written; a container that was never made is no failure.
    pub(crate) async fn remove(self, caller: &Caller) {
        let Some(containers) = &self.azurite else {
            return;
        };
        for part in ["images", "state", "baseline"] {
            let _ = caller.delete(&containers.container_url(part)).await;
        }
    }
}

impl Containers {
    fn container_url(&self, part: &str) -> String {
        let Containers {
            endpoint,
            sas,
            name,
        } = self;
        format!("{endpoint}/{name}-{part}?restype=container&{sas}")
    }
}

impl BaselineWriter {
    /// How the writes are done, for the report.
    pub(crate) fn description(&self, size_bytes: usize) -> &'static str {
        match self {
            BaselineWriter::Folder(_) => "the folder store's own put; a state before and behind it",
            BaselineWriter::Azurite { .. } if size_bytes <= MOST_IN_ONE_REQUEST => {
                "one Put Blob; a state before and behind it"
            }
            BaselineWriter::Azurite { .. } => {
                "Put Block for each 4 MiB, Put Block List; a state before and behind it"
            }
        }
    }

    /// Writes a state of the length that an operation's has, as the service does twice for each
    /// generation: before the upstream is asked, and at the end.
    pub(crate) async fn write_state(&self, number: usize, step: &str) -> Result<(), Failure> {
        const STATE_BYTES: usize = 700;
        let bytes = Bytes::from(format!("{step:STATE_BYTES$}"));
        match self {
            BaselineWriter::Folder(store) => {
                let name = format!("operations/{number:044}");
                let blob = NewBlob {
                    content: bytes.into(),
                    content_type: "application/json".to_owned(),
                    metadata: Metadata::new(),
                    write_id: uuid::Uuid::new_v4(),
                };
                let state = Container::State;
                store.put(state, &name, blob, PutMode::Overwrite).await?;
            }
            BaselineWriter::Azurite {
                caller,
                container_url,
                sas,
            } => {
                let url = format!("{container_url}/state-{number}?{sas}");
                caller.put(&url, bytes).await?;
            }
        }
        Ok(())
    }

    /// Writes one picture under a new name so that it is durable.
    pub(crate) async fn write(&self, bytes: Bytes) -> Result<(), Failure> {
        static WRITTEN: AtomicUsize = AtomicUsize::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        match self {
            BaselineWriter::Folder(store) => {
                let name = format!("gallery/{number:013}/{number}.png");
                let blob = NewBlob {
                    content: bytes.into(),
                    content_type: "image/png".to_owned(),
                    metadata: Metadata::new(),
                    write_id: uuid::Uuid::new_v4(),
                };
                store
                    .put(Container::Images, &name, blob, PutMode::Create)
                    .await?;
            }
            BaselineWriter::Azurite {
                caller,
                container_url,
                sas,
            } => {
                let url = format!("{container_url}/{number}.png?{sas}");
                put_blob(caller, &url, bytes).await?;
            }
        }
        Ok(())
    }
}

/// In the same requests as the service: one, or blocks one after the other.
async fn put_blob(caller: &Caller, url: &str, bytes: Bytes) -> Result<(), Failure> {
    if bytes.len() <= MOST_IN_ONE_REQUEST {
        return caller.put(url, bytes).await.map(drop);
    }
    let mut list = String::from("<BlockList>");
    for (number, start) in (0..bytes.len()).step_by(BLOCK_BYTES).enumerate() {
        let id = STANDARD.encode(format!("{number:06}")); // six bytes: nothing to escape
        let block = bytes.slice(start..bytes.len().min(start + BLOCK_BYTES));
        let block_url = format!("{url}&comp=block&blockid={id}");
        caller.put(&block_url, block).await?;
        list.push_str(&format!("<Latest>{id}</Latest>"));
    }
    list.push_str("</BlockList>");
    caller
        .put(&format!("{url}&comp=blocklist"), list.into())
        .await?;
    Ok(())
}
