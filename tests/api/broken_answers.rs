//! Answers that say success and are none, or not all of one, and connections that break.

use crate::{
    frontend,
    service::Service,
    upstream::{Answer, Upstream, picture},
    upstream_faults::{Once, REFUSED, json_answer},
};
use serde_json::{Value, json};

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_an_upstream_error() {
    let once = Once::start().await;
    let whole = Answer::image(picture::png(64, 64));
    let data = |data: Value| json_answer(200, &json!({"created": 1, "data": data}));
    let submitted = json!({"id": "f508bcf2", "status": "notRunning", "created": 0});
    for fault in [
        Answer::html(200),
        Answer::malformed_json(),
        Answer::malformed_json().chunked(),
        Answer::bytes("application/json", ""),
        Answer::bytes("application/json", "[]"),
        Answer::no_images(),
        data(Value::Null),
        data(json!([null])),
        data(json!([{"b64_json": null, "url": null}])),
        data(json!([{"b64_json": ""}])),
        data(json!([{"b64_json": 7}])),
        data(json!({"b64_json": "aGk="})),
        json_answer(202, &submitted),
        Answer::bytes("text/plain", "").status(204),
        Answer::image(&b"not a picture"[..]),
        Answer::image(&b"\x1f\x8b\x08compressed"[..]).header("content-encoding", "gzip"),
        whole.clone().header("content-encoding", "gzip"),
        whole.clone().cut_after(200),
        whole.chunked().cut_after(200),
    ] {
        once.expect(fault, 502, "upstream_error").await;
    }
    once.expect(Answer::hang_up(), 502, "upstream_unreachable")
        .await;
    let shown = frontend::get_images(&once.service.base()).await;
    assert!(shown.is_empty());
    let sent = &once.upstream.requests_to("/images/generations")[0];
    assert_eq!(sent.header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn an_error_behind_a_long_picture_is_still_the_answer() {
    let once = Once::start().await;
    let mut body = String::from_utf8(
        Answer::image(picture::padded_png(64, 64, 3_000_000))
            .body()
            .to_vec(),
    )
    .unwrap();
    let end = body.rfind('}').unwrap();
    let error = r#","error":{"code":"contentFilter","message":"Generated image was filtered as a result of our safety system."}}"#;
    body.replace_range(end.., error);
    let fault = Answer::bytes("application/json", body);
    once.expect(fault.clone(), 400, REFUSED).await;
    once.expect(fault.chunked(), 400, REFUSED).await;
}

#[tokio::test]
async fn an_empty_error_beside_a_picture_is_none() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for nothing in [json!(null), json!({}), json!(""), json!(false)] {
        let whole = Answer::image(picture::small_png());
        let mut body: Value = serde_json::from_slice(whole.body()).unwrap();
        body["error"] = nothing;
        upstream.push(Answer::json(&body));
        let answer = service.generate(&json!({"prompt": "a"})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

#[tokio::test]
async fn fewer_images_than_asked_for_are_stored_and_counted() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    let unusable = json!({"data": [{"b64_json": null}, {"b64_json": picture_text()}]});
    for (answer, warnings) in [
        (
            Answer::image(picture::small_png()),
            ["the provider gave 2 images less than asked for"].as_slice(),
        ),
        (
            Answer::json(&unusable),
            &[
                "one image is missing: the provider's answer cannot be used: a picture has neither b64_json nor url",
                "the provider gave one image less than asked for",
            ],
        ),
    ] {
        upstream.push(answer);
        let answer = service.generate(&json!({"prompt": "a", "n": 3})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        assert_eq!(body["imageList"].as_array().unwrap().len(), 1);
        assert_eq!(body["warnings"], json!(warnings));
    }
    assert_eq!(frontend::get_images(&service.base()).await.len(), 2);
}

fn picture_text() -> Value {
    let body: Value = serde_json::from_slice(Answer::image(picture::small_png()).body()).unwrap();
    body["data"][0]["b64_json"].clone()
}

#[tokio::test]
async fn pictures_by_address_are_fetched_again_after_a_passing_fault() {
    let upstream = Upstream::start().await;
    let url = upstream.serve("/blob/x", Answer::html(503));
    upstream.always(Answer::image_url(&url));
    let service = Service::over(&upstream, &[]).await;
    let body = json!({"prompt": "a"});
    service
        .generate(&body)
        .await
        .assert_problem(502, "upstream_error");
    assert_eq!(upstream.requests_to("/blob/x").len(), 3);
    assert_eq!(
        upstream.requests_to("/images/generations").len(),
        1,
        "it is paid once"
    );
}
#[tokio::test]
async fn the_upstreams_request_id_is_in_the_answer_where_there_is_one() {
    let once = Once::start().await;
    let bare = || Answer::html(500);
    for (fault, id) in [
        (bare(), Value::Null),
        (bare().header("x-request-id", "req_1"), json!("req_1")),
        (bare().header("apim-request-id", "8d7c"), json!("8d7c")),
        (
            Answer::html(200).header("x-request-id", "req_2"),
            json!("req_2"),
        ),
        (
            Answer::image(picture::png(64, 64))
                .header("x-request-id", "req_3")
                .cut_after(200),
            json!("req_3"),
        ),
        (
            Answer::moderation_blocked().header("x-request-id", "req_4"),
            json!("req_4"),
        ),
    ] {
        let problem = once.ask(fault).await.json();
        assert_eq!(problem["upstreamRequestId"], id, "{problem}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_said_to_be_so() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", closed.local_addr().unwrap());
    drop(closed);
    let service = Service::start(&[("OPENAI_BASE_URL", &base_url)]).await;
    let answer = service
        .generate(&json!({"prompt": "a", "maxRetries": 1}))
        .await;
    let problem = answer.assert_problem(502, "upstream_unreachable");
    assert_eq!(problem["attemptCount"], 2);
}
