//! What an account and its network do to a write: what passes is waited for, what does not is
//! told, a blob is there once and whole or not at all, and it all ends in time.

use crate::{
    account::{Account, LARGE, SMALL, WRITES, cause},
    faulty_account::{Fault, Step},
};
use std::time::{Duration, Instant};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use visionary::storage::StorageError;

/// Fault, and whether it is worth another try.
fn refusals() -> [(Fault, bool); 10] {
    [
        (Fault::refused(503, "ServerBusy"), true),
        (Fault::refused(500, "OperationTimedOut"), true),
        (Fault::refused(400, "InvalidHeaderValue"), false),
        (Fault::refused(403, "AuthenticationFailed"), false),
        (Fault::refused(403, "AuthorizationFailure"), false),
        (
            Fault::refused(403, "AuthorizationPermissionMismatch"),
            false,
        ),
        (Fault::refused(409, "BlobImmutableDueToPolicy"), false),
        (Fault::refused(409, "LeaseAlreadyPresent"), false),
        (Fault::refused(412, "LeaseIdMissing"), false),
        (Fault::refused(413, "RequestBodyTooLarge"), false),
    ]
}

#[tokio::test]
async fn a_write_survives_what_passes_at_each_of_its_steps() {
    let account = Account::start().await;
    let mut written = Vec::new();
    for (step, size) in WRITES {
        for fault in [
            Fault::refused(503, "ServerBusy"),
            Fault::Reset,
            Fault::AnswerLost,
        ] {
            let name = format!("{}.png", written.len());
            let before = account.seen(step);
            account.script(step, [fault.clone()]);
            let put = account.create(&name, size).await;
            put.unwrap_or_else(|error| panic!("{fault:?} at {step:?}: {error:?}"));
            let sent = account.seen(step) - before;
            let unhindered = if step == Step::Block { 3 } else { 1 };
            assert_eq!(sent, unhindered + 1, "{fault:?} at {step:?}");
            assert!(account.has_whole(&name, size).await);
            written.push(name);
        }
    }
    assert_eq!(account.names().await, written);
}

#[tokio::test]
async fn all_that_can_pass_is_sent_again_three_times() {
    let account = Account::start().await;
    let refused = |status| Fault::refused(status, "ServerBusy");
    account.script(Step::Blob, [408, 429, 500].map(refused));
    account.create("a.png", SMALL).await.unwrap();
    account.script(Step::Blob, [502, 503, 504].map(refused));
    account.create("b.png", SMALL).await.unwrap();
    account.script(Step::Blob, [Fault::Reset, Fault::AnswerLost, refused(503)]);
    account.create("c.png", SMALL).await.unwrap();
    assert_eq!(account.seen(Step::Blob), 12);
    assert_eq!(account.names().await, ["a.png", "b.png", "c.png"]);
}

#[tokio::test]
async fn what_never_passes_is_an_error_and_leaves_nothing_to_see() {
    let account = Account::start().await;
    let faults = refusals().into_iter().chain([(Fault::Reset, true)]);
    for (fault, is_repeated) in faults {
        for (step, size) in WRITES {
            account.heal();
            account.always(step, fault.clone());
            let error = account.create("a.png", size).await.unwrap_err();
            let case = format!("{fault:?} at {step:?}: {error:?}");
            let is_denied = matches!(fault, Fault::Refused(status, _) if status == 403);
            match error {
                StorageError::Denied { .. } => assert!(is_denied, "{case}"),
                StorageError::Failed { .. } => assert!(!is_denied, "{case}"),
                _ => panic!("{case}"),
            }
            let attempts = if is_repeated { 4 } else { 1 };
            assert_eq!(account.seen(step), attempts, "{case}");
            assert_eq!(account.names().await, [""; 0], "{case}");
        }
    }
    assert!(!account.has_whole("a.png", LARGE).await);
    account.heal();
    account.create("a.png", LARGE).await.unwrap();
    assert!(account.has_whole("a.png", LARGE).await);
}

#[tokio::test]
async fn an_account_that_is_slow_once_is_asked_again() {
    let account = Account::start_with(|settings| {
        settings.request_timeout = Duration::from_secs(1);
    })
    .await;
    for (step, size) in WRITES {
        account.script(step, [Fault::Silent]);
        let name = format!("{step:?}.png");
        account.create(&name, size).await.unwrap();
        assert!(account.has_whole(&name, size).await);
    }
    assert_eq!(account.names().await.len(), WRITES.len());
}

