//! What an image cost, as the provider counted: in the answer, and beside the stored image.

use crate::{
    service::Service,
    upstream::{Answer, Upstream, picture},
};
use serde_json::{Value, json};
use std::path::Path;

/// The metadata of every stored image.
fn stored_metadata(service: &Service) -> Vec<Value> {
    fn collect(folder: &Path, found: &mut Vec<Value>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let properties: Value = serde_json::from_str(&text).unwrap();
            found.push(properties["metadata"].clone());
        }
    }
    let mut found = Vec::new();
    collect(&service.folder().join("properties/images"), &mut found);
    found
}

/// The counts that one image carries, read back as any reader of the blob would.
fn counts(metadata: &Value) -> Value {
    let text = metadata["usage"].as_str().unwrap();
    assert!(text.is_ascii() && !text.contains(['{', '"', ' ']), "{text}");
    let text = percent_encoding::percent_decode_str(text);
    serde_json::from_str(&text.decode_utf8().unwrap()).unwrap()
}

#[tokio::test]
async fn what_an_image_cost_is_kept_beside_it() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let answer = service.generate(&json!({"prompt": "a"})).await.json();
    let stored = stored_metadata(&service);
    assert_eq!(stored.len(), 1);
    let counts = counts(&stored[0]);
    assert_eq!(counts["output_tokens_details"]["image_tokens"], 1056);
    assert_eq!(counts, answer["object"]["usage"]);
    assert_eq!(stored[0].get("usage_images"), None);
}

#[tokio::test]
async fn images_of_one_call_share_its_counts_and_say_so() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let answer = service.generate(&json!({"prompt": "a", "n": 2})).await;
    let usage = answer.json()["object"]["usage"].clone();
    assert_eq!(usage["output_tokens"], 2112);
    let stored = stored_metadata(&service);
    assert_eq!(stored.len(), 2);
    for metadata in stored {
        assert_eq!(counts(&metadata), usage);
        assert_eq!(metadata["usage_images"], "2");
    }
    assert_eq!(upstream.requests_to("/images/generations").len(), 1);
}

#[tokio::test]
async fn images_of_two_calls_have_their_own_counts_and_the_answer_has_the_sum() {
    let upstream = Upstream::start().await;
    for total_tokens in [100, 23] {
        upstream.push(answer_with(json!({"total_tokens": total_tokens})));
    }
    let service = Service::over(&upstream, &[("OPENAI_IMAGE_MODEL", "dall-e-3")]).await;
    let answer = service.generate(&json!({"prompt": "a", "n": 2})).await;
    assert_eq!(
        answer.json()["object"]["usage"],
        json!({"total_tokens": 123})
    );
    let stored = stored_metadata(&service);
    let mut totals: Vec<i64> = stored
        .iter()
        .map(|metadata| counts(metadata)["total_tokens"].as_i64().unwrap())
        .collect();
    totals.sort_unstable();
    assert_eq!(totals, [23, 100]);
    for metadata in stored {
        assert_eq!(metadata.get("usage_images"), None);
    }
}

#[tokio::test]
async fn counts_that_are_missing_or_endless_cost_no_image() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    upstream.push(answer_with(Value::Null));
    upstream.push(answer_with(json!({"note": "🐈".repeat(5000)})));
    for prompt in ["a", "b"] {
        let answer = service.generate(&json!({"prompt": prompt})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let stored = stored_metadata(&service);
    assert_eq!(stored.len(), 2);
    for metadata in stored {
        assert_eq!(metadata.get("usage"), None);
        assert_eq!(metadata["model"], "gpt-image-2.5-flare");
    }
}

fn answer_with(usage: Value) -> Answer {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let picture = BASE64_STANDARD.encode(picture::small_png());
    Answer::json(&json!({"created": 1, "data": [{"b64_json": picture}], "usage": usage}))
}
