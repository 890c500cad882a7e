//! Failures: before the provider is asked they are answers like any other, after that an `error`
//! event ends the stream.

use super::{CALLS, Events, ask, end_of, service_with, stream};
use crate::{
    events::picture_of,
    process::Running,
    service::{self, Service, client},
    upstream::{Answer, Gate, Upstream, picture},
};
use serde_json::{Value, json};
use std::time::Duration;

/// Checks that the stream's last event is a problem of this status and code; returns it with the
/// operation's id.
async fn assert_ends_in(events: &mut Events, status: u16, code: &str) -> (Value, String) {
    let request_id = events.header("x-request-id").to_owned();
    let location = events.header("operation-location").to_owned();
    let id = location.rsplit('/').next().unwrap().to_owned();
    let last = events.rest().await.pop().expect("no event at all");
    let problem = last.data;
    assert_eq!(last.name, "error", "{problem}");
    assert_eq!(
        (&problem["status"], &problem["code"]),
        (&json!(status), &json!(code))
    );
    assert_eq!(problem["requestId"], request_id);
    assert_eq!(problem["error"], problem["detail"]);
    assert!(problem["title"].is_string() && problem["type"].is_string());
    (problem, id)
}

#[tokio::test]
async fn what_the_provider_fails_at_is_an_error_event() {
    let never = Gate::closed();
    let preview = [picture::small_png()];
    let whole = Answer::image_stream(&preview, picture::small_png());
    let behind_preview = whole.length_of_events(1);
    let refusal = json!({"code": "moderation_blocked", "message": "no"});
    for (answer, status, code) in [
        (Answer::server_error(), 502, "upstream_error"),
        (
            Answer::moderation_blocked(),
            400,
            "content_policy_violation",
        ),
        (Answer::rate_limited(), 429, "rate_limit_exceeded"),
        (Answer::wrong_key(), 502, "upstream_misconfigured"),
        (Answer::hang_up(), 502, "upstream_unreachable"),
        (
            Answer::image_stream_failing(&preview, &refusal),
            400,
            "content_policy_violation",
        ),
        (
            Answer::image_stream_without_end(&preview),
            502,
            "upstream_error",
        ),
        (
            whole.clone().cut_after(behind_preview + 9),
            502,
            "upstream_error",
        ),
        (
            whole.paused_after(behind_preview, &never),
            504,
            "deadline_exceeded",
        ),
    ] {
        let upstream = Upstream::start().await;
        let shown = format!("{answer:.300?}");
        upstream.push(answer);
        let service = Service::over(&upstream, &[]).await;
        let body = json!({"prompt": "a", "maxRetries": 0, "timeoutMs": 1000});
        let mut events = stream(&service, &body).await;
        let (problem, id) = assert_ends_in(&mut events, status, code).await;
        assert_eq!(problem["attemptCount"], 1, "{shown}");
        assert_eq!(upstream.requests_to(CALLS).len(), 1, "{shown}");
        let ended = end_of(&service, &id).await;
        assert_eq!(
            (&ended["status"], &ended["error"]["code"]),
            (&json!("failed"), &json!(code))
        );
    }
}

#[tokio::test]
async fn a_rate_limits_end_is_told_in_the_event() {
    let upstream = Upstream::start().await;
    upstream.push(Answer::rate_limited().header("retry-after", "7"));
    let service = Service::over(&upstream, &[]).await;
    let body = json!({"prompt": "a", "maxRetries": 0});
    let mut events = stream(&service, &body).await;
    let (problem, _) = assert_ends_in(&mut events, 429, "rate_limit_exceeded").await;
    assert_eq!(problem["retryAfter"], 7);
}

#[tokio::test]
async fn a_picture_that_cannot_be_stored_comes_in_the_error_event() {
    let upstream = Upstream::start().await;
    let finished = picture::png(40, 30);
    upstream.push(Answer::image_stream(
        &[picture::small_png()],
        finished.clone(),
    ));
    let service = Service::over(&upstream, &[]).await;
    service.break_images();
    let mut events = stream(&service, &json!({"prompt": "a"})).await;
    let (problem, id) = assert_ends_in(&mut events, 502, "storage_error").await;
    assert_eq!(picture_of(&problem["b64_json"]), finished);
    assert_eq!(problem["contentType"], "image/png");
    let ended = end_of(&service, &id).await;
    assert_eq!(ended["status"], "failed");
    assert_eq!(ended["error"].get("b64_json"), None, "nobody keeps it");
}

