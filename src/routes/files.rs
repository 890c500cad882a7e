//! `GET /api/files/{path}`: the folder store's images, for those who have a signature. Ranges,
//! entity tags and conditions by RFC 9110.

mod presentation;

use super::entity_tag::is_known;
use crate::{app::App, error::ApiError, storage::directory::OpenFile};
use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode, Uri,
        header::{
            ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
            CONTENT_TYPE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE,
        },
    },
    response::{IntoResponse, Response},
};
use presentation::Presentation;
use std::{io::SeekFrom, sync::Arc};
use time::{OffsetDateTime, macros::format_description};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// Names are never written twice, so what a browser has it may keep.
const KEEP: &str = "private, max-age=31536000, immutable";

/// Answers with the file, or with the part of it that is asked for.
///
/// # Errors
/// 403 without a valid signature, 404 for what is not there or with another store.
pub async fn handle(
    State(app): State<Arc<App>>,
    method: Method,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Some(files) = &app.files else {
        return Err(ApiError::not_found(
            "files are served by the storage account",
        ));
    };
    let Ok(Path(path)) = path else {
        return Err(ApiError::not_found("there is no such file"));
    };
    let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let query = query.into_owned().collect();
    let now = OffsetDateTime::now_utc();
    let file = files.open_signed_image(&path, &query, now).await?;
    answer(file, &method, &headers).await
}

async fn answer(
    mut open: OpenFile,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let mut first_bytes = Vec::new();
    let read = (&mut open.file).take(presentation::FIRST_BYTES as u64);
    let read = { read }.read_to_end(&mut first_bytes).await;
    read.map_err(|_| ApiError::internal())?;
    let presentation = presentation::of_file(&open.content_type, &first_bytes, &open.name);
    let common = common_headers(&open, presentation);
    if is_known(headers, &open.etag) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    // A range is only for the version that the caller has a part of, and only for GET.
    let same_version = text(IF_RANGE).is_none_or(|tag| tag == open.etag);
    let range = text(RANGE).filter(|_| same_version && method == Method::GET);
    let size = open.size_bytes;
    let (status, start, length) = match range.map(|range| parse_range(range, size)) {
        None | Some(Range::Ignored) => (StatusCode::OK, 0, size),
        Some(Range::Part { start, end }) => (StatusCode::PARTIAL_CONTENT, start, end + 1 - start),
        Some(Range::Unsatisfiable) => {
            let range = format!("bytes */{size}");
            let answer = (StatusCode::RANGE_NOT_SATISFIABLE, [(CONTENT_RANGE, range)]);
            return Ok(answer.into_response());
        }
    };
    let body = if method == Method::HEAD || length == 0 {
        Body::empty()
    } else {
        let sought = open.file.seek(SeekFrom::Start(start)).await;
        sought.map_err(|_| ApiError::internal())?;
        Body::from_stream(ReaderStream::new(open.file.take(length)))
    };
    let mut response = (status, common, body).into_response();
    let fields = response.headers_mut();
    fields.insert(CONTENT_LENGTH, length.into());
    if status == StatusCode::PARTIAL_CONTENT {
        let end = start + length - 1;
        if let Ok(range) = HeaderValue::from_str(&format!("bytes {start}-{end}/{size}")) {
            fields.insert(CONTENT_RANGE, range);
        }
    }
    Ok(response)
}

fn common_headers(open: &OpenFile, presentation: Presentation) -> HeaderMap {
    let http_date = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let last_modified = open
        .last_modified
        .to_offset(time::UtcOffset::UTC)
        .format(http_date);
    [
        (CONTENT_TYPE, presentation.content_type),
        (ETAG, open.etag.clone()),
        (LAST_MODIFIED, last_modified.unwrap_or_default()),
        (CACHE_CONTROL, KEEP.to_owned()),
        (ACCEPT_RANGES, "bytes".to_owned()),
        (CONTENT_DISPOSITION, presentation.disposition),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?)))
    .collect()
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// No single range of bytes: the whole file is a right answer.
    Ignored,
    /// First and last byte.
    Part {
        start: u64,
        end: u64,
    },
    Unsatisfiable,
}

fn parse_range(text: &str, size: u64) -> Range {
    let Some((first, last)) = text
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Range::Ignored;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (first.trim(), number(first), last.trim(), number(last)) {
        ("", _, _, Some(0)) => Range::Unsatisfiable,
        ("", _, _, Some(_)) if size == 0 => Range::Unsatisfiable,
        ("", _, _, Some(suffix)) => Range::Part {
            start: size.saturating_sub(suffix),
            end: size - 1,
        },
        (_, Some(start), "", _) if start < size => Range::Part {
            start,
            end: size - 1,
        },
        (_, Some(start), _, Some(end)) if start <= end && start < size => Range::Part {
            start,
            end: end.min(size - 1),
        },
        (_, Some(start), "", _) if start >= size => Range::Unsatisfiable,
        (_, Some(start), _, Some(end)) if start <= end => Range::Unsatisfiable,
        _ => Range::Ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_ranges_are_read_and_others_ignored() {
        for (text, expected) in [
            ("bytes=0-0", Range::Part { start: 0, end: 0 }),
            ("bytes=2-", Range::Part { start: 2, end: 9 }),
            ("bytes=2-99", Range::Part { start: 2, end: 9 }),
            ("bytes=-3", Range::Part { start: 7, end: 9 }),
            ("bytes=-99", Range::Part { start: 0, end: 9 }),
            ("bytes=10-", Range::Unsatisfiable),
            ("bytes=10-12", Range::Unsatisfiable),
            ("bytes=-0", Range::Unsatisfiable),
            ("bytes=5-2", Range::Ignored),
            ("bytes=0-1,3-4", Range::Ignored),
            ("pages=1-2", Range::Ignored),
            ("bytes=x-", Range::Ignored),
            ("bytes=-", Range::Ignored),
        ] {
            assert_eq!(parse_range(text, 10), expected, "{text}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Range::Unsatisfiable);
        assert_eq!(parse_range("bytes=-1", 0), Range::Unsatisfiable);
    }
}
