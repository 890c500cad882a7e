//! Prompts that broke the original: each must be stored, listed whole, and open by its address.

mod generated;

use crate::{
    azurite, frontend,
    service::{Answer, Service, client, open},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    io::Cursor,
};

fn prompts() -> Vec<String> {
    let mut prompts: Vec<String> = [
        "why? is it #1",
        "100% wool",
        "a%20b",
        "line one\nline two\r\nand three",
        "a/b/c",
        "../../etc/passwd",
        "..",
        "/",
        "C:\\temp\\x",
        "bell \u{7} and null \u{0} and escape \u{1b}[31m",
        "c1 \u{85} \u{9b}",
        "noncharacters \u{fffe} \u{ffff} \u{fdd0}",
        "A cat. Oil painting.",
        "snake_case_prompt",
        "<script>alert(\"x\")</script>",
        "a*b|c:d",
        "🐈‍⬛ on a 🛋️ 👩🏽‍🚀",
        "قطة سوداء على سطح",
        "abc\u{202e}gnp.exe",
        "猫が屋根の上にいる。月がきれい。",
        "'; DROP TABLE images; --",
        "\u{feff}byte order mark",
        "?sv=2020&sig=x#fragment&amp;",
        "_",
        "....",
    ]
    .map(str::to_owned)
    .into();
    prompts.push("x".repeat(32_000));
    prompts.push("長".repeat(32_000));
    prompts.push("\u{1f408}".repeat(1000));
    prompts
}

/// Names are for front ends, paths and file systems.
fn check_name(name: &str) {
    let title = name.rsplit_once('_').unwrap().0;
    let length = title.chars().count();
    assert!((1..=120).contains(&length), "{name:?}");
    assert!(
        !title.contains(|c: char| c.is_control() || "_./\\?#%\"<>|*:".contains(c)),
        "{name:?}"
    );
    assert_eq!(frontend::prompt_shown(name), title);
    assert!(frontend::timestamp_of(name) > 1.7e12, "{name:?}");
}

/// Whether the whole prompt is kept. Only what does not fit in 8 KB may be cut, and then as much
/// is kept as fits.
fn is_kept_whole(prompt: &str, kept: &str) -> bool {
    let encoded = |c: char| match c {
        '-' | '.' | '_' | ',' => 1,
        c if c.is_ascii_alphanumeric() => 1,
        c => 3 * c.len_utf8(),
    };
    let shown: String = prompt.chars().take(40).collect();
    assert!(prompt.trim().starts_with(kept), "{shown:?}: {kept:?}");
    let bytes: usize = kept.chars().map(encoded).sum();
    let is_whole = prompt.trim() == kept;
    assert!(is_whole || bytes > 6 * 1024, "{shown:?}: {bytes} bytes");
    is_whole
}

async fn check(service: &Service) {
    for prompt in prompts() {
        let shown: String = prompt.chars().take(40).collect();
        let body = json!({"prompt": prompt, "size": "64x64"});
        let answer = service.generate(&body).await;
        assert_eq!(answer.status, 200, "{shown:?}: {}", answer.text());
        let list = service.get("/api/getImages?limit=1").await.json();
        let image = &list["imageUrls"][0];
        check_name(image["name"].as_str().unwrap());
        is_kept_whole(&prompt, image["prompt"].as_str().unwrap());
        let url = image["url"].as_str().unwrap();
        assert!(url.is_ascii(), "{url}");
        let stored = open(url).await;
        assert_eq!(
            (stored.status, stored.header("content-type")),
            (200, "image/png"),
            "{shown:?}"
        );
    }
    let all = frontend::get_images(&service.base()).await;
    assert_eq!(all.len(), prompts().len());
}

#[tokio::test]
async fn every_prompt_is_stored_listed_and_opens_in_a_folder() {
    check(&Service::start(&[]).await).await;
}

#[tokio::test]
async fn every_prompt_is_stored_listed_and_opens_on_azurite() {
    check(&Service::on_azurite(&azurite::new_container("prompts")).await).await;
}

const AT_ONCE: usize = 16;

