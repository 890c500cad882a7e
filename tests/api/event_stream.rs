//! The event stream of generateImage: previews while the picture is in the making, then the
//! images, and something to read all the while.

mod callers;
mod errors;
mod keys;

use crate::{
    azurite,
    events::{Event, Events, Piece, picture_of},
    faulty_account::{Fault, FaultyAccount, Step},
    service::{Service, client, open},
    upstream::{Answer, Gate, Upstream, picture},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use visionary::config::ServiceConfig;

const CALLS: &str = "/images/generations";

/// Asks for events.
async fn ask(service: &Service, body: &Value, headers: &[(&str, &str)]) -> reqwest::Response {
    let mut request = client()
        .post(format!("{}/api/generateImage", service.base()))
        .header("content-type", "application/json")
        .header("accept", "text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.to_string()).send().await.unwrap()
}

async fn stream(service: &Service, body: &Value) -> Events {
    Events::of(ask(service, body, &[]).await)
}

/// A service over the double with changed settings.
async fn service_with(upstream: &Upstream, change: impl FnOnce(&mut ServiceConfig)) -> Service {
    let base_url = upstream.base_url();
    Service::start_with(&[("OPENAI_BASE_URL", &base_url)], change).await
}

/// One that says something often.
async fn lively(upstream: &Upstream) -> Service {
    service_with(upstream, |config| {
        config.event_heartbeat = Duration::from_millis(20);
    })
    .await
}

/// The operation as it is at its end.
async fn end_of(service: &Service, operation_id: &str) -> Value {
    let answer = service
        .get(&format!("/api/operations/{operation_id}?wait=20"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The names of an object's fields, and of those within it; what a provider counts is its own.
fn shape(value: &Value, path: &str) -> BTreeSet<String> {
    let fields: Vec<(String, &Value)> = match value {
        Value::Object(fields) if !path.ends_with(".usage") => fields
            .iter()
            .map(|(name, value)| (format!("{path}.{name}"), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| (format!("{path}[]"), item))
            .collect(),
        _ => Vec::new(),
    };
    let within = fields.iter().flat_map(|(name, value)| shape(value, name));
    let names = fields.iter().map(|(name, _)| name.clone());
    names.chain(within).collect()
}

#[tokio::test]
async fn the_head_and_a_comment_come_before_the_provider_answers() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.push(Answer::image_stream(&[], picture::small_png()).held_by(&gate));
    let service = service_with(&upstream, |config| {
        config.event_heartbeat = Duration::from_secs(3600);
    })
    .await;
    let mut events = stream(&service, &json!({"prompt": "a"})).await;
    assert_eq!(events.next().await, Some(Piece::Comment));
    assert_eq!(events.header("cache-control"), "no-store");
    assert_eq!(events.header("x-content-type-options"), "nosniff");
    let request_id = events.header("x-request-id").to_owned();
    let location = events.header("operation-location").to_owned();
    let start = format!("{}/api/operations/", service.base());
    let operation_id = location.strip_prefix(&start).expect("an absolute address");
    upstream.wait_for_requests_to(CALLS, 1).await;
    let running = service
        .get(&format!("/api/operations/{operation_id}"))
        .await;
    assert_eq!(running.json()["status"], "running");
    gate.open();
    let completed = events.last("completed").await;
    assert_eq!(completed["object"]["operationId"], operation_id);
    assert_eq!(completed["object"]["requestId"], request_id);
}

#[tokio::test]
async fn previews_come_while_the_picture_is_in_the_making() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let previews = [picture::png(32, 32), picture::png(48, 48)];
    let finished = picture::png(64, 64);
    let answer = Answer::image_stream(&previews, finished.clone());
    let behind_first = answer.length_of_events(1);
    upstream.push(answer.paused_after(behind_first, &gate));
    let service = Service::over(&upstream, &[]).await;
    let mut events = stream(&service, &json!({"prompt": "a"})).await;
    let first = events.named("partial_image").await;
    let expected = ["imageIndex", "partialIndex", "contentType", "b64_json"];
    assert_eq!(
        first.as_object().unwrap().keys().collect::<BTreeSet<_>>(),
        expected.map(str::to_owned).iter().collect()
    );
    assert_eq!(
        (&first["imageIndex"], &first["partialIndex"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(first["contentType"], "image/png");
    assert_eq!(picture_of(&first["b64_json"]), previews[0]);
    gate.open();
    let mut rest = events.rest().await;
    let completed = rest.pop().unwrap();
    assert_eq!(completed.name, "completed");
    for Event { name, data } in rest {
        assert_eq!(
            (name.as_str(), &data["partialIndex"]),
            ("partial_image", &json!(1))
        );
        assert_eq!(picture_of(&data["b64_json"]), previews[1]);
    }
    let opened = open(completed.data["imageList"][0]["url"].as_str().unwrap()).await;
    assert_eq!((opened.status, opened.body), (200, finished.to_vec()));
}

#[tokio::test]
async fn completed_is_what_a_json_caller_gets() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for body in [
        json!({"prompt": "a", "outputKey": "pictures", "style": "vivid"}),
        json!({"prompt": "a", "response_format": "b64_json", "n": 2}),
    ] {
        let mut streamed = stream(&service, &body).await.rest().await;
        let completed = streamed.pop().unwrap().data;
        let plain = service.generate(&body).await.json();
        assert_eq!(shape(&completed, ""), shape(&plain, ""));
        for name in ["message", "warnings"] {
            assert_eq!(completed[name], plain[name]);
        }
        for name in ["provider", "model", "size"] {
            assert_eq!(completed["object"][name], plain["object"][name], "{name}");
        }
        if body["n"] == 2 {
            for image in completed["imageList"].as_array().unwrap() {
                assert_eq!(picture_of(&image["b64_json"]), picture::small_png());
            }
        } else {
            let names = completed["warnings"][0].as_str().unwrap();
            assert!(names.contains("style") && completed["pictures"][0]["id"].is_string());
        }
    }
}

#[tokio::test]
async fn completed_comes_when_the_image_is_stored_and_not_before() {
    let (upstream, account) = (Upstream::start().await, FaultyAccount::start().await);
    let released = Arc::new(tokio::sync::Notify::new());
    account.script(Step::Blob, [Fault::Held(released.clone())]);
    let (base_url, connection) = (upstream.base_url(), account.connection_string());
    let name = azurite::new_container("events");
    let state = format!("{name}-state");
    let settings = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("AZURE_STORAGE_CONNECTION_STRING", &connection),
        ("IMAGES_CONTAINER", &name),
        ("STATE_CONTAINER", &state),
    ];
    let service = Service::start_with(&settings, |config| {
        config.event_heartbeat = Duration::from_millis(20);
    })
    .await;
    let mut events = stream(&service, &json!({"prompt": "a", "partial_images": 0})).await;
    account.wait_for(Step::Blob, 1).await;
    events.comments(5).await;
    released.notify_one();
    let completed = events.last("completed").await;
    let opened = open(completed["imageList"][0]["url"].as_str().unwrap()).await;
    assert_eq!(opened.body, picture::small_png());
}

#[tokio::test]
async fn the_provider_is_asked_for_a_stream_with_as_many_previews_as_wanted() {
    let upstream = Upstream::start().await;
    let service = Service::over(&upstream, &[]).await;
    for (body, stream_sent, partials_sent) in [
        (json!({"prompt": "a"}), json!(true), json!(2)),
        (
            json!({"prompt": "a", "partial_images": 1}),
            json!(true),
            json!(1),
        ),
        (
            json!({"prompt": "a", "partial_images": 3}),
            json!(true),
            json!(3),
        ),
        (
            json!({"prompt": "a", "partial_images": 0}),
            Value::Null,
            Value::Null,
        ),
    ] {
        let rest = stream(&service, &body).await.rest().await;
        assert_eq!(rest.last().unwrap().name, "completed", "{body}");
        let sent = upstream.requests_to(CALLS).pop().unwrap().json();
        assert_eq!(
            (&sent["stream"], &sent["partial_images"]),
            (&stream_sent, &partials_sent)
        );
    }
}

#[tokio::test]
async fn makers_without_previews_have_heartbeats_and_then_the_image() {
    let upstream = Upstream::start().await;
    let service = lively(&upstream).await;
    for model in ["dall-e-3", "a-model-of-mine"] {
        let gate = Gate::closed();
        upstream.push(Answer::image(picture::small_png()).held_by(&gate));
        let mut events = stream(&service, &json!({"prompt": "a", "model": model})).await;
        events.comments(4).await;
        gate.open();
        let completed = events.last("completed").await;
        assert_eq!(completed["object"]["model"], model);
        let sent = upstream.requests_to(CALLS).pop().unwrap().json();
        assert_eq!(
            (&sent["stream"], &sent["partial_images"]),
            (&Value::Null, &Value::Null)
        );
    }
    let painter = Service::start(&[]).await;
    let mut events = stream(&painter, &json!({"prompt": "a", "size": "64x64"})).await;
    events.comments(1).await;
    let completed = events.last("completed").await;
    let opened = open(completed["imageList"][0]["url"].as_str().unwrap()).await;
    assert_eq!(picture::png_dimensions(&opened.body), Some((64, 64)));
}

#[tokio::test]
async fn each_of_two_pictures_has_its_own_previews() {
    let upstream = Upstream::start().await;
    let gates = [Gate::closed(), Gate::closed()];
    for (gate, side) in gates.iter().zip([16, 17]) {
        let answer = Answer::image_stream(&[picture::png(side, 16)], picture::png(side, 32));
        upstream.push(answer.held_by(gate));
    }
    let service = Service::over(&upstream, &[]).await;
    let mut events = stream(
        &service,
        &json!({"prompt": "a", "n": 2, "response_format": "b64_json"}),
    )
    .await;
    let mut previews = Vec::new();
    for gate in gates {
        gate.open();
        let preview = events.named("partial_image").await;
        let bytes = picture_of(&preview["b64_json"]);
        let (width, _) = picture::png_dimensions(&bytes).unwrap();
        previews.push((preview["imageIndex"].as_u64().unwrap(), width));
    }
    previews.sort_unstable();
    let completed = events.last("completed").await;
    let images = completed["imageList"].as_array().unwrap().iter().zip(0..);
    let images: Vec<(u64, u32)> = images
        .map(|(image, index)| {
            let bytes = picture_of(&image["b64_json"]);
            (index, picture::png_dimensions(&bytes).unwrap().0)
        })
        .collect();
    assert_eq!(previews, images, "a preview's index is its picture's place");
}
