//! Azurite behind a proxy that has the faults of an account, of its front, and of the network
//! before it, each at a chosen step.
#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a broken double must stop its test

use crate::azurite;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{sync::Notify, task::AbortHandle};

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Put Blob.
    Blob,
    /// Put Block.
    Block,
    /// Put Block List.
    Commit,
    /// Copy Blob From URL.
    Copy,
    /// Set Blob Properties.
    Properties,
    /// Get Blob.
    Read,
    /// Get Blob Properties.
    Look,
    /// Delete Blob.
    Delete,
    /// Create Container, of images.
    Container,
    /// List Blobs.
    List,
    /// Put Blob of what the program remembers of operations.
    State,
    /// Get Blob of that.
    StateRead,
    /// Get User Delegation Key.
    DelegationKey,
}

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The service does not do it, and says so.
    Refused(StatusCode, HeaderMap),
    /// The service does it, and the connection ends before its answer.
    AnswerLost,
    /// The connection ends while the body is on its way.
    Reset,
    /// No answer ever comes.
    Silent,
    /// The service does it, and takes its time.
    Slow(Duration),
    /// The service does it when it is told to.
    Held(Arc<Notify>),
    /// The service does it, and its answer comes when it is told to.
    AnswerHeld(Arc<Notify>),
    /// The service does it, and says this with it.
    Says(&'static str, String),
    /// The service does it, and its clock is so many seconds fast.
    ClockIsOff(i64),
}

impl Fault {
    /// An answer with the service's own error code.
    pub fn refused(status: u16, code: &'static str) -> Self {
        let fault = Self::Refused(StatusCode::from_u16(status).unwrap(), HeaderMap::new());
        fault.header("x-ms-error-code", code)
    }

    /// With a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let Self::Refused(_, headers) = &mut self else {
            panic!("{self:?} has no headers");
        };
        let value = HeaderValue::from_str(value).unwrap();
        headers.insert(HeaderName::from_static(name), value);
        self
    }
}

#[derive(Debug, Default)]
struct Script {
    next: HashMap<Step, VecDeque<Fault>>,
    always: HashMap<Step, Fault>,
    seen: HashMap<Step, usize>,
}

impl Script {
    fn fault(&mut self, step: Step) -> Option<Fault> {
        *self.seen.entry(step).or_default() += 1;
        let next = self.next.get_mut(&step).and_then(VecDeque::pop_front);
        next.or_else(|| self.always.get(&step).cloned())
    }
}

/// Where the proxy passes requests on to.
#[derive(Clone)]
struct Behind {
    client: reqwest::Client,
    origin: String,
}

/// A running proxy; dropping it closes its port.
pub struct FaultyAccount {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    server: AbortHandle,
}

