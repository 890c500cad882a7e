//! One suite that every store passes.

use crate::{azurite, entra};
use bytes::Bytes;
use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};
use time::OffsetDateTime;
use visionary::storage::{
    BlobPage, BlobStore, Container, ETag, ListDepth, ListQuery, Metadata, NewBlob, PutMode,
    StorageError,
    azure::{AzureSettings, AzureStore, RetrySettings},
    directory::{DirectorySettings, DirectoryStore},
};

/// A store with nothing in it; the folder goes with it.
pub struct Fresh {
    pub store: Arc<dyn BlobStore>,
    _folder: Option<tempfile::TempDir>,
}

fn open(root: PathBuf) -> DirectoryStore {
    let lock_wait = Duration::ZERO;
    DirectoryStore::open(&DirectorySettings { root, lock_wait }).unwrap()
}

pub fn folder() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("made if missing");
    let store = open(root);
    Fresh {
        store: Arc::new(store),
        _folder: Some(folder),
    }
}

pub fn account() -> Fresh {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = account_settings(&azurite::endpoint());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    Fresh {
        store: Arc::new(AzureStore::new(settings, azurite::access(), http)),
        _folder: None,
    }
}

/// An account without a key, over https as it has to be.
pub fn account_by_identity() -> Fresh {
    let settings = account_settings(&azurite::https_endpoint());
    let http = azurite::https_client();
    Fresh {
        store: Arc::new(AzureStore::new(settings, entra::access(), http)),
        _folder: None,
    }
}

fn account_settings(endpoint: &str) -> AzureSettings {
    AzureSettings {
        account: azurite::ACCOUNT.to_owned(),
        endpoint: endpoint.parse().unwrap(),
        images_container: azurite::new_container("images"),
        state_container: azurite::new_container("state"),
        request_timeout: Duration::from_secs(20),
        longest_put: Duration::from_secs(60),
        retries: RetrySettings {
            max_retries: 2,
            first_delay: Duration::from_millis(1),
            ..RetrySettings::default()
        },
    }
}

