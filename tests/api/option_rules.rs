//! `POST /api/generateImage`: which options each family of models takes. What it refuses costs
//! nothing, for nothing is sent; what is sent is what the provider's documents name.

use crate::{service::Service, upstream::Upstream};
use serde_json::{Value, json};

const GENERATIONS: &str = "/images/generations";

/// Azure by the v1 path; a request's `model` is the deployment.
async fn azure(upstream: &Upstream) -> Service {
    Service::start(&[
        ("AZURE_OPENAI_ENDPOINT", &upstream.origin()),
        ("AZURE_OPENAI_API_KEY", "azure-5ecret"),
        ("AZURE_OPENAI_DEPLOYMENT_NAME", "pics"),
    ])
    .await
}

fn with_prompt(options: &Value) -> Value {
    let mut body = options.clone();
    body["prompt"] = "a".into();
    body
}

/// Checks that options are refused with a 400 that names the field and all of `words`, and that
/// the upstream hears nothing of it.
async fn assert_refused(
    service: &Service,
    upstream: &Upstream,
    options: &Value,
    field: &str,
    words: &[&str],
) {
    let answer = service.generate(&with_prompt(options)).await;
    let problem = answer.assert_problem(400, "invalid_request");
    assert_eq!(problem["field"], field, "{options}");
    let allowed = problem["allowed"].as_str().unwrap();
    let told = format!("{} {allowed}", problem["error"].as_str().unwrap());
    for word in words {
        assert!(told.contains(word), "{options}: {word} is not in {told:?}");
    }
    assert!(upstream.requests().is_empty(), "{options} was sent");
}

#[tokio::test]
async fn a_value_that_the_model_refuses_is_not_sent() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for (model, option, value, allowed) in [
        (
            "dall-e-2",
            "size",
            "1792x1024",
            "256x256, 512x512, 1024x1024",
        ),
        ("dall-e-2", "quality", "hd", "standard"),
        (
            "dall-e-3",
            "size",
            "256x256",
            "1024x1024, 1792x1024, 1024x1792",
        ),
        (
            "dall-e-3",
            "size",
            "auto",
            "1024x1024, 1792x1024, 1024x1792",
        ),
        ("dall-e-3", "quality", "high", "standard, hd"),
        (
            "gpt-image-1",
            "size",
            "1792x1024",
            "1024x1024, 1536x1024, 1024x1536, auto",
        ),
        (
            "gpt-image-1-mini",
            "quality",
            "max",
            "low, medium, high, auto",
        ),
        (
            "gpt-image-1.5",
            "quality",
            "standard",
            "low, medium, high, auto",
        ),
        (
            "chatgpt-image-latest",
            "size",
            "512x512",
            "1024x1024, 1536x1024, 1024x1536, auto",
        ),
        ("gpt-image-2", "quality", "hd", "low, medium, high, auto"),
        (
            "gpt-image-2-2026-04-21",
            "quality",
            "xhigh",
            "low, medium, high, auto",
        ),
        ("gpt-image-2", "size", "1000x1000", "divisible by 16"),
        ("gpt-image-2", "size", "3856x1600", "at most 3840"),
        ("gpt-image-2", "size", "2048x512", "1:3 to 3:1"),
        ("gpt-image-2", "size", "512x512", "655360 to 8294400 pixels"),
        ("gpt-image-2.5-flare", "size", "4096x2048", "at most 3840"),
        (
            "gpt-image-2.5-sunburst",
            "quality",
            "hd",
            "low, medium, high, xhigh, max, auto",
        ),
    ] {
        let options = json!({"model": model, option: value});
        let words = [value, allowed, model];
        assert_refused(&service, &upstream, &options, option, &words).await;
    }
}

#[tokio::test]
async fn sides_are_refused_by_their_own_name() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let options = json!({"width": 256, "height": 256});
    let words = [
        "width x height is 256x256",
        "divisible by 16",
        "gpt-image-2.5-flare",
    ];
    assert_refused(&service, &upstream, &options, "width", &words).await;
}

#[tokio::test]
async fn options_that_exclude_one_another_are_refused_with_every_provider() {
    let upstream = Upstream::start().await;
    let over = Service::over(&upstream, &[]).await;
    let demo = Service::start(&[]).await;
    for (one, other, options) in [
        (
            "style",
            "output_format",
            json!({"style": "vivid", "output_format": "png"}),
        ),
        (
            "response_format",
            "output_format",
            json!({"output_format": "png", "response_format": "url"}),
        ),
        (
            "response_format",
            "background",
            json!({"response_format": "b64_json", "background": "auto"}),
        ),
        (
            "response_format",
            "seed",
            json!({"seed": 1, "response_format": "url"}),
        ),
    ] {
        for service in [&over, &demo] {
            assert_refused(service, &upstream, &options, one, &[one, other]).await;
        }
        for model in ["dall-e-3", "gpt-image-2", "never-heard-of"] {
            let mut options = options.clone();
            options["model"] = model.into();
            assert_refused(&over, &upstream, &options, one, &[other]).await;
        }
    }
}

