//! The store's pages of `gallery/`, each read once for all who want it within a few seconds.

use crate::{
    gallery::found::{self, Found},
    storage::{BlobStore, Container, ListQuery, StorageError},
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// All pages that are kept have asked for no more images than this: some 10 MiB where prompts
/// are a few sentences long.
const MOST_KEPT: u32 = 12_000;

/// Behind every key, since `:` follows the digits. Only strays follow, maybe very many.
const BEHIND_OURS: &str = "gallery/:";

/// One page of the store's list of `gallery/`, in the store's order.
#[derive(Debug)]
pub(in crate::gallery) struct Page {
    /// Our images.
    pub found: Vec<Found>,
    /// What lies below `gallery/` without being one of ours.
    pub strays: Vec<Found>,
    /// Present while there may be more of ours.
    pub next_marker: Option<String>,
}

/// Which page: it begins behind `marker` and was asked for with `size`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gallery) struct PageKey {
    pub marker: Option<String>,
    pub size: u32,
}

type PageResult = Result<Arc<Page>, Arc<StorageError>>;

/// Pages, remembered while they are fresh.
pub(in crate::gallery) struct Pages {
    store: Arc<dyn BlobStore>,
    memory: Duration,
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    key: PageKey,
    asked_at: Instant,
    page: Shared<BoxFuture<'static, PageResult>>,
}

impl Pages {
    /// Pages are remembered for `memory` from the moment at which they were asked for.
    pub fn new(store: Arc<dyn BlobStore>, memory: Duration) -> Self {
        Self {
            store,
            memory,
            kept: Mutex::default(),
        }
    }

    /// A page, read by the first who asks.
    ///
    /// # Errors
    /// What the store says; a failure is not remembered.
    pub async fn get(&self, key: PageKey) -> PageResult {
        let page = self.kept_or_new(key);
        page.await
    }

    /// Has a page read that will be wanted soon, while its reader does something else.
    pub fn read_ahead(&self, key: PageKey) {
        drop(tokio::spawn(self.kept_or_new(key)));
    }

    /// Forgets all pages, those too that are on their way: what was written or deleted before
    /// this call shows in every page that is asked for behind it.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn kept_or_new(&self, key: PageKey) -> Shared<BoxFuture<'static, PageResult>> {
        let now = Instant::now();
        let mut kept = self.lock();
        kept.retain(|page| {
            let failed = matches!(page.page.peek(), Some(Err(_)));
            !failed && now.duration_since(page.asked_at) < self.memory
        });
        if let Some(found) = kept.iter().find(|page| page.key == key) {
            return found.page.clone();
        }
        let page = read(self.store.clone(), key.clone()).boxed().shared();
        kept.push(Kept {
            key,
            asked_at: now,
            page: page.clone(),
        });
        while kept.len() > 1 && kept.iter().map(|page| page.key.size).sum::<u32>() > MOST_KEPT {
            kept.remove(0);
        }
        page
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(store: Arc<dyn BlobStore>, key: PageKey) -> PageResult {
    let query = ListQuery {
        prefix: found::OURS.to_owned(),
        marker: key.marker,
        max_results: Some(key.size),
        ..ListQuery::default()
    };
    let page = store.list(Container::Images, &query).await?;
    let last = page.items.last().map(|blob| blob.name.as_str());
    let is_behind_ours = last.is_some_and(|last| last > BEHIND_OURS);
    let images = page.items.into_iter().filter(found::is_image);
    let (found, strays) = images
        .map(Found::from_blob)
        .partition(|image| found::is_ours(&image.path));
    Ok(Arc::new(Page {
        found,
        strays,
        next_marker: page.next_marker.filter(|_| !is_behind_ours),
    }))
}
