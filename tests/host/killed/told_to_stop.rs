//! SIGTERM, as platforms send it: what is sent is finished, what waits is handed over.

use std::time::{Duration, Instant};

use super::ends::check_addresses;
use super::life::{Life, SOON};
use super::place::Place;
use super::provider::{Provider, Stage};
use super::submission::{Kind, Submission, end_of, ended, look};
use crate::host::harness::until;

/// Platforms kill what is left after so long; the program's own limit is 25 s.
const GRACE: Duration = Duration::from_secs(30);

/// Without a hand-over the next process would have to wait for the lease.
const LEASE: Duration = Duration::from_secs(45);

#[tokio::test]
async fn what_waits_when_a_folders_process_is_told_to_stop_is_done_by_the_next() {
    hand_over(Place::new_folder()).await;
}

#[tokio::test]
async fn what_waits_when_an_accounts_process_is_told_to_stop_is_done_by_the_next_at_once() {
    hand_over(Place::new_containers()).await;
}

async fn hand_over(place: Place) {
    let (provider, kinds) = (Provider::start().await, [Kind::Accepted, Kind::Keyless]);
    let gate = provider.hold();
    let life = Life::with_places(&place, &provider, 1).await;
    let sent = Submission::new(Kind::Waiting, "sent".to_owned());
    let caller = sent.send(&life);
    provider.asked(1).await;
    let mut queue = Vec::new();
    for kind in kinds {
        let submission = Submission::new(kind, format!("queued {kind:?}"));
        let seen = submission.send(&life).await.unwrap();
        queue.push((submission, seen.id.unwrap()));
    }
    let told_at = Instant::now();
    life.signal("TERM");
    until("it says that it stops", || {
        life.console.contains("stopping")
    })
    .await;
    gate.open();
    let seen = caller.await.unwrap();
    assert!(seen.success, "who waits gets what is paid for");
    let status = life.end(GRACE).await;
    assert_eq!(status.code(), Some(0));
    for (submission, _) in &queue {
        assert_eq!(provider.calls_for(&submission.prompt), 0, "{submission:?}");
    }

    let next = Life::over(&place, &provider).await;
    let id = seen.id.unwrap();
    let finished = end_of(&look(&next, &id, 0).await);
    assert_eq!(finished.images.len(), sent.images());
    check_addresses(&next, &finished, &sent.prompt).await;
    for (submission, id) in &queue {
        let end = ended(&next, id).await;
        assert_eq!(end.images.len(), 1, "{end:?}");
        check_addresses(&next, &end, &submission.prompt).await;
        assert_eq!(provider.calls_for(&submission.prompt), 1, "{submission:?}");
    }
    assert!(told_at.elapsed() < LEASE, "they waited for a lease");
    assert_eq!(provider.calls_for(&sent.prompt), 1);
}

/// The platform would kill it: it goes before that, and the next process knows what was paid.
#[tokio::test]
async fn a_process_told_to_stop_does_not_wait_for_ever_for_its_provider() {
    let (place, provider) = (Place::new_folder(), Provider::start().await);
    let _gate = provider.hold();
    let life = Life::with_places(&place, &provider, 1).await;
    let sent = Submission::new(Kind::Accepted, "never answered".to_owned());
    let queued = Submission::new(Kind::Accepted, "queued behind it".to_owned());
    let sent_seen = sent.send(&life).await.unwrap();
    provider.asked(1).await;
    let queued_seen = queued.send(&life).await.unwrap();
    life.signal("TERM");
    assert_eq!(life.end(GRACE).await.code(), Some(0));

    provider.set_stage(Stage::Whole);
    let started = Instant::now();
    let next = Life::over(&place, &provider).await;
    let sent_end = sent.end(&next, &sent_seen).await.unwrap();
    assert_eq!(sent_end.code.as_deref(), Some("interrupted"));
    let queued_end = queued.end(&next, &queued_seen).await.unwrap();
    assert_eq!(queued_end.images.len(), 1);
    for submission in [sent, queued] {
        assert_eq!(provider.calls_for(&submission.prompt), 1, "{submission:?}");
    }
    assert!(started.elapsed() < SOON);
}
