//! Ideas for prompts: one sentence by a language model, or a stored one.

mod fallback;

use crate::openai::{
    AfterTimeout, ApiCall, FailedCall, OpenAiClient, SendPolicy, UpstreamError, WholeBody,
};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// What the model is told. Its one answer is shown as it is and sent back as a prompt.
const INSTRUCTION: &str = "Write one idea for a picture that an image generator can paint: a \
    subject, its setting and a style or medium, surprising and concrete, in a single sentence of \
    at most 30 words. Answer with the sentence alone, without quotation marks or introduction.";

/// Reasoning models think within this budget too, so a sentence needs more than its own length.
const MAX_COMPLETION_TOKENS: u32 = 1000;

/// The length of the text that a caller gets, at the most.
const MAX_CHARACTERS: usize = 400;

/// Who is asked, and how.
#[derive(Debug, Clone)]
pub struct SuggestionSettings {
    /// The model, or at Azure the deployment.
    pub model: String,
    /// Whether a stored idea stands in when the model fails.
    pub fallback: Fallback,
    /// How long a caller waits for the model.
    pub timeout: Duration,
}

/// What happens when the model fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// A stored idea is given.
    Stored,
    /// The caller gets an error.
    Error,
}

/// An idea and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Trimmed, one line, without quotes, never empty.
    pub text: String,
    /// Whether a model wrote it just now.
    pub source: SuggestionSource,
}

/// Where an idea comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuggestionSource {
    /// The language model.
    Model,
    /// The stored list, since no model is set up.
    Stored,
    /// The stored list, since the model failed.
    Fallback,
}

/// The model gave no idea.
#[derive(Debug, thiserror::Error)]
pub enum SuggestionError {
    /// The call failed.
    #[error("the suggestion could not be fetched")]
    Upstream(#[source] FailedCall),
    /// The answer has no text in it.
    #[error("the model's answer holds no text")]
    Empty,
}

/// Ideas from a model or from the stored list.
#[derive(Debug)]
pub struct Suggestions {
    model: Option<(OpenAiClient, SuggestionSettings)>,
}

impl Suggestions {
    /// Ideas by a language model.
    #[must_use]
    pub fn by_model(client: OpenAiClient, settings: SuggestionSettings) -> Self {
        Self {
            model: Some((client, settings)),
        }
    }

    /// Stored ideas alone.
    #[must_use]
    pub fn stored() -> Self {
        Self { model: None }
    }

    /// One idea.
    ///
    /// # Errors
    /// [`SuggestionError`] when the model fails and [`Fallback::Error`] is set.
    pub async fn suggest(&self) -> Result<Suggestion, SuggestionError> {
        let Some((client, settings)) = &self.model else {
            return Ok(stored(SuggestionSource::Stored));
        };
        match ask(client, settings).await {
            Ok(text) => Ok(Suggestion {
                text,
                source: SuggestionSource::Model,
            }),
            Err(error) if settings.fallback == Fallback::Stored => {
                let cause = cause(&error);
                tracing::warn!(%error, cause, "a stored suggestion stands in");
                Ok(stored(SuggestionSource::Fallback))
            }
            Err(error) => Err(error),
        }
    }
}

fn cause(error: &SuggestionError) -> Option<String> {
    match error {
        SuggestionError::Upstream(call) => Some(format!("{call}: {}", call.error)),
        SuggestionError::Empty => None,
    }
}

fn stored(source: SuggestionSource) -> Suggestion {
    let ideas = fallback::SUGGESTIONS;
    let random = uuid::Uuid::new_v4().as_u128();
    let index = (random % ideas.len() as u128) as usize;
    Suggestion {
        text: ideas[index].to_owned(),
        source,
    }
}

async fn ask(
    client: &OpenAiClient,
    settings: &SuggestionSettings,
) -> Result<String, SuggestionError> {
    let is_legacy = wants_legacy_api(&settings.model);
    let (call, mut body) = if is_legacy {
        let body = json!({ "prompt": format!("{INSTRUCTION}\n\n"), "max_tokens": 300 });
        (ApiCall::Completion, body)
    } else {
        let messages = json!([{ "role": "user", "content": INSTRUCTION }]);
        let body = json!({ "messages": messages, "max_completion_tokens": MAX_COMPLETION_TOKENS });
        (ApiCall::ChatCompletion, body)
    };
    if client.names_model_in_body() {
        body["model"] = settings.model.as_str().into();
    }
    let deadline = Instant::now() + settings.timeout;
    let policy = SendPolicy {
        deadline,
        latest: deadline,
        attempt_timeout: settings.timeout,
        max_retries: 1,
        after_timeout: AfterTimeout::GiveUp,
    };
    let answer = client
        .post(call, &settings.model, &body, policy, &WholeBody)
        .await
        .map_err(SuggestionError::Upstream)?;
    let text = text_of(&answer.value).map_err(|error| {
        SuggestionError::Upstream(FailedCall {
            error,
            attempts: answer.attempts,
            request_id: answer.request_id,
        })
    })?;
    clean(&text).ok_or(SuggestionError::Empty)
}

/// The models of the old API; at OpenAI the last of them ended in 2026, other servers have them.
fn wants_legacy_api(model: &str) -> bool {
    let starts = ["babbage-", "davinci-", "text-davinci"];
    model.ends_with("-instruct") || starts.iter().any(|start| model.starts_with(start))
}

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
}

