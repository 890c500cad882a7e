//! `GET|POST /api/generate`: what is refused, each for its reason, before anything is sent or paid.

use crate::{
    generate::{JSON, get, post, post_text},
    service::{Answer, Service, client},
    upstream::Upstream,
};
use serde_json::json;

const NO_PROMPT: &str = "Please provide a 'prompt' parameter";

#[tokio::test]
async fn a_request_without_a_prompt_gets_the_samples_sentence() {
    let service = Service::start(&[]).await;
    for (body, why) in [
        ("{}", "no prompt"),
        ("{\"prompt\": \"\"}", "an empty one"),
        ("{\"prompt\": \"  \\n\"}", "a blank one"),
        ("{\"prompt\": null}", "as good as none"),
        (
            "{\"text\": \"a\"}",
            "generateImage's synonym is not the sample's",
        ),
    ] {
        let answer = post_text(&service, body.to_owned(), &[JSON]).await;
        let problem = answer.assert_problem(400, "invalid_request");
        assert_eq!(problem["error"], NO_PROMPT, "{why}");
        assert_eq!(problem["field"], "prompt");
        assert_eq!(problem["allowed"], "a text of 1 to 32000 characters");
    }
    for query in ["", "prompt", "prompt=", "prompt=+%20", "code=x"] {
        let problem = get(&service, query)
            .await
            .assert_problem(400, "invalid_request");
        assert_eq!(problem["error"], NO_PROMPT, "{query}");
    }
    let misspelt = get(&service, "Prompt=a").await;
    let problem = misspelt.assert_problem(400, "invalid_request");
    let hint = "; the request has \"Prompt\": names are case-sensitive, use \"prompt\"";
    assert_eq!(problem["error"], format!("{NO_PROMPT}{hint}"));
    for (body, reason) in [
        ("", "the body is empty"),
        (" \n", "the body is empty"),
        ("{\"prompt\": ", "the body is not JSON: line 1, column 11"),
        (
            "prompt=a",
            "the body is a form, not JSON; send JSON such as {\"prompt\": \"a red fox\"} \
                (in PowerShell: ConvertTo-Json)",
        ),
        ("prompt", "the body is not JSON: line 1, column 1"),
        ("[\"a\"]", "the body is JSON but no object"),
    ] {
        let answer = post_text(&service, body.to_owned(), &[JSON]).await;
        let problem = answer.assert_problem(400, "invalid_request");
        assert_eq!(problem["error"], format!("{NO_PROMPT}: {reason}"));
        assert_eq!(problem["field"], "body");
        assert_eq!(problem["allowed"], "a JSON object");
    }
}

