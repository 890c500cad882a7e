//! The end of the process: nothing more is sent, and nobody is waited for in vain.

use super::{CALLS, answer_of, faulty::Faulty, fox, held_upstream, send, service, states};
use crate::{
    faulty_account::Step,
    service::{Answer, client},
};
use std::time::Duration;

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
