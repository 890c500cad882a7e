//! What the program prints, and what it never does.

use super::{Running, handler, program};
use crate::{
    azurite,
    behind_host::proxied,
    service::{Answer, client},
    upstream::{self, Upstream},
};
use serde_json::{Value, json};

/// Nobody asks this one: it looks by itself, and says it once, however often it is asked then.
#[tokio::test]
async fn a_model_that_ends_soon_is_in_the_log_once() {
    let upstream = Upstream::start().await;
    let end = json!("2026-05-12"); // past, whenever this runs
    let models = [("gpt-image-2.5-flare", end), ("gpt-6-luna", Value::Null)];
    upstream.serve("/v1/models", upstream::Answer::models_until(&models));
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::over(&upstream, folder.path()).await;
    running.prints("OPENAI_IMAGE_MODEL").await;
    let health = format!("{}/api/health", running.base);
    assert_eq!(Answer::of(client().get(health)).await.status, 200);
    running.signal("-TERM");
    let (code, printed) = running.end().await;
    assert_eq!(code, Some(0));
    let is_warning = |line: &&str| line.contains("was shut down on 2026-05-12");
    let warnings: Vec<&str> = printed.lines().filter(is_warning).collect();
    assert_eq!(warnings.len(), 1, "{printed}");
    assert!(warnings[0].contains("WARN") && warnings[0].contains("gpt-image-2.5-flare"));
    let asked = upstream.requests();
    assert!(asked.iter().all(|request| request.path() == "/v1/models"));
    assert_eq!(asked.len(), 2, "its own question and the one for health");
}

#[tokio::test]
async fn an_unreachable_provider_is_no_noise_at_the_start() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", closed.local_addr().unwrap());
    drop(closed);
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(program(&[
        ("PORT", "0"),
        ("RUST_LOG", "visionary=debug"),
        ("STORAGE_DIR", folder.path().to_str().unwrap()),
        ("OPENAI_BASE_URL", &base_url),
    ]))
    .await;
    running.prints("was not asked when its models end").await;
    running.signal("-TERM");
    let (code, printed) = running.end().await;
    assert_eq!(code, Some(0));
    assert!(
        !printed.contains("WARN") && !printed.contains("ERROR"),
        "{printed}"
    );
}

