//! Thumbnails over HTTP: made once, behind the answer or for whoever asks first, and a
//! placeholder for what has none.

use crate::{
    azurite,
    faulty_account::{Fault, FaultyAccount, Step},
    service::{Answer, Service, client, open},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use visionary::config::ServiceConfig;

const KEY: [(&str, &str); 1] = [("API_KEY", "sixteen letters.")];

const KEY_HEADER: &str = "x-api-key";

/// Over an account with faults.
async fn on_account(change: impl FnOnce(&mut ServiceConfig)) -> (FaultyAccount, Service, String) {
    let account = FaultyAccount::start().await;
    let connection = account.connection_string();
    let [images, state] = ["thumbs", "thumbs-state"].map(azurite::new_container);
    let settings = [
        KEY[0],
        ("AZURE_STORAGE_CONNECTION_STRING", connection.as_str()),
        ("IMAGES_CONTAINER", &images),
        ("STATE_CONTAINER", &state),
    ];
    let service = Service::start_with(&settings, change).await;
    (account, service, images)
}

async fn generate(service: &Service) -> Value {
    let body = json!({"prompt": "a", "size": "1024x768"});
    let answer = service.generate(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["imageList"][0].clone()
}

async fn thumbnail(service: &Service, id: &str) -> Answer {
    service.get(&format!("/api/thumbnails/{id}")).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Checks that it is a WebP, and returns its width and height in pixels.
fn webp_size(picture: &Answer) -> (u32, u32) {
    assert_eq!(
        (picture.status, picture.header("content-type")),
        (200, "image/webp")
    );
    let bytes = std::io::Cursor::new(&picture.body);
    image_webp::WebPDecoder::new(bytes).unwrap().dimensions()
}

/// Waits until the list points straight to the first image's thumbnail.
async fn known_thumbnail(service: &Service) -> String {
    let begin = Instant::now();
    loop {
        let list = service.get("/api/getImages").await.json();
        let url = text(&list["imageUrls"][0]["thumbnailUrl"]).to_owned();
        if url.contains("/thumbs/") {
            return url;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{url}");
    }
}

#[tokio::test]
async fn a_new_images_thumbnail_is_made_behind_its_answer() {
    let now = |config: &mut ServiceConfig| config.gallery.thumbnails.delay = Duration::ZERO;
    let folder = Service::start_with(&KEY, now).await;
    let (_account, account, _) = on_account(now).await;
    for service in [folder, account] {
        let made = generate(&service).await;
        let made_url = text(&made["thumbnailUrl"]);
        assert!(
            made_url.contains(&format!("/api/thumbnails/{}?", text(&made["id"]))),
            "{made_url}"
        );
        let picture = open(&known_thumbnail(&service).await).await;
        assert_eq!(webp_size(&picture), (512, 384));
        let list = service.get("/api/getImages").await.json();
        assert_eq!(
            list["imageUrls"].as_array().unwrap().len(),
            1,
            "no thumbnail is an image"
        );
        // The address that the answer gave leads there too.
        let led = open(made_url).await;
        assert_eq!(led.status, 307);
        assert_eq!(open(led.header("location")).await.body, picture.body);
    }
}

#[tokio::test]
async fn a_missing_one_is_made_once_for_all_who_ask() {
    let (account, service, _) = on_account(|_| {}).await;
    let made = generate(&service).await;
    let id = text(&made["id"]);
    account.heal();
    let go = Arc::new(Notify::new());
    account.script(Step::Read, [Fault::Held(go.clone())]);
    let asked = join_all((0..20).map(|_| thumbnail(&service, id)));
    let release = async {
        account.wait_for(Step::Read, 1).await;
        go.notify_one();
    };
    let (answers, ()) = tokio::join!(asked, release);
    for answer in answers {
        assert_eq!(answer.status, 307);
        assert!(
            answer
                .header("cache-control")
                .starts_with("private, max-age=")
        );
        assert_eq!(
            webp_size(&open(answer.header("location")).await),
            (512, 384)
        );
    }
    // One look for the thumbnail, one for the image, and one for whether it went meanwhile;
    // opening is 20 more reads.
    let asked = [Step::Look, Step::Read, Step::Blob].map(|step| account.seen(step));
    assert_eq!(asked, [3, 1 + 20, 1]);
    assert_eq!(thumbnail(&service, id).await.status, 307);
    assert_eq!(account.seen(Step::Look), 3, "it is known to be there");
}

#[tokio::test]
async fn one_that_another_instance_made_is_found_and_not_made_again() {
    let (account, service, images) = on_account(|_| {}).await;
    let made = generate(&service).await;
    account.heal();
    let connection = account.connection_string();
    let settings = [
        ("AZURE_STORAGE_CONNECTION_STRING", connection.as_str()),
        ("IMAGES_CONTAINER", &images),
    ];
    let other = Service::start(&settings).await;
    for service in [&service, &other] {
        assert_eq!(thumbnail(service, text(&made["id"])).await.status, 307);
    }
    assert_eq!((account.seen(Step::Read), account.seen(Step::Blob)), (1, 1));
}

/// A PNG that promises these dimensions, and holds nothing.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    drop(encoder.write_header().unwrap());
    bytes
}

fn picture() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 30, 20);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[7; 600]).unwrap();
    writer.finish().unwrap();
    bytes
}