#[tokio::test]
async fn options_that_need_another_format_are_refused_only_where_there_are_formats() {
    let upstream = Upstream::start().await;
    let over = Service::over(&upstream, &[]).await;
    let demo = Service::start(&[]).await;
    let cases = [
        (
            json!({"output_format": "jpeg", "background": "transparent"}),
            ["background", "output_format jpeg"],
        ),
        (
            json!({"output_format": "png", "output_compression": 50}),
            ["output_compression", "output_format png"],
        ),
        (
            json!({"output_compression": 50}),
            ["output_compression", "without an output_format"],
        ),
    ];
    for (options, words) in &cases {
        for service in [&over, &demo] {
            assert_refused(service, &upstream, options, words[0], words).await;
        }
        for model in ["gpt-image-2", "never-heard-of"] {
            let options = merged(options, &json!({"model": model}));
            assert_refused(&over, &upstream, &options, words[0], words).await;
        }
    }
    for (options, _) in cases {
        for model in ["dall-e-3", "dall-e-2"] {
            let body = with_prompt(&merged(&options, &json!({"model": model})));
            let answer = over.generate(&body).await;
            assert_eq!(answer.status, 200, "{body}: {}", answer.text());
            let warnings = answer.json()["warnings"].to_string();
            for name in options.as_object().unwrap().keys() {
                assert!(
                    warnings.contains(&format!("{name} is not used")),
                    "{warnings}"
                );
            }
            let sent =
                json!({"prompt": "a", "n": 1, "model": model, "response_format": "b64_json"});
            assert_eq!(
                upstream.requests_to(GENERATIONS).last().unwrap().json(),
                sent
            );
        }
    }
}

/// Every option that does not exclude another, as two requests.
fn all_options() -> [Value; 2] {
    [
        json!({"style": "natural", "response_format": "url", "user": "u1", "moderation": "low",
            "negative_prompt": "rain", "num_steps": 20, "guidance_scale": 7.5}),
        json!({"output_format": "jpeg", "output_compression": 60, "background": "opaque",
            "seed": 7, "moderation": "auto"}),
    ]
}

#[tokio::test]
async fn each_family_is_sent_its_own_options_and_the_others_are_named() {
    let engine = ["negative_prompt", "num_steps", "guidance_scale"];
    let gpt_image = |size: &str, quality: &str| {
        let first = json!({"size": size, "quality": quality, "user": "u1", "moderation": "low"});
        let second = json!({"size": size, "quality": quality, "output_format": "jpeg",
            "output_compression": 60, "background": "opaque", "moderation": "auto"});
        [
            (first, [&["style"][..], &engine].concat()),
            (second, vec!["seed"]),
        ]
    };
    let outputs = vec![
        "output_format",
        "output_compression",
        "background",
        "moderation",
        "seed",
    ];
    let dall_e_2 = json!({"size": "256x256", "quality": "standard", "response_format": "b64_json"});
    let dall_e_3 = json!({"size": "1792x1024", "quality": "hd", "response_format": "b64_json"});
    let unknown = json!({"size": "640x512", "quality": "best"});
    for (model, expected) in [
        (
            "dall-e-2",
            [
                (
                    merged(&dall_e_2, &json!({"user": "u1"})),
                    [&["style", "moderation"][..], &engine].concat(),
                ),
                (dall_e_2, outputs.clone()),
            ],
        ),
        (
            "dall-e-3",
            [
                (
                    merged(&dall_e_3, &json!({"user": "u1", "style": "natural"})),
                    [&["moderation"][..], &engine].concat(),
                ),
                (dall_e_3, outputs),
            ],
        ),
        ("gpt-image-1", gpt_image("1536x1024", "low")),
        ("gpt-image-1-mini", gpt_image("auto", "auto")),
        ("gpt-image-1.5", gpt_image("1024x1536", "medium")),
        ("chatgpt-image-latest", gpt_image("1024x1024", "high")),
        ("gpt-image-2", gpt_image("3840x2160", "high")),
        ("gpt-image-2-2026-04-21", gpt_image("1024x640", "low")),
        ("gpt-image-2.5-flare", gpt_image("1536x512", "max")),
        ("gpt-image-2.5-sunburst", gpt_image("auto", "xhigh")),
        (
            "never-heard-of",
            [
                (
                    merged(
                        &unknown,
                        &json!({"user": "u1", "style": "natural", "moderation": "low"}),
                    ),
                    engine.to_vec(),
                ),
                (
                    merged(
                        &unknown,
                        &json!({"output_format": "jpeg", "output_compression": 60,
                            "background": "opaque", "moderation": "auto"}),
                    ),
                    vec!["seed"],
                ),
            ],
        ),
    ] {
        let upstream = Upstream::start().await;
        let service = Service::over(&upstream, &[]).await;
        for (options, (sent, dropped)) in all_options().iter().zip(expected) {
            let own = json!({"model": model, "size": sent["size"], "quality": sent["quality"]});
            let body = with_prompt(&merged(&own, options));
            let answer = service.generate(&body).await;
            assert_eq!(answer.status, 200, "{model}: {}", answer.text());
            let call = json!({"prompt": "a", "model": model, "n": 1});
            let requests = upstream.requests_to(GENERATIONS);
            assert_eq!(requests.last().unwrap().json(), merged(&sent, &call));
            let warnings: Vec<String> = dropped
                .iter()
                .map(|name| format!("{name} is not used by the provider openai"))
                .collect();
            assert_eq!(answer.json()["warnings"], json!(warnings), "{model}");
        }
    }
}

