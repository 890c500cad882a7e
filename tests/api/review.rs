//! Operations under faults of the store, of callers and of time, each at one step.

#![allow(dead_code, unused_imports)] // each fault's commit adds its test

use crate::{
    azurite,
    faulty_account::{Fault, FaultyAccount, Step},
    service::{Answer, Service, client},
    upstream::{self, Gate, Upstream, picture},
};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Notify, task::JoinHandle};
use visionary::config::ServiceConfig;

const CALLS: &str = "/images/generations";
const ASYNC: (&str, &str) = ("prefer", "respond-async");
const KEY: (&str, &str) = ("idempotency-key", "the-same");
const PASSES: Fault = Fault::Slow(Duration::ZERO);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn busy_store() -> Fault {
    Fault::refused(503, "ServerBusy")
}

/// A request on its way, whoever waits for it.
fn send(service: &Service, body: &Value, headers: &[(&str, &str)]) -> JoinHandle<Answer> {
    let mut request = client()
        .post(format!("{}/api/generateImage", service.base()))
        .header("content-type", "application/json")
        .header("accept", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    tokio::spawn(Answer::of(request.body(body.to_string())))
}

async fn over_folder(upstream: &Upstream, change: impl FnOnce(&mut ServiceConfig)) -> Service {
    let base_url = upstream.base_url();
    Service::start_with(&[("OPENAI_BASE_URL", &base_url)], change).await
}

/// Services over one account with faults.
struct Shared {
    account: FaultyAccount,
    upstream: Upstream,
    images: String,
    state: String,
}

impl Shared {
    async fn new() -> Self {
        let [images, state] = ["images", "state"].map(azurite::new_container);
        Self {
            account: FaultyAccount::start().await,
            upstream: Upstream::start().await,
            images,
            state,
        }
    }

    async fn service(&self, change: impl FnOnce(&mut ServiceConfig)) -> Service {
        let (base_url, connection) = (self.upstream.base_url(), self.account.connection_string());
        let settings = [
            ("OPENAI_BASE_URL", base_url.as_str()),
            ("AZURE_STORAGE_CONNECTION_STRING", &connection),
            ("IMAGES_CONTAINER", &self.images),
            ("STATE_CONTAINER", &self.state),
        ];
        let service = Service::start_with(&settings, change).await;
        // The containers are there from now on.
        let first = send(&service, &json!({"prompt": "first"}), &[])
            .await
            .unwrap();
        assert_eq!(first.status, 200, "{}", first.text());
        service
    }

    /// What the provider was asked since the services began.
    fn calls(&self, prompt: &str) -> usize {
        let calls = self.upstream.requests_to(CALLS);
        let body = |call: &upstream::Request| String::from_utf8_lossy(&call.body).into_owned();
        let calls = calls.iter().map(body);
        calls
            .filter(|body| body.contains(&format!("\"{prompt}\"")))
            .count()
    }
}

/// What nobody knows is neither kept in memory nor written down, for however long it waits.
#[tokio::test]
async fn an_operation_keeps_only_what_it_needs() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.always(upstream::Answer::image(picture::small_png()).held_by(&gate));
    let service = over_folder(&upstream, |config| config.operations.max_concurrent = 1).await;
    let first = send(&service, &json!({"prompt": "a"}), &[]);
    upstream.wait_for_requests_to(CALLS, 1).await;
    let body = json!({"prompt": "b", "quality": "high", "junk": vec![0; 300_000]});
    let queued = send(&service, &body, &[ASYNC]).await.unwrap();
    let id = queued.json()["id"].as_str().unwrap().to_owned();
    let file = service.folder().join("state/operations").join(&id);
    let state: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(
        state["fields"],
        json!({"prompt": "b", "quality": "high", "junk": null})
    );
    gate.open();
    assert_eq!(first.await.unwrap().status, 200);
    let end = service
        .get(&format!("/api/operations/{id}?wait=10"))
        .await
        .json();
    let warnings = end["result"]["warnings"].to_string();
    assert!(warnings.contains("junk"), "{end}");
}
#[tokio::test]
async fn what_was_not_accepted_is_not_done_later() {
    let shared = Shared::new().await;
    let service = shared
        .service(|config| {
            config.operations.first_sweep_after = millis(1500);
            config.operations.sweep_pause = millis(200);
        })
        .await;
    let faults = [
        PASSES,
        Fault::AnswerLost,
        busy_store(),
        busy_store(),
        busy_store(),
    ];
    shared.account.script(Step::State, faults);
    let body = json!({"prompt": "once"});
    let first = send(&service, &body, &[KEY, ASYNC]).await.unwrap();
    first.assert_problem(502, "storage_error");
    tokio::time::sleep(millis(200)).await;
    let second = send(&service, &body, &[KEY]).await.unwrap();
    assert_eq!(second.status, 200, "{}", second.text());
    tokio::time::sleep(millis(3000)).await;
    assert_eq!(shared.calls("once"), 1);
}

