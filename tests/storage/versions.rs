//! What every store promises to who keeps a state in a blob: each write gives a new version, and
//! of those who have read one version only one can replace or delete it.

use crate::conformance::{account, blob, conformance, folder};
use bytes::Bytes;
use futures_util::future::join_all;
use std::time::Duration;
use visionary::storage::{
    BlobPage, BlobStore, Container, DeleteMode, ETag, ListDepth, ListQuery, NewBlob, PutMode,
    Sharing, StorageError, StoredBlob,
};

conformance!(
    each_write_gives_a_new_version_and_reading_tells_the_same,
    of_many_that_replace_one_version_one_succeeds,
    counting_by_replacing_loses_nothing,
    a_version_that_was_written_over_is_not_replaced,
    nothing_is_replaced_where_nothing_is,
    a_refused_replacement_leaves_the_blob_as_it_was,
    only_the_version_that_was_read_is_deleted,
    whatever_is_there_is_deleted,
    what_is_not_there_cannot_be_deleted,
    of_many_that_delete_one_version_one_succeeds,
    a_deleted_blob_leaves_no_folder_and_its_neighbours,
    a_blob_that_was_just_written_is_young,
);

const NAME: &str = "operations/1.json";

async fn put(store: &dyn BlobStore, text: &str, mode: PutMode) -> Result<ETag, StorageError> {
    store.put(Container::State, NAME, blob(text), mode).await
}

async fn get(store: &dyn BlobStore) -> Result<StoredBlob, StorageError> {
    store.get(Container::State, NAME).await
}

async fn delete(store: &dyn BlobStore, mode: DeleteMode) -> Result<(), StorageError> {
    store.delete(Container::State, NAME, mode).await
}

async fn each_write_gives_a_new_version_and_reading_tells_the_same(store: &dyn BlobStore) {
    let mut versions: Vec<ETag> = Vec::new();
    let large = Bytes::from(vec![7; 9_000_000]); // goes up in blocks
    let contents = [Bytes::from("first"), large, Bytes::new(), "last".into()];
    let put = async |bytes: &Bytes, mode| {
        let content = bytes.clone().into();
        let new = NewBlob {
            content,
            ..blob("")
        };
        let etag = store.put(Container::State, NAME, new, mode).await.unwrap();
        let found = get(store).await.unwrap();
        assert_eq!(found.etag, etag);
        etag
    };
    for bytes in &contents {
        let mode = versions
            .last()
            .cloned()
            .map_or(PutMode::Create, PutMode::Replace);
        versions.push(put(bytes, mode).await);
        assert!(get(store).await.unwrap().bytes == bytes);
    }
    versions.push(put(&"over".into(), PutMode::Overwrite).await);
    for (index, version) in versions.iter().enumerate() {
        assert!(!version.as_str().is_empty());
        assert!(!versions[..index].contains(version), "{versions:?}");
    }
}

