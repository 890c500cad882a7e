//! Cursors: only what this gallery gave is one, on every instance over the same store.

use crate::{
    azurite,
    service::{Answer, Service, client},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

async fn with_images(service: &Service) -> String {
    for prompt in ["a", "b", "c"] {
        let answer = service
            .generate(&json!({"prompt": prompt, "size": "64x64"}))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    cursor_of(service).await
}

async fn cursor_of(service: &Service) -> String {
    let page = service.get("/api/getImages?limit=1").await.json();
    page["nextCursor"].as_str().unwrap().to_owned()
}

async fn ask(service: &Service, cursor: &str) -> Answer {
    let path = format!("/api/getImages?limit=1&cursor={cursor}");
    service.get(&path).await
}

#[track_caller]
fn assert_refused(answer: &Answer, what: &str) {
    let problem = answer.assert_problem(400, "invalid_request");
    assert_eq!(problem["field"], "cursor", "{what}");
    assert_eq!(problem["imageUrls"], json!([]), "{what}");
}

#[tokio::test]
async fn a_cursor_with_any_bit_changed_or_cut_anywhere_is_refused() {
    let service = Service::start(&[]).await;
    let cursor = with_images(&service).await;
    assert_eq!(ask(&service, &cursor).await.status, 200);
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&cursor).unwrap();
    for index in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[index] ^= 1 << (index % 8);
        let flipped = BASE64_URL_SAFE_NO_PAD.encode(flipped);
        assert_refused(&ask(&service, &flipped).await, "flipped");
        let cut = BASE64_URL_SAFE_NO_PAD.encode(&bytes[..index]);
        // Nothing at all is no cursor, which is the first page.
        if index > 0 {
            assert_refused(&ask(&service, &cut).await, "cut");
        }
    }
    for what in [format!("{cursor}A"), format!("{cursor}="), cursor.repeat(2)] {
        assert_refused(&ask(&service, &what).await, &what);
    }
}

#[tokio::test]
async fn nobody_can_make_a_cursor_without_the_stores_secret() {
    let service = Service::start(&[]).await;
    let cursor = with_images(&service).await;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&cursor).unwrap();
    let mut forged: Value = serde_json::from_slice(&bytes[16..]).unwrap();
    forged["ours"]["p"]["m"] = "visionary-state".into();
    for tag in [&bytes[..16], &[0; 16]] {
        let forged = [tag, forged.to_string().as_bytes()].concat();
        let forged = BASE64_URL_SAFE_NO_PAD.encode(forged);
        assert_refused(&ask(&service, &forged).await, "forged");
    }
}

#[tokio::test]
async fn a_cursor_of_another_store_is_refused() {
    let folders = [Service::start(&[]).await, Service::start(&[]).await];
    let account = Service::on_azurite(&azurite::new_container("cursor")).await;
    let of_folder = with_images(&folders[0]).await;
    let of_account = with_images(&account).await;
    with_images(&folders[1]).await;
    assert_refused(&ask(&folders[1], &of_folder).await, "of another folder");
    assert_refused(&ask(&folders[0], &of_account).await, "of an account");
    assert_refused(&ask(&account, &of_folder).await, "of a folder");
}

#[tokio::test]
async fn every_instance_over_an_account_reads_the_others_cursors_and_gives_the_same_tag() {
    let container = azurite::new_container("instances");
    let one = Service::on_azurite(&container).await;
    let cursor = with_images(&one).await;
    let other = Service::on_azurite(&container).await;
    let ours = ask(&one, &cursor).await.json();
    let theirs = ask(&other, &cursor).await.json();
    assert_eq!(ours["imageUrls"][0]["id"], theirs["imageUrls"][0]["id"]);
    assert_eq!(ours["imageUrls"][0]["prompt"], "b");

    let tags = async || {
        let mut tags = Vec::new();
        for service in [&one, &other] {
            let ask = client().get(format!("{}/api/getImages", service.base()));
            let answer = Answer::of(ask.header("host", "pictures.example")).await;
            assert_eq!(answer.header("cache-control"), "private, no-cache");
            tags.push(answer.header("etag").to_owned());
        }
        tags
    };
    let mut before = tags().await;
    // The signatures change every 15 minutes: then once more.
    if before[0] != before[1] {
        before = tags().await;
    }
    assert_eq!(before[0], before[1]);
    let known = client().get(format!("{}/api/getImages", other.base()));
    let known = known.header("host", "pictures.example");
    let known = Answer::of(known.header("if-none-match", format!("\"x\", {}", before[0]))).await;
    if known.status != 304 {
        assert_ne!(
            known.header("etag"),
            before[0],
            "only a new window may differ"
        );
    }
    let id = ours["imageUrls"][0]["id"].as_str().unwrap();
    let removed = client().delete(format!("{}/api/images/{id}", one.base()));
    assert_eq!(Answer::of(removed).await.status, 403, "there is no API_KEY");
    one.generate(&json!({"prompt": "d", "size": "64x64"})).await;
    let mut after = tags().await;
    if after[0] != after[1] {
        after = tags().await;
    }
    assert_eq!(after[0], after[1]);
    assert_ne!(after[0], before[0]);
}
