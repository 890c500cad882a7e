//! Copies of images that the store makes by itself: whole, with properties of their own, once, and
//! completed by the next call where one was cut short between its two steps.

use crate::{
    account::{Account, SMALL, cause, content},
    conformance::{account, blob, conformance, folder},
    faulty_account::{Fault, Step},
};
use bytes::Bytes;
use visionary::storage::{
    BlobStore, Container, CopiedProperties, ListQuery, Metadata, NewBlob, PutMode, StorageError,
};

conformance!(
    a_copy_has_the_content_of_its_source_and_properties_of_its_own,
    a_copy_without_metadata_gets_none_of_its_source,
    a_copy_takes_no_name_that_is_taken,
    of_many_copies_to_one_name_one_succeeds,
    what_is_not_there_is_not_copied,
    names_of_copies_are_clean_paths,
);

const SOURCE: &str = "a b ü?#%_1.png";
const TARGET: &str = "gallery/1/a b ü_1.png";

fn properties() -> CopiedProperties {
    CopiedProperties {
        content_type: "image/webp".to_owned(),
        metadata: Metadata::from([("model".to_owned(), "m".to_owned())]),
        write_id: uuid::Uuid::new_v4(),
    }
}

async fn put(store: &dyn BlobStore, name: &str, new: NewBlob) {
    let put = store.put(Container::Images, name, new, PutMode::Create);
    put.await.unwrap();
}

async fn names(store: &dyn BlobStore) -> Vec<String> {
    let everything = ListQuery::default();
    let page = store.list(Container::Images, &everything).await.unwrap();
    page.items.into_iter().map(|item| item.name).collect()
}

async fn a_copy_has_the_content_of_its_source_and_properties_of_its_own(store: &dyn BlobStore) {
    let bytes = content("large", 9_000_000);
    let large = NewBlob {
        content: bytes.clone().into(),
        ..blob("")
    };
    put(store, "large.png", large).await;
    put(store, "empty.png", blob("")).await;
    for (source, bytes) in [("large.png", bytes), ("empty.png", Bytes::new())] {
        let target = format!("gallery/1/{source}");
        let copied = store.copy_image(source, &target, properties()).await;
        copied.unwrap();
        let copy = store.get(Container::Images, &target).await.unwrap();
        assert!(copy.bytes == bytes, "{source}");
        assert_eq!(copy.content_type, "image/webp");
        assert_eq!(copy.metadata, properties().metadata);
        let source = store.get(Container::Images, source).await.unwrap();
        assert!(source.bytes == bytes);
        assert_eq!(source.content_type, "image/png");
        assert_eq!(source.metadata, blob("").metadata);
    }
}

async fn a_copy_without_metadata_gets_none_of_its_source(store: &dyn BlobStore) {
    put(store, SOURCE, blob("content")).await;
    let bare = CopiedProperties {
        metadata: Metadata::new(),
        ..properties()
    };
    store.copy_image(SOURCE, TARGET, bare).await.unwrap();
    let copy = store.look(Container::Images, TARGET).await.unwrap();
    assert_eq!(copy.metadata, Metadata::new());
}

async fn a_copy_takes_no_name_that_is_taken(store: &dyn BlobStore) {
    put(store, SOURCE, blob("content")).await;
    put(store, TARGET, blob("other")).await;
    for target in [TARGET, SOURCE] {
        let copied = store.copy_image(SOURCE, target, properties()).await;
        assert!(
            matches!(copied, Err(StorageError::AlreadyExists)),
            "{target}: {copied:?}"
        );
    }
    let there = store.get(Container::Images, TARGET).await.unwrap();
    assert_eq!(there.bytes, "other");
    assert_eq!(there.content_type, "image/png");
    assert_eq!(there.metadata, blob("").metadata);
}

async fn of_many_copies_to_one_name_one_succeeds(store: &dyn BlobStore) {
    put(store, SOURCE, blob("content")).await;
    let tries = (0..8).map(|_| store.copy_image(SOURCE, TARGET, properties()));
    let outcomes = futures_util::future::join_all(tries).await;
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        1,
        "{outcomes:?}"
    );
    let refused =
        |outcome: &Result<_, _>| matches!(outcome, Ok(()) | Err(StorageError::AlreadyExists));
    assert!(outcomes.iter().all(refused), "{outcomes:?}");
    let copy = store.look(Container::Images, TARGET).await.unwrap();
    assert_eq!(copy.content_type, "image/webp");
}

async fn what_is_not_there_is_not_copied(store: &dyn BlobStore) {
    let copy = async |source| store.copy_image(source, TARGET, properties()).await;
    let without_container = copy(SOURCE).await;
    assert!(
        matches!(without_container, Err(StorageError::NotFound)),
        "{without_container:?}"
    );
    put(store, "folder/a.png", blob("")).await;
    for source in ["b.png", "folder", "folder/a.png/b"] {
        let copied = copy(source).await;
        assert!(
            matches!(copied, Err(StorageError::NotFound)),
            "{source}: {copied:?}"
        );
    }
    assert_eq!(names(store).await, ["folder/a.png"]);
}

