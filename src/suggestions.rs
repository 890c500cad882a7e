//! Ideas for prompts: one sentence by a language model, or a stored one.

mod clean;
mod completion;
mod fallback;

use crate::openai::{AfterTimeout, ApiCall, FailedCall, OpenAiClient, SendPolicy, WholeBody};
use completion::Outcome;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// What the model is told. Its one answer is shown as it is and sent back as a prompt.
const INSTRUCTION: &str = "Write one idea for a picture that an image generator can paint: a \
    subject, its setting and a style or medium, surprising and concrete, in a single sentence of \
    at most 30 words. Answer with the sentence alone, without quotation marks or introduction.";

/// Reasoning models think within this budget too, so a sentence needs more than its own length.
const MAX_COMPLETION_TOKENS: u32 = 1000;

/// The legacy models do not think first.
const MAX_LEGACY_TOKENS: u32 = 300;

/// Who is asked, and how.
#[derive(Debug, Clone)]
pub struct SuggestionSettings {
    /// The model, or at Azure the deployment.
    pub model: String,
    /// By which API.
    pub api: SuggestionApi,
    /// How much the model may vary, 0 to 2; `None`: as the model likes.
    pub temperature: Option<f64>,
    /// Whether a stored idea stands in when the model fails.
    pub fallback: Fallback,
    /// How long a caller waits for the model.
    pub timeout: Duration,
}

/// The two APIs that models write by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuggestionApi {
    /// Chat completions.
    Chat,
    /// The legacy completions.
    Completions,
}

impl SuggestionApi {
    /// The API of a model by its name. At OpenAI the last models of the old API ended in 2026;
    /// other servers have them. The open models whose names end in `-instruct` want a chat.
    #[must_use]
    pub fn of_model(model: &str) -> Self {
        let name = model.to_ascii_lowercase();
        let name = name.rsplit('/').next().unwrap_or_default();
        let name = name.strip_prefix("ft:").unwrap_or(name);
        let is_instruct = name
            .strip_prefix("gpt-")
            .and_then(|rest| rest.split_once("-instruct"))
            .is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(['-', ':']));
        let starts = ["babbage-", "davinci-", "text-davinci-"];
        match is_instruct || starts.iter().any(|start| name.starts_with(start)) {
            true => Self::Completions,
            false => Self::Chat,
        }
    }
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
    /// The answer holds no idea that could be given.
    #[error("the model's answer cannot be used: {reason}")]
    Unusable {
        /// Why.
        reason: &'static str,
    },
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

    /// Whether an idea costs something.
    #[must_use]
    pub fn asks_model(&self) -> bool {
        self.model.is_some()
    }

    /// A stored idea for a caller for whom the model is not to be asked, where one may stand in.
    #[must_use]
    pub fn instead_of_model(&self) -> Option<Suggestion> {
        let fallback = self.model.as_ref().map(|(_, settings)| settings.fallback);
        (fallback != Some(Fallback::Error)).then(|| stored(SuggestionSource::Fallback))
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
        SuggestionError::Unusable { .. } => None,
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
    let (call, mut body) = question(settings);
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
        canceled: None,
    };
    let answer = client
        .post(call, &settings.model, &body, policy, &WholeBody)
        .await
        .map_err(SuggestionError::Upstream)?;
    match completion::read(&answer.value) {
        Ok(Outcome::Text(text)) => clean::clean(&text).ok_or(SuggestionError::Unusable {
            reason: "it holds no words",
        }),
        Ok(Outcome::Unusable(reason)) => Err(SuggestionError::Unusable { reason }),
        Err(error) => Err(SuggestionError::Upstream(FailedCall {
            maybe_paid: true,
            error,
            attempts: answer.attempts,
            request_id: answer.request_id,
        })),
    }
}

/// What is sent, but for the model. Reasoning models refuse `max_tokens` and any temperature but
/// their own (<https://platform.openai.com/docs/api-reference/chat/create>), so that is sent only
/// when it is set.
fn question(settings: &SuggestionSettings) -> (ApiCall, Value) {
    let (call, mut body) = match settings.api {
        SuggestionApi::Chat => {
            let messages = json!([{ "role": "user", "content": INSTRUCTION }]);
            let body =
                json!({ "messages": messages, "max_completion_tokens": MAX_COMPLETION_TOKENS });
            (ApiCall::ChatCompletion, body)
        }
        SuggestionApi::Completions => {
            let prompt = format!("{INSTRUCTION}\n\n");
            let body = json!({ "prompt": prompt, "max_tokens": MAX_LEGACY_TOKENS });
            (ApiCall::Completion, body)
        }
    };
    if let Some(temperature) = settings.temperature {
        body["temperature"] = temperature.into();
    }
    (call, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_of_the_legacy_api_are_known_by_name() {
        for model in [
            "gpt-3.5-turbo-instruct",
            "gpt-3.5-turbo-instruct-0914",
            "GPT-35-Turbo-Instruct",
            "openai/gpt-3.5-turbo-instruct",
            "babbage-002",
            "Davinci-002",
            "ft:davinci-002:acme::8a",
            "text-davinci-003",
        ] {
            assert_eq!(
                SuggestionApi::of_model(model),
                SuggestionApi::Completions,
                "{model}"
            );
        }
        for model in [
            "gpt-6-luna",
            "gpt-5.6-terra",
            "gpt-instructor",
            "Llama-3.1-8B-Instruct",
            "qwen2.5-7b-instruct",
            "ft:gpt-4o-mini:acme::8a",
            "my-davinci",
        ] {
            assert_eq!(
                SuggestionApi::of_model(model),
                SuggestionApi::Chat,
                "{model}"
            );
        }
    }
}
