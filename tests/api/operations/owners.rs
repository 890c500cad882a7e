//! Who owns an operation of an account: whoever gives signs of life within the lease, by the
//! account's clock.

use super::{
    Account, AzureStore, CALLS, assert_open, found, fox, held_upstream, quick_upstream, record,
    until,
};
use crate::{
    faulty_account::{Fault, FaultyAccount, Step},
    upstream::picture,
};
use serde_json::Value;
use std::time::{Duration, Instant};
use visionary::operations::OperationSettings;

/// An account tells whole seconds.
const LEASE: Duration = Duration::from_secs(2);

/// One who looks often, and takes others for lost soon.
fn impatient(operations: &mut OperationSettings) {
    operations.lease = LEASE;
    operations.poll_pause = Duration::from_millis(50);
    operations.heartbeat = Duration::from_millis(200);
}

/// One who says nothing for long.
fn silent(operations: &mut OperationSettings) {
    impatient(operations);
    operations.heartbeat = Duration::from_secs(600);
}

async fn write(store: &AzureStore, id: &str, record: &Value) {
    record::put(store, &format!("operations/{id}"), record.to_string()).await;
}

#[tokio::test]
async fn what_is_lost_is_taken_up_or_ended_after_the_lease_and_not_before() {
    let upstream = quick_upstream().await;
    let account = Account::new();
    let service = account.service(&upstream, impatient).await;
    let store = account.store();
    let [waiting, running] = [(); 2].map(|()| record::new_id(record::now_millis()));
    // The container is made by a first write.
    service.generate(&fox()).await;
    write(&store, &waiting, &record::waiting(&waiting)).await;
    write(&store, &running, &record::running(&running)).await;
    let written = Instant::now();
    for (id, status) in [(&waiting, "notRunning"), (&running, "running")] {
        assert_eq!(service.operation(id).await.json()["status"], status);
    }
    assert_eq!(service.ended(&waiting).await["status"], "succeeded");
    let failed = service.ended(&running).await;
    assert_eq!(failed["error"]["code"], "interrupted");
    assert!(written.elapsed() >= LEASE, "{:?}", written.elapsed());
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn what_is_lost_and_stored_has_succeeded_at_an_account_too() {
    let upstream = quick_upstream().await;
    let account = Account::new();
    let service = account.service(&upstream, impatient).await;
    let key = [("idempotency-key", "one")];
    let id = service.generate_with(&fox(), &key).await.operation_id();
    write(&account.store(), &id, &record::running(&id)).await;
    let again = service.generate_with(&fox(), &key).await;
    assert_eq!(
        (again.status, again.operation_id()),
        (200, id),
        "{}",
        again.text()
    );
    assert_open(&again.json(), &picture::small_png()).await;
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn who_gives_signs_of_life_is_never_taken_for_lost() {
    let (upstream, gate) = held_upstream().await;
    let account = Account::new();
    let owner = account
        .service(&upstream, |operations| {
            impatient(operations);
            operations.max_concurrent = 1;
        })
        .await;
    let other = account.service(&upstream, impatient).await;
    let running = owner.submit(&fox()).await.operation_id();
    let queued = owner.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    until(&other, &running, "running").await;
    // Twice the lease, with a look every 50 ms.
    let ask = async |id: &str| {
        let answer = other.get(&format!("/api/operations/{id}?wait=5")).await;
        answer.json()["status"].clone()
    };
    let (first, second) = tokio::join!(ask(&running), ask(&queued));
    assert_eq!((first, second), ("running".into(), "notRunning".into()));
    gate.open();
    for id in [&running, &queued] {
        assert_eq!(other.ended(id).await["status"], "succeeded");
    }
    let last = record::get(&account.store(), &running).await;
    assert!(last["beats"].as_u64().unwrap() > 10, "{last}");
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn a_verdict_on_a_slow_owner_is_corrected_when_it_has_the_images() {
    let (upstream, gate) = held_upstream().await;
    let account = Account::new();
    let owner = account.service(&upstream, silent).await;
    let other = account.service(&upstream, silent).await;
    let key = [("idempotency-key", "one")];
    let headers = [("prefer", "respond-async"), key[0]];
    let id = owner.generate_with(&fox(), &headers).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    until(&other, &id, "running").await;
    let verdict = other.ended(&id).await;
    assert_eq!(verdict["status"], "failed", "{verdict}");
    assert_eq!(verdict["error"]["code"], "interrupted");
    let held = other.generate_with(&fox(), &key).await;
    held.assert_problem(500, "interrupted");
    gate.open();
    let corrected = until(&other, &id, "succeeded").await;
    assert_eq!(corrected.get("error"), None);
    assert_eq!(corrected["result"]["warnings"], serde_json::json!([]));
    assert_open(&corrected["result"], &picture::small_png()).await;
    let again = other.generate_with(&fox(), &key).await;
    assert_eq!((again.status, again.operation_id()), (200, id));
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn a_slow_owner_whose_waiting_work_was_taken_up_sends_nothing() {
    let (upstream, gate) = held_upstream().await;
    let account = Account::new();
    let mut owner = account
        .service(&upstream, |operations| {
            silent(operations);
            operations.max_concurrent = 1;
        })
        .await;
    let other = account.service(&upstream, silent).await;
    owner.submit(&fox()).await;
    upstream.wait_for_requests_to(CALLS, 1).await;
    let queued = owner.submit(&fox()).await.operation_id();
    found("the other one to take it up", || async {
        other.operation(&queued).await;
        (upstream.requests_to(CALLS).len() == 2).then_some(())
    })
    .await;
    gate.open();
    assert_eq!(other.ended(&queued).await["status"], "succeeded");
    owner.stop().await;
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
    assert_eq!(
        record::get(&account.store(), &queued).await["ownersLost"],
        1
    );
}

#[tokio::test]
async fn an_accounts_clock_may_be_hours_off() {
    for seconds_fast in [-7 * 3600, 7 * 3600] {
        let (upstream, gate) = held_upstream().await;
        let proxy = FaultyAccount::start().await;
        for step in [Step::State, Step::StateRead] {
            proxy.always(step, Fault::ClockIsOff(seconds_fast));
        }
        let account = Account::at(proxy.connection_string());
        let owner = account.service(&upstream, |_| {}).await;
        let other = account.service(&upstream, |_| {}).await;
        let key = [("idempotency-key", "one")];
        let headers = [("prefer", "respond-async"), key[0]];
        let id = owner.generate_with(&fox(), &headers).await.operation_id();
        upstream.wait_for_requests_to(CALLS, 1).await;
        until(&other, &id, "running").await;
        let again = other.generate_with(&fox(), &headers).await;
        assert_eq!(again.operation_id(), id, "{seconds_fast}");
        gate.open();
        assert_eq!(
            other.ended(&id).await["status"],
            "succeeded",
            "{seconds_fast}"
        );
        assert_eq!(other.generate_with(&fox(), &key).await.operation_id(), id);
        assert_eq!(upstream.requests_to(CALLS).len(), 1, "{seconds_fast}");
    }
}
