//! Callers who leave, who read slowly, and who wait longer than a stream can last.

use super::{CALLS, end_of, lively, service_with, stream};
use crate::{
    service::Service,
    upstream::{Answer, Gate, Upstream, picture},
};
use serde_json::json;
use std::time::{Duration, Instant};

const MEBIBYTE: usize = 1024 * 1024;

const MANY: usize = 12;

#[tokio::test]
async fn work_goes_on_for_a_caller_who_left_in_the_middle() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let answer = Answer::image_stream(&[picture::small_png()], picture::png(64, 64));
    let behind_preview = answer.length_of_events(1);
    upstream.push(answer.paused_after(behind_preview, &gate));
    let service = lively(&upstream).await;
    let mut events = stream(&service, &json!({"prompt": "left behind"})).await;
    events.named("partial_image").await;
    let location = events.header("operation-location").to_owned();
    drop(events);
    // The service shares this thread: after some round trips it has seen the closed connection.
    for _ in 0..5 {
        assert_eq!(service.get("/").await.status, 200);
    }
    gate.open();
    let ended = end_of(&service, location.rsplit('/').next().unwrap()).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    let listed = service.get("/api/getImages").await.json();
    assert_eq!(listed["imageUrls"].as_array().unwrap().len(), 1);
    assert_eq!(
        listed["imageUrls"][0]["id"],
        ended["result"]["imageList"][0]["id"]
    );
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

/// All previews together fit neither into the memory nor into the connection's buffers.
#[tokio::test]
async fn a_slow_reader_gets_fewer_previews_and_leaves_memory_to_others() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let previews = vec![picture::padded_png(64, 64, 2 * MEBIBYTE); MANY];
    let answer = Answer::image_stream(&previews, picture::small_png());
    let behind_previews = answer.length_of_events(MANY);
    upstream.push(answer.paused_after(behind_previews, &gate));
    let base_url = upstream.base_url();
    let settings = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("IMAGE_MEMORY_MB", "16"),
    ];
    let service = Service::start_with(&settings, |config| {
        config.operations.longest_queue_time = Duration::from_secs(5);
    })
    .await;
    let mut events = stream(&service, &json!({"prompt": "a"})).await;
    let location = events.header("operation-location").to_owned();
    gate.reached().await;
    let beside = service.generate(&json!({"prompt": "beside it"})).await;
    assert_eq!(beside.status, 200, "{}", beside.text());
    gate.open();
    let ended = end_of(&service, location.rsplit('/').next().unwrap()).await;
    assert_eq!(ended["status"], "succeeded", "it waits for nobody");
    let mut rest = events.rest().await;
    let completed = rest.pop().unwrap();
    assert_eq!(completed.name, "completed");
    let id = &completed.data["imageList"][0]["id"];
    assert_eq!(*id, ended["result"]["imageList"][0]["id"]);
    let indexes: Vec<u64> = rest
        .iter()
        .map(|event| event.data["partialIndex"].as_u64().unwrap())
        .collect();
    assert!((1..MANY).contains(&indexes.len()), "{indexes:?}");
    assert!(indexes.is_sorted(), "{indexes:?}");
}

#[tokio::test]
async fn the_longest_stream_ends_with_the_news_that_the_work_goes_on() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.push(Answer::image_stream(&[], picture::small_png()).held_by(&gate));
    let service = service_with(&upstream, |config| {
        config.operations.longest_stream = Duration::from_millis(200);
    })
    .await;
    let events = stream(&service, &json!({"prompt": "a"})).await;
    let location = events.header("operation-location").to_owned();
    let request_id = events.header("x-request-id").to_owned();
    let problem = events.last("error").await;
    assert_eq!(
        (&problem["status"], &problem["code"]),
        (&json!(504), &json!("still_running"))
    );
    assert_eq!(problem["requestId"], request_id);
    let id = problem["operationId"].as_str().expect("an operation's id");
    assert!(location.ends_with(id), "{location}");
    let running = service.get(&format!("/api/operations/{id}")).await.json();
    assert_eq!(running["status"], "running");
    gate.open();
    let ended = end_of(&service, id).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
}

#[tokio::test]
async fn a_stream_may_last_longer_than_a_plain_request() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.push(Answer::image_stream(&[], picture::small_png()).held_by(&gate));
    let service = service_with(&upstream, |config| {
        config.event_heartbeat = Duration::from_millis(20);
        config.operations.longest_generation = Duration::from_millis(100);
        config.operations.longest_wait = Duration::from_millis(100);
    })
    .await;
    let begun = Instant::now();
    let mut events = stream(&service, &json!({"prompt": "a", "timeoutMs": 500_000})).await;
    while begun.elapsed() < Duration::from_millis(400) {
        events.comments(1).await;
    }
    gate.open();
    let completed = events.last("completed").await;
    assert_eq!(completed["warnings"], json!([]));
}

#[tokio::test]
async fn only_more_time_than_a_stream_can_last_is_capped_and_said() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let capped = |last: &str| json!([format!("timeoutMs was capped at {last} can last")]);
    for (timeout, in_stream, in_request) in [
        (200_000, json!([]), json!([])),
        (300_000, json!([]), capped("200000, all that a request")),
        (550_000, json!([]), capped("200000, all that a request")),
        (
            550_001,
            capped("550000, all that an event stream"),
            capped("200000, all that a request"),
        ),
    ] {
        let body = json!({"prompt": "a", "timeoutMs": timeout});
        let completed = stream(&service, &body).await.rest().await.pop().unwrap();
        assert_eq!(completed.data["warnings"], in_stream, "{timeout}");
        let plain = service.generate(&body).await.json();
        assert_eq!(plain["warnings"], in_request, "{timeout}");
    }
}
