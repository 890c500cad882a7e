//! What an error looks like (RFC 9457), as a type that describes it; `error` makes them.

use crate::error::ERROR_CODES;
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};

/// An error: a problem document by RFC 9457, with a few fields beside.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(
    dead_code,
    reason = "errors write their fields by themselves; a test compares"
)]
pub struct Problem {
    /// `about:blank`: the code says it all.
    r#type: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A sentence for people.
    detail: String,
    /// The same sentence, where front ends look for it.
    error: String,
    /// What programs can rely on.
    #[schema(schema_with = codes)]
    code: String,
    /// The id by which the service's log knows the request; in a stored failure the first one's.
    #[schema(nullable = false)]
    request_id: Option<String>,
    /// The field or header that is wrong.
    #[schema(nullable = false)]
    field: Option<String>,
    /// What would be right.
    #[schema(nullable = false)]
    allowed: Option<String>,
    /// Seconds, as in `Retry-After`.
    #[schema(nullable = false, minimum = 1)]
    retry_after: Option<u64>,
    /// Why content was refused.
    #[schema(nullable = false)]
    categories: Option<Vec<String>>,
    /// The operation that goes on, or has failed.
    #[schema(nullable = false, pattern = "^[0-9a-f]{44}$")]
    operation_id: Option<String>,
    /// Where it can be asked about.
    #[schema(nullable = false, format = "uri")]
    operation_location: Option<String>,
    /// Calls to the provider.
    #[schema(nullable = false)]
    attempt_count: Option<u32>,
    /// The provider's id of the call.
    #[schema(nullable = false)]
    upstream_request_id: Option<String>,
    /// A picture that is paid for and could not be stored.
    #[schema(nullable = false, rename = "b64_json", content_encoding = "base64")]
    b64_json: Option<String>,
    /// That picture's media type.
    #[schema(nullable = false)]
    content_type: Option<String>,
    /// More such pictures.
    #[schema(nullable = false)]
    other_images: Option<Vec<UnstoredImage>>,
    /// Images of the same request that are in the gallery.
    #[schema(nullable = false)]
    stored: Option<Vec<ImageName>>,
    /// Empty, for front ends that read the list without looking at the status.
    #[schema(nullable = false, max_items = 0, value_type = Option<Vec<String>>)]
    image_urls: Option<Vec<String>>,
}

/// A picture that is nowhere else.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "as Problem")]
struct UnstoredImage {
    /// The picture.
    #[schema(rename = "b64_json", content_encoding = "base64")]
    b64_json: String,
    /// Its media type.
    content_type: String,
}

/// An image of the gallery.
#[derive(ToSchema)]
#[allow(dead_code, reason = "as Problem")]
struct ImageName {
    /// For `images/{id}`.
    id: String,
    /// Its name.
    name: String,
}

fn codes() -> Object {
    let rows = ERROR_CODES.iter();
    let meanings: Vec<String> = rows
        .map(|row| format!("- `{}` ({}): {}", row.code, row.status, row.meaning))
        .collect();
    let codes = ERROR_CODES.iter().map(|row| row.code);
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(meanings.join("\n")))
        .enum_values(Some(codes))
        .build()
}

/// A document of this code.
#[must_use]
pub fn example(status: u16, code: &str, meaning: &str) -> Value {
    let title = axum::http::StatusCode::from_u16(status).ok();
    let title = title.and_then(|status| status.canonical_reason());
    json!({
        "type": "about:blank",
        "title": title.unwrap_or("Error"),
        "status": status,
        "detail": meaning,
        "error": meaning,
        "code": code,
        "requestId": "a56eac62-3e6b-4bd1-9a3c-0d7e4a1f2b5c",
    })
}
