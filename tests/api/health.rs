//! `GET /api/health`: readiness, from questions that cost nothing.

use crate::{
    azurite,
    service::Service,
    upstream::{Answer, Upstream},
};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_healthy_service_answers_with_the_samples_fields() {
    let folder = Service::start(&[]).await;
    let account = Service::on_azurite(&azurite::new_container("health")).await;
    for service in [folder, account] {
        let answer = service.get("/api/health").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        assert_eq!(body["status"], "healthy");
        assert_eq!(body["gpu_available"], false);
        assert_eq!(body["gpu_info"], json!({}));
        assert_eq!(body["model_loaded"], true);
        assert_eq!(body["checks"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_provider_that_refuses_the_key_makes_it_unhealthy_and_no_image_is_paid() {
    let upstream = Upstream::start().await;
    upstream.serve("/v1/models", Answer::wrong_key());
    let service = Service::over(&upstream, &[]).await;
    let answer = service.get("/api/health").await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (503, &json!("unhealthy"))
    );
    assert_eq!(answer.json()["model_loaded"], false);
    assert!(!answer.text().contains("sk-"));
    assert!(
        upstream
            .requests()
            .iter()
            .all(|request| request.path() == "/v1/models")
    );
    upstream.serve("/v1/models", Answer::html(404));
    assert_eq!(
        service.get("/api/health").await.status,
        200,
        "a server without the list is ready"
    );
}

#[tokio::test]
async fn answers_are_remembered_for_a_while() {
    let upstream = Upstream::start().await;
    let base_url = upstream.base_url();
    let service = Service::start_with(&[("OPENAI_BASE_URL", &base_url)], |config| {
        config.health_memory = Duration::from_secs(3600);
    })
    .await;
    let asks = (0..20).map(|_| service.get("/api/health"));
    for answer in futures_util::future::join_all(asks).await {
        assert_eq!(answer.status, 200);
    }
    assert_eq!(upstream.requests_to("/models").len(), 1);
}
