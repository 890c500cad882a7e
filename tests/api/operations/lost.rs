//! Operations whose process is gone, over a folder: what was not sent is taken up, and of what
//! was sent the gallery tells the end.

use super::{
    CALLS, assert_open, found, fox, held_upstream, quick_upstream, record, service, state_names,
};
use crate::{
    service::Service,
    upstream::{Upstream, picture},
};
use serde_json::{Value, json};
use std::time::Duration;

const KEY: (&str, &str) = ("idempotency-key", "one");

#[tokio::test]
async fn what_was_not_sent_is_taken_up_by_whoever_asks() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let id = record::new_id(record::now_millis());
    let fields = json!({"prompt": "a red fox", "outputKey": "pictures", "colour": "red"});
    let waiting = record::with(
        record::waiting(&id),
        json!({
            "fields": fields, "outputKey": "pictures",
        }),
    );
    record::write(&service, &id, waiting.to_string());
    let asked = service.operation(&id).await.json();
    assert_ne!(asked["status"], "failed", "{asked}");
    let ended = service.ended(&id).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    let result = &ended["result"];
    assert_eq!(result["object"]["requestId"], "first-request");
    assert_eq!(result["pictures"].as_array().unwrap().len(), 1);
    assert!(
        result["warnings"][0].as_str().unwrap().contains("colour"),
        "{result}"
    );
    let sent = upstream.requests_to(CALLS);
    assert_eq!(
        (sent.len(), &sent[0].json()["prompt"]),
        (1, &json!("a red fox"))
    );
}

/// Both read the same record, and one of them takes it up.
#[tokio::test]
async fn what_many_ask_for_at_once_is_taken_up_once() {
    let (upstream, gate) = held_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let id = record::new_id(record::now_millis());
    record::write(&service, &id, record::waiting(&id).to_string());
    let asked = (0..20).map(|_| service.operation(&id));
    for answer in futures_util::future::join_all(asked).await {
        let json = answer.json();
        assert!(
            ["notRunning", "running"].contains(&json["status"].as_str().unwrap()),
            "{json}"
        );
    }
    upstream.wait_for_requests_to(CALLS, 1).await;
    let asked = (0..20).map(|_| service.operation(&id));
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer.json()["status"], "running", "{}", answer.text());
    }
    gate.open();
    assert_eq!(service.ended(&id).await["status"], "succeeded");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn what_was_not_sent_is_taken_up_by_the_sweep() {
    let upstream = quick_upstream().await;
    let service = service(&upstream, |operations| {
        operations.first_sweep_after = Duration::from_millis(50);
        operations.sweep_pause = Duration::from_millis(50);
    })
    .await;
    let id = record::new_id(record::now_millis());
    record::write(&service, &id, record::waiting(&id).to_string());
    let ended = found("an end without a question", || async {
        service.get("/").await;
        let found = record::read(&service, &id);
        (found["status"] == "succeeded").then_some(found)
    })
    .await;
    assert_eq!(ended["ownersLost"], 1);
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

/// An operation with the key, put back to what it was before its end.
async fn with_key(service: &Service, change: impl Fn(&str) -> Value) -> String {
    let first = service.generate_with(&fox(), &[KEY]).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let id = first.operation_id();
    record::write(service, &id, change(&id).to_string());
    id
}

#[tokio::test]
async fn what_was_not_sent_is_taken_up_by_its_key() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let id = with_key(&service, record::waiting).await;
    let again = service.generate_with(&fox(), &[KEY]).await;
    assert_eq!((again.status, again.operation_id()), (200, id));
    assert_open(&again.json(), &picture::small_png()).await;
    assert_eq!(
        upstream.requests_to(CALLS).len(),
        2,
        "once before, once taken up"
    );
}

#[tokio::test]
async fn what_was_handed_over_has_cost_no_process() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let id = record::new_id(record::now_millis());
    let handed_over = json!({"owner": null, "ownersLost": 2});
    let handed_over = record::with(record::waiting(&id), handed_over);
    record::write(&service, &id, handed_over.to_string());
    assert_eq!(service.ended(&id).await["status"], "succeeded");
    assert_eq!(record::read(&service, &id)["ownersLost"], 2);
}

fn problem(detail: &str) -> Value {
    json!({
        "type": "about:blank", "title": "Internal Server Error", "status": 500,
        "code": "interrupted", "detail": detail, "error": detail,
    })
}

