//! Every field's right and wrong values.

use super::*;
use serde_json::json;

fn parse(body: Value) -> Result<ParsedRequest, InvalidOption> {
    match body {
        Value::Object(fields) => parse_request(fields, 4),
        other => panic!("{other} is no object"),
    }
}

#[test]
fn a_prompt_alone_is_a_request() {
    let parsed = parse(json!({"prompt": " a cat "})).unwrap();
    assert_eq!(parsed.image.prompt.as_str(), "a cat");
    assert_eq!(parsed.image.options.n, 1);
    assert_eq!(parsed.answer.output_key, "imageList");
    assert!(parsed.warnings.is_empty());
}

#[test]
fn synonyms_of_the_prompt_work_and_may_not_differ() {
    for name in ["prompt", "instruction", "text"] {
        let parsed = parse(json!({name: "a cat"})).unwrap();
        assert_eq!(parsed.image.prompt.as_str(), "a cat");
    }
    assert!(parse(json!({"prompt": "a cat", "text": "a cat"})).is_ok());
    let error = parse(json!({"prompt": "a cat", "text": "a dog"})).unwrap_err();
    assert_eq!(error.field, "text");
}

#[test]
fn wrong_values_are_refused_by_name() {
    for (body, field) in [
        (json!({}), "prompt"),
        (json!({"prompt": null}), "prompt"),
        (json!({"prompt": ""}), "prompt"),
        (json!({"prompt": " \n "}), "prompt"),
        (json!({"prompt": 7}), "prompt"),
        (json!({"prompt": ["a"]}), "prompt"),
        (json!({"prompt": {"text": "a"}}), "prompt"),
        (json!({"prompt": "x".repeat(32_001)}), "prompt"),
        (json!({"prompt": "a", "model": ""}), "model"),
        (json!({"prompt": "a", "model": "a b"}), "model"),
        (json!({"prompt": "a", "size": "big"}), "size"),
        (json!({"prompt": "a", "size": "0x64"}), "size"),
        (json!({"prompt": "a", "size": "+64x64"}), "size"),
        (json!({"prompt": "a", "size": "9999x64"}), "size"),
        (json!({"prompt": "a", "size": 1024}), "size"),
        (json!({"prompt": "a", "size": "auto", "width": 64}), "size"),
        (json!({"prompt": "a", "width": 64}), "width"),
        (json!({"prompt": "a", "width": 63, "height": 64}), "width"),
        (json!({"prompt": "a", "quality": "Very High"}), "quality"),
        (json!({"prompt": "a", "n": 0}), "n"),
        (json!({"prompt": "a", "n": 5}), "n"),
        (json!({"prompt": "a", "n": 1.5}), "n"),
        (json!({"prompt": "a", "n": "2"}), "n"),
        (json!({"prompt": "a", "style": "loud"}), "style"),
        (
            json!({"prompt": "a", "response_format": "png"}),
            "response_format",
        ),
        (
            json!({"prompt": "a", "output_format": "gif"}),
            "output_format",
        ),
        (
            json!({"prompt": "a", "output_compression": 101}),
            "output_compression",
        ),
        (json!({"prompt": "a", "background": "red"}), "background"),
        (json!({"prompt": "a", "moderation": "none"}), "moderation"),
        (json!({"prompt": "a", "seed": -1}), "seed"),
        (json!({"prompt": "a", "seed": 1u64 << 53}), "seed"),
        (json!({"prompt": "a", "user": "x".repeat(257)}), "user"),
        (
            json!({"prompt": "a", "partial_images": 4}),
            "partial_images",
        ),
        (
            json!({"prompt": "a", "partial_images": "2"}),
            "partial_images",
        ),
        (json!({"prompt": "a", "num_steps": 0}), "num_steps"),
        (
            json!({"prompt": "a", "guidance_scale": 31}),
            "guidance_scale",
        ),
        (json!({"prompt": "a", "timeoutMs": 999}), "timeoutMs"),
        (json!({"prompt": "a", "maxRetries": 21}), "maxRetries"),
        (json!({"prompt": "a", "outputKey": "1st"}), "outputKey"),
        (json!({"prompt": "a", "outputKey": "message"}), "outputKey"),
    ] {
        let error = parse(body.clone()).unwrap_err();
        assert_eq!(error.field, field, "{body}");
        assert!(
            !error.allowed.is_empty() && !error.problem.is_empty(),
            "{body}"
        );
    }
}

#[test]
fn right_values_arrive() {
    let parsed = parse(json!({
        "prompt": "a", "model": "gpt-image-9:x", "size": "1536x1024", "quality": "xhigh", "n": 4,
        "output_format": "webp", "output_compression": 80, "background": "opaque", "moderation": "low", "seed": 7,
        "user": "u", "timeoutMs": 900_000, "maxRetries": 0, "outputKey": "_k1",
    }))
    .unwrap();
    let options = parsed.image.options;
    assert_eq!(options.size.unwrap().to_string(), "1536x1024");
    assert_eq!(options.output_format, Some(ImageFormat::Webp));
    assert_eq!((options.n, options.seed), (4, Some(7)));
    assert_eq!(options.timeout, Some(Duration::from_secs(900)));
    assert_eq!(parsed.answer.output_key, "_k1");
    let dall_e =
        parse(json!({"prompt": "a", "style": "vivid", "response_format": "b64_json"})).unwrap();
    assert_eq!(dall_e.answer.response_format, ResponseFormat::B64Json);
    assert_eq!(dall_e.image.options.style.as_deref(), Some("vivid"));
    let sides = parse(json!({"prompt": "a", "width": 640, "height": 512})).unwrap();
    assert_eq!(sides.image.options.size.unwrap().to_string(), "640x512");
}

#[test]
fn null_excludes_nothing() {
    let body = json!({"prompt": "a", "style": null, "output_format": "png",
        "response_format": null, "background": "opaque", "output_compression": null});
    assert!(parse(body).is_ok());
}

#[test]
fn unknown_fields_are_named_and_hostile_names_are_escaped() {
    let parsed = parse(json!({"prompt": "a", "a\nb": 1, "colour": "red"})).unwrap();
    assert_eq!(
        parsed.warnings,
        [
            "\"a\\nb\" is not a known field",
            "\"colour\" is not a known field"
        ]
    );
}

#[test]
fn unknown_fields_that_are_like_known_ones_suggest_them() {
    let parsed = parse(json!({"prompt": "a", "OUTPUT_FORMAT": "png", "timeout-ms": 5})).unwrap();
    assert_eq!(
        parsed.warnings,
        [
            "\"OUTPUT_FORMAT\" is not a known field; did you mean \"output_format\"?",
            "\"timeout-ms\" is not a known field; did you mean \"timeoutMs\"?"
        ]
    );
    let again = parse_request(parsed.fields, 4).unwrap();
    assert_eq!(again.warnings, parsed.warnings);
}

#[test]
fn a_missing_field_that_is_misspelt_is_quoted() {
    for (body, expected) in [
        (
            json!({"Prompt": "a"}),
            "is missing; the request has \"Prompt\": names are case-sensitive, use \"prompt\"",
        ),
        (
            json!({"TEXT": "a"}),
            "is missing; the request has \"TEXT\": names are case-sensitive, use \"text\"",
        ),
        (json!({"Prompt": null}), "is missing"),
        (json!({"prompts": "a"}), "is missing"),
        (
            json!({"prompt": "a", "WIDTH": 64, "height": 64}),
            "or height is given alone; the request has \"WIDTH\": names are case-sensitive, use \"width\"",
        ),
    ] {
        assert_eq!(parse(body).unwrap_err().problem, expected);
    }
}
