//! The key under which a request is paid for once: the caller's `Idempotency-Key`, or the
//! Functions host's invocation id, since in proxying mode the host may send a request again.

use super::request_id::RequestId;
use crate::{
    app::{App, Mode},
    error::{ApiError, IDEMPOTENCY_KEY},
    images::RETRY_PAID,
    operations::{KeyOrigin, MAX_KEY_LENGTH, RequestKey},
};
use axum::http::HeaderMap;
use serde_json::{Map, Value};

/// The request's key, if it has one. `function` and `fields` are what a repetition must have in
/// common with it.
///
/// # Errors
/// 400 for a header that is no key, or is there twice.
pub fn request_key(
    app: &App,
    id: &RequestId,
    headers: &HeaderMap,
    caller: &str,
    (function, fields): (&str, &Map<String, Value>),
) -> Result<Option<RequestKey>, ApiError> {
    let invalid = |problem: &str| {
        let allowed = format!("one key of 1 to {MAX_KEY_LENGTH} visible ASCII characters");
        ApiError::invalid(IDEMPOTENCY_KEY, problem, &allowed)
    };
    // Generated clients send the header empty where their caller gave no key.
    let values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let mut given = values.filter(|value| !value.as_bytes().trim_ascii().is_empty());
    let (text, origin) = match (given.next(), given.next()) {
        (Some(_), Some(_)) => return Err(invalid("is given more than once")),
        (Some(key), None) => {
            let text = key.to_str().map_err(|_| invalid("is not ASCII"))?;
            (text, KeyOrigin::Caller)
        }
        (None, _) if app.mode == Mode::Handler && id.is_invocation() => {
            (id.as_str(), KeyOrigin::Host)
        }
        (None, _) => return Ok(None),
    };
    let body = body_text(function, fields);
    let key = RequestKey::new(text, origin, caller, &body);
    key.map(Some).map_err(|_| invalid("is not a key"))
}

/// The same for requests that mean the same: without white space, in the order of the fields'
/// names, and without the field that only a repetition has a use for.
fn body_text(function: &str, fields: &Map<String, Value>) -> String {
    let mut fields: Vec<(&String, &Value)> = fields
        .iter()
        .filter(|(name, _)| *name != RETRY_PAID)
        .collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())));
    format!("{function} {}", fields.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(value: Value) -> String {
        let Value::Object(fields) = value else {
            panic!("no object")
        };
        body_text("f", &fields)
    }

    #[test]
    fn requests_that_mean_the_same_are_the_same() {
        let first: Value = serde_json::from_str(r#"{"prompt":"a","n":1}"#).unwrap();
        let again: Value =
            serde_json::from_str(r#"{ "n": 1, "retryPaid": true, "prompt": "\u0061" }"#).unwrap();
        assert_eq!(text(first.clone()), text(again));
        for other in [
            json!({"prompt": "a"}),
            json!({"prompt": "a", "n": 2}),
            json!({"prompt": "a", "n": "1"}),
            json!({"prompt": "a,n:1"}),
        ] {
            assert_ne!(text(first.clone()), text(other));
        }
    }
}
