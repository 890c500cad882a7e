//! `POST /api/generateImage`: from a prompt to stored images. The answer is text, JSON, a stream
//! of events, or at once the address of an operation.

mod delivery;
mod events;

use super::{
    base_url::public_base_url,
    caller::caller,
    image_answer::{ImageAnswer, MESSAGE},
    json_body::read_object,
    operation_answer::{operation_answer, operation_location, set_operation_location},
    request_id::RequestId,
    request_key::request_key,
};
use crate::{
    app::App,
    error::{ApiError, IDEMPOTENCY_KEY},
    images::{ParsedRequest, PartialImages, RETRY_PAID, ResponseFormat, parse_request},
    limits::Caller,
    operations::{CallersFields, Destination, GenerateCommand, Patience, Started},
};
use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use delivery::Delivery;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Says that a preference was heeded (RFC 7240).
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Answers as the caller's `Accept` and `Prefer` ask for.
///
/// # Errors
/// 400, 413 and 415 for requests that cannot be read; what operations, the provider and the
/// store do.
pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(limited_caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let fields = read_object(&parts.headers, body).await?;
    let delivery = Delivery::of(&parts.headers);
    if delivery == Delivery::Events {
        events::check_host(&app, &parts.headers)?;
    }
    let mut parsed = parse_request(fields.clone(), app.max_images)?;
    let caller = caller(&app, &parts.uri, &parts.headers, &parts.extensions);
    let request = ("generateImage", &fields);
    let key = request_key(&app, &id, &parts.headers, &caller, request)?;
    // As JSON values a body takes many times its length, and an operation may wait for long.
    drop(fields);
    let fields = std::mem::take(&mut parsed.fields);
    let answer = ImageAnswer {
        output_key: parsed.answer.output_key.clone(),
        request_id: id.as_str().to_owned(),
        public_base_url: public_base_url(&app, &parts.headers),
    };
    let retries_paid = parsed.retry_paid;
    let mut command = command(parsed, delivery, &answer);
    if retries_paid && key.is_none() {
        let warning = format!("{RETRY_PAID} is used with an {IDEMPOTENCY_KEY} only");
        command.warnings.push(warning);
    }
    (command.key, command.caller) = (key, limited_caller);
    let base_url = answer.public_base_url.clone();
    let answered = match delivery {
        Delivery::Operation => accept(&app, command, fields, &answer).await,
        Delivery::Events => stream(&app, command, answer).await,
        Delivery::Json | Delivery::Text => wait(&app, command, delivery, &answer).await,
    };
    answered.map_err(|error| error.located(|id| operation_location(id, &base_url)))
}

fn command(parsed: ParsedRequest, delivery: Delivery, answer: &ImageAnswer) -> GenerateCommand {
    let wants_bytes = parsed.answer.response_format == ResponseFormat::B64Json;
    let mut command = GenerateCommand::in_background(parsed, answer.request_id.clone());
    match (delivery, wants_bytes) {
        (Delivery::Operation, true) => command
            .warnings
            .push("an operation's result has addresses and no b64_json".to_owned()),
        (Delivery::Json | Delivery::Events, true) => {
            command.destination = Destination::GalleryAndCaller;
        }
        _ => {}
    }
    command.patience = match delivery {
        Delivery::Operation => Patience::Background,
        Delivery::Events => Patience::Stream,
        Delivery::Json | Delivery::Text => Patience::Request,
    };
    command
}

/// 202, and where to ask.
async fn accept(
    app: &Arc<App>,
    command: GenerateCommand,
    fields: Map<String, Value>,
    answer: &ImageAnswer,
) -> Result<Response, ApiError> {
    let fields = CallersFields(fields);
    let operation = app.operations.submit(command, fields).await?;
    let base_url = &answer.public_base_url;
    let mut response = operation_answer(app, StatusCode::ACCEPTED, operation, base_url).await?;
    let applied = HeaderValue::from_static("respond-async");
    response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    Ok(response)
}

/// The images as they come; what fails before the provider is asked is an answer like any other.
async fn stream(
    app: &Arc<App>,
    command: GenerateCommand,
    answer: ImageAnswer,
) -> Result<Response, ApiError> {
    let (partials, previews) = PartialImages::channel();
    let started = app.operations.start(command, Some(partials)).await?;
    let id = match &started {
        Started::Running(operation) => operation.id().clone(),
        Started::Repeated(finished) => finished.operation.clone(),
    };
    let base_url = answer.public_base_url.clone();
    let body = events::body(app.clone(), started, previews, answer);
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    let mut response = (headers, body).into_response();
    set_operation_location(response.headers_mut(), id.as_str(), &base_url);
    Ok(response)
}

/// The images when they are done.
async fn wait(
    app: &Arc<App>,
    command: GenerateCommand,
    delivery: Delivery,
    answer: &ImageAnswer,
) -> Result<Response, ApiError> {
    let finished = app.operations.generate(command).await?;
    let id = finished.operation.clone();
    let (content_type, body) = match delivery {
        Delivery::Json => (
            "application/json",
            Body::new(answer.text(app, finished).await?),
        ),
        _ => ("text/plain; charset=utf-8", Body::from(MESSAGE)),
    };
    let headers = [(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store")];
    let mut response = (headers, body).into_response();
    set_operation_location(response.headers_mut(), id.as_str(), &answer.public_base_url);
    Ok(response)
}
