//! Requests that the host sends a second time, as its proxy does when a connection to the handler
//! fails: by the invocation's id they are known, and paid once.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::functions_host::Mode;
use super::harness::{Paid, json_of, ready_after_launches, signal};
use crate::events::Events;
use crate::upstream::{Answer, Gate, picture};

const INVOCATION: &str = "6e2f2f4e-2f0c-4b0a-8f53-0d9f4f6d8a11";

/// What the host's proxy sends to the handler's own port.
fn sent_by_host(paid: &Paid, invocation: &str, accept: &str, body: &Value) -> RequestBuilder {
    let port = paid.host.worker().port;
    let url = format!("http://127.0.0.1:{port}/api/generateImage");
    let request = paid.client.post(url).header("accept", accept);
    request
        .header("host", "public.example")
        .header("content-type", "application/json")
        .header("x-forwarded-for", "203.0.113.7:4711")
        .header("x-azure-functions-invocationid", invocation)
        .header("x-ms-invocation-id", invocation)
        .body(body.to_string())
}

async fn ready(mode: Mode) -> Paid {
    let paid = Paid::start(mode).await;
    ready_after_launches(&paid.host, 1).await;
    paid
}

#[tokio::test]
async fn a_request_that_comes_twice_at_once_is_paid_once_and_both_get_its_image() {
    let (paid, gate) = (ready(Mode::Proxying).await, Gate::closed());
    paid.upstream
        .always(Answer::image(picture::small_png()).held_by(&gate));
    let body = json!({"prompt": "a"});
    let send = || sent_by_host(&paid, INVOCATION, "application/json", &body).send();
    let first = tokio::spawn(send());
    paid.upstream.wait_for_requests_to(Paid::CALLS, 1).await;
    let second = tokio::spawn(send());
    // Another invocation is another request; when it is at the provider the second one waits.
    let other = sent_by_host(&paid, "another", "application/json", &body);
    let other = tokio::spawn(other.send());
    paid.upstream.wait_for_requests_to(Paid::CALLS, 2).await;
    gate.open();
    let mut ids = Vec::new();
    for answer in [first, second, other] {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        ids.push(json_of(answer).await["imageList"][0]["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
    assert_eq!(paid.calls(), 2);
    paid.stop().await;
}

#[tokio::test]
async fn a_stream_that_comes_twice_has_the_first_ones_image() {
    let paid = ready(Mode::Proxying).await;
    let body = json!({"prompt": "a"});
    let mut completed = Vec::new();
    for _ in 0..2 {
        let request = sent_by_host(&paid, INVOCATION, "text/event-stream", &body);
        let mut events = Events::of(request.send().await.unwrap());
        completed.push(events.rest().await.pop().unwrap());
    }
    assert_eq!(completed[1].name, "completed");
    assert_eq!(
        completed[0].data["imageList"][0]["id"],
        completed[1].data["imageList"][0]["id"]
    );
    assert_eq!(paid.calls(), 1);
    paid.stop().await;
}

#[tokio::test]
async fn a_request_whose_handler_was_killed_is_not_paid_again() {
    let (paid, gate) = (ready(Mode::Proxying).await, Gate::closed());
    paid.upstream
        .always(Answer::image(picture::small_png()).held_by(&gate));
    let body = json!({"prompt": "a"});
    let send = |body: &Value| sent_by_host(&paid, INVOCATION, "application/json", body).send();
    let first = tokio::spawn(send(&body));
    paid.upstream.wait_for_requests_to(Paid::CALLS, 1).await;
    signal("KILL", paid.host.worker().process_id());
    assert!(first.await.unwrap().is_err(), "its connection broke");
    ready_after_launches(&paid.host, 2).await;
    let again = send(&body).await.unwrap();
    assert_eq!(again.status(), 500);
    let problem = json_of(again).await;
    assert_eq!(problem["code"], "interrupted");
    assert_eq!(problem["requestId"], INVOCATION);
    let operation = problem["operationId"].as_str().unwrap().to_owned();
    assert_eq!(paid.calls(), 1, "nothing is paid twice");
    let address = paid.url(&format!("/api/operations/{operation}"));
    let found = json_of(paid.client.get(address).send().await.unwrap()).await;
    assert_eq!(
        (&found["status"], &found["error"]["code"]),
        (&json!("failed"), &json!("interrupted"))
    );
    gate.open();
    let wanted_again = json!({"prompt": "a", "retryPaid": true});
    let third = send(&wanted_again).await.unwrap();
    assert_eq!(third.status(), 200, "{}", third.text().await.unwrap());
    assert_eq!(paid.calls(), 2, "the caller said so");
    paid.stop().await;
}

/// The host delivers a request without a body again and again while its connection closes without an
/// answer, always as the same invocation.
#[tokio::test]
async fn a_bodiless_request_whose_handler_was_killed_is_paid_and_charged_once() {
    let (paid, gate) = (ready(Mode::Proxying).await, Gate::closed());
    paid.upstream
        .always(Answer::image(picture::small_png()).held_by(&gate));
    let request = paid.client.get(paid.url("/api/generate?prompt=a"));
    let waiting = tokio::spawn(request.send());
    paid.upstream.wait_for_requests_to(Paid::CALLS, 1).await;
    signal("KILL", paid.host.worker().process_id());
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(answer.status(), 500);
    assert_eq!(json_of(answer).await["code"], "interrupted");
    assert_eq!(paid.host.worker().launches(), 2);
    assert_eq!((paid.calls(), paid.host.invocation_ids().len()), (1, 1));
    gate.open();
    paid.stop().await;
}
