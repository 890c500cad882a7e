//! Answers that come before the request's body has ended. Most clients send all of it before they
//! read, and still get them.

use super::{
    PATIENCE, rest, short,
    slow::{connect, pass_time},
    statuses,
};
use crate::{
    process::{Running, handler},
    service::{Service, client},
};
use std::{io, net::SocketAddr, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use visionary::{
    request_body::BodyMemory,
    serve::{ConnectionLimits, DrainLimits},
};

const KEY: &str = "a-key-of-sixteen-characters";

/// More than both sockets of a connection hold at their start, and less than is drained.
const LONG: usize = 5_000_000;

/// A request with this first line, these fields and a body of spaces.
struct Early {
    line: &'static str,
    fields: String,
    status: u16,
}

fn early(line: &'static str, fields: &str, status: u16) -> Early {
    Early {
        line,
        fields: format!("x-api-key: {KEY}\r\n{fields}"),
        status,
    }
}

impl Early {
    fn head(&self, fields: &str) -> String {
        let (line, own) = (self.line, &self.fields);
        format!("{line} HTTP/1.1\r\nhost: h\r\n{own}{fields}\r\n")
    }

    fn with_length(&self, length: usize) -> Vec<u8> {
        let head = self.head(&format!("content-length: {length}\r\n"));
        [head.into_bytes(), vec![b' '; length]].concat()
    }

    fn in_chunks(&self, length: usize) -> Vec<u8> {
        let chunk = format!("{length:x}\r\n{}\r\n", " ".repeat(length));
        let head = self.head("transfer-encoding: chunked\r\n");
        format!("{head}{chunk}0\r\n\r\n").into_bytes()
    }
}

fn too_large() -> Early {
    early("POST /api/generateImage", "", 413)
}

/// What a service with [`KEY`] answers without the body, or before its end.
fn answered_early() -> Vec<Early> {
    vec![
        too_large(),
        early("POST /api/generateImage", "content-type: text/xml\r\n", 415),
        early("POST /api/nothing", "", 404),
        early("PUT /api/generateImage", "", 405),
        early("POST /", "", 405),
        early("POST /api/generateImage", "host: other\r\n", 400),
        early("POST /api/generateImage", "no colon\r\n", 400),
        Early {
            fields: String::new(),
            ..early("POST /api/generateImage", "", 401)
        },
    ]
}

/// Sends everything at once and reads then, to the end.
async fn sent_and_read(address: SocketAddr, request: &[u8]) -> io::Result<String> {
    let mut connection = connect(address).await;
    let exchange = async {
        connection.write_all(request).await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let exchange = tokio::time::timeout(PATIENCE, exchange).await;
    exchange.expect("the connection does not end")
}

/// Checks that an answer is there to its last byte, and the only one.
#[track_caller]
fn assert_whole(answer: &str, status: u16, sent: &str) {
    assert_eq!(statuses(answer), [status], "{sent}: {answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    assert_eq!(length.unwrap(), body.len().to_string(), "{sent}: {answer}");
    assert!(head.contains("connection: close"), "{sent}: {head}");
}

async fn assert_answered(address: SocketAddr, request: &Early) {
    let forms = [request.with_length(LONG), request.in_chunks(LONG)];
    for (form, sent) in ["length", "chunks"].into_iter().zip(forms) {
        let name = format!("{} by {form}, {}", request.line, request.status);
        let answer = sent_and_read(address, &sent).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_whole(&answer, request.status, &name);
    }
}

#[tokio::test]
async fn each_early_answer_is_read_behind_five_megabytes() {
    let service = Service::start(&[("API_KEY", KEY)]).await;
    for request in answered_early() {
        assert_answered(service.address(), &request).await;
    }
    let misconfigured = Service::start_misconfigured().await;
    let request = early("POST /api/generateImage", "", 503);
    assert_answered(misconfigured.address(), &request).await;
    let limits = ConnectionLimits {
        body_memory: BodyMemory { each: 0, shared: 0 },
        ..ConnectionLimits::default()
    };
    let full = Service::start_within(limits, &[], |_| {}).await;
    let request = early("POST /api/generateImage", "", 429).in_chunks(LONG);
    let answer = sent_and_read(full.address(), &request).await.unwrap();
    assert_whole(&answer, 429, "no room");
}

#[tokio::test]
async fn the_413_of_five_megabytes_is_read_each_time() {
    let service = Service::start(&[]).await;
    let requests = [too_large().with_length(LONG), too_large().in_chunks(LONG)];
    for request in requests.iter().cycle().take(40) {
        let answer = sent_and_read(service.address(), request).await.unwrap();
        assert_whole(&answer, 413, "a long body");
    }
    for _ in 0..20 {
        let address = format!("{}/api/generateImage", service.base());
        let request = client().post(address).body(vec![b' '; LONG]);
        assert_eq!(request.send().await.unwrap().status(), 413);
    }
}

#[tokio::test]
async fn the_answer_does_not_wait_for_the_body() {
    let service = Service::start(&[("API_KEY", KEY)]).await;
    for request in answered_early() {
        for fields in ["", "expect: 100-continue\r\n"] {
            let head = request.head(&format!("{fields}content-length: 5000000\r\n"));
            let mut connection = connect(service.address()).await;
            connection.write_all(head.as_bytes()).await.unwrap();
            assert_whole(&rest(&mut connection).await, request.status, &head);
        }
    }
}

#[tokio::test]
async fn behind_the_functions_host_twenty_megabytes_are_read_to_their_end() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(handler(folder.path())).await;
    for request in [
        too_large().with_length(20_000_000),
        too_large().in_chunks(20_000_000),
    ] {
        let answer = sent_and_read(running.address(), &request).await.unwrap();
        assert_whole(&answer, 413, "twenty megabytes");
    }
}

/// With these limits of what is drained.
async fn draining(bytes: u64, time: Duration) -> Service {
    let limits = ConnectionLimits {
        drain: DrainLimits { bytes, time },
        ..short()
    };
    Service::start_within(limits, &[], |_| {}).await
}

#[tokio::test]
async fn a_body_beyond_the_limit_ends_with_its_connection() {
    let service = draining(100_000, PATIENCE * 10).await;
    let mut endless = connect(service.address()).await;
    let head = too_large().head("content-length: 999999999999\r\n");
    endless.write_all(head.as_bytes()).await.unwrap();
    let sending = async { while endless.write_all(&[b' '; 10_000]).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, sending).await.unwrap();
}

#[tokio::test]
async fn a_slow_body_ends_with_its_time() {
    let service = draining(u64::MAX, Duration::from_millis(300)).await;
    for length in [
        "content-length: 9999999\r\n",
        "transfer-encoding: chunked\r\n",
    ] {
        let mut slow = connect(service.address()).await;
        let head = early("POST /api/nothing", length, 404).head("");
        slow.write_all(head.as_bytes()).await.unwrap();
        let dripping = async {
            while slow.write_all(b"5").await.is_ok() {
                pass_time(service.address()).await;
            }
        };
        tokio::time::timeout(PATIENCE, dripping).await.unwrap();
    }
}

/// Its answer is sent, and the next caller's is not.
#[tokio::test]
async fn a_drained_connection_goes_first_where_there_are_too_many() {
    let limits = ConnectionLimits {
        connections: 1,
        drain: DrainLimits {
            bytes: u64::MAX,
            time: PATIENCE * 10,
        },
        ..ConnectionLimits::default()
    };
    let service = Service::start_within(limits, &[], |_| {}).await;
    let mut drained = connect(service.address()).await;
    let head = too_large().head("content-length: 5000000\r\n");
    drained.write_all(head.as_bytes()).await.unwrap();
    assert_whole(&rest(&mut drained).await, 413, "a long body");
    let next = tokio::time::timeout(PATIENCE, service.get("/")).await;
    assert_eq!(next.expect("it has the drained one's place").status, 200);
}

#[tokio::test]
async fn a_drained_body_takes_no_memory_from_others() {
    let limits = ConnectionLimits {
        body_memory: BodyMemory {
            each: 1024,
            shared: 1_200_000,
        },
        drain: DrainLimits {
            bytes: u64::MAX,
            time: PATIENCE * 10,
        },
        ..ConnectionLimits::default()
    };
    let service = Service::start_within(limits, &[], |_| {}).await;
    let mut drained = Vec::new();
    for _ in 0..3 {
        let mut connection = connect(service.address()).await;
        let body = too_large().in_chunks(LONG);
        let unfinished = &body[..body.len() - 100];
        connection.write_all(unfinished).await.unwrap();
        assert_whole(&rest(&mut connection).await, 413, "a long body");
        drained.push(connection);
    }
    let closing = "connection: close\r\n";
    let read = early("POST /api/generateImage", closing, 400).with_length(1_000_000);
    let answer = sent_and_read(service.address(), &read).await.unwrap();
    assert_whole(&answer, 400, "a body that is read");
}
