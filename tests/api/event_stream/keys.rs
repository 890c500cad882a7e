//! Streams under an idempotency key.

use super::{CALLS, Events, ask, service_with};
use crate::{
    events::picture_of,
    service::{self, Service},
    upstream::{Answer, Gate, Upstream, picture},
};
use serde_json::{Value, json};
use std::time::Duration;

const KEY: &[(&str, &str)] = &[("idempotency-key", "the-same")];

async fn post_json(service: &Service, body: &Value) -> service::Answer {
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json"),
        KEY[0],
    ];
    service.post(body.to_string(), &headers).await
}

#[tokio::test]
async fn a_repeated_stream_is_one_event_and_costs_nothing() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let body = json!({"prompt": "a", "response_format": "b64_json"});
    let mut first = Events::of(ask(&service, &body, KEY).await);
    let completed = first.rest().await.pop().unwrap().data;
    let again = Events::of(ask(&service, &body, KEY).await);
    assert_eq!(
        again.header("operation-location"),
        first.header("operation-location")
    );
    let request_id = again.header("x-request-id").to_owned();
    assert_ne!(request_id, first.header("x-request-id"));
    let repeated = again.last("completed").await;
    assert_eq!(
        repeated["imageList"][0]["id"],
        completed["imageList"][0]["id"]
    );
    assert_eq!(repeated["object"]["requestId"], request_id);
    assert_eq!(
        picture_of(&repeated["imageList"][0]["b64_json"]),
        picture::small_png()
    );
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn a_key_is_one_for_streams_and_plain_answers() {
    let body = json!({"prompt": "a"});
    for stream_is_first in [true, false] {
        let upstream = Upstream::start().await;
        let service = Service::over(&upstream, &[]).await;
        let streamed = async || Events::of(ask(&service, &body, KEY).await).rest().await;
        let plain = async || post_json(&service, &body).await.json();
        let (from_stream, from_plain) = if stream_is_first {
            let from_stream = streamed().await;
            (from_stream, plain().await)
        } else {
            let from_plain = plain().await;
            let from_stream = streamed().await;
            assert_eq!(from_stream.len(), 1, "nothing is in the making");
            (from_stream, from_plain)
        };
        let completed = from_stream.last().unwrap();
        assert_eq!(completed.name, "completed");
        for name in ["id", "name"] {
            assert_eq!(
                completed.data["imageList"][0][name],
                from_plain["imageList"][0][name]
            );
        }
        assert_eq!(upstream.requests_to(CALLS).len(), 1, "paid once");
    }
}

#[tokio::test]
async fn a_repetition_beside_the_first_stream_waits_for_it_or_is_told_to_come_again() {
    for (longest_repeat_wait, is_patient) in [(20_000, true), (50, false)] {
        let (upstream, gate) = (Upstream::start().await, Gate::closed());
        upstream.push(Answer::image_stream(&[], picture::small_png()).held_by(&gate));
        let service = service_with(&upstream, |config| {
            config.event_heartbeat = Duration::from_millis(10);
            config.operations.longest_repeat_wait = Duration::from_millis(longest_repeat_wait);
        })
        .await;
        let body = json!({"prompt": "a"});
        let mut first = Events::of(ask(&service, &body, KEY).await);
        let location = first.header("operation-location").to_owned();
        let second = if is_patient {
            let (second, ()) = tokio::join!(post_json(&service, &body), async {
                first.comments(20).await; // while the second one waits
                gate.open();
            });
            second
        } else {
            post_json(&service, &body).await
        };
        if is_patient {
            assert_eq!(second.status, 200, "{}", second.text());
        } else {
            let problem = second.assert_problem(409, "idempotency_key_in_use");
            assert!(location.ends_with(problem["operationId"].as_str().unwrap()));
            assert_eq!(second.header("operation-location"), location);
            gate.open();
        }
        first.last("completed").await;
        assert_eq!(upstream.requests_to(CALLS).len(), 1);
    }
}

#[tokio::test]
async fn a_repeated_failure_is_a_plain_answer_and_with_retry_paid_a_stream_again() {
    let upstream = Upstream::start().await;
    upstream.push(Answer::image_stream_without_end(&[]));
    let service = Service::over(&upstream, &[]).await;
    let mut body = json!({"prompt": "a"});
    let first = Events::of(ask(&service, &body, KEY).await)
        .last("error")
        .await;
    let again = post_json(&service, &body).await;
    let problem = again.assert_problem(502, "upstream_error");
    assert_eq!(problem["detail"], first["detail"]);
    let again = ask(&service, &body, KEY).await;
    assert_eq!(again.status(), 502);
    assert_eq!(again.headers()["content-type"], "application/problem+json");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
    body["retryPaid"] = true.into();
    let rest = Events::of(ask(&service, &body, KEY).await).rest().await;
    assert_eq!(rest.last().unwrap().name, "completed");
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

/// The Functions host's id is a key behind that host alone: anybody can send such a header.
#[tokio::test]
async fn standing_alone_an_invocations_id_is_no_key() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let invocation = [("x-azure-functions-invocationid", "6e2f2f4e-2f0c")];
    for _ in 0..2 {
        let response = ask(&service, &json!({"prompt": "a"}), &invocation).await;
        let last = Events::of(response).rest().await.pop().unwrap();
        assert_eq!(last.name, "completed");
        assert_eq!(last.data["object"]["requestId"], "6e2f2f4e-2f0c");
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}