async fn names_of_copies_are_clean_paths(store: &dyn BlobStore) {
    put(store, SOURCE, blob("content")).await;
    for (source, target) in [(SOURCE, "../a"), ("../state/a", TARGET)] {
        let copied = store.copy_image(source, target, properties()).await;
        assert!(
            matches!(copied, Err(StorageError::InvalidName { .. })),
            "{copied:?}"
        );
    }
}

/// With one image to copy.
async fn account_with_source() -> Account {
    let account = Account::start().await;
    account.create(SOURCE, SMALL).await.unwrap();
    account.heal();
    account
}

/// The copy as a browser gets it.
async fn assert_complete(account: &Account) {
    let headers = account.headers(TARGET).await;
    for (name, expected) in [
        ("content-type", "image/webp"),
        ("content-disposition", "inline"),
        ("cache-control", "private, max-age=31536000, immutable"),
        ("x-ms-meta-model", "m"),
    ] {
        assert_eq!(headers[name], expected, "{name}");
    }
    let copy = account.store.get(Container::Images, TARGET).await.unwrap();
    assert!(copy.bytes == content(SOURCE, SMALL));
    assert_eq!(copy.metadata, properties().metadata);
}

#[tokio::test]
async fn a_copy_survives_what_passes_and_knows_its_own_blob() {
    for step in [Step::Look, Step::Copy, Step::Properties] {
        for fault in [
            Fault::refused(503, "ServerBusy"),
            Fault::Reset,
            Fault::AnswerLost,
        ] {
            let account = account_with_source().await;
            account.script(step, [fault.clone()]);
            let copied = account.store.copy_image(SOURCE, TARGET, properties()).await;
            copied.unwrap_or_else(|error| panic!("{fault:?} at {step:?}: {error:?}"));
            assert_eq!(account.unmet(), 0);
            assert_complete(&account).await;
        }
    }
}

#[tokio::test]
async fn a_copy_that_was_cut_short_is_completed_by_whoever_makes_it_next() {
    for is_same_write in [true, false] {
        let account = account_with_source().await;
        account.always(Step::Properties, Fault::refused(400, "InvalidHeaderValue"));
        let first = properties();
        let cut_short = account.store.copy_image(SOURCE, TARGET, first.clone());
        let error = cut_short.await.unwrap_err();
        assert!(cause(&error).contains("InvalidHeaderValue"), "{error:?}");
        assert_eq!(account.headers(TARGET).await["content-type"], "image/png");
        account.heal();
        let next = if is_same_write { first } else { properties() };
        let copied = account.store.copy_image(SOURCE, TARGET, next).await;
        match copied {
            Ok(()) => assert!(is_same_write),
            Err(StorageError::AlreadyExists) => assert!(!is_same_write),
            Err(error) => panic!("{error:?}"),
        }
        assert_complete(&account).await;
        account.heal();
        let again = account.store.copy_image(SOURCE, TARGET, properties()).await;
        assert!(
            matches!(again, Err(StorageError::AlreadyExists)),
            "{again:?}"
        );
        assert_eq!(account.seen(Step::Properties), 0, "it was complete");
    }
}

#[tokio::test]
async fn a_source_that_is_written_over_while_it_is_copied_is_told() {
    let account = account_with_source().await;
    // The account has another version than the one that was looked at.
    let says = Fault::Says("etag", "\"0x1\"".to_owned());
    account.always(Step::Look, says);
    let copied = account.store.copy_image(SOURCE, TARGET, properties()).await;
    assert!(matches!(copied, Err(StorageError::Changed)), "{copied:?}");
    account.heal();
    assert_eq!(account.names().await, [SOURCE]);
}

#[tokio::test]
async fn more_than_the_service_copies_is_refused_before_it_is_asked() {
    let account = account_with_source().await;
    let size_bytes: u64 = 256 * 1024 * 1024 + 1;
    let says = Fault::Says("content-length", size_bytes.to_string());
    account.script(Step::Look, [says]);
    let copied = account.store.copy_image(SOURCE, TARGET, properties()).await;
    assert!(
        matches!(copied, Err(StorageError::TooLarge { size_bytes: told }) if told == size_bytes),
        "{copied:?}"
    );
    assert_eq!(account.seen(Step::Copy), 0);
}

#[tokio::test]
async fn what_the_account_refuses_is_an_error_and_leaves_nothing() {
    for (status, code) in [
        (403, "AuthenticationFailed"),
        (409, "NoPendingCopyOperation"),
    ] {
        let account = account_with_source().await;
        account.always(Step::Copy, Fault::refused(status, code));
        let error = account.store.copy_image(SOURCE, TARGET, properties()).await;
        match error.unwrap_err() {
            StorageError::Denied { .. } => assert_eq!(status, 403),
            StorageError::Failed { .. } => assert_eq!(status, 409),
            other => panic!("{other:?}"),
        }
        assert_eq!(account.names().await, [SOURCE]);
    }
}
