//! What a caller of these tests asks for, what it gets to see before the process is gone, and
//! how it finds out afterwards what has become of it.

use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::life::Life;
use crate::host::harness::json_of;

/// Nothing that was accepted takes longer to its end than the lease and its own work.
pub const LONGEST_END: Duration = Duration::from_secs(120);

/// The ways to ask for images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Prefer: respond-async` with a key.
    Accepted,
    /// The same without one: the 202 is all that its caller ever has.
    Keyless,
    /// Three images, and the caller waits with a key.
    Waiting,
    /// An event stream with a key.
    Streamed,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Submission {
    pub kind: Kind,
    pub prompt: String,
}

/// What its caller saw of it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The operation, where an answer has named it.
    pub id: Option<String>,
    /// Whether the answer said that the images are there.
    pub success: bool,
}

/// What has become of it in the end.
#[derive(Clone, Debug)]
pub struct End {
    pub id: String,
    /// The result's images; none where it failed.
    pub images: Vec<Value>,
    /// The problem's code.
    pub code: Option<String>,
}

impl Submission {
    pub fn new(kind: Kind, prompt: String) -> Self {
        Self { kind, prompt }
    }

    /// One of each kind.
    pub fn batch(purpose: &str) -> Vec<Self> {
        let kinds = [Kind::Accepted, Kind::Waiting, Kind::Streamed, Kind::Keyless];
        let of_kind = |kind| Self::new(kind, format!("{purpose} {kind:?}"));
        kinds.into_iter().map(of_kind).collect()
    }

    pub fn images(&self) -> usize {
        match self.kind {
            Kind::Waiting => 3,
            _ => 1,
        }
    }

    pub fn has_key(&self) -> bool {
        self.kind != Kind::Keyless
    }

    /// Sends it, and reads of the answer what comes.
    pub fn send(&self, life: &Life) -> JoinHandle<Seen> {
        let request = self.request(life, &json!({}));
        let request = match self.kind {
            Kind::Accepted | Kind::Keyless => request.header("prefer", "respond-async"),
            Kind::Waiting => request.header("accept", "application/json"),
            Kind::Streamed => request.header("accept", "text/event-stream"),
        };
        tokio::spawn(read(request, self.kind))
    }

    /// The same request again, by a caller who waits for JSON.
    pub async fn repeat(&self, life: &Life, more: &Value) -> (u16, Value) {
        assert!(self.has_key());
        let request = self
            .request(life, more)
            .header("accept", "application/json");
        let response = request.send().await.unwrap();
        let (status, id) = (response.status().as_u16(), operation_of(&response));
        let mut body: Value = json_of(response).await;
        body["id"] = id.into();
        (status, body)
    }

    /// The same request again, by a caller who does not wait; tells the operation.
    pub async fn repeat_accepted(&self, life: &Life) -> (u16, Option<String>) {
        let request = self.request(life, &json!({}));
        let response = request.header("prefer", "respond-async").send().await;
        let response = response.unwrap();
        (response.status().as_u16(), operation_of(&response))
    }

    /// Asks once in each way, of a process that may be gone before it answers.
    pub async fn ask(&self, life: &Life, seen: &Seen) {
        if let Some(id) = &seen.id {
            let url = life.url(&format!("/api/operations/{id}"));
            if let Ok(response) = life.client.get(url).send().await {
                assert_eq!(response.status(), 200, "{self:?}");
            }
        }
        if self.has_key() {
            drop(self.send(life).await);
        }
    }

    /// Asks until it has ended: by the operation's id, and by the key as well. `None`: nobody
    /// ever heard that it was accepted, and there is no key to ask with.
    pub async fn end(&self, life: &Life, seen: &Seen) -> Option<End> {
        let by_id = match &seen.id {
            Some(id) => Some(ended(life, id).await),
            None => None,
        };
        if !self.has_key() {
            return by_id;
        }
        let by_key = self.end_by_key(life).await;
        if let Some(by_id) = &by_id {
            assert_eq!(by_key.id, by_id.id, "{self:?}");
            assert_eq!(by_key.code, by_id.code, "{self:?}");
            assert_eq!(names(&by_key), names(by_id), "{self:?}");
        }
        Some(by_key)
    }

    async fn end_by_key(&self, life: &Life) -> End {
        let started = Instant::now();
        loop {
            let (status, body) = self.repeat(life, &json!({})).await;
            let code = body["code"].as_str().map(str::to_owned);
            if code.as_deref() != Some("idempotency_key_in_use") {
                let images = images_in(&body);
                assert_eq!(images.is_empty(), status != 200, "{self:?}: {body}");
                let id = body["id"].as_str();
                let id = id.unwrap_or_else(|| panic!("{self:?}: {body}")).to_owned();
                return End { id, images, code };
            }
            assert!(started.elapsed() < LONGEST_END, "{self:?}: {body}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn request(&self, life: &Life, more: &Value) -> RequestBuilder {
        let mut body = json!({ "prompt": self.prompt, "n": self.images() });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let request = life.client.post(life.url("/api/generateImage"));
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        match self.has_key() {
            true => request.header("idempotency-key", self.prompt.replace(' ', "-")),
            false => request,
        }
    }
}

/// An operation as it stands.
pub async fn look(life: &Life, id: &str, wait_seconds: u64) -> Value {
    let path = format!("/api/operations/{id}?wait={wait_seconds}");
    let response = life.client.get(life.url(&path)).send().await.unwrap();
    assert_eq!(response.status(), 200, "{id}");
    json_of(response).await
}

/// An operation at its end. It is never unknown.
pub async fn ended(life: &Life, id: &str) -> End {
    let started = Instant::now();
    loop {
        let operation = look(life, id, 20).await;
        if !matches!(operation["status"].as_str(), Some("notRunning" | "running")) {
            return end_of(&operation);
        }
        assert!(started.elapsed() < LONGEST_END, "no end: {operation}");
    }
}

/// The end that an operation's JSON tells.
pub fn end_of(operation: &Value) -> End {
    let images = images_in(&operation["result"]);
    let has_succeeded = operation["status"] == "succeeded";
    assert_eq!(has_succeeded, !images.is_empty(), "{operation}");
    End {
        id: operation["id"].as_str().unwrap().to_owned(),
        images,
        code: operation["error"]["code"].as_str().map(str::to_owned),
    }
}

/// Signatures differ; names are the images themselves.
pub fn names(end: &End) -> Vec<&str> {
    let names = end.images.iter();
    names.map(|image| image["name"].as_str().unwrap()).collect()
}

fn images_in(result: &Value) -> Vec<Value> {
    result["imageList"].as_array().cloned().unwrap_or_default()
}

async fn read(request: RequestBuilder, kind: Kind) -> Seen {
    let Ok(mut response) = request.send().await else {
        return Seen::default();
    };
    let mut seen = Seen {
        id: operation_of(&response),
        success: false,
    };
    let is_success = response.status() == 200;
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
    }
    let text = String::from_utf8_lossy(&body);
    seen.success = match kind {
        Kind::Accepted | Kind::Keyless => false,
        // Cut off by the kill, it told nothing.
        Kind::Waiting => is_success && serde_json::from_str::<Value>(&text).is_ok(),
        Kind::Streamed => text.contains("event: completed") && text.ends_with("\n\n"),
    };
    seen
}

fn operation_of(response: &Response) -> Option<String> {
    let location = response.headers().get("operation-location")?.to_str();
    let (_, id) = location.unwrap().rsplit_once('/').unwrap();
    Some(id.to_owned())
}