#[tokio::test]
async fn what_waits_for_a_place_is_not_sent_once_it_is_to_stop() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.always(upstream::Answer::image(picture::small_png()).held_by(&gate));
    let mut service = over_folder(&upstream, |config| config.operations.max_concurrent = 1).await;
    let first = send(&service, &json!({"prompt": "a"}), &[]);
    upstream.wait_for_requests_to(CALLS, 1).await;
    let second = send(&service, &json!({"prompt": "b"}), &[]);
    tokio::time::sleep(millis(300)).await;
    let opening = async {
        tokio::time::sleep(millis(300)).await;
        gate.open();
    };
    tokio::join!(service.stop(), opening);
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(
        upstream.requests_to(CALLS).len(),
        1,
        "{:?}",
        second.await.unwrap().status
    );
}

#[tokio::test]
async fn who_leaves_while_the_state_is_written_is_not_sent() {
    let shared = Shared::new().await;
    let service = shared.service(|_| {}).await;
    let go = Arc::new(Notify::new());
    shared.account.heal();
    shared
        .account
        .script(Step::State, [Fault::Held(go.clone())]);
    let caller = send(&service, &json!({"prompt": "left"}), &[]);
    shared.account.wait_for(Step::State, 1).await;
    caller.abort();
    tokio::time::sleep(millis(500)).await;
    go.notify_one();
    tokio::time::sleep(millis(1000)).await;
    assert_eq!(shared.calls("left"), 0);
}

#[tokio::test]
async fn a_store_that_fails_for_a_moment_does_not_say_that_images_are_gone() {
    let shared = Shared::new().await;
    let service = shared.service(|_| {}).await;
    let body = json!({"prompt": "a", "response_format": "b64_json"});
    let first = send(&service, &body, &[KEY]).await.unwrap();
    assert_eq!(first.status, 200, "{}", first.text());
    shared.account.always(Step::Read, busy_store());
    let again = send(&service, &body, &[KEY]).await.unwrap();
    again.assert_problem(502, "storage_error");
}

#[tokio::test]
async fn a_turned_away_retry_forgets_no_paid_failure() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let service = over_folder(&upstream, |config| {
        config.operations.max_concurrent = 1;
        config.operations.max_queued = 0;
    })
    .await;
    let body = json!({"prompt": "a", "maxRetries": 0});
    upstream.push(upstream::Answer::html(500));
    let first = send(&service, &body, &[KEY]).await.unwrap();
    first.assert_problem(502, "upstream_error");
    upstream.push(upstream::Answer::image(picture::small_png()).held_by(&gate));
    let other = send(&service, &json!({"prompt": "other"}), &[]);
    upstream.wait_for_requests_to(CALLS, 2).await;
    let allowed = json!({"prompt": "a", "maxRetries": 0, "retryPaid": true});
    let turned_away = send(&service, &allowed, &[KEY]).await.unwrap();
    turned_away.assert_problem(429, "too_many_generations");
    gate.open();
    assert_eq!(other.await.unwrap().status, 200);
    tokio::time::sleep(millis(200)).await;
    let again = send(&service, &body, &[KEY]).await.unwrap();
    again.assert_problem(502, "upstream_error");
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn whoever_waits_for_an_operation_does_not_hold_up_the_end() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.always(upstream::Answer::image(picture::small_png()).held_by(&gate));
    let mut service = over_folder(&upstream, |config| config.operations.max_concurrent = 1).await;
    let first = send(&service, &json!({"prompt": "a"}), &[]);
    upstream.wait_for_requests_to(CALLS, 1).await;
    let queued = send(&service, &json!({"prompt": "b"}), &[ASYNC])
        .await
        .unwrap();
    let location = format!("{}?wait=60", queued.header("operation-location"));
    let waiting = tokio::spawn(Answer::of(client().get(location)));
    tokio::time::sleep(millis(300)).await;
    gate.open();
    let started = Instant::now();
    service.stop().await;
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(waiting.await.unwrap().json()["status"], "notRunning");
}