impl FaultyAccount {
    /// Starts it without a fault, on a free loopback port.
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self::before(client, azurite::endpoint()).await
    }

    /// Before the account that takes tokens. To itself they come over http, since it is on this
    /// machine.
    pub async fn start_with_tokens() -> Self {
        Self::before(azurite::https_client(), azurite::https_endpoint()).await
    }

    async fn before(client: reqwest::Client, endpoint: String) -> Self {
        let origin = endpoint.strip_suffix(azurite::ACCOUNT).unwrap();
        let behind = Behind {
            client,
            origin: origin.trim_end_matches('/').to_owned(),
        };
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = script.clone();
        let proxy = Router::new().fallback(move |request: Request| {
            let step = step_of(&request);
            let fault = step.and_then(|step| shared.lock().unwrap().fault(step));
            answer(behind.clone(), request, fault)
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(axum::serve(listener, proxy).into_future()).abort_handle();
        Self {
            address,
            script,
            server,
        }
    }

    /// What the next requests of this step meet, one fault each.
    pub fn script(&self, step: Step, faults: impl IntoIterator<Item = Fault>) {
        self.locked().next.entry(step).or_default().extend(faults);
    }

    /// What every request of this step meets that has nothing else to meet.
    pub fn always(&self, step: Step, fault: Fault) {
        self.locked().always.insert(step, fault);
    }

    /// Takes all faults away, and forgets what it has seen.
    pub fn heal(&self) {
        *self.locked() = Script::default();
    }

    /// How many requests of this step came, those with a fault included.
    pub fn seen(&self, step: Step) -> usize {
        self.locked().seen.get(&step).copied().unwrap_or_default()
    }

    /// Waits until so many requests of this step have come.
    pub async fn wait_for(&self, step: Step, count: usize) {
        let seen = async {
            while self.seen(step) < count {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), seen).await;
        waited.unwrap_or_else(|_| panic!("no {count} requests of {step:?}"));
    }

    /// How many scripted faults nothing has met yet.
    pub fn unmet(&self) -> usize {
        self.locked().next.values().map(VecDeque::len).sum()
    }

    /// `http://127.0.0.1:PORT/devstoreaccount1`.
    pub fn endpoint(&self) -> String {
        format!("http://{}/{}", self.address, azurite::ACCOUNT)
    }

    /// A connection string for it.
    pub fn connection_string(&self) -> String {
        azurite::connection_string().replace(&azurite::endpoint(), &self.endpoint())
    }

    fn locked(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }
}

impl Drop for FaultyAccount {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn step_of(request: &Request) -> Option<Step> {
    let query = request.uri().query().unwrap_or_default();
    let asks = |pair: &str| query.split('&').any(|found| found == pair);
    let path = request.uri().path();
    let is_state = path.contains("/operations/") || path.contains("/keys/");
    match request.method().as_str() {
        "PUT" if is_state => Some(Step::State),
        "GET" if is_state => Some(Step::StateRead),
        _ if is_state => None,
        "PUT" if asks("comp=block") => Some(Step::Block),
        "PUT" if asks("comp=blocklist") => Some(Step::Commit),
        "PUT" if asks("restype=container") => (!path.contains("state")).then_some(Step::Container),
        "PUT" if asks("comp=properties") => Some(Step::Properties),
        "PUT" if request.headers().contains_key("x-ms-copy-source") => Some(Step::Copy),
        "PUT" => Some(Step::Blob),
        "HEAD" => Some(Step::Look),
        "GET" if asks("comp=list") => Some(Step::List),
        "GET" => Some(Step::Read),
        "DELETE" => Some(Step::Delete),
        "POST" if asks("comp=userdelegationkey") => Some(Step::DelegationKey),
        _ => None,
    }
}

async fn answer(behind: Behind, request: Request, fault: Option<Fault>) -> Response {
    match fault {
        None => pass_on(behind, request).await,
        Some(Fault::Refused(status, headers)) => {
            // As the service does where it reads the body first; else the connection may break.
            to_bytes(request.into_body(), usize::MAX).await.unwrap();
            (status, headers).into_response()
        }
        Some(Fault::AnswerLost) => {
            let answer = pass_on(behind, request).await;
            assert!(answer.status().is_success(), "{answer:?}");
            end_connection()
        }
        Some(Fault::Reset) => {
            let mut pieces = request.into_body().into_data_stream();
            pieces.next().await;
            end_connection()
        }
        Some(Fault::Silent) => std::future::pending().await,
        Some(Fault::Slow(time)) => {
            tokio::time::sleep(time).await;
            pass_on(behind, request).await
        }
        Some(Fault::Held(go)) => {
            go.notified().await;
            pass_on(behind, request).await
        }
        Some(Fault::AnswerHeld(go)) => {
            let answer = pass_on(behind, request).await;
            go.notified().await;
            answer
        }
        Some(Fault::Says(name, value)) => {
            let mut answer = pass_on(behind, request).await;
            let value = HeaderValue::from_str(&value).unwrap();
            answer.headers_mut().insert(name, value);
            answer
        }
        Some(Fault::ClockIsOff(seconds_fast)) => {
            let mut answer = pass_on(behind, request).await;
            set_clock(answer.headers_mut(), seconds_fast);
            answer
        }
    }
}

/// Both moments of an answer are by the service's own clock.
fn set_clock(headers: &mut HeaderMap, seconds_fast: i64) {
    for name in ["date", "last-modified"] {
        let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) else {
            continue;
        };
        let true_time = httpdate::parse_http_date(value).unwrap();
        let shift = Duration::from_secs(seconds_fast.unsigned_abs());
        let shown = match seconds_fast < 0 {
            true => true_time - shift,
            false => true_time + shift,
        };
        let value = HeaderValue::from_str(&httpdate::fmt_http_date(shown)).unwrap();
        headers.insert(name, value);
    }
}

/// The handler runs in its connection's task: without that, the connection is closed, and with
/// something unread in it, it is reset. Nothing is printed, since no panic begins here.
fn end_connection() -> ! {
    resume_unwind(Box::new("the connection ends"))
}

async fn pass_on(behind: Behind, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let url = format!("{}{}", behind.origin, parts.uri);
    let mut headers = parts.headers;
    headers.remove("host");
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let sent = behind.client.request(parts.method, url).headers(headers);
    let answer = sent.body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    for own in ["transfer-encoding", "connection", "keep-alive"] {
        headers.remove(own);
    }
    let body = answer.bytes().await.unwrap();
    (status, headers, Body::from(body)).into_response()
}
