//! `GET|POST /api/generate`: the contract of the Azure Container Apps GPU sample, over whichever
//! provider is configured. The picture comes in the answer, and is stored only when asked for.

mod query;

use super::{
    base_url::public_base_url,
    caller::caller,
    json_body,
    operation_answer::{operation_location, set_operation_location},
    request_id::RequestId,
    request_key::request_key,
};
use crate::{
    app::App,
    error::ApiError,
    gallery::StoredImage,
    images::{
        DEFAULT_OUTPUT_KEY, GpuSampleRequest, InvalidGpuSampleRequest, RequestFields,
        parse_gpu_sample_request,
    },
    limits::Caller,
    operations::{
        Destination, FinishedImage, FinishedOperation, GenerateCommand, Patience, RequestKey,
    },
    picture_json::{PictureJson, PictureText},
};
use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap,
        header::{CACHE_CONTROL, CONTENT_TYPE, ORIGIN},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use time::OffsetDateTime;
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};

/// Answers a GET, whose fields are in the query.
///
/// # Errors
/// As [`handle_body`], and 403 for pages of other sites.
pub async fn handle_query(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(limited_caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    if is_for_foreign_page(&parts.headers, &app.cors_origins) {
        return Err(ApiError::cross_site());
    }
    let fields = query::parse_query(parts.uri.query().unwrap_or_default())?;
    generate(
        &app,
        (&id, limited_caller),
        &parts,
        RequestFields::Query(fields),
    )
    .await
}

/// Answers a POST, whose fields are in a JSON body.
///
/// # Errors
/// 400, 413 and 415 for requests that cannot be read; what the provider and the store do.
pub async fn handle_body(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(limited_caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let fields = match json_body::read_object(&parts.headers, body).await {
        // The sample reads such a body as one without a prompt, and its front ends show that.
        Err(json_body::UnreadableBody::NoObject(problem)) => {
            let misspelling = String::new();
            let no_prompt = InvalidGpuSampleRequest::NoPrompt { misspelling };
            return Err(ApiError::unreadable(&format!("{no_prompt}: {problem}")));
        }
        fields => fields?,
    };
    generate(
        &app,
        (&id, limited_caller),
        &parts,
        RequestFields::Json(fields),
    )
    .await
}

/// A page can make a browser send a GET to any address, with an `<img>` for one, and a GET costs
/// money here. Browsers say when the page is of another site (<https://www.w3.org/TR/fetch-metadata/>);
/// those whose origin is a setting may. What comes from no browser says nothing.
fn is_for_foreign_page(headers: &HeaderMap, cors_origins: &[String]) -> bool {
    let is_cross_site = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site");
    let is_allowed = headers.get(ORIGIN).is_some_and(|origin| {
        cors_origins
            .iter()
            .any(|allowed| allowed == "*" || origin == allowed.as_str())
    });
    is_cross_site && !is_allowed
}

async fn generate(
    app: &Arc<App>,
    (id, limited_caller): (&RequestId, Caller),
    parts: &Parts,
    fields: RequestFields,
) -> Result<Response, ApiError> {
    let mut request = parse_gpu_sample_request(fields.clone())?;
    request.fill_in(&app.operations.rules(&request.image.options));
    let caller = caller(app, &parts.uri, &parts.headers, &parts.extensions);
    let fields = fields.into_json();
    let same = ("generate", &fields);
    let key = request_key(app, id, &parts.headers, &caller, same)?;
    drop(fields); // as JSON values a body takes many times its length
    let prompt = request.image.prompt.as_str().to_owned();
    let base_url = public_base_url(app, &parts.headers);
    let command = GenerateCommand {
        caller: limited_caller,
        ..command(request, id, key)
    };
    let finished = app.operations.generate(command).await;
    let mut finished = finished
        .map_err(|error| ApiError::from(error).located(|id| operation_location(id, &base_url)))?;
    let operation = finished.operation.clone();
    let first = (!finished.images.is_empty()).then(|| finished.images.swap_remove(0));
    let image = first.ok_or_else(ApiError::internal)?;
    let url = match &image.stored {
        Some(stored) => {
            let now = OffsetDateTime::now_utc();
            let addresses = app.gallery.addresses(now, &base_url).await?;
            Some(addresses.url(stored)?)
        }
        None => None,
    };
    let body = Body::new(answer_text(prompt, image, url, finished, id)?);
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    let mut response = (headers, body).into_response();
    set_operation_location(response.headers_mut(), operation.as_str(), &base_url);
    Ok(response)
}

fn command(request: GpuSampleRequest, id: &RequestId, key: Option<RequestKey>) -> GenerateCommand {
    GenerateCommand {
        request: request.image,
        warnings: request.warnings,
        request_id: id.as_str().to_owned(),
        destination: match request.is_saved {
            true => Destination::GalleryAndCaller,
            false => Destination::Caller,
        },
        output_key: DEFAULT_OUTPUT_KEY.to_owned(),
        key,
        repayment: request.retry_paid.into(),
        patience: Patience::Request,
        caller: Caller::Unknown,
    }
}

/// The sample's six fields, and ours beside them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = GeneratedPicture)]
pub struct Answer {
    /// Always true.
    success: bool,
    /// The request's.
    prompt: String,
    /// The picture.
    #[schema(value_type = String, required, content_encoding = "base64")]
    image: Option<Value>,
    /// Of the picture.
    #[schema(schema_with = formats)]
    format: &'static str,
    /// Of the picture, in pixels.
    width: u32,
    /// Of the picture, in pixels.
    height: u32,
    /// Who made it.
    provider: String,
    /// With which model.
    model: String,
    /// For `operations/{id}`.
    #[schema(pattern = "^[0-9a-f]{44}$")]
    operation_id: String,
    /// The request that is answered.
    request_id: String,
    /// What was dropped or capped.
    warnings: Vec<String>,
    /// What makes the picture again, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    seed: Option<u64>,
    /// The provider's counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    usage: Option<Value>,
    /// What the provider made of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revised_prompt: Option<String>,
    /// How many calls to the provider it took, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempt_count: Option<u32>,
    /// Its address in the gallery, with `save`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri")]
    url: Option<String>,
    /// For `images/{id}`, with `save`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<String>,
    /// Its name in the gallery, with `save`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
}

fn formats() -> Object {
    let object = ObjectBuilder::new().schema_type(Type::String);
    object.enum_values(Some(["png", "jpeg", "webp"])).build()
}

fn answer_text(
    prompt: String,
    image: FinishedImage,
    url: Option<String>,
    finished: FinishedOperation,
    id: &RequestId,
) -> Result<PictureText, ApiError> {
    let mut pictures = PictureJson::default();
    let (width, height) = image.dimensions;
    let answer = Answer {
        success: true,
        prompt,
        image: image.bytes.map(|bytes| pictures.add(bytes)),
        format: image.format.name(),
        width,
        height,
        provider: finished.provider,
        model: finished.model,
        operation_id: finished.operation.into(),
        request_id: id.as_str().to_owned(),
        warnings: finished.warnings,
        seed: image.seed,
        usage: finished.usage,
        revised_prompt: image.revised_prompt,
        attempt_count: finished.attempts,
        url,
        id: image.stored.as_ref().map(StoredImage::id),
        name: image.stored.map(|stored| stored.name),
    };
    let json = serde_json::to_value(answer).map_err(|_| ApiError::internal())?;
    Ok(pictures.into_text(&json))
}
