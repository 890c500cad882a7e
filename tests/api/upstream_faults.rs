//! What the upstream can do wrong, and what becomes of it.

use crate::{
    frontend,
    service::Service,
    upstream::{Answer, Gate, Upstream, picture},
};
use serde_json::json;

#[tokio::test]
async fn each_fault_upstream_is_an_answer_of_its_own() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for (fault, status, code) in [
        (
            Answer::moderation_blocked(),
            400,
            "content_policy_violation",
        ),
        (Answer::safety_rejected(), 400, "content_policy_violation"),
        (
            Answer::azure_image_filtered(),
            400,
            "content_policy_violation",
        ),
        (
            Answer::azure_filtered_under_200(),
            400,
            "content_policy_violation",
        ),
        (Answer::unknown_parameter("size"), 400, "invalid_request"),
        (Answer::wrong_key(), 502, "upstream_misconfigured"),
        (Answer::azure_wrong_key(), 502, "upstream_misconfigured"),
        (
            Answer::azure_resource_blocked(),
            502,
            "upstream_misconfigured",
        ),
        (Answer::model_not_found("x"), 502, "model_not_found"),
        (Answer::azure_deployment_not_found(), 502, "model_not_found"),
        (Answer::rate_limited(), 429, "rate_limit_exceeded"),
        (Answer::insufficient_quota(), 429, "insufficient_quota"),
        (Answer::server_error(), 502, "upstream_error"),
        (Answer::html(502), 502, "upstream_error"),
        (Answer::html(200), 502, "upstream_error"),
        (Answer::malformed_json(), 502, "upstream_error"),
        (Answer::no_images(), 502, "upstream_error"),
        (Answer::image(&b"not a picture"[..]), 502, "upstream_error"),
        (
            Answer::image(picture::png(64, 64)).cut_after(200),
            502,
            "upstream_error",
        ),
        (Answer::hang_up(), 502, "upstream_unreachable"),
    ] {
        let shown = format!("{fault:?}");
        upstream.push(fault);
        let body = json!({"prompt": "a secret garden", "maxRetries": 0});
        let answer = service.generate(&body).await;
        let problem = answer.assert_problem(status, code);
        let text = answer.text();
        assert!(
            !text.contains("sk-") && !text.contains("secret garden"),
            "{text}"
        );
        assert_eq!(problem["attemptCount"], 1, "{shown}");
        assert_eq!(
            answer.headers.contains_key("retry-after"),
            status == 429,
            "{shown}"
        );
    }
    assert!(frontend::get_images(&service.base()).await.is_empty());
}

#[tokio::test]
async fn passing_faults_are_tried_again_and_counted() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    upstream.push(Answer::server_error());
    upstream.push(
        Answer::rate_limited()
            .without_header("retry-after")
            .without_header("retry-after-ms"),
    );
    let answer = service.generate(&json!({"prompt": "a"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["object"]["attemptCount"], 3);
    assert_eq!(upstream.requests_to("/images/generations").len(), 3);
}

#[tokio::test]
async fn refusals_and_spent_quotas_are_not_tried_again() {
    for fault in [
        Answer::moderation_blocked(),
        Answer::insufficient_quota(),
        Answer::wrong_key(),
    ] {
        let upstream = Upstream::start().await;
        upstream.always(fault);
        let service = Service::over(&upstream, &[]).await;
        service
            .generate(&json!({"prompt": "a", "maxRetries": 5}))
            .await;
        assert_eq!(upstream.requests_to("/images/generations").len(), 1);
    }
}

#[tokio::test]
async fn refused_content_names_its_categories() {
    let upstream = Upstream::start().await;
    upstream.push(Answer::moderation_blocked());
    let service = Service::over(&upstream, &[]).await;
    let answer = service.generate(&json!({"prompt": "a"})).await;
    let problem = answer.assert_problem(400, "content_policy_violation");
    assert!(
        !problem["categories"].as_array().unwrap().is_empty(),
        "{problem}"
    );
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_said_to_be_so() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", closed.local_addr().unwrap());
    drop(closed);
    let service = Service::start(&[("OPENAI_BASE_URL", &base_url)]).await;
    let answer = service
        .generate(&json!({"prompt": "a", "maxRetries": 1}))
        .await;
    let problem = answer.assert_problem(502, "upstream_unreachable");
    assert_eq!(problem["attemptCount"], 2);
}

#[tokio::test]
async fn a_slow_upstream_ends_at_the_callers_deadline() {
    let upstream = Upstream::start().await;
    let gate = Gate::closed();
    upstream.always(Answer::image(picture::small_png()).held_by(&gate));
    let service = Service::over(&upstream, &[]).await;
    let answer = service
        .generate(&json!({"prompt": "a", "timeoutMs": 1000}))
        .await;
    answer.assert_problem(504, "deadline_exceeded");
    assert_eq!(upstream.requests_to("/images/generations").len(), 1);
}

#[tokio::test]
async fn a_partial_success_is_a_success_with_a_warning() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[("OPENAI_IMAGE_MODEL", "dall-e-3")]).await;
    upstream.push(Answer::server_error());
    let answer = service
        .generate(&json!({"prompt": "a", "n": 3, "maxRetries": 0}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["imageList"].as_array().unwrap().len(), 2);
    assert_eq!(body["warnings"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn pictures_by_address_are_fetched_again_after_a_passing_fault() {
    let upstream = Upstream::start().await;
    let url = upstream.serve("/blob/x", Answer::html(503));
    upstream.always(Answer::image_url(&url));
    let service = Service::over(&upstream, &[]).await;
    let body = json!({"prompt": "a"});
    service
        .generate(&body)
        .await
        .assert_problem(502, "upstream_error");
    assert_eq!(upstream.requests_to("/blob/x").len(), 3);
    assert_eq!(
        upstream.requests_to("/images/generations").len(),
        1,
        "it is paid once"
    );
}

#[tokio::test]
async fn what_a_provider_quotes_reaches_the_caller_in_one_printable_line() {
    let upstream = Upstream::start().await;
    let message = "Invalid prompt: 'walrus\u{1b}[31m\n secret'";
    upstream.push(Answer::error(400, "invalid_request_error", "bad", message));
    let service = Service::over(&upstream, &[]).await;
    let answer = service.generate(&json!({"prompt": "a"})).await;
    let problem = answer.assert_problem(400, "invalid_request");
    let shown = problem["error"].as_str().unwrap();
    assert!(
        shown.contains("walrus") && !shown.contains(char::is_control),
        "{shown:?}"
    );
}
