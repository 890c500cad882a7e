//! A client that does what the existing front ends do, over the same headers, and reads of an
//! answer what they read. Their Next.js routes run on Node, whose `fetch` sets the headers.
#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed call must stop its test

use reqwest::{
    Client, RequestBuilder,
    header::{HeaderMap, HeaderValue},
};
use serde_json::{Value, json};

/// What the gallery shows, in its order: name and URL of each picture. As in the front ends the
/// status is not looked at, and a body without `imageUrls` is an empty gallery.
pub async fn get_images(base: &str) -> Vec<(String, String)> {
    let text = text_of(client().get(format!("{base}/api/getImages"))).await;
    let images: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("the gallery would answer 500, {error}: {text}"));
    let Some(image_urls) = images["imageUrls"].as_array() else {
        return Vec::new();
    };
    let field = |image: &Value, field: &str| match image[field].as_str() {
        Some(text) => text.to_owned(),
        None => panic!("the gallery needs the string {field} in {image}"),
    };
    let pair = |image| (field(image, "name"), field(image, "url"));
    image_urls.iter().map(pair).collect()
}

/// The prompt under a picture: the name up to its first `_`, then up to the first `.`.
pub fn prompt_shown(name: &str) -> &str {
    let before_underscore = name.split('_').next().unwrap_or_default();
    before_underscore.split('.').next().unwrap_or_default()
}

/// The number that the original's server sorts by, newest first: what stands between the last `_`
/// and the next `.`, as JavaScript turns text into a number; NaN for foreign names.
pub fn timestamp_of(name: &str) -> f64 {
    let after_underscore = name.split('_').next_back().unwrap_or_default();
    let text = after_underscore
        .split('.')
        .next()
        .unwrap_or_default()
        .trim();
    let is_plain = text.chars().all(|character| character.is_ascii_digit());
    match text {
        "" => 0.0,
        digits if is_plain => digits.parse().unwrap_or(f64::NAN),
        _ => f64::NAN,
    }
}

/// Posts a prompt; returns the text that the front end wraps as `textData` and takes for a success.
pub async fn generate_image(base: &str, prompt: &str) -> String {
    let request = client()
        .post(format!("{base}/api/generateImage"))
        .header("content-type", "application/json")
        .body(json!({ "prompt": prompt }).to_string());
    text_of(request).await
}

/// The suggestion as the text box shows it.
pub async fn suggestion(base: &str) -> String {
    let text = text_of(client().get(format!("{base}/api/getChatGPTSuggestion"))).await;
    text.trim().to_owned()
}

async fn text_of(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    let encoding = response.headers().get("content-encoding").cloned();
    assert_eq!(encoding, None, "this client does not decompress, Node does");
    let bytes = response.bytes().await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The headers of `fetch` in Node 20, as they were seen on the wire.
fn client() -> Client {
    // A second installation is refused, and the first one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let headers = [
        ("accept", "*/*"),
        ("accept-language", "*"),
        ("sec-fetch-mode", "cors"),
        ("user-agent", "node"),
        ("accept-encoding", "gzip, deflate"),
    ];
    let headers: HeaderMap = headers
        .into_iter()
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .collect();
    Client::builder()
        .default_headers(headers)
        .no_proxy()
        .build()
        .unwrap()
}