#[tokio::test]
async fn what_has_cost_three_processes_is_given_up_and_its_key_is_free() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let lost = json!({"ownersLost": 3});
    let id = with_key(&service, |id| {
        record::with(record::waiting(id), lost.clone())
    })
    .await;
    let asked = service.operation(&id).await.json();
    assert_eq!(asked["status"], "failed");
    let detail =
        "the processes that worked on the operation were lost before the provider was asked";
    assert_eq!(asked["error"], problem(detail));
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
    let other = json!({"prompt": "another"});
    let other = service.generate_with(&other, &[KEY]).await;
    assert_eq!(other.status, 200, "{}", other.text());
    assert_ne!(other.operation_id(), id);
}

#[tokio::test]
async fn what_was_sent_and_has_no_picture_is_interrupted_and_not_paid_again_unasked() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let id = with_key(&service, record::running).await;
    std::fs::remove_dir_all(service.folder().join("images")).unwrap();
    let again = service.generate_with(&fox(), &[KEY]).await;
    let answered = again.assert_problem(500, "interrupted");
    assert_eq!(answered["operationId"], id);
    let asked = service.operation(&id).await.json();
    assert_eq!(asked["status"], "failed");
    let detail = "the process that worked on the operation was lost after the provider was \
        asked: the images may have been paid for; with retryPaid they are made, and maybe paid \
        for, again";
    assert_eq!(asked["error"], problem(detail));
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
    let allowed = json!({"prompt": "a red fox", "retryPaid": true});
    let paid = service.generate_with(&allowed, &[KEY]).await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    assert_ne!(paid.operation_id(), id);
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn what_was_sent_and_stored_has_succeeded() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    // Others of the same minute are not its own.
    service.generate(&fox()).await;
    let id = with_key(&service, record::running).await;
    service.generate(&fox()).await;
    let asked = service.operation(&id).await.json();
    assert_eq!(asked["status"], "succeeded", "{asked}");
    let warning = "the process that made the images was lost; they were found in the gallery";
    let result = &asked["result"];
    assert_eq!(result["warnings"], json!([warning]));
    assert_eq!(result["object"].get("attemptCount"), None);
    assert_eq!(super::images(result).len(), 1);
    assert_open(result, &picture::small_png()).await;
    let again = service.generate_with(&fox(), &[KEY]).await;
    assert_eq!(super::lasting(&again.json()), super::lasting(result));
    assert_eq!(upstream.requests_to(CALLS).len(), 3);
}

#[tokio::test]
async fn what_was_stored_in_part_has_succeeded_in_part() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let two = json!({"wanted": 2});
    let id = with_key(&service, |id| {
        record::with(record::running(id), two.clone())
    })
    .await;
    let asked = service.operation(&id).await.json();
    assert_eq!(asked["status"], "succeeded", "{asked}");
    let warning = "the process that made the images was lost; they were found in the gallery, \
        1 less than asked for";
    assert_eq!(asked["result"]["warnings"], json!([warning]));
    assert_open(&asked["result"], &picture::small_png()).await;
}

#[tokio::test]
async fn what_was_sent_comes_to_its_end_by_the_sweep() {
    let upstream = Upstream::start().await;
    let service = service(&upstream, |operations| {
        operations.first_sweep_after = Duration::from_millis(50);
        operations.sweep_pause = Duration::from_millis(50);
    })
    .await;
    let id = record::new_id(record::now_millis());
    record::write(&service, &id, record::running(&id).to_string());
    found("an end without a question", || async {
        service.get("/").await;
        (record::read(&service, &id)["status"] == "failed").then_some(())
    })
    .await;
    assert_eq!(upstream.requests_to(CALLS).len(), 0);
}

#[tokio::test]
async fn what_is_lost_can_be_canceled() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    for make in [record::waiting, record::running] {
        let id = record::new_id(record::now_millis());
        record::write(&service, &id, make(&id).to_string());
        let canceled = service.cancel(&id).await.json();
        assert_eq!(canceled["status"], "canceled");
        assert_eq!(service.operation(&id).await.json(), canceled);
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 0);
}

/// What its caller had sent cannot be made here, under other settings.
#[tokio::test]
async fn what_cannot_be_taken_up_fails_as_its_request_would() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    for fields in [
        json!({}),
        json!({"prompt": ""}),
        json!({"prompt": "a", "n": 0}),
    ] {
        let id = record::new_id(record::now_millis());
        let waiting = record::with(record::waiting(&id), json!({"fields": fields}));
        record::write(&service, &id, waiting.to_string());
        let ended = service.ended(&id).await;
        assert_eq!(ended["status"], "failed", "{ended}");
        assert_eq!(ended["error"]["code"], "invalid_request");
    }
    assert_eq!(upstream.requests_to(CALLS).len(), 0);
    assert_eq!(state_names(&service, "operations").len(), 3);
}
