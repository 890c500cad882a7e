//! `GET /api/operations/{id}?wait=`: a question that waits for the end.

use super::{CALLS, assert_operation, fox, held_upstream, quick_upstream, service, unfinished};
use crate::service::Service;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_question_that_waits_is_answered_as_soon_as_the_operation_ends() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| operations.max_concurrent = 1).await;
    let running = service.submit(&fox()).await.operation_id();
    let queued = service.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    let begun = Instant::now();
    let ask = async |id: &str| {
        let answer = service.get(&format!("/api/operations/{id}?wait=60")).await;
        (answer.json()["status"].clone(), begun.elapsed())
    };
    let (first, second, ()) = tokio::join!(ask(&running), ask(&queued), async {
        for _ in 0..10 {
            service.get("/").await;
        }
        gate.open();
    });
    for (status, elapsed) in [first, second] {
        assert_eq!(status, "succeeded");
        assert!(elapsed < Duration::from_secs(30), "{elapsed:?}");
    }
}

#[tokio::test]
async fn a_question_that_has_waited_is_answered_with_the_state_as_it_stands() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| operations.max_concurrent = 1).await;
    let running = service.submit(&fox()).await;
    let queued = service.submit(&fox()).await;
    upstream.wait_for_requests_to(CALLS, 1).await;
    for (accepted, status) in [(running, "running"), (queued, "notRunning")] {
        let id = accepted.operation_id();
        let begun = Instant::now();
        let asked = service.get(&format!("/api/operations/{id}?wait=1")).await;
        assert!(begun.elapsed() >= Duration::from_secs(1));
        assert_operation(&asked, 200, &service, &id);
        assert_eq!(asked.header("retry-after"), "5");
        assert_eq!(
            asked.json(),
            unfinished(&id, status, &accepted.json()["created"])
        );
    }
    gate.open();
}

#[tokio::test]
async fn a_question_that_waits_learns_at_once_that_the_operation_was_canceled() {
    let (upstream, gate) = held_upstream().await;
    let service = service(&upstream, |operations| operations.max_concurrent = 1).await;
    for _ in 0..2 {
        // The first one is at work, the second one waits for its place.
        let id = service.submit(&fox()).await.operation_id();
        upstream.wait_for_requests_to(CALLS, 1).await;
        let (begun, question) = (Instant::now(), format!("/api/operations/{id}?wait=60"));
        let (asked, canceled) = tokio::join!(service.get(&question), async {
            for _ in 0..10 {
                service.get("/").await;
            }
            service.cancel(&id).await
        });
        assert_eq!(asked.json(), canceled.json());
        assert_eq!(asked.json()["status"], "canceled");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    gate.open();
}

#[tokio::test]
async fn a_wait_is_a_whole_number_of_seconds_up_to_a_minute() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let id = service.submit(&fox()).await.operation_id();
    service.ended(&id).await;
    for wait in ["0", "60", "007"] {
        let asked = service
            .get(&format!("/api/operations/{id}?wait={wait}"))
            .await;
        assert_eq!(asked.status, 200, "{wait}");
    }
    for query in [
        "wait=61",
        "wait=-1",
        "wait=1.5",
        "wait=1s",
        "wait=",
        "wait",
        "wait=%2B",
        "wait=99999999999999999999",
        "wait=1&wait=1",
    ] {
        let asked = service.get(&format!("/api/operations/{id}?{query}")).await;
        let problem = asked.assert_problem(400, "invalid_request");
        assert_eq!(problem["field"], "wait", "{query}");
        let allowed = json!("a whole number of seconds from 0 to 60");
        assert_eq!(problem["allowed"], allowed, "{query}");
    }
}
