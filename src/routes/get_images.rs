//! `GET /api/getImages`: the gallery, newest first, each image with a signed address.

use super::base_url::public_base_url;
use crate::{
    app::App,
    error::ApiError,
    gallery::{Cursor, ImageEntry, ImagePage, ListImagesQuery},
};
use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap, StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use std::{
    hash::{DefaultHasher, Hasher},
    sync::Arc,
};
use time::{OffsetDateTime, macros::format_description};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    image_urls: Vec<Image>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    id: String,
    url: String,
    name: String,
    prompt: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<String>,
    content_type: String,
    size_bytes: u64,
}

/// Answers with the list; parameters that are not known are ignored, as front ends send some.
///
/// # Errors
/// 400 for a wrong `limit` or `cursor`, 502 when the store fails; `imageUrls` is in the error
/// too, since a front end reads it without looking at the status.
pub async fn handle(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let with_empty_list = |error: ApiError| error.with("imageUrls", Value::Array(Vec::new()));
    let query = parse_query(uri.query().unwrap_or_default()).map_err(with_empty_list)?;
    let base_url = public_base_url(&app, &headers);
    let page = app
        .gallery
        .list(&query, OffsetDateTime::now_utc(), &base_url);
    let page = page.await.map_err(|error| with_empty_list(error.into()))?;
    let body = serde_json::to_vec(&Answer::from(page)).map_err(|_| ApiError::internal())?;
    let etag = entity_tag(&body);
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == etag));
    let fields = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "private, no-cache"),
        (ETAG, &etag),
    ];
    Ok(match is_known {
        true => (StatusCode::NOT_MODIFIED, fields).into_response(),
        false => (fields, Body::from(body)).into_response(),
    })
}

/// The same list has the same tag within a signature window, on every instance of one build.
fn entity_tag(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("W/\"{:016x}\"", hasher.finish())
}

fn parse_query(query: &str) -> Result<ListImagesQuery, ApiError> {
    let mut parsed = ListImagesQuery::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        // Of a repeated parameter the last counts; a forwarding host joins them with commas.
        let value = value.rsplit(',').next().unwrap_or_default();
        match name.as_ref() {
            _ if value.is_empty() => {}
            "limit" => parsed.limit = Some(parse_limit(value)?),
            "cursor" => parsed.cursor = Some(Cursor::parse(value)?),
            _ => {}
        }
    }
    Ok(parsed)
}

fn parse_limit(text: &str) -> Result<usize, ApiError> {
    let limit = text.parse().ok().filter(|limit| (1..=1000).contains(limit));
    let rule = "a whole number from 1 to 1000";
    limit.ok_or_else(|| ApiError::invalid("limit", "is out of bounds", rule))
}

impl From<ImagePage> for Answer {
    fn from(page: ImagePage) -> Self {
        Self {
            image_urls: page.images.into_iter().map(Image::from).collect(),
            next_cursor: page.next_cursor.map(|cursor| cursor.to_text()),
        }
    }
}

impl From<ImageEntry> for Image {
    fn from(entry: ImageEntry) -> Self {
        Self {
            id: entry.id,
            url: entry.url,
            name: entry.name,
            prompt: entry.prompt,
            created_at: format_millis(entry.created_at),
            model: entry.model,
            size: entry.size,
            content_type: entry.content_type,
            size_bytes: entry.size_bytes,
        }
    }
}

/// RFC 3339 in UTC, always with three digits of a second, so that texts sort as times do.
fn format_millis(moment: OffsetDateTime) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    moment.format(format).unwrap_or_default()
}
