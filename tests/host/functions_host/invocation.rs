//! A request on its way through the host: own pages, routes, keys, readiness, handler, answer.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::body::Framing;
use super::connection::Body;
use super::content::{Content, Source};
use super::keys::Keys;
use super::load::FunctionApp;
use super::reply::{Reply, disconnected};
use super::request::{Request, WebLayer};
use super::routes::{self, OwnPage};
use super::spawn::{State, Worker};
use super::{Mode, forward, proxy};

/// The page that the host shows at `/`; the real one has 149 794 bytes.
pub const HOMEPAGE: &str = "<h1>Your Functions app is up and running</h1>";

/// The host behind its web layer.
pub struct Host {
    pub app: FunctionApp,
    pub mode: Mode,
    pub web_layer: WebLayer,
    pub keys: Keys,
    /// `AzureWebJobsDisableHomepage`.
    pub shows_homepage: bool,
    /// `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT`.
    pub most_body_bytes: u64,
    pub first_retry_pause: Duration,
    /// The settings that a handler gets.
    pub environment: HashMap<String, String>,
    /// Where the next handlers will listen.
    pub ports: Mutex<VecDeque<u16>>,
    /// Every worker ever started; the last one gets new requests.
    pub workers: Mutex<Vec<Arc<Worker>>>,
    pub invocation_ids: Mutex<Vec<String>>,
}

/// One call of a function.
struct Invocation<'request> {
    request: &'request Request,
    id: String,
    worker: Arc<Worker>,
}

impl Host {
    pub fn worker(&self) -> Arc<Worker> {
        let workers = self.workers.lock().unwrap();
        workers.last().expect("a host starts with a worker").clone()
    }

    /// Answers one request. An error ends the caller's connection.
    pub async fn answer(
        &self,
        request: &Request,
        body: &mut Body<'_>,
        reply: &mut Reply<'_>,
    ) -> io::Result<()> {
        let path = &request.target.path;
        match OwnPage::of(path) {
            Some(OwnPage::Ping) => return answer_ping(reply).await,
            Some(OwnPage::Locked) => return reply.empty(401).await,
            None => {}
        }
        let Some(function) = routes::find(&self.app.functions, &request.method, path) else {
            return self.answer_unrouted(path, reply).await;
        };
        let (level, query) = (function.auth_level, &request.target.query);
        if !self.keys.admit(level, query, &request.headers) {
            return reply.empty(401).await;
        }
        let is_too_long = matches!(body.framing, Framing::Length(length)
            if length > self.most_body_bytes);
        // HTTP/1.0 requests may lack Host, but the host's code needs it.
        if is_too_long || request.host().is_empty() {
            return reply.refuse(500).await;
        }
        match self.wait_until_ready().await {
            Ok(worker) => self.run(request, worker, body, reply).await,
            Err(status) => reply.empty(status).await,
        }
    }

    async fn answer_unrouted(&self, path: &str, reply: &mut Reply<'_>) -> io::Result<()> {
        match (path, self.shows_homepage) {
            ("/", true) => {
                let headers = [("Content-Type", "text/html")];
                reply.own(200, &headers, HOMEPAGE.as_bytes()).await
            }
            ("/", false) => reply.empty(204).await,
            _ => reply.empty(404).await,
        }
    }

    /// Early requests wait, for four initialization timeouts at most.
    async fn wait_until_ready(&self) -> Result<Arc<Worker>, u16> {
        let worker = self.worker();
        let limit = self.app.initialization_timeout * 4;
        let settled = |state: &State| *state != State::Starting;
        match worker.wait_for(limit, settled).await {
            // After exit code 0 nothing listens, but the host has not noticed and tries.
            Some(State::Ready | State::Ended) => Ok(worker),
            // "Function host is not running."
            Some(State::Starting | State::Down) => Err(503),
            None => Err(500),
        }
    }

    /// One invocation, within the function's timeout.
    async fn run(
        &self,
        request: &Request,
        worker: Arc<Worker>,
        body: &mut Body<'_>,
        reply: &mut Reply<'_>,
    ) -> io::Result<()> {
        let id = uuid::Uuid::new_v4().to_string();
        self.invocation_ids.lock().unwrap().push(id.clone());
        let invocation = Invocation {
            request,
            id,
            worker: worker.clone(),
        };
        let outcome = tokio::time::timeout(self.app.function_timeout, async {
            match self.mode {
                Mode::Proxying => self.proxy(&invocation, body, reply).await,
                Mode::Forwarding => self.forward(&invocation, body, reply).await,
            }
        });
        match outcome.await {
            Ok(outcome) => outcome,
            Err(_) => {
                worker.restart().await;
                reply.fail().await
            }
        }
    }

    /// The trigger's binding reads a body with a length before anything else happens.
    async fn hold(&self, body: &mut Body<'_>, reply: &mut Reply<'_>) -> io::Result<Vec<u8>> {
        match body.framing {
            Framing::Length(1..) => {
                body.request(reply).await?;
                body.framing.rest(body.reader).await
            }
            _ => Ok(Vec::new()),
        }
    }

    async fn forward(
        &self,
        invocation: &Invocation<'_>,
        body: &mut Body<'_>,
        reply: &mut Reply<'_>,
    ) -> io::Result<()> {
        let bytes = self.hold(body, reply).await?;
        let Some(head) = forward::rewrite(invocation.request, &bytes, &invocation.id) else {
            return reply.empty(500).await;
        };
        // In its own task: a caller that disconnects does not cancel the handler's work.
        let worker = invocation.worker.clone();
        let sending = async move { forward::send(&worker.handler, &head, &bytes).await };
        match tokio::spawn(sending).await {
            Ok(Some((head, bytes))) => reply.whole(head, &bytes).await,
            _ => reply.empty(500).await,
        }
    }

    async fn proxy(
        &self,
        invocation: &Invocation<'_>,
        body: &mut Body<'_>,
        reply: &mut Reply<'_>,
    ) -> io::Result<()> {
        let (request, handler) = (invocation.request, &invocation.worker.handler);
        let bytes = self.hold(body, reply).await?;
        if body.framing == Framing::Chunked {
            body.request(reply).await?;
        }
        let head = proxy::rewrite(request, handler, &invocation.id);
        let source = match body.framing {
            Framing::Chunked => Source::Streamed {
                reader: &mut *body.reader,
                framing: &mut body.framing,
                most: self.most_body_bytes,
            },
            _ if bytes.is_empty() && !proxy::has_content_header(request) => Source::None,
            _ => Source::Held(&bytes),
        };
        let mut content = Content::new(source);
        // When a caller disconnects, the connection to the handler is dropped at once.
        let answer = tokio::select! {
            answer = proxy::send(handler, &head, &mut content, self.first_retry_pause) => answer,
            () = disconnected(reply.stream()) => return Err(io::ErrorKind::ConnectionAborted.into()),
        };
        let Some(mut answer) = answer else {
            return reply.empty(500).await;
        };
        tokio::select! {
            outcome = reply.stream_answer(&mut answer) => outcome?,
            () = disconnected(body.reader.get_ref().as_ref()) => {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        handler.keep(answer);
        Ok(())
    }
}

async fn answer_ping(reply: &mut Reply<'_>) -> io::Result<()> {
    let headers = [
        ("Cache-Control", "no-store,no-cache"),
        ("Pragma", "no-cache"),
    ];
    reply.own(200, &headers, b"").await
}
