//! Callers who leave while something is written for them: nothing is sent for nobody, and what
//! they have begun for others is not broken off.

use super::{CALLS, assert_stops_soon, faulty::Faulty, found, fox, record, send};
use crate::{
    faulty_account::{Fault, Step},
    service::{Answer, Service, client},
    upstream,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Notify, task::JoinHandle};

const HOUR: Duration = Duration::from_secs(3600);

/// Has a caller leave, and lets the service see it.
async fn leave(service: &Service, caller: JoinHandle<Answer>) {
    caller.abort();
    drop(caller.await);
    for _ in 0..20 {
        service.get("/").await;
    }
}

#[tokio::test]
async fn nothing_is_sent_for_who_leaves_while_the_operation_is_written_down() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.gate.open();
    faulty.make_container().await;
    let go = Arc::new(Notify::new());
    faulty.proxy.script(Step::State, [Fault::Held(go.clone())]);
    let caller = send(&faulty.service, &fox(), &[]);
    faulty.proxy.wait_for(Step::State, 1).await;
    leave(&faulty.service, caller).await;
    go.notify_one();
    let id = record::last_id(&faulty.account.store()).await;
    let ended = faulty.service.ended(&id).await;
    assert_eq!(ended["status"], "canceled", "{ended}");
    assert_eq!(faulty.calls(), 0);
}

/// One process has handed the operation over, and whoever asks another for it is impatient.
#[tokio::test]
async fn who_leaves_while_an_operation_is_taken_up_has_it_done() {
    let faulty = Faulty::start(|operations| operations.first_sweep_after = HOUR).await;
    faulty.gate.open();
    let (store, id) = (faulty.account.store(), record::new_id(record::now_millis()));
    let mut handed_over = record::waiting(&id);
    handed_over["owner"].take();
    record::put(&store, &format!("operations/{id}"), handed_over.to_string()).await;
    let (go, seen) = (Arc::new(Notify::new()), faulty.proxy.seen(Step::State));
    faulty
        .proxy
        .script(Step::State, [Fault::AnswerHeld(go.clone())]);
    let location = format!("{}/api/operations/{id}", faulty.service.base());
    let caller = tokio::spawn(Answer::of(client().get(location)));
    faulty.proxy.wait_for(Step::State, seen + 1).await;
    found("an owner", || async {
        let owner = record::get(&store, &id).await["owner"].clone();
        owner.is_string().then_some(())
    })
    .await;
    leave(&faulty.service, caller).await;
    go.notify_one();
    faulty.upstream.wait_for_requests_to(CALLS, 1).await; // nobody has asked since
    assert_eq!(faulty.service.ended(&id).await["status"], "succeeded");
    assert_eq!(record::get(&store, &id).await["ownersLost"], 0);
    assert_eq!(faulty.calls(), 1);
}

#[tokio::test]
async fn who_leaves_while_canceling_has_canceled() {
    let mut faulty = Faulty::start(|operations| operations.heartbeat = HOUR).await;
    let again = upstream::Answer::server_error().header("retry-after", "60");
    faulty.upstream.always(again);
    let id = faulty.service.submit(&fox()).await.operation_id();
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    let (go, seen) = (Arc::new(Notify::new()), faulty.proxy.seen(Step::State));
    faulty
        .proxy
        .script(Step::State, [Fault::AnswerHeld(go.clone())]);
    let location = format!("{}/api/operations/{id}", faulty.service.base());
    let caller = tokio::spawn(Answer::of(client().delete(location)));
    faulty.proxy.wait_for(Step::State, seen + 1).await;
    let store = faulty.account.store();
    found("a cancel", || async {
        let record = record::get(&store, &id).await;
        (record["status"] == json!("canceled")).then_some(())
    })
    .await;
    leave(&faulty.service, caller).await;
    go.notify_one();
    // The work does not wait for the moment at which it would send again.
    assert_stops_soon(&mut faulty.service).await;
    assert_eq!(faulty.calls(), 1);
}

/// Whoever was accepted needs nobody to listen, the first caller with its key included.
#[tokio::test]
async fn who_leaves_does_not_cancel_what_another_request_of_the_key_was_accepted_with() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.gate.open();
    faulty.make_container().await;
    let (store, go) = (faulty.account.store(), Arc::new(Notify::new()));
    let taken = [Fault::Slow(Duration::ZERO), Fault::AnswerHeld(go.clone())];
    faulty.proxy.script(Step::State, taken);
    let key = ("idempotency-key", "one");
    let caller = send(&faulty.service, &fox(), &[key]);
    let id = record::last_id(&store).await;
    let headers = [("prefer", "respond-async"), key];
    let accepted = faulty.service.generate_with(&fox(), &headers).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    assert_eq!(accepted.operation_id(), id);
    leave(&faulty.service, caller).await;
    go.notify_one();
    let ended = faulty.service.ended(&id).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!(faulty.calls(), 1);
}
