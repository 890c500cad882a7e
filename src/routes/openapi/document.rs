//! The whole document: functions, schemas, ways to show a key.

use super::{bodies, functions, nullable, rules};
use crate::routes::{
    generate, get_images, health, image, image_answer, image_json, operation_answer,
    problem::Problem,
};
use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{
        Components, Info, OpenApi, OpenApiBuilder, Paths, RefOr, Schema, SecurityRequirement,
        Server, Tag,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
        tag::TagBuilder,
    },
};

const DESCRIPTION: &str = "A prompt goes in, a picture is made, stored, and listed behind \
    short-lived read-only signatures. Paths match in any letter case and with a trailing slash. \
    Where a path takes GET and the call is free, HEAD answers like GET, and OPTIONS is a 204 whose \
    `Allow` lists the methods. \
    Errors are problem documents (RFC 9457); every answer has an `X-Request-Id`. Fields that \
    nobody knows are named in `warnings`, unknown parameters are ignored.";

/// How callers can show a key, where one is wanted.
const SCHEMES: [(&str, &str); 4] = [
    ("apiKey", "The service's `API_KEY`."),
    ("bearer", "The service's `API_KEY`."),
    (
        "functionKey",
        "A key of the Functions app, where a function folder's `authLevel` asks for one.",
    ),
    ("functionKeyInQuery", "The same."),
];

/// Makes the document.
pub(super) fn build(max_images: u8, base_url: &str) -> Value {
    let description: OpenApi = OpenApiBuilder::new()
        .info(info())
        .servers(Some([Server::new(format!("{base_url}/api"))]))
        .tags(Some(tags()))
        .paths(paths())
        .components(Some(components()))
        .security(Some(securities()))
        .build();
    // What fails here would fail in every test of this document.
    let mut document = serde_json::to_value(description).unwrap_or_default();
    nullable::merge(&mut document);
    rules::add(&mut document, max_images);
    document
}

fn info() -> Info {
    let mut info = Info::new("visionary", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.to_owned());
    info
}

fn tags() -> Vec<Tag> {
    let tags = [
        ("generation", "Making images"),
        ("gallery", "Looking at images"),
        ("service", "The service about itself"),
    ];
    tags.into_iter()
        .map(|(name, description)| {
            let tag = TagBuilder::new().name(name);
            tag.description(Some(description)).build()
        })
        .collect()
}

fn paths() -> Paths {
    let mut paths = Paths::new();
    for function in functions::all() {
        let path = format!("/{}", function.route);
        paths.add_path_operation(path, vec![function.method], function.operation);
    }
    paths
}

fn components() -> Components {
    let mut schemas = Vec::new();
    add::<Problem>(&mut schemas);
    add::<bodies::GenerateImageBody>(&mut schemas);
    add::<bodies::GenerateBody>(&mut schemas);
    add::<bodies::PartialImage>(&mut schemas);
    add::<image_answer::Images>(&mut schemas);
    add::<generate::Answer>(&mut schemas);
    add::<operation_answer::Answer>(&mut schemas);
    add::<get_images::Answer>(&mut schemas);
    add::<image_json::ImageJson>(&mut schemas);
    add::<image::Answer>(&mut schemas);
    add::<health::Answer>(&mut schemas);
    let mut components = Components::new();
    components.schemas = schemas.into_iter().collect();
    let schemes = SCHEMES.iter();
    components.security_schemes = schemes
        .map(|(name, description)| ((*name).to_owned(), scheme(name, description).into()))
        .collect();
    components
}

/// A type's schema with those that it refers to.
fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn scheme(name: &str, description: &str) -> SecurityScheme {
    let key = |header| ApiKeyValue::with_description(header, description);
    match name {
        "bearer" => SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(description))
                .build(),
        ),
        "functionKey" => SecurityScheme::ApiKey(ApiKey::Header(key("x-functions-key"))),
        "functionKeyInQuery" => SecurityScheme::ApiKey(ApiKey::Query(key("code"))),
        _ => SecurityScheme::ApiKey(ApiKey::Header(key("X-Api-Key"))),
    }
}

/// None, or any of them: who wants which is a matter of settings.
fn securities() -> Vec<SecurityRequirement> {
    let none = SecurityRequirement::default();
    let no_scopes: [&str; 0] = [];
    let names = SCHEMES.iter().map(|(name, _)| *name);
    let each = names.map(|name| SecurityRequirement::new(name, no_scopes));
    std::iter::once(none).chain(each).collect()
}
