//! Keys of requests that fail: free where that cost nothing, else held until the caller allows
//! paying again.

use super::{
    CALLS, found, fox, held_upstream, lasting, lasting_problem, quick_upstream, service,
    state_names, states,
};
use crate::{
    service::{self, Service, client},
    upstream::{Answer, Gate, Upstream, picture},
};
use futures_util::future::{Either, select};
use serde_json::{Value, json};
use std::time::Duration;

const KEY: (&str, &str) = ("idempotency-key", "one");

/// One attempt is enough to see what it costs.
fn once(prompt: &str) -> Value {
    json!({"prompt": prompt, "maxRetries": 0, "timeoutMs": 1000})
}

async fn generate(service: &Service, body: &Value) -> service::Answer {
    service.generate_with(body, &[KEY]).await
}

#[tokio::test]
async fn a_failure_that_cost_nothing_frees_the_key() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for (key, answer, status, code) in [
        ("1", Answer::rate_limited(), 429, "rate_limit_exceeded"),
        ("2", Answer::insufficient_quota(), 429, "insufficient_quota"),
        ("3", Answer::wrong_key(), 502, "upstream_misconfigured"),
        (
            "4",
            Answer::error(403, "x", "x", "No."),
            502,
            "upstream_misconfigured",
        ),
        ("5", Answer::model_not_found("x"), 502, "model_not_found"),
        (
            "6",
            Answer::unknown_parameter("size"),
            400,
            "invalid_request",
        ),
    ] {
        upstream.push(answer);
        let failed = service
            .generate_with(&once("a red fox"), &[("idempotency-key", key)])
            .await;
        failed.assert_problem(status, code);
        upstream.always(Answer::image(picture::small_png()));
        let before = upstream.requests_to(CALLS).len();
        let other = service
            .generate_with(&once("another"), &[("idempotency-key", key)])
            .await;
        assert_eq!(other.status, 200, "{code}: {}", other.text());
        assert_eq!(upstream.requests_to(CALLS).len(), before + 1);
    }
}

#[tokio::test]
async fn a_provider_that_refuses_the_connection_frees_the_key() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", closed.local_addr().unwrap());
    drop(closed);
    let service = Service::start(&[("OPENAI_BASE_URL", &base_url)]).await;
    for prompt in ["a red fox", "another"] {
        let failed = generate(&service, &once(prompt)).await;
        failed.assert_problem(502, "upstream_unreachable");
    }
}

/// Failures after which the provider may have been paid, for requests of one attempt.
fn maybe_paid(gate: &Gate) -> [(&'static str, Answer, u16, &'static str); 8] {
    let image = || Answer::image(picture::small_png());
    [
        ("500", Answer::server_error(), 502, "upstream_error"),
        ("a gateway's 502", Answer::html(502), 502, "upstream_error"),
        (
            "broken JSON",
            Answer::malformed_json(),
            502,
            "upstream_error",
        ),
        ("no picture", Answer::no_images(), 502, "upstream_error"),
        ("cut off", image().cut_after(40), 502, "upstream_error"),
        ("hung up", Answer::hang_up(), 502, "upstream_unreachable"),
        ("late", image().held_by(gate), 504, "deadline_exceeded"),
        (
            "refused content",
            Answer::moderation_blocked(),
            400,
            "content_policy_violation",
        ),
    ]
}

#[tokio::test]
async fn a_failure_that_may_have_cost_something_is_repeated_until_paying_is_allowed() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let service = Service::over(&upstream, &[]).await;
    for (case, answer, status, code) in maybe_paid(&gate) {
        upstream.always(answer);
        let key = [("idempotency-key", &*case.replace(' ', "-"))];
        let send = async |body: &Value| service.generate_with(body, &key).await;
        let first = send(&once("a red fox")).await;
        let problem = first.assert_problem(status, code);
        let calls = upstream.requests_to(CALLS).len();
        upstream.always(Answer::image(picture::small_png()));
        for _ in 0..2 {
            let again = send(&once("a red fox")).await;
            let repeated = again.assert_problem(status, code);
            assert_eq!(
                lasting_problem(&repeated),
                lasting_problem(&problem),
                "{case}"
            );
            assert_eq!(repeated["operationId"], again.operation_id(), "{case}");
        }
        send(&once("another"))
            .await
            .assert_problem(422, "idempotency_key_reused");
        assert_eq!(upstream.requests_to(CALLS).len(), calls, "{case}");
        let mut allowed = once("a red fox");
        allowed["retryPaid"] = true.into();
        let paid = send(&allowed).await;
        assert_eq!(paid.status, 200, "{case}: {}", paid.text());
        let again = send(&once("a red fox")).await;
        assert_eq!(lasting(&again.json()), lasting(&paid.json()), "{case}");
        assert_eq!(upstream.requests_to(CALLS).len(), calls + 1, "{case}");
    }
}

#[tokio::test]
async fn a_paid_attempt_before_a_free_one_holds_the_key() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    upstream.push(Answer::server_error());
    upstream.always(Answer::rate_limited().header("retry-after", "121"));
    for _ in 0..2 {
        generate(&service, &fox())
            .await
            .assert_problem(429, "rate_limit_exceeded");
        assert_eq!(upstream.requests_to(CALLS).len(), 2);
    }
}