#[tokio::test]
async fn what_is_no_usable_picture_has_a_placeholder_and_is_not_read_again_at_once() {
    let limits = |config: &mut ServiceConfig| config.gallery.thumbnails.most_image_bytes = 20_000;
    let service = Service::start_with(&[], limits).await;
    let images = service.folder().join("images");
    std::fs::create_dir_all(images.join("gallery/8219999999999")).unwrap();
    let whole = picture();
    let mut noisy = picture();
    noisy.resize(20_001, 0);
    let mut placeholders = Vec::new();
    for (name, bytes) in [
        ("bomb.png", bomb(60_000, 60_000)),
        ("wide.png", bomb(4_000_000, 1)),
        ("cut.png", whole[..whole.len() - 20].to_vec()),
        (
            "gallery/8219999999999/cut_1780000000000.png",
            whole[..40].to_vec(),
        ),
        ("text.png", b"this is no picture".to_vec()),
        ("empty.png", Vec::new()),
        ("large.png", noisy),
        ("page.html", b"<html>".to_vec()),
    ] {
        std::fs::write(images.join(name), bytes).unwrap();
        let id = BASE64_URL_SAFE_NO_PAD.encode(name);
        let answer = thumbnail(&service, &id).await;
        webp_size(&answer);
        assert_eq!(
            answer.header("cache-control"),
            "private, max-age=300",
            "{name}"
        );
        placeholders.push(answer.body);
        // It would have one now, but nobody looks.
        std::fs::write(images.join(name), &whole).unwrap();
        let again = thumbnail(&service, &id).await;
        assert_eq!(Some(&again.body), placeholders.last(), "{name}");
    }
    placeholders.dedup();
    assert_eq!(placeholders.len(), 1);
    assert!(!images.join("thumbs").exists());
}

#[tokio::test]
async fn an_unusable_picture_is_looked_at_again_later() {
    let now = |config: &mut ServiceConfig| config.gallery.thumbnails.unusable_for = Duration::ZERO;
    let service = Service::start_with(&[], now).await;
    let path = service.folder().join("images/x.png");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "").unwrap();
    let id = BASE64_URL_SAFE_NO_PAD.encode("x.png");
    assert_eq!(thumbnail(&service, &id).await.status, 200);
    std::fs::write(&path, picture()).unwrap();
    let answer = thumbnail(&service, &id).await;
    assert_eq!(webp_size(&open(answer.header("location")).await), (30, 20));
}

#[tokio::test]
async fn an_image_that_is_removed_while_its_thumbnail_is_made_leaves_no_orphan() {
    let (account, service, images) = on_account(|_| {}).await;
    let made = generate(&service).await;
    let id = text(&made["id"]);
    account.heal();
    let go = Arc::new(Notify::new());
    account.script(Step::Read, [Fault::AnswerHeld(go.clone())]);
    let remove = async {
        account.wait_for(Step::Read, 1).await;
        let ask = client().delete(format!("{}/api/images/{id}", service.base()));
        let removed = Answer::of(ask.header(KEY_HEADER, KEY[0].1)).await;
        assert_eq!(removed.status, 204);
        go.notify_one();
    };
    let (answer, ()) = tokio::join!(thumbnail(&service, id), remove);
    answer.assert_problem(404, "not_found");
    let path = BASE64_URL_SAFE_NO_PAD.decode(id).unwrap();
    let hash: String = Sha256::digest(path)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let signature = service.get("/api/generateSASToken").await.text();
    let url = format!(
        "{}/{images}/thumbs/{hash}.webp?{signature}",
        azurite::endpoint()
    );
    assert_eq!(account.seen(Step::Blob), 1, "it was made");
    assert_eq!(open(&url).await.status, 404, "and is gone");
    thumbnail(&service, id)
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_store_that_fails_is_an_error_that_is_not_remembered() {
    let (account, service, _) = on_account(|_| {}).await;
    let made = generate(&service).await;
    let id = text(&made["id"]);
    for step in [Step::Look, Step::Read, Step::Blob] {
        account.always(step, Fault::refused(403, "AuthorizationFailure"));
        thumbnail(&service, id)
            .await
            .assert_problem(502, "storage_error");
        account.heal();
    }
    assert_eq!(thumbnail(&service, id).await.status, 307);
}

#[tokio::test]
async fn who_waits_too_long_or_comes_when_too_many_wait_gets_a_placeholder_for_now() {
    let long = Duration::from_secs(3600);
    for (ahead, longest_wait) in [(0, Duration::from_millis(20)), (256, long)] {
        let change = |config: &mut ServiceConfig| {
            config.gallery.thumbnails.longest_wait = longest_wait;
        };
        let (account, service, _) = on_account(change).await;
        account.always(Step::Look, Fault::Silent);
        let client = client();
        let waiting = (0..ahead).map(|number| {
            let id = BASE64_URL_SAFE_NO_PAD.encode(format!("{number}.png"));
            let ask = client.get(format!("{}/api/thumbnails/{id}", service.base()));
            tokio::spawn(ask.header(KEY_HEADER, KEY[0].1).send())
        });
        let waiting: Vec<_> = waiting.collect();
        account.wait_for(Step::Look, ahead).await;
        let answer = thumbnail(&service, "bGFzdC5wbmc").await;
        webp_size(&answer);
        assert_eq!(answer.header("cache-control"), "no-store");
        waiting.iter().for_each(|asked| asked.abort());
    }
}
