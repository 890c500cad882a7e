//! `GET /api/health`: readiness, from questions that cost nothing.

use crate::{
    azurite,
    service::Service,
    upstream::{Answer, Gate, Upstream},
};
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;

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
        let checks = body["checks"].as_array().unwrap();
        let names: Vec<&str> = checks
            .iter()
            .map(|check| check["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["images", "state", "demo"]);
        assert!(checks.iter().all(|check| check["warnings"] == json!([])));
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

fn in_days(days: i64) -> String {
    let moment = OffsetDateTime::now_utc() + time::Duration::days(days);
    moment.date().to_string()
}

/// The warnings of the provider of a service that is healthy.
async fn warnings(service: &Service) -> Vec<Value> {
    let answer = service.get("/api/health").await;
    let body = answer.json();
    assert_eq!((answer.status, &body["status"]), (200, &json!("healthy")));
    assert_eq!(body["model_loaded"], true);
    let checks = body["checks"].as_array().unwrap();
    let provider = checks
        .iter()
        .find(|check| check["component"] == "provider")
        .unwrap();
    assert_eq!(
        (&provider["status"], &provider["problem"]),
        (&json!("healthy"), &Value::Null)
    );
    provider["warnings"].as_array().unwrap().clone()
}

#[tokio::test]
async fn models_that_end_are_warnings_of_a_healthy_service() {
    let upstream = Upstream::start().await;
    let models = [
        ("painter-1", json!(in_days(30))),
        ("writer-1", json!(in_days(-7))),
        ("painter-2", json!(in_days(200))),
        ("writer-2", Value::Null),
        ("elsewhere", json!(in_days(1))),
    ];
    upstream.serve("/v1/models", Answer::models_until(&models));
    let service = |image, text| {
        let settings = [("OPENAI_IMAGE_MODEL", image), ("OPENAI_TEXT_MODEL", text)];
        let upstream = &upstream;
        async move { Service::over(upstream, &settings).await }
    };
    let found = warnings(&service("painter-1", "writer-1").await).await;
    assert_eq!(found.len(), 2, "{found:?}");
    for (warning, model, setting, end) in [
        (&found[0], "painter-1", "OPENAI_IMAGE_MODEL", 30),
        (&found[1], "writer-1", "OPENAI_TEXT_MODEL", -7),
    ] {
        assert_eq!(warning["model"], model);
        assert_eq!(warning["setting"], setting);
        let date = warning["shutdown_date"].as_str().unwrap();
        let days_left = warning["days_left"].as_i64().unwrap();
        // The day may have changed since the list was written.
        assert!((end - 1..=end).contains(&days_left), "{warning}");
        assert!([in_days(end), in_days(end - 1)].contains(&date.to_owned()));
        let message = warning["message"].as_str().unwrap();
        for part in [model, setting, date] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }
    let none = warnings(&service("painter-2", "writer-2").await).await;
    assert!(none.is_empty(), "{none:?}");
    let none = warnings(&service("an-alias", "a-deployment").await).await;
    assert!(none.is_empty(), "{none:?}");
    let asked = upstream.requests();
    assert_eq!(asked.len(), 3, "one question for each answer");
    assert!(asked.iter().all(|request| request.path() == "/v1/models"));
}

#[tokio::test]
async fn azures_deployments_are_looked_up_by_their_names() {
    let upstream = Upstream::start().await;
    let end = OffsetDateTime::now_utc() + time::Duration::days(3);
    let model = |id| json!({"id": id, "deprecation": {"inference": end.unix_timestamp()}});
    let list = json!({"data": [model("pics"), model("words")]});
    upstream.serve("/openai/models", Answer::json(&list));
    let origin = upstream.origin();
    let service = Service::start(&[
        ("AZURE_OPENAI_ENDPOINT", origin.as_str()),
        ("AZURE_OPENAI_API_KEY", "k"),
        ("AZURE_OPENAI_DEPLOYMENT_NAME", "pics"),
        ("AZURE_OPENAI_TEXT_DEPLOYMENT_NAME", "words"),
        ("OPENAI_API_VERSION", "2024-10-21"),
    ])
    .await;
    let found = warnings(&service).await;
    let settings: Vec<&Value> = found.iter().map(|warning| &warning["setting"]).collect();
    assert_eq!(
        settings,
        [
            "AZURE_OPENAI_DEPLOYMENT_NAME",
            "AZURE_OPENAI_TEXT_DEPLOYMENT_NAME"
        ]
    );
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_no_warning_and_no_illness() {
    let upstream = Upstream::start().await;
    let ends = |padding: usize| {
        json!({"padding": " ".repeat(padding),
            "data": [{"id": "painter-1", "shutdown_date": in_days(1)}]})
    };
    let service = Service::over(&upstream, &[("OPENAI_IMAGE_MODEL", "painter-1")]).await;
    for (list, count) in [
        (Answer::json(&ends(0)), 1),
        (Answer::json(&ends(0)).status(404), 0),
        (Answer::json(&ends(4 * 1024 * 1024)).chunked(), 0),
        (Answer::json(&ends(0)).cut_after(20), 0),
        (Answer::malformed_json(), 0),
        (Answer::html(200), 0),
        (Answer::json(&json!(["painter-1"])), 0),
    ] {
        upstream.serve("/v1/models", list);
        assert_eq!(warnings(&service).await.len(), count);
    }
}

#[tokio::test]
async fn the_first_look_at_the_models_holds_up_neither_the_service_nor_its_end() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.serve("/v1/models", Answer::models(&[]).held_by(&gate));
    let base_url = upstream.base_url();
    let mut service = Service::start_with(&[("OPENAI_BASE_URL", &base_url)], |config| {
        config.models_checked_after = Duration::ZERO;
    })
    .await;
    upstream.wait_for_requests_to("/models", 1).await;
    let answer = service.generate(&json!({"prompt": "a"})).await;
    assert_eq!(answer.status, 200);
    service.stop().await;
    upstream.wait_for_abandoned(1).await;
    assert_eq!(upstream.requests_to("/models").len(), 1);
    assert_eq!(upstream.requests().len(), 2);
}
