//! What a type cannot say of a body: which fields exclude or need one another. Written as JSON
//! Schema, since utoipa has no such keywords.

use crate::images::CONFLICTS;
use serde_json::{Value, json};

/// Adds the rules of `generateImage` to the schema of its body, and to that of its answer the
/// name that its list has unless a request gives it another.
pub(super) fn add(document: &mut Value, max_images: u8) {
    let body = &mut document["components"]["schemas"]["GenerateImageBody"];
    body["properties"]["n"]["maximum"] = max_images.into();
    body["properties"]["outputKey"]["not"] = json!({"enum": ["message", "object", "warnings"]});
    let mut rules = vec![
        json!({"anyOf": [given("prompt"), given("instruction"), given("text")]}),
        json!({"anyOf": [
            {"allOf": [given("width"), given("height"), none("size")]},
            {"allOf": [none("width"), none("height")]},
        ]}),
        // Families without an output_format drop it instead.
        json!({"anyOf": [none("output_compression"), is("output_format", &["jpeg", "webp"])]}),
        json!({"not": {"allOf": [is("background", &["transparent"]), is("output_format", &["jpeg"])]}}),
    ];
    let conflicts = CONFLICTS.iter();
    rules.extend(
        conflicts.map(|(one, other)| json!({"not": {"allOf": [given(one), given(other)]}})),
    );
    body["allOf"] = rules.into();
    let answer = &mut document["components"]["schemas"]["GeneratedImages"];
    answer["properties"]["imageList"] = answer["additionalProperties"].clone();
}

/// It is there and not `null`.
fn given(name: &str) -> Value {
    json!({"required": [name], "properties": {name: {"not": {"type": "null"}}}})
}

fn none(name: &str) -> Value {
    json!({"not": given(name)})
}

fn is(name: &str, words: &[&str]) -> Value {
    json!({"required": [name], "properties": {name: {"enum": words}}})
}