/// The first choice's text, of either API; empty for a refusal or half a text.
fn text_of(body: &[u8]) -> Result<String, UpstreamError> {
    let completion: Completion =
        serde_json::from_slice(body).map_err(|_| UpstreamError::Malformed {
            reason: "it is not the JSON of a completion",
        })?;
    // A sentence that was cut off in the middle is none.
    let is_whole = |choice: &Choice| choice.finish_reason.as_deref() != Some("length");
    let choice = completion.choices.into_iter().next().filter(is_whole);
    let text = choice.and_then(|choice| match choice.message {
        Some(message) => message.content,
        None => choice.text,
    });
    Ok(text.unwrap_or_default())
}

/// One line without wrapping quotes, cut at a word; `None` when nothing is left.
fn clean(text: &str) -> Option<String> {
    const QUOTES: [char; 8] = ['"', '\'', '“', '”', '‘', '’', '«', '»'];
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_matches(|c: char| QUOTES.contains(&c) || c.is_whitespace());
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    let cut = match line.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => line[..end]
            .rsplit_once(' ')
            .map_or(&line[..end], |(head, _)| head),
        None => &line,
    };
    (!cut.is_empty()).then(|| cut.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cleaned_for_a_text_field() {
        for (text, expected) in [
            ("\n\nA red fox.\n", Some("A red fox.")),
            ("\"A fox\nin  snow\"", Some("A fox in snow")),
            ("“Ein Fuchs”", Some("Ein Fuchs")),
            ("The fox's den", Some("The fox's den")),
            (" \n\"\" ", None),
            ("", None),
        ] {
            assert_eq!(clean(text).as_deref(), expected, "{text:?}");
        }
        let long = clean(&"word ".repeat(200)).unwrap();
        assert!(long.chars().count() <= MAX_CHARACTERS && long.ends_with("word"));
    }

    #[test]
    fn both_apis_answers_are_read() {
        for (body, expected) in [
            (r#"{"choices":[{"message":{"content":"hi"}}]}"#, "hi"),
            (r#"{"choices":[{"text":"\n\nhi"}]}"#, "\n\nhi"),
            (
                r#"{"choices":[{"message":{"content":null,"refusal":"no"}}]}"#,
                "",
            ),
            (r#"{"choices":[]}"#, ""),
            (
                r#"{"choices":[{"text":"A fox in","finish_reason":"length"}]}"#,
                "",
            ),
            (
                r#"{"choices":[{"text":"hi","finish_reason":"stop"}]}"#,
                "hi",
            ),
        ] {
            assert_eq!(text_of(body.as_bytes()).unwrap(), expected, "{body}");
        }
        assert!(text_of(b"<html>").is_err());
    }
}