fn merged(one: &Value, other: &Value) -> Value {
    let mut all = one.as_object().unwrap().clone();
    all.extend(other.as_object().unwrap().clone());
    all.into()
}

#[tokio::test]
async fn azure_has_no_webp_so_transparency_is_png_there() {
    let upstream = Upstream::start().await;
    let service = azure(&upstream).await;
    for options in [
        json!({"output_format": "webp"}),
        json!({"output_format": "webp", "background": "transparent"}),
    ] {
        for deployment in [
            "gpt-image-1-mini",
            "gpt-image-2-prod",
            "GPT-image-2.5-flare",
        ] {
            let mut options = options.clone();
            options["model"] = deployment.into();
            let words = ["webp", "png, jpeg", deployment, "azure-openai"];
            assert_refused(&service, &upstream, &options, "output_format", &words).await;
        }
    }
    let options = json!({"model": "gpt-image-2-prod", "output_format": "png",
        "background": "transparent"});
    let answer = service.generate(&with_prompt(&options)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = json!({"prompt": "a", "n": 1, "model": "gpt-image-2-prod", "output_format": "png",
        "background": "transparent"});
    assert_eq!(upstream.requests_to(GENERATIONS)[0].json(), sent);
}

#[tokio::test]
async fn a_deployment_whose_name_tells_nothing_gets_what_the_caller_gave() {
    let upstream = Upstream::start().await;
    let service = azure(&upstream).await;
    let options = json!({"size": "200x300", "quality": "best", "output_format": "webp",
        "output_compression": 1, "background": "transparent", "moderation": "low"});
    let answer = service.generate(&with_prompt(&options)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["warnings"], json!([]));
    let call = json!({"prompt": "a", "n": 1, "model": "pics"});
    let sent = upstream.requests_to(GENERATIONS)[0].json();
    assert_eq!(sent, merged(&options, &call));
}

#[tokio::test]
async fn more_images_than_a_call_gives_are_more_calls_and_no_mistake() {
    for (model, calls) in [
        ("dall-e-3", 10),
        ("dall-e-2", 1),
        ("gpt-image-2", 1),
        ("new", 1),
    ] {
        let upstream = Upstream::start().await;
        let settings = [("MAX_IMAGES", "10"), ("OPENAI_IMAGE_MODEL", model)];
        let service = Service::over(&upstream, &settings).await;
        let answer = service.generate(&json!({"prompt": "a", "n": 10})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let requests = upstream.requests_to(GENERATIONS);
        assert_eq!(requests.len(), calls, "{model}");
        let sum: u64 = requests
            .iter()
            .map(|call| call.json()["n"].as_u64().unwrap())
            .sum();
        assert_eq!(sum, 10, "{model}");
        let options = json!({"n": 11});
        let answer = service.generate(&with_prompt(&options)).await;
        assert_eq!(answer.assert_problem(400, "invalid_request")["field"], "n");
        assert_eq!(upstream.requests_to(GENERATIONS).len(), calls);
    }
}

#[tokio::test]
async fn the_form_of_our_answer_is_ours_with_every_model() {
    for (model, upstreams) in [("dall-e-3", Some("b64_json")), ("gpt-image-2", None)] {
        let upstream = Upstream::start().await;
        let service = Service::over(&upstream, &[("OPENAI_IMAGE_MODEL", model)]).await;
        for (format, has_bytes) in [("url", false), ("b64_json", true)] {
            let body = json!({"prompt": "a", "response_format": format});
            let answer = service.generate(&body).await.json();
            let image = &answer["imageList"][0];
            assert_eq!(image.get("b64_json").is_some(), has_bytes, "{model}");
            assert!(image["url"].is_string());
            assert_eq!(answer["warnings"], json!([]), "{model}");
        }
        for request in upstream.requests_to(GENERATIONS) {
            let sent = request.json();
            let sent = sent.get("response_format").and_then(Value::as_str);
            assert_eq!(sent, upstreams, "{model}");
        }
    }
}
