//! `DELETE /api/operations/{id}`: what was not sent is not paid, and what was sent is kept.

use super::{
    CALLS, answer_of, assert_open, assert_operation, assert_stops_soon, faulty::Faulty, found, fox,
    gallery_of, gallery_size, held_upstream, quick_upstream, send, service, states, until,
};
use crate::{
    faulty_account::Step,
    service::Service,
    upstream::{Answer, Upstream, picture},
};
use serde_json::{Value, json};

/// The problem document of a canceled operation.
fn problem(detail: &str) -> Value {
    json!({
        "type": "about:blank", "title": "Conflict", "status": 409, "code": "canceled",
        "detail": detail, "error": detail,
    })
}

#[tokio::test]
async fn what_waits_for_its_place_is_canceled_without_being_sent() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| {
        operations.max_concurrent = 1;
        operations.max_queued = 1;
    })
    .await;
    let running = service.submit(&fox()).await.operation_id();
    let headers = [("prefer", "respond-async"), ("idempotency-key", "one")];
    let unwanted = json!({"prompt": "unwanted"});
    let queued = service
        .generate_with(&unwanted, &headers)
        .await
        .operation_id();
    let canceled = service.cancel(&queued).await;
    assert_operation(&canceled, 200, &service, &queued);
    assert_eq!(canceled.header("retry-after"), "");
    let json = canceled.json();
    assert_eq!(json["status"], "canceled");
    let detail = "the operation was canceled before the provider was asked";
    assert_eq!(json["error"], problem(detail));
    assert_eq!(service.operation(&queued).await.json(), json);
    // Its place in the queue is free, and so is its key.
    let next = found("a place in the queue", || async {
        let next = service.generate_with(&fox(), &headers).await;
        (next.status == 202).then(|| next.operation_id())
    })
    .await;
    gate.open();
    for id in [&running, &next] {
        assert_eq!(service.ended(id).await["status"], "succeeded");
    }
    let sent = upstream.requests_to(CALLS);
    assert!(sent.iter().all(|call| call.json()["prompt"] == "a red fox"));
    assert_eq!((sent.len(), gallery_size(&service).await), (2, 2));
    assert_eq!(service.cancel(&queued).await.json(), json);
}

#[tokio::test]
async fn what_was_sent_is_canceled_at_once_and_its_picture_is_kept() {
    let (upstream, gate) = held_upstream().await;
    let mut service = Service::over(&upstream, &[]).await;
    let id = service.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    until(&service, &id, "running").await;
    let canceled = service.cancel(&id).await;
    assert_operation(&canceled, 200, &service, &id);
    let detail = "the operation was canceled after the provider was asked: it cannot be called \
        back and may charge for the images, which go to the gallery when they come";
    assert_eq!(canceled.json()["error"], problem(detail));
    assert_eq!(gallery_size(&service).await, 0);
    gate.open();
    gallery_of(&service, 1).await;
    for answer in [service.operation(&id).await, service.cancel(&id).await] {
        assert_eq!(answer.json(), canceled.json());
    }
    let file = super::operation_file(&service, &id);
    service.stop().await; // all work is done
    let record: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(record["status"], "canceled");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_again_after_a_cancel() {
    let upstream = Upstream::start().await;
    upstream.always(Answer::server_error().header("retry-after", "60"));
    let mut service = Service::over(&upstream, &[]).await;
    let id = service.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    until(&service, &id, "running").await;
    for _ in 0..10 {
        service.get("/").await; // by now the pause before the repetition has begun
    }
    upstream.always(Answer::image(picture::small_png()));
    let canceled = service.cancel(&id).await.json();
    assert_eq!(canceled["status"], "canceled");
    assert_stops_soon(&mut service).await;
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn who_waits_for_an_operation_that_others_cancel_gets_the_picture() {
    let (upstream, gate) = held_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let body = fox();
    let (answer, id) = tokio::join!(service.generate(&body), async {
        let id = states(&service, "operations", 1).await.remove(0);
        upstream.wait_for_requests_to(CALLS, 1).await;
        assert_eq!(service.cancel(&id).await.json()["status"], "canceled");
        gate.open();
        id
    });
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.operation_id(), id);
    assert_open(&answer.json(), &picture::small_png()).await;
    assert_eq!(service.operation(&id).await.json()["status"], "canceled");
}

#[tokio::test]
async fn a_canceled_operation_that_was_sent_holds_its_key() {
    let (upstream, gate) = held_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let headers = [("prefer", "respond-async"), ("idempotency-key", "one")];
    let key = [("idempotency-key", "one")];
    let id = service.generate_with(&fox(), &headers).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    until(&service, &id, "running").await;
    service.cancel(&id).await;
    gate.open();
    let again = service.generate_with(&fox(), &key).await;
    let problem = again.assert_problem(409, "canceled");
    assert_eq!(problem["operationId"], id);
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
    let paid = json!({"prompt": "a red fox", "retryPaid": true});
    let anew = service.generate_with(&paid, &key).await;
    assert_eq!(anew.status, 200, "{}", anew.text());
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn what_has_ended_stays_as_it_is() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let succeeded = service.submit(&fox()).await.operation_id();
    service.ended(&succeeded).await;
    upstream.always(Answer::moderation_blocked());
    let failed = service.submit(&fox()).await.operation_id();
    service.ended(&failed).await;
    for (id, status) in [(succeeded, "succeeded"), (failed, "failed")] {
        let before = service.operation(&id).await.json();
        let file = super::operation_file(&service, &id);
        let record = std::fs::read(&file).unwrap();
        let canceled = service.cancel(&id).await;
        assert_operation(&canceled, 200, &service, &id);
        let json = canceled.json();
        assert_eq!(json["status"], status);
        assert_eq!(json["error"], before["error"]);
        assert_eq!(std::fs::read(&file).unwrap(), record);
    }
}

/// Whoever cancels may be the one whose other request waits.
#[tokio::test]
async fn what_is_canceled_is_not_begun_again_by_a_repetition_that_waits_for_it() {
    let faulty = Faulty::start(|operations| operations.max_concurrent = 1).await;
    let service = &faulty.service;
    let first = service.submit(&json!({"prompt": "in the way"})).await;
    faulty.upstream.wait_for_requests_to(CALLS, 1).await;
    let key = ("idempotency-key", "one");
    let headers = [("prefer", "respond-async"), key];
    let queued = service.generate_with(&fox(), &headers).await.operation_id();
    let read = faulty.proxy.seen(Step::StateRead);
    let repetition = send(service, &fox(), &[key]);
    faulty.proxy.wait_for(Step::StateRead, read + 3).await; // its key, twice its operation
    assert_eq!(service.cancel(&queued).await.json()["status"], "canceled");
    faulty.gate.open();
    let told = answer_of(repetition).await;
    told.assert_problem(409, "canceled");
    assert_eq!(told.operation_id(), queued);
    service.ended(&first.operation_id()).await;
    assert_eq!(faulty.calls(), 1);
}
