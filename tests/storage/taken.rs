//! Names and containers that change under a write: a lost answer, somebody else's blob, blocks
//! that are gone, a container that is missing or being deleted.

use crate::{
    account::{Account, LARGE, SMALL, WRITES, blob, cause, content},
    faulty_account::{Fault, Step},
};
use std::time::{Duration, Instant};
use visionary::storage::{BlobStore, Container, PutMode, StorageError};

fn being_deleted() -> Fault {
    Fault::refused(409, "ContainerBeingDeleted")
}

#[tokio::test]
async fn somebody_elses_blob_is_not_taken_for_a_repeated_write() {
    let account = Account::start().await;
    for (step, size) in [(Step::Blob, SMALL), (Step::Commit, LARGE)] {
        let name = format!("{step:?}.png");
        account.create(&name, size).await.unwrap();
        for fault in [
            None,
            Some(Fault::refused(503, "ServerBusy")),
            Some(Fault::refused(412, "ConditionNotMet")),
        ] {
            account.script(step, fault.clone());
            let second = account.create(&name, size).await;
            let is_conflict = matches!(second, Err(StorageError::AlreadyExists));
            assert!(is_conflict, "{fault:?} at {step:?}: {second:?}");
        }
    }
}

#[tokio::test]
async fn a_write_knows_its_own_blob_whatever_the_repeated_one_is_told() {
    let account = Account::start().await;
    for (step, size) in [(Step::Blob, SMALL), (Step::Commit, LARGE)] {
        for code in ["ConditionNotMet", "InvalidBlockList"] {
            let name = format!("{step:?}{code}.png");
            account.script(step, [Fault::AnswerLost, Fault::refused(412, code)]);
            account.create(&name, size).await.unwrap();
            assert!(account.has_whole(&name, size).await);
        }
    }
    assert_eq!(account.names().await.len(), 4);
}

/// Taking it for somebody else's would store the image again under the next name.
#[tokio::test]
async fn a_blob_that_cannot_be_looked_at_is_a_failure_and_no_conflict() {
    let account = Account::start().await;
    for (step, size) in [(Step::Blob, SMALL), (Step::Commit, LARGE)] {
        account.script(step, [Fault::AnswerLost]);
        account.always(Step::Look, Fault::refused(503, ""));
        let name = format!("{step:?}.png");
        let put = account.create(&name, size).await;
        assert!(matches!(put, Err(StorageError::Failed { .. })), "{put:?}");
    }
}

#[tokio::test]
async fn a_replacing_write_may_be_repeated() {
    let account = Account::start().await;
    for (step, size) in WRITES {
        let name = format!("{step:?}.png");
        account.create(&name, size).await.unwrap();
        account.heal(); // forgets what it has seen
        let new = content("new", size);
        account.script(step, [Fault::AnswerLost]);
        let replacing = blob(new.clone());
        let put = account
            .store
            .put(Container::Images, &name, replacing, PutMode::Overwrite);
        put.await.unwrap();
        let found = account.store.get(Container::Images, &name);
        assert!(found.await.unwrap().bytes == new);
        let blocks = match step {
            Step::Block => 4,
            Step::Commit => 3, // they are taken from the blob that has them by then
            _ => 0,
        };
        assert_eq!(account.seen(Step::Block), blocks, "{step:?}");
    }
}

#[tokio::test]
async fn two_writers_of_one_large_name_do_not_mix_their_blocks() {
    let account = Account::start().await;
    let (first, second) = (content("a", LARGE), content("b", LARGE));
    // The first list is taken when the blocks of both are there.
    let slow = [1, 2].map(|seconds| Fault::Slow(Duration::from_secs(seconds)));
    account.script(Step::Commit, slow);
    let put = |bytes| {
        let new = blob(bytes);
        account
            .store
            .put(Container::Images, "one.png", new, PutMode::Create)
    };
    let outcomes = tokio::join!(put(first.clone()), put(second.clone()));
    let winner = match outcomes {
        (Ok(_), Err(StorageError::AlreadyExists)) => first,
        (Err(StorageError::AlreadyExists), Ok(_)) => second,
        other => panic!("{other:?}"),
    };
    let found = account.store.get(Container::Images, "one.png").await;
    assert!(found.unwrap().bytes == winner);
}

