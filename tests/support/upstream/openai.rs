//! The bodies of OpenAI: pictures, texts, models, and its error envelope.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{answer::Answer, picture};

/// The request id that successful answers and errors carry unless a test sets another.
const REQUEST_ID: &str = "req_0f5d1c2b3a4948576675849302a1b2c3";

impl Answer {
    /// One picture as `b64_json`, in the shape of the GPT image models.
    pub fn image(bytes: impl Into<Bytes>) -> Answer {
        Answer::images([bytes.into()])
    }

    /// Several pictures as `b64_json`, in the shape of the GPT image models.
    pub fn images<B: Into<Bytes>>(pictures: impl IntoIterator<Item = B>) -> Answer {
        let pictures: Vec<Bytes> = pictures.into_iter().map(Into::into).collect();
        let data: Vec<Value> = pictures
            .iter()
            .map(|picture| json!({ "b64_json": STANDARD.encode(picture) }))
            .collect();
        let first = pictures.first().map_or(&[][..], |picture| &picture[..]);
        let (width, height) = picture::png_dimensions(first).unwrap_or((1024, 1024));
        let output_tokens = 1056 * data.len();
        Answer::openai(&json!({
            "created": 1_780_000_000,
            "background": "opaque",
            "data": data,
            "output_format": picture::content_type(first).trim_start_matches("image/"),
            "quality": "medium",
            "size": format!("{width}x{height}"),
            "usage": {
                "input_tokens": 12,
                "input_tokens_details": { "image_tokens": 0, "text_tokens": 12 },
                "output_tokens": output_tokens,
                "output_tokens_details": { "image_tokens": output_tokens, "text_tokens": 0 },
                "total_tokens": 12 + output_tokens,
            },
        }))
    }

    /// One picture as a URL with a `revised_prompt`, in the shape of dall-e-3.
    pub fn image_url(url: &str) -> Answer {
        Answer::openai(&json!({
            "created": 1_780_000_000,
            "data": [{ "revised_prompt": "A picture, as the model understood it", "url": url }],
        }))
    }

    /// A success that holds no picture.
    pub fn no_images() -> Answer {
        Answer::openai(&json!({ "created": 1_780_000_000, "data": [] }))
    }

    /// Server-sent events: names and their data, in order.
    pub fn events(events: &[(&str, Value)]) -> Answer {
        let lines = events
            .iter()
            .map(|(name, data)| format!("event: {name}\ndata: {data}\n\n"));
        Answer::bytes(
            "text/event-stream; charset=utf-8",
            lines.collect::<String>(),
        )
        .header("x-request-id", REQUEST_ID)
        .chunked()
    }

    /// A chat completion with this content.
    pub fn chat(content: &str) -> Answer {
        Answer::chat_message(
            &json!({ "role": "assistant", "content": content, "refusal": null }),
            "stop",
        )
    }

    /// A chat completion with any message: null content, a refusal, another finish reason.
    pub fn chat_message(message: &Value, finish_reason: &str) -> Answer {
        Answer::openai(&json!({
            "id": "chatcmpl-D0ubleD0uble",
            "object": "chat.completion",
            "created": 1_780_000_000,
            "model": "gpt-5.6-terra-2026-08-01",
            "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason }],
            "usage": { "prompt_tokens": 40, "completion_tokens": 20, "total_tokens": 60 },
        }))
    }

