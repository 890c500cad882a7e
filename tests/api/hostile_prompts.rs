//! Prompts that broke the original: each must be stored, listed whole, and open by its address.

use crate::{
    azurite, frontend,
    service::{Service, open},
};
use serde_json::json;

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

async fn check(service: &Service) {
    for prompt in prompts() {
        let shown: String = prompt.chars().take(40).collect();
        let body = json!({"prompt": prompt, "size": "64x64"});
        let answer = service.generate(&body).await;
        assert_eq!(answer.status, 200, "{shown:?}: {}", answer.text());
        let list = service.get("/api/getImages?limit=1").await.json();
        let image = &list["imageUrls"][0];
        let name = image["name"].as_str().unwrap();
        let title = name.rsplit_once('_').unwrap().0;
        assert!(
            !title.is_empty() && title.chars().count() <= 120,
            "{name:?}"
        );
        assert!(
            !title.contains(|c: char| c.is_control() || "_./\\?#%\"<>|*:".contains(c)),
            "{name:?}"
        );
        assert_eq!(frontend::prompt_shown(name), title);
        assert!(frontend::timestamp_of(name) > 1.7e12, "{name:?}");
        let kept = image["prompt"].as_str().unwrap();
        match prompt.chars().count() {
            0..=100 => assert_eq!(kept, prompt.trim(), "the whole prompt is kept"),
            _ => {
                let encoded: usize = kept
                    .chars()
                    .map(|c| if c.is_ascii() { 1 } else { 3 * c.len_utf8() })
                    .sum();
                assert!(prompt.starts_with(kept), "{shown:?}");
                assert!(
                    encoded > 6 * 1024,
                    "all that fits in 8 KB is kept, not {encoded} bytes"
                );
            }
        }
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
