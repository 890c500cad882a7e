//! One key in several forms of answer: text, JSON, bytes, events, operations, and `generate`.

use super::{CALLS, assert_open, fox, held_upstream, images, lasting, quick_upstream, service};
use crate::{
    generate_image::base64_decode,
    service::{Answer, Service, client},
    upstream::picture,
};
use serde_json::{Value, json};
use std::time::Duration;

const KEY: (&str, &str) = ("idempotency-key", "one");

#[tokio::test]
async fn an_operation_that_is_submitted_twice_is_one() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| operations.max_concurrent = 1).await;
    let headers = [("prefer", "respond-async"), KEY];
    let first = service.generate_with(&fox(), &headers).await;
    upstream.wait_for_requests_to(CALLS, 1).await;
    let again = service.generate_with(&fox(), &headers).await;
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(again.header("preference-applied"), "respond-async");
    assert_eq!(again.operation_id(), first.operation_id());
    gate.open();
    let ended = service.ended(&first.operation_id()).await;
    let late = service.generate_with(&fox(), &headers).await;
    assert_eq!((late.status, late.header("retry-after")), (202, ""));
    assert_eq!(late.json()["status"], "succeeded");
    assert_eq!(lasting(&late.json()["result"]), lasting(&ended["result"]));
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn a_plain_request_after_an_operation_waits_for_it() {
    let (upstream, gate) = held_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let accepted = service
        .generate_with(&fox(), &[("prefer", "respond-async"), KEY])
        .await;
    let body = fox();
    let (plain, ()) = tokio::join!(service.generate_with(&body, &[KEY]), async {
        upstream.wait_for_requests_to(CALLS, 1).await;
        for _ in 0..10 {
            service.get("/").await;
        }
        gate.open();
    });
    assert_eq!(plain.status, 200, "{}", plain.text());
    assert_eq!(plain.operation_id(), accepted.operation_id());
    assert_open(&plain.json(), &picture::small_png()).await;
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn an_operation_after_a_plain_request_is_the_plain_ones() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let plain = service.generate_with(&fox(), &[KEY]).await;
    let accepted = service
        .generate_with(&fox(), &[("prefer", "respond-async"), KEY])
        .await;
    assert_eq!(accepted.status, 202);
    assert_eq!(accepted.operation_id(), plain.operation_id());
    assert_eq!(lasting(&accepted.json()["result"]), lasting(&plain.json()));
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn events_text_and_json_are_one_request() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let plain = service.generate_with(&fox(), &[KEY]).await;
    let ask = async |accept: &str| {
        let headers = [("accept", accept), KEY];
        let answer = service.post(fox().to_string(), &headers).await;
        assert_eq!(answer.operation_id(), plain.operation_id());
        answer
    };
    assert_eq!(ask("*/*").await.text(), "Image uploaded successfully");
    let events = ask("text/event-stream").await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    assert_eq!(lasting(&completed(&events)), lasting(&plain.json()));
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn a_json_request_after_an_event_stream_gets_its_images() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let headers = [("accept", "text/event-stream"), KEY];
    let events = service.post(fox().to_string(), &headers).await;
    let first = completed(&events);
    let plain = service.generate_with(&fox(), &[KEY]).await;
    assert_eq!(plain.operation_id(), events.operation_id());
    assert_eq!(lasting(&plain.json()), lasting(&first));
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

/// The data of the last event, which is `completed`.
fn completed(events: &Answer) -> Value {
    let text = events.text();
    let (_, last) = text
        .rsplit_once("event: completed\n")
        .unwrap_or_else(|| panic!("{text}"));
    let data = last.trim_start_matches("data: ").lines().next().unwrap();
    serde_json::from_str(data).unwrap()
}

#[tokio::test]
async fn bytes_are_repeated_from_the_gallery() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let body = json!({"prompt": "a red fox", "response_format": "b64_json"});
    let first = service.generate_with(&body, &[KEY]).await;
    let again = service.generate_with(&body, &[KEY]).await;
    assert_eq!(lasting(&again.json()), lasting(&first.json()));
    assert_eq!(
        base64_decode(&images(&again.json())[0]["b64_json"]),
        picture::small_png()
    );
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
    // Without the picture there is nothing to repeat, and nobody pays unasked.
    std::fs::remove_dir_all(service.folder().join("images")).unwrap();
    let gone = service.generate_with(&body, &[KEY]).await;
    gone.assert_problem(409, "result_not_kept");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

async fn gpu_sample(service: &Service, body: &Value) -> Answer {
    let request = client().post(format!("{}/api/generate", service.base()));
    Answer::of(request.header(KEY.0, KEY.1).body(body.to_string())).await
}

#[tokio::test]
async fn a_saved_picture_of_generate_is_repeated() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let body = json!({"prompt": "a red fox", "save": true});
    let first = gpu_sample(&service, &body).await.json();
    let again = gpu_sample(&service, &body).await.json();
    assert_eq!(base64_decode(&again["image"]), picture::small_png());
    for field in [
        "image",
        "id",
        "name",
        "format",
        "width",
        "height",
        "operationId",
        "usage",
    ] {
        assert!(!first[field].is_null(), "{field}");
        assert_eq!(again[field], first[field], "{field}");
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn a_picture_of_generate_that_was_not_kept_is_not_paid_again() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let body = json!({"prompt": "a red fox"});
    let first = gpu_sample(&service, &body).await;
    assert_eq!(base64_decode(&first.json()["image"]), picture::small_png());
    let again = gpu_sample(&service, &body).await;
    again.assert_problem(409, "result_not_kept");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn a_stream_that_repeats_a_running_request_is_told_to_come_again_before_it_begins() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| {
        operations.longest_repeat_wait = Duration::from_millis(20);
    })
    .await;
    service
        .generate_with(&fox(), &[("prefer", "respond-async"), KEY])
        .await;
    upstream.wait_for_requests_to(CALLS, 1).await;
    let headers = [("accept", "text/event-stream"), KEY];
    let events = service.post(fox().to_string(), &headers).await;
    events.assert_problem(409, "idempotency_key_in_use");
    gate.open();
}
