//! The account with a made-up gallery, seen through the service's own client for accounts.

use crate::list_account::{ACCOUNT, Generated, IMAGES, KEY, Kind, ListAccount, Request};
use std::time::Duration;
use visionary::{
    sas::SharedKey,
    storage::{
        BlobPage, BlobStore, Container, DeleteMode, ListDepth, ListQuery, Metadata, NewBlob,
        PutMode, StorageError,
        azure::{AzureAccess, AzureSettings, AzureStore, RetrySettings},
    },
};

const GALLERY: Generated = Generated { ours: 120, old: 30 };

async fn start() -> (ListAccount, AzureStore) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let account = ListAccount::start(GALLERY).await;
    let settings = AzureSettings {
        account: ACCOUNT.to_owned(),
        endpoint: account.endpoint().parse().unwrap(),
        images_container: IMAGES.to_owned(),
        state_container: "state".to_owned(),
        request_timeout: Duration::from_secs(20),
        longest_put: Duration::from_secs(20),
        retries: RetrySettings::default(),
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let key = SharedKey::from_base64(ACCOUNT, KEY).unwrap();
    let store = AzureStore::new(settings, AzureAccess::Key(key), client);
    (account, store)
}

/// All pages of a list.
async fn pages(store: &AzureStore, prefix: &str, depth: ListDepth) -> Vec<BlobPage> {
    let mut query = ListQuery {
        prefix: prefix.to_owned(),
        max_results: Some(50),
        depth,
        ..ListQuery::default()
    };
    let mut pages = Vec::new();
    loop {
        let page = store.list(Container::Images, &query).await.unwrap();
        query.marker.clone_from(&page.next_marker);
        pages.push(page);
        if query.marker.is_none() {
            return pages;
        }
    }
}

fn names(pages: &[BlobPage]) -> Vec<&str> {
    let items = pages.iter().flat_map(|page| &page.items);
    items.map(|item| item.name.as_str()).collect()
}

fn blob(content: &'static str) -> NewBlob {
    NewBlob {
        content: content.as_bytes().to_vec().into(),
        content_type: "image/png".to_owned(),
        metadata: Metadata::from([("prompt".to_owned(), "a%20cat".to_owned())]),
        write_id: uuid::Uuid::new_v4(),
    }
}

#[tokio::test]
async fn a_list_is_every_image_in_the_order_of_bytes_whatever_the_pages() {
    let (account, store) = start().await;
    let whole = pages(&store, "", ListDepth::Whole).await;
    let mut expected: Vec<String> = (0..120)
        .map(|number| GALLERY.name(Kind::Ours, number))
        .chain((0..30).map(|number| GALLERY.name(Kind::Old, number)))
        .collect();
    expected.sort();
    assert_eq!(names(&whole), expected);
    assert_eq!(whole.iter().map(|page| page.items.len()).max(), Some(50));
    let lists = account.lists(IMAGES);
    let entries: Vec<usize> = lists.iter().map(|call| call.entries).collect();
    assert_eq!(entries, [50, 50, 50]);
    let has_marker: Vec<bool> = lists.iter().map(|call| call.has_marker).collect();
    assert_eq!(has_marker, [false, true, true]);
    account.give_at_most(7);
    account.give_empty_pages(2);
    let short = pages(&store, "", ListDepth::Whole).await;
    assert_eq!(names(&short), expected);
    let given = short.iter().map(|page| page.items.len());
    assert_eq!(given.clone().take(2).sum::<usize>(), 0);
    assert!(given.clone().all(|count| count <= 7) && short.len() == 2 + 150_usize.div_ceil(7));
}

#[tokio::test]
async fn a_prefix_and_one_level_are_as_the_service_has_them() {
    let (_account, store) = start().await;
    let ours = pages(&store, "gallery/", ListDepth::Whole).await;
    assert_eq!(names(&ours).len(), 120);
    let item = &ours[0].items[0];
    assert_eq!(item.metadata["model"], "gpt-image-1");
    assert!(item.metadata["prompt"].contains("%20"));
    assert!(item.metadata.values().all(|value| value.is_ascii()));
    let root = pages(&store, "", ListDepth::OneLevel).await;
    assert_eq!(names(&root).len(), 30);
    let folders: Vec<_> = root.iter().flat_map(|page| &page.folders).collect();
    assert_eq!(folders, ["gallery/"]);
    assert!(root[0].items[0].metadata.is_empty());
}

#[tokio::test]
async fn what_is_written_and_deleted_changes_the_list() {
    let (account, store) = start().await;
    let (newest, next) = (GALLERY.name(Kind::Ours, 0), GALLERY.name(Kind::Ours, 1));
    let between = format!("{newest}.x"); // behind the newest, before the next
    let images = Container::Images;
    for name in [&between, &newest] {
        let written = store.put(images, name, blob("new"), PutMode::Overwrite);
        written.await.unwrap();
    }
    let deleted = store.delete(images, &next, DeleteMode::Any);
    deleted.await.unwrap();
    assert!(matches!(
        store.delete(images, &next, DeleteMode::Any).await,
        Err(StorageError::NotFound)
    ));
    let listed = pages(&store, "gallery/", ListDepth::Whole).await;
    let third = GALLERY.name(Kind::Ours, 2);
    assert_eq!(names(&listed)[..3], [&newest, &between, &third]);
    assert_eq!(account.names(IMAGES, "gallery/"), names(&listed));
    let found = store.get(images, &newest).await.unwrap();
    assert_eq!(found.bytes, "new");
    let made_up = store.get(images, &third).await.unwrap();
    assert!(made_up.bytes.starts_with(b"\x89PNG"));
    assert_eq!(account.count(Request::Delete, IMAGES), 2);
}

#[tokio::test]
async fn versions_and_missing_containers_are_the_services() {
    let (account, store) = start().await;
    let (state, name) = (Container::State, "index");
    let replace = |etag| store.put(state, name, blob("c"), PutMode::Replace(etag));
    assert!(matches!(
        store.get(state, name).await,
        Err(StorageError::NotFound)
    ));
    let first = store.put(state, name, blob("a"), PutMode::Create).await;
    let first = first.unwrap();
    assert_eq!(account.count(Request::CreateContainer, "state"), 1);
    assert!(matches!(
        store.put(state, name, blob("b"), PutMode::Create).await,
        Err(StorageError::AlreadyExists)
    ));
    let second = replace(first.clone()).await.unwrap();
    assert!(matches!(replace(first).await, Err(StorageError::Changed)));
    let found = store.get(state, name).await.unwrap();
    assert_eq!((found.etag, found.bytes), (second, "c".into()));
    assert_eq!(found.metadata["prompt"], "a%20cat");
    let large = NewBlob {
        content: vec![7; 9 << 20].into(),
        ..blob("")
    };
    let put = store.put(state, "large", large.clone(), PutMode::Create);
    put.await.unwrap();
    let found = store.get(state, "large").await.unwrap();
    assert_eq!(found.bytes, vec![7; 9 << 20]);
}
