//! A store of operations that fails: before the provider is asked nothing is paid, and after that
//! nothing is lost.

use super::{Account, CALLS, assert_open, faulty::Faulty, fox, quick_upstream, record, until};
use crate::{
    faulty_account::{Fault, FaultyAccount, Step},
    upstream::picture,
};
use serde_json::json;
use std::time::{Duration, Instant};

const KEY: (&str, &str) = ("idempotency-key", "one");
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn nothing_is_sent_while_it_cannot_be_written_down() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.gate.open();
    faulty.break_states(Step::State);
    let text = fox().to_string();
    for headers in [
        &[][..],
        &[KEY],
        &[("prefer", "respond-async")],
        &[("prefer", "respond-async"), KEY],
        &[("accept", "text/event-stream")],
    ] {
        let answer = faulty.service.post(text.clone(), headers).await;
        let problem = answer.assert_problem(502, "storage_error");
        assert_eq!(problem.get("b64_json"), None);
        assert_eq!(answer.header("operation-location"), "");
    }
    let generated = faulty.service.get("/api/generate?prompt=fox").await;
    generated.assert_problem(502, "storage_error");
    assert_eq!(faulty.calls(), 0);
    faulty.proxy.heal();
    let other = json!({"prompt": "another"});
    let answer = faulty.service.generate_with(&other, &[KEY]).await;
    assert_eq!(answer.status, 200, "the key is free: {}", answer.text());
    assert_eq!(faulty.calls(), 1);
}

/// The key is taken, and then the operation cannot be written down.
#[tokio::test]
async fn a_request_that_loses_the_store_in_between_frees_its_key() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.gate.open();
    faulty.service.generate(&fox()).await; // the container is made
    for headers in [&[KEY][..], &[KEY, ("prefer", "respond-async")]] {
        let busy = || Fault::refused(403, "AuthenticationFailed");
        let well = Fault::Slow(Duration::ZERO);
        faulty.proxy.script(Step::State, [well, busy()]);
        let failed = faulty.service.generate_with(&fox(), headers).await;
        failed.assert_problem(502, "storage_error");
        assert_eq!(faulty.proxy.unmet(), 0); // what takes it back writes, too
        let other = json!({"prompt": "another"});
        let answer = super::found("a free key", || async {
            let answer = faulty.service.generate_with(&other, headers).await;
            (answer.status != 422).then_some(answer)
        })
        .await;
        assert!(answer.status < 300, "{}", answer.text());
        faulty.service.ended(&answer.operation_id()).await;
        // For the next round the same key is of no use to anybody.
        let store = faulty.account.store();
        remove_keys(&store).await;
    }
    assert_eq!(faulty.calls(), 3);
}

