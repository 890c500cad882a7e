//! Refused content: Azure's inner error, sentences that come without a code, and what was found.

use super::quote;
use serde_json::Value;

/// How refusals begin at OpenAI and Azure. Whole beginnings, for a sentence about something else
/// may quote a prompt that speaks of safety systems.
const SENTENCES: [&str; 6] = [
    "Your request was rejected by the safety system",
    "Your request was rejected as a result of our safety system",
    "Your task failed as a result of our safety system",
    "Generated image was filtered as a result of our safety system",
    "This request has been blocked by our content filters",
    "The response was filtered due to the prompt triggering",
];

/// More categories than any provider has.
const MOST_CATEGORIES: usize = 20;

pub(super) fn is_sentence(message: &str) -> bool {
    SENTENCES.iter().any(|start| message.starts_with(start))
}

/// `inner_error` for images, `innererror` for chats.
pub(super) fn inner_error(error: &Value) -> Option<&Value> {
    error.get("inner_error").or_else(|| error.get("innererror"))
}

/// What was found: Azure lists filters with a verdict each, OpenAI writes
/// `safety_violations=[violence, sexual]` into its sentence.
pub(super) fn categories(error: &Value, message: &str) -> Vec<String> {
    let filtered = inner_error(error).and_then(|inner| {
        let results = inner.get("content_filter_results");
        results
            .or_else(|| inner.get("content_filter_result"))?
            .as_object()
    });
    let filtered = filtered.into_iter().flatten();
    let filtered = filtered
        .filter(|(_, verdict)| is_caught(verdict))
        .map(|(category, _)| category.as_str());
    let listed = message
        .split_once("safety_violations=[")
        .and_then(|(_, rest)| rest.split_once(']'));
    let listed = listed.map(|(list, _)| list).unwrap_or_default();
    let mut categories: Vec<String> = Vec::new();
    for category in filtered.chain(listed.split(',').map(str::trim)) {
        if let Some(category) = quote::word(category)
            && !categories.contains(&category)
        {
            categories.push(category);
        }
    }
    categories.truncate(MOST_CATEGORIES);
    categories
}

fn is_caught(verdict: &Value) -> bool {
    let says = |name| verdict.get(name) == Some(&Value::Bool(true));
    says("filtered") || says("detected")
}
