//! `POST /api/generateImage`: what is sent upstream, what is stored, what is answered.

use crate::{
    frontend,
    service::{Service, open, open_stored},
    upstream::{Answer, Upstream, picture},
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_front_end_gets_the_originals_text_and_finds_its_image() {
    let service = Service::start(&[]).await;
    let text = frontend::generate_image(&service.base(), "a red fox").await;
    assert_eq!(text, "Image uploaded successfully");
    let images = frontend::get_images(&service.base()).await;
    let [(name, url)] = &images[..] else {
        panic!("{images:?}")
    };
    assert_eq!(frontend::prompt_shown(name), "a red fox");
    assert!(frontend::timestamp_of(name) > 1.7e12);
    let image = open(url).await;
    assert_eq!(
        (image.status, image.header("content-type")),
        (200, "image/png")
    );
    assert_eq!(picture::png_dimensions(&image.body), Some((1024, 1024)));
}

#[tokio::test]
async fn json_is_answered_to_those_who_ask_for_it() {
    let upstream = Upstream::start().await;
    upstream.push(Answer::image(picture::png(64, 48)));
    let service = Service::over(&upstream, &[]).await;
    let answer = service
        .generate(&json!({"prompt": "a red fox", "quality": "low", "colour": "red", "seed": 7}))
        .await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    let body = answer.json();
    assert_eq!(body["message"], "Image uploaded successfully");
    let image = &body["imageList"][0];
    assert_eq!(image["contentType"], "image/png");
    let stored = open_stored(image["url"].as_str().unwrap()).await;
    assert_eq!(image["sizeBytes"], stored.body.len());
    assert_eq!(picture::without_texts(&stored.body), picture::png(64, 48));
    assert!(image["name"].as_str().unwrap().starts_with("a red fox_"));
    assert!(image.get("b64_json").is_none());
    let object = &body["object"];
    assert_eq!(object["provider"], "openai");
    assert_eq!(object["model"], "gpt-image-2.5-flare");
    assert_eq!(object["size"], "64x48", "the picture's own size");
    assert_eq!(object["attemptCount"], 1);
    assert_eq!(object["requestId"], answer.header("x-request-id"));
    assert!(object["usage"]["total_tokens"].is_u64());
    assert_eq!(
        body["warnings"],
        json!([
            "\"colour\" is not a known field",
            "seed is not used by the provider openai"
        ])
    );
    let listed = service.get("/api/getImages").await.json()["imageUrls"][0].clone();
    for field in ["id", "url", "name"] {
        assert_eq!(listed[field], image[field], "{field}");
    }
    assert_eq!(listed["prompt"], "a red fox");
    assert_eq!(listed["model"], "gpt-image-2.5-flare");
    assert_eq!(listed["size"], "64x48");
}

#[tokio::test]
async fn the_upstream_is_asked_in_its_own_words() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[("OPEN_AI_ORGANIZATION", "org-1")]).await;
    let body = json!({
        "prompt": " a red fox ", "model": "gpt-image-9", "size": "1536x1024", "quality": "high",
        "n": 2, "output_format": "webp", "output_compression": 50, "background": "opaque",
        "moderation": "low", "user": "u1", "seed": 1,
    });
    let answer = service.generate(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let requests = upstream.requests_to("/v1/images/generations");
    assert_eq!(
        requests[0].json(),
        json!({
            "prompt": "a red fox", "model": "gpt-image-9", "size": "1536x1024", "quality": "high",
            "n": 2, "output_format": "webp", "output_compression": 50, "background": "opaque",
            "moderation": "low", "user": "u1",
        })
    );
    assert_eq!(
        requests[0].header("authorization"),
        Some("Bearer sk-5ecret-key")
    );
    assert_eq!(requests[0].header("openai-organization"), Some("org-1"));
    assert_eq!(requests[0].header("api-key"), None);
}

#[tokio::test]
async fn dall_e_gets_its_own_options_and_one_call_for_each_image() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[("OPENAI_IMAGE_MODEL", "dall-e-3")]).await;
    let body = json!({"prompt": "a", "n": 3, "style": "natural", "response_format": "b64_json",
        "moderation": "low"});
    let answer = service.generate(&body).await.json();
    assert_eq!(answer["imageList"].as_array().unwrap().len(), 3);
    assert_eq!(answer["object"]["attemptCount"], 3);
    assert_eq!(
        answer["warnings"],
        json!(["moderation is not used by the provider openai"])
    );
    let requests = upstream.requests_to("/images/generations");
    assert_eq!(requests.len(), 3);
    assert_eq!(
        requests[0].json(),
        json!({"prompt": "a", "model": "dall-e-3", "n": 1, "style": "natural",
            "response_format": "b64_json"})
    );
}

