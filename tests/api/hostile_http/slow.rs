//! Callers who take their time.

use super::{PATIENCE, rest, short, statuses};
use crate::{
    service::Service,
    upstream::{self, Gate, Upstream, picture},
};
use serde_json::json;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use visionary::{request_body::BodyTime, serve::ConnectionLimits};

pub const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";

pub async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// Asks, and reads until the answer is there; no connection at all is no answer either.
pub async fn ask(connection: &mut TcpStream) -> bool {
    let answered = async {
        connection.write_all(REQUEST).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"lists them.\n") {
            if connection.read_buf(&mut answer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        std::io::Result::Ok(())
    };
    let answered = tokio::time::timeout(PATIENCE, answered).await;
    answered.is_ok_and(|answered| answered.is_ok())
}

/// As long as a head may take, by another connection's.
pub async fn pass_time(address: SocketAddr) {
    let mut other = connect(address).await;
    other.write_all(b"G").await.unwrap();
    assert_eq!(statuses(&rest(&mut other).await), [408]);
}

#[tokio::test]
async fn an_idle_connection_outlives_many_heads() {
    let limits = ConnectionLimits {
        idle: PATIENCE,
        ..short()
    };
    let service = Service::start_within(limits, &[], |_| {}).await;
    let mut silent = connect(service.address()).await;
    let mut kept = connect(service.address()).await;
    assert!(ask(&mut kept).await);
    for _ in 0..3 {
        pass_time(service.address()).await;
    }
    assert!(ask(&mut silent).await && ask(&mut kept).await);
    kept.write_all(&REQUEST[..9]).await.unwrap();
    let answer = rest(&mut kept).await;
    assert_eq!(statuses(&answer), [408], "its next head has no more time");
}

#[tokio::test]
async fn a_slow_body_that_goes_on_is_read_to_its_end() {
    let limits = ConnectionLimits {
        body: BodyTime {
            pause: PATIENCE,
            whole: PATIENCE,
        },
        ..short()
    };
    let service = Service::start_within(limits, &[], |_| {}).await;
    let mut slow = connect(service.address()).await;
    let head = "POST /api/generateImage HTTP/1.1\r\nhost: h\r\ncontent-length: 13\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    for piece in ["{\"prompt", "\":7", "}\n"] {
        pass_time(service.address()).await;
        slow.write_all(piece.as_bytes()).await.unwrap();
    }
    let answer = rest(&mut slow).await;
    assert_eq!(statuses(&answer), [400]);
    assert!(answer.contains("prompt"), "{answer}");
}

#[tokio::test]
async fn a_body_that_goes_on_forever_ends_with_its_time() {
    let limits = ConnectionLimits {
        body: BodyTime {
            pause: PATIENCE,
            whole: Duration::from_millis(300),
        },
        ..short()
    };
    let service = Service::start_within(limits, &[], |_| {}).await;
    let mut slow = connect(service.address()).await;
    let head = "POST /api/generateImage HTTP/1.1\r\nhost: h\r\ncontent-length: 999999\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    let dripping = async {
        while slow.write_all(b" ").await.is_ok() {
            pass_time(service.address()).await;
        }
    };
    tokio::time::timeout(PATIENCE, dripping).await.unwrap();
}

/// More than two sockets hold.
const LARGE: u64 = 64 * 1024 * 1024;

/// The path of a large picture.
pub async fn large_file(service: &Service) -> String {
    let file = std::fs::File::create(service.folder().join("images/large.png")).unwrap();
    file.set_len(LARGE).unwrap();
    let listed = service.get("/api/getImages").await.json();
    let url = listed["imageUrls"][0]["url"].as_str().unwrap().to_owned();
    url.strip_prefix(&service.base()).unwrap().to_owned()
}

/// A caller whose answer has begun, and who takes nothing of it.
pub async fn stuck(service: &Service, path: &str) -> TcpStream {
    let mut stuck = connect(service.address()).await;
    let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n");
    stuck.write_all(request.as_bytes()).await.unwrap();
    stuck.readable().await.unwrap();
    stuck
}

#[tokio::test]
async fn an_answer_that_nobody_takes_frees_its_connection() {
    let limits = ConnectionLimits {
        connections: 1,
        ..short()
    };
    let service = Service::start_within(limits, &[], |_| {}).await;
    let path = large_file(&service).await;
    let mut stuck = stuck(&service, &path).await;
    assert_eq!(
        service.get("/").await.status,
        200,
        "in the stuck one's place"
    );
    let taken = rest(&mut stuck).await.len() as u64;
    assert!(taken < LARGE, "{taken}");
}

/// Nothing is to be read or written all that time.
#[tokio::test]
async fn an_answer_may_take_longer_than_any_wait_for_a_caller() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.push(upstream::Answer::image(picture::small_png()).held_by(&gate));
    let base_url = upstream.base_url();
    let settings = [("OPENAI_BASE_URL", base_url.as_str())];
    let service = Service::start_within(short(), &settings, |_| {}).await;
    let body = json!({"prompt": "a"}).to_string();
    let request = format!(
        "POST /api/generateImage HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut waiting = connect(service.address()).await;
    waiting.write_all(request.as_bytes()).await.unwrap();
    upstream
        .wait_for_requests_to("/images/generations", 1)
        .await;
    for _ in 0..5 {
        pass_time(service.address()).await;
    }
    gate.open();
    assert_eq!(statuses(&rest(&mut waiting).await), [200]);
}

#[tokio::test]
async fn it_stops_though_callers_keep_their_connections() {
    let mut service = Service::start(&[]).await;
    let mut kept = connect(service.address()).await;
    let mut silent = connect(service.address()).await;
    assert!(ask(&mut kept).await);
    service.stop().await;
    assert_eq!(rest(&mut kept).await, "");
    assert_eq!(rest(&mut silent).await, "");
}
