//! The gallery: its list, one image, thumbnails, files, signatures.

use super::{Described, described};
use crate::routes::openapi::parts::{
    answer, binary, cache_control, content, etag, header, in_path, integer, json_of, operation,
    parameter, text, text_header, uri,
};
use serde_json::{Value, json};
use utoipa::openapi::{
    HttpMethod, ObjectBuilder, Required, ResponseBuilder, Type,
    link::{Link, LinkBuilder},
    path::{OperationBuilder, Parameter, ParameterIn},
    schema::OneOfBuilder,
};

const TAG: &str = "gallery";
const IMAGE: &str = "Z2FsbGVyeS84MjA0NzYzMTE2OTYzL2EgcmVkIGZveF8xNzk1MjM2ODgzMDM2LnBuZw";

pub(super) fn functions() -> Vec<Described> {
    vec![
        described("getImages", HttpMethod::Get, list()),
        described("images/{id}", HttpMethod::Get, details()),
        described("images/{id}", HttpMethod::Delete, removal()),
        described("thumbnails/{id}", HttpMethod::Get, thumbnail()),
        described("generateSASToken", HttpMethod::Get, signature()),
        described("files/{path}", HttpMethod::Get, file()),
    ]
}

fn list() -> OperationBuilder {
    let description = "Newest first. Without `limit` everything comes, up to 10 000 images. The \
        list stays the same, signatures included, for 15 minutes unless images come or go.";
    let limit = parameter(
        ParameterIn::Query,
        "limit",
        "At most so many images; empty is as good as absent.",
        OneOfBuilder::new()
            .item(integer(1, 1000))
            .item(text().max_length(Some(0))),
    );
    let cursor = parameter(
        ParameterIn::Query,
        "cursor",
        "The `nextCursor` of the answer before, as it came.",
        text(),
    );
    let page = answer("The images.")
        .content(
            "application/json",
            json_of("ImageList", json!({"imageUrls": [image()]})),
        )
        .header("ETag", etag())
        .header("Cache-Control", cache_control())
        .link("image", of_newest("getImage"))
        .link("thumbnail", of_newest("getThumbnail"))
        .link("removal", of_newest("removeImage"));
    let codes = ["invalid_request", "too_many_lists", "storage_error"];
    operation(
        ("listImages", TAG),
        "The images, newest first",
        description,
        &codes,
    )
    .parameter(limit.example(Some(50.into())))
    .parameter(cursor)
    .parameter(if_none_match())
    .response("200", page)
    .response("304", not_modified())
}

/// What can be asked of the images of a list, with the first of them.
fn of_newest(operation: &str) -> Link {
    let id = "$response.body#/imageUrls/0/id";
    LinkBuilder::new()
        .operation_id(operation)
        .parameter("id", id)
        .description("For the `id` of each image.")
        .build()
}

fn image() -> Value {
    json!({
        "id": IMAGE,
        "url": "https://acct.blob.core.windows.net/images/gallery/8204763116963/a%20red%20fox_1795236883036.png?sv=2022-11-02&sr=b&sp=r&sig=%2B",
        "name": "a red fox_1795236883036.png",
        "prompt": "a red fox",
        "createdAt": "2026-11-21T11:34:43.036Z",
        "model": "gpt-image-2.5-flare",
        "size": "1024x1024",
        "contentType": "image/png",
        "sizeBytes": 1_046_966,
        "thumbnailUrl": format!("https://example.com/api/thumbnails/{IMAGE}"),
    })
}

fn not_modified() -> ResponseBuilder {
    answer("The caller has it already.")
        .header("ETag", etag())
        .header("Cache-Control", cache_control())
}

fn if_none_match() -> Parameter {
    let description = "Tags of what the caller has; one that is still right gets a 304.";
    parameter(ParameterIn::Header, "If-None-Match", description, text()).build()
}

fn image_id() -> Parameter {
    in_path("id", "As the list gives it.", text(), IMAGE)
}

fn details() -> OperationBuilder {
    let mut example = image();
    example["provider"] = "openai".into();
    example["requestId"] = "a56eac62-3e6b-4bd1-9a3c-0d7e4a1f2b5c".into();
    let known = answer("All that is known of the image.")
        .content("application/json", json_of("ImageDetails", example))
        .header("Cache-Control", cache_control());
    let description = "What the list has, the prompt whole, and how the image was made.";
    operation(
        ("getImage", TAG),
        "One image",
        description,
        &["not_found", "storage_error"],
    )
    .parameter(image_id())
    .response("200", known)
}

