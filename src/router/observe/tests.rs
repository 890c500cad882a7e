//! Panics in a handler, in an answer's body and in a task: each is its request's alone, and is
//! in the log once, with that request's id.

use super::*;
use crate::telemetry::log_panic;
use axum::{
    Router,
    body::{Body, Bytes},
    http::StatusCode,
    middleware::from_fn,
    routing::get,
};
use futures_util::stream;
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tracing_subscriber::fmt::MakeWriter;

/// What no caller and no log may see.
const FAULT: &str = "a fault of ours, with a text of a caller's in it";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    /// The lines about panics so far.
    fn panics(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains(FAULT), "{text}");
        let lines = text.lines().filter(|line| line.contains("ERROR"));
        lines.map(str::to_owned).collect()
    }
}

/// As the program does, but other tests' panics stay as they are.
fn log_our_panics() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            match panic.payload_as_str() == Some(FAULT) {
                true => log_panic(panic),
                false => usual(panic),
            }
        }));
    });
}

async fn broken_handler() -> &'static str {
    panic!("{FAULT}")
}

/// Its first piece is sent, its second one breaks.
async fn broken_body() -> Body {
    let pieces = stream::unfold(0, async |piece| match piece {
        0 => Some((io::Result::Ok(Bytes::from_static(b"first")), 1)),
        _ => {
            tokio::task::yield_now().await; // meanwhile the first one is sent
            panic!("{FAULT}")
        }
    });
    Body::from_stream(pieces)
}

async fn broken_task() -> Result<&'static str, StatusCode> {
    let task = async { panic!("{FAULT}") };
    let done: Result<(), _> = tokio::spawn(task.in_current_span()).await;
    done.map(|()| "done")
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// A server of the three, and of one that is sound.
async fn start() -> SocketAddr {
    let routes = Router::new()
        .route("/handler", get(broken_handler))
        .route("/body", get(broken_body))
        .route("/task", get(broken_task))
        .route("/sound", get(|| async { "sound" }));
    let router = routes.layer(from_fn(observe));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

/// Everything that comes for a request with this id.
async fn ask(connection: &mut TcpStream, path: &str, id: &str) -> String {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: h\r\nx-azure-functions-invocationid: {id}\r\n\
         connection: close\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer).await; // broken off is an end too
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_panic_is_a_500_or_a_broken_stream_for_its_request_alone() {
    log_our_panics();
    let log = Log::default();
    let lines = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false);
    let _kept = tracing::subscriber::set_default(lines.finish());
    let address = start().await;
    let mut bystander = TcpStream::connect(address).await.unwrap();
    for (count, path) in ["/handler", "/body", "/task"].into_iter().enumerate() {
        let id = format!("request-{count}");
        let mut connection = TcpStream::connect(address).await.unwrap();
        let answer = ask(&mut connection, path, &id).await;
        assert!(!answer.contains(FAULT), "{answer}");
        if path == "/body" {
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("first"));
            assert!(!answer.ends_with("0\r\n\r\n"), "it must not look whole");
        } else {
            assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
        }
        let panics = log.panics();
        assert_eq!(panics.len(), count + 1, "{panics:?}");
        assert!(panics[count].contains(&id), "{panics:?}");
        assert!(panics[count].contains("observe/tests.rs"), "{panics:?}");
    }
    let sound = ask(&mut bystander, "/sound", "bystander").await;
    assert!(sound.starts_with("HTTP/1.1 200") && sound.ends_with("sound"));
}

#[tokio::test]
async fn a_panic_is_answered_as_a_problem() {
    log_our_panics();
    let mut connection = TcpStream::connect(start().await).await.unwrap();
    let answer = ask(&mut connection, "/handler", "mine").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("application/problem+json"), "{head}");
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["code"], "internal_error");
    assert_eq!(problem["requestId"], "mine");
}