#[tokio::test]
async fn images_by_address_are_fetched_and_stored() {
    let upstream = Upstream::start().await;
    let url = upstream.serve_blob("x.png", picture::png(32, 32));
    upstream.push(Answer::image_url(&url));
    let service = Service::over(&upstream, &[]).await;
    let answer = service
        .generate(&json!({"prompt": "a", "response_format": "b64_json"}))
        .await;
    let image = answer.json()["imageList"][0].clone();
    assert_eq!(
        image["revisedPrompt"],
        "A picture, as the model understood it"
    );
    let bytes = base64_decode(&image["b64_json"]);
    assert_eq!(bytes, picture::png(32, 32));
    assert_eq!(open(image["url"].as_str().unwrap()).await.body, bytes);
}

#[tokio::test]
async fn azure_is_asked_by_deployment_without_a_model_or_by_the_v1_path_with_one() {
    for (version, path, model) in [
        (
            "2024-10-21",
            "/openai/deployments/pics/images/generations?api-version=2024-10-21",
            None,
        ),
        ("v1", "/openai/v1/images/generations", Some("pics")),
        ("", "/openai/v1/images/generations", Some("pics")),
    ] {
        let upstream = Upstream::start().await;
        let endpoint = format!("{}/", upstream.origin());
        let service = Service::start(&[
            ("AZURE_OPENAI_ENDPOINT", &endpoint),
            ("AZURE_OPENAI_API_KEY", "azure-5ecret"),
            ("AZURE_OPENAI_DEPLOYMENT_NAME", "pics"),
            ("OPENAI_API_VERSION", version),
        ])
        .await;
        let answer = service.generate(&json!({"prompt": "a"})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["object"]["provider"], "azure-openai");
        let request = &upstream.requests()[0];
        let asked = match request.query() {
            Some(query) => format!("{}?{query}", request.path()),
            None => request.path().to_owned(),
        };
        assert_eq!(asked, path);
        assert_eq!(request.header("api-key"), Some("azure-5ecret"));
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.json().get("model").and_then(Value::as_str), model);
    }
}

#[tokio::test]
async fn jpeg_and_webp_are_stored_under_their_own_type_and_name() {
    let service = Service::start(&[]).await;
    for (format, extension) in [("png", ".png"), ("jpeg", ".jpg"), ("webp", ".webp")] {
        let body = json!({"prompt": "a", "size": "64x64", "output_format": format});
        let image = service.generate(&body).await.json()["imageList"][0].clone();
        assert_eq!(image["contentType"], format!("image/{format}"));
        assert!(image["name"].as_str().unwrap().ends_with(extension));
        let stored = open(image["url"].as_str().unwrap()).await;
        assert_eq!(stored.header("content-type"), format!("image/{format}"));
        assert_eq!(
            picture::content_type(&stored.body),
            format!("image/{format}")
        );
    }
}

#[tokio::test]
async fn the_demo_paints_the_same_picture_for_the_same_words() {
    let service = Service::start(&[]).await;
    let paint = async |prompt: &str, seed: u64| {
        let body = json!({"prompt": prompt, "seed": seed, "size": "96x64"});
        let answer = service.generate(&body).await.json();
        open(answer["imageList"][0]["url"].as_str().unwrap())
            .await
            .body
    };
    let first = paint("a red fox", 1).await;
    assert_eq!(paint("a red fox", 1).await, first);
    assert_ne!(paint("a red fox", 2).await, first);
    assert_ne!(paint("a blue fox", 1).await, first);
}