async fn remove_keys(store: &super::AzureStore) {
    use visionary::storage::{BlobStore, Container, DeleteMode};
    for key in record::names(store, "keys").await {
        let removed = store.delete(Container::State, &key, DeleteMode::Any);
        removed.await.unwrap();
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_known_as_done() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.gate.open();
    faulty.service.generate(&fox()).await; // the container is made
    // The key, the operation, and its end: each is written, and its answer lost.
    faulty
        .proxy
        .script(Step::State, [const { Fault::AnswerLost }; 3]);
    let answer = faulty.service.generate_with(&fox(), &[KEY]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(faulty.proxy.unmet(), 0);
    let ended = faulty.service.ended(&answer.operation_id()).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    let again = faulty.service.generate_with(&fox(), &[KEY]).await;
    assert_eq!(again.operation_id(), answer.operation_id());
    assert_eq!(faulty.calls(), 2);
}

#[tokio::test]
async fn the_write_before_the_provider_is_asked_may_lose_its_answer() {
    let faulty = Faulty::start(|operations| operations.max_concurrent = 1).await;
    let service = &faulty.service;
    let first = service.submit(&fox()).await.operation_id();
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    let queued = service.submit(&fox()).await.operation_id();
    faulty.gate.open();
    service.ended(&first).await;
    service.ended(&queued).await;
    // One that is begun, said to be running, and ended: only the middle write loses its answer.
    let well = Fault::Slow(Duration::ZERO);
    faulty.proxy.script(Step::State, [well, Fault::AnswerLost]);
    let id = service.submit(&fox()).await.operation_id();
    let ended = service.ended(&id).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!((faulty.proxy.unmet(), faulty.calls()), (0, 3));
}

#[tokio::test]
async fn images_do_not_wait_for_a_store_that_fails_at_their_end() {
    let faulty = Faulty::start(|operations| {
        operations.longest_settling = Duration::from_millis(300);
    })
    .await;
    let (body, headers) = (fox(), [KEY]);
    let (answer, begun) = tokio::join!(faulty.service.generate_with(&body, &headers), async {
        faulty.upstream.wait_for_requests_to(CALLS, 1).await;
        faulty.break_states(Step::State);
        faulty.gate.open();
        Instant::now()
    });
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_open(&answer.json(), &picture::small_png()).await;
    let id = answer.operation_id();
    assert_eq!(
        faulty.service.operation(&id).await.json()["status"],
        "running"
    );
    faulty.proxy.heal();
    let ended = until(&faulty.service, &id, "succeeded").await;
    assert_eq!(
        super::lasting(&ended["result"]),
        super::lasting(&answer.json())
    );
    let again = faulty.service.generate_with(&fox(), &[KEY]).await;
    assert_eq!((again.operation_id(), faulty.calls()), (id, 1));
}

#[tokio::test]
async fn signs_of_life_that_fail_for_a_while_lose_nothing() {
    let faulty = Faulty::start(|operations| {
        operations.heartbeat = Duration::from_millis(20);
    })
    .await;
    let service = &faulty.service;
    let id = service.submit(&fox()).await.operation_id();
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    until(service, &id, "running").await;
    faulty.break_states(Step::State);
    let seen = faulty.proxy.seen(Step::State);
    faulty.proxy.wait_for(Step::State, seen + 12).await; // three signs, with their repetitions
    assert_eq!(service.operation(&id).await.json()["status"], "running");
    faulty.proxy.heal();
    faulty.proxy.wait_for(Step::State, 2).await;
    // And some whose answers are lost.
    faulty
        .proxy
        .script(Step::State, [const { Fault::AnswerLost }; 3]);
    faulty.proxy.wait_for(Step::State, 8).await;
    faulty.gate.open();
    let ended = service.ended(&id).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!(faulty.calls(), 1);
}

#[tokio::test]
async fn pictures_that_cannot_be_read_back_just_now_are_not_said_to_be_gone() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.gate.open();
    let body = json!({"prompt": "a red fox", "response_format": "b64_json"});
    let first = faulty.service.generate_with(&body, &[KEY]).await;
    assert_eq!(first.status, 200, "{}", first.text());
    faulty
        .proxy
        .always(Step::Read, Fault::refused(503, "ServerBusy"));
    let again = faulty.service.generate_with(&body, &[KEY]).await;
    again.assert_problem(502, "storage_error");
    faulty.proxy.heal();
    let healed = faulty.service.generate_with(&body, &[KEY]).await;
    assert_eq!(healed.operation_id(), first.operation_id());
    assert_eq!(faulty.calls(), 1);
}

#[tokio::test]
async fn a_question_to_a_store_that_fails_is_told_so() {
    let faulty = Faulty::start(|_| {}).await;
    faulty.gate.open();
    let id = faulty.service.submit(&fox()).await.operation_id();
    faulty.service.ended(&id).await;
    faulty.break_states(Step::StateRead);
    for answer in [
        faulty.service.operation(&id).await,
        faulty
            .service
            .get(&format!("/api/operations/{id}?wait=5"))
            .await,
        faulty.service.cancel(&id).await,
    ] {
        answer.assert_problem(502, "storage_error");
    }
    let repeated = faulty.service.generate_with(&fox(), &[KEY]).await;
    assert_eq!(repeated.status, 200, "a new key needs no reading");
    let repeated = faulty.service.generate_with(&fox(), &[KEY]).await;
    repeated.assert_problem(502, "storage_error");
    assert_eq!(faulty.calls(), 2);
    faulty.proxy.heal();
    assert_eq!(faulty.service.ended(&id).await["status"], "succeeded");
}

/// Whoever cannot begin leaves the operation to those who come next.
#[tokio::test]
async fn an_accepted_operation_that_cannot_be_begun_is_begun_later() {
    let faulty = Faulty::start(|operations| operations.max_concurrent = 1).await;
    let service = &faulty.service;
    let first = service.submit(&fox()).await.operation_id();
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    until(service, &first, "running").await;
    let queued = service.submit(&fox()).await.operation_id();
    faulty.break_states(Step::State);
    let seen = faulty.proxy.seen(Step::State);
    faulty.gate.open();
    // Ends and begins are tried in vain, four times each.
    faulty.proxy.wait_for(Step::State, seen + 8).await;
    assert_eq!(faulty.calls(), 1);
    faulty.proxy.heal();
    assert_eq!(service.ended(&queued).await["status"], "succeeded");
    assert_eq!(until(service, &first, "succeeded").await["id"], first);
    assert_eq!(faulty.calls(), 2);
}

#[tokio::test]
async fn an_accepted_operation_is_begun_later_though_nobody_asks_for_it() {
    let faulty = Faulty::start(|operations| operations.first_sweep_after = HOUR).await;
    faulty.gate.open();
    faulty.make_container().await;
    let busy = || Fault::refused(503, "ServerBusy");
    let faults = [Fault::Slow(Duration::ZERO), busy(), busy(), busy(), busy()];
    faulty.proxy.script(Step::State, faults);
    let accepted = faulty.service.submit(&fox()).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    assert_eq!(faulty.proxy.unmet(), 0);
    let ended = faulty.service.ended(&accepted.operation_id()).await;
    assert_eq!((&ended["status"], faulty.calls()), (&json!("succeeded"), 1));
}

#[tokio::test]
async fn a_healthy_account_needs_few_writes() {
    let upstream = quick_upstream().await;
    let proxy = FaultyAccount::start().await;
    let account = Account::at(proxy.connection_string());
    let service = account.service(&upstream, |_| {}).await;
    service.generate(&fox()).await; // the container is made
    let before = (proxy.seen(Step::State), proxy.seen(Step::StateRead));
    service.generate(&fox()).await;
    let plain = (proxy.seen(Step::State), proxy.seen(Step::StateRead));
    assert_eq!(
        (plain.0 - before.0, plain.1 - before.1),
        (2, 0),
        "sent, and ended"
    );
    service.generate_with(&fox(), &[KEY]).await;
    let keyed = (proxy.seen(Step::State), proxy.seen(Step::StateRead));
    assert_eq!(
        (keyed.0 - plain.0, keyed.1 - plain.1),
        (3, 0),
        "and its key"
    );
}
