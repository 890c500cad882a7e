//! Plain requests that cannot wait any longer: 504 names the operation, which goes on.

use super::{CALLS, assert_open, fox, held_upstream, images, service};
use crate::{
    service::{Answer, client, open},
    upstream::picture,
};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_request_that_is_told_to_come_later_finds_its_images_there() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| {
        operations.longest_wait = Duration::from_millis(100);
    })
    .await;
    let body = json!({"prompt": "a red fox", "outputKey": "imageList", "n": 1});
    let late = service.generate(&body).await;
    let problem = late.assert_problem(504, "still_running");
    let id = late.operation_id();
    assert_eq!(problem["operationId"], id);
    assert_eq!(
        open(late.header("operation-location")).await.json()["status"],
        "running"
    );
    gate.open();
    let ended = service.ended(&id).await;
    assert_eq!(ended["status"], "succeeded");
    assert_eq!(
        ended["result"]["object"]["requestId"],
        late.header("x-request-id")
    );
    assert_open(&ended["result"], &picture::small_png()).await;
    assert_eq!(
        (
            images(&ended["result"]).len(),
            upstream.requests_to(CALLS).len()
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn a_picture_for_its_caller_alone_is_not_promised_for_later() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| {
        operations.longest_wait = Duration::from_millis(100);
    })
    .await;
    let late = service.get("/api/generate?prompt=fox").await;
    let problem = late.assert_problem(504, "deadline_exceeded");
    assert_eq!(problem["operationId"], late.operation_id());
    gate.open();
    let ended = service.ended(&late.operation_id()).await;
    let image = &ended["result"]["imageList"][0];
    assert_eq!(
        (image.get("url"), image.get("b64_json")),
        (None, None),
        "{ended}"
    );
}

#[tokio::test]
async fn a_repetition_after_a_504_gets_the_images_and_pays_nothing() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| {
        operations.longest_wait = Duration::from_millis(100);
        operations.longest_repeat_wait = Duration::from_millis(100);
    })
    .await;
    let key = [("idempotency-key", "one")];
    let late = service.generate_with(&fox(), &key).await;
    late.assert_problem(504, "still_running");
    let early = service.generate_with(&fox(), &key).await;
    early.assert_problem(409, "idempotency_key_in_use");
    assert_eq!(early.operation_id(), late.operation_id());
    gate.open();
    service.ended(&late.operation_id()).await;
    let again = service.generate_with(&fox(), &key).await;
    assert_eq!(
        (again.status, again.operation_id()),
        (200, late.operation_id())
    );
    assert_open(&again.json(), &picture::small_png()).await;
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn who_leaves_after_the_provider_was_asked_finds_the_images_under_the_key() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |_| {}).await;
    let request = client()
        .post(format!("{}/api/generateImage", service.base()))
        .header("idempotency-key", "one")
        .header("accept", "application/json")
        .body(fox().to_string());
    let caller = tokio::spawn(Answer::of(request.try_clone().unwrap()));
    upstream.wait_for_requests_to(CALLS, 1).await;
    caller.abort();
    drop(caller.await);
    let (again, ()) = tokio::join!(Answer::of(request), async {
        for _ in 0..10 {
            service.get("/").await;
        }
        gate.open();
    });
    assert_eq!(again.status, 200, "{}", again.text());
    assert_open(&again.json(), &picture::small_png()).await;
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}