async fn of_many_that_replace_one_version_one_succeeds(store: &dyn BlobStore) {
    let version = put(store, "old", PutMode::Create).await.unwrap();
    let tries = (0..8).map(async |number: usize| {
        let mode = PutMode::Replace(version.clone());
        put(store, &number.to_string(), mode).await
    });
    let outcomes = join_all(tries).await;
    let winners: Vec<_> = (0..8).filter(|index| outcomes[*index].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    let expected = |outcome: &Result<_, _>| matches!(outcome, Ok(_) | Err(StorageError::Changed));
    assert!(outcomes.iter().all(expected), "{outcomes:?}");
    let found = get(store).await.unwrap();
    assert_eq!(found.bytes, winners[0].to_string());
    assert_eq!(Some(&found.etag), outcomes[winners[0]].as_ref().ok());
}

async fn counting_by_replacing_loses_nothing(store: &dyn BlobStore) {
    put(store, "0", PutMode::Create).await.unwrap();
    let count = async || {
        for _ in 0..5 {
            loop {
                let found = get(store).await.unwrap();
                let number: u32 = std::str::from_utf8(&found.bytes).unwrap().parse().unwrap();
                let mode = PutMode::Replace(found.etag);
                match put(store, &(number + 1).to_string(), mode).await {
                    Ok(_) => break,
                    Err(StorageError::Changed) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
    };
    join_all((0..4).map(|_| count())).await;
    assert_eq!(get(store).await.unwrap().bytes, "20");
}

async fn a_version_that_was_written_over_is_not_replaced(store: &dyn BlobStore) {
    let first = put(store, "1", PutMode::Create).await.unwrap();
    let second = put(store, "2", PutMode::Replace(first.clone())).await;
    let second = second.unwrap();
    let third = put(store, "3", PutMode::Overwrite).await.unwrap();
    for stale in [first, second] {
        let replaced = put(store, "4", PutMode::Replace(stale)).await;
        assert!(
            matches!(replaced, Err(StorageError::Changed)),
            "{replaced:?}"
        );
    }
    assert_eq!(get(store).await.unwrap().bytes, "3");
    put(store, "4", PutMode::Replace(third)).await.unwrap();
    assert_eq!(get(store).await.unwrap().bytes, "4");
}

async fn nothing_is_replaced_where_nothing_is(store: &dyn BlobStore) {
    let image = store.put(Container::Images, "a.png", blob("a"), PutMode::Create);
    let version = image.await.unwrap();
    let mode = || PutMode::Replace(version.clone());
    let without_container = put(store, "a", mode()).await;
    assert!(
        matches!(without_container, Err(StorageError::Changed)),
        "{without_container:?}"
    );
    let other = store.put(Container::State, "other", blob("a"), PutMode::Create);
    other.await.unwrap();
    for content in ["a".to_owned(), "a".repeat(9_000_000)] {
        let without_blob = put(store, &content, mode()).await;
        assert!(
            matches!(without_blob, Err(StorageError::Changed)),
            "{without_blob:?}"
        );
    }
    assert!(matches!(get(store).await, Err(StorageError::NotFound)));
}

async fn a_refused_replacement_leaves_the_blob_as_it_was(store: &dyn BlobStore) {
    let first = put(store, "1", PutMode::Create).await.unwrap();
    put(store, "2", PutMode::Overwrite).await.unwrap();
    let before = get(store).await.unwrap();
    for size in [3, 9_000_000] {
        let new = NewBlob {
            content: vec![7; size].into(),
            content_type: "text/plain".to_owned(),
            metadata: Default::default(),
            write_id: uuid::Uuid::new_v4(),
        };
        let mode = PutMode::Replace(first.clone());
        let replaced = store.put(Container::State, NAME, new, mode).await;
        assert!(
            matches!(replaced, Err(StorageError::Changed)),
            "{replaced:?}"
        );
    }
    let after = get(store).await.unwrap();
    assert_eq!((after.bytes, after.etag), (before.bytes, before.etag));
    assert_eq!(after.content_type, before.content_type);
    assert_eq!(after.metadata, before.metadata);
}

async fn only_the_version_that_was_read_is_deleted(store: &dyn BlobStore) {
    let first = put(store, "1", PutMode::Create).await.unwrap();
    let second = put(store, "2", PutMode::Overwrite).await.unwrap();
    let stale = delete(store, DeleteMode::Version(first)).await;
    assert!(matches!(stale, Err(StorageError::Changed)), "{stale:?}");
    assert_eq!(get(store).await.unwrap().etag, second);
    let version = DeleteMode::Version(second);
    delete(store, version.clone()).await.unwrap();
    assert!(matches!(get(store).await, Err(StorageError::NotFound)));
    let again = delete(store, version).await;
    assert!(matches!(again, Err(StorageError::NotFound)), "{again:?}");
}

async fn whatever_is_there_is_deleted(store: &dyn BlobStore) {
    for content in ["1", ""] {
        put(store, content, PutMode::Create).await.unwrap();
        delete(store, DeleteMode::Any).await.unwrap();
        assert!(matches!(get(store).await, Err(StorageError::NotFound)));
        let replaced = put(store, "2", PutMode::Create).await;
        let version = replaced.unwrap();
        delete(store, DeleteMode::Version(version)).await.unwrap();
    }
}

async fn what_is_not_there_cannot_be_deleted(store: &dyn BlobStore) {
    let image = store.put(Container::Images, "a.png", blob("a"), PutMode::Create);
    let of_another = image.await.unwrap();
    let modes = [DeleteMode::Any, DeleteMode::Version(of_another)];
    for mode in modes.clone() {
        let without_container = delete(store, mode).await;
        assert!(
            matches!(without_container, Err(StorageError::NotFound)),
            "{without_container:?}"
        );
    }
    assert!(matches!(get(store).await, Err(StorageError::NotFound)));
    let beside = "operations/1.json-and-more";
    let put = store.put(Container::State, beside, blob("a"), PutMode::Create);
    put.await.unwrap();
    for mode in modes {
        for name in [NAME, "operations", "operations/1.json-and-more/below"] {
            let deleted = store.delete(Container::State, name, mode.clone()).await;
            assert!(
                matches!(deleted, Err(StorageError::NotFound)),
                "{deleted:?}"
            );
        }
        let outside = store.delete(Container::State, "../images/a.png", mode);
        let outside = outside.await;
        let is_refused = matches!(outside, Err(StorageError::InvalidName { .. }));
        assert!(is_refused, "{outside:?}");
    }
    assert_eq!(
        store.get(Container::State, beside).await.unwrap().bytes,
        "a"
    );
}

async fn of_many_that_delete_one_version_one_succeeds(store: &dyn BlobStore) {
    let version = put(store, "1", PutMode::Create).await.unwrap();
    let tries = (0..8).map(|_| delete(store, DeleteMode::Version(version.clone())));
    let outcomes = join_all(tries).await;
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(done, 1, "{outcomes:?}");
    let expected = |outcome: &Result<_, _>| matches!(outcome, Ok(()) | Err(StorageError::NotFound));
    assert!(outcomes.iter().all(expected), "{outcomes:?}");
}

async fn a_deleted_blob_leaves_no_folder_and_its_neighbours(store: &dyn BlobStore) {
    for name in ["a/b/1", "a/b/2", "a/3"] {
        let put = store.put(Container::State, name, blob(name), PutMode::Create);
        put.await.unwrap();
    }
    let query = |depth| ListQuery {
        depth,
        ..ListQuery::default()
    };
    let steps = [
        ("a/b/1", &["a/3", "a/b/2"][..], &["a/"][..]),
        ("a/3", &["a/b/2"], &["a/"]),
        ("a/b/2", &[], &[]),
    ];
    for (name, left, folders) in steps {
        let deleted = store.delete(Container::State, name, DeleteMode::Any);
        deleted.await.unwrap();
        let page = store.list(Container::State, &query(ListDepth::Whole)).await;
        let items = page.unwrap().items.into_iter();
        assert_eq!(items.map(|item| item.name).collect::<Vec<_>>(), left);
        let one_level = query(ListDepth::OneLevel);
        let page: BlobPage = store.list(Container::State, &one_level).await.unwrap();
        assert_eq!(page.folders, folders);
    }
    put(store, "again", PutMode::Create).await.unwrap();
}

async fn a_blob_that_was_just_written_is_young(store: &dyn BlobStore) {
    for content in ["1", ""] {
        put(store, content, PutMode::Overwrite).await.unwrap();
        let age = get(store).await.unwrap().age;
        assert!(age < Duration::from_secs(20), "{age:?}");
    }
}

#[tokio::test]
async fn only_an_account_is_shared() {
    assert_eq!(folder().store.sharing(), Sharing::OneProcess);
    assert_eq!(account().store.sharing(), Sharing::ManyProcesses);
}