#[tokio::test]
async fn a_repetition_waits_for_a_first_one_that_is_being_written_down() {
    let shared = Shared::new().await;
    let service = shared.service(|_| {}).await;
    let go = Arc::new(Notify::new());
    shared.account.heal();
    shared
        .account
        .script(Step::State, [PASSES, Fault::Held(go.clone())]);
    let body = json!({"prompt": "a"});
    let first = send(&service, &body, &[KEY]);
    shared.account.wait_for(Step::State, 2).await;
    let second = send(&service, &body, &[KEY]);
    tokio::time::sleep(millis(500)).await;
    go.notify_one();
    assert_eq!(first.await.unwrap().status, 200);
    let second = second.await.unwrap();
    assert_eq!(second.status, 200, "{}", second.text());
}

#[tokio::test]
async fn clocks_that_jump_take_no_operation_away_that_is_at_work() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.always(upstream::Answer::image(picture::small_png()).held_by(&gate));
    let service = over_folder(&upstream, |config| {
        config.operations.first_sweep_after = millis(1000);
        config.operations.sweep_pause = millis(100);
    })
    .await;
    let accepted = send(&service, &json!({"prompt": "a"}), &[ASYNC])
        .await
        .unwrap();
    let id = accepted.json()["id"].as_str().unwrap().to_owned();
    upstream.wait_for_requests_to(CALLS, 1).await;
    let file = service.folder().join("state/operations").join(&id);
    let file = std::fs::File::options().write(true).open(file).unwrap();
    let before_the_jump = std::time::SystemTime::now() - Duration::from_secs(48 * 3600);
    file.set_modified(before_the_jump).unwrap();
    tokio::time::sleep(millis(2000)).await;
    gate.open();
    let end = service.get(&format!("/api/operations/{id}?wait=10")).await;
    assert_eq!(end.status, 200, "{}", end.text());
}

#[tokio::test]
async fn impatient_callers_cost_no_operation() {
    let shared = Shared::new().await;
    let gate = Gate::closed();
    let first = shared.service(|config| config.operations.max_concurrent = 1);
    let mut first = first.await;
    let second = shared.service(|_| {}).await;
    shared
        .upstream
        .push(upstream::Answer::image(picture::small_png()).held_by(&gate));
    let held = send(&first, &json!({"prompt": "held"}), &[]);
    while shared.calls("held") == 0 {
        tokio::time::sleep(millis(10)).await;
    }
    let queued = send(&first, &json!({"prompt": "queued"}), &[ASYNC])
        .await
        .unwrap();
    let id = queued.json()["id"].as_str().unwrap().to_owned();
    let opening = async {
        tokio::time::sleep(millis(300)).await;
        gate.open();
    };
    tokio::join!(first.stop(), opening); // hands it over
    held.await.unwrap();
    let path = format!("/api/operations/{id}");
    for _ in 0..5 {
        shared.account.heal();
        shared
            .account
            .script(Step::State, [Fault::AnswerLate(millis(700))]);
        let asking = tokio::spawn(Answer::of(client().get(format!("{}{path}", second.base()))));
        tokio::time::sleep(millis(300)).await;
        asking.abort();
        tokio::time::sleep(millis(200)).await;
    }
    shared.account.heal();
    let end = second.get(&format!("{path}?wait=10")).await.json();
    assert_eq!(end["status"], "succeeded", "{end}");
}

#[tokio::test]
async fn whoever_leaves_while_canceling_has_canceled() {
    let shared = Shared::new().await;
    let service = shared.service(|_| {}).await;
    shared
        .upstream
        .push(upstream::Answer::html(500).header("retry-after", "2"));
    let accepted = send(&service, &json!({"prompt": "again"}), &[ASYNC])
        .await
        .unwrap();
    let id = accepted.json()["id"].as_str().unwrap().to_owned();
    while shared.calls("again") == 0 {
        tokio::time::sleep(millis(10)).await;
    }
    shared.account.heal();
    shared
        .account
        .script(Step::State, [Fault::AnswerLate(millis(700))]);
    let url = format!("{}/api/operations/{id}", service.base());
    let canceling = tokio::spawn(Answer::of(client().delete(url)));
    shared.account.wait_for(Step::State, 1).await;
    tokio::time::sleep(millis(300)).await;
    canceling.abort();
    tokio::time::sleep(millis(4000)).await;
    assert_eq!(shared.calls("again"), 1);
}

