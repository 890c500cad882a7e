//! What a repetition is told of a first request that failed and may have been paid for.

use super::{CALLS, fox, quick_upstream, send, service, states};
use crate::{
    service::{self, Service, client},
    upstream::{Answer, Gate, Upstream, picture},
};
use serde_json::{Value, json};

const KEY: (&str, &str) = ("idempotency-key", "one");

fn once() -> Value {
    json!({"prompt": "a red fox", "maxRetries": 0})
}

/// A request without a place has not begun, whatever it allows.
#[tokio::test]
async fn a_word_to_pay_again_that_is_turned_away_forgets_no_paid_failure() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let service = service(&upstream, |operations| {
        operations.max_concurrent = 1;
        operations.max_queued = 0;
    })
    .await;
    upstream.push(Answer::server_error());
    let first = service.generate_with(&once(), &[KEY]).await;
    first.assert_problem(502, "upstream_error");
    let paid = states(&service, "keys", 1).await;
    upstream.push(Answer::image(picture::small_png()).held_by(&gate));
    let in_the_way = send(&service, &json!({"prompt": "in the way"}), &[]);
    upstream.wait_for_requests_to(CALLS, 2).await;
    let allowed = json!({"prompt": "a red fox", "maxRetries": 0, "retryPaid": true});
    // By the time when the second one's key is free, the first one's would be.
    for key in [KEY, ("idempotency-key", "another")] {
        let turned_away = service.generate_with(&allowed, &[key]).await;
        turned_away.assert_problem(429, "too_many_generations");
    }
    assert_eq!(states(&service, "keys", 1).await, paid);
    gate.open();
    assert_eq!(in_the_way.await.unwrap().status, 200);
    let again = service.generate_with(&once(), &[KEY]).await;
    again.assert_problem(502, "upstream_error");
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn a_repeated_failure_says_when_to_come_again_where_the_first_one_did() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    upstream.push(Answer::html(503).header("retry-after", "7"));
    for _ in 0..2 {
        let failed = service.generate_with(&once(), &[KEY]).await;
        let problem = failed.assert_problem(502, "upstream_error");
        assert_eq!(failed.header("retry-after"), "7", "{problem}");
        assert_eq!(problem["retryAfter"], 7);
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

/// Previews were made, under a status of success.
#[tokio::test]
async fn an_error_behind_previews_may_have_been_paid_for() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let limited = json!({"code": "rate_limit_exceeded", "message": "Rate limit reached"});
    let previews = [picture::png(8, 8)];
    upstream.push(Answer::image_stream_failing(&previews, &limited));
    let request = client()
        .post(format!("{}/api/generateImage", service.base()))
        .header("accept", "text/event-stream")
        .header(KEY.0, KEY.1)
        .body(once().to_string());
    let first = service::Answer::of(request).await;
    assert!(first.text().contains("event: error"), "{}", first.text());
    let again = service.generate_with(&once(), &[KEY]).await;
    again.assert_problem(429, "rate_limit_exceeded");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

/// As `docs/OPERATIONS.md` tells what was paid.
#[tokio::test]
async fn a_failure_to_store_is_told_from_one_before_the_provider_was_asked() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    service.break_images();
    let first = service.generate_with(&fox(), &[KEY]).await;
    let problem = first.assert_problem(502, "storage_error");
    assert!(problem["b64_json"].is_string(), "{problem}");
    let again = service.generate_with(&fox(), &[KEY]).await;
    let problem = again.assert_problem(502, "storage_error");
    assert_eq!(problem.get("b64_json"), None);
    let detail = problem["detail"].as_str().unwrap();
    assert!(!detail.contains("operations"), "{detail}");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}
