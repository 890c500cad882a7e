//! The end of the process: nothing more is sent, and nobody is waited for in vain.

use super::{
    CALLS, answer_of, assert_stops_soon, faulty::Faulty, fox, held_upstream, record, send, service,
    states,
};
use crate::{
    faulty_account::{Fault, Step},
    service::{Answer, client},
};
use std::time::Duration;
use visionary::{
    operations::OperationSettings,
    storage::{BlobStore, Container, ListQuery},
};

const KEY: (&str, &str) = ("idempotency-key", "one");

#[tokio::test]
async fn a_request_that_waits_for_a_place_is_turned_away_when_the_process_is_to_stop() {
    let (upstream, gate) = held_upstream().await;
    let mut service = service(&upstream, |operations| {
        operations.max_concurrent = 1;
        operations.longest_queue_time = Duration::from_secs(600);
    })
    .await;
    let first = send(&service, &fox(), &[]);
    upstream.wait_for_requests_to(CALLS, 1).await;
    let second = send(&service, &fox(), &[KEY]);
    states(&service, "keys", 1).await;
    let ((), turned_away) = tokio::join!(service.stop(), async {
        let turned_away = answer_of(second).await;
        gate.open();
        turned_away
    });
    turned_away.assert_problem(429, "too_many_generations");
    assert_eq!(answer_of(first).await.status, 200);
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn whoever_waits_for_an_operation_does_not_hold_up_the_end() {
    let mut faulty = Faulty::start(|operations| operations.max_concurrent = 1).await;
    let first = send(&faulty.service, &fox(), &[]);
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    let queued = faulty.service.submit(&fox()).await;
    let seen = faulty.proxy.seen(Step::StateRead);
    let location = format!("{}?wait=60", queued.header("operation-location"));
    let waiting = tokio::spawn(Answer::of(client().get(location)));
    faulty.proxy.wait_for(Step::StateRead, seen + 1).await;
    let ((), told) = tokio::join!(faulty.service.stop(), async {
        let told = answer_of(waiting).await;
        faulty.gate.open();
        told
    });
    assert_eq!(told.json()["status"], "notRunning");
    assert_eq!(answer_of(first).await.status, 200);
    assert_eq!(faulty.calls(), 1);
}

/// As after some failures; it is longer than a process has for its end.
fn long_pauses(operations: &mut OperationSettings) {
    operations.late_storing_pause = Duration::from_secs(30);
}

/// The store is well again, and the next attempt would be after the end of the process.
#[tokio::test]
async fn a_picture_that_waits_to_be_stored_is_stored_before_the_end() {
    let mut faulty = Faulty::start(long_pauses).await;
    faulty
        .proxy
        .always(Step::Blob, Fault::refused(503, "ServerBusy"));
    let id = faulty.service.submit(&fox()).await.operation_id();
    faulty.gate.open();
    faulty.proxy.wait_for(Step::Blob, 4).await;
    for _ in 0..20 {
        faulty.service.get("/").await;
    }
    faulty.proxy.heal();
    assert_stops_soon(&mut faulty.service).await;
    let store = faulty.account.store();
    let images = store.list(Container::Images, &ListQuery::default()).await;
    assert_eq!(images.unwrap().items.len(), 1);
    assert_eq!(record::get(&store, &id).await["status"], "succeeded");
}

#[tokio::test]
async fn an_end_that_waits_to_be_written_is_written_before_the_end_of_the_process() {
    let mut faulty = Faulty::start(long_pauses).await;
    let id = faulty.service.submit(&fox()).await.operation_id();
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    faulty.break_states(Step::State);
    let seen = faulty.proxy.seen(Step::State);
    faulty.gate.open();
    faulty.proxy.wait_for(Step::State, seen + 4).await;
    for _ in 0..20 {
        faulty.service.get("/").await;
    }
    faulty.proxy.heal();
    assert_stops_soon(&mut faulty.service).await;
    let ended = record::get(&faulty.account.store(), &id).await;
    assert_eq!(ended["status"], "succeeded");
}

/// Else the next process does what its caller was told is not done.
#[tokio::test]
async fn what_was_not_accepted_is_taken_back_before_the_end() {
    let mut faulty = Faulty::start(long_pauses).await;
    faulty.make_container().await;
    let busy = || Fault::refused(503, "ServerBusy");
    faulty.proxy.script(Step::State, [Fault::AnswerLost]);
    faulty.proxy.script(Step::State, [(); 7].map(|()| busy()));
    let refused = faulty.service.submit(&fox()).await;
    refused.assert_problem(502, "storage_error");
    faulty.proxy.wait_for(Step::State, 8).await;
    for _ in 0..20 {
        faulty.service.get("/").await;
    }
    assert_stops_soon(&mut faulty.service).await;
    let store = faulty.account.store();
    let id = record::last_id(&store).await;
    assert_eq!(record::get(&store, &id).await["status"], "failed");
}

/// It is said to be running although nothing was sent, and who would give it back has a bad moment.
#[tokio::test]
async fn an_accepted_operation_that_cannot_be_begun_is_left_to_the_next_process() {
    let mut faulty = Faulty::start(long_pauses).await;
    faulty.make_container().await;
    let busy = || Fault::refused(503, "ServerBusy");
    let begun = [Fault::Slow(Duration::ZERO), Fault::AnswerLost];
    faulty.proxy.script(Step::State, begun);
    faulty.proxy.script(Step::State, [(); 7].map(|()| busy())); // and when it is handed over
    let id = faulty.service.submit(&fox()).await.operation_id();
    faulty.proxy.wait_for(Step::State, 5).await;
    for _ in 0..20 {
        faulty.service.get("/").await;
    }
    assert_stops_soon(&mut faulty.service).await;
    let left = record::get(&faulty.account.store(), &id).await;
    assert_eq!(left["status"], "notRunning", "{left}");
    assert_eq!(left["fields"]["prompt"], "a red fox");
    assert_eq!(faulty.calls(), 0);
}
