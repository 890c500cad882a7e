//! Making images: generateImage, generate, operations, getChatGPTSuggestion.

use super::{Described, described, limited};
use crate::routes::openapi::parts::{
    answer, body, boolean, cache_control, content, header, idempotency_key, in_path, integer,
    json_of, one_of, operation, operation_location, parameter, retry_after, schema, text,
    text_header,
};
use serde_json::{Value, json};
use utoipa::openapi::{
    HttpMethod, ObjectBuilder, ResponseBuilder, Type,
    path::{OperationBuilder, ParameterBuilder, ParameterIn},
    schema::AnyOfBuilder,
};

const TAG: &str = "generation";
const OPERATION: &str = "01a1fdae51631b3bdcc8b8bb42d7b6bcd847bc571da2";

/// How asking a provider can fail, whichever function asks.
const GENERATING: [&str; 23] = [
    "invalid_request",
    "content_policy_violation",
    "idempotency_key_in_use",
    "result_not_kept",
    "canceled",
    "payload_too_large",
    "unsupported_media_type",
    "idempotency_key_reused",
    "request_timeout",
    "too_many_generations",
    "rate_limited",
    "budget_exhausted",
    "rate_limit_exceeded",
    "insufficient_quota",
    "interrupted",
    "state_unreadable",
    "storage_error",
    "upstream_error",
    "upstream_unreachable",
    "upstream_misconfigured",
    "model_not_found",
    "deadline_exceeded",
    "still_running",
];

pub(super) fn functions() -> Vec<Described> {
    vec![
        limited("generateImage", HttpMethod::Post, generate_image()),
        limited("generate", HttpMethod::Get, generate_by_query()),
        limited("generate", HttpMethod::Post, generate_by_body()),
        described("operations/{id}", HttpMethod::Get, operation_state()),
        described("operations/{id}", HttpMethod::Delete, operation_cancel()),
        limited("getChatGPTSuggestion", HttpMethod::Get, suggestion()),
    ]
}

fn generate_image() -> OperationBuilder {
    let description = "The answer's form is the caller's choice: `Accept: application/json` gets \
        JSON, `Accept: text/event-stream` previews and then the same JSON as events, \
        `Prefer: respond-async` a 202 with the address of an operation, and anything else the \
        text `Image uploaded successfully`. A 200 means that the images are stored.\n\n\
        The body is JSON in UTF-8 without a Content-Encoding. Without a Content-Type, or with \
        that of forms, it is read as JSON too unless a web page sends it.";
    let prefer = parameter(
        ParameterIn::Header,
        "Prefer",
        "`respond-async`: do not wait (RFC 7240); other preferences are ignored.",
        text(),
    );
    let examples = [
        (
            "prompt",
            json!({"prompt": "a lighthouse by the sea at sunset"}),
        ),
        (
            "options",
            json!({"prompt": "a red fox", "size": "1024x1024", "n": 1, "output_format": "png"}),
        ),
        (
            "base64",
            json!({"prompt": "a red fox", "response_format": "b64_json"}),
        ),
    ];
    let codes = [&GENERATING[..], &["event_stream_unavailable"]].concat();
    operation(
        ("generateImage", TAG),
        "Make images and store them",
        description,
        &codes,
    )
    .parameter(prefer.example(Some("respond-async".into())))
    .parameter(idempotency_key())
    .request_body(Some(body(
        "GenerateImageBody",
        "The prompt and options.",
        &examples,
    )))
    .response("200", images())
    .response("202", accepted())
}

/// The answer of those who wait, in its three forms.
fn images() -> ResponseBuilder {
    let events = format!(
        ": heartbeat\n\nevent: partial_image\ndata: {}\n\nevent: completed\ndata: {}\n\n",
        json!({"b64_json": "iVBORw0KGgo=", "contentType": "image/png", "imageIndex": 0, "partialIndex": 0}),
        generated_images()
    );
    let data = ["PartialImage", "GeneratedImages", "Problem"].into_iter();
    let event = data.fold(AnyOfBuilder::new(), |event, name| event.item(schema(name)));
    let event = event.description(Some(
        "The data of each server-sent event: `partial_image` has a `PartialImage`; the last one \
        is `completed` with `GeneratedImages`, or `error` with a `Problem`.",
    ));
    answer("The images are stored.")
        .content(
            "application/json",
            json_of("GeneratedImages", generated_images()),
        )
        .content(
            "text/plain",
            content(
                one_of(&["Image uploaded successfully"]),
                "Image uploaded successfully".into(),
            ),
        )
        .content("text/event-stream", content(event, events.into()))
        .header("Operation-Location", operation_location())
        .header("Cache-Control", cache_control())
}