#[tokio::test]
async fn what_fails_before_the_provider_is_asked_is_an_answer_like_any_other() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let good = json!({"prompt": "a"});
    for (body, headers, status, code, field) in [
        (json!({}), vec![], 400, "invalid_request", "prompt"),
        (
            json!({"prompt": "a", "n": 99}),
            vec![],
            400,
            "invalid_request",
            "n",
        ),
        (
            json!({"prompt": "a", "partial_images": 4}),
            vec![],
            400,
            "invalid_request",
            "partial_images",
        ),
        (
            json!({"prompt": "a", "quality": "hd"}),
            vec![],
            400,
            "invalid_request",
            "quality",
        ),
        (
            good.clone(),
            vec![("idempotency-key", "two words")],
            400,
            "invalid_request",
            "Idempotency-Key",
        ),
        (
            json!({"prompt": "a", "size": "1024x1024"}),
            vec![("idempotency-key", "used")],
            422,
            "idempotency_key_reused",
            "Idempotency-Key",
        ),
    ] {
        if status == 422 {
            let first = ask(&service, &good, &headers).await;
            let last = Events::of(first).rest().await.pop().unwrap();
            assert_eq!(last.name, "completed");
        }
        let response = ask(&service, &body, &headers).await;
        let problem = plain(response).await.assert_problem(status, code);
        assert_eq!(problem["field"], field, "{body}");
    }
    assert_eq!(
        upstream.requests_to(CALLS).len(),
        1,
        "the one of the used key"
    );
}

#[tokio::test]
async fn a_stream_that_finds_no_place_is_a_429() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.always(Answer::image_stream(&[], picture::small_png()).held_by(&gate));
    let service = service_with(&upstream, |config| {
        config.operations.max_concurrent = 1;
        config.operations.max_queued = 0;
    })
    .await;
    let body = json!({"prompt": "a"});
    let first = stream(&service, &body).await;
    let second = plain(ask(&service, &body, &[]).await).await;
    let problem = second.assert_problem(429, "too_many_generations");
    assert_eq!(
        second.header("retry-after"),
        problem["retryAfter"].to_string()
    );
    assert_eq!(second.header("operation-location"), "");
    gate.open();
    first.last("completed").await;
    stream(&service, &body).await.last("completed").await;
}

#[tokio::test]
async fn a_stream_is_not_begun_where_it_cannot_be_written_down() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let state = service.folder().join("state");
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::write(&state, "no folder").unwrap();
    let answer = plain(ask(&service, &json!({"prompt": "a"}), &[]).await).await;
    answer.assert_problem(502, "storage_error");
    assert_eq!(upstream.requests_to(CALLS).len(), 0);
}

/// Behind the answer's head there is no line of the request's own any more that could have the
/// error in it.
#[tokio::test]
async fn the_log_has_a_streams_error_once_with_the_requests_id_and_nothing_secret() {
    let upstream = Upstream::start().await;
    upstream.push(Answer::wrong_key());
    let folder = tempfile::tempdir().unwrap();
    let running = Running::over(&upstream, folder.path()).await;
    let request = client()
        .post(format!(
            "{}/api/generateImage?code=a-function-5ecret",
            running.base
        ))
        .header("accept", "text/event-stream")
        .header("idempotency-key", "a-key-of-mine")
        .body(json!({"prompt": "a very private prompt"}).to_string());
    let mut events = Events::of(request.send().await.unwrap());
    let (_, operation) = assert_ends_in(&mut events, 502, "upstream_misconfigured").await;
    let request_id = events.header("x-request-id").to_owned();
    running.signal("-TERM");
    let (_, printed) = running.end().await;
    let errors: Vec<&str> = printed
        .lines()
        .filter(|line| line.contains("ERROR"))
        .collect();
    let [error] = errors[..] else {
        panic!("one line for one error: {printed}");
    };
    assert!(
        error.contains(&request_id) && error.contains("upstream_misconfigured"),
        "{error}"
    );
    for secret in [
        "private",
        "a-function-5ecret",
        "a-key-of-mine",
        "abcd",
        &operation,
    ] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

async fn plain(response: reqwest::Response) -> service::Answer {
    service::Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

/// What waits between an event's parts is no event.
#[tokio::test]
async fn an_error_comes_at_once_although_nothing_else_would_for_long() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.push(Answer::moderation_blocked().held_by(&gate));
    let service = service_with(&upstream, |config| {
        config.event_heartbeat = Duration::from_secs(3600);
    })
    .await;
    let mut events = stream(&service, &json!({"prompt": "a"})).await;
    events.comments(1).await;
    gate.open();
    assert_ends_in(&mut events, 400, "content_policy_violation").await;
}
