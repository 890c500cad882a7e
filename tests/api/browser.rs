//! What browsers are told about each answer, whoever gives it.

use crate::service::{Answer, Service, client};
use serde_json::json;

#[track_caller]
fn assert_guarded(answer: &Answer, shown_by: &str, what: &str) {
    for (name, expected) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", shown_by),
    ] {
        assert_eq!(answer.header(name), expected, "{name} of {what}");
    }
    let policies = answer.headers.get_all("content-security-policy");
    assert_eq!(policies.iter().count(), 1, "{what}");
    let policy = answer.header("content-security-policy");
    let closed = "default-src 'none'; frame-ancestors 'none'";
    assert!(policy.starts_with(closed), "{policy} of {what}");
    let is_picture = shown_by == "cross-origin";
    assert_eq!(policy.contains("sandbox"), is_picture, "{what}");
}

#[tokio::test]
async fn every_answer_has_them_errors_too() {
    let service = Service::start(&[("CORS_ORIGINS", "https://a.example")]).await;
    for path in [
        "/",
        "/api/getImages",
        "/api/getChatGPTSuggestion",
        "/api/generateSASToken",
        "/api/health",
        "/api/images/none",
        "/api/operations/none",
        "/api/generateImage",
        "/api/nothing",
        "/nothing",
    ] {
        assert_guarded(&service.get(path).await, "same-site", path);
    }
    for path in [
        "/api/files/none.png",
        "/API/Files/none.png",
        "/api/thumbnails/none",
    ] {
        assert_guarded(&service.get(path).await, "cross-origin", path);
    }
    let preflight = client()
        .request(
            reqwest::Method::OPTIONS,
            format!("{}/api/generateImage", service.base()),
        )
        .header("origin", "https://a.example")
        .header("access-control-request-method", "POST");
    assert_guarded(&Answer::of(preflight).await, "same-site", "a preflight");
    let stream = [("accept", "text/event-stream")];
    let stream = service
        .post("{\"prompt\":\"a\",\"size\":\"64x64\"}", &stream)
        .await;
    assert_guarded(&stream, "same-site", "an event stream");
    let refused = client().get(service.base()).header("host", "a, b");
    assert_guarded(&Answer::of(refused).await, "same-site", "a strange host");
    let misconfigured = Service::start_misconfigured().await;
    for path in ["/", "/api/getImages"] {
        assert_guarded(&misconfigured.get(path).await, "same-site", path);
    }
}

/// As the page on localhost:3000 does: by `<img>`, which sends no Origin and follows redirects.
#[tokio::test]
async fn a_gallery_of_another_origin_may_show_pictures_and_thumbnails() {
    let service = Service::start(&[]).await;
    let body = json!({"prompt": "a", "size": "64x64"});
    let image = service.generate(&body).await.json()["imageList"][0].clone();
    let picture = Answer::of(client().get(image["url"].as_str().unwrap())).await;
    assert_eq!(picture.status, 200);
    assert_guarded(&picture, "cross-origin", "a picture");
    let thumbnail = format!("/api/thumbnails/{}", image["id"].as_str().unwrap());
    let redirect = service.get(&thumbnail).await;
    assert_eq!(redirect.status, 307);
    assert_guarded(&redirect, "cross-origin", "a redirect");
    let thumbnail = Answer::of(client().get(redirect.header("location"))).await;
    assert_eq!(thumbnail.header("content-type"), "image/webp");
    assert_guarded(&thumbnail, "cross-origin", "a thumbnail");
    assert!(
        thumbnail
            .header("content-disposition")
            .starts_with("inline")
    );
}