fn removal() -> OperationBuilder {
    let description = "With its thumbnail and what was written down about it. For the gallery's \
        owner: deployed it needs a function key, and where `API_KEY` is set that as well.";
    let codes = ["api_key_not_set", "not_found", "storage_error"];
    operation(("removeImage", TAG), "Remove an image", description, &codes)
        .parameter(image_id())
        .response(
            "204",
            answer("It is not there any more, or was not before."),
        )
}

fn thumbnail() -> OperationBuilder {
    let at = header("The thumbnail's signed address.", uri());
    let leads = answer("The thumbnail is there.")
        .header("Location", at)
        .header("Cache-Control", cache_control());
    let placeholder = answer("A grey placeholder: none can be made, or not now.")
        .content("image/webp", content(binary(), "(the picture)".into()))
        .header("Cache-Control", cache_control());
    let description = "Leads to the thumbnail, WebP with a longer edge of 512 pixels, and makes it \
        where it is missing.";
    operation(
        ("getThumbnail", TAG),
        "An image's thumbnail",
        description,
        &["not_found", "storage_error"],
    )
    .parameter(image_id())
    .response("200", placeholder)
    .response("307", leads)
}

fn signature() -> OperationBuilder {
    let example = "sv=2022-11-02&sr=c&sp=r&st=2026-11-21T11%3A25%3A00Z&se=2026-11-21T12%3A15%3A00Z&spr=https&sig=%2B";
    let token = answer("A query string without `?`.")
        .content(
            "text/plain",
            content(text().min_length(Some(1)), example.into()),
        )
        .header("Cache-Control", text_header("`no-store`"));
    let description = "A shared access signature of the images container: read only unless \
        `SAS_PERMISSIONS` or `SAS_SCOPE` say otherwise.";
    operation(
        ("signContainer", TAG),
        "A signature for reading images",
        description,
        &["storage_error"],
    )
    .response("200", token)
}

fn file() -> OperationBuilder {
    let description = "Where the store is a folder: its images, behind the signatures that other \
        answers' addresses hold. The path has several segments.";
    let described = operation(
        ("getFile", TAG),
        "An image of the folder store",
        description,
        &["signature_rejected", "not_found", "storage_error"],
    )
    .parameter(in_path(
        "path",
        "The image's path.",
        text(),
        "gallery/8204763116963/a red fox_1795236883036.png",
    ))
    .parameter(if_none_match());
    let terms = [
        ("sv", "The signature's version."),
        ("sr", "What it is for: `b` this file, `c` all images."),
        ("sp", "What it allows; `r` is reading."),
        ("st", "From when on it is valid."),
        ("se", "Until when it is valid."),
        ("spr", "Over which protocols."),
        ("sig", "The signature itself."),
    ];
    let described = terms
        .into_iter()
        .fold(described, |described, (name, meaning)| {
            let term = parameter(ParameterIn::Query, name, meaning, text());
            described.parameter(term.required(Required::False))
        });
    ranges(described)
}

/// A part of the file may be asked for.
fn ranges(described: OperationBuilder) -> OperationBuilder {
    let range = parameter(
        ParameterIn::Header,
        "Range",
        "One range of bytes (RFC 9110); others are ignored.",
        text(),
    );
    let if_range = parameter(
        ParameterIn::Header,
        "If-Range",
        "The tag of the version that the caller has a part of.",
        text(),
    );
    let bytes = || content(binary(), "(the picture)".into());
    let part = whole()
        .content("*/*", bytes())
        .description("The part.")
        .header("Content-Range", text_header("Which part of how much."));
    let none = answer("The file has no such part.")
        .header("Content-Range", text_header("How long the file is."));
    described
        .parameter(range.example(Some("bytes=0-1023".into())))
        .parameter(if_range)
        .response("200", whole().content("*/*", bytes()))
        .response("206", part)
        .response("304", unchanged_file())
        .response("416", none)
}

/// Of a file, all headers but the length come again.
fn unchanged_file() -> ResponseBuilder {
    with_headers(answer("The caller has it already."))
}

fn whole() -> ResponseBuilder {
    let length = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0));
    with_headers(answer("The file.")).header("Content-Length", header("Bytes.", length))
}

fn with_headers(file: ResponseBuilder) -> ResponseBuilder {
    file.header("ETag", etag())
        .header("Last-Modified", text_header("When it was written."))
        .header("Cache-Control", cache_control())
        .header("Accept-Ranges", text_header("`bytes`"))
        .header(
            "Content-Disposition",
            text_header("Whether a browser may show it."),
        )
        .header(
            "Content-Security-Policy",
            text_header("That nothing in it may run."),
        )
}
