//! `GET /api/images/{id}`: all that is known of one image, whoever stored it.

use crate::{
    azurite,
    service::{Answer, Service, client, open_stored},
    upstream::{self, Upstream, picture},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

async fn details(service: &Service, image: &Value) -> Value {
    let id = image["id"].as_str().unwrap();
    let answer = service.get(&format!("/api/images/{id}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    answer.json()
}

async fn first(service: &Service) -> Value {
    service.get("/api/getImages?limit=1").await.json()["imageUrls"][0].clone()
}

/// An answer of a model that tells all it can.
fn telling_answer() -> upstream::Answer {
    let picture = picture::png(40, 30);
    upstream::Answer::json(&json!({
        "created": 1_780_000_000,
        "data": [{
            "b64_json": BASE64_STANDARD.encode(&picture),
            "revised_prompt": "A red fox, \u{732b} in oil.",
        }],
        "output_format": "png",
        "quality": "high",
        "size": "40x30",
        "usage": {"input_tokens": 12, "output_tokens": 5, "total_tokens": 17},
    }))
    .header("x-request-id", "req_upstream_1")
}

#[tokio::test]
async fn an_image_tells_all_that_was_known_when_it_was_made() {
    let upstream = Upstream::start().await;
    upstream.always(telling_answer());
    let (base_url, account) = (upstream.base_url(), azurite::connection_string());
    let [images, state] = ["details", "details-state"].map(azurite::new_container);
    let on_account = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("AZURE_STORAGE_CONNECTION_STRING", &account),
        ("IMAGES_CONTAINER", &images),
        ("STATE_CONTAINER", &state),
    ];
    let folder = Service::over(&upstream, &[]).await;
    let account = Service::start(&on_account).await;
    for service in [folder, account] {
        let body = json!({"prompt": "a red fox", "quality": "high"});
        let made = service.generate(&body).await;
        assert_eq!(made.status, 200, "{}", made.text());
        let listed = first(&service).await;
        let mut details = details(&service, &listed).await;
        let told = details.as_object_mut().unwrap();
        let operation = told.remove("operation").unwrap();
        assert!(operation.as_str().is_some_and(|mark| !mark.is_empty()));
        let id = made.json()["object"]["operationId"].clone();
        assert_ne!(operation, id, "the id would open the operation");
        // All that the list tells, and more.
        let mut expected = listed.clone();
        let more = json!({
            "revisedPrompt": "A red fox, \u{732b} in oil.",
            "provider": "openai",
            "quality": "high",
            "usage": {"input_tokens": 12, "output_tokens": 5, "total_tokens": 17},
            "requestId": made.header("x-request-id"),
            "upstreamRequestId": "req_upstream_1",
        });
        let more = more.as_object().unwrap().clone();
        expected.as_object_mut().unwrap().extend(more);
        assert_eq!(details, expected);
        assert_eq!(listed["size"], "40x30");
    }
}

#[tokio::test]
async fn a_picture_that_the_demo_painted_can_be_painted_again() {
    let service = Service::start(&[]).await;
    service
        .generate(&json!({"prompt": "a", "size": "64x64", "seed": 7, "n": 2}))
        .await;
    let list = service.get("/api/getImages").await.json();
    let mut seeds = Vec::new();
    for image in list["imageUrls"].as_array().unwrap() {
        let details = details(&service, image).await;
        assert_eq!(
            (&details["provider"], &details["model"]),
            (&json!("demo"), &json!("demo"))
        );
        seeds.push(details["seed"].as_u64().unwrap());
    }
    seeds.sort_unstable();
    assert_eq!(seeds, [7, 8]);
}

#[tokio::test]
async fn a_prompt_that_is_too_long_for_metadata_comes_back_whole() {
    let service = Service::start(&[]).await;
    let prompt = "a \u{1f408} on \u{732b}\u{5c4b}\u{6839}, 100 % \"oil\". ".repeat(700);
    let prompt = prompt.trim();
    let made = service
        .generate(&json!({"prompt": prompt, "size": "64x64"}))
        .await;
    assert_eq!(made.status, 200, "{}", made.text());
    let listed = first(&service).await;
    let in_list = listed["prompt"].as_str().unwrap();
    assert!(in_list.len() < prompt.len() && prompt.starts_with(in_list.trim_end_matches('…')));
    let whole = details(&service, &listed).await;
    assert_eq!(whole["prompt"], prompt);
    assert_eq!(whole.get("promptTruncated"), None);
    // Where the whole one is lost, it says so.
    std::fs::remove_dir_all(service.folder().join("state/prompts")).unwrap();
    let cut = details(&service, &listed).await;
    assert_eq!(
        (&cut["prompt"], &cut["promptTruncated"]),
        (&listed["prompt"], &json!(true))
    );
}

#[tokio::test]
async fn a_foreign_image_tells_what_its_name_and_its_bytes_do() {
    let service = Service::start(&[]).await;
    let images = service.folder().join("images");
    std::fs::create_dir_all(images.join("holiday")).unwrap();
    std::fs::write(images.join("holiday/old cat_1680000000000.jpg"), "xyz").unwrap();
    let listed = first(&service).await;
    let details = details(&service, &listed).await;
    assert_eq!(details, listed, "nothing else is known");
    assert_eq!(details["prompt"], "old cat");
    assert_eq!(details["createdAt"], "2023-03-28T10:40:00.000Z");
    assert_eq!(details["sizeBytes"], 3);
}

#[tokio::test]
async fn what_no_image_has_is_not_found() {
    let service = Service::start(&[]).await;
    let id = |path: &str| BASE64_URL_SAFE_NO_PAD.encode(path);
    for id in [
        "x".to_owned(),
        "%00".to_owned(),
        "..%2F..%2Fstate".to_owned(),
        "YQ==".to_owned(),
        "A".repeat(8000),
        id("missing.png"),
        id("../state/prompts/x"),
        id("/etc/passwd"),
        id("gallery/../thumbs/x.webp"),
        id("thumbs/x.webp"),
        id("a\u{0}b"),
        id("a//b"),
        id("gallery"),
        BASE64_URL_SAFE_NO_PAD.encode([0xff, 0xfe]),
    ] {
        for folder in ["images", "thumbnails"] {
            let answer = service.get(&format!("/api/{folder}/{id}")).await;
            answer.assert_problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn a_stored_png_carries_its_texts_and_the_same_pixels() {
    let upstream = Upstream::start().await;
    upstream.always(telling_answer());
    let service = Service::over(&upstream, &[]).await;
    let made = service
        .generate(&json!({"prompt": "ein Fuchs, \u{732b}"}))
        .await
        .json();
    let listed = first(&service).await;
    let stored = open_stored(listed["url"].as_str().unwrap()).await.body;
    let original = picture::png(40, 30);
    assert!(stored.len() > original.len());
    assert_eq!(listed["sizeBytes"], stored.len());
    assert_eq!(made["imageList"][0]["sizeBytes"], stored.len());
    let (pixels, texts) = decode(&stored);
    assert_eq!(pixels, decode(&original).0);
    let all: String = texts.values().map(String::as_str).collect();
    for expected in [
        "ein Fuchs, \u{732b}",
        "A red fox, \u{732b} in oil.",
        "openai",
    ] {
        assert!(all.contains(expected), "{texts:?}");
    }
}

#[tokio::test]
async fn a_path_says_which_methods_it_has() {
    let service = Service::start(&[]).await;
    for (path, method, allowed) in [
        ("images/x", "PUT", "GET, HEAD, OPTIONS, DELETE"),
        ("images/x", "POST", "GET, HEAD, OPTIONS, DELETE"),
        ("thumbnails/x", "DELETE", "GET, HEAD, OPTIONS"),
    ] {
        let method = method.parse().unwrap();
        let ask = client().request(method, format!("{}/api/{path}", service.base()));
        let answer = Answer::of(ask).await;
        answer.assert_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allowed, "{path}");
    }
}

/// The pixels, and each text by its keyword.
fn decode(bytes: &[u8]) -> (Vec<u8>, BTreeMap<String, String>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    let info = reader.info();
    let mut texts = BTreeMap::new();
    for chunk in &info.uncompressed_latin1_text {
        texts.insert(chunk.keyword.clone(), chunk.text.clone());
    }
    for chunk in &info.utf8_text {
        texts.insert(chunk.keyword.clone(), chunk.get_text().unwrap());
    }
    (pixels, texts)
}