#[tokio::test]
async fn a_repeated_failure_says_when_to_come_again_where_the_first_one_did() {
    let upstream = Upstream::start().await;
    let service = over_folder(&upstream, |_| {}).await;
    upstream.push(upstream::Answer::html(503).header("retry-after", "7"));
    let body = json!({"prompt": "a", "maxRetries": 0});
    let first = send(&service, &body, &[KEY]).await.unwrap();
    assert_eq!(first.header("retry-after"), "7", "{}", first.text());
    let again = send(&service, &body, &[KEY]).await.unwrap();
    assert_eq!(again.header("retry-after"), "7", "{}", again.text());
}

/// What is under 200 may be charged: previews were made. The automatic repetitions stay as they are.
#[tokio::test]
async fn an_error_behind_previews_may_have_been_paid_for() {
    let upstream = Upstream::start().await;
    let service = over_folder(&upstream, |_| {}).await;
    let limited = json!({"code": "rate_limit_exceeded", "message": "Rate limit reached"});
    let previews = [picture::png(8, 8)];
    upstream.push(upstream::Answer::image_stream_failing(&previews, &limited));
    let body = json!({"prompt": "a", "maxRetries": 0});
    let mut request = client().post(format!("{}/api/generateImage", service.base()));
    for (name, value) in [("accept", "text/event-stream"), KEY] {
        request = request.header(name, value);
    }
    let first = Answer::of(request.body(body.to_string())).await;
    assert!(first.text().contains("event: error"), "{}", first.text());
    let again = send(&service, &body, &[KEY]).await.unwrap();
    again.assert_problem(429, "rate_limit_exceeded");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn repetitions_do_not_starve_paid_work() {
    let upstream = Upstream::start().await;
    upstream.always(upstream::Answer::image(picture::padded_png(
        64, 64, 4_000_000,
    )));
    let base_url = upstream.base_url();
    let service = Service::start_with(
        &[("OPENAI_BASE_URL", &base_url), ("IMAGE_MEMORY_MB", "16")],
        |config| {
            config.operations.longest_queue_time = millis(1000);
        },
    )
    .await;
    let body = json!({"prompt": "a", "response_format": "b64_json"});
    let first = send(&service, &body, &[KEY]).await.unwrap();
    assert_eq!(first.status, 200);
    let mut unread = Vec::new();
    for _ in 0..5 {
        let request = client().post(format!("{}/api/generateImage", service.base()));
        let request = request
            .header("accept", "application/json")
            .header(KEY.0, KEY.1);
        let sent = tokio::time::timeout(millis(1500), request.body(body.to_string()).send()).await;
        unread.push(sent);
    }
    let paid = send(&service, &json!({"prompt": "b"}), &[]).await.unwrap();
    assert_eq!(
        paid.status,
        200,
        "{} after {} calls",
        paid.text(),
        upstream.requests_to(CALLS).len()
    );
}
/// As `docs/OPERATIONS.md` tells what was paid.
#[tokio::test]
async fn a_failure_to_store_is_told_from_a_failure_before_the_provider_was_asked() {
    let upstream = Upstream::start().await;
    let service = over_folder(&upstream, |_| {}).await;
    service.break_images();
    let body = json!({"prompt": "a"});
    let first = send(&service, &body, &[KEY]).await.unwrap();
    assert!(first.assert_problem(502, "storage_error")["b64_json"].is_string());
    let again = send(&service, &body, &[KEY]).await.unwrap();
    let problem = again.assert_problem(502, "storage_error");
    assert_eq!(problem.get("b64_json"), None);
    assert!(
        !problem["detail"].as_str().unwrap().contains("operations"),
        "{problem}"
    );
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn an_accepted_operation_needs_nobody_who_asks_for_it() {
    let shared = Shared::new().await;
    let service = shared
        .service(|config| config.operations.first_sweep_after = Duration::from_secs(3600))
        .await;
    let faults = [
        PASSES,
        busy_store(),
        busy_store(),
        busy_store(),
        busy_store(),
    ];
    shared.account.script(Step::State, faults);
    let body = json!({"prompt": "unasked"});
    let accepted = send(&service, &body, &[ASYNC]).await.unwrap();
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    tokio::time::sleep(millis(4000)).await;
    assert_eq!(shared.calls("unasked"), 1);
}