    /// A legacy completion with this text.
    pub fn completion(text: &str) -> Answer {
        Answer::openai(&json!({
            "id": "cmpl-D0ubleD0uble",
            "object": "text_completion",
            "created": 1_780_000_000,
            "model": "gpt-3.5-turbo-instruct",
            "choices": [{ "text": text, "index": 0, "logprobs": null, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 40, "completion_tokens": 20, "total_tokens": 60 },
        }))
    }

    /// The list of models, none of which has an end.
    pub fn models(names: &[&str]) -> Answer {
        let models: Vec<(&str, Value)> = names.iter().map(|name| (*name, Value::Null)).collect();
        Answer::models_until(&models)
    }

    /// The list of models with their `shutdown_date`s.
    pub fn models_until(models: &[(&str, Value)]) -> Answer {
        let model = |(name, end): &(&str, Value)| json!({ "id": name, "object": "model", "created": 1_780_000_000, "owned_by": "system", "shutdown_date": end });
        let models: Vec<Value> = models.iter().map(model).collect();
        Answer::openai(&json!({ "object": "list", "data": models }))
    }

    /// The error envelope with this status; `kind` is its `type`. For retries add the headers
    /// `retry-after`, `retry-after-ms` or `x-should-retry` with [`Answer::header`].
    pub fn error(status: u16, kind: &str, code: &str, message: &str) -> Answer {
        Answer::error_of(status, kind, Some(code), None, message)
    }

    /// A 429 that passes with time; it carries no Retry-After of its own.
    pub fn rate_limited() -> Answer {
        let message = "Rate limit reached for gpt-image-2 on images per min. Limit: 5/1min.";
        Answer::error(429, "requests", "rate_limit_exceeded", message)
    }

    /// A 429 that no retry will cure.
    pub fn insufficient_quota() -> Answer {
        let message =
            "You exceeded your current quota, please check your plan and billing details.";
        Answer::error(429, "insufficient_quota", "insufficient_quota", message)
    }

    /// A 500 without a code.
    pub fn server_error() -> Answer {
        let message = "The server had an error while processing your request. Sorry about that!";
        Answer::error_of(500, "server_error", None, None, message)
    }

    /// A 401 that repeats a part of the key, as the real one does.
    pub fn wrong_key() -> Answer {
        let message = "Incorrect API key provided: sk-proj-********************abcd.";
        Answer::error(401, "invalid_request_error", "invalid_api_key", message)
    }

    /// A 404 for a model that does not exist or is no longer served.
    pub fn model_not_found(model: &str) -> Answer {
        let message =
            format!("The model '{model}' does not exist or you do not have access to it.");
        let kind = "invalid_request_error";
        Answer::error_of(404, kind, Some("model_not_found"), Some("model"), &message)
    }

    /// A 400 for a parameter that the model does not know.
    pub fn unknown_parameter(name: &str) -> Answer {
        let message = format!("Unknown parameter: '{name}'.");
        let kind = "invalid_request_error";
        Answer::error_of(400, kind, Some("unknown_parameter"), Some(name), &message)
    }

    /// The GPT image models' refusal of a prompt.
    pub fn moderation_blocked() -> Answer {
        let message = "Your request was rejected by the safety system. If you believe this is an error, contact us at help.openai.com and include the request ID req_1. safety_violations=[violence].";
        let kind = "image_generation_user_error";
        Answer::error_of(400, kind, Some("moderation_blocked"), Some(""), message)
    }

    /// dall-e's refusal of a prompt.
    pub fn safety_rejected() -> Answer {
        let message = "Your request was rejected as a result of our safety system. Your prompt may contain text that is not allowed by our safety system.";
        let kind = "invalid_request_error";
        Answer::error(400, kind, "content_policy_violation", message)
    }

    /// What the double itself says to a path or method that neither provider has.
    pub(super) fn invalid_url(method: &str, path: &str) -> Answer {
        let message = format!("Invalid URL ({method} {path})");
        Answer::error_of(404, "invalid_request_error", None, None, &message)
    }

    fn error_of(
        status: u16,
        kind: &str,
        code: Option<&str>,
        param: Option<&str>,
        message: &str,
    ) -> Answer {
        let error = json!({ "message": message, "type": kind, "param": param, "code": code });
        Answer::openai(&json!({ "error": error })).status(status)
    }

    fn openai(body: &Value) -> Answer {
        Answer::json(body).header("x-request-id", REQUEST_ID)
    }
}