/// Makes each check a test for each store.
macro_rules! conformance {
    ($($check:ident),* $(,)?) => {
        mod a_folder {
            $(#[tokio::test] async fn $check() { super::$check(super::folder().store.as_ref()).await })*
        }
        mod an_account {
            $(#[tokio::test] async fn $check() { super::$check(super::account().store.as_ref()).await })*
        }
        mod an_account_by_identity {
            $(#[tokio::test] async fn $check() {
                let fresh = crate::conformance::account_by_identity();
                super::$check(fresh.store.as_ref()).await
            })*
        }
    };
}

pub(crate) use conformance;

conformance!(
    what_is_put_can_be_got_and_listed,
    a_taken_name_is_refused_or_replaced_as_asked,
    of_many_that_create_one_name_one_succeeds,
    what_is_not_there_is_not_found,
    a_missing_container_is_an_empty_list,
    containers_do_not_mix,
    names_come_back_exactly,
    names_that_are_no_clean_paths_are_refused,
    lists_are_in_order_of_their_bytes_and_pages_lose_nothing,
    a_list_of_one_level_names_folders,
    large_and_empty_blobs_come_back_whole,
);

pub fn blob(content: &str) -> NewBlob {
    NewBlob {
        content: content.as_bytes().to_vec().into(),
        content_type: "image/png".to_owned(),
        metadata: Metadata::from([("prompt".to_owned(), "a%20cat".to_owned())]),
        write_id: uuid::Uuid::new_v4(),
    }
}

async fn create(store: &dyn BlobStore, name: &str) -> Result<ETag, StorageError> {
    store
        .put(Container::Images, name, blob(name), PutMode::Create)
        .await
}

async fn all(store: &dyn BlobStore, query: ListQuery) -> BlobPage {
    store.list(Container::Images, &query).await.unwrap()
}

fn names(page: &BlobPage) -> Vec<&str> {
    page.items.iter().map(|item| item.name.as_str()).collect()
}

async fn what_is_put_can_be_got_and_listed(store: &dyn BlobStore) {
    let before = OffsetDateTime::now_utc() - time::Duration::seconds(2);
    create(store, "gallery/1/a.png").await.unwrap();
    let got = store
        .get(Container::Images, "gallery/1/a.png")
        .await
        .unwrap();
    assert_eq!(got.bytes, "gallery/1/a.png");
    assert_eq!(got.content_type, "image/png");
    assert_eq!(got.metadata, blob("").metadata);
    let listed = all(store, ListQuery::default()).await.items.remove(0);
    assert_eq!(
        (listed.name.as_str(), listed.size_bytes),
        ("gallery/1/a.png", 15)
    );
    assert_eq!(listed.content_type, "image/png");
    assert_eq!(listed.metadata, blob("").metadata);
    assert!(listed.last_modified >= before);
}

async fn a_taken_name_is_refused_or_replaced_as_asked(store: &dyn BlobStore) {
    create(store, "a.png").await.unwrap();
    let second = create(store, "a.png").await;
    assert!(
        matches!(second, Err(StorageError::AlreadyExists)),
        "{second:?}"
    );
    let other = NewBlob {
        metadata: Metadata::new(),
        ..blob("other")
    };
    let replaced = store
        .put(Container::Images, "a.png", other, PutMode::Overwrite)
        .await;
    replaced.unwrap();
    let got = store.get(Container::Images, "a.png").await.unwrap();
    assert_eq!((got.bytes, got.metadata), ("other".into(), Metadata::new()));
}

async fn of_many_that_create_one_name_one_succeeds(store: &dyn BlobStore) {
    let tries = (0..8).map(|number| {
        let new = blob(&number.to_string());
        store.put(Container::Images, "one.png", new, PutMode::Create)
    });
    let outcomes = futures_util::future::join_all(tries).await;
    let winners: Vec<_> = (0..8).filter(|index| outcomes[*index].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    let refused =
        |outcome: &Result<_, _>| matches!(outcome, Ok(_) | Err(StorageError::AlreadyExists));
    assert!(outcomes.iter().all(refused), "{outcomes:?}");
    let got = store.get(Container::Images, "one.png").await.unwrap();
    assert_eq!(got.bytes, winners[0].to_string());
}

async fn what_is_not_there_is_not_found(store: &dyn BlobStore) {
    create(store, "folder/a.png").await.unwrap();
    for name in ["b.png", "folder/b.png", "folder", "a.png/b"] {
        let got = store.get(Container::Images, name).await;
        assert!(
            matches!(got, Err(StorageError::NotFound)),
            "{name}: {got:?}"
        );
    }
}

async fn a_missing_container_is_an_empty_list(store: &dyn BlobStore) {
    assert_eq!(all(store, ListQuery::default()).await, BlobPage::default());
    let state = store.list(Container::State, &ListQuery::default()).await;
    assert_eq!(state.unwrap(), BlobPage::default());
}

async fn containers_do_not_mix(store: &dyn BlobStore) {
    let state = store.put(Container::State, "a.json", blob("{}"), PutMode::Overwrite);
    state.await.unwrap();
    assert!(all(store, ListQuery::default()).await.items.is_empty());
    assert!(store.get(Container::Images, "a.json").await.is_err());
    assert_eq!(
        store.get(Container::State, "a.json").await.unwrap().bytes,
        "{}"
    );
}

async fn names_come_back_exactly(store: &dyn BlobStore) {
    let hostile = [
        "a b.png",
        " lead.png",
        "trail ",
        "q?x#y.png",
        "pct%20.png",
        "plus+.png",
        "quote'\".png",
        "a&b<c>.png",
        "emoji🐈.png",
        "قطة.png",
        "e\u{301}.png",
        "é.png",
        "a.b..c",
        "~$.png",
    ];
    for name in hostile {
        create(store, name)
            .await
            .unwrap_or_else(|error| panic!("{name:?}: {error:?}"));
        assert_eq!(
            store.get(Container::Images, name).await.unwrap().bytes,
            name,
            "{name:?}"
        );
    }
    let page = all(store, ListQuery::default()).await;
    assert_eq!(
        names(&page).into_iter().collect::<BTreeSet<_>>(),
        BTreeSet::from(hostile)
    );
}

async fn names_that_are_no_clean_paths_are_refused(store: &dyn BlobStore) {
    for name in [
        "",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/../../b",
        ".",
        "a\\b",
        "a\0b",
        &"x".repeat(1025),
    ] {
        let put = create(store, name).await;
        assert!(
            matches!(put, Err(StorageError::InvalidName { .. })),
            "{name:?}: {put:?}"
        );
    }
    assert!(all(store, ListQuery::default()).await.items.is_empty());
}

async fn lists_are_in_order_of_their_bytes_and_pages_lose_nothing(store: &dyn BlobStore) {
    let mut expected = vec![
        "a", "a-b", "a.png", "a/b", "a/c/d", "a0", "b/1", "b/2", "b/3", "c", "ü",
    ];
    for name in &expected {
        // A file system cannot have a file and a folder of one name, so `a` is a file elsewhere.
        let name = if *name == "a" { "A" } else { name };
        create(store, name).await.unwrap();
    }
    expected[0] = "A";
    assert_eq!(names(&all(store, ListQuery::default()).await), expected);
    for size in 1..=expected.len() + 1 {
        let mut query = ListQuery {
            max_results: u32::try_from(size).ok(),
            ..ListQuery::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = all(store, query.clone()).await;
            assert!(page.items.len() <= size);
            seen.extend(names(&page).into_iter().map(str::to_owned));
            match page.next_marker {
                Some(marker) => query.marker = Some(marker),
                None => break,
            }
        }
        assert_eq!(seen, expected, "pages of {size}");
    }
    let below_b = ListQuery {
        prefix: "b/".to_owned(),
        ..ListQuery::default()
    };
    assert_eq!(names(&all(store, below_b).await), ["b/1", "b/2", "b/3"]);
}

async fn a_list_of_one_level_names_folders(store: &dyn BlobStore) {
    for name in ["a.png", "gallery/1/x", "gallery/2/y", "holiday/z", "z.png"] {
        create(store, name).await.unwrap();
    }
    let query = |prefix: &str, max_results| ListQuery {
        prefix: prefix.to_owned(),
        depth: ListDepth::OneLevel,
        max_results,
        ..ListQuery::default()
    };
    let page = all(store, query("", None)).await;
    assert_eq!(names(&page), ["a.png", "z.png"]);
    assert_eq!(page.folders, ["gallery/", "holiday/"]);
    let below = all(store, query("gallery/", None)).await;
    assert_eq!((names(&below), below.folders.len()), (vec![], 2));
    let (mut paged, mut seen) = (query("", Some(1)), Vec::new());
    loop {
        let page = all(store, paged.clone()).await;
        seen.extend(names(&page).into_iter().map(str::to_owned));
        seen.extend(page.folders);
        match page.next_marker {
            Some(marker) => paged.marker = Some(marker),
            None => break,
        }
    }
    assert_eq!(seen, ["a.png", "gallery/", "holiday/", "z.png"]);
}

async fn large_and_empty_blobs_come_back_whole(store: &dyn BlobStore) {
    let large: Vec<u8> = (0..20_000_000u32)
        .map(|index| (index % 251) as u8)
        .collect();
    for (name, content) in [("large", Bytes::from(large)), ("empty", Bytes::new())] {
        let new = NewBlob {
            content: content.clone().into(),
            ..blob("")
        };
        store
            .put(Container::Images, name, new, PutMode::Create)
            .await
            .unwrap();
        assert_eq!(
            store.get(Container::Images, name).await.unwrap().bytes,
            content,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_write_that_was_killed_leaves_nothing_that_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    let store = open(root.clone());
    // What a kill leaves at the worst: a temporary file, and properties without a blob.
    std::fs::write(root.join("incoming/half"), "half").unwrap();
    std::fs::create_dir_all(root.join("properties/images/gallery/1")).unwrap();
    std::fs::write(
        root.join("properties/images/gallery/1/a.png.json"),
        "{\"contentTy",
    )
    .unwrap();
    assert_eq!(all(&store, ListQuery::default()).await, BlobPage::default());
    let got = store.get(Container::Images, "gallery/1/a.png").await;
    assert!(matches!(got, Err(StorageError::NotFound)), "{got:?}");
    create(&store, "gallery/1/b.png").await.unwrap();
    assert_eq!(
        names(&all(&store, ListQuery::default()).await),
        ["gallery/1/b.png"]
    );
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_hides_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    let store = open(root.clone());
    create(&store, "a.png").await.unwrap();
    create(&store, "z.png").await.unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", root.join("images/broken.png")).unwrap();
    std::fs::write(root.join("properties/images/z.png.json"), "not json").unwrap();
    assert_eq!(
        names(&all(&store, ListQuery::default()).await),
        ["a.png", "z.png"]
    );
}
