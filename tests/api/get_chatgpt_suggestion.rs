//! `GET /api/getChatGPTSuggestion`: a clean sentence, whatever the model does.

use crate::{
    frontend,
    service::{self, Service, client},
    upstream::{Answer, Upstream},
};
use serde_json::json;

#[tokio::test]
async fn the_models_idea_is_cleaned() {
    let upstream = Upstream::start().await;
    upstream.push(Answer::chat(
        "\n\n**Prompt:** \"A red\u{200b} fox\nin the snow.\"\n",
    ));
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
    assert_eq!(request["messages"][0]["role"], "user");
    assert!(request["messages"][0]["content"].is_string());
    // Reasoning models refuse a request with `max_tokens` or with a temperature.
    let mut sent: Vec<&String> = request.as_object().unwrap().keys().collect();
    sent.sort();
    assert_eq!(sent, ["max_completion_tokens", "messages", "model"]);
}

#[tokio::test]
async fn a_temperature_is_sent_when_it_is_set() {
    for (model, api) in [
        ("gpt-x", "chat/completions"),
        ("davinci-002", "completions"),
    ] {
        let upstream = Upstream::start().await;
        let settings = [
            ("OPENAI_TEXT_MODEL", model),
            ("SUGGESTION_TEMPERATURE", "0.7"),
        ];
        let service = Service::over(&upstream, &settings).await;
        let answer = service.get("/api/getChatGPTSuggestion").await;
        assert_eq!(answer.header("x-suggestion-source"), "model");
        let request = &upstream.requests()[0];
        assert_eq!(request.path(), format!("/v1/{api}"));
        assert_eq!(request.json()["temperature"], json!(0.7));
    }
}

#[tokio::test]
async fn the_api_is_chosen_by_a_setting_where_names_tell_nothing() {
    for (model, chosen, api) in [
        ("my-base-model", "completions", "completions"),
        ("gpt-3.5-turbo-instruct", "chat", "chat/completions"),
        ("Llama-3.1-8B-Instruct", "", "chat/completions"),
    ] {
        let upstream = Upstream::start().await;
        upstream.always_with(|request| match request.path() {
            "/v1/completions" => Answer::completion("A red fox."),
            _ => Answer::chat("A red fox."),
        });
        let settings = [("OPENAI_TEXT_MODEL", model), ("SUGGESTION_API", chosen)];
        let service = Service::over(&upstream, &settings).await;
        assert_eq!(frontend::suggestion(&service.base()).await, "A red fox.");
        assert_eq!(upstream.requests()[0].path(), format!("/v1/{api}"));
    }
}

#[tokio::test]
async fn legacy_models_are_asked_by_the_legacy_api() {
    let upstream = Upstream::start().await;
    upstream.push(Answer::completion("\n\nA red fox."));
    let service = Service::over(
        &upstream,
        &[("OPENAI_TEXT_MODEL", "GPT-3.5-turbo-instruct")],
    )
    .await;
    assert_eq!(frontend::suggestion(&service.base()).await, "A red fox.");
    let requests = upstream.requests_to("/v1/completions");
    assert_eq!(requests.len(), 1);
    let mut request = requests[0].json();
    let prompt = request.as_object_mut().unwrap().remove("prompt").unwrap();
    assert!(prompt.as_str().unwrap().contains("picture"));
    assert_eq!(
        request,
        json!({"model": "GPT-3.5-turbo-instruct", "max_tokens": 300})
    );
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
        Answer::chat_message(&json!({"content": "A fox in", "refusal": null}), "length"),
        Answer::chat_message(&json!({"content": "A fox in"}), "content_filter"),
        Answer::chat_message(&json!({"content": "I", "refusal": "I cannot"}), "stop"),
        Answer::chat("\u{200b}**Prompt:** \n"),
        Answer::json(&json!({"choices": []})),
        Answer::model_not_found("gpt-6-luna"),
        Answer::insufficient_quota(),
        Answer::moderation_blocked(),
        Answer::malformed_json(),
        Answer::hang_up(),
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
async fn a_head_asks_no_model() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let url = format!("{}/api/getChatGPTSuggestion", service.base());
    let answer = service::Answer::of(client().head(&url)).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET"));
    assert!(upstream.requests().is_empty());
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
