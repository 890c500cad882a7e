//! A double of the Functions host: an HTTP server on loopback in front of the real handler.
//!
//! What it does follows the host's source; what that source leaves open is marked as unconfirmed
//! where it is modelled. Not modelled: CORS, the JSON protocol, extensions, `/admin`.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State as Shared;
use axum::http::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::forward;
use super::front;
use super::load::{self, FunctionApp};
use super::proxy::{self, RequestBody};
use super::spawn::{Launch, State, Worker, free_port};

pub const HOST_VERSION: &str = "4.1052.200";

/// HTTP/1.1 on pooled connections, without the headers that a friendlier client would add.
pub type HandlerClient = Client<HttpConnector, Body>;

/// How requests reach the handler: older hosts know forwarding only, newer ones prefer proxying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Proxying,
    Forwarding,
}

/// What a test may choose; the rest is the app's.
pub struct Options {
    pub mode: Mode,
    /// The app settings, and nothing else of the tests' own environment but what programs need.
    pub settings: Vec<(&'static str, String)>,
    /// The handler's port; a free one when none is given.
    pub port: Option<u16>,
    pub function_timeout: Option<Duration>,
    pub initialization_timeout: Option<Duration>,
}

/// A running host. Dropping it, and the runtime with it, kills the handler.
pub struct FunctionsHost {
    pub base_url: String,
    host: Arc<Host>,
    server: JoinHandle<()>,
}

struct Host {
    app: FunctionApp,
    mode: Mode,
    worker: Worker,
    client: HandlerClient,
    invocation_ids: Mutex<Vec<String>>,
}

impl Options {
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            settings: Vec::new(),
            port: None,
            function_timeout: None,
            initialization_timeout: None,
        }
    }

    pub fn setting(mut self, name: &'static str, value: impl ToString) -> Self {
        self.settings.push((name, value.to_string()));
        self
    }
}

impl FunctionsHost {
    /// Starts the app that lies unpacked in `root`. The handler may still be starting then.
    pub async fn start(root: &Path, options: Options) -> Result<Self, String> {
        let mut app = load::load(root)?;
        if !app.forwarding_enabled || (options.mode == Mode::Proxying && !app.proxying_enabled) {
            return Err("host.json does not enable this mode".to_owned());
        }
        if let Some(limit) = options.function_timeout {
            app.function_timeout = limit;
        }
        if let Some(limit) = options.initialization_timeout {
            app.initialization_timeout = limit;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let client = handler_client();
        let launch = Launch {
            executable: app.executable.clone(),
            root: app.root.clone(),
            environment: environment(&address.to_string(), options.settings),
            port: options.port.unwrap_or_else(free_port),
            initialization_timeout: app.initialization_timeout,
        };
        let host = Arc::new(Host {
            worker: Worker::start(launch, client.clone()),
            app,
            mode: options.mode,
            client,
            invocation_ids: Mutex::default(),
        });
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(host.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            base_url: format!("http://{address}"),
            host,
            server,
        })
    }

    pub fn worker(&self) -> &Worker {
        &self.host.worker
    }

    /// The ids of the invocations so far, the newest last.
    pub fn invocation_ids(&self) -> Vec<String> {
        self.host.invocation_ids.lock().unwrap().clone()
    }

    /// Stops the front, then kills the handler, and waits until both are gone.
    pub async fn stop(self) {
        self.server.abort();
        let _ = self.server.await;
        self.host.worker.stop().await;
    }
}

async fn answer(Shared(host): Shared<Arc<Host>>, request: Request<Body>) -> Response<Body> {
    if request.uri().path() == "/" {
        return Response::new(Body::from("<h1>Your Functions app is up and running</h1>"));
    }
    let routed = front::route(
        &host.app,
        request.method(),
        request.uri(),
        request.headers(),
    );
    if let Err(status) = routed {
        return empty(status);
    }
    if let Err(status) = host.wait_until_ready().await {
        return empty(status);
    }
    let invocation_id = uuid::Uuid::new_v4().to_string();
    host.invocation_ids
        .lock()
        .unwrap()
        .push(invocation_id.clone());
    let limit = host.app.function_timeout;
    let invocation = invoke(host.clone(), request, invocation_id);
    match tokio::time::timeout(limit, invocation).await {
        Ok(response) => response,
        Err(_) => {
            host.worker.restart().await;
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

async fn invoke(host: Arc<Host>, request: Request<Body>, invocation_id: String) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let port = host.worker.port;
    // The trigger's binding reads a body that has a length before anything else happens.
    let body = match front::content_length(&parts.headers) {
        0 if parts.headers.contains_key("transfer-encoding") => RequestBody::Streamed(body),
        _ => match to_bytes(body, front::MAX_BODY_BYTES).await {
            Ok(bytes) => RequestBody::Held(bytes),
            Err(_) => return empty(StatusCode::PAYLOAD_TOO_LARGE),
        },
    };
    match (host.mode, body) {
        (Mode::Proxying, body) => {
            let request = Request::from_parts(parts, body);
            proxy::send(&host.client, port, request, &invocation_id).await
        }
        (Mode::Forwarding, body) => {
            let bytes = match body {
                RequestBody::Held(bytes) => bytes,
                RequestBody::Streamed(_) => Default::default(),
            };
            let request = Request::from_parts(parts, bytes);
            // In a task of its own: a client that goes away does not cancel the handler's work.
            let sending = tokio::spawn(async move {
                forward::send(&host.client, port, request, &invocation_id).await
            });
            sending
                .await
                .unwrap_or_else(|_| empty(StatusCode::INTERNAL_SERVER_ERROR))
        }
    }
}

impl Host {
    /// Requests that come early wait; they give up after four initialization timeouts.
    async fn wait_until_ready(&self) -> Result<(), StatusCode> {
        let limit = self.app.initialization_timeout * 4;
        let settled = |state: &State| *state != State::Starting;
        match self.worker.wait_for(limit, settled).await {
            // Nothing listens any more after exit code 0, and the host does not know: it will try.
            Some(State::Ready | State::Ended) => Ok(()),
            // "Function host is not running."
            Some(State::Starting | State::Down) => Err(StatusCode::SERVICE_UNAVAILABLE),
            None => Err(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// A response of the host's own, without a body.
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn handler_client() -> HandlerClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_timer(TokioTimer::new())
        .build(connector)
}

/// The tests' own environment is left out but for what any program may need: a developer's
/// settings must not decide a test.
fn environment(
    public_host: &str,
    settings: Vec<(&'static str, String)>,
) -> HashMap<String, String> {
    let inherited = [
        "PATH",
        "HOME",
        "TMPDIR",
        "LANG",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    let mut environment: HashMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| inherited.contains(&name.as_str()))
        .collect();
    let hosts_own = [
        ("FUNCTIONS_WORKER_RUNTIME", "custom".to_owned()),
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Development".to_owned()),
        ("WEBSITE_HOSTNAME", public_host.to_owned()),
    ];
    for (name, value) in hosts_own.into_iter().chain(settings) {
        environment.insert(name.to_owned(), value);
    }
    environment
}
