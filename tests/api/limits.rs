//! How much callers may ask for: per minute by address and by process, per day in all; and that
//! nothing which costs nothing is counted.

mod addresses;
mod budget;
mod lists;
mod repetitions;
mod suggestions;

use crate::{
    azurite,
    service::{Answer, Service},
    upstream::{self, Gate, Upstream, picture},
};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use time::OffsetDateTime;
use visionary::limits::{Clock, Moment};

const CALLS: &str = "/images/generations";

fn fox() -> Value {
    json!({"prompt": "a red fox"})
}

async fn upstream() -> Upstream {
    let upstream = Upstream::start().await;
    upstream.always(upstream::Answer::image(picture::small_png()));
    upstream
}

/// Stands still until it is told to go on.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Duration>>);

impl Watch {
    fn clock(&self) -> Clock {
        let (elapsed, started) = (self.0.clone(), OffsetDateTime::now_utc());
        Clock::by(move || {
            let elapsed = *elapsed.lock().unwrap();
            let utc = started + elapsed;
            Moment { elapsed, utc }
        })
    }

    fn go_on(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

async fn limited(upstream: &Upstream, watch: &Watch, limits: &[(&str, &str)]) -> Service {
    let base_url = upstream.base_url();
    let settings = [&[("OPENAI_BASE_URL", base_url.as_str())], limits].concat();
    Service::start_with(&settings, |config| config.limits.clock = watch.clock()).await
}

#[track_caller]
fn assert_made(answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A refusal tells in its header, and in its body, when to come again.
#[track_caller]
fn assert_refused(answer: &Answer, code: &str, limit: &str) -> u64 {
    let problem = answer.assert_problem(429, code);
    assert_eq!(problem["limit"], limit);
    let seconds = answer.header("retry-after").parse().unwrap();
    assert_eq!(problem["retryAfter"], json!(seconds));
    seconds
}

#[tokio::test]
async fn a_caller_beyond_a_minutes_images_is_told_when_to_come_again() {
    let (upstream, watch) = (upstream().await, Watch::default());
    let limits = [
        ("RATE_LIMIT_PER_MINUTE", "3"),
        ("INSTANCE_RATE_LIMIT_PER_MINUTE", "10"),
    ];
    let service = limited(&upstream, &watch, &limits).await;
    let policy = r#""caller";q=3;w=60;qu="images", "instance";q=10;w=60;qu="images""#;
    for (body, left) in [
        (
            json!({"prompt": "a", "n": 2}),
            r#""caller";r=1;t=40, "instance";r=8;t=12"#,
        ),
        (
            json!({"prompt": "a"}),
            r#""caller";r=0;t=60, "instance";r=7;t=18"#,
        ),
    ] {
        let answer = service.generate(&body).await;
        assert_made(&answer);
        assert_eq!(answer.header("ratelimit-policy"), policy);
        assert_eq!(answer.header("ratelimit"), left);
    }
    let refused = service.generate(&fox()).await;
    assert_eq!(assert_refused(&refused, "rate_limited", "caller"), 20);
    assert_eq!(refused.header("ratelimit-policy"), policy);
    assert!(
        refused
            .header("ratelimit")
            .starts_with(r#""caller";r=0;t=60"#)
    );
    let stream = [("accept", "text/event-stream")];
    let others = [
        service.submit(&fox()).await,
        service.post(fox().to_string(), &stream).await,
        service.get("/api/generate?prompt=a").await,
    ];
    for answer in &others {
        assert_refused(answer, "rate_limited", "caller");
    }
    watch.go_on(20);
    assert_made(&service.get("/api/generate?prompt=a").await);
    assert_refused(&service.generate(&fox()).await, "rate_limited", "caller");
    assert_eq!(upstream.requests_to(CALLS).len(), 3);
}

#[tokio::test]
async fn without_limits_no_answer_tells_of_any() {
    let upstream = upstream().await;
    let service = limited(&upstream, &Watch::default(), &[]).await;
    let answer = service.generate(&fox()).await;
    assert_made(&answer);
    assert_eq!(answer.header("ratelimit"), "");
    assert_eq!(answer.header("ratelimit-policy"), "");
}

#[tokio::test]
async fn more_than_a_limit_ever_gives_is_a_mistake_and_no_matter_of_time() {
    let upstream = upstream().await;
    for setting in [
        "RATE_LIMIT_PER_MINUTE",
        "INSTANCE_RATE_LIMIT_PER_MINUTE",
        "DAILY_IMAGE_BUDGET",
    ] {
        let service = limited(&upstream, &Watch::default(), &[(setting, "2")]).await;
        let body = json!({"prompt": "a", "n": 3});
        let problem = service.generate(&body).await;
        let problem = problem.assert_problem(400, "invalid_request");
        assert_eq!(
            (&problem["field"], &problem["allowed"]),
            (&json!("n"), &json!("1 to 2"))
        );
        assert_made(&service.generate(&json!({"prompt": "a", "n": 2})).await);
    }
}

#[tokio::test]
async fn a_repetition_of_a_paid_request_costs_nothing_and_is_never_refused() {
    let (upstream, watch) = (upstream().await, Watch::default());
    let limits = [("RATE_LIMIT_PER_MINUTE", "1"), ("DAILY_IMAGE_BUDGET", "2")];
    let service = limited(&upstream, &watch, &limits).await;
    let key = [("idempotency-key", "one")];
    let first = service.generate_with(&fox(), &key).await;
    assert_made(&first);
    for _ in 0..5 {
        let again = service.generate_with(&fox(), &key).await;
        assert_eq!(again.operation_id(), first.operation_id());
    }
    let other = [("idempotency-key", "other")];
    let refused = service.generate_with(&fox(), &other).await;
    assert_refused(&refused, "rate_limited", "caller");
    watch.go_on(60);
    // Whoever was refused may use the key.
    assert_made(&service.generate_with(&fox(), &other).await);
    watch.go_on(60);
    let refused = service.generate(&fox()).await;
    assert_refused(&refused, "budget_exhausted", "day");
    assert_made(&service.generate_with(&fox(), &other).await);
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn whoever_shows_the_key_has_no_limit_of_an_address_but_that_of_the_process() {
    let upstream = upstream().await;
    let limits = [
        ("API_KEY", "sixteen letters."),
        ("RATE_LIMIT_PER_MINUTE", "1"),
        ("INSTANCE_RATE_LIMIT_PER_MINUTE", "3"),
    ];
    let service = limited(&upstream, &Watch::default(), &limits).await;
    for _ in 0..3 {
        let answer = service.generate(&fox()).await;
        assert_made(&answer);
        assert!(!answer.header("ratelimit").contains("caller"));
    }
    let refused = service.generate(&fox()).await;
    assert_refused(&refused, "rate_limited", "instance");
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_what_limits_say() {
    let upstream = upstream().await;
    let settings = [("CORS_ORIGINS", "*"), ("RATE_LIMIT_PER_MINUTE", "1")];
    let service = limited(&upstream, &Watch::default(), &settings).await;
    let origin = [("origin", "https://page.example")];
    for status in [200, 429] {
        let answer = service.generate_with(&fox(), &origin).await;
        assert_eq!(answer.status, status);
        let exposed = answer
            .header("access-control-expose-headers")
            .to_lowercase();
        let exposed: Vec<&str> = exposed.split(',').map(str::trim).collect();
        for header in ["retry-after", "ratelimit", "ratelimit-policy"] {
            assert!(exposed.contains(&header), "{exposed:?}");
        }
    }
}
