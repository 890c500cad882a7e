//! Reads a completion, of the chat API or of the legacy one.

use crate::openai::UpstreamError;
use serde::Deserialize;

#[derive(Deserialize)]
struct Completion {
    #[serde(default)]
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    finish_reason: Option<String>,
    message: Option<Message>,
    text: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

/// What came of a completion.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The whole text as the model wrote it.
    Text(String),
    /// There is no text, or none to use, for this reason.
    Unusable(&'static str),
}

/// The first choice's text.
///
/// # Errors
/// [`UpstreamError::Malformed`] when it is no completion.
pub(super) fn read(body: &[u8]) -> Result<Outcome, UpstreamError> {
    let completion: Completion =
        serde_json::from_slice(body).map_err(|_| UpstreamError::Malformed {
            reason: "it is not the JSON of a completion",
        })?;
    let choice = completion.choices.into_iter().next();
    Ok(choice.map_or(Outcome::Unusable("it is empty"), outcome))
}

/// A sentence that was cut off in the middle is none, and what a filter or the model itself
/// leaves of one is no idea for a picture.
fn outcome(choice: Choice) -> Outcome {
    match choice.finish_reason.as_deref() {
        Some("length") => return Outcome::Unusable("it was cut off"),
        Some("content_filter") => return Outcome::Unusable("it was filtered"),
        _ => {}
    }
    let text = match choice.message {
        Some(Message {
            refusal: Some(refusal),
            ..
        }) if !refusal.trim().is_empty() => return Outcome::Unusable("the model refused"),
        Some(message) => message.content,
        None => choice.text,
    };
    text.map_or(Outcome::Unusable("it is empty"), Outcome::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_apis_answers_are_read() {
        for (choice, expected) in [
            (r#"{"message":{"content":"hi","refusal":null}}"#, Ok("hi")),
            (
                r#"{"message":{"content":"hi","refusal":""},"finish_reason":"stop"}"#,
                Ok("hi"),
            ),
            (r#"{"text":"\n\nhi","finish_reason":null}"#, Ok("\n\nhi")),
            (
                r#"{"text":"A f","finish_reason":"length"}"#,
                Err("it was cut off"),
            ),
            (
                r#"{"message":{"content":"A f"},"finish_reason":"content_filter"}"#,
                Err("it was filtered"),
            ),
            (
                r#"{"message":{"content":"I","refusal":"I cannot"}}"#,
                Err("the model refused"),
            ),
            (r#"{"message":{"content":null}}"#, Err("it is empty")),
            ("{}", Err("it is empty")),
        ] {
            let body = format!(r#"{{"choices":[{choice}]}}"#);
            let expected = match expected {
                Ok(text) => Outcome::Text(text.to_owned()),
                Err(reason) => Outcome::Unusable(reason),
            };
            assert_eq!(read(body.as_bytes()).unwrap(), expected, "{choice}");
        }
        let none = read(br#"{"choices":[]}"#).unwrap();
        assert_eq!(none, Outcome::Unusable("it is empty"));
        assert!(read(b"<html>").is_err());
    }
}
