//! `GET|POST /api/generate`: the GPU sample's fields and answers, over the painter and over an
//! upstream; what is sent there, and what is not stored.

use crate::{
    frontend,
    generate_image::base64_decode,
    service::{Answer, Service, client, open},
    upstream::{self, Upstream, picture},
};
use serde_json::{Value, json};

pub const JSON: (&str, &str) = ("content-type", "application/json");
const GENERATIONS: &str = "/images/generations";

pub async fn post(service: &Service, body: &Value) -> Answer {
    post_text(service, body.to_string(), &[JSON]).await
}

pub async fn post_text(service: &Service, body: String, headers: &[(&str, &str)]) -> Answer {
    let mut request = client().post(format!("{}/api/generate", service.base()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.body(body)).await
}

pub async fn get(service: &Service, query: &str) -> Answer {
    service.get(&format!("/api/generate?{query}")).await
}

async fn assert_nothing_is_stored(service: &Service) {
    let listed = frontend::get_images(&service.base()).await;
    assert!(listed.is_empty(), "{listed:?}");
}

#[tokio::test]
async fn the_answer_has_the_samples_fields_and_ours_beside_them() {
    let service = Service::start(&[]).await;
    let by_post = post(&service, &json!({"prompt": "a red fox"})).await;
    let by_get = get(&service, "prompt=a+red%20fox").await;
    for answer in [by_post, by_get] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        let mut body = answer.json();
        let bytes = base64_decode(&body["image"].take());
        assert_eq!(picture::png_dimensions(&bytes), Some((512, 512)));
        let expected = json!({
            // the sample's
            "success": true, "prompt": "a red fox", "image": null, "format": "png",
            "width": 512, "height": 512,
            // ours
            "seed": 0, "provider": "demo", "model": "demo", "attemptCount": 1,
            "requestId": answer.header("x-request-id"), "warnings": [],
            "operationId": body["operationId"],
        });
        assert_eq!(body, expected);
        let location = answer.header("operation-location");
        assert!(
            location.ends_with(body["operationId"].as_str().unwrap()),
            "{location}"
        );
    }
    assert_nothing_is_stored(&service).await;
}

#[tokio::test]
async fn the_same_request_is_the_same_picture_either_way() {
    let service = Service::start(&[]).await;
    let body = json!({"prompt": "a fox", "width": 64, "height": 128, "seed": 7, "save": false});
    let by_post = post(&service, &body).await.json();
    let query = "prompt=a%20fox&width=64&height=128&seed=7&save=false&code=key&_=1&clientId=c";
    let by_get = get(&service, query).await.json();
    assert_eq!(
        (&by_get["width"], &by_get["height"]),
        (&json!(64), &json!(128))
    );
    assert_eq!(by_get["seed"], 7);
    assert_eq!(by_get["warnings"], json!([]));
    assert_eq!(by_post["image"], by_get["image"]);
}

#[tokio::test]
async fn a_picture_is_stored_only_when_that_is_asked_for() {
    let service = Service::start(&[]).await;
    let body = json!({"prompt": "a red fox", "width": 64, "height": 64, "save": true});
    let by_post = post(&service, &body).await.json();
    let by_get = get(&service, "prompt=a+red+fox&width=64&height=64&save=true").await;
    for answer in [by_post, by_get.json()] {
        assert!(answer["id"].is_string(), "{answer}");
        assert!(answer["name"].as_str().unwrap().starts_with("a red fox_"));
        let stored = open(answer["url"].as_str().unwrap()).await;
        assert_eq!(stored.body, base64_decode(&answer["image"]));
    }
    assert_eq!(frontend::get_images(&service.base()).await.len(), 2);
}

