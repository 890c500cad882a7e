//! Bodies as clients send them that are not quite what was asked for: in other encodings,
//! compressed, as forms, with names in other letters. Both functions that take a body read them
//! alike.

use crate::{
    frontend,
    service::{Answer, Service, client},
};
use serde_json::{Value, json};

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const ROUTES: [&str; 2] = ["generateImage", "generate"];

/// `{"prompt": "a red fox"}`, compressed by gzip and by zstd.
const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabV*(\xca\xcf-(Q\xb2RPJT(JMQH\xcb\xafP\xaa\x05\x00\n\x916\x82\x17\x00\x00\x00";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x00\x58\xb9\x00\x00{\"prompt\": \"a red fox\"}";

async fn post(service: &Service, route: &str, body: &[u8], headers: &[(&str, &str)]) -> Answer {
    let mut request = client().post(format!("{}/api/{route}", service.base()));
    for (name, value) in [&[("accept", "application/json")], headers].concat() {
        request = request.header(name, value);
    }
    Answer::of(request.body(body.to_vec())).await
}

async fn assert_nothing_is_made(service: &Service) {
    assert!(frontend::get_images(&service.base()).await.is_empty());
}

#[tokio::test]
async fn a_byte_order_mark_before_the_json_is_skipped() {
    let service = Service::start(&[]).await;
    let body = "\u{feff}{\"prompt\": \"a red fox\", \"width\": 64, \"height\": 64}";
    for route in ROUTES {
        let answer = post(&service, route, body.as_bytes(), &[JSON]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[tokio::test]
async fn what_is_no_json_is_called_what_it_is() {
    let service = Service::start(&[]).await;
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (body, headers, told) in [
        (
            utf_16("\u{feff}{\"prompt\": \"a\"}"),
            [JSON],
            "the body is UTF-16, not UTF-8",
        ),
        (
            utf_16("{\"prompt\": \"a\"}"),
            [("content-type", "application/json; charset=utf-16")],
            "the body is UTF-16, not UTF-8",
        ),
        (
            b"{\"prompt\": \"L\xf6we\"}".to_vec(),
            [JSON],
            "the body is not UTF-8: byte 14 is invalid",
        ),
        (
            b"prompt=a+red+fox".to_vec(),
            [FORM],
            "the body is a form, not JSON; send JSON such as {\"prompt\": \"a red fox\"}",
        ),
        (
            b"size=auto&prompt=a%20red%20fox".to_vec(),
            [JSON],
            "the body is a form, not JSON; send JSON such as {\"prompt\": \"a red fox\"}",
        ),
        (
            b"{prompt: a=b}".to_vec(),
            [JSON],
            "the body is not JSON: line 1, column 2",
        ),
    ] {
        let body: Vec<u8> = body;
        for route in ROUTES {
            let answer = post(&service, route, &body, &headers).await;
            let problem = answer.assert_problem(400, "invalid_request");
            assert_eq!(problem["field"], "body");
            let error = problem["error"].as_str().unwrap();
            assert!(error.contains(told), "{route}: {error}");
        }
    }
    assert_nothing_is_made(&service).await;
}

#[tokio::test]
async fn a_body_with_a_content_coding_is_told_to_come_without() {
    let service = Service::start(&[]).await;
    let plain = b"{\"prompt\": \"a red fox\"}";
    let coding = |name| ("content-encoding", name);
    for (body, headers, why) in [
        (GZIP, &[JSON, coding("gzip")][..], "declared"),
        (plain, &[JSON, coding("br")], "declared, whatever is in it"),
        (plain, &[coding("identity"), coding("gzip")], "two lines"),
        (GZIP, &[JSON], "a forwarding host drops the declaration"),
        (ZSTD, &[JSON], "the same"),
        (GZIP, &[coding("")], "an empty declaration is none"),
    ] {
        for route in ROUTES {
            let answer = post(&service, route, body, headers).await;
            let problem = answer.assert_problem(415, "unsupported_media_type");
            assert_eq!(answer.header("accept-encoding"), "identity", "{why}");
            assert_eq!(problem["field"], "Content-Encoding", "{why}");
        }
    }
    assert_nothing_is_made(&service).await;
}

#[tokio::test]
async fn no_content_coding_is_no_obstacle() {
    let service = Service::start(&[]).await;
    let body = b"{\"prompt\": \"a red fox\", \"width\": 64, \"height\": 64}";
    for coding in ["", "identity", "Identity"] {
        let headers = [JSON, ("content-encoding", coding)];
        for route in ROUTES {
            let answer = post(&service, route, body, &headers).await;
            assert_eq!(answer.status, 200, "{coding:?}: {}", answer.text());
        }
    }
}

/// RFC 9110 section 12.5.3: other 415s must not have it.
#[tokio::test]
async fn a_wrong_media_type_says_nothing_of_codings() {
    let service = Service::start(&[]).await;
    for route in ROUTES {
        let headers = [("content-type", "text/plain")];
        let answer = post(&service, route, b"{\"prompt\": \"a\"}", &headers).await;
        answer.assert_problem(415, "unsupported_media_type");
        assert!(!answer.headers.contains_key("accept-encoding"));
    }
}

#[tokio::test]
async fn a_missing_field_is_found_under_its_name_in_other_letters() {
    let service = Service::start(&[]).await;
    let hint = |given, name| {
        format!("; the request has \"{given}\": names are case-sensitive, use \"{name}\"")
    };
    let missing = "prompt is missing";
    let sample = "Please provide a 'prompt' parameter";
    for (route, body, told) in [
        (
            "generateImage",
            json!({"Prompt": "a"}),
            format!("{missing}{}", hint("Prompt", "prompt")),
        ),
        (
            "generateImage",
            json!({"prompt": null, "INSTRUCTION": "a"}),
            format!("{missing}{}", hint("INSTRUCTION", "instruction")),
        ),
        (
            "generateImage",
            json!({"prompt": "a", "width": 64, "Height": 64}),
            format!("width or height is given alone{}", hint("Height", "height")),
        ),
        (
            "generateImage",
            json!({"Prompt": null, "promt": "a"}),
            format!("{missing}; allowed"),
        ),
        (
            "generate",
            json!({"PROMPT": "a"}),
            format!("{sample}{}", hint("PROMPT", "prompt")),
        ),
    ] {
        let answer = post(&service, route, body.to_string().as_bytes(), &[JSON]).await;
        let problem = answer.assert_problem(400, "invalid_request");
        let error = problem["error"].as_str().unwrap();
        assert!(error.starts_with(&told), "{error}");
    }
    assert_nothing_is_made(&service).await;
}

#[tokio::test]
async fn an_unknown_field_is_warned_of_with_the_name_that_is_like_it() {
    let service = Service::start(&[]).await;
    let sides = json!({"prompt": "a", "width": 64, "height": 64});
    for (route, field, meant) in [
        ("generateImage", "Output_Format", Some("output_format")),
        ("generateImage", "outputFormat", Some("output_format")),
        ("generateImage", "TimeoutMs", Some("timeoutMs")),
        ("generateImage", "timeout_ms", Some("timeoutMs")),
        ("generateImage", "Prompt", Some("prompt")),
        ("generateImage", "colour", None),
        ("generate", "NumSteps", Some("num_steps")),
        ("generate", "style", None),
    ] {
        let mut body = sides.clone();
        body[field] = Value::from("x");
        let answer = post(&service, route, body.to_string().as_bytes(), &[JSON]).await;
        let hint = meant.map(|name| format!("; did you mean \"{name}\"?"));
        let warning = format!(
            "\"{field}\" is not a known field{}",
            hint.unwrap_or_default()
        );
        assert_eq!(answer.json()["warnings"], json!([warning]), "{route}");
    }
}
