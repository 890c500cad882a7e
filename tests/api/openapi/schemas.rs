//! What generated clients need of schemas. A `default` is sent by some and required by others, and
//! a `oneOf` with `null` becomes a class without members.

use super::operations;
use crate::description::DOCUMENT;
use serde_json::{Value, json};

/// A schema and all within it, with those that it refers to, each with its place.
fn schemas_within(schema: &'static Value, place: &str, found: &mut Vec<(String, &'static Value)>) {
    match schema {
        Value::Object(members) => {
            found.push((place.to_owned(), schema));
            if let Some(reference) = schema["$ref"].as_str() {
                let pointer = reference.trim_start_matches('#');
                if !found.iter().any(|(place, _)| place == pointer) {
                    schemas_within(DOCUMENT.pointer(pointer).unwrap(), pointer, found);
                }
            }
            for (name, member) in members {
                schemas_within(member, &format!("{place}/{name}"), found);
            }
        }
        Value::Array(schemas) => {
            for (index, schema) in schemas.iter().enumerate() {
                schemas_within(schema, &format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Every schema of what callers send: parameters and bodies.
fn request_schemas() -> Vec<(String, &'static Value)> {
    let mut found = Vec::new();
    for (route, method, operation) in operations() {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let contents = operation["requestBody"]["content"].as_object();
        let contents = contents.into_iter().flatten().map(|(_, content)| content);
        for (index, told) in parameters.chain(contents).enumerate() {
            let place = format!("{method} {route} {index}");
            schemas_within(&told["schema"], &place, &mut found);
        }
    }
    found
}

#[test]
fn no_request_schema_has_a_default() {
    let schemas = request_schemas();
    assert!(schemas.len() > 100, "{}", schemas.len());
    for (place, schema) in schemas {
        assert!(schema.get("default").is_none(), "{place}: {schema}");
    }
}

#[test]
fn the_descriptions_of_fields_say_their_defaults() {
    for (body, field, default) in [
        ("GenerateImageBody", "n", "1"),
        ("GenerateImageBody", "response_format", "`url`"),
        ("GenerateImageBody", "outputKey", "`imageList`"),
        ("GenerateImageBody", "partial_images", "2"),
        ("GenerateImageBody", "maxRetries", "2"),
        ("GenerateImageBody", "retryPaid", "false"),
        ("GenerateBody", "maxRetries", "2"),
        ("GenerateBody", "retryPaid", "false"),
        ("GenerateBody", "save", "false"),
    ] {
        let told = &DOCUMENT["components"]["schemas"][body]["properties"][field];
        let description = told["description"].as_str().unwrap();
        let sentence = format!("Default: {default}.");
        let words: Vec<&str> = description.split_whitespace().collect();
        assert!(
            words.join(" ").ends_with(&sentence),
            "{field}: {description}"
        );
    }
}

#[test]
fn what_may_be_null_says_so_in_its_type() {
    let mut all = Vec::new();
    schemas_within(&DOCUMENT, "", &mut all);
    let null = json!({"type": "null"});
    let (mut words, mut numbers) = (0, 0);
    for (place, schema) in all {
        for keyword in ["oneOf", "anyOf"] {
            let choices = schema[keyword].as_array().into_iter().flatten();
            assert!(
                choices.clone().all(|choice| *choice != null),
                "{place}: {schema}"
            );
        }
        let types = schema["type"].as_array().into_iter().flatten();
        let types: Vec<&str> = types.map(|kind| kind.as_str().unwrap()).collect();
        if let (Some(choices), false) = (schema["enum"].as_array(), types.is_empty()) {
            assert_eq!(types, ["string", "null"], "{place}");
            assert_eq!(choices.last(), Some(&Value::Null), "{place}");
            words += 1;
        }
        numbers += usize::from(
            ["integer", "number"]
                .iter()
                .any(|kind| types.contains(kind)),
        );
    }
    assert_eq!(
        words, 5,
        "style, response_format, output_format, background, moderation"
    );
    assert!(numbers > 10, "{numbers}");
}

/// Kiota's extension for the message of its exceptions
/// (<https://learn.microsoft.com/openapi/kiota/errors>).
#[test]
fn a_problems_sentence_is_the_message_of_generated_exceptions() {
    let fields = DOCUMENT["components"]["schemas"]["Problem"]["properties"].as_object();
    let primary = "x-ms-primary-error-message";
    let marked = fields
        .unwrap()
        .iter()
        .filter(|(_, told)| told.get(primary).is_some());
    let marked: Vec<_> = marked
        .map(|(name, told)| (name.as_str(), &told[primary]))
        .collect();
    assert_eq!(marked, [("detail", &json!(true))]);
}

#[test]
fn the_event_stream_refers_to_what_its_events_hold() {
    let pointer = "/paths/~1generateImage/post/responses/200/content/text~1event-stream/schema";
    let mut found = Vec::new();
    schemas_within(DOCUMENT.pointer(pointer).unwrap(), "", &mut found);
    for name in ["PartialImage", "GeneratedImages", "Problem"] {
        let reference = format!("#/components/schemas/{name}");
        let is_there = found
            .iter()
            .any(|(_, schema)| schema["$ref"] == reference.as_str());
        assert!(is_there, "{name}");
    }
}