#[tokio::test]
async fn each_model_is_asked_for_what_it_takes() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for (fields, sent) in [
        (
            json!({}),
            json!({"model": "gpt-image-2.5-flare", "output_format": "png"}),
        ),
        (
            json!({"width": 1024, "height": 1536, "quality": "low"}),
            json!({"model": "gpt-image-2.5-flare", "output_format": "png",
                   "size": "1024x1536", "quality": "low"}),
        ),
        (
            json!({"model": "dall-e-2"}),
            json!({"model": "dall-e-2", "size": "512x512", "response_format": "b64_json"}),
        ),
        (
            json!({"model": "dall-e-3"}),
            json!({"model": "dall-e-3", "response_format": "b64_json"}),
        ),
        // Whatever it is, it is not asked for what its caller did not ask for.
        (json!({"model": "pics"}), json!({"model": "pics"})),
        (
            json!({"model": "pics", "width": 512}),
            json!({"model": "pics", "size": "512x512"}),
        ),
    ] {
        let mut body = fields.clone();
        body["prompt"] = "a red fox".into();
        let answer = post(&service, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["warnings"], json!([]), "{fields}");
        let mut expected = sent;
        expected["prompt"] = "a red fox".into();
        expected["n"] = 1.into();
        let requests = upstream.requests_to(GENERATIONS);
        assert_eq!(requests.last().unwrap().json(), expected, "{fields}");
    }
}

/// The sample's clients send its defaults, which no GPT image model takes.
#[tokio::test]
async fn the_samples_own_size_is_left_to_a_model_that_refuses_it() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for query in ["width=512&height=512", "width=512", "height=512"] {
        for (model, told) in [
            ("gpt-image-1", "gpt-image-1 takes 1024x1024, 1536x1024"),
            ("gpt-image-2.5-flare", "gpt-image-2.5 takes auto, or"),
            ("openai/dall-e-3", "dall-e-3 takes 1024x1024, 1792x1024"),
        ] {
            let answer = get(&service, &format!("prompt=a&{query}&model={model}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let warnings = answer.json()["warnings"].as_array().unwrap().clone();
            let [Value::String(warning)] = warnings.as_slice() else {
                panic!("{warnings:?}")
            };
            let start = format!("width x height 512x512 was dropped: {told}");
            assert!(warning.starts_with(&start), "{warning}");
            let sent = upstream.requests_to(GENERATIONS).last().unwrap().json();
            assert!(sent.get("size").is_none(), "{sent}");
        }
    }
}

#[tokio::test]
async fn the_picture_is_described_as_it_came() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let bytes = picture::png(40, 30);
    let url = upstream.serve_blob("fox.png", bytes.clone());
    upstream.push(upstream::Answer::image_url(&url));
    let body = post(&service, &json!({"prompt": "a", "model": "dall-e-3"}))
        .await
        .json();
    assert_eq!((&body["width"], &body["height"]), (&json!(40), &json!(30)));
    assert_eq!(base64_decode(&body["image"]), bytes);
    assert_eq!(
        body["revisedPrompt"],
        "A picture, as the model understood it"
    );
    assert_eq!(
        (&body["provider"], &body["model"]),
        (&json!("openai"), &json!("dall-e-3"))
    );
    assert!(body.get("seed").is_none() && body.get("id").is_none());
    upstream.push(upstream::Answer::image(picture::small_png()));
    let body = post(&service, &json!({"prompt": "a"})).await.json();
    assert_eq!(body["usage"]["total_tokens"], 1068);
    assert_nothing_is_stored(&service).await;
}

#[tokio::test]
async fn what_the_provider_has_no_use_for_is_dropped_and_named() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let query = "prompt=a&num_steps=25&guidance_scale=7.5&negative_prompt=fog&seed=1&colour=red";
    let answer = get(&service, query).await.json();
    let dropped = ["seed", "negative_prompt", "num_steps", "guidance_scale"]
        .map(|name| format!("{name} is not used by the provider openai"));
    let mut expected = vec!["\"colour\" is not a known field".to_owned()];
    expected.extend(dropped);
    assert_eq!(answer["warnings"], json!(expected));
    let sent = upstream.requests_to(GENERATIONS)[0].json();
    assert_eq!(sent.as_object().unwrap().len(), 4, "{sent}");
}

#[tokio::test]
async fn a_prompt_of_any_script_comes_through_an_address() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for prompt in [
        "猫と月, 100% ☂",
        "ein Füchslein & ein \"Bär\" + 1=1?",
        "مدينة #1;\\/",
        "🦊🏳️‍🌈",
    ] {
        let url = url::Url::parse_with_params(
            &format!("{}/api/generate", service.base()),
            &[("prompt", prompt)],
        );
        let answer = Answer::of(client().get(url.unwrap())).await;
        assert_eq!(answer.json()["prompt"], prompt);
        let requests = upstream.requests_to(GENERATIONS);
        assert_eq!(requests.last().unwrap().json()["prompt"], prompt);
    }
}
