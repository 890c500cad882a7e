//! `GET|POST /api/generate` when the upstream, the store or the time fails.

use crate::{
    generate::get,
    generate_image::base64_decode,
    service::{Answer, Service, client},
    upstream::{self, Gate, Upstream, picture},
};
use std::time::Duration;

#[tokio::test]
async fn the_upstreams_faults_are_told_as_by_generate_image() {
    for (fault, status, code) in [
        (
            upstream::Answer::moderation_blocked(),
            400,
            "content_policy_violation",
        ),
        (upstream::Answer::rate_limited(), 429, "rate_limit_exceeded"),
        (upstream::Answer::server_error(), 502, "upstream_error"),
        (upstream::Answer::wrong_key(), 502, "upstream_misconfigured"),
        (upstream::Answer::malformed_json(), 502, "upstream_error"),
    ] {
        let upstream = Upstream::start().await;
        upstream.always(fault);
        let service = Service::over(&upstream, &[]).await;
        let answer = get(&service, "prompt=a&maxRetries=0").await;
        let problem = answer.assert_problem(status, code);
        assert_eq!(problem["attemptCount"], 1);
        assert_eq!(!answer.header("retry-after").is_empty(), status == 429);
    }
}

#[tokio::test]
async fn a_failed_call_is_repeated_as_often_as_the_request_says() {
    let upstream = Upstream::start().await;
    upstream.push(upstream::Answer::server_error());
    let service = Service::over(&upstream, &[]).await;
    let answer = get(&service, "prompt=a&maxRetries=1").await;
    assert_eq!(answer.json()["attemptCount"], 2, "{}", answer.text());
}

#[tokio::test]
async fn a_provider_that_is_too_slow_is_a_504() {
    let upstream = Upstream::start().await;
    upstream.always(upstream::Answer::image(picture::small_png()).held_by(&Gate::closed()));
    let service = Service::over(&upstream, &[]).await;
    let answer = get(&service, "prompt=a&timeoutMs=1000").await;
    answer.assert_problem(504, "deadline_exceeded");
}

/// A picture that is not to be stored will not be in the gallery either.
#[tokio::test]
async fn a_caller_who_cannot_wait_longer_is_told_what_becomes_of_the_picture() {
    for (query, code, told) in [
        (
            "prompt=a&save=true",
            "still_running",
            "will be in the gallery",
        ),
        ("prompt=a", "deadline_exceeded", "is not kept"),
    ] {
        let upstream = Upstream::start().await;
        let gate = Gate::closed();
        upstream.always(upstream::Answer::image(picture::small_png()).held_by(&gate));
        let base_url = upstream.base_url();
        let service = Service::start_with(&[("OPENAI_BASE_URL", &base_url)], |config| {
            config.operations.longest_wait = Duration::from_millis(100);
        })
        .await;
        let problem = get(&service, query).await.assert_problem(504, code);
        assert!(
            problem["error"].as_str().unwrap().contains(told),
            "{problem}"
        );
        gate.open();
    }
}

#[tokio::test]
async fn a_paid_image_that_cannot_be_stored_comes_in_the_answer() {
    let upstream = Upstream::start().await;
    let bytes = picture::png(40, 30);
    upstream.always(upstream::Answer::image(bytes.clone()));
    let service = Service::over(&upstream, &[]).await;
    service.break_images();
    let problem = get(&service, "prompt=a&save=true").await;
    let problem = problem.assert_problem(502, "storage_error");
    assert_eq!(base64_decode(&problem["b64_json"]), bytes);
    let unsaved = get(&service, "prompt=a").await.json();
    assert_eq!(base64_decode(&unsaved["image"]), bytes, "it needs no store");
}

#[tokio::test]
async fn too_much_at_once_is_told_to_come_again() {
    let upstream = Upstream::start().await;
    let gate = Gate::closed();
    upstream.always(upstream::Answer::image(picture::small_png()).held_by(&gate));
    let base_url = upstream.base_url();
    let settings = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("MAX_CONCURRENT_GENERATIONS", "1"),
    ];
    let service = Service::start_with(&settings, |config| {
        config.operations.longest_queue_time = Duration::from_millis(1);
    })
    .await;
    let (first, second) = tokio::join!(get(&service, "prompt=a"), async {
        upstream
            .wait_for_requests_to("/images/generations", 1)
            .await;
        let url = format!("{}/api/generate?prompt=a", service.base());
        let answer = Answer::of(client().get(url)).await;
        gate.open();
        answer
    });
    assert_eq!(first.status, 200);
    second.assert_problem(429, "too_many_generations");
    assert!(!second.header("retry-after").is_empty());
}
