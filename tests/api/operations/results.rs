//! What an operation comes to: the JSON that a caller would get who waits, or the problem
//! document.

use super::{CALLS, assert_open, fox, lasting, lasting_problem, quick_upstream};
use crate::{
    service::{self, Service, client, open},
    upstream::{Answer, Upstream, picture},
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_result_is_what_a_plain_request_gets() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let body = json!({
        "prompt": "a red fox", "outputKey": "pictures", "n": 2, // of which the provider gives one
        "seed": 7, "colour": "red",
    });
    let plain = service.generate(&body).await;
    let plain_id = plain.operation_id();
    let mut plain = plain.json();
    let accepted = service.submit(&body).await;
    let id = accepted.operation_id();
    let ended = service.ended(&id).await;
    let mut result = ended["result"].clone();
    let object = &result["object"];
    assert_eq!(object["operationId"], id);
    assert_eq!(object["requestId"], accepted.header("x-request-id"));
    assert_eq!(plain["object"]["operationId"], plain_id);
    assert_eq!(result["warnings"].as_array().unwrap().len(), 3, "{result}");
    let opened = open(result["pictures"][0]["url"].as_str().unwrap()).await;
    assert_eq!(
        (opened.status, opened.body),
        (200, picture::small_png().to_vec())
    );
    for json in [&mut plain, &mut result] {
        for name in ["operationId", "requestId"] {
            assert!(json["object"][name].take().is_string());
        }
        for name in ["id", "name", "url", "thumbnailUrl"] {
            assert!(json["pictures"][0][name].take().is_string(), "{name}");
        }
    }
    assert_eq!(result, plain);
    let fields: Vec<&String> = ended.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["created", "expires", "id", "result", "status"]);
}

#[tokio::test]
async fn a_plain_answer_names_an_operation_that_has_the_same_result() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let plain = service.generate(&fox()).await;
    let location = plain.header("operation-location");
    assert_eq!(plain.json()["object"]["operationId"], plain.operation_id());
    let asked = open(location).await.json();
    assert_eq!(asked["status"], "succeeded");
    assert_eq!(lasting(&asked["result"]), lasting(&plain.json()));
    assert_open(&asked["result"], &picture::small_png()).await;
    let text = service.post(fox().to_string(), &[]).await;
    assert_eq!(text.text(), "Image uploaded successfully");
    let asked = open(text.header("operation-location")).await.json();
    assert_eq!(asked["status"], "succeeded");
    let generated = service.get("/api/generate?prompt=fox&save=true").await;
    assert_eq!(generated.json()["operationId"], generated.operation_id());
    let asked = open(generated.header("operation-location")).await.json();
    assert_eq!(
        asked["result"]["imageList"][0]["id"],
        generated.json()["id"]
    );
    assert_open(&asked["result"], &picture::small_png()).await;
}

#[tokio::test]
async fn an_operation_says_that_it_has_no_bytes() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let body = json!({"prompt": "a red fox", "response_format": "b64_json"});
    let id = service.submit(&body).await.operation_id();
    let result = &service.ended(&id).await["result"];
    assert_eq!(result["imageList"][0].get("b64_json"), None);
    let warning = "an operation's result has addresses and no b64_json";
    assert_eq!(result["warnings"], json!([warning]));
    assert_open(result, &picture::small_png()).await;
}

/// Failures of a provider, and the status and code that callers get.
fn failures() -> [(Answer, u16, &'static str); 8] {
    let limited = Answer::rate_limited().header("retry-after", "121");
    [
        (
            Answer::moderation_blocked(),
            400,
            "content_policy_violation",
        ),
        (Answer::unknown_parameter("size"), 400, "invalid_request"),
        (limited, 429, "rate_limit_exceeded"),
        (Answer::insufficient_quota(), 429, "insufficient_quota"),
        (Answer::wrong_key(), 502, "upstream_misconfigured"),
        (Answer::model_not_found("x"), 502, "model_not_found"),
        (Answer::server_error(), 502, "upstream_error"),
        (Answer::malformed_json(), 502, "upstream_error"),
    ]
}

#[tokio::test]
async fn a_failed_operation_has_the_problem_document_of_a_plain_request() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let prompt = "a-prompt-that-nobody-repeats";
    for (answer, status, code) in failures() {
        upstream.always(answer);
        let plain = service.generate(&json!({"prompt": prompt})).await;
        let plain = plain.assert_problem(status, code);
        let id = service
            .submit(&json!({"prompt": prompt}))
            .await
            .operation_id();
        let ended = service.ended(&id).await;
        assert_eq!(ended["status"], "failed", "{ended}");
        assert_eq!(ended["error"], lasting_problem(&plain), "{code}");
        for secret in [prompt, "sk-", "sig="] {
            assert!(!ended.to_string().contains(secret), "{ended}");
        }
        let fields: Vec<&String> = ended.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["created", "error", "expires", "id", "status"]);
        match code {
            "content_policy_violation" => {
                assert_eq!(ended["error"]["categories"], json!(["violence"]));
            }
            "rate_limit_exceeded" => assert_eq!(ended["error"]["retryAfter"], 121),
            _ => {}
        }
    }
}

#[tokio::test]
async fn pictures_that_are_paid_for_are_stored_late() {
    let upstream = quick_upstream().await;
    let service = super::service(&upstream, |operations| {
        operations.late_storing_pause = std::time::Duration::from_millis(1);
    })
    .await;
    service.break_images();
    let id = service.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    let images = service.folder().join("images");
    for _ in 0..10 {
        let asked = service.operation(&id).await.json();
        assert_ne!(asked["status"], "failed", "{asked}");
    }
    std::fs::remove_file(&images).unwrap();
    std::fs::create_dir(&images).unwrap();
    let ended = service.ended(&id).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_open(&ended["result"], &picture::small_png()).await;
    assert_eq!(ended["result"]["warnings"], Value::from([""; 0].to_vec()));
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

/// An unsaved picture of the sample's function has no address.
#[tokio::test]
async fn a_picture_that_was_not_to_be_stored_is_not_in_the_result() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    let request = client().post(format!("{}/api/generate", service.base()));
    let answer = service::Answer::of(request.body("{\"prompt\":\"a red fox\"}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asked = service::Answer::of(client().get(answer.header("operation-location"))).await;
    let operation = asked.json();
    assert_eq!(operation["status"], "succeeded");
    assert_eq!(operation["result"]["imageList"], json!([]));
    let warnings = operation["result"]["warnings"].to_string();
    assert!(warnings.contains("went to its caller alone"), "{warnings}");
}
