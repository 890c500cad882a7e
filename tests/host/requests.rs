//! Requests through the host: what front ends send, and what becomes of it.

use serde_json::Value;

use super::functions_host::{Mode, State};
use super::harness::{DEADLINE, Gallery, in_both_modes, json_of, path_of, until};

in_both_modes!(
    a_plain_caller_gets_the_original_sentence,
    a_json_caller_gets_an_image_that_opens,
    the_gallery_lists_newest_first_whatever_the_paths_letter_case,
    the_text_functions_and_health_answer,
    the_gpu_samples_callers_get_its_fields,
    what_the_host_does_not_route_is_a_404_of_the_host,
    the_root_is_ours_and_head_and_options_reach_what_reads,
    a_body_over_our_limit_gets_our_answer,
    a_problem_passes_unchanged_with_the_hosts_invocation_id,
    nothing_secret_and_no_error_reaches_the_console,
);

async fn a_plain_caller_gets_the_original_sentence(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    let request = gallery.client.post(gallery.url("/api/generateImage"));
    let response = request
        .header("accept", "*/*")
        .body(r#"{"prompt":"a red fox"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let content_type = response.headers()["content-type"].to_str().unwrap();
    assert!(content_type.starts_with("text/plain"), "{content_type}");
    assert_eq!(
        response.text().await.unwrap(),
        "Image uploaded successfully"
    );
    gallery.stop().await;
}

async fn a_json_caller_gets_an_image_that_opens(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    let answer = gallery.generate("a red fox").await;
    assert_eq!(answer["message"], "Image uploaded successfully");
    let image = &answer["imageList"][0];
    let url = image["url"].as_str().unwrap();
    assert!(
        url.starts_with(&gallery.host.base_url),
        "the public host: {url}"
    );
    let path = path_of(url);
    assert!(path.starts_with("/api/files/"), "{path}");

    let response = gallery.get(&path).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "image/png");
    let bytes = response.bytes().await.unwrap();
    assert_eq!(bytes[..8], *b"\x89PNG\r\n\x1a\n");
    assert_eq!(image["sizeBytes"], bytes.len());

    let head = gallery
        .client
        .head(gallery.url(&path))
        .send()
        .await
        .unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-length"], bytes.len().to_string());
    assert!(head.bytes().await.unwrap().is_empty());

    let unsigned = path.split('?').next().unwrap();
    assert!(gallery.get(unsigned).await.status().is_client_error());
    gallery.stop().await;
}

