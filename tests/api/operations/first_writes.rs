//! The first write of an operation: while it is on its way, and where nobody knows whether it was
//! taken, there is one operation and one payment.

use super::{CALLS, answer_of, faulty::Faulty, fox, record, send, until};
use crate::{
    faulty_account::{Fault, Step},
    service::{Answer, client},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;
use visionary::operations::OperationSettings;

const KEY: (&str, &str) = ("idempotency-key", "one");
const WELL: Fault = Fault::Slow(Duration::ZERO);

fn busy() -> Fault {
    Fault::refused(503, "ServerBusy")
}

/// The write of an accepted operation is taken, and its caller is told that it failed.
#[tokio::test]
async fn what_was_not_accepted_is_not_done_later() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.gate.open();
    faulty.make_container().await;
    let lost = [WELL, Fault::AnswerLost, busy(), busy(), busy()]; // of its key, and its own
    faulty.proxy.script(Step::State, lost);
    let headers = [("prefer", "respond-async"), KEY];
    let refused = faulty.service.generate_with(&fox(), &headers).await;
    refused.assert_problem(502, "storage_error");
    assert_eq!(faulty.proxy.unmet(), 0);
    let id = record::last_id(&faulty.account.store()).await;
    let ended = faulty.service.ended(&id).await;
    assert_eq!(ended["error"]["code"], "storage_error", "{ended}");
    let second = faulty.service.generate_with(&fox(), &[KEY]).await;
    assert_eq!(second.status, 200, "{}", second.text());
    assert_ne!(second.operation_id(), id);
    assert_eq!(faulty.calls(), 1);
}

#[tokio::test]
async fn a_first_request_that_is_slow_to_be_written_down_gets_its_repetitions_images() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.gate.open();
    faulty.make_container().await;
    let go = Arc::new(Notify::new());
    let held = [WELL, Fault::Held(go.clone())];
    faulty.proxy.script(Step::State, held);
    let first = send(&faulty.service, &fox(), &[KEY]);
    faulty.proxy.wait_for(Step::State, 2).await;
    let second = send(&faulty.service, &fox(), &[KEY]);
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    go.notify_one();
    let (first, second) = (answer_of(first).await, answer_of(second).await);
    for answer in [&first, &second] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.operation_id(), second.operation_id());
    }
    assert_eq!(faulty.calls(), 1);
}

/// Its id is in its key before.
#[tokio::test]
async fn who_asks_for_what_is_being_written_down_waits_for_it() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.gate.open();
    faulty.make_container().await;
    let go = Arc::new(Notify::new());
    let held = [WELL, Fault::Held(go.clone())];
    faulty.proxy.script(Step::State, held);
    let caller = send(&faulty.service, &fox(), &[KEY]);
    faulty.proxy.wait_for(Step::State, 2).await;
    let id = record::id_of_key(&faulty.account.store()).await;
    let read = faulty.proxy.seen(Step::StateRead);
    let location = format!("{}/api/operations/{id}?wait=20", faulty.service.base());
    let question = tokio::spawn(Answer::of(client().get(location)));
    faulty.proxy.wait_for(Step::StateRead, read + 1).await;
    go.notify_one();
    let told = answer_of(question).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(told.json()["status"], "succeeded");
    assert_eq!(answer_of(caller).await.operation_id(), id);
}

/// Both write it down under one id, in one process.
#[tokio::test]
async fn what_is_taken_back_is_not_the_repetition_that_has_begun_meanwhile() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.make_container().await;
    let go = Arc::new(Notify::new());
    let of_the_first = [WELL, busy(), busy(), busy(), busy()]; // of its key, and its own
    faulty.proxy.script(Step::State, of_the_first);
    let taken_back = [Fault::Held(go.clone())];
    faulty.proxy.script(Step::State, taken_back);
    let first = faulty.service.generate_with(&fox(), &[KEY]).await;
    first.assert_problem(502, "storage_error");
    faulty.proxy.wait_for(Step::State, 6).await;
    let repetition = send(&faulty.service, &fox(), &[KEY]);
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    let id = record::last_id(&faulty.account.store()).await;
    let read = faulty.proxy.seen(Step::StateRead);
    go.notify_one();
    faulty.proxy.wait_for(Step::StateRead, read + 1).await; // it finds another's
    for _ in 0..10 {
        assert_eq!(
            faulty.service.operation(&id).await.json()["status"],
            "running"
        );
    }
    faulty.gate.open();
    let repetition = answer_of(repetition).await;
    assert_eq!(repetition.status, 200, "{}", repetition.text());
    assert_eq!(repetition.operation_id(), id);
    assert_eq!(faulty.service.ended(&id).await["status"], "succeeded");
    assert_eq!(faulty.calls(), 1);
}

/// The first write was taken, and nobody gave a sign of life since.
#[tokio::test]
async fn what_is_taken_back_is_not_what_another_process_has_begun_meanwhile() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.make_container().await;
    let go = Arc::new(Notify::new());
    let lost = [WELL, Fault::AnswerLost, busy(), busy(), busy()]; // of its key, and its own
    faulty.proxy.script(Step::State, lost);
    let taken_back = [Fault::Held(go.clone())];
    faulty.proxy.script(Step::State, taken_back);
    let headers = [("prefer", "respond-async"), KEY];
    let first = faulty.service.generate_with(&fox(), &headers).await;
    first.assert_problem(502, "storage_error");
    faulty.proxy.wait_for(Step::State, 6).await;
    let impatient = |operations: &mut OperationSettings| operations.lease = Duration::ZERO;
    let other = faulty.account.service(&faulty.upstream, impatient).await;
    let id = record::last_id(&faulty.account.store()).await;
    until(&other, &id, "running").await;
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    let read = faulty.proxy.seen(Step::StateRead);
    go.notify_one();
    faulty.proxy.wait_for(Step::StateRead, read + 1).await; // it finds the other's
    for _ in 0..10 {
        assert_eq!(other.operation(&id).await.json()["status"], "running");
    }
    faulty.gate.open();
    assert_eq!(other.ended(&id).await["status"], "succeeded");
    let again = other.generate_with(&fox(), &[KEY]).await;
    assert_eq!((again.operation_id(), faulty.calls()), (id, 1));
}

/// Something else of the same id goes on, and rests for long.
#[tokio::test]
async fn whoever_waits_for_a_repetition_is_told_at_its_end_whatever_is_taken_back() {
    let long = |operations: &mut OperationSettings| {
        operations.late_storing_pause = Duration::from_secs(30);
    };
    let faulty = Faulty::start(long).await;
    faulty.make_container().await;
    faulty.proxy.script(Step::State, [WELL]); // of its key
    faulty.proxy.script(Step::State, [(); 8].map(|()| busy())); // its own, taken back
    let first = faulty.service.generate_with(&fox(), &[KEY]).await;
    first.assert_problem(502, "storage_error");
    faulty.proxy.wait_for(Step::State, 9).await;
    let repetition = send(&faulty.service, &fox(), &[KEY]);
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    let id = record::last_id(&faulty.account.store()).await;
    let read = faulty.proxy.seen(Step::StateRead);
    let location = format!("{}/api/operations/{id}?wait=60", faulty.service.base());
    let question = tokio::spawn(Answer::of(client().get(location)));
    faulty.proxy.wait_for(Step::StateRead, read + 1).await;
    for _ in 0..20 {
        faulty.service.get("/").await; // it has its answer by now, and waits
    }
    faulty.gate.open();
    assert_eq!(answer_of(repetition).await.operation_id(), id);
    assert_eq!(answer_of(question).await.json()["status"], "succeeded");
}