fn generated_images() -> Value {
    json!({
        "message": "Image uploaded successfully",
        "imageList": [{
            "id": "Z2FsbGVyeS84MjA0NzYzMTE2OTYzL2EgcmVkIGZveF8xNzk1MjM2ODgzMDM2LnBuZw",
            "name": "a red fox_1795236883036.png",
            "url": "https://acct.blob.core.windows.net/images/gallery/8204763116963/a%20red%20fox_1795236883036.png?sv=2022-11-02&sr=b&sp=r&sig=%2B",
            "thumbnailUrl": "https://example.com/api/thumbnails/Z2FsbGVyeS84MjA0NzYzMTE2OTYzL2EgcmVkIGZveF8xNzk1MjM2ODgzMDM2LnBuZw",
            "contentType": "image/png",
            "sizeBytes": 1_046_966,
        }],
        "object": {
            "provider": "openai", "model": "gpt-image-2.5-flare", "size": "1024x1024", "attemptCount": 1,
            "operationId": OPERATION, "requestId": "a56eac62-3e6b-4bd1-9a3c-0d7e4a1f2b5c",
        },
        "warnings": [],
    })
}

fn accepted() -> ResponseBuilder {
    answer("The request is written down and will be worked on, whoever listens.")
        .content(
            "application/json",
            json_of("Operation", operation_in("notRunning")),
        )
        .header("Operation-Location", operation_location())
        .header("Retry-After", retry_after())
        .header(
            "Preference-Applied",
            header(
                "The preference that was heeded.",
                one_of(&["respond-async"]),
            ),
        )
        .header("Cache-Control", cache_control())
}

fn operation_in(status: &str) -> Value {
    json!({"id": OPERATION, "status": status, "created": 1_795_257_422, "expires": 1_795_343_822})
}

fn generate_by_query() -> OperationBuilder {
    let description = "The contract of the Azure Container Apps GPU sample. A GET costs what a \
        POST costs, so a browser's request for a page of another site is refused.";
    let codes = [&GENERATING[..], &["cross_site_request"]].concat();
    let codes: Vec<&str> = codes
        .into_iter()
        .filter(|code| {
            ![
                "payload_too_large",
                "request_timeout",
                "unsupported_media_type",
            ]
            .contains(code)
        })
        .collect();
    let described = operation(
        ("generateByQuery", TAG),
        "Make a picture",
        description,
        &codes,
    );
    let described = query_fields()
        .into_iter()
        .fold(described, OperationBuilder::parameter);
    described
        .parameter(idempotency_key())
        .response("200", picture())
}

/// The fields of `GenerateBody`, whose values are texts here.
fn query_fields() -> Vec<ParameterBuilder> {
    let in_query = |name, description, schema: ObjectBuilder| {
        parameter(ParameterIn::Query, name, description, schema)
    };
    let prompt = text()
        .min_length(Some(1))
        .max_length(Some(32000))
        .pattern(Some(r"[^\s\x00-\x1f\x7f-\x9f]"));
    let side = || integer(64, 2048).multiple_of(Some(8));
    let number = ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(0))
        .maximum(Some(30));
    let model = text().pattern(Some("^[A-Za-z0-9._:/+-]{1,128}$"));
    vec![
        in_query("prompt", "What to paint; not blank.", prompt)
            .required(utoipa::openapi::Required::True)
            .example(Some("a red fox".into())),
        in_query(
            "negative_prompt",
            "What should not be in the picture.",
            text().max_length(Some(32000)),
        ),
        in_query(
            "num_steps",
            "Denoising steps; the engine's unless given.",
            integer(1, 150),
        ),
        in_query(
            "guidance_scale",
            "How closely to follow the prompt; the engine's unless given.",
            number,
        ),
        in_query("width", "512, or the provider's, unless given.", side()),
        in_query("height", "512, or the provider's, unless given.", side()),
        in_query(
            "seed",
            "Makes the result repeatable where the provider can do that.",
            integer(0, 9_007_199_254_740_991),
        ),
        in_query("model", "Model or, at Azure, deployment.", model),
        in_query(
            "quality",
            "A word such as `low` or `high`.",
            text().pattern(Some("^[a-z0-9_-]{1,32}$")),
        ),
        in_query(
            "timeoutMs",
            "The time for the provider's part; capped at 200000.",
            integer(1000, 900_000),
        ),
        in_query(
            "maxRetries",
            "How often a failed call is sent again. Default: 2.",
            integer(0, 20),
        ),
        in_query(
            "retryPaid",
            "With an `Idempotency-Key`: what may have been paid for and is lost is made again. \
                Default: false.",
            boolean(),
        ),
        in_query(
            "save",
            "Whether the picture is stored too. Default: false.",
            boolean(),
        ),
    ]
}