async fn the_gallery_lists_newest_first_whatever_the_paths_letter_case(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    gallery.generate("the first").await;
    gallery.generate("the second").await;
    for path in ["/api/getImages", "/API/GetImages/", "/Api/GETIMAGES?x"] {
        let list = gallery.get_json(path).await;
        let prompts: Vec<&Value> = list["imageUrls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|image| &image["prompt"])
            .collect();
        assert_eq!(prompts, ["the second", "the first"], "{path}");
    }
    gallery.stop().await;
}

async fn the_text_functions_and_health_answer(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    let suggestion = gallery.get("/api/getChatGPTSuggestion").await;
    assert_eq!(suggestion.status(), 200);
    assert!(!suggestion.text().await.unwrap().trim().is_empty());

    let token = gallery.get("/api/generateSASToken").await;
    assert_eq!(token.status(), 200);
    let token = token.text().await.unwrap();
    assert!(
        token.contains("sig=") && !token.contains('?'),
        "not a SAS query"
    );

    assert_eq!(gallery.get("/api/health").await.status(), 200);
    gallery.stop().await;
}

async fn the_gpu_samples_callers_get_its_fields(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    let query = "prompt=a+red%20fox+%26+%E7%8C%AB+%2B+100%25&width=64&height=128";
    let by_get = gallery.get_json(&format!("/API/Generate/?{query}")).await;
    let body = r#"{"prompt":"a red fox & 猫 + 100%","width":64,"height":128}"#;
    let request = gallery.client.post(gallery.url("/api/generate"));
    let request = request
        .header("content-type", "application/json")
        .body(body);
    let by_post = json_of(request.send().await.unwrap()).await;
    assert_eq!(by_get["prompt"], "a red fox & 猫 + 100%");
    for name in ["success", "prompt", "image", "format", "width", "height"] {
        assert!(!by_get[name].is_null(), "{name}");
        assert_eq!(by_get[name], by_post[name], "{name}");
    }
    let missing = gallery.get("/api/generate").await;
    assert_eq!(missing.status(), 400);
    let problem = json_of(missing).await;
    assert_eq!(problem["error"], "Please provide a 'prompt' parameter");
    gallery.stop().await;
}

async fn what_the_host_does_not_route_is_a_404_of_the_host(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    let cases = [
        ("GET", "/api/generateImage"),
        ("POST", "/api/getImages"),
        ("OPTIONS", "/api/generateImage"),
        ("HEAD", "/api/getChatGPTSuggestion"),
        ("HEAD", "/api/generate?prompt=a"),
        ("GET", "/getImages"),
        ("GET", "/api/nothing"),
        ("GET", "/admin/nothing"),
    ];
    for (method, path) in cases {
        let method = method.parse().unwrap();
        let request = gallery.client.request(method, gallery.url(path));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
        assert!(response.bytes().await.unwrap().is_empty(), "{path}");
    }
    assert!(gallery.host.invocation_ids().is_empty());
    gallery.stop().await;
}

async fn the_root_is_ours_and_head_and_options_reach_what_reads(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    let ask = async |method: &str, path: &str| {
        let method = method.parse().unwrap();
        let request = gallery.client.request(method, gallery.url(path));
        request.send().await.unwrap()
    };
    let root = ask("GET", "/").await;
    assert_eq!(root.status(), 200);
    assert!(root.text().await.unwrap().contains("visionary is running"));
    for path in ["/", "/api/getImages", "/api/health", "/api/openapi.json"] {
        let get = ask("GET", path).await;
        let head = ask("HEAD", path).await;
        assert_eq!(head.status(), get.status(), "{path}");
        assert_eq!(
            head.headers()["content-type"],
            get.headers()["content-type"],
            "{path}"
        );
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
    }
    for (path, allowed) in [
        ("/", "GET, HEAD, OPTIONS"),
        ("/api/getImages", "GET, HEAD, OPTIONS"),
        ("/api/images/eA", "GET, HEAD, OPTIONS, DELETE"),
    ] {
        let answer = ask("OPTIONS", path).await;
        assert_eq!(answer.status(), 204, "{path}");
        // A host that forwards takes a list apart.
        let lines = answer.headers().get_all("allow").iter();
        let lines: Vec<&str> = lines.map(|line| line.to_str().unwrap()).collect();
        assert_eq!(lines.join(", "), allowed, "{path}");
        let mut names = answer.headers().keys();
        assert!(
            !names.any(|name| name.as_str().starts_with("access-control")),
            "{path}"
        );
    }
    for path in ["/v1/models", "/openai/v1/images/generations"] {
        let answer = ask("GET", path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(json_of(answer).await["code"], "not_found", "{path}");
    }
    gallery.stop().await;
}

/// The host has the whole body and goes on sending it: a connection that is closed before its end
/// would be an empty 500.
async fn a_body_over_our_limit_gets_our_answer(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    for _ in 0..3 {
        let request = gallery.client.post(gallery.url("/api/generateImage"));
        let request = request.header("content-type", "application/json");
        let answer = request.body(vec![b' '; 20_000_000]).send().await.unwrap();
        assert_eq!(answer.status(), 413);
        assert_eq!(json_of(answer).await["code"], "payload_too_large");
    }
    gallery.stop().await;
}

async fn a_problem_passes_unchanged_with_the_hosts_invocation_id(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    let request = gallery.client.post(gallery.url("/api/generateImage"));
    let response = request
        .header("content-type", "application/json")
        .header("x-azure-functions-invocationid", "chosen-by-the-client")
        .body("{\"prompt\":")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let problem = json_of(response).await;
    let invocation_ids = gallery.host.invocation_ids();
    assert_eq!(problem["status"], 400);
    assert_eq!(problem["requestId"], invocation_ids[0].as_str());
    gallery.stop().await;
}

async fn nothing_secret_and_no_error_reaches_the_console(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    let generated = gallery.generate("a red fox").await;
    let url = generated["imageList"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    gallery.get(&path_of(&url)).await;
    let key = "a-key-that-nobody-may-read";
    let requests = [
        format!("/api/getImages?code={key}"),
        format!("/api/getImages?limit=no&code={key}"),
    ];
    for path in requests {
        let request = gallery.client.get(gallery.url(&path));
        request.header("x-functions-key", key).send().await.unwrap();
    }
    let token = gallery
        .get("/api/generateSASToken")
        .await
        .text()
        .await
        .unwrap();

    // Each invocation is in the log by its id, so its lines have been read when it is there.
    let console = &gallery.host.worker().console;
    let invocation_ids = gallery.host.invocation_ids();
    until("every invocation is logged", || {
        invocation_ids.iter().all(|id| console.contains(id))
    })
    .await;
    let secret_values = [&token, &url].map(|text| {
        let query = text.rsplit('?').next().unwrap();
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "sig")
            .map(|(_, value)| value.into_owned())
            .expect("a signature")
    });
    for secret in [
        key,
        "code=",
        "sig=",
        "\x1b",
        &secret_values[0],
        &secret_values[1],
    ] {
        assert!(!console.contains(secret), "in the console: {secret:?}");
    }
    let errors = console.errors();
    assert!(errors.is_empty(), "{errors:?}");
    gallery.stop().await;
}

#[tokio::test]
async fn the_handler_is_ready_at_its_first_start_and_early_requests_wait() {
    let gallery = Gallery::start(Mode::Proxying).await;
    let early = gallery.get("/api/health").await;
    assert_eq!(early.status(), 200);
    let ready = |state: &State| *state == State::Ready;
    assert!(
        gallery
            .host
            .worker()
            .wait_for(DEADLINE, ready)
            .await
            .is_some()
    );
    assert_eq!(gallery.host.worker().launches(), 1);
    gallery.stop().await;
}
