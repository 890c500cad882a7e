//! Several processes over one account: each tells, cancels and takes up the others' operations.

use super::{
    Account, CALLS, assert_open, assert_stops_soon, found, fox, held_upstream, lasting,
    quick_upstream, record, until,
};
use crate::{
    service::Service,
    upstream::{Answer, Upstream, picture},
};
use serde_json::json;
use std::time::Duration;
use visionary::operations::OperationSettings;

const KEY: (&str, &str) = ("idempotency-key", "one");

fn lively(operations: &mut OperationSettings) {
    operations.heartbeat = Duration::from_millis(50);
    operations.poll_pause = Duration::from_millis(20);
}

/// Lively, and with one place.
fn narrow(operations: &mut OperationSettings) {
    lively(operations);
    operations.max_concurrent = 1;
}

/// One that is to own the operations, and another that is asked about them.
async fn two(account: &Account, upstream: &Upstream) -> (Service, Service) {
    let owner = account.service(upstream, narrow).await;
    (owner, account.service(upstream, lively).await)
}

#[tokio::test]
async fn any_instance_tells_how_far_an_operation_is_and_waits_for_its_end() {
    let (upstream, gate) = held_upstream().await;
    let account = Account::new();
    let (owner, other) = two(&account, &upstream).await;
    let first = owner.submit(&fox()).await.operation_id();
    let second = owner.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    until(&other, &first, "running").await;
    assert_eq!(
        other.operation(&second).await.json()["status"],
        "notRunning"
    );
    let (ended, ()) = tokio::join!(other.ended(&second), async {
        for _ in 0..5 {
            other.operation(&second).await;
        }
        gate.open();
    });
    assert_eq!(ended["status"], "succeeded");
    assert_open(&ended["result"], &picture::small_png()).await;
    let at_owner = owner.ended(&second).await;
    assert_eq!(lasting(&at_owner["result"]), lasting(&ended["result"]));
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn a_key_is_known_at_every_instance() {
    let upstream = quick_upstream().await;
    let account = Account::new();
    let (one, other) = two(&account, &upstream).await;
    let first = one.generate_with(&fox(), &[KEY]).await;
    let again = other.generate_with(&fox(), &[KEY]).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(again.operation_id(), first.operation_id());
    assert_eq!(lasting(&again.json()), lasting(&first.json()));
    assert_open(&again.json(), &picture::small_png()).await;
    let wrong = other
        .generate_with(&json!({"prompt": "another"}), &[KEY])
        .await;
    wrong.assert_problem(422, "idempotency_key_reused");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn a_repetition_waits_for_the_first_at_another_instance() {
    let (upstream, gate) = held_upstream().await;
    let account = Account::new();
    let (one, other) = two(&account, &upstream).await;
    let body = fox();
    let (first, again) = tokio::join!(one.generate_with(&body, &[KEY]), async {
        upstream.wait_for_requests_to(CALLS, 1).await;
        let headers = [KEY];
        let repetition = other.generate_with(&body, &headers);
        let opening = async {
            for _ in 0..5 {
                other.get("/").await;
            }
            gate.open();
        };
        tokio::join!(repetition, opening).0
    });
    assert_eq!((first.status, again.status), (200, 200), "{}", again.text());
    assert_eq!(again.operation_id(), first.operation_id());
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn a_cancel_at_another_instance_keeps_what_waits_from_being_sent() {
    let (upstream, gate) = held_upstream().await;
    let account = Account::new();
    let (mut owner, other) = two(&account, &upstream).await;
    let running = owner.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    let queued = owner
        .submit(&json!({"prompt": "unwanted"}))
        .await
        .operation_id();
    let canceled = other.cancel(&queued).await.json();
    assert_eq!(canceled["status"], "canceled", "{canceled}");
    gate.open();
    assert_eq!(owner.ended(&running).await["status"], "succeeded");
    assert_eq!(owner.ended(&queued).await, canceled);
    owner.stop().await;
    assert_eq!(other.operation(&queued).await.json(), canceled);
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn an_owner_notices_a_cancel_at_another_instance_and_sends_nothing_again() {
    let upstream = Upstream::start().await;
    upstream.always(Answer::server_error().header("retry-after", "60"));
    let account = Account::new();
    let (mut owner, other) = two(&account, &upstream).await;
    let id = owner.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    until(&other, &id, "running").await;
    upstream.always(Answer::image(picture::small_png()));
    let canceled = other.cancel(&id).await.json();
    assert_eq!(canceled["status"], "canceled");
    assert_stops_soon(&mut owner).await;
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
    assert_eq!(other.operation(&id).await.json(), canceled);
}

#[tokio::test]
async fn what_a_stopping_instance_has_not_sent_is_done_by_another() {
    let (upstream, gate) = held_upstream().await;
    let account = Account::new();
    let (mut owner, other) = two(&account, &upstream).await;
    let running = owner.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    let queued = owner.submit(&fox()).await.operation_id();
    let ((), ()) = tokio::join!(owner.stop(), async {
        let store = account.store();
        found("an operation without an owner", || async {
            let owner = record::get(&store, &queued).await["owner"].clone();
            owner.is_null().then_some(())
        })
        .await;
        assert_ne!(other.operation(&queued).await.json()["status"], "failed");
        upstream.wait_for_requests_to(CALLS, 2).await;
        gate.open();
    });
    for id in [&running, &queued] {
        assert_eq!(other.ended(id).await["status"], "succeeded");
    }
    assert_eq!(
        record::get(&account.store(), &queued).await["ownersLost"],
        0
    );
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}