/// In Container Apps a host that ignores what the ingress notes makes all callers one.
#[tokio::test]
async fn that_callers_cannot_be_told_apart_is_in_the_log_once_with_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = handler(folder.path());
    command.envs([("CONTAINER_APP_NAME", "app"), ("IMAGE_PROVIDER", "demo")]);
    let running = Running::start(command).await;
    for id in ["a", "b"] {
        let ask = client().post(format!("{}/api/generateImage", running.base));
        let ask = proxied(id)
            .iter()
            .fold(ask, |ask, (name, value)| ask.header(*name, *value));
        let ask = ask.header("x-forwarded-for", "100.100.0.5");
        let answer = Answer::of(ask.body("{\"prompt\":\"a\",\"size\":\"64x64\"}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    running.signal("-TERM");
    let (code, printed) = running.end().await;
    assert_eq!(code, Some(0));
    let is_warning = |line: &&str| line.contains("all callers count as one");
    let warnings: Vec<&str> = printed.lines().filter(is_warning).collect();
    assert_eq!(warnings.len(), 1, "{printed}");
    assert!(warnings[0].contains("set ASPNETCORE_FORWARDEDHEADERS_ENABLED=true"));
}

/// Whatever is asked of the log: no key, no signature, no function key, no prompt.
#[tokio::test]
async fn the_log_holds_no_secret_and_no_prompt() {
    let upstream = Upstream::start().await;
    let account = azurite::connection_string();
    let container = azurite::new_container("log");
    let base_url = upstream.base_url();
    let settings = [
        ("PORT", "0"),
        ("RUST_LOG", "trace"),
        ("AZURE_STORAGE_CONNECTION_STRING", account.as_str()),
        ("IMAGES_CONTAINER", &container),
        ("OPENAI_BASE_URL", &base_url),
        ("OPENAI_API_KEY", "sk-5ecret-of-the-operator"),
    ];
    let running = Running::start(program(&settings)).await;
    let url = |path: &str| format!("{}{path}", running.base);
    let generate = url("/api/generateImage?code=function-5ecret-in-query");
    let post = || {
        client()
            .post(&generate)
            .header("x-functions-key", "function-5ecret-in-header")
            .body("{\"prompt\":\"walrus\\nin a secret garden\"}")
    };
    assert_eq!(Answer::of(post()).await.status, 200);
    upstream.push(upstream::Answer::wrong_key());
    assert_eq!(Answer::of(post()).await.status, 502);
    let quoting = "Invalid prompt: 'walrus in a secret garden'";
    upstream.push(upstream::Answer::error(
        400,
        "invalid_request_error",
        "bad",
        quoting,
    ));
    assert_eq!(Answer::of(post()).await.status, 400);
    let telling = "sk-5ecret-of-the-operator may not paint a walrus";
    let error =
        serde_json::json!({"error": {"message": telling, "param": telling, "code": telling}});
    for (status, ours) in [(400, 400), (500, 200), (200, 200)] {
        upstream.push(upstream::Answer::json(&error).status(status));
        assert_eq!(Answer::of(post()).await.status, ours);
    }
    for body in [
        json!({"prompt": "a", "negative_prompt": "walrus ".repeat(5000)}),
        json!({"prompt": "a", "user": "walrus@example.com".repeat(20)}),
        json!({"prompt": "a", "quality": "Like a Walrus"}),
        json!({"prompt": ["walrus"]}),
    ] {
        let request = client().post(&generate).body(body.to_string());
        assert_eq!(Answer::of(request).await.status, 400, "{body}");
    }
    for query in [
        "prompt=a&seed=my+private+idea",
        "prompt=a&my+private+idea=1&my+private+idea=2",
        "prompt=a&my+private+idea=%FF",
    ] {
        let request = client().get(url(&format!("/api/generate?{query}")));
        assert_eq!(Answer::of(request).await.status, 400, "{query}");
    }
    for path in [
        "/api/getImages",
        "/api/generateSASToken",
        "/api/health",
        "/api/nothing?code=function-5ecret-in-query",
    ] {
        Answer::of(client().get(url(path))).await;
    }
    running.signal("-TERM");
    let (code, printed) = running.end().await;
    assert_eq!(code, Some(0));
    assert!(printed.contains("images generated"), "{printed}");
    assert!(printed.contains("seed is not as allowed"), "{printed}");
    let key_start = &azurite::KEY[..20];
    for secret in [
        "sk-5ecret",
        key_start,
        "sig=",
        "SharedKey ",
        "function-5ecret",
        "walrus",
        "Walrus",
        "my private idea",
        "my+private+idea",
        "Bearer ",
    ] {
        assert!(!printed.contains(secret), "{secret} in\n{printed}");
    }
    assert!(!printed.contains('\u{1b}'), "no colours where nobody looks");
}

/// Whoever has an operation's id may see its result and cancel it.
#[tokio::test]
async fn the_log_holds_no_operations_id() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let running = Running::over(&upstream, folder.path()).await;
    let request = client().post(format!("{}/api/generateImage", running.base));
    let request = request.header("accept", "application/json");
    let answer = Answer::of(request.body("{\"prompt\":\"a\"}")).await;
    let id = answer.json()["object"]["operationId"].clone();
    let id = id.as_str().unwrap();
    std::fs::write(folder.path().join("state/operations").join(id), "damaged").unwrap();
    let asked = Answer::of(client().get(answer.header("operation-location"))).await;
    assert_eq!(asked.json()["error"]["code"], "state_unreadable");
    running.signal("-TERM");
    let printed = running.end().await.1;
    assert!(printed.contains("a state blob cannot be read"), "{printed}");
    assert!(!printed.contains(id), "{printed}");
}