#[tokio::test]
async fn an_account_that_never_answers_ends_a_write_after_its_repetitions_or_its_time() {
    for (step, size) in [(Step::Blob, SMALL), (Step::Block, LARGE)] {
        let account = Account::without_container(|settings| {
            settings.request_timeout = Duration::from_millis(60);
            settings.retries.max_retries = 1;
        })
        .await;
        account.always(step, Fault::Silent);
        let error = account.create("a.png", size).await.unwrap_err();
        assert!(cause(&error).contains("attempts: 2"), "{error:?}");
    }
    let cases = WRITES.map(|(step, size)| async move {
        let account = Account::start_with(|settings| {
            settings.longest_put = Duration::from_secs(1);
        })
        .await;
        account.always(step, Fault::Silent);
        let started = Instant::now();
        let error = account.create("a.png", size).await.unwrap_err();
        assert!(
            cause(&error).contains("before the time was over"),
            "{error:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(10));
        assert!(!account.has_whole("a.png", size).await);
    });
    futures_util::future::join_all(cases).await;
}

/// A large image on a slow line: each block in time, all of them together not.
#[tokio::test]
async fn a_large_blob_is_judged_block_by_block() {
    let account = Account::start_with(|settings| {
        settings.request_timeout = Duration::from_millis(1200);
        settings.retries.max_retries = 0;
    })
    .await;
    account.always(Step::Block, Fault::Slow(Duration::from_millis(500)));
    let started = Instant::now();
    account.create("a.png", LARGE).await.unwrap();
    assert!(started.elapsed() > Duration::from_millis(1200));
    assert!(account.has_whole("a.png", LARGE).await);
}

#[tokio::test]
async fn all_requests_of_a_write_share_its_time() {
    let account = Account::start_with(|settings| {
        settings.longest_put = Duration::from_secs(1); // and three eighths for three blocks
    })
    .await;
    account.always(Step::Block, Fault::Slow(Duration::from_millis(700)));
    let error = account.create("a.png", LARGE).await.unwrap_err();
    assert!(
        cause(&error).contains("before the time was over"),
        "{error:?}"
    );
    assert_eq!(account.names().await, [""; 0]);
}

#[tokio::test]
async fn the_account_says_how_long_to_wait_within_limits() {
    let account = Account::start().await;
    let busy = || Fault::refused(503, "ServerBusy");
    account.script(Step::Blob, [busy().header("retry-after-ms", "150")]);
    let started = Instant::now();
    account.create("a.png", SMALL).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(150));
    account.script(Step::Blob, [busy().header("retry-after", "3600")]);
    let started = Instant::now();
    account.create("b.png", SMALL).await.unwrap();
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(200), "{waited:?}");
    assert!(waited < Duration::from_secs(60), "{waited:?}");
}

#[tokio::test]
async fn a_clock_that_is_off_is_named_as_the_reason() {
    let account = Account::start().await;
    let steps = WRITES.into_iter().chain([(Step::List, 0)]);
    for (minutes, side) in [(20, "behind"), (-20, "ahead of")] {
        for (step, size) in steps.clone() {
            account.heal();
            let theirs = OffsetDateTime::now_utc() + time::Duration::minutes(minutes);
            let date = theirs.format(&Rfc2822).unwrap().replace("+0000", "GMT");
            let refused = Fault::refused(403, "AuthenticationFailed").header("date", &date);
            account.always(step, refused);
            let error = match step {
                Step::List => account.list().await.unwrap_err(),
                _ => account.create("a.png", size).await.unwrap_err(),
            };
            assert!(matches!(error, StorageError::Denied { .. }), "{error:?}");
            let cause = cause(&error);
            let (_, rest) = cause.split_once("this machine's clock is ").expect(&cause);
            let (seconds, rest) = rest.split_once(" s ").unwrap();
            assert!((1195..1230).contains(&seconds.parse().unwrap()), "{cause}");
            assert!(rest.starts_with(side), "{cause}");
            assert_eq!(account.seen(step), 1, "nothing is sent again");
        }
    }
}
