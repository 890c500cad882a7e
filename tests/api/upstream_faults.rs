//! What the upstream says when it does not paint, in its very bodies, and what a caller is told.
//! Answers that say success and are none are in `broken_answers.rs`; what is tried again, in
//! `retries.rs`.

use crate::{
    service::{self, Service},
    upstream::{Answer, Upstream},
};
use serde_json::{Value, json};
use std::time::Duration;

/// An upstream and a service over it that asks once.
pub struct Once {
    pub upstream: Upstream,
    pub service: Service,
}

impl Once {
    pub async fn start() -> Self {
        let upstream = Upstream::start().await;
        let base_url = upstream.base_url();
        let settings = [
            ("OPENAI_BASE_URL", base_url.as_str()),
            ("OPENAI_API_KEY", "sk-5ecret-key"),
        ];
        let service = Service::start(&settings).await;
        Self { upstream, service }
    }

    /// What a caller gets for this answer; nothing of it may hold a key or the prompt.
    pub async fn ask(&self, fault: Answer) -> service::Answer {
        self.upstream.push(fault);
        let body = json!({"prompt": "a secret garden", "maxRetries": 0});
        let answer = self.service.generate(&body).await;
        let text = answer.text();
        for secret in ["sk-", "secret garden", "subscription", "wxyz"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        answer
    }

    /// Checks a fault's status and code, and what every fault has.
    pub async fn expect(&self, fault: Answer, status: u16, code: &str) -> Value {
        let shown = format!("{fault:?}");
        let answer = self.ask(fault).await;
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
        let problem = answer.assert_problem(status, code);
        assert_eq!(problem["attemptCount"], 1, "{shown}");
        let retry_after = answer.header("retry-after");
        assert_eq!(retry_after.is_empty(), status != 429, "{shown}");
        assert_eq!(problem["categories"].is_array(), code == REFUSED, "{shown}");
        problem
    }
}

/// The code of refused content.
pub const REFUSED: &str = "content_policy_violation";

/// Any body under any status.
pub fn json_answer(status: u16, body: &Value) -> Answer {
    Answer::json(body).status(status)
}

/// OpenAI's envelope.
fn error(status: u16, code: &str, parameter: &str, message: &str) -> Answer {
    let kind = "invalid_request_error";
    let error = json!({"message": message, "type": kind, "param": parameter, "code": code});
    json_answer(status, &json!({ "error": error }))
}

/// An envelope with a sentence and nothing else.
fn sentence(status: u16, message: &str) -> Answer {
    let error =
        json!({"message": message, "type": "invalid_request_error", "param": null, "code": null});
    json_answer(status, &json!({ "error": error }))
}

#[tokio::test]
async fn refused_content_names_exactly_what_was_found() {
    let once = Once::start().await;
    let bare = json!({"error": {"code": "BadRequest", "message": "Bad request", "inner_error": {
        "code": "ResponsibleAIPolicyViolation", "content_filter_results": {
            "hate": {"filtered": true, "severity": "high"},
            "jailbreak": {"detected": true, "filtered": false},
            "sexual": {"filtered": false, "severity": "safe"},
            "not a name: a secret garden": {"filtered": true}}}}});
    let created = |message: &str| json!({"created": 1_589_478_378, "error": {"code": "contentFilter", "message": message}});
    let task = "Your task failed as a result of our safety system.";
    let image = "Generated image was filtered as a result of our safety system.";
    let two = "Your request was rejected by the safety system. If you believe this is an error, contact us at help.openai.com and include the request ID 3ac7. safety_violations=[sexual, self-harm].";
    for (fault, categories) in [
        (Answer::moderation_blocked(), &["violence"][..]),
        (
            error(400, "moderation_blocked", "", two),
            &["sexual", "self-harm"],
        ),
        (Answer::safety_rejected(), &[]),
        (Answer::azure_image_filtered(), &["violence"]),
        (json_answer(400, &bare), &["hate", "jailbreak"]),
        (Answer::azure_chat_filtered(), &["violence"]),
        (json_answer(200, &created(task)), &[]),
        (json_answer(200, &created(image)), &[]),
        (json_answer(400, &created(image)), &[]),
        // Without a code, as some servers pass it on.
        (sentence(400, two), &["sexual", "self-harm"]),
        (
            sentence(
                400,
                "Your request was rejected as a result of our safety system.",
            ),
            &[],
        ),
        (
            json_answer(200, &json!({"created": 1, "error": image})),
            &[],
        ),
    ] {
        let shown = format!("{fault:?}");
        let problem = once.expect(fault, 400, REFUSED).await;
        assert_eq!(problem["categories"], json!(categories), "{shown}");
    }
}

#[tokio::test]
async fn a_sentence_that_only_speaks_of_safety_is_no_refusal() {
    let once = Once::start().await;
    for fault in [
        sentence(
            400,
            "Invalid prompt: 'Your request was rejected by the safety system'",
        ),
        sentence(
            400,
            "The parameter size is not allowed by our safety system.",
        ),
    ] {
        once.expect(fault, 400, "invalid_request").await;
    }
    let blocked = Answer::azure_resource_blocked();
    once.expect(blocked, 502, "upstream_misconfigured").await;
}

#[tokio::test]
async fn what_only_the_operator_can_mend_is_said_to_be_so() {
    let once = Once::start().await;
    let management = json!({"statusCode": 401, "message": "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API."});
    let country = "Country, region, or territory not supported";
    let organization = "Your organization must be verified to use the model `gpt-image-1`.";
    let work = "The image generation operation does not work with the specified model, x.";
    for fault in [
        Answer::wrong_key(),
        Answer::azure_wrong_key(),
        json_answer(401, &management),
        Answer::html(401),
        error(
            400,
            "invalid_api_key",
            "",
            "Incorrect API key provided: wxyz.",
        ),
        sentence(400, "API key not valid: wxyz. Please pass a valid API key."),
        Answer::azure_resource_blocked(),
        error(403, "unsupported_country_region_territory", "", country),
        sentence(403, organization),
        Answer::azure_error(400, "OperationNotSupported", work),
        sentence(404, "Invalid URL (POST /images/generations)"),
        Answer::azure_error(404, "404", "Resource not found"),
        json_answer(404, &json!({"detail": "Not Found"})),
        Answer::html(404),
        Answer::html(405),
        Answer::html(407),
        json_answer(
            200,
            &json!({"error": {"code": "401", "message": "Access denied"}}),
        ),
    ] {
        once.expect(fault, 502, "upstream_misconfigured").await;
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_key() {
    let once = Once::start().await;
    let elsewhere = Upstream::start().await;
    let url = format!("{}/images/generations", elsewhere.base_url());
    for status in [301, 302, 303, 307, 308] {
        let redirect = Answer::redirect(&url).status(status);
        once.expect(redirect, 502, "upstream_misconfigured").await;
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_model_that_is_not_there_is_known_in_every_spelling() {
    let once = Once::start().await;
    let azure = json!({"error": {"message": "The model 'gpt-image-2-1' does not exist.",
        "type": "image_generation_user_error", "param": "model", "code": "invalid_value"}});
    let values = "Invalid value: 'x'. Supported values are: 'gpt-image-1' and 'gpt-image-2'.";
    let access = "Project `proj_1` does not have access to model `gpt-image-2`";
    for fault in [
        Answer::model_not_found("x"),
        error(
            400,
            "model_not_found",
            "model",
            "The model 'x' does not exist.",
        ),
        error(403, "model_not_found", "", access),
        Answer::azure_deployment_not_found(),
        json_answer(400, &azure),
        json_answer(404, &azure),
        error(400, "invalid_value", "model", values),
        sentence(404, "model 'x' not found, try pulling it first"),
        json_answer(
            404,
            &json!({"object": "error", "message": "The model `x` does not exist.",
            "type": "NotFoundError", "param": "model", "code": 404}),
        ),
    ] {
        once.expect(fault, 502, "model_not_found").await;
    }
}

#[tokio::test]
async fn limits_and_spent_quotas_say_when_to_come_again() {
    let once = Once::start().await;
    let limited = Answer::rate_limited;
    let hard = "Billing hard limit has been reached";
    for (fault, code, seconds) in [
        (limited(), "rate_limit_exceeded", 20),
        (Answer::azure_rate_limited(), "rate_limit_exceeded", 20),
        (Answer::html(429), "rate_limit_exceeded", 20),
        (
            limited().header("retry-after", "7"),
            "rate_limit_exceeded",
            7,
        ),
        (
            limited().header("retry-after", "0.5"),
            "rate_limit_exceeded",
            1,
        ),
        (
            limited()
                .header("retry-after-ms", "2100")
                .header("retry-after", "9"),
            "rate_limit_exceeded",
            3,
        ),
        (
            limited()
                .header("retry-after-ms", "-1")
                .header("retry-after", "9"),
            "rate_limit_exceeded",
            9,
        ),
        (
            limited().header("retry-after", "0"),
            "rate_limit_exceeded",
            20,
        ),
        (
            limited().header("retry-after", "-1"),
            "rate_limit_exceeded",
            20,
        ),
        (
            limited().header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
            "rate_limit_exceeded",
            20,
        ),
        (Answer::insufficient_quota(), "insufficient_quota", 20),
        (
            error(400, "billing_hard_limit_reached", "", hard),
            "insufficient_quota",
            20,
        ),
        (
            sentence(402, "Insufficient balance"),
            "insufficient_quota",
            20,
        ),
    ] {
        let shown = format!("{fault:?}");
        let problem = once.expect(fault, 429, code).await;
        assert_eq!(problem["retryAfter"], seconds, "{shown}");
    }
}

#[tokio::test]
async fn a_retry_after_that_is_a_date_becomes_seconds() {
    let once = Once::start().await;
    let form = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let moment = time::OffsetDateTime::now_utc() + Duration::from_secs(600);
    let date = moment.format(form).unwrap();
    let answer = once
        .ask(Answer::rate_limited().header("retry-after", &date))
        .await;
    let problem = answer.assert_problem(429, "rate_limit_exceeded");
    let seconds = problem["retryAfter"].as_u64().unwrap();
    assert!((560..=600).contains(&seconds), "{problem}");
    assert_eq!(answer.header("retry-after"), seconds.to_string());
}

#[tokio::test]
async fn a_failing_upstream_is_an_upstream_error() {
    let once = Once::start().await;
    let long = "x".repeat(1024 * 1024);
    for fault in [
        Answer::server_error(),
        sentence(500, "Something about sk-5ecret-key and a secret garden"),
        sentence(409, "conflict"),
        sentence(408, "timeout"),
        Answer::html(500),
        Answer::html(502),
        Answer::html(503),
        Answer::html(504),
        Answer::bytes("text/plain", "").status(500),
        sentence(500, &long),
        json_answer(
            200,
            &json!({"created": 1, "error": {"code": "internal", "message": "failed"}}),
        ),
        json_answer(
            200,
            &json!({"created": 1, "data": [], "error": {"message": "failed"}}),
        ),
        json_answer(
            200,
            &json!({"created": 1, "data": null, "error": "a secret garden failed"}),
        ),
    ] {
        once.expect(fault, 502, "upstream_error").await;
    }
}

#[tokio::test]
async fn a_value_that_the_provider_refuses_names_our_field_and_no_other() {
    let once = Once::start().await;
    for (parameter, field) in [
        ("size", json!("size")),
        ("output_compression", json!("output_compression")),
        ("prompt", json!("prompt")),
        ("response_format", Value::Null), // what goes upstream under this name is ours
        ("stream", Value::Null),
        ("'a secret garden'", Value::Null),
    ] {
        let fault = error(400, "unknown_parameter", parameter, "Unknown parameter.");
        let problem = once.expect(fault, 400, "invalid_request").await;
        assert_eq!(problem["field"], field, "{parameter}");
    }
    let text = "prompt is too long";
    for status in [413, 422] {
        let problem = once
            .expect(sentence(status, text), 400, "invalid_request")
            .await;
        assert!(
            problem["error"].as_str().unwrap().ends_with(text),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn what_a_provider_quotes_reaches_the_caller_in_one_printable_line() {
    let once = Once::start().await;
    let fault = sentence(400, "Invalid prompt: 'walrus\u{1b}[31m\n secret'");
    let problem = once.expect(fault, 400, "invalid_request").await;
    let shown = problem["error"].as_str().unwrap();
    assert!(
        shown.contains("walrus") && !shown.contains(char::is_control),
        "{shown:?}"
    );
}

#[tokio::test]
async fn a_sentence_with_the_key_in_it_is_kept_back_whatever_the_key_looks_like() {
    let upstream = Upstream::start().await;
    let base_url = upstream.base_url();
    let settings = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("OPENAI_API_KEY", "hunter2"),
    ];
    let service = Service::start(&settings).await;
    upstream.push(sentence(400, "Nobody called hunter2 may do this"));
    let answer = service.generate(&json!({"prompt": "a"})).await;
    answer.assert_problem(400, "invalid_request");
    assert!(!answer.text().contains("hunter2"), "{}", answer.text());
}
