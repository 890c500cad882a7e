//! Pictures that the upstream names by address: from where they are fetched, and what counts as
//! one.

use crate::{
    frontend,
    service::{Service, open},
    upstream::{Answer, Upstream, picture},
};
use image_webp::{ColorType, WebPEncoder};
use serde_json::{Value, json};

const LARGEST: usize = 64 * 1024 * 1024;

/// What the caller gets when the upstream's answer names `url`.
async fn generate_at(service: &Service, upstream: &Upstream, url: &str) -> crate::service::Answer {
    upstream.push(Answer::image_url(url));
    service.generate(&json!({"prompt": "a"})).await
}

fn origin_without_scheme(upstream: &Upstream) -> String {
    upstream.origin().replace("http://", "")
}

#[tokio::test]
async fn a_host_that_is_not_the_upstreams_is_not_even_connected_to() {
    let upstream = Upstream::start().await;
    let foreign = Upstream::start().await;
    foreign.serve_blob("x.png", picture::small_png());
    let service = Service::over(&upstream, &[]).await;
    let (own, host) = (
        origin_without_scheme(&upstream),
        origin_without_scheme(&foreign),
    );
    let port = host.rsplit(':').next().unwrap();
    for url in [
        format!("http://{host}/blob/x.png"),
        format!("https://{host}/blob/x.png"),
        format!("http://{own}@{host}/blob/x.png"),
        format!("http://sk-5ecret-key@{own}/blob/x.png"),
        format!("http://localhost:{port}/blob/x.png"),
        format!("http://2130706433:{port}/blob/x.png"),
        format!("http://0x7f.1:{port}/blob/x.png"),
        format!("http://[::ffff:127.0.0.1]:{port}/blob/x.png"),
        "http://169.254.169.254/metadata/instance".to_owned(),
        "file:///etc/passwd".to_owned(),
        "no url".to_owned(),
    ] {
        let answer = generate_at(&service, &upstream, &url).await;
        answer.assert_problem(502, "upstream_error");
    }
    assert_eq!(foreign.connections(), 0);
    assert!(upstream.requests_to("/blob/x.png").is_empty());
    assert!(frontend::get_images(&service.base()).await.is_empty());
}

#[tokio::test]
async fn a_host_that_a_setting_names_is_asked_at_its_port() {
    let upstream = Upstream::start().await;
    let (named, neighbour) = (Upstream::start().await, Upstream::start().await);
    let host = origin_without_scheme(&named);
    let settings = [("IMAGE_DOWNLOAD_HOSTS", host.as_str())];
    let service = Service::over(&upstream, &settings).await;
    let url = named.serve_blob("x.png", picture::small_png());
    let answer = generate_at(&service, &upstream, &url).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let url = neighbour.serve_blob("x.png", picture::small_png());
    let answer = generate_at(&service, &upstream, &url).await;
    answer.assert_problem(502, "upstream_error");
    assert_eq!(neighbour.connections(), 0);
}

#[tokio::test]
async fn redirects_are_followed_within_the_upstream_and_not_out_of_it() {
    let upstream = Upstream::start().await;
    let foreign = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    upstream.serve_blob("x.png", picture::small_png());
    let within = upstream.serve("/blob/within", Answer::redirect("/blob/x.png"));
    let answer = generate_at(&service, &upstream, &within).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let elsewhere = foreign.serve_blob("x.png", picture::small_png());
    let away = upstream.serve("/blob/away", Answer::redirect(&elsewhere));
    let round = upstream.serve("/blob/round", Answer::redirect("round"));
    for url in [away, round] {
        let answer = generate_at(&service, &upstream, &url).await;
        answer.assert_problem(502, "upstream_error");
    }
    assert_eq!(upstream.requests_to("/blob/round").len(), 4);
    assert_eq!(foreign.connections(), 0);
}

#[tokio::test]
async fn no_credentials_go_along() {
    let upstream = Upstream::start().await;
    upstream.serve_blob("x.png", picture::small_png());
    let url = upstream.serve("/blob/first", Answer::redirect("/blob/x.png"));
    let (base_url, origin) = (upstream.base_url(), upstream.origin());
    let openai = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("OPENAI_API_KEY", "sk-5ecret-key"),
        ("OPEN_AI_ORGANIZATION", "org-test"),
    ];
    let azure = [
        ("AZURE_OPENAI_ENDPOINT", origin.as_str()),
        ("AZURE_OPENAI_API_KEY", "azure-5ecret-test"),
        ("AZURE_OPENAI_DEPLOYMENT_NAME", "pics"),
    ];
    for settings in [openai, azure] {
        let service = Service::start(&settings).await;
        let answer = generate_at(&service, &upstream, &url).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let paid = upstream.requests_to("/images/generations");
    assert!(paid[0].header("authorization").is_some() && paid[1].header("api-key").is_some());
    for path in ["/blob/first", "/blob/x.png"] {
        let requests = upstream.requests_to(path);
        assert_eq!(requests.len(), 2);
        for request in requests {
            let mut names: Vec<&str> = request.headers.iter().map(|(name, _)| &name[..]).collect();
            names.sort_unstable();
            assert_eq!(names, ["accept", "host", "user-agent"], "{path}");
        }
    }
}

#[tokio::test]
async fn each_of_the_three_formats_is_known_by_its_bytes() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for (bytes, content_type) in [
        (picture::png(20, 10).to_vec(), "image/png"),
        (jpeg(20, 10), "image/jpeg"),
        (webp(20, 10), "image/webp"),
    ] {
        // The bytes decide, whatever the header says.
        let served = Answer::bytes("application/octet-stream", bytes.clone());
        let url = upstream.serve("/blob/x", served);
        let answer = generate_at(&service, &upstream, &url).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let image: Value = answer.json()["imageList"][0].clone();
        assert_eq!(image["contentType"], content_type);
        let stored = open(image["url"].as_str().unwrap()).await;
        assert_eq!(stored.header("content-type"), content_type);
        assert_eq!(stored.body, bytes);
    }
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_is_refused() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let page = "<!DOCTYPE html><html><body>Sign in</body></html>";
    let drawing = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>";
    let start = picture::small_png().slice(..12);
    for answer in [
        Answer::html(200),
        Answer::bytes("image/png", page),
        Answer::bytes("image/svg+xml", drawing),
        Answer::bytes("image/gif", "GIF89a\u{1}\0\u{1}\0\0\0\0;"),
        Answer::bytes("image/png", start),
        Answer::bytes("image/png", ""),
        Answer::bytes("image/png", picture::small_png()).claiming_length(LARGEST + 1),
        Answer::html(404),
    ] {
        let shown = format!("{answer:?}");
        let url = upstream.serve("/blob/x", answer);
        let before = upstream.requests_to("/blob/x").len();
        let answer = generate_at(&service, &upstream, &url).await;
        answer.assert_problem(502, "upstream_error");
        let asked = upstream.requests_to("/blob/x").len() - before;
        assert_eq!(asked, 1, "{shown}");
    }
    assert!(frontend::get_images(&service.base()).await.is_empty());
}

fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let pixels = vec![90; usize::from(width) * usize::from(height) * 3];
    let mut file = Vec::new();
    jpeg_encoder::Encoder::new(&mut file, 80)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    file
}

fn webp(width: u32, height: u32) -> Vec<u8> {
    let pixels = vec![90; width as usize * height as usize * 3];
    let mut file = Vec::new();
    WebPEncoder::new(&mut file)
        .encode(&pixels, width, height, ColorType::Rgb8)
        .unwrap();
    file
}
