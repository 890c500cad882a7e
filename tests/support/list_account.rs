//! A storage account with a gallery of any size. Its images are made up by number while they are
//! listed, in the form, order and pages of Azure's List Blobs; what is written to it is kept in
//! memory and listed in its place. It checks no signatures, and counts what it is asked.
#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a broken double must stop its test

#[path = "list_account/blob.rs"]
mod blob;
#[path = "list_account/container.rs"]
mod container;
#[path = "list_account/generated.rs"]
mod generated;
#[path = "list_account/list.rs"]
mod list;
#[path = "list_account/wire.rs"]
mod wire;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{net::TcpListener, task::AbortHandle};

pub use generated::{Generated, Kind};

use container::Container;

/// The account's name, the last part of its endpoint.
pub const ACCOUNT: &str = "listaccount";

/// A key, since the service wants one.
pub const KEY: &str = "bGlzdC1hY2NvdW50LWtleS1saXN0LWFjY291bnQta2V5";

/// The container that has the made-up images.
pub const IMAGES: &str = "images";

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    List,
    Get,
    Head,
    Put,
    Delete,
    CreateContainer,
}

/// A list request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCall {
    pub container: String,
    pub prefix: String,
    pub delimiter: String,
    /// Whether it went on where another had ended.
    pub has_marker: bool,
    pub max_results: Option<usize>,
    /// How many blobs and folders the page had.
    pub entries: usize,
    /// Of the answer's body.
    pub bytes: usize,
}

/// How lists are answered.
#[derive(Debug, Clone, Copy)]
struct Manner {
    most_in_one_page: usize,
    empty_pages: usize,
    latency: Duration,
}

struct Account {
    endpoint: String,
    containers: RwLock<BTreeMap<String, Container>>,
    manner: Mutex<Manner>,
    counts: Mutex<BTreeMap<(Request, String), usize>>,
    lists: Mutex<Vec<ListCall>>,
    /// Of the next version that is written.
    version: AtomicU64,
}

/// A running account; dropping it closes its port.
pub struct ListAccount {
    account: Arc<Account>,
    server: AbortHandle,
}

impl ListAccount {
    /// Starts it on a free loopback port, with these images in the container [`IMAGES`].
    pub async fn start(generated: Generated) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let images = Container {
            generated,
            ..Container::default()
        };
        let account = Arc::new(Account {
            endpoint: format!("http://{address}/{ACCOUNT}"),
            containers: RwLock::new(BTreeMap::from([(IMAGES.to_owned(), images)])),
            manner: Mutex::new(Manner {
                most_in_one_page: usize::MAX,
                empty_pages: 0,
                latency: Duration::ZERO,
            }),
            counts: Mutex::default(),
            lists: Mutex::default(),
            version: AtomicU64::new(1),
        });
        let server = tokio::spawn(wire::serve(listener, Arc::clone(&account)));
        let server = server.abort_handle();
        Self { account, server }
    }

    /// `http://127.0.0.1:PORT/listaccount`.
    pub fn endpoint(&self) -> String {
        self.account.endpoint.clone()
    }

    /// A connection string for it.
    pub fn connection_string(&self) -> String {
        let endpoint = &self.account.endpoint;
        format!("AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};")
    }

    /// Gives fewer entries in a page than it is asked for, and a marker, as the service may.
    pub fn give_at_most(&self, entries: usize) {
        self.manner().most_in_one_page = entries.max(1);
    }

    /// Answers the next so many lists of images with no entry and a marker, as the service may.
    pub fn give_empty_pages(&self, count: usize) {
        self.manner().empty_pages = count;
    }

    /// Answers lists so much later.
    pub fn slow_lists(&self, latency: Duration) {
        self.manner().latency = latency;
    }

    /// Every list request of a container so far, in the order of their answers.
    pub fn lists(&self, container: &str) -> Vec<ListCall> {
        let mut lists = self.account.lists.lock().unwrap().clone();
        lists.retain(|call| call.container == container);
        lists
    }

    /// How many requests of a kind a container has had.
    pub fn count(&self, request: Request, container: &str) -> usize {
        let counts = self.account.counts.lock().unwrap();
        let count = counts.get(&(request, container.to_owned()));
        count.copied().unwrap_or_default()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.account.counts.lock().unwrap().clear();
        self.account.lists.lock().unwrap().clear();
    }

    /// The names below a prefix, in the order of a list.
    pub fn names(&self, container: &str, prefix: &str) -> Vec<String> {
        let containers = self.account.containers.read().unwrap();
        let Some(container) = containers.get(container) else {
            return Vec::new();
        };
        let names = container.walk_from(prefix, false).map(|(name, _)| name);
        names.take_while(|name| name.starts_with(prefix)).collect()
    }

    fn manner(&self) -> MutexGuard<'_, Manner> {
        self.account.manner.lock().unwrap()
    }
}

impl Drop for ListAccount {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Account {
    fn record(&self, request: Request, container: &str) {
        let mut counts = self.counts.lock().unwrap();
        *counts.entry((request, container.to_owned())).or_default() += 1;
    }

    /// The version of a blob that is written now.
    fn next_version(&self) -> String {
        let version = self.version.fetch_add(1, Ordering::Relaxed);
        format!("\"0x8DE{version:012X}\"")
    }
}