/// Generates an image of each prompt; the answers' images, which name theirs in `of`.
async fn generate_all(
    service: &Service,
    client: &reqwest::Client,
    prompts: &[String],
) -> Vec<Value> {
    let address = format!("{}/api/generateImage", service.base());
    let requests = prompts.iter().enumerate().map(|(number, prompt)| {
        let body = json!({"prompt": prompt, "size": "64x64", "response_format": "b64_json"});
        let request = client.post(&address).body(body.to_string());
        let request = request.header("accept", "application/json");
        async move {
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, 200, "{prompt:?}: {}", answer.text());
            let mut image = answer.json()["imageList"][0].take();
            image["of"] = json!(number);
            image
        }
    });
    stream::iter(requests)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// Every image of the gallery, page by page.
async fn list_all(service: &Service) -> Vec<Value> {
    let (mut all, mut path) = (Vec::new(), "/api/getImages?limit=1000".to_owned());
    loop {
        let mut page = service.get(&path).await.json();
        let Value::Array(images) = page["imageUrls"].take() else {
            panic!("no images in {page}");
        };
        assert!(images.len() <= 1000);
        all.extend(images);
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("/api/getImages?limit=1000&cursor={cursor}"),
            None => return all,
        }
    }
}

fn pixels(picture: &[u8]) -> Vec<u8> {
    let mut reader = png::Decoder::new(Cursor::new(picture)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    reader.finish().unwrap();
    pixels
}

/// Opens an image of the list by its address: it shows what was generated for its prompt, and
/// its metadata says whether that is all of the prompt.
async fn check_stored(client: &reqwest::Client, listed: &Value, generated: &Value, prompt: &str) {
    let kept = listed["prompt"].as_str().unwrap();
    let is_whole = is_kept_whole(prompt, kept);
    let stored = Answer::of(client.get(listed["url"].as_str().unwrap())).await;
    assert_eq!(stored.status, 200, "{prompt:?}: {}", listed["url"]);
    assert_eq!(stored.header("content-type"), "image/png");
    assert_eq!(listed["sizeBytes"], stored.body.len());
    let answered = generated["b64_json"].as_str().unwrap();
    let answered = BASE64_STANDARD.decode(answered).unwrap();
    assert_eq!(pixels(&stored.body), pixels(&answered), "{prompt:?}");
    let metadata = stored.header("x-ms-meta-prompt");
    let metadata = percent_encoding::percent_decode_str(metadata).decode_utf8();
    assert_eq!(metadata.unwrap(), kept);
    let mark = stored.header("x-ms-meta-prompt_truncated");
    assert_eq!(mark, if is_whole { "" } else { "true" }, "{prompt:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_generated_prompts_are_stored_listed_whole_and_open_on_azurite() {
    println!("the seed is {:?}", str::from_utf8(&generated::SEED)); // shown when it fails
    let mut prompts = prompts();
    prompts.extend(generated::prompts(1000));
    let service = Service::on_azurite(&azurite::new_container("thousand")).await;
    let client = client();
    let generated = generate_all(&service, &client, &prompts).await;
    let generated: HashMap<&str, &Value> = generated
        .iter()
        .map(|image| (image["id"].as_str().unwrap(), image))
        .collect();
    let listed = list_all(&service).await;
    assert_eq!(
        (generated.len(), listed.len()),
        (prompts.len(), prompts.len())
    );
    let field = |image: &Value, name: &str| image[name].as_str().unwrap().to_owned();
    assert!(listed.is_sorted_by(|one, next| field(one, "createdAt") >= field(next, "createdAt")));
    let names: HashSet<String> = listed.iter().map(|image| field(image, "name")).collect();
    assert_eq!(names.len(), prompts.len(), "names are unique");
    names.iter().for_each(|name| check_name(name));
    let checks = listed.iter().map(|image| {
        let answer = generated[image["id"].as_str().unwrap()];
        let of = usize::try_from(answer["of"].as_u64().unwrap()).unwrap();
        check_stored(&client, image, answer, &prompts[of])
    });
    stream::iter(checks)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}
