//! `GET /api/health`: whether the service is ready, with the fields that the GPU sample of
//! Azure's container apps answers with, so that its monitors go on working.

use crate::{
    app::App,
    error::ApiError,
    health::{Check, EndingModel},
};
use axum::{
    extract::State,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// Whether something does what it is there for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HealthStatus)]
pub enum Status {
    /// It does.
    Healthy,
    /// It does not.
    Unhealthy,
}

/// The state of the service.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub struct Answer {
    /// Healthy when every component is.
    status: Status,
    /// Whether a local engine has a GPU; no local engine is part of this build.
    gpu_available: bool,
    /// Empty without a GPU.
    #[schema(value_type = Object)]
    gpu_info: Map<String, Value>,
    /// Whether the provider can be asked.
    model_loaded: bool,
    /// What was looked at.
    checks: Vec<Component>,
}

/// A component's state.
#[derive(Serialize, ToSchema)]
#[schema(as = HealthCheck)]
pub struct Component {
    /// `store` or `provider`.
    component: &'static str,
    /// Which one: `images` and `state` of the store, the provider's name.
    name: String,
    /// Whether it is there.
    status: Status,
    /// What is wrong with it.
    #[schema(required)]
    problem: Option<&'static str>,
    /// What is not wrong yet.
    warnings: Vec<Warning>,
}

/// A configured model that its provider shuts down within 60 days, or has.
#[derive(Serialize, ToSchema)]
#[schema(as = EndingModel)]
pub struct Warning {
    /// All of it as a sentence.
    message: String,
    /// The model.
    model: String,
    /// The setting that names it.
    setting: &'static str,
    /// When it ends.
    #[schema(format = "date")]
    shutdown_date: String,
    /// Negative when it has ended.
    days_left: i64,
}

/// Answers 200 when every component is there, else 503 with what is wrong. What is not wrong
/// yet is a warning beside a 200.
///
/// # Errors
/// 500 for an answer that cannot be written as JSON, which is a fault of ours.
pub async fn handle(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let checks = app.health.checks(OffsetDateTime::now_utc()).await;
    let is_healthy = !checks.is_empty() && checks.iter().all(|check| check.problem.is_none());
    let is_there = |component| {
        let found = checks.iter().find(|check| check.component == component);
        found.is_some_and(|check| check.problem.is_none())
    };
    let model_loaded = is_there("provider");
    let body = Answer {
        status: Status::of(is_healthy),
        gpu_available: false,
        gpu_info: Map::new(),
        model_loaded,
        checks: checks.into_iter().map(Component::from).collect(),
    };
    let status = match is_healthy {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = serde_json::to_vec(&body).map_err(|_| ApiError::internal())?;
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((status, headers, body).into_response())
}

impl Status {
    fn of(is_healthy: bool) -> Self {
        match is_healthy {
            true => Self::Healthy,
            false => Self::Unhealthy,
        }
    }
}

impl From<Check> for Component {
    fn from(check: Check) -> Self {
        Self {
            component: check.component,
            name: check.name,
            status: Status::of(check.problem.is_none()),
            problem: check.problem,
            warnings: check.ending_models.iter().map(Warning::from).collect(),
        }
    }
}

impl From<&EndingModel> for Warning {
    fn from(ending: &EndingModel) -> Self {
        Self {
            message: ending.to_string(),
            model: ending.model.name.clone(),
            setting: ending.model.setting,
            shutdown_date: ending.ends_on.to_string(),
            days_left: ending.days_left,
        }
    }
}
