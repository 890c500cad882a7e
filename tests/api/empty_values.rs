//! Headers and parameters that are there and empty, as clients send them that were generated from
//! the description: they count as absent.

use crate::{
    service::{Answer, Service, client},
    upstream::{self, Upstream, picture},
};
use serde_json::json;

const KEY: &str = "a-key-of-32-characters-for-tests";

#[tokio::test]
async fn empty_headers_are_absent_ones() {
    let service = Service::start(&[("API_KEY", KEY)]).await;
    let bearer = format!("Bearer {KEY}");
    for header in [
        "idempotency-key",
        "prefer",
        "accept",
        "if-none-match",
        "x-api-key",
        "content-encoding",
        "content-type",
        "range",
        "if-range",
        "x-functions-key",
    ] {
        let url = |path: &str| format!("{}/api/{path}", service.base());
        let body = json!({"prompt": "a fox", "width": 64, "height": 64}).to_string();
        for request in [
            client().post(url("generateImage")).body(body.clone()),
            client().post(url("generate")).body(body),
            client().get(url("generate?prompt=a&width=64&height=64")),
            client().get(url("getImages?limit=1")),
            client().get(url("openapi.json")),
        ] {
            let request = request.header("authorization", &bearer).header(header, "");
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, 200, "{header}: {}", answer.text());
        }
        let listed = service.get("/api/getImages?limit=1").await.json();
        let file = listed["imageUrls"][0]["url"].as_str().unwrap();
        let answer = Answer::of(client().get(file).header(header, "")).await;
        assert_eq!(answer.status, 200, "{header}: {}", answer.text());
    }
}

#[tokio::test]
async fn an_empty_limit_and_an_empty_cursor_are_absent_ones() {
    let service = Service::start(&[]).await;
    for query in ["limit=", "cursor=", "limit=&cursor="] {
        let answer = service.get(&format!("/api/getImages?{query}")).await;
        assert_eq!(answer.status, 200, "{query}");
    }
}

/// Under one key the second request would be a 422, since it is another one.
#[tokio::test]
async fn requests_with_an_empty_idempotency_key_have_nothing_in_common() {
    let upstream = Upstream::start().await;
    upstream.always(upstream::Answer::image(picture::small_png()));
    let service = Service::over(&upstream, &[]).await;
    for (key, prompt) in [
        ("", "a fox"),
        ("", "a bear"),
        (" \t ", "a fox"),
        (" ", "a bear"),
    ] {
        let headers = [("idempotency-key", key)];
        let answer = service
            .generate_with(&json!({"prompt": prompt}), &headers)
            .await;
        assert_eq!(answer.status, 200, "{key:?}: {}", answer.text());
    }
    assert_eq!(upstream.requests_to("/images/generations").len(), 4);
    let two = [("idempotency-key", ""), ("idempotency-key", "one")];
    let answer = service
        .generate_with(&json!({"prompt": "a fox"}), &two)
        .await;
    assert_eq!(answer.status, 200, "an empty one beside it is none");
    let answer = service
        .generate_with(&json!({"prompt": "a bear"}), &two[1..])
        .await;
    answer.assert_problem(422, "idempotency_key_reused");
}
