//! `POST /api/generateImage`: from a prompt to stored images.

use super::{base_url::public_base_url, json_body::read_object, request_id::RequestId};
use crate::{
    app::App,
    error::ApiError,
    images::{AnswerOptions, ParsedRequest, ResponseFormat, parse_request},
    operations::{Destination, FinishedImage, FinishedOperation, GenerateCommand},
    picture_json::{PictureJson, PictureText},
};
use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap,
        header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// The original's answer, word for word.
const MESSAGE: &str = "Image uploaded successfully";

/// Answers with the original's text, or with JSON for those who ask for it.
///
/// # Errors
/// 400, 413 and 415 for requests that cannot be read; what the provider and the store do.
pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let fields = read_object(&parts.headers, body).await?;
    let ParsedRequest {
        image,
        answer,
        warnings,
    } = parse_request(fields, app.max_images)?;
    let wants_json = wants_json(&parts.headers);
    let wants_bytes = wants_json && answer.response_format == ResponseFormat::B64Json;
    let command = GenerateCommand {
        request: image,
        request_id: id.as_str().to_owned(),
        public_base_url: public_base_url(&app, &parts.headers),
        destination: match wants_bytes {
            true => Destination::GalleryAndCaller,
            false => Destination::Gallery,
        },
    };
    let mut finished = app.operations.generate(command).await?;
    if !wants_json {
        return Ok(([(CACHE_CONTROL, "no-store")], MESSAGE).into_response());
    }
    finished.warnings.splice(0..0, warnings);
    let body = Body::new(answer_json(finished, &answer, &id));
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, body).into_response())
}

/// Only those who name JSON get it: front ends send `*/*` and expect the original's text.
fn wants_json(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(ACCEPT).iter();
    accepts
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_json = parts
                .next()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
            let is_refused =
                parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            is_json && !is_refused
        })
}

fn answer_json(
    finished: FinishedOperation,
    options: &AnswerOptions,
    id: &RequestId,
) -> PictureText {
    let mut pictures = PictureJson::default();
    let first = finished.images.first();
    let first_size = first
        .and_then(|image| image.entry.as_ref())
        .and_then(|entry| entry.size.clone());
    let mut object = json!({
        "provider": finished.provider,
        "model": finished.model,
        "size": first_size,
        "attemptCount": finished.attempts,
        "requestId": id.as_str(),
    });
    if let Some(usage) = finished.usage {
        object["usage"] = usage;
    }
    let images: Vec<Value> = finished
        .images
        .into_iter()
        .map(|image| image_json(image, &mut pictures))
        .collect();
    pictures.into_text(&json!({
        "message": MESSAGE,
        options.output_key.as_str(): images,
        "object": object,
        "warnings": finished.warnings,
    }))
}

fn image_json(image: FinishedImage, pictures: &mut PictureJson) -> Value {
    let mut json = json!({});
    if let Some(entry) = image.entry {
        json = json!({
            "id": entry.id,
            "url": entry.url,
            "name": entry.name,
            "contentType": entry.content_type,
            "sizeBytes": entry.size_bytes,
        });
    }
    if let Some(revised_prompt) = image.revised_prompt {
        json["revisedPrompt"] = revised_prompt.into();
    }
    if let Some(bytes) = image.bytes {
        json["b64_json"] = pictures.add(bytes);
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: axum::http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn json_is_for_those_who_name_it() {
        for (accept, expected) in [
            ("*/*", false),
            ("text/plain", false),
            ("application/*", false),
            ("application/json;q=0, */*", false),
            ("application/json", true),
            ("text/html, Application/JSON; charset=utf-8, */*", true),
        ] {
            assert_eq!(wants_json(&headers(ACCEPT, accept)), expected, "{accept}");
        }
        assert!(!wants_json(&HeaderMap::new()));
    }
}
