//! What is paid for is not lost: not to a store that fails, a caller that leaves, a bad picture
//! beside a good one, or too much work at once.

use crate::{
    azurite, frontend,
    generate_image::base64_decode,
    service::{self, Service, client},
    upstream::{Answer, Gate, Upstream, picture},
};
use futures_util::future::{Either, select};
use serde_json::{Value, json};
use std::{io, pin::pin, time::Duration};
use visionary::config::StorageConfig;

#[tokio::test]
async fn a_paid_image_that_cannot_be_stored_comes_in_the_answer() {
    let upstream = Upstream::start().await;
    let bytes = picture::png(40, 30);
    upstream.always(Answer::image(bytes.clone()));
    let service = Service::over(&upstream, &[]).await;
    service.break_images();
    let answer = service.generate(&json!({"prompt": "a red fox"})).await;
    let problem = answer.assert_problem(502, "storage_error");
    assert_eq!(base64_decode(&problem["b64_json"]), bytes);
    assert_eq!(problem["contentType"], "image/png");
    let text = frontend::generate_image(&service.base(), "a red fox").await;
    assert_ne!(text, "Image uploaded successfully");
}

#[tokio::test]
async fn nothing_is_paid_where_the_account_is_not_there() {
    let upstream = Upstream::start().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/acct", closed.local_addr().unwrap());
    drop(closed);
    let base_url = upstream.base_url();
    let settings = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("accountName", "acct"),
        ("accountKey", azurite::KEY),
        ("AZURE_STORAGE_BLOB_ENDPOINT", &endpoint),
    ];
    let service = Service::start_with(&settings, |config| {
        if let StorageConfig::Azure(account) = &mut config.storage {
            account.settings.request_timeout = Duration::from_secs(5);
        }
    })
    .await;
    let answer = service.generate(&json!({"prompt": "a"})).await;
    let problem = answer.assert_problem(502, "storage_error");
    assert_eq!(problem.get("b64_json"), None);
    assert_eq!(upstream.requests_to("/images/generations").len(), 0);
    let listed = service.get("/api/getImages").await;
    let problem = listed.assert_problem(502, "storage_error");
    assert_eq!(
        problem["imageUrls"],
        json!([]),
        "front ends read it without the status"
    );
    let health = service.get("/api/health").await;
    assert_eq!(health.status, 503, "{}", health.text());
    assert_eq!(health.json()["checks"][0]["status"], "unhealthy");
}

#[tokio::test]
async fn a_caller_that_leaves_loses_nothing_that_is_paid() {
    let upstream = Upstream::start().await;
    let gate = Gate::closed();
    upstream.always(Answer::image(picture::small_png()).held_by(&gate));
    let mut service = Service::over(&upstream, &[]).await;
    let request = client()
        .post(format!("{}/api/generateImage", service.base()))
        .header("content-type", "application/json")
        .body("{\"prompt\":\"left behind\"}");
    let caller = tokio::spawn(request.send());
    upstream
        .wait_for_requests_to("/images/generations", 1)
        .await;
    caller.abort();
    assert!(caller.await.is_err_and(|error| error.is_cancelled()));
    // The service shares this thread: after some round trips it has seen the closed connection.
    for _ in 0..5 {
        assert_eq!(service.get("/").await.status, 200);
    }
    let folder = service.folder().join("images");
    gate.open();
    service.stop().await; // waits for running work
    assert_eq!(count_files(&folder).unwrap(), 1);
}

/// One place, and one more in the queue for `wait`.
async fn one_place(upstream: &Upstream, wait: Duration) -> Service {
    let base_url = upstream.base_url();
    Service::start_with(&[("OPENAI_BASE_URL", &base_url)], |config| {
        config.operations.max_concurrent = 1;
        config.operations.max_queued = 1;
        config.operations.longest_queue_time = wait;
    })
    .await
}

#[tokio::test]
async fn too_many_generations_at_once_are_told_to_come_again() {
    let upstream = Upstream::start().await;
    let gate = Gate::closed();
    upstream.always(Answer::image(picture::small_png()).held_by(&gate));
    let service = one_place(&upstream, Duration::from_millis(50)).await;
    let body = json!({"prompt": "a"});
    let second = second_beside(&service, &upstream, &gate, &body).await;
    let problem = second.assert_problem(429, "too_many_generations");
    assert_eq!(
        second.header("retry-after"),
        problem["retryAfter"].to_string()
    );
    assert_eq!(upstream.requests_to("/images/generations").len(), 1);
}

