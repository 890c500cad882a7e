//! What is sent again and what is not, after which wait, and until when.

use crate::{
    frontend,
    service::Service,
    upstream::{Answer, Gate, Upstream, picture},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use visionary::config::{OpenAiConfig, ProviderConfig};

const CALLS: &str = "/images/generations";

/// OpenAI's API at a double, with a change to how it is called.
async fn service_over(upstream: &Upstream, change: impl FnOnce(&mut OpenAiConfig)) -> Service {
    let base_url = upstream.base_url();
    Service::start_with(&[("OPENAI_BASE_URL", &base_url)], |config| {
        if let ProviderConfig::OpenAi(openai) = &mut config.provider {
            openai.upstream.first_retry_delay = Duration::ZERO;
            change(openai);
        }
    })
    .await
}

/// One whose calls, as far as settings go, may take 100 ms.
async fn hasty_service_over(upstream: &Upstream) -> Service {
    service_over(upstream, |openai| {
        openai.images.timeout = Some(Duration::from_millis(100));
    })
    .await
}

fn error(status: u16) -> Answer {
    Answer::error(status, "server_error", "some_code", "it failed")
}

/// The fault once, then health: how many calls were made, which is what the answer must say.
async fn calls_after(service: &Service, upstream: &Upstream, fault: Answer, body: &Value) -> usize {
    let before = upstream.requests_to(CALLS).len();
    upstream.push(fault);
    let answer = service.generate(body).await.json();
    let calls = upstream.requests_to(CALLS).len() - before;
    let is_stored = answer["imageList"].is_array();
    let counted = match is_stored {
        true => &answer["object"]["attemptCount"],
        false => &answer["attemptCount"],
    };
    assert_eq!(*counted, calls, "{answer}");
    assert_eq!(is_stored, calls > 1, "{answer}");
    calls
}

#[tokio::test]
async fn passing_faults_are_sent_again() {
    let upstream = Upstream::start().await;
    let service = service_over(&upstream, |_| {}).await;
    let whole = || Answer::image(picture::png(64, 64));
    let spare = json!({"created": 1, "error": {"code": "503", "message": "busy"}});
    for fault in [
        error(408),
        error(409),
        error(429),
        error(500),
        error(502),
        error(503),
        error(504),
        Answer::html(529),
        Answer::json(&spare),
        Answer::hang_up(),
        whole().cut_after(0),
        whole().cut_after(200),
        whole().chunked().cut_after(200),
    ] {
        let shown = format!("{fault:?}");
        let calls = calls_after(&service, &upstream, fault, &json!({"prompt": "a"})).await;
        assert_eq!(calls, 2, "{shown}");
    }
    let sent = upstream.requests_to(CALLS);
    assert!(sent.iter().all(|request| request.body == sent[0].body));
    assert_eq!(frontend::get_images(&service.base()).await.len(), 13);
}

#[tokio::test]
async fn faults_that_last_are_not_sent_again() {
    let upstream = Upstream::start().await;
    let service = service_over(&upstream, |_| {}).await;
    for fault in [
        error(400),
        error(401),
        error(403),
        error(404),
        error(422),
        Answer::redirect("/v1/images/generations"),
        Answer::moderation_blocked(),
        Answer::safety_rejected(),
        Answer::azure_image_filtered(),
        Answer::azure_filtered_under_200(),
        Answer::moderation_blocked().status(500),
        Answer::insufficient_quota(),
        Answer::wrong_key(),
        Answer::model_not_found("x"),
        // It was answered, and maybe paid.
        Answer::html(200),
        Answer::no_images(),
        Answer::malformed_json(),
        Answer::image(&b"not a picture"[..]),
        Answer::html(200).header("x-should-retry", "true"),
    ] {
        let shown = format!("{fault:?}");
        let body = json!({"prompt": "a", "maxRetries": 5});
        let calls = calls_after(&service, &upstream, fault, &body).await;
        assert_eq!(calls, 1, "{shown}");
    }
}

#[tokio::test]
async fn the_upstream_may_ask_for_a_repetition_or_forbid_it() {
    let upstream = Upstream::start().await;
    let service = service_over(&upstream, |_| {}).await;
    let asks = |fault: Answer, word: &str| fault.header("x-should-retry", word);
    for (fault, expected) in [
        (asks(error(400), "true"), 2),
        (asks(error(401), "true"), 2),
        (asks(error(400), "maybe"), 1),
        (asks(error(500), "false"), 1),
        (asks(error(429), "false"), 1),
        (asks(Answer::moderation_blocked(), "true"), 1),
        (asks(Answer::insufficient_quota(), "true"), 1),
    ] {
        let shown = format!("{fault:?}");
        let calls = calls_after(&service, &upstream, fault, &json!({"prompt": "a"})).await;
        assert_eq!(calls, expected, "{shown}");
    }
}

#[tokio::test]
async fn the_upstreams_wait_goes_before_ours() {
    let upstream = Upstream::start().await;
    let service = service_over(&upstream, |openai| {
        openai.upstream.first_retry_delay = Duration::from_secs(8); // more than there is time
    })
    .await;
    let body = json!({"prompt": "a", "timeoutMs": 5000});
    for (name, value, expected) in [
        ("retry-after-ms", "1", 2),
        ("retry-after", "0.001", 2),
        ("retry-after", "0", 1),
        ("retry-after", "-1", 1),
        ("retry-after", "soon", 1),
    ] {
        for status in [429, 503] {
            let fault = error(status).header(name, value);
            let calls = calls_after(&service, &upstream, fault, &body).await;
            assert_eq!(calls, expected, "{status} {name}: {value}");
        }
    }
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_the_callers() {
    let upstream = Upstream::start().await;
    let service = service_over(&upstream, |_| {}).await;
    for (fault, timeout, status, seconds) in [
        (error(429), 180_000, 429, 121),
        (error(429), 180_000, 429, 86_400),
        (error(429), 5000, 429, 30),
        (error(503), 180_000, 502, 300),
    ] {
        upstream.push(fault.header("retry-after", &seconds.to_string()));
        let body = json!({"prompt": "a", "timeoutMs": timeout});
        let answer = service.generate(&body).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("retry-after"), seconds.to_string());
        assert_eq!(answer.json()["retryAfter"], seconds);
        assert_eq!(answer.json()["attemptCount"], 1);
    }
}

#[tokio::test]
async fn the_request_says_how_often() {
    for (max_retries, calls) in [(json!(0), 1), (Value::Null, 3), (json!(20), 21)] {
        let upstream = Upstream::start().await;
        upstream.always(error(500));
        let service = service_over(&upstream, |_| {}).await;
        let body = json!({"prompt": "a", "maxRetries": max_retries});
        let answer = service.generate(&body).await;
        let problem = answer.assert_problem(502, "upstream_error");
        assert_eq!(problem["attemptCount"], calls);
        assert_eq!(upstream.requests_to(CALLS).len(), calls);
    }
}

#[tokio::test]
async fn repetitions_end_with_the_callers_time() {
    let upstream = Upstream::start().await;
    upstream.always(error(500));
    let service = service_over(&upstream, |openai| {
        openai.upstream.first_retry_delay = Duration::from_millis(1);
    })
    .await;
    let began = Instant::now();
    let body = json!({"prompt": "a", "maxRetries": 20, "timeoutMs": 1000});
    let answer = service.generate(&body).await;
    let problem = answer.assert_problem(502, "upstream_error");
    assert!(began.elapsed() < Duration::from_secs(3));
    let calls = upstream.requests_to(CALLS).len();
    assert!((4..15).contains(&calls), "{calls}");
    assert_eq!(problem["attemptCount"], calls);
}

#[tokio::test]
async fn a_short_time_leaves_room_for_repetitions() {
    let upstream = Upstream::start().await;
    let service = service_over(&upstream, |_| {}).await;
    let body = json!({"prompt": "a", "maxRetries": 1, "timeoutMs": 5000});
    let calls = calls_after(&service, &upstream, error(500), &body).await;
    assert_eq!(calls, 2, "a model's usual time is no reason to have none");
}

#[tokio::test]
async fn a_repetition_is_not_begun_with_too_little_time_left() {
    let upstream = Upstream::start().await;
    let service = service_over(&upstream, |_| {}).await;
    for retries in [json!(5), Value::Null] {
        let body = json!({"prompt": "a", "maxRetries": retries, "timeoutMs": 1000});
        let fault = error(429).header("retry-after-ms", "950");
        let calls = calls_after(&service, &upstream, fault, &body).await;
        assert_eq!(calls, 1);
    }
}

#[tokio::test]
async fn a_call_without_an_answer_in_time_is_not_sent_again_unasked() {
    let whole = || Answer::image(picture::png(64, 64));
    let gate = Gate::closed();
    for late in [whole().held_by(&gate), whole().paused_after(100, &gate)] {
        let upstream = Upstream::start().await;
        upstream.always(late);
        let service = hasty_service_over(&upstream).await;
        let answer = service.generate(&json!({"prompt": "a"})).await;
        let problem = answer.assert_problem(504, "deadline_exceeded");
        assert_eq!(problem["attemptCount"], 1);
        assert_eq!(upstream.requests_to(CALLS).len(), 1);
    }
}

#[tokio::test]
async fn a_call_without_an_answer_in_time_is_sent_again_when_the_request_says_so() {
    let whole = || Answer::image(picture::png(64, 64));
    let gate = Gate::closed();
    for late in [whole().held_by(&gate), whole().paused_after(100, &gate)] {
        let upstream = Upstream::start().await;
        let service = hasty_service_over(&upstream).await;
        let body = json!({"prompt": "a", "maxRetries": 1, "timeoutMs": 5000});
        let calls = calls_after(&service, &upstream, late, &body).await;
        assert_eq!(calls, 2);
        assert_eq!(frontend::get_images(&service.base()).await.len(), 1);
    }
}

#[tokio::test]
async fn the_last_call_may_take_all_the_time_that_is_left() {
    let slow = Duration::from_millis(300); // three times what a call may take that is not the last
    for (max_retries, calls) in [(0, 1), (1, 2)] {
        let upstream = Upstream::start().await;
        upstream.always(Answer::image(picture::small_png()).after(slow));
        let service = hasty_service_over(&upstream).await;
        let body = json!({"prompt": "a", "maxRetries": max_retries, "timeoutMs": 10_000});
        let answer = service.generate(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["object"]["attemptCount"], calls);
    }
}

#[tokio::test]
async fn the_callers_time_ends_a_slow_call() {
    let gate = Gate::closed();
    for max_retries in [Value::Null, json!(5)] {
        let upstream = Upstream::start().await;
        upstream.always(Answer::image(picture::small_png()).held_by(&gate));
        let service = service_over(&upstream, |_| {}).await;
        let began = Instant::now();
        let body = json!({"prompt": "a", "timeoutMs": 1000, "maxRetries": max_retries});
        let answer = service.generate(&body).await;
        answer.assert_problem(504, "deadline_exceeded");
        assert!(began.elapsed() < Duration::from_secs(5));
        assert_eq!(upstream.requests_to(CALLS).len(), 1);
    }
}

#[tokio::test]
async fn nobody_waits_long_for_the_body_of_an_error() {
    let upstream = Upstream::start().await;
    let service = service_over(&upstream, |openai| {
        openai.upstream.error_body_timeout = Duration::from_millis(50);
    })
    .await;
    let gate = Gate::closed();
    let body = json!({"prompt": "a"});
    let held = error(503).paused_after(5, &gate);
    assert_eq!(calls_after(&service, &upstream, held, &body).await, 2);
    let dripping = error(503).dripping(1, Duration::from_millis(40));
    assert_eq!(calls_after(&service, &upstream, dripping, &body).await, 2);
    upstream.push(Answer::wrong_key().paused_after(5, &gate));
    let answer = service.generate(&body).await;
    answer.assert_problem(502, "upstream_misconfigured");
}

#[tokio::test]
async fn the_body_of_an_error_ends_with_the_callers_time() {
    let upstream = Upstream::start().await;
    let service = service_over(&upstream, |openai| {
        openai.upstream.error_body_timeout = Duration::from_secs(60);
    })
    .await;
    let gate = Gate::closed();
    upstream.always(error(500).paused_after(5, &gate));
    let began = Instant::now();
    let body = json!({"prompt": "a", "timeoutMs": 1000});
    let answer = service.generate(&body).await;
    answer.assert_problem(502, "upstream_error");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn some_calls_of_a_request_may_fail_and_all_are_counted() {
    let upstream = Upstream::start().await;
    let service = service_over(&upstream, |openai| {
        openai.images.model = "dall-e-3".to_owned();
    })
    .await;
    upstream.push(Answer::moderation_blocked());
    upstream.push(error(500));
    let answer = service.generate(&json!({"prompt": "a", "n": 3})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["imageList"].as_array().unwrap().len(), 2);
    assert_eq!(body["object"]["attemptCount"], 4);
    assert_eq!(upstream.requests_to(CALLS).len(), 4);
    let refused = "one image is missing: the request was refused by the provider's content policy";
    assert_eq!(body["warnings"], json!([refused]));
}

#[tokio::test]
async fn when_all_calls_of_a_request_fail_the_first_failure_counts_them_all() {
    let upstream = Upstream::start().await;
    upstream.always(error(500));
    let service = service_over(&upstream, |openai| {
        openai.images.model = "dall-e-3".to_owned();
    })
    .await;
    let body = json!({"prompt": "a", "n": 3, "maxRetries": 1});
    let answer = service.generate(&body).await;
    let problem = answer.assert_problem(502, "upstream_error");
    assert_eq!(problem["attemptCount"], 6);
    assert_eq!(upstream.requests_to(CALLS).len(), 6);
}
