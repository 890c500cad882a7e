//! The list over a store in memory: what it costs, that nothing is missed or told twice, and what
//! becomes of it when the store has its moods.

mod store;
mod worlds;

mod background;
mod broken_names;
mod changes;
mod old_index;
mod paging;
mod removal;
mod shared_pages;

use super::*;
use proptest::test_runner::Config as ProptestConfig;
use std::{future::Future, time::Instant};
use store::MemoryStore;

const INDEX: &str = "gallery/old-images";

fn settings() -> GallerySettings {
    let signatures = SignatureSettings {
        container_permissions: "r".to_owned(),
        scope: SignatureScope::Container,
        minutes_left: 60,
    };
    let mut settings = GallerySettings::new(signatures);
    settings.page_memory = Duration::ZERO; // every page is a call that is counted
    settings.thumbnails.delay = Duration::from_secs(3600);
    settings
}

fn gallery(store: &Arc<MemoryStore>) -> Gallery {
    Gallery::new(store.clone(), settings())
}

/// A gallery that knows its old images, and has written them down.
async fn warm_gallery(store: &Arc<MemoryStore>) -> Gallery {
    let gallery = gallery(store);
    list(&gallery, Some(1), None).await.unwrap();
    until(|| store.state(INDEX).is_some()).await;
    gallery
}

async fn list(
    gallery: &Gallery,
    limit: Option<usize>,
    cursor: Option<&str>,
) -> Result<ImagePage, Arc<StorageError>> {
    let cursor = match cursor {
        Some(text) => Some(gallery.read_cursor(text).await.unwrap()),
        None => None,
    };
    let query = ListImagesQuery { limit, cursor };
    let now = OffsetDateTime::UNIX_EPOCH;
    gallery.list(&query, now, "http://here").await
}

fn paths(page: &ImagePage) -> Vec<String> {
    let images = page.images.iter();
    images
        .map(|image| ImageId::parse(&image.id).unwrap().path().to_owned())
        .collect()
}

/// All that a list without a limit gives.
async fn all(gallery: &Gallery) -> Vec<String> {
    paths(&list(gallery, None, None).await.unwrap())
}

/// Waits for a condition.
async fn until(mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "it never came");
        tokio::task::yield_now().await;
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(future)
}

fn cases(cases: u32) -> ProptestConfig {
    // A found case goes into a test with a name of its own, not into a file of seeds.
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    }
}