#[tokio::test]
async fn wrong_values_in_a_body_are_refused_by_name() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for (name, value, told) in [
        ("prompt", json!(7), "is the number 7; allowed is a text"),
        ("prompt", json!(["a"]), "is a list"),
        ("prompt", json!("x".repeat(32_001)), "has 32001 characters"),
        ("negative_prompt", json!(1), "is the number 1"),
        (
            "negative_prompt",
            json!("é".repeat(32_001)),
            "has 32001 characters; allowed is a text of up to 32000 characters",
        ),
        (
            "num_steps",
            json!(0),
            "is 0; allowed is a whole number from 1 to 150",
        ),
        ("num_steps", json!(151), "is 151"),
        ("num_steps", json!(25.5), "is 25.5"),
        ("num_steps", json!("25"), "is the text \"25\""),
        ("num_steps", json!(true), "is true"),
        (
            "guidance_scale",
            json!(-0.1),
            "is -0.1; allowed is a number from 0 to 30",
        ),
        ("guidance_scale", json!(30.1), "is 30.1"),
        ("guidance_scale", json!("high"), "is the text \"high\""),
        (
            "width",
            json!(56),
            "is 56; allowed is a multiple of 8 from 64 to 2048",
        ),
        ("width", json!(2056), "is 2056"),
        ("height", json!(500), "is 500; allowed is a multiple of 8"),
        ("height", json!(-64), "is -64"),
        ("height", json!({}), "is an object"),
        ("seed", json!(-1), "is -1"),
        (
            "save",
            json!("true"),
            "is the text \"true\"; allowed is true or false",
        ),
        ("save", json!(1), "is the number 1"),
        ("model", json!("a b"), "is \"a b\""),
        ("quality", json!("Very High"), "is \"Very High\""),
        ("timeoutMs", json!(999), "is 999"),
        ("maxRetries", json!(21), "is 21"),
    ] {
        let mut body = json!({"prompt": "a"});
        body[name] = value;
        let problem = post(&service, &body)
            .await
            .assert_problem(400, "invalid_request");
        assert_eq!(problem["field"], name, "{problem}");
        let error = problem["error"].as_str().unwrap();
        assert!(error.starts_with(&format!("{name} {told}")), "{error}");
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn wrong_values_in_an_address_are_refused_by_name() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for (query, name, told) in [
        ("num_steps=many", "num_steps", "is the text \"many\""),
        ("num_steps=", "num_steps", "is the text \"\""),
        ("num_steps=+5", "num_steps", "is the text \" 5\""),
        ("num_steps=5.0", "num_steps", "is 5.0"),
        ("num_steps=0x10", "num_steps", "is the text \"0x10\""),
        ("num_steps=1,2", "num_steps", "is the text \"1,2\""),
        ("num_steps=10000000000000000000000", "num_steps", "is "),
        (
            "guidance_scale=NaN",
            "guidance_scale",
            "is the text \"NaN\"",
        ),
        (
            "guidance_scale=inf",
            "guidance_scale",
            "is the text \"inf\"",
        ),
        (
            "guidance_scale=1e400",
            "guidance_scale",
            "is the text \"1e400\"",
        ),
        (
            "guidance_scale=7,5",
            "guidance_scale",
            "is the text \"7,5\"",
        ),
        ("width=0", "width", "is 0"),
        ("width=513", "width", "is 513"),
        ("height=99999", "height", "is 99999"),
        ("save=yes", "save", "is the text \"yes\""),
        ("save=1", "save", "is the number 1"),
        ("seed=-1", "seed", "is -1"),
        ("seed=%FF", "seed", "is no UTF-8"),
        ("width=64&width=64", "width", "is given twice"),
        ("prompt=b", "prompt", "is given twice"),
        ("x%0Ay=1&x%0Ay=2", "x\\ny", "is given twice"),
    ] {
        let answer = get(&service, &format!("prompt=a&{query}")).await;
        let problem = answer.assert_problem(400, "invalid_request");
        assert_eq!(problem["field"], name, "{query}");
        let error = problem["error"].as_str().unwrap();
        assert!(error.starts_with(&format!("{name} {told}")), "{error}");
        assert!(problem["allowed"].is_string());
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_size_that_the_model_refuses_is_not_sent() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for (query, told) in [
        ("width=520&height=512", "width x height is 520x512"),
        ("width=1024", "width x height is 1024x512"),
        ("height=1024", "width x height is 512x1024"),
    ] {
        let answer = get(&service, &format!("prompt=a&{query}&model=gpt-image-1")).await;
        let problem = answer.assert_problem(400, "invalid_request");
        assert_eq!(problem["field"], "width");
        assert!(
            problem["error"].as_str().unwrap().starts_with(told),
            "{problem}"
        );
        assert!(
            problem["allowed"].as_str().unwrap().contains("1024x1536"),
            "{problem}"
        );
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn only_get_and_post_generate() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let url = format!("{}/api/generate?prompt=a", service.base());
    for method in ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = Answer::of(client().request(method.parse().unwrap(), &url)).await;
        assert_eq!(answer.header("allow"), "GET, POST", "{method}");
        match method {
            "HEAD" => assert_eq!(answer.status, 405),
            _ => drop(answer.assert_problem(405, "method_not_allowed")),
        }
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn pages_of_other_sites_cannot_spend_money_by_an_address() {
    let upstream = Upstream::start().await;
    let closed = Service::over(&upstream, &[]).await;
    let open = Service::over(&upstream, &[("CORS_ORIGINS", "https://a.example")]).await;
    let every = Service::over(&upstream, &[("CORS_ORIGINS", "*")]).await;
    for (service, site, origin, status, why) in [
        (&closed, None, None, 200, "no browser"),
        (&closed, Some("none"), None, 200, "typed by a person"),
        (&closed, Some("same-origin"), None, 200, "our own page"),
        (
            &closed,
            Some("same-site"),
            None,
            200,
            "a page of the same site",
        ),
        (
            &closed,
            Some("cross-site"),
            None,
            403,
            "an img element or a link",
        ),
        (
            &closed,
            Some("cross-site"),
            Some("https://a.example"),
            403,
            "a script",
        ),
        (
            &open,
            Some("cross-site"),
            Some("https://a.example"),
            200,
            "an allowed script",
        ),
        (
            &open,
            Some("cross-site"),
            Some("https://b.example"),
            403,
            "another's script",
        ),
        (&open, Some("cross-site"), None, 403, "an img element"),
        (
            &every,
            Some("cross-site"),
            Some("https://b.example"),
            200,
            "any script",
        ),
        (&every, Some("cross-site"), None, 403, "an img element"),
    ] {
        let before = upstream.requests().len();
        let mut request = client().get(format!("{}/api/generate?prompt=a", service.base()));
        for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, status, "{why}");
        if status == 403 {
            answer.assert_problem(403, "cross_site_request");
            assert_eq!(upstream.requests().len(), before, "{why}");
        }
    }
}

#[tokio::test]
async fn bodies_are_read_as_by_generate_image() {
    let service = Service::start(&[]).await;
    let body = "{\"prompt\":\"a\",\"width\":64,\"height\":64}";
    let form = ("content-type", "application/x-www-form-urlencoded");
    let origin = ("origin", "https://evil.example");
    for (headers, status) in [
        (&[][..], 200),
        (&[form], 200),
        (&[origin, JSON], 200),
        (&[origin], 415),
        (&[origin, form], 415),
        (&[("content-type", "text/plain")], 415),
    ] {
        let answer = post_text(&service, body.to_owned(), headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    let huge = json!({"prompt": "x".repeat(1024 * 1024)});
    let answer = post(&service, &huge).await;
    answer.assert_problem(413, "payload_too_large");
}
