//! What an error answer means, in the many spellings of OpenAI and Azure.

use serde_json::Value;
use std::time::Duration;

/// Why the upstream gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The content was refused; the same prompt will be refused again.
    #[error("the request was refused by the provider's content policy")]
    Refused {
        /// What for, as far as the provider says: `violence`, `sexual`, ...
        categories: Vec<String>,
    },
    /// The provider does not take a value of the request.
    #[error("the provider does not accept the request (parameter {})", parameter.as_deref().unwrap_or("not named"))]
    InvalidRequest {
        /// The provider's sentence, shortened, for the caller alone: it may quote the prompt,
        /// so neither this type's `Display` nor the log has it.
        message: String,
        /// The parameter that it names.
        parameter: Option<String>,
    },
    /// The model or deployment is not there (any more).
    #[error("the provider has no such model or deployment")]
    ModelNotFound,
    /// Key, address or account are not right; nothing that a caller could mend.
    #[error("the provider is not set up right: {reason} (status {status})")]
    Misconfigured {
        /// What the operator should look at.
        reason: &'static str,
        /// The provider's status.
        status: u16,
    },
    /// Too many requests, or no money left.
    #[error("the provider's rate limit is reached")]
    RateLimited {
        /// When to come again, where the provider says so.
        retry_after: Option<Duration>,
        /// The account's quota is spent: coming again soon will not help.
        quota_is_spent: bool,
    },
    /// The provider failed.
    #[error("the provider failed with status {status}")]
    ServerFault {
        /// Its status.
        status: u16,
    },
    /// No answer in time.
    #[error("the provider did not answer in time")]
    TimedOut,
    /// No connection, or it was lost before an answer began.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The connection was lost in the middle of an answer.
    #[error("the provider's answer broke off")]
    Broken(#[source] reqwest::Error),
    /// The answer is not what the API promises.
    #[error("the provider's answer cannot be used: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Codes of accounts without money: the operator's business, and no passing limit.
const SPENT_QUOTAS: [&str; 3] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
];

/// How much of a provider's sentence is passed on.
const MAX_MESSAGE_CHARACTERS: usize = 300;

impl UpstreamError {
    /// What the `error` object of an answer under status 200 means: Azure sends it there at times.
    #[must_use]
    pub fn in_success(error: &Value) -> Self {
        classify(200, error)
    }
}

/// What an answer that is no success means.
pub(super) fn of_answer(status: u16, body: &[u8]) -> UpstreamError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = body.get("error").cloned().unwrap_or(body);
    classify(status, &error)
}

/// The error of an answer whose status says success.
pub(super) fn in_success(body: &[u8]) -> Option<UpstreamError> {
    let parsed: Value = serde_json::from_slice(body).ok()?;
    let error = parsed.get("error")?;
    (!error.is_null()).then(|| UpstreamError::in_success(error))
}

fn classify(status: u16, error: &Value) -> UpstreamError {
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let message = match error {
        Value::String(message) => message.as_str(),
        _ => text("message"),
    };
    let (code, parameter) = (text("code"), text("param"));
    if is_refusal(error, code) {
        return UpstreamError::Refused {
            categories: categories(error, message),
        };
    }
    let no_such_model = matches!(code, "model_not_found" | "DeploymentNotFound")
        || (parameter == "model" && message.contains("does not exist"));
    match status {
        _ if no_such_model => UpstreamError::ModelNotFound,
        _ if SPENT_QUOTAS.contains(&code) => UpstreamError::RateLimited {
            retry_after: None,
            quota_is_spent: true,
        },
        401 => misconfigured("it refused the credentials", status),
        403 => misconfigured("the account may not do this or is blocked", status),
        404 => misconfigured("nothing answers at this address", status),
        429 => UpstreamError::RateLimited {
            retry_after: None,
            quota_is_spent: false,
        },
        400 | 422 => UpstreamError::InvalidRequest {
            message: shorten(message),
            parameter: (!parameter.is_empty()).then(|| shorten(parameter)),
        },
        200..300 => UpstreamError::ServerFault { status: 500 },
        _ => UpstreamError::ServerFault { status },
    }
}

fn misconfigured(reason: &'static str, status: u16) -> UpstreamError {
    UpstreamError::Misconfigured { reason, status }
}

/// The codes for refused content, at the top and in Azure's inner error (`inner_error` for
/// images, `innererror` for chats).
fn is_refusal(error: &Value, code: &str) -> bool {
    let inner = ["inner_error", "innererror"]
        .iter()
        .find_map(|name| error.get(name)?.get("code")?.as_str());
    let refusals = [
        "moderation_blocked",
        "content_policy_violation",
        "contentFilter",
        "content_filter",
    ];
    refusals.contains(&code) || inner == Some("ResponsibleAIPolicyViolation")
}

/// What was found: Azure lists filters with a verdict each, OpenAI writes
/// `safety_violations=[violence, sexual]` into its sentence.
fn categories(error: &Value, message: &str) -> Vec<String> {
    let filters = ["inner_error", "innererror"].iter().find_map(|inner| {
        let inner = error.get(inner)?;
        let results = inner.get("content_filter_results");
        results
            .or_else(|| inner.get("content_filter_result"))?
            .as_object()
    });
    if let Some(filters) = filters {
        let caught = |verdict: &Value| {
            ["filtered", "detected"]
                .iter()
                .any(|name| verdict.get(name) == Some(&Value::Bool(true)))
        };
        return filters
            .iter()
            .filter(|(_, verdict)| caught(verdict))
            .map(|(category, _)| category.clone())
            .collect();
    }
    let listed = message
        .split_once("safety_violations=[")
        .and_then(|(_, rest)| rest.split_once(']'));
    let listed = listed.map(|(list, _)| list).unwrap_or_default();
    listed
        .split(',')
        .map(|category| category.trim().to_owned())
        .filter(|category| !category.is_empty())
        .collect()
}

/// Providers quote parts of keys and long request ids; a caller gets a short sentence, without
/// whatever begins like a key.
fn shorten(message: &str) -> String {
    let words = message
        .split_whitespace()
        .filter(|word| !word.contains("sk-"));
    let sentence = words.collect::<Vec<_>>().join(" ");
    let printable = sentence.chars().filter(|character| !character.is_control());
    printable.take(MAX_MESSAGE_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
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
            UpstreamError::ServerFault { status: 502 }
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
}
