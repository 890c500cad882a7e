//! The spellings one by one; `tests/api/upstream_faults.rs` sends whole answers.

use super::*;
use serde_json::json;

fn error(status: u16, body: &Value) -> UpstreamError {
    match status {
        200 => in_success(body.to_string().as_bytes()).unwrap(),
        _ => of_answer(status, body.to_string().as_bytes()),
    }
}

#[test]
fn refusals_are_known_in_every_spelling() {
    let bodies = [
        (
            400,
            json!({"error": {"type": "image_generation_user_error", "code": "moderation_blocked", "param": "",
            "message": "Your request was rejected by the safety system. safety_violations=[violence, sexual]."}}),
            vec!["violence", "sexual"],
        ),
        (
            400,
            json!({"error": {"code": "content_policy_violation", "type": "invalid_request_error",
            "message": "Your request was rejected as a result of our safety system."}}),
            vec![],
        ),
        (
            400,
            json!({"error": {"code": "BadRequest", "inner_error": {"code": "ResponsibleAIPolicyViolation",
            "content_filter_results": {"hate": {"filtered": false, "severity": "safe"},
            "sexual": {"filtered": true, "severity": "high"}, "jailbreak": {"detected": true, "filtered": false}}}}}),
            vec!["jailbreak", "sexual"],
        ),
        (
            400,
            json!({"error": {"code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"violence": {"filtered": true}}}}}),
            vec!["violence"],
        ),
        (
            200,
            json!({"created": 1, "error": {"code": "contentFilter",
            "message": "Your task failed as a result of our safety system."}}),
            vec![],
        ),
    ];
    for (status, body, expected) in bodies {
        match error(status, &body) {
            UpstreamError::Refused { categories } => assert_eq!(categories, expected, "{body}"),
            other => panic!("{other:?} for {body}"),
        }
    }
}

#[test]
fn operator_faults_are_told_apart_from_the_callers() {
    assert!(matches!(
        error(
            401,
            &json!({"error": {"message": "Incorrect API key provided: sk-abc"}})
        ),
        UpstreamError::Misconfigured { status: 401, .. }
    ));
    assert!(matches!(
        error(403, &json!({"error": {"code": "Forbidden"}})),
        UpstreamError::Misconfigured { .. }
    ));
    for body in [
        json!({"error": {"code": "DeploymentNotFound"}}),
        json!({"error": {"code": "model_not_found"}}),
        json!({"error": {"message": "The model 'x' does not exist.", "param": "model", "code": "invalid_value"}}),
    ] {
        assert!(
            matches!(error(400, &body), UpstreamError::ModelNotFound),
            "{body}"
        );
    }
}

#[test]
fn a_spent_quota_is_no_passing_limit() {
    assert!(matches!(
        error(429, &json!({"error": {"code": "insufficient_quota"}})),
        UpstreamError::RateLimited {
            quota_is_spent: true,
            ..
        }
    ));
    assert!(matches!(
        error(429, &json!({"error": {"code": "rate_limit_exceeded"}})),
        UpstreamError::RateLimited {
            quota_is_spent: false,
            ..
        }
    ));
}

#[test]
fn pages_that_are_no_json_are_server_faults() {
    assert!(matches!(
        of_answer(502, b"<html>Bad Gateway</html>"),
        UpstreamError::ServerFault { status: 502, .. }
    ));
    assert!(
        in_success(b"<html>").is_none(),
        "left to whoever reads the answer"
    );
    assert!(in_success(br#"{"data": [], "error": null}"#).is_none());
}

#[test]
fn nothing_that_looks_like_a_key_is_passed_on() {
    let message = format!("bad value near sk-12345 {}", "x ".repeat(500));
    match error(
        400,
        &json!({"error": {"message": message, "param": "size"}}),
    ) {
        UpstreamError::InvalidRequest { message, parameter } => {
            assert!(!message.contains("sk-") && message.chars().count() <= 300);
            assert_eq!(parameter.as_deref(), Some("size"));
        }
        other => panic!("{other:?}"),
    }
}
