//! Operations and idempotency keys: no process, connection or repetition costs an image or pays
//! for one twice.

mod accepted;
mod asked;
mod canceled;
mod clocks;
mod faulty;
mod first_writes;
mod garbage;
mod key_callers;
mod key_failures;
mod key_forms;
mod keys;
mod late;
mod leaving;
mod lost;
mod owners;
mod record;
mod repeated_failures;
mod results;
mod state_faults;
mod stopping;
mod sweep;
mod two_instances;

use crate::{
    azurite,
    service::{Answer, Service, client, open},
    upstream::{self, Gate, Upstream, picture},
};
use serde_json::{Value, json};
use std::{
    future::Future,
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use visionary::{
    config::{Config, Environment, StorageConfig},
    operations::OperationSettings,
    storage::azure::AzureStore,
};

/// Where the provider makes images.
const CALLS: &str = "/images/generations";

/// How long a test waits for what is bound to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A provider whose picture waits for the gate.
async fn held_upstream() -> (Upstream, Gate) {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let answer = upstream::Answer::image(picture::small_png());
    upstream.always(answer.held_by(&gate));
    (upstream, gate)
}

/// A provider that is quick and well.
async fn quick_upstream() -> Upstream {
    let upstream = Upstream::start().await;
    upstream.always(upstream::Answer::image(picture::small_png()));
    upstream
}

/// A service over a folder with changed operations.
async fn service(upstream: &Upstream, change: impl FnOnce(&mut OperationSettings)) -> Service {
    let base_url = upstream.base_url();
    let settings = [("OPENAI_BASE_URL", base_url.as_str())];
    Service::start_with(&settings, |config| change(&mut config.operations)).await
}

/// The same behind the Functions host.
async fn handler(upstream: &Upstream, change: impl FnOnce(&mut OperationSettings)) -> Service {
    let base_url = upstream.base_url();
    let settings = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "1"), // the tests choose a free one
    ];
    Service::start_with(&settings, |config| change(&mut config.operations)).await
}

/// Two containers of an account, for any number of processes.
struct Account {
    connection: String,
    images: String,
    state: String,
}

impl Account {
    fn new() -> Self {
        Self::at(azurite::connection_string())
    }

    fn at(connection: String) -> Self {
        let [images, state] = ["images", "state"].map(azurite::new_container);
        Self {
            connection,
            images,
            state,
        }
    }

    fn settings(&self) -> [(&str, &str); 3] {
        [
            ("AZURE_STORAGE_CONNECTION_STRING", &self.connection),
            ("IMAGES_CONTAINER", &self.images),
            ("STATE_CONTAINER", &self.state),
        ]
    }

    /// One more process.
    async fn service(
        &self,
        upstream: &Upstream,
        change: impl FnOnce(&mut OperationSettings),
    ) -> Service {
        let base_url = upstream.base_url();
        let provider = [("OPENAI_BASE_URL", base_url.as_str())];
        let settings = [&provider[..], &self.settings()].concat();
        Service::start_with(&settings, |config| change(&mut config.operations)).await
    }

    /// What the processes share, past them.
    fn store(&self) -> AzureStore {
        let config = Config::read(&Environment::from_pairs(self.settings())).unwrap();
        let StorageConfig::Azure(account) = config.service.unwrap().storage else {
            panic!("no account");
        };
        AzureStore::new(account.settings, azurite::access(), client())
    }
}

/// Waits until `find` finds something.
async fn found<T, F: Future<Output = Option<T>>>(what: &str, find: impl Fn() -> F) -> T {
    let search = async {
        loop {
            if let Some(found) = find().await {
                return found;
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, search).await;
    found.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Waits until an operation has this status.
async fn until(service: &Service, id: &str, status: &str) -> Value {
    found(status, || async {
        let json = service.operation(id).await.json();
        (json["status"] == status).then_some(json)
    })
    .await
}

/// The names in a folder of the state container, in order.
fn state_names(service: &Service, folder: &str) -> Vec<String> {
    let folder = service.folder().join("state").join(folder);
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Waits until the state container has so many of them, and gives them.
async fn states(service: &Service, folder: &str, count: usize) -> Vec<String> {
    found(folder, || async {
        service.get("/").await; // lets the service work, which shares this thread
        let names = state_names(service, folder);
        (names.len() == count).then_some(names)
    })
    .await
}

/// The file that has an operation.
fn operation_file(service: &Service, id: &str) -> PathBuf {
    service.folder().join("state/operations").join(id)
}

/// The images of an answer or a result.
fn images(json: &Value) -> &Vec<Value> {
    json["imageList"]
        .as_array()
        .unwrap_or_else(|| panic!("no images in {json}"))
}

/// Checks that a result's addresses open this picture.
async fn assert_open(json: &Value, bytes: &[u8]) {
    for image in images(json) {
        let opened = open(image["url"].as_str().unwrap()).await;
        assert_eq!((opened.status, &opened.body[..]), (200, bytes), "{image}");
    }
}

/// A result without what each answer has of its own: its request, and until when it is signed.
fn lasting(json: &Value) -> Value {
    let mut json = json.clone();
    json["object"]["requestId"].take();
    for image in json["imageList"].as_array_mut().into_iter().flatten() {
        let url = image["url"].as_str().unwrap();
        image["url"] = url.split('?').next().unwrap().into();
        // Each instance names itself as the one that makes it.
        image.as_object_mut().unwrap().remove("thumbnailUrl");
    }
    json
}

/// A problem document without its request.
fn lasting_problem(json: &Value) -> Value {
    let mut json = json.clone();
    let fields = json.as_object_mut().unwrap();
    fields.remove("requestId");
    fields.remove("operationId");
    fields.remove("operationLocation");
    json
}

/// How many images the gallery shows.
async fn gallery_size(service: &Service) -> usize {
    let list = service.get("/api/getImages").await.json();
    list["imageUrls"].as_array().unwrap().len()
}

/// Waits until the gallery shows so many.
async fn gallery_of(service: &Service, size: usize) {
    found("images in the gallery", || async {
        (gallery_size(service).await == size).then_some(())
    })
    .await;
}

/// What most tests ask for.
fn fox() -> Value {
    json!({"prompt": "a red fox"})
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A request whose caller can leave, or may wait while the test goes on.
fn send(service: &Service, body: &Value, headers: &[(&str, &str)]) -> JoinHandle<Answer> {
    let mut request = client()
        .post(format!("{}/api/generateImage", service.base()))
        .header("accept", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    tokio::spawn(Answer::of(request.body(body.to_string())))
}

/// What a request is answered that is bound to be.
async fn answer_of(request: JoinHandle<Answer>) -> Answer {
    let answer = tokio::time::timeout(PATIENCE, request).await;
    answer.expect("waited in vain for an answer").unwrap()
}

/// The body of an operation that has no end yet.
fn unfinished(id: &str, status: &str, created: &Value) -> Value {
    json!({
        "id": id,
        "status": status,
        "created": created,
        "expires": created.as_i64().unwrap() + 24 * 3600,
    })
}

/// Checks that a process has nothing to wait for any more: it would, for 25 s.
async fn assert_stops_soon(service: &mut Service) {
    let begun = Instant::now();
    service.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(15), "it waits");
}

/// Checks an answer's headers that every operation has.
fn assert_operation(answer: &Answer, status: u16, service: &Service, id: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let location = format!("{}/api/operations/{id}", service.base());
    assert_eq!(answer.header("operation-location"), location);
}
