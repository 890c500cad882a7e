//! The doubles are what they claim to be.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // how a test fails

#[path = "support/frontend.rs"]
mod frontend;
#[path = "support/list_account.rs"]
mod list_account;
#[path = "doubles/listing.rs"]
mod listing;
#[path = "support/upstream.rs"]
mod upstream;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use upstream::{Answer, Gate, Upstream, picture};

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn post(url: String) -> Result<(u16, reqwest::header::HeaderMap, Vec<u8>), reqwest::Error> {
    let response = client()
        .post(url)
        .body(json!({"prompt": "x"}).to_string())
        .send()
        .await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok((status, headers, response.bytes().await?.to_vec()))
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_script_then_always_then_healthy() {
    let upstream = Upstream::start().await;
    let url = format!("{}/images/generations", upstream.base_url());
    upstream.push(Answer::rate_limited().header("retry-after-ms", "5"));
    upstream.push(Answer::server_error());
    let (status, headers, body) = post(url.clone()).await.unwrap();
    assert_eq!(
        (status, &headers["retry-after-ms"]),
        (429, &"5".parse().unwrap())
    );
    assert_eq!(json_of(&body)["error"]["code"], "rate_limit_exceeded");
    assert_eq!(post(url.clone()).await.unwrap().0, 500);
    let (status, _, body) = post(url.clone()).await.unwrap();
    assert_eq!(status, 200);
    let picture = STANDARD
        .decode(json_of(&body)["data"][0]["b64_json"].as_str().unwrap())
        .unwrap();
    assert_eq!(picture, picture::small_png());
    upstream.always(Answer::no_images());
    assert_eq!(json_of(&post(url).await.unwrap().2)["data"], json!([]));
    assert_eq!(upstream.requests_to("/images/generations").len(), 4);
    assert_eq!(upstream.requests()[0].json(), json!({"prompt": "x"}));
}

#[tokio::test]
async fn the_paths_of_both_providers_are_known_and_no_others() {
    let upstream = Upstream::start().await;
    for (path, expected) in [
        ("/v1/images/generations", 200),
        ("/v1/chat/completions", 200),
        ("/v1/completions", 200),
        ("/openai/v1/images/generations", 200),
        ("/openai/v1/chat/completions?api-version=preview", 200),
        (
            "/openai/deployments/d/images/generations?api-version=2024-10-21",
            200,
        ),
        ("/openai/deployments/d/images/generations", 404),
        ("/openai/deployments/d/images/generations?api-version=", 404),
        ("//openai/v1/images/generations", 404),
        ("/v1/v1/images/generations", 404),
        ("/v1/models", 404),
    ] {
        let (status, ..) = post(format!("{}{path}", upstream.origin())).await.unwrap();
        assert_eq!(status, expected, "{path}");
    }
    let models = client()
        .get(format!("{}/models", upstream.base_url()))
        .send()
        .await
        .unwrap();
    assert_eq!(json_of(&models.bytes().await.unwrap())["object"], "list");
    assert_eq!(upstream.requests().last().unwrap().method, "GET");
}

#[tokio::test]
async fn a_chunked_request_body_is_put_together() {
    let upstream = Upstream::start().await;
    let pieces = futures_util::stream::iter(["{\"a\"", ":1", "}"].map(Ok::<_, std::io::Error>));
    let body = reqwest::Body::wrap_stream(pieces);
    let url = format!("{}/chat/completions", upstream.base_url());
    client().post(url).body(body).send().await.unwrap();
    let request = &upstream.requests()[0];
    assert_eq!(request.header("transfer-encoding"), Some("chunked"));
    assert_eq!(request.json(), json!({"a": 1}));
}

#[tokio::test]
async fn a_held_answer_waits_for_its_gate_and_counts_who_waits_and_who_leaves() {
    let upstream = Upstream::start().await;
    let gate = Gate::closed();
    upstream.always(Answer::chat("x").held_by(&gate));
    let url = format!("{}/chat/completions", upstream.base_url());
    let calls: Vec<_> = (0..3).map(|_| tokio::spawn(post(url.clone()))).collect();
    upstream.wait_for_requests_to("/chat/completions", 3).await;
    assert_eq!(upstream.most_at_once(), 3);
    calls[0].abort();
    upstream.wait_for_abandoned(1).await;
    gate.open();
    for call in calls.into_iter().skip(1) {
        assert_eq!(call.await.unwrap().unwrap().0, 200);
    }
}

#[tokio::test]
async fn a_broken_delivery_is_seen_as_broken() {
    let upstream = Upstream::start().await;
    let url = format!("{}/images/generations", upstream.base_url());
    for answer in [
        Answer::hang_up(),
        Answer::image(picture::small_png()).cut_after(40),
        Answer::image(picture::small_png()).chunked().cut_after(40),
        Answer::image(picture::small_png()).claiming_length(1 << 20),
    ] {
        upstream.push(answer.clone());
        let result = post(url.clone()).await;
        assert!(result.is_err(), "{answer:?} gave {result:?}");
    }
}

#[tokio::test]
async fn a_healthy_upstream_streams_when_it_is_asked_to() {
    let upstream = Upstream::start().await;
    let body = json!({"prompt": "x", "stream": true, "partial_images": 2}).to_string();
    let url = format!("{}/images/generations", upstream.base_url());
    let response = client().post(url).body(body).send().await.unwrap();
    let content_type = response.headers()["content-type"].to_str().unwrap();
    assert!(content_type.starts_with("text/event-stream"));
    let text = response.text().await.unwrap();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    let (preview, completed) = (
        "image_generation.partial_image",
        "image_generation.completed",
    );
    assert_eq!(names, [preview, preview, completed]);
    let stream = Answer::image_stream(&[picture::small_png()], picture::small_png());
    assert_eq!(stream.length_of_events(0), 0);
    assert!(stream.body()[stream.length_of_events(1)..].starts_with(b"event: image_generation.c"));
    assert_eq!(stream.length_of_events(2), stream.body().len());
}

#[tokio::test]
async fn dripped_and_chunked_bodies_arrive_whole() {
    let upstream = Upstream::start().await;
    let url = format!("{}/images/generations", upstream.base_url());
    let whole = Answer::image(picture::small_png());
    upstream.push(whole.clone());
    upstream.push(whole.clone().dripping(100, Duration::from_millis(1)));
    upstream.push(
        whole
            .clone()
            .dripping(100, Duration::from_millis(1))
            .chunked(),
    );
    let (_, _, first) = post(url.clone()).await.unwrap();
    assert_eq!(post(url.clone()).await.unwrap().2, first);
    let (_, headers, third) = post(url).await.unwrap();
    assert_eq!(third, first);
    assert_eq!(headers.get("content-length"), None);
}

#[tokio::test]
async fn served_blobs_keep_their_knobs() {
    let upstream = Upstream::start().await;
    let url = upstream.serve_blob("a.png", picture::small_png());
    let response = client().get(&url).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.bytes().await.unwrap(), picture::small_png());
    let head = client().head(&url).send().await.unwrap();
    assert_eq!(
        head.headers()["content-length"],
        picture::small_png().len().to_string()
    );
    let from = upstream.serve("/blob/there", Answer::redirect(&url));
    let response = client().get(from).send().await.unwrap();
    assert_eq!(response.url().path(), "/blob/a.png");
}

