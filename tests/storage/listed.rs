//! What an account and its network do to a list: the rules of every other request, but for the
//! 500 that a name gets which the service cannot list.

use crate::{
    account::{Account, cause},
    faulty_account::{Fault, Step},
};
use std::time::{Duration, Instant};
use visionary::storage::StorageError;

fn busy() -> Fault {
    Fault::refused(503, "ServerBusy")
}

#[tokio::test]
async fn a_list_survives_what_passes_and_is_sent_again_three_times() {
    let account = Account::start().await;
    let refused = |status| Fault::refused(status, "ServerBusy");
    for faults in [
        vec![refused(408), refused(429), refused(502)],
        vec![refused(504), busy(), Fault::Reset],
    ] {
        account.script(Step::List, faults);
        assert_eq!(account.names().await, [""; 0]);
        assert_eq!(account.unmet(), 0);
    }
    assert_eq!(account.seen(Step::List), 8);
    account.script(Step::List, vec![busy(); 4]);
    let error = account.list().await.unwrap_err();
    assert!(cause(&error).contains("attempts: 4"), "{error:?}");
}

#[tokio::test]
async fn a_list_that_the_service_cannot_make_is_not_sent_again() {
    let account = Account::start().await;
    account.always(Step::List, Fault::refused(500, "InternalError"));
    let error = account.list().await.unwrap_err();
    assert!(matches!(error, StorageError::Failed { .. }), "{error:?}");
    assert_eq!(account.seen(Step::List), 1);
}

#[tokio::test]
async fn a_list_waits_as_long_as_the_account_says_within_limits() {
    let account = Account::start().await;
    account.script(Step::List, [busy().header("retry-after-ms", "150")]);
    let started = Instant::now();
    account.list().await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(150));
    account.script(Step::List, [busy().header("retry-after", "3600")]);
    let started = Instant::now();
    account.list().await.unwrap();
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(200), "{waited:?}");
    assert!(waited < Duration::from_secs(60), "{waited:?}");
}

#[tokio::test]
async fn a_list_ends_with_its_time_whatever_the_account_does() {
    let account = Account::start_with(|settings| {
        settings.longest_put = Duration::from_secs(1);
        settings.retries.longest_wait = Duration::from_secs(3600);
    })
    .await;
    for (fault, told) in [
        (Fault::Silent, "before the time was over"),
        (busy().header("retry-after", "600"), "attempts: 1"),
    ] {
        account.always(Step::List, fault);
        let started = Instant::now();
        let error = account.list().await.unwrap_err();
        assert!(cause(&error).contains(told), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(15));
    }
}
