//! What an account and its network do to a delete: what passes is waited for, a container that
//! is going is not.

use crate::{
    account::{Account, SMALL, cause},
    faulty_account::{Fault, Step},
};
use visionary::storage::{BlobStore, Container, DeleteMode, ETag, StorageError};

const NAME: &str = "a.png";

async fn with_one_blob() -> (Account, ETag) {
    let account = Account::start().await;
    let version = account.create(NAME, SMALL).await.unwrap();
    account.heal(); // forgets what it has seen
    (account, version)
}

async fn delete(account: &Account, mode: DeleteMode) -> Result<(), StorageError> {
    account.store.delete(Container::Images, NAME, mode).await
}

#[tokio::test]
async fn a_delete_survives_what_passes() {
    for fault in [
        Fault::refused(408, "RequestTimeout"),
        Fault::refused(429, "TooManyRequests"),
        Fault::refused(503, "ServerBusy"),
        Fault::Reset,
    ] {
        let (account, version) = with_one_blob().await;
        for mode in [DeleteMode::Version(version), DeleteMode::Any] {
            account.heal();
            account.script(Step::Delete, [fault.clone(), fault.clone()]);
            let deleted = delete(&account, mode).await;
            deleted.unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
            assert_eq!(account.seen(Step::Delete), 3, "{fault:?}");
            assert_eq!(account.names().await, [""; 0]);
            account.create(NAME, SMALL).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_delete_whose_answer_was_lost_finds_nothing_more() {
    let (account, version) = with_one_blob().await;
    for mode in [DeleteMode::Version(version), DeleteMode::Any] {
        account.script(Step::Delete, [Fault::AnswerLost]);
        let deleted = delete(&account, mode).await;
        assert!(
            matches!(deleted, Err(StorageError::NotFound)),
            "{deleted:?}"
        );
        assert_eq!(account.unmet(), 0);
        assert_eq!(account.names().await, [""; 0]);
        account.create(NAME, SMALL).await.unwrap();
    }
}

#[tokio::test]
async fn what_never_passes_leaves_the_blob() {
    let (account, version) = with_one_blob().await;
    for (fault, is_denied, attempts) in [
        (Fault::refused(503, "ServerBusy"), false, 4),
        (Fault::refused(409, "LeaseIdMissing"), false, 1),
        (Fault::refused(412, "LeaseIdMissing"), false, 1),
        (Fault::refused(403, "AuthorizationFailure"), true, 1),
    ] {
        for mode in [DeleteMode::Version(version.clone()), DeleteMode::Any] {
            account.heal();
            account.always(Step::Delete, fault.clone());
            let error = delete(&account, mode).await.unwrap_err();
            match &error {
                StorageError::Denied { .. } => assert!(is_denied, "{error:?}"),
                StorageError::Failed { .. } => assert!(!is_denied, "{error:?}"),
                _ => panic!("{error:?}"),
            }
            assert!(cause(&error).contains(&format!("attempts: {attempts}")));
            assert_eq!(account.seen(Step::Delete), attempts, "{fault:?}");
        }
    }
    assert!(account.has_whole(NAME, SMALL).await);
}

#[tokio::test]
async fn a_container_that_is_being_deleted_has_nothing_to_read_or_to_delete() {
    let (account, _) = with_one_blob().await;
    for step in [Step::Delete, Step::Read] {
        account.always(step, Fault::refused(409, "ContainerBeingDeleted"));
    }
    let deleted = delete(&account, DeleteMode::Any).await;
    assert!(
        matches!(deleted, Err(StorageError::NotFound)),
        "{deleted:?}"
    );
    let read = account.store.get(Container::Images, NAME).await;
    assert!(matches!(read, Err(StorageError::NotFound)), "{read:?}");
    assert_eq!(account.seen(Step::Delete), 1);
    assert_eq!(account.seen(Step::Read), 1);
}
