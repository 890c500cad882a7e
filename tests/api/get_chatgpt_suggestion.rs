//! `GET /api/getChatGPTSuggestion`: a clean sentence, whatever the model does.

use crate::{
    frontend,
    service::Service,
    upstream::{Answer, Upstream},
};
use serde_json::json;

#[tokio::test]
async fn the_models_idea_is_cleaned() {
    let upstream = Upstream::start().await;
    upstream.push(Answer::chat("\n\n\"A red fox\nin the snow.\"\n"));
    let service = Service::over(&upstream, &[("OPENAI_TEXT_MODEL", "gpt-x")]).await;
    let answer = service.get("/api/getChatGPTSuggestion").await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "A red fox in the snow.")
    );
    assert!(answer.header("content-type").starts_with("text/plain"));
    assert_eq!(answer.header("x-suggestion-source"), "model");
    let request = upstream.requests_to("/v1/chat/completions")[0].json();
    assert_eq!(request["model"], "gpt-x");
    assert!(request["max_completion_tokens"].as_u64().unwrap() >= 300);
    assert!(request.get("temperature").is_none() && request.get("max_tokens").is_none());
}

#[tokio::test]
async fn legacy_models_are_asked_by_the_legacy_api() {
    let upstream = Upstream::start().await;
    upstream.push(Answer::completion("\n\nA red fox."));
    let service = Service::over(
        &upstream,
        &[("OPENAI_TEXT_MODEL", "gpt-3.5-turbo-instruct")],
    )
    .await;
    assert_eq!(frontend::suggestion(&service.base()).await, "A red fox.");
    assert_eq!(upstream.requests_to("/v1/completions").len(), 1);
}

#[tokio::test]
async fn azure_has_a_deployment_of_its_own_for_text() {
    let upstream = Upstream::start().await;
    let origin = upstream.origin();
    let mut settings = vec![
        ("AZURE_OPENAI_ENDPOINT", origin.as_str()),
        ("AZURE_OPENAI_API_KEY", "k"),
        ("AZURE_OPENAI_DEPLOYMENT_NAME", "pics"),
        ("OPENAI_API_VERSION", "2024-10-21"),
    ];
    let without = Service::start(&settings).await;
    let answer = without.get("/api/getChatGPTSuggestion").await;
    assert_eq!(answer.header("x-suggestion-source"), "stored");
    assert!(upstream.requests().is_empty());
    settings.push(("AZURE_OPENAI_TEXT_DEPLOYMENT_NAME", "words"));
    upstream.push(Answer::chat("A red fox."));
    let with = Service::start(&settings).await;
    assert_eq!(frontend::suggestion(&with.base()).await, "A red fox.");
    assert_eq!(
        upstream.requests()[0].path(),
        "/openai/deployments/words/chat/completions"
    );
}

#[tokio::test]
async fn when_the_model_fails_a_stored_idea_stands_in_or_the_caller_is_told() {
    let upstream = Upstream::start().await;
    let with = Service::over(&upstream, &[]).await;
    let without = Service::over(&upstream, &[("SUGGESTION_FALLBACK", "off")]).await;
    for fault in [
        Answer::server_error(),
        Answer::wrong_key(),
        Answer::html(200),
        Answer::azure_chat_filtered(),
        Answer::chat("  \"\" "),
        Answer::chat_message(&json!({"content": null, "refusal": "no"}), "stop"),
    ] {
        upstream.always(fault);
        let answer = with.get("/api/getChatGPTSuggestion").await;
        assert_eq!(
            (answer.status, answer.header("x-suggestion-source")),
            (200, "fallback")
        );
        let text = answer.text();
        assert!(
            text.len() > 10 && text.trim() == text && !text.contains('{'),
            "{text}"
        );
        let answer = without.get("/api/getChatGPTSuggestion").await;
        answer.assert_problem(502, "upstream_error");
    }
}

#[tokio::test]
async fn the_demo_has_many_ideas() {
    let service = Service::start(&[]).await;
    let mut ideas = std::collections::BTreeSet::new();
    for _ in 0..30 {
        ideas.insert(frontend::suggestion(&service.base()).await);
    }
    assert!(ideas.len() > 5, "{ideas:?}");
}
