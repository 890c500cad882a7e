//! An HTTP double of the image and chat upstream (OpenAI, Azure OpenAI) on a loopback port of its
//! own. It records every request and answers from a script; with no script it is a healthy upstream.
#![allow(dead_code, unused_imports)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a broken double must stop its test

#[path = "upstream/answer.rs"]
mod answer;
#[path = "upstream/azure.rs"]
mod azure;
#[path = "upstream/openai.rs"]
mod openai;
#[path = "upstream/picture.rs"]
pub mod picture;
#[path = "upstream/request.rs"]
mod request;
#[path = "upstream/script.rs"]
mod script;
#[path = "upstream/stream.rs"]
mod stream;
#[path = "upstream/wire.rs"]
mod wire;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::AbortHandle, time::timeout};

pub use answer::{Answer, Gate};
pub use request::Request;
use script::Script;

/// How long a test waits for something that is bound to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running upstream double; dropping it closes its port and every connection.
pub struct Upstream {
    address: SocketAddr,
    script: Arc<Script>,
    server: AbortHandle,
}

impl Upstream {
    /// Starts the double on a free loopback port.
    pub async fn start() -> Upstream {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Script::default());
        let server = tokio::spawn(wire::serve(listener, Arc::clone(&script))).abort_handle();
        Upstream {
            address,
            script,
            server,
        }
    }

    /// `http://127.0.0.1:PORT`, what `AZURE_OPENAI_ENDPOINT` takes.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `http://127.0.0.1:PORT/v1`, what `OPENAI_BASE_URL` takes.
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.origin())
    }

    /// Scripts the answer of the next image or text request that has none yet.
    pub fn push(&self, answer: Answer) {
        self.script.push(answer);
    }

    /// Answers every image or text request that has no pushed answer.
    pub fn always(&self, answer: Answer) {
        self.always_with(move |_| answer.clone());
    }

    /// As [`Upstream::always`], but the answer may depend on the request.
    pub fn always_with(&self, answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
        self.script.always(Arc::new(answer));
    }

    /// Serves `answer` at `path` (which starts with `/`), each time it is asked for, and returns
    /// the URL. It comes before everything else: `/v1/models` can be given an answer so too.
    pub fn serve(&self, path: &str, answer: Answer) -> String {
        self.script.serve(path, answer);
        format!("{}{path}", self.origin())
    }

    /// Serves picture bytes under `/blob/NAME` with the right content type; returns the URL.
    pub fn serve_blob(&self, name: &str, bytes: impl Into<bytes::Bytes>) -> String {
        let bytes = bytes.into();
        let content_type = picture::content_type(&bytes);
        self.serve(&format!("/blob/{name}"), Answer::bytes(content_type, bytes))
    }

    /// Every request so far, in the order in which they arrived.
    pub fn requests(&self) -> Vec<Request> {
        self.script.requests()
    }

    /// The requests whose path (without the query) ends in `path_end`.
    pub fn requests_to(&self, path_end: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| request.path().ends_with(path_end));
        requests
    }

    /// Waits until `count` requests to paths that end in `path_end` have arrived; returns them.
    pub async fn wait_for_requests_to(&self, path_end: &str, count: usize) -> Vec<Request> {
        self.wait_until(&format!("{count} requests to …{path_end}"), || match self
            .requests_to(path_end)
        {
            requests if requests.len() >= count => Some(requests),
            _ => None,
        })
        .await
    }

    /// Waits until `count` callers have gone away while their answer was held back.
    pub async fn wait_for_abandoned(&self, count: usize) {
        self.wait_until(&format!("{count} abandoned requests"), || {
            (self.script.abandoned() >= count).then_some(())
        })
        .await;
    }

    /// The most requests that were waiting for their answer to start at one moment.
    pub fn most_at_once(&self) -> usize {
        self.script.most_at_once()
    }

    /// The connections accepted so far: few, where a client keeps them alive.
    pub fn connections(&self) -> usize {
        self.script.connections()
    }

    async fn wait_until<T>(&self, what: &str, mut check: impl FnMut() -> Option<T>) -> T {
        let mut changes = self.script.changes();
        let waited = timeout(PATIENCE, async {
            loop {
                if let Some(found) = check() {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        });
        waited.await.unwrap_or_else(|_| {
            panic!("waited in vain for {what}; seen: {:?}", self.requests());
        })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}