#[tokio::test]
async fn blocks_that_are_gone_go_up_again() {
    let account = Account::start().await;
    account.script(Step::Commit, [Fault::refused(400, "InvalidBlockList")]);
    account.create("a.png", LARGE).await.unwrap();
    assert_eq!(account.seen(Step::Block), 6);
    assert!(account.has_whole("a.png", LARGE).await);
    account.always(Step::Commit, Fault::refused(400, "InvalidBlockList"));
    let put = account.create("b.png", LARGE).await;
    assert!(matches!(put, Err(StorageError::Failed { .. })), "{put:?}");
    assert_eq!(account.names().await, ["a.png"]);
}

#[tokio::test]
async fn a_container_is_made_where_it_is_missing_whatever_that_meets() {
    for (step, size) in WRITES {
        for faults in [
            vec![],
            vec![Fault::AnswerLost],
            vec![Fault::refused(503, "ServerBusy"), Fault::Reset],
            vec![being_deleted(); 5],
        ] {
            let account = Account::without_container(|_| {}).await;
            account.script(Step::Container, faults.clone());
            let put = account.create("a.png", size).await;
            put.unwrap_or_else(|error| panic!("{faults:?}: {error:?}"));
            assert!(account.has_whole("a.png", size).await);
        }
        let account = Account::start().await;
        account.script(step, [Fault::refused(404, "ContainerNotFound")]);
        account.create("a.png", size).await.unwrap();
        assert_eq!(account.seen(Step::Container), 1);
        assert_eq!(account.names().await, ["a.png"]);
    }
}

#[tokio::test]
async fn a_container_that_stays_missing_or_forbidden_is_a_failure() {
    for (step, size) in WRITES {
        let account = Account::start().await;
        account.always(step, Fault::refused(404, "ContainerNotFound"));
        let put = account.create("a.png", size).await;
        assert!(matches!(put, Err(StorageError::Failed { .. })), "{put:?}");
    }
    for (fault, is_denied) in [
        (Fault::refused(403, "AuthorizationFailure"), true),
        (Fault::refused(404, "ResourceNotFound"), false),
        (Fault::refused(409, "ContainerBeingDisabled"), false),
    ] {
        let account = Account::without_container(|_| {}).await;
        account.always(Step::Container, fault);
        match account.create("a.png", SMALL).await {
            Err(StorageError::Denied { .. }) => assert!(is_denied),
            Err(StorageError::Failed { .. }) => assert!(!is_denied),
            other => panic!("{other:?}"),
        }
        assert_eq!(account.seen(Step::Container), 1);
    }
}

#[tokio::test]
async fn a_container_that_is_being_deleted_is_waited_for_and_not_for_ever() {
    for (step, size) in WRITES {
        let account = Account::start_with(|settings| settings.retries.max_retries = 0).await;
        account.script(step, vec![being_deleted(); 5]);
        account.create("a.png", size).await.unwrap();
        assert!(account.has_whole("a.png", size).await);
    }
    let cases = WRITES.into_iter().chain([(Step::Container, SMALL)]);
    let cases = cases.map(|(step, size)| async move {
        let account = Account::without_container(|settings| {
            settings.longest_put = Duration::from_secs(4);
            settings.retries.container_delay = Duration::from_millis(20);
        })
        .await;
        account.always(step, being_deleted());
        let started = Instant::now();
        let error = account.create("a.png", size).await.unwrap_err();
        let cause = cause(&error);
        assert!(cause.contains("ContainerBeingDeleted"), "{error:?}");
        assert!(account.seen(step) > 4, "{cause}");
        assert!(started.elapsed() < Duration::from_secs(20));
    });
    futures_util::future::join_all(cases).await;
}

#[tokio::test]
async fn one_request_and_blocks_give_a_blob_the_same_properties() {
    let account = Account::start().await;
    let mut found = Vec::new();
    for (name, size) in [("small.png", SMALL), ("large.png", LARGE)] {
        account.create(name, size).await.unwrap();
        let headers = account.headers(name).await;
        assert_eq!(headers["content-length"], size.to_string());
        found.push(
            [
                "content-type",
                "content-disposition",
                "cache-control",
                "x-ms-blob-type",
                "x-ms-meta-prompt",
            ]
            .map(|name| headers[name].to_str().unwrap().to_owned()),
        );
        assert!(headers.contains_key("x-ms-meta-writeid"));
    }
    let expected = [
        "image/png",
        "inline",
        "private, max-age=31536000, immutable",
        "BlockBlob",
        "a%20cat",
    ];
    assert_eq!(found, [expected, expected]);
    let sent = [Step::Blob, Step::Block, Step::Commit].map(|step| account.seen(step));
    assert_eq!(sent, [1, 3, 1]);
}