#[tokio::test]
async fn images_of_one_prompt_at_one_time_all_get_names_of_their_own() {
    let service = Service::start(&[]).await;
    let body = json!({"prompt": "twins", "size": "64x64", "n": 4});
    let requests = (0..5).map(|_| service.generate(&body));
    for answer in futures_util::future::join_all(requests).await {
        assert_eq!(answer.status, 200);
    }
    let images = frontend::get_images(&service.base()).await;
    let names: std::collections::BTreeSet<_> = images.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 20);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_a_sentence() {
    let service = Service::start(&[]).await;
    let json_type = [("content-type", "application/json")];
    for (body, field, why) in [
        (&b""[..], "body", "an empty body"),
        (b"  \n", "body", "a blank body"),
        (b"{\"prompt\": ", "body", "half a body"),
        (b"prompt=a", "body", "a form"),
        (b"[]", "body", "a list"),
        (b"\"a cat\"", "body", "a text"),
        (b"{\"prompt\": \"\\ud800\"}", "body", "a lone surrogate"),
        (
            b"{\"prompt\": \"\\udc00 x\"}",
            "body",
            "a lone low surrogate",
        ),
        (b"{\"prompt\": \"a\xff\"}", "body", "invalid UTF-8"),
        (
            b"{\"prompt\": \"a\nb\"}",
            "body",
            "a raw line break in a text",
        ),
        (b"{}", "prompt", "no prompt"),
        (b"{\"prompt\": \"\"}", "prompt", "an empty prompt"),
        (
            b"{\"prompt\": \" \\u0000 \"}",
            "prompt",
            "a prompt of nothing visible",
        ),
        (b"{\"prompt\": 7}", "prompt", "a number"),
        (b"{\"prompt\": {\"text\": \"a\"}}", "prompt", "an object"),
        (
            b"{\"prompt\": \"a\", \"n\": 5}",
            "n",
            "more images than allowed",
        ),
    ] {
        let answer = service.post(body.to_vec(), &json_type).await;
        let problem = answer.assert_problem(400, "invalid_request");
        assert_eq!(problem["field"], field, "{why}");
        assert!(problem["allowed"].is_string(), "{why}");
    }
    assert!(frontend::get_images(&service.base()).await.is_empty());
}

#[tokio::test]
async fn a_prompt_beyond_what_its_model_takes_is_refused_before_it_is_sent() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for (model, longest) in [
        ("dall-e-2", 1000),
        ("dall-e-3", 4000),
        ("gpt-image-9", 32_000),
    ] {
        let body = |characters| json!({"prompt": "é".repeat(characters), "model": model});
        assert_eq!(
            service.generate(&body(longest)).await.status,
            200,
            "{model}"
        );
        let sent = upstream.requests_to("/images/generations").len();
        let answer = service.generate(&body(longest + 1)).await;
        let problem = answer.assert_problem(400, "invalid_request");
        assert_eq!(problem["field"], "prompt");
        assert!(
            problem["allowed"]
                .as_str()
                .unwrap()
                .contains(&longest.to_string())
        );
        assert_eq!(upstream.requests_to("/images/generations").len(), sent);
    }
}

#[tokio::test]
async fn bodies_of_other_types_and_beyond_the_limit_are_refused() {
    let service = Service::start(&[]).await;
    for kind in ["text/plain", "multipart/form-data; boundary=x", "image/png"] {
        let answer = service
            .post("{\"prompt\":\"a\"}", &[("content-type", kind)])
            .await;
        answer.assert_problem(415, "unsupported_media_type");
    }
    let huge = json!({"prompt": "x".repeat(1024 * 1024)}).to_string();
    let answer = service
        .post(huge, &[("content-type", "application/json")])
        .await;
    answer.assert_problem(413, "payload_too_large");
    let nested = "[".repeat(100_000);
    let answer = service
        .post(nested, &[("content-type", "application/json")])
        .await;
    answer.assert_problem(400, "invalid_request");
}

#[tokio::test]
async fn json_is_read_without_a_type_and_under_curls() {
    let service = Service::start(&[]).await;
    let body = "{\"prompt\":\"a\",\"size\":\"64x64\"}";
    for headers in [
        &[][..],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/json; charset=utf-8")],
    ] {
        let answer = service.post(body, headers).await;
        assert_eq!(answer.text(), "Image uploaded successfully", "{headers:?}");
    }
}

/// A browser sends such a request for any page without asking first.
#[tokio::test]
async fn a_foreign_page_cannot_spend_money_here() {
    let service = Service::start(&[]).await;
    let origin = ("origin", "https://evil.example");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for headers in [
        &[origin][..],
        &[origin, form],
        &[origin, ("content-type", "text/plain")],
    ] {
        let answer = service.post("{\"prompt\":\"a\"}", headers).await;
        answer.assert_problem(415, "unsupported_media_type");
    }
}

pub fn base64_decode(text: &Value) -> Vec<u8> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap()
}
