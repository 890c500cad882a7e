//! `GET /api/getImages`: the gallery, newest first, each image with a signed address.

use super::{
    base_url::public_base_url,
    entity_tag::{entity_tag, is_known},
    image_json::ImageJson,
};
use crate::{
    app::App,
    error::ApiError,
    gallery::{Gallery, ImagePage, ListImagesQuery},
    limits::Turn,
    picture_json::PictureText,
};
use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderMap, StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use time::OffsetDateTime;
use utoipa::ToSchema;

const LONG_LIST_BYTES: usize = 1024 * 1024;

/// The gallery, or a page of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ImageList)]
pub struct Answer {
    /// Newest first.
    image_urls: Vec<ImageJson>,
    /// There while there may be more: the `cursor` of the next request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// Answers with the list; parameters that are not known are ignored, as front ends send some.
///
/// # Errors
/// 400 for a wrong `limit` or `cursor`, 429 for too many whole lists at once, 502 when the store fails; `imageUrls` is in the error
/// too, since a front end reads it without looking at the status.
pub async fn handle(
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let with_empty_list = |error: ApiError| error.with("imageUrls", Value::Array(Vec::new()));
    let query = parse_query(&app.gallery, uri.query().unwrap_or_default());
    let query = query.await.map_err(with_empty_list)?;
    let base_url = public_base_url(&app, &headers);
    let turn = match query.limit {
        None => Some(app.limits.whole_list_turn().await),
        Some(_) => None,
    };
    let turn = turn
        .transpose()
        .map_err(|error| with_empty_list(error.into()))?;
    let page = app
        .gallery
        .list(&query, OffsetDateTime::now_utc(), &base_url);
    let page = page.await.map_err(|error| with_empty_list(error.into()))?;
    let body = serde_json::to_vec(&Answer::from(page)).map_err(|_| ApiError::internal())?;
    // The same list has the same tag within a signature window, on every instance of one build
    // that knows the same thumbnails to be there.
    let etag = entity_tag(&body);
    let fields = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "private, no-cache"),
        (ETAG, &etag),
    ];
    Ok(match is_known(&headers, &etag) {
        true => (StatusCode::NOT_MODIFIED, fields).into_response(),
        false => (fields, body_of(body, turn)).into_response(),
    })
}

/// A long list keeps its turn until it is sent: until then it takes the memory that turns are for.
fn body_of(list: Vec<u8>, turn: Option<Turn>) -> Body {
    match turn {
        Some(turn) if list.len() > LONG_LIST_BYTES => Body::new(PictureText::holding(list, turn)),
        _ => Body::from(list),
    }
}

async fn parse_query(gallery: &Gallery, query: &str) -> Result<ListImagesQuery, ApiError> {
    let mut parsed = ListImagesQuery::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        // Of a repeated parameter the last counts; a forwarding host joins them with commas.
        let value = value.rsplit(',').next().unwrap_or_default();
        match name.as_ref() {
            _ if value.is_empty() => {}
            "limit" => parsed.limit = Some(parse_limit(value)?),
            "cursor" => parsed.cursor = Some(gallery.read_cursor(value).await?),
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
            image_urls: page.images.into_iter().map(ImageJson::from).collect(),
            next_cursor: page.next_cursor,
        }
    }
}