fn generate_by_body() -> OperationBuilder {
    let description = "The contract of the Azure Container Apps GPU sample: the picture comes in \
        the answer, and is stored only with `save`.";
    let examples = [
        (
            "small",
            json!({"prompt": "a red fox", "width": 512, "height": 512}),
        ),
        (
            "saved",
            json!({"prompt": "a red fox & a bear", "save": true}),
        ),
    ];
    operation(
        ("generate", TAG),
        "Make a picture",
        description,
        &GENERATING,
    )
    .parameter(idempotency_key())
    .request_body(Some(body(
        "GenerateBody",
        "The prompt and options.",
        &examples,
    )))
    .response("200", picture())
}

fn picture() -> ResponseBuilder {
    let example = json!({
        "success": true, "prompt": "a red fox", "image": "iVBORw0KGgo=", "format": "png",
        "width": 512, "height": 512, "provider": "demo", "model": "demo", "seed": 0,
        "attemptCount": 1, "operationId": OPERATION,
        "requestId": "0a4c3ad2-88a1-4ed7-93c5-5c2e6a0b7d11", "warnings": [],
    });
    answer("The picture.")
        .content("application/json", json_of("GeneratedPicture", example))
        .header("Operation-Location", operation_location())
        .header("Cache-Control", cache_control())
}

fn operation_state() -> OperationBuilder {
    let wait = parameter(
        ParameterIn::Query,
        "wait",
        "Maximum seconds to wait for the operation's end. Default: 0.",
        integer(0, 60),
    );
    let codes = [
        "invalid_request",
        "operation_not_found",
        "state_unreadable",
        "storage_error",
    ];
    let description = "As it stands, or at its end if that comes within `wait` seconds.";
    operation(
        ("getOperation", TAG),
        "What an operation has come to",
        description,
        &codes,
    )
    .parameter(operation_id())
    .parameter(wait)
    .response("200", one_operation("succeeded"))
}

fn operation_cancel() -> OperationBuilder {
    let description = "What was not sent to the provider never is. What was sent cannot be called \
        back: its images go to the gallery. An operation that has ended stays as it is.";
    let codes = ["operation_not_found", "state_unreadable", "storage_error"];
    operation(
        ("cancelOperation", TAG),
        "Cancel an operation",
        description,
        &codes,
    )
    .parameter(operation_id())
    .response("200", one_operation("canceled"))
}

fn operation_id() -> utoipa::openapi::path::Parameter {
    let description = "As an answer's `operationId` or `Operation-Location` gave it.";
    in_path("id", description, text(), OPERATION)
}

fn one_operation(status: &str) -> ResponseBuilder {
    let mut example = operation_in(status);
    match status {
        "succeeded" => example["result"] = generated_images(),
        _ => {
            let detail = "the operation was canceled before the provider was asked";
            example["error"] = json!({
                "type": "about:blank", "title": "Conflict", "status": 409, "detail": detail,
                "error": detail, "code": "canceled",
            });
        }
    }
    answer("The operation as it stands.")
        .content("application/json", json_of("Operation", example))
        .header("Operation-Location", operation_location())
        .header("Retry-After", retry_after())
        .header("Cache-Control", cache_control())
}

fn suggestion() -> OperationBuilder {
    let source = header(
        "Where it comes from: the language model, or a stored list because there is no model \
        (`stored`) or it failed (`fallback`).",
        one_of(&["model", "stored", "fallback"]),
    );
    let description = "One line, never empty. Where the language model fails it is a stored one \
        unless `SUGGESTION_FALLBACK` is `off`.";
    let suggested = answer("The idea.")
        .content(
            "text/plain",
            content(
                text().min_length(Some(1)),
                "A lighthouse made of books".into(),
            ),
        )
        .header("X-Suggestion-Source", source)
        .header("Cache-Control", text_header("`no-store`"));
    operation(
        ("suggestPrompt", TAG),
        "An idea for a prompt",
        description,
        &["rate_limited", "upstream_error"],
    )
    .response("200", suggested)
}
