//! Event streams through the host: they arrive bit by bit where it proxies, and are refused in
//! clear words where it would hold them back.

use reqwest::RequestBuilder;
use serde_json::json;

use super::functions_host::Mode;
use super::harness::{Paid, json_of};
use crate::events::{Events, Piece, picture_of};
use crate::upstream::{Answer, Gate, picture};

fn for_events(request: RequestBuilder) -> RequestBuilder {
    request.header("accept", "text/event-stream")
}

#[tokio::test]
async fn a_proxied_stream_arrives_while_the_picture_is_in_the_making() {
    let paid = Paid::start(Mode::Proxying).await;
    let (before, within) = (Gate::closed(), Gate::closed());
    let preview = picture::png(32, 32);
    let answer = Answer::image_stream(std::slice::from_ref(&preview), picture::png(64, 64));
    let behind_preview = answer.length_of_events(1);
    let answer = answer.held_by(&before);
    paid.upstream
        .push(answer.paused_after(behind_preview, &within));
    let request = for_events(paid.post(&json!({"prompt": "a red fox"})));
    let mut events = Events::of(request.send().await.unwrap());
    assert_eq!(events.next().await, Some(Piece::Comment));
    assert_eq!(
        events.header("x-request-id"),
        paid.host.invocation_ids()[0].as_str()
    );
    before.open();
    let partial = events.named("partial_image").await;
    assert_eq!(picture_of(&partial["b64_json"]), preview);
    within.open();
    let completed = events.last("completed").await;
    let url = completed["imageList"][0]["url"].as_str().unwrap();
    assert!(
        url.starts_with(&paid.host.base_url),
        "the public host: {url}"
    );
    let opened = paid.client.get(url).send().await.unwrap();
    let opened = opened.bytes().await.unwrap();
    assert_eq!(picture::without_texts(&opened), picture::png(64, 64));
    paid.stop().await;
}

#[tokio::test]
async fn a_caller_who_leaves_a_proxied_stream_does_not_lose_the_image() {
    let paid = Paid::start(Mode::Proxying).await;
    let gate = Gate::closed();
    let answer = Answer::image_stream(&[picture::small_png()], picture::small_png());
    let behind_preview = answer.length_of_events(1);
    paid.upstream
        .push(answer.paused_after(behind_preview, &gate));
    let request = for_events(paid.post(&json!({"prompt": "left behind"})));
    let mut events = Events::of(request.send().await.unwrap());
    events.named("partial_image").await;
    let location = events.header("operation-location").to_owned();
    drop(events);
    gate.open();
    let ended = paid.client.get(format!("{location}?wait=15")).send();
    let ended = json_of(ended.await.unwrap()).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    let listed = paid.client.get(paid.url("/api/getImages")).send();
    let listed = json_of(listed.await.unwrap()).await;
    assert_eq!(listed["imageUrls"][0]["prompt"], "left behind");
    paid.stop().await;
}

#[tokio::test]
async fn a_failure_within_a_proxied_stream_is_its_last_event() {
    let paid = Paid::start(Mode::Proxying).await;
    paid.upstream.push(Answer::moderation_blocked());
    let request = for_events(paid.post(&json!({"prompt": "a"})));
    let events = Events::of(request.send().await.unwrap());
    let problem = events.last("error").await;
    assert_eq!(problem["code"], "content_policy_violation");
    assert_eq!(problem["requestId"], paid.host.invocation_ids()[0].as_str());
    paid.stop().await;
}

#[tokio::test]
async fn a_host_that_would_hold_a_stream_back_is_a_406_and_nothing_is_paid() {
    let paid = Paid::start(Mode::Forwarding).await;
    let request = for_events(paid.post(&json!({"prompt": "a"})));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 406);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let problem = json_of(response).await;
    assert_eq!(problem["code"], "event_stream_unavailable");
    assert_eq!(problem["field"], "Accept");
    assert_eq!(problem["requestId"], paid.host.invocation_ids()[0].as_str());
    let sentence = problem["error"].as_str().unwrap();
    assert!(sentence.contains("Prefer: respond-async"), "{sentence}");
    assert_eq!(paid.calls(), 0);
    paid.stop().await;
}