#[tokio::test]
async fn connections_are_kept_alive() {
    let upstream = Upstream::start().await;
    let client = client();
    for _ in 0..5 {
        let request = client.get(format!("{}/models", upstream.base_url()));
        request.send().await.unwrap().bytes().await.unwrap();
    }
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn a_dropped_double_refuses_connections() {
    let upstream = Upstream::start().await;
    let url = format!("{}/images/generations", upstream.base_url());
    post(url.clone()).await.unwrap();
    drop(upstream);
    tokio::task::yield_now().await;
    assert!(post(url).await.unwrap_err().is_connect());
}

#[test]
fn a_padded_png_is_valid_has_its_size_and_does_not_compress() {
    let padded = picture::padded_png(1024, 1024, 2_600_000);
    assert_eq!(padded.len(), 2_600_000);
    assert_eq!(picture::png_dimensions(&padded), Some((1024, 1024)));
    let mut reader = png::Decoder::new(std::io::Cursor::new(&padded[..]))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((frame.width, frame.height), (1024, 1024));
    assert!(picture::small_png().len() < 1000);
    assert!(
        picture::png(1024, 1024).len() < 1_000_000,
        "{}",
        picture::png(1024, 1024).len()
    );
}

#[test]
fn names_are_read_as_the_front_ends_read_them() {
    assert_eq!(frontend::prompt_shown("A cat_1780000000000.png"), "A cat");
    assert_eq!(frontend::prompt_shown("A cat. Oil_17.png"), "A cat");
    assert_eq!(frontend::prompt_shown("snake_case_17.png"), "snake");
    assert_eq!(frontend::timestamp_of("snake_case_17.png"), 17.0);
    assert_eq!(frontend::timestamp_of("a_.png"), 0.0);
    assert!(frontend::timestamp_of("logo.png").is_nan());
}

#[tokio::test]
async fn the_front_end_sends_what_node_sends() {
    let upstream = Upstream::start().await;
    upstream.serve(
        "/api/generateImage",
        Answer::bytes("text/plain", "Image uploaded successfully"),
    );
    upstream.serve(
        "/api/getChatGPTSuggestion",
        Answer::bytes("text/plain", "\n\na cat \n"),
    );
    let images = json!({"imageUrls": [{"name": "a_1.png", "url": "http://x/a", "extra": 1}]});
    upstream.serve("/api/getImages", Answer::json(&images));
    let base = upstream.origin();
    assert_eq!(
        frontend::generate_image(&base, "ü").await,
        "Image uploaded successfully"
    );
    assert_eq!(frontend::suggestion(&base).await, "a cat");
    assert_eq!(
        frontend::get_images(&base).await,
        [("a_1.png".to_owned(), "http://x/a".to_owned())]
    );
    let post = &upstream.requests()[0];
    assert_eq!(post.body, "{\"prompt\":\"ü\"}");
    let mut headers = post.headers.clone();
    headers.retain(|(name, _)| name != "host");
    headers.sort();
    let expected = [
        ("accept", "*/*"),
        ("accept-encoding", "gzip, deflate"),
        ("accept-language", "*"),
        ("content-length", "15"),
        ("content-type", "application/json"),
        ("sec-fetch-mode", "cors"),
        ("user-agent", "node"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(headers, expected);
}
