//! What the descriptions of functions are put together from: parameters, headers, answers.

use crate::{
    error::{ErrorCode, error_code},
    routes::problem,
};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::openapi::{
    Content, ContentBuilder, Header, Object, ObjectBuilder, Ref, RefOr, Required, Response,
    ResponseBuilder, Schema, Type,
    example::ExampleBuilder,
    header::HeaderBuilder,
    path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    request_body::{RequestBody, RequestBodyBuilder},
    schema::{KnownFormat, SchemaFormat},
};

/// How any function can fail. The platform's own 401, where a function is closed by a function
/// key, has no body.
const ALWAYS: [&str; 5] = [
    "malformed_request",
    "unauthorized",
    "internal_error",
    "misconfigured",
    "starting",
];

/// A function's method: its names, and how it can fail.
pub(super) fn operation(
    (id, tag): (&str, &str),
    summary: &str,
    description: &str,
    codes: &[&str],
) -> OperationBuilder {
    let described = OperationBuilder::new()
        .operation_id(Some(id))
        .tag(tag)
        .summary(Some(summary))
        .description(Some(description));
    let mut by_status: BTreeMap<u16, Vec<&ErrorCode>> = BTreeMap::new();
    let rows = codes
        .iter()
        .chain(&ALWAYS)
        .filter_map(|code| error_code(code));
    for row in rows {
        by_status.entry(row.status).or_default().push(row);
    }
    by_status
        .into_iter()
        .fold(described, |described, (status, rows)| {
            described.response(status.to_string(), failure(status, &rows))
        })
}

/// A problem document, with an example for each code.
fn failure(status: u16, rows: &[&ErrorCode]) -> Response {
    let lines: Vec<String> = rows
        .iter()
        .map(|row| format!("`{}`: {}.", row.code, row.meaning))
        .collect();
    let examples = rows.iter().map(|row| {
        let document = problem::example(status, row.code, row.meaning);
        (
            row.code,
            ExampleBuilder::new().value(Some(document)).build(),
        )
    });
    let content = ContentBuilder::new()
        .schema(Some(schema("Problem")))
        .examples_from_iter(examples);
    let mut response = ResponseBuilder::new()
        .description(lines.join("\n\n"))
        .content("application/problem+json", content.build());
    let mut add = |name: &str, header: Header| {
        let described = std::mem::take(&mut response);
        response = described.header(name, header);
    };
    add("X-Request-Id", request_id());
    match status {
        401 => add(
            "WWW-Authenticate",
            text_header("How to show a key: `Bearer`."),
        ),
        409 | 429 | 503 => add("Retry-After", retry_after()),
        415 => add(
            "Accept-Encoding",
            text_header("`identity`, where the body has a content coding."),
        ),
        _ => {}
    }
    response.build()
}

/// A component's schema.
pub(super) fn schema(name: &str) -> Ref {
    Ref::from_schema_name(name)
}

/// An answer that succeeds.
pub(super) fn answer(description: &str) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(description)
        .header("X-Request-Id", request_id())
}

/// JSON of a component's schema.
pub(super) fn json_of(name: &str, example: Value) -> Content {
    content(schema(name), example)
}

/// Anything with an example.
pub(super) fn content(schema: impl Into<RefOr<Schema>>, example: Value) -> Content {
    ContentBuilder::new()
        .schema(Some(schema))
        .example(Some(example))
        .build()
}

/// A JSON body that has to be there.
pub(super) fn body(name: &str, description: &str, examples: &[(&str, Value)]) -> RequestBody {
    let examples = examples.iter().map(|(name, value)| {
        let example = ExampleBuilder::new().value(Some(value.clone()));
        (*name, example.build())
    });
    let content = ContentBuilder::new()
        .schema(Some(schema(name)))
        .examples_from_iter(examples);
    RequestBodyBuilder::new()
        .description(Some(description))
        .required(Some(Required::True))
        .content("application/json", content.build())
        .build()
}

/// A text.
pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// An address.
pub(super) fn uri() -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom("uri".to_owned())))
}

/// A text that is one of a few.
pub(super) fn one_of(words: &[&str]) -> Object {
    text().enum_values(Some(words.iter().copied())).build()
}

/// A whole number within bounds.
pub(super) fn integer(min: u64, max: u64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(min as f64))
        .maximum(Some(max as f64))
}

/// True or false.
pub(super) fn boolean() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

/// Bytes.
pub(super) fn binary() -> Object {
    text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .build()
}

/// A parameter that may be left out.
pub(super) fn parameter(
    place: ParameterIn,
    name: &str,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .description(Some(description))
        .schema(Some(schema))
}

/// A part of the path.
pub(super) fn in_path(
    name: &str,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
    example: &str,
) -> Parameter {
    parameter(ParameterIn::Path, name, description, schema)
        .required(Required::True)
        .example(Some(example.into()))
        .build()
}

/// `Idempotency-Key`, with which a request may be sent again.
pub(super) fn idempotency_key() -> Parameter {
    let schema = text().pattern(Some("^[!-~]{0,255}$"));
    let description = "1 to 255 visible ASCII characters, such as \
        `8e03978e-40d5-43dd-bc93-6894a57f9324`: a new UUID for each request that means something \
        new. Within 24 hours the same request under the same key is paid for once. An empty one \
        counts as absent.";
    parameter(ParameterIn::Header, "Idempotency-Key", description, schema).build()
}

/// A header of an answer.
pub(super) fn header(description: &str, schema: impl Into<RefOr<Schema>>) -> Header {
    HeaderBuilder::new()
        .schema(Some(schema))
        .description(Some(description))
        .build()
}

/// A header that is any text.
pub(super) fn text_header(description: &str) -> Header {
    header(description, text())
}

/// `X-Request-Id`, on every answer.
fn request_id() -> Header {
    text_header("The id by which the service's log knows the request.")
}

/// `Retry-After`.
pub(super) fn retry_after() -> Header {
    header(
        "Seconds until it is worth asking again.",
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1)),
    )
}

/// `Operation-Location`.
pub(super) fn operation_location() -> Header {
    header("Where the operation can be asked about.", uri())
}

/// `ETag`.
pub(super) fn etag() -> Header {
    text_header("The same content has the same tag.")
}

/// `Cache-Control`.
pub(super) fn cache_control() -> Header {
    text_header("How long the answer may be kept.")
}
