//! `GET /api/health`: whether the service is ready, with the fields that the GPU sample of
//! Azure's container apps answers with, so that its monitors go on working.

use crate::{app::App, health::EndingModel};
use axum::{
    extract::State,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::Arc;
use time::OffsetDateTime;

/// Answers 200 when every component is there, else 503 with what is wrong. What is not wrong
/// yet is a warning beside a 200.
pub async fn handle(State(app): State<Arc<App>>) -> Response {
    let checks = app.health.checks(OffsetDateTime::now_utc()).await;
    let is_healthy = !checks.is_empty() && checks.iter().all(|check| check.problem.is_none());
    let is_there = |component| {
        let found = checks.iter().find(|check| check.component == component);
        found.is_some_and(|check| check.problem.is_none())
    };
    let components: Vec<Value> = checks
        .iter()
        .map(|check| {
            json!({
                "component": check.component,
                "name": check.name,
                "status": if check.problem.is_none() { "healthy" } else { "unhealthy" },
                "problem": check.problem,
                "warnings": check.ending_models.iter().map(warning).collect::<Vec<_>>(),
            })
        })
        .collect();
    let body = json!({
        "status": if is_healthy { "healthy" } else { "unhealthy" },
        "gpu_available": false, // no local engine is part of this build
        "gpu_info": {},
        "model_loaded": is_there("provider"),
        "checks": components,
    });
    let status = match is_healthy {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body.to_string()).into_response()
}

fn warning(ending: &EndingModel) -> Value {
    json!({
        "message": ending.to_string(),
        "model": ending.model.name,
        "setting": ending.model.setting,
        "shutdown_date": ending.ends_on.to_string(),
        "days_left": ending.days_left,
    })
}
