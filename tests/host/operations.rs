//! Operations through the host: asked for, looked at and canceled in both modes.

use reqwest::Response;
use serde_json::{Value, json};

use super::functions_host::Mode;
use super::harness::{Paid, in_both_modes, json_of};
use crate::upstream::{Answer, Gate, picture};

in_both_modes!(
    an_operation_is_accepted_and_can_be_asked_about,
    an_operation_that_waits_for_a_place_can_be_canceled,
    an_operation_of_a_plain_request_has_the_public_address,
);

/// Has an operation accepted; returns its address.
async fn submit(paid: &Paid, body: &Value) -> String {
    let request = paid.post(body).header("prefer", "respond-async");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 202);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("preference-applied"), "respond-async");
    assert_eq!(header("retry-after"), "5");
    let location = header("operation-location");
    let id = json_of(response).await["id"].as_str().unwrap().to_owned();
    let public = format!("{}/api/operations/{id}", paid.host.base_url);
    assert_eq!(location, public, "the host's address, not the handler's");
    location
}

async fn get(paid: &Paid, address: &str) -> Response {
    paid.client.get(address).send().await.unwrap()
}

async fn an_operation_is_accepted_and_can_be_asked_about(mode: Mode) {
    let (paid, gate) = (Paid::start(mode).await, Gate::closed());
    paid.upstream
        .push(Answer::image(picture::png(64, 64)).held_by(&gate));
    let location = submit(&paid, &json!({"prompt": "a red fox"})).await;
    paid.upstream.wait_for_requests_to(Paid::CALLS, 1).await;
    let running = get(&paid, &location.replace("/api/o", "/API/O")).await;
    assert_eq!(running.headers()["retry-after"], "5");
    assert_eq!(json_of(running).await["status"], "running");
    gate.open();
    let ended = json_of(get(&paid, &format!("{location}?wait=15")).await).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    let url = ended["result"]["imageList"][0]["url"].as_str().unwrap();
    assert!(url.starts_with(&paid.host.base_url), "{url}");
    let opened = get(&paid, url).await.bytes().await.unwrap();
    let opened = picture::without_texts(&opened);
    assert_eq!(opened, picture::png(64, 64));
    let unknown = "0".repeat(44);
    let unknown = get(&paid, &paid.url(&format!("/api/operations/{unknown}"))).await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(json_of(unknown).await["code"], "operation_not_found");
    paid.stop().await;
}

async fn an_operation_that_waits_for_a_place_can_be_canceled(mode: Mode) {
    let (paid, gate) = (
        Paid::start_with(mode, &[("MAX_CONCURRENT_GENERATIONS", "1")]).await,
        Gate::closed(),
    );
    paid.upstream
        .always(Answer::image(picture::small_png()).held_by(&gate));
    let first = submit(&paid, &json!({"prompt": "the first"})).await;
    paid.upstream.wait_for_requests_to(Paid::CALLS, 1).await;
    let second = submit(&paid, &json!({"prompt": "the second"})).await;
    let canceled = paid.client.delete(&second).send().await.unwrap();
    assert_eq!(canceled.status(), 200);
    let canceled = json_of(canceled).await;
    assert_eq!(
        (&canceled["status"], &canceled["error"]["code"]),
        (&json!("canceled"), &json!("canceled"))
    );
    gate.open();
    let ended = json_of(get(&paid, &format!("{first}?wait=15")).await).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!(
        json_of(get(&paid, &second).await).await["status"],
        "canceled"
    );
    assert_eq!(paid.calls(), 1);
    // Other methods do not reach the handler.
    let before = paid.host.invocation_ids().len();
    assert_eq!(paid.client.post(&first).send().await.unwrap().status(), 404);
    assert_eq!(paid.host.invocation_ids().len(), before);
    paid.stop().await;
}

async fn an_operation_of_a_plain_request_has_the_public_address(mode: Mode) {
    let paid = Paid::start(mode).await;
    let request = paid.post(&json!({"prompt": "a"}));
    let request = request.header("accept", "application/json");
    let response = request.send().await.unwrap();
    let location = response.headers()["operation-location"].to_str().unwrap();
    let location = location.to_owned();
    assert!(location.starts_with(&paid.host.base_url), "{location}");
    let answer = json_of(response).await;
    let found = json_of(get(&paid, &location).await).await;
    assert_eq!(found["id"], answer["object"]["operationId"]);
    assert_eq!(
        found["result"]["imageList"][0]["id"],
        answer["imageList"][0]["id"]
    );
    paid.stop().await;
}
