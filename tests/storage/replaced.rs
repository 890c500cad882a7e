//! What an account and its network do to who replaces a version: a lost answer is not taken for
//! somebody else's write, nor somebody else's write for an answer.

use crate::{
    account::{Account, LARGE, SMALL, WRITES, blob, content},
    faulty_account::{Fault, Step},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;
use visionary::storage::{BlobStore, Container, ETag, PutMode, StorageError};

const NAME: &str = "a.png";

async fn replace(account: &Account, size: usize, version: &ETag) -> Result<ETag, StorageError> {
    let new = blob(content("new", size));
    let mode = PutMode::Replace(version.clone());
    account.store.put(Container::Images, NAME, new, mode).await
}

/// With one version of the blob in it.
async fn with_one_version(size: usize) -> (Account, ETag) {
    let account = Account::start().await;
    let version = account.create(NAME, size).await.unwrap();
    account.heal(); // forgets what it has seen
    (account, version)
}

async fn assert_holds(account: &Account, content: &[u8], version: &ETag) {
    let found = account.store.get(Container::Images, NAME).await.unwrap();
    assert!(found.bytes == content);
    assert_eq!(found.etag, *version);
}

#[tokio::test]
async fn a_replacement_survives_what_passes_at_each_of_its_steps() {
    for (step, size) in WRITES {
        for fault in [
            Fault::refused(503, "ServerBusy"),
            Fault::Reset,
            Fault::AnswerLost,
        ] {
            let (account, version) = with_one_version(size).await;
            account.script(step, [fault.clone()]);
            let replaced = replace(&account, size, &version).await;
            let replaced =
                replaced.unwrap_or_else(|error| panic!("{fault:?} at {step:?}: {error:?}"));
            let unhindered = if step == Step::Block { 3 } else { 1 };
            assert_eq!(account.seen(step), unhindered + 1, "{fault:?} at {step:?}");
            let is_repeated_write = matches!(fault, Fault::AnswerLost) && step != Step::Block;
            assert_eq!(account.seen(Step::Look), usize::from(is_repeated_write));
            assert_ne!(replaced, version);
            assert_holds(&account, &content("new", size), &replaced).await;
        }
    }
}

#[tokio::test]
async fn a_created_blob_that_is_known_again_tells_its_version() {
    let account = Account::start().await;
    for (step, size) in WRITES {
        let name = format!("{step:?}.png");
        account.script(step, [Fault::AnswerLost]);
        let version = account.create(&name, size).await.unwrap();
        let found = account.store.get(Container::Images, &name).await.unwrap();
        assert_eq!(found.etag, version, "{step:?}");
    }
}

/// Its first request is done, its answer lost, and before the second comes, somebody else writes.
#[tokio::test]
async fn a_replacement_that_was_replaced_before_its_answer_is_changed() {
    for (step, size) in [(Step::Blob, SMALL), (Step::Commit, LARGE)] {
        let (account, version) = with_one_version(size).await;
        let go = Arc::new(Notify::new());
        account.script(step, [Fault::AnswerLost, Fault::Held(go.clone())]);
        let others = async {
            account.wait_for(step, 2).await;
            let other = blob(content("other", size));
            let mode = PutMode::Overwrite;
            let other = account.store.put(Container::Images, NAME, other, mode);
            let other = other.await.unwrap();
            go.notify_one();
            other
        };
        let (ours, other) = tokio::join!(replace(&account, size, &version), others);
        assert!(matches!(ours, Err(StorageError::Changed)), "{ours:?}");
        assert_holds(&account, &content("other", size), &other).await;
    }
}

#[tokio::test]
async fn blocks_of_a_replacement_that_are_gone_go_up_again() {
    let (account, version) = with_one_version(LARGE).await;
    account.script(Step::Commit, [Fault::refused(400, "InvalidBlockList")]);
    let replaced = replace(&account, LARGE, &version).await.unwrap();
    assert_eq!(account.seen(Step::Block), 6);
    assert_holds(&account, &content("new", LARGE), &replaced).await;
}

#[tokio::test]
async fn a_version_that_cannot_be_looked_at_is_a_failure_and_no_conflict() {
    for (step, size) in [(Step::Blob, SMALL), (Step::Commit, LARGE)] {
        let (account, version) = with_one_version(size).await;
        account.script(step, [Fault::AnswerLost]);
        account.always(Step::Look, Fault::refused(503, "ServerBusy"));
        let replaced = replace(&account, size, &version).await;
        assert!(
            matches!(replaced, Err(StorageError::Failed { .. })),
            "{replaced:?}"
        );
    }
}

#[tokio::test]
async fn only_a_condition_that_is_not_met_is_a_change() {
    let (account, version) = with_one_version(SMALL).await;
    for (fault, is_denied) in [
        (Fault::refused(412, "LeaseIdMissing"), false),
        (Fault::refused(409, "LeaseAlreadyPresent"), false),
        (Fault::refused(403, "AuthorizationFailure"), true),
    ] {
        account.script(Step::Blob, [fault]);
        match replace(&account, SMALL, &version).await {
            Err(StorageError::Denied { .. }) => assert!(is_denied),
            Err(StorageError::Failed { .. }) => assert!(!is_denied),
            other => panic!("{other:?}"),
        }
    }
    assert_holds(&account, &content(NAME, SMALL), &version).await;
}

#[tokio::test]
async fn no_container_is_made_or_waited_for_to_replace_in_it() {
    let (_, version) = with_one_version(SMALL).await;
    for (_, size) in WRITES {
        let account = Account::without_container(|_| {}).await;
        let replaced = replace(&account, size, &version).await;
        assert!(
            matches!(replaced, Err(StorageError::Changed)),
            "{replaced:?}"
        );
        assert_eq!(account.seen(Step::Container), 0);
    }
    for (step, size) in [(Step::Blob, SMALL), (Step::Commit, LARGE)] {
        let (account, version) = with_one_version(size).await;
        account.always(step, Fault::refused(409, "ContainerBeingDeleted"));
        let replaced = replace(&account, size, &version).await;
        assert!(
            matches!(replaced, Err(StorageError::Changed)),
            "{replaced:?}"
        );
        assert_eq!(account.seen(step), 1);
    }
}

#[tokio::test]
async fn an_empty_blob_that_is_filled_while_it_is_read_is_read_again() {
    let (account, version) = with_one_version(SMALL).await;
    let empty = || Fault::refused(416, "InvalidRange");
    account.script(Step::Read, [empty()]);
    assert_holds(&account, &content(NAME, SMALL), &version).await;
    assert_eq!(account.seen(Step::Read), 2);
    account.always(Step::Read, empty());
    let read = account.store.get(Container::Images, NAME).await;
    assert!(matches!(read, Err(StorageError::Failed { .. })), "{read:?}");
}

#[tokio::test]
async fn a_blobs_age_is_told_by_the_accounts_clock() {
    let (account, _) = with_one_version(SMALL).await;
    let written = Fault::Says("last-modified", "Sun, 01 Mar 2020 12:00:00 GMT".to_owned());
    account.always(Step::Read, written);
    let age = async || {
        account
            .store
            .get(Container::Images, NAME)
            .await
            .unwrap()
            .age
    };
    assert!(age().await > Duration::from_secs(365 * 24 * 3600));
    let their_clock = Fault::Says("date", "Sun, 01 Mar 2020 12:00:00 GMT".to_owned());
    account.always(Step::Read, their_clock);
    assert_eq!(age().await, Duration::ZERO, "never negative");
    let ahead = Fault::Says("date", "Thu, 01 Mar 2125 12:00:00 GMT".to_owned());
    account.always(Step::Read, ahead);
    assert!(age().await > Duration::from_secs(50 * 365 * 24 * 3600));
}