#[tokio::test]
async fn the_queue_is_served_in_turn_and_has_an_end() {
    let upstream = Upstream::start().await;
    let gate = Gate::closed();
    upstream.always(Answer::image(picture::small_png()).held_by(&gate));
    let service = one_place(&upstream, Duration::from_secs(20)).await;
    let body = json!({"prompt": "a"});
    let first = async {
        let answer = service.generate(&body).await;
        (answer.status, answer.text())
    };
    // Of two that come while the place is taken, one is queued and one is turned away at once.
    let others = async {
        upstream
            .wait_for_requests_to("/images/generations", 1)
            .await;
        let (one, two) = (service.generate(&body), service.generate(&body));
        let (one, two) = (pin!(one), pin!(two));
        match select(one, two).await {
            Either::Left((turned_away, queued)) | Either::Right((turned_away, queued)) => {
                turned_away.assert_problem(429, "too_many_generations");
                gate.open();
                queued.await.status
            }
        }
    };
    let (first, queued) = tokio::join!(first, others);
    assert_eq!((first.0, queued), (200, 200), "{}", first.1);
    assert_eq!(upstream.requests_to("/images/generations").len(), 2);
}

#[tokio::test]
async fn one_bad_picture_costs_a_warning_and_not_the_others() {
    let upstream = Upstream::start().await;
    let good = upstream.serve_blob("good.png", picture::png(32, 32));
    let bad = upstream.serve("/blob/bad", Answer::html(404));
    let data = json!({"data": [{"url": bad}, {"url": good}, {"b64_json": "!!"}]});
    upstream.push(Answer::json(&data));
    let service = Service::over(&upstream, &[]).await;
    let answer = service.generate(&json!({"prompt": "a", "n": 3})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["imageList"].as_array().unwrap().len(), 1);
    assert_eq!(body["warnings"].as_array().unwrap().len(), 2, "{body}");
}

#[tokio::test]
async fn a_longer_time_than_a_request_can_last_is_capped_and_said() {
    let upstream = Upstream::start().await;
    let gate = Gate::closed();
    let base_url = upstream.base_url();
    let service = Service::start_with(&[("OPENAI_BASE_URL", &base_url)], |config| {
        config.operations.longest_generation = Duration::from_millis(300);
    })
    .await;
    let body = json!({"prompt": "a", "timeoutMs": 900_000});
    let warned = service.generate(&body).await.json();
    assert!(
        warned["warnings"][0].as_str().unwrap().contains("capped"),
        "{warned}"
    );
    upstream.always(Answer::image(picture::small_png()).held_by(&gate));
    let late = service.generate(&body).await;
    late.assert_problem(504, "deadline_exceeded");
}

#[tokio::test]
async fn a_caller_who_cannot_wait_longer_is_told_that_the_work_goes_on() {
    let upstream = Upstream::start().await;
    let gate = Gate::closed();
    upstream.always(Answer::image(picture::small_png()).held_by(&gate));
    let base_url = upstream.base_url();
    let mut service = Service::start_with(&[("OPENAI_BASE_URL", &base_url)], |config| {
        config.operations.longest_wait = Duration::from_millis(100);
    })
    .await;
    let answer = service.generate(&json!({"prompt": "a"})).await;
    answer.assert_problem(504, "still_running");
    gate.open();
    let folder = service.folder().join("images");
    service.stop().await;
    assert_eq!(count_files(&folder).unwrap(), 1);
}

/// What a second request gets while the first, of the same body, waits at the gate.
async fn second_beside(
    service: &Service,
    upstream: &Upstream,
    gate: &Gate,
    body: &Value,
) -> service::Answer {
    let (first, second) = tokio::join!(service.generate(body), async {
        upstream
            .wait_for_requests_to("/images/generations", 1)
            .await;
        let answer = service.generate(body).await;
        gate.open();
        answer
    });
    assert_eq!(first.status, 200);
    second
}

fn count_files(folder: &std::path::Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        count += match entry.file_type()?.is_dir() {
            true => count_files(&entry.path())?,
            false => 1,
        };
    }
    Ok(count)
}
