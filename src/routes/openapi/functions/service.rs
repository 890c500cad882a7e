//! The service about itself: health, openapi.json.

use super::{Described, described};
use crate::routes::openapi::parts::{
    answer, cache_control, content, etag, json_of, operation, parameter, retry_after, text,
    text_header,
};
use serde_json::{Value, json};
use utoipa::openapi::{
    HttpMethod, ObjectBuilder, Ref, Type,
    content::ContentBuilder,
    path::{OperationBuilder, ParameterIn},
};

const TAG: &str = "service";

pub(super) fn functions() -> Vec<Described> {
    vec![
        described("health", HttpMethod::Get, health()),
        described("openapi.json", HttpMethod::Get, description()),
    ]
}

fn health() -> OperationBuilder {
    let description = "From questions that cost no money, remembered for 30 seconds.";
    let sentence = "Something is wrong; or `misconfigured`: the service's settings are; or \
        `starting`: the service is not there yet.";
    let unhealthy = answer(sentence)
        .content("application/json", json_of("Health", state("unhealthy")))
        .content(
            "application/problem+json",
            ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("Problem")))
                .build(),
        )
        .header("Cache-Control", text_header("`no-store`"))
        .header("Retry-After", retry_after());
    let healthy = answer("All is there.")
        .content("application/json", json_of("Health", state("healthy")))
        .header("Cache-Control", text_header("`no-store`"));
    operation(
        ("getHealth", TAG),
        "Whether the service is ready",
        description,
        &[],
    )
    .response("200", healthy)
    .response("503", unhealthy)
}

fn state(status: &str) -> Value {
    let problem = match status {
        "healthy" => Value::Null,
        _ => "the image store failed or refused".into(),
    };
    json!({
        "status": status, "gpu_available": false, "gpu_info": {}, "model_loaded": true,
        "checks": [
            {"component": "store", "name": "images", "status": status, "problem": problem, "warnings": []},
            {"component": "provider", "name": "openai", "status": "healthy", "problem": null, "warnings": []},
        ],
    })
}

fn description() -> OperationBuilder {
    let if_none_match = parameter(
        ParameterIn::Header,
        "If-None-Match",
        "Tags of what the caller has; one that is still right gets a 304.",
        text(),
    );
    let any = ObjectBuilder::new().schema_type(Type::Object);
    let document = answer("This document.")
        .content(
            "application/json",
            content(any, json!({"openapi": "3.1.0"})),
        )
        .header("ETag", etag())
        .header("Cache-Control", cache_control());
    let known = answer("The caller has it already.")
        .header("ETag", etag())
        .header("Cache-Control", cache_control());
    let description = "The service described in OpenAPI 3.1.";
    operation(("getDescription", TAG), "This document", description, &[])
        .parameter(if_none_match)
        .response("200", document)
        .response("304", known)
}