#[tokio::test]
async fn paying_again_for_an_operation_is_another_operation() {
    let upstream = Upstream::start().await;
    upstream.push(Answer::moderation_blocked());
    upstream.always(Answer::image(picture::small_png()));
    let service = Service::over(&upstream, &[]).await;
    let headers = [("prefer", "respond-async"), KEY];
    let first = service.generate_with(&fox(), &headers).await.operation_id();
    let failed = service.ended(&first).await;
    let again = service.generate_with(&fox(), &headers).await;
    assert_eq!(again.json(), failed);
    let allowed = json!({"prompt": "a red fox", "retryPaid": true});
    let anew = service
        .generate_with(&allowed, &headers)
        .await
        .operation_id();
    assert_ne!(anew, first);
    assert_eq!(service.ended(&anew).await["status"], "succeeded");
    assert_eq!(service.operation(&first).await.json(), failed);
    let again = service.generate_with(&fox(), &headers).await.operation_id();
    assert_eq!((again, upstream.requests_to(CALLS).len()), (anew, 2));
}

#[tokio::test]
async fn a_request_without_a_place_frees_its_key() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| {
        operations.max_concurrent = 1;
        operations.longest_queue_time = Duration::from_millis(50);
    })
    .await;
    let running = service.submit(&fox()).await.operation_id();
    let busy = generate(&service, &fox()).await;
    busy.assert_problem(429, "too_many_generations");
    states(&service, "keys", 0).await;
    gate.open();
    service.ended(&running).await;
    let other = generate(&service, &json!({"prompt": "another"})).await;
    assert_eq!(other.status, 200, "{}", other.text());
}

/// A request with the key whose caller can leave.
fn caller(service: &Service, body: &Value) -> tokio::task::JoinHandle<service::Answer> {
    let request = client()
        .post(format!("{}/api/generateImage", service.base()))
        .header(KEY.0, KEY.1)
        .body(body.to_string());
    tokio::spawn(service::Answer::of(request))
}

#[tokio::test]
async fn a_caller_that_leaves_while_it_waits_for_a_place_frees_its_key() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| operations.max_concurrent = 1).await;
    let running = service.submit(&fox()).await.operation_id();
    let caller = caller(&service, &fox());
    states(&service, "keys", 1).await;
    caller.abort();
    states(&service, "keys", 0).await;
    gate.open();
    service.ended(&running).await;
    let other = generate(&service, &json!({"prompt": "another"})).await;
    assert_eq!(other.status, 200, "{}", other.text());
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

/// Of two requests with one key that wait for a place, the first gets it and is sent.
#[tokio::test]
async fn a_repetition_that_leaves_its_place_in_the_queue_does_not_free_the_firsts_key() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let other = Gate::closed();
    upstream.push(Answer::image(picture::small_png()).held_by(&other));
    upstream.always(Answer::image(picture::small_png()).held_by(&gate));
    let service = service(&upstream, |operations| operations.max_concurrent = 1).await;
    service.submit(&json!({"prompt": "in the way"})).await;
    upstream.wait_for_requests_to(CALLS, 1).await;
    let first = caller(&service, &fox());
    let key = states(&service, "keys", 1).await.remove(0);
    let key = service.folder().join("state/keys").join(key);
    let claim = std::fs::read(&key).unwrap();
    let repetition = caller(&service, &fox());
    found("the repetition's claim", || async {
        service.get("/").await;
        (std::fs::read(&key).unwrap() != claim).then_some(())
    })
    .await;
    other.open();
    upstream.wait_for_requests_to(CALLS, 2).await;
    repetition.abort();
    drop(repetition.await);
    for _ in 0..20 {
        service.get("/").await;
    }
    assert_eq!(state_names(&service, "keys").len(), 1);
    gate.open();
    let first = first.await.unwrap();
    let again = generate(&service, &fox()).await;
    assert_eq!(again.operation_id(), first.operation_id());
    assert_eq!(upstream.requests_to(CALLS).len(), 2, "paid once");
}

/// What it would get a place for is done by another request already.
#[tokio::test]
async fn a_repetition_that_finds_no_place_is_told_of_the_first_request_that_has_begun() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let other = Gate::closed();
    upstream.push(Answer::image(picture::small_png()).held_by(&other));
    upstream.always(Answer::image(picture::small_png()).held_by(&gate));
    let service = service(&upstream, |operations| {
        operations.max_concurrent = 1;
        operations.longest_queue_time = Duration::from_secs(2);
        operations.longest_repeat_wait = Duration::ZERO;
    })
    .await;
    service.submit(&json!({"prompt": "in the way"})).await;
    upstream.wait_for_requests_to(CALLS, 1).await;
    let (first, repetition) = (caller(&service, &fox()), caller(&service, &fox()));
    let key = states(&service, "keys", 1).await.remove(0);
    let key = service.folder().join("state/keys").join(key);
    found("the repetition's claim", || async {
        service.get("/").await;
        let claim = std::fs::read_to_string(&key).unwrap_or_default();
        claim.contains("\"isShared\":true").then_some(())
    })
    .await;
    other.open();
    upstream.wait_for_requests_to(CALLS, 2).await;
    let (quick, slow) = match select(first, repetition).await {
        Either::Left(ended) | Either::Right(ended) => ended,
    };
    quick.unwrap().assert_problem(409, "idempotency_key_in_use");
    gate.open();
    let slow = slow.await.unwrap();
    assert_eq!(slow.status, 200, "{}", slow.text());
    assert_eq!(upstream.requests_to(CALLS).len(), 2, "paid once");
}

#[tokio::test]
async fn a_request_that_cannot_be_made_holds_no_key() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let refused = generate(&service, &json!({"prompt": "a", "size": "17x17"})).await;
    refused.assert_problem(400, "invalid_request");
    assert_eq!(state_names(&service, "keys"), [""; 0]);
}
