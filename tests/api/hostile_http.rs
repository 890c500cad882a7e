//! Bytes that no good client sends, over raw TCP: each gets what the table says, and nobody else
//! notices.

mod crowded;
mod early;
mod slow;
mod table;

use crate::service::{Service, client};
use std::{fmt::Write as _, net::SocketAddr, time::Duration};
use table::{Got, Row, Then};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use visionary::{request_body::BodyTime, serve::ConnectionLimits};

/// Bound to happen within this time.
const PATIENCE: Duration = Duration::from_secs(20);

/// With waits that suit a test.
fn short() -> ConnectionLimits {
    let wait = Duration::from_millis(200);
    ConnectionLimits {
        idle: wait,
        head: wait,
        body: BodyTime {
            pause: wait,
            whole: PATIENCE,
        },
        unread: wait,
        ..ConnectionLimits::default()
    }
}

/// Everything that comes until the end of a connection.
async fn rest(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut answer));
    // A reset is an end too.
    let _ = read.await.expect("the connection does not end");
    String::from_utf8_lossy(&answer).into_owned()
}

/// What a caller of the table gets.
async fn got(address: SocketAddr, row: &Row) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    // Who is refused early cannot send everything.
    let _ = connection.write_all(&row.sent).await;
    if let Got::Answered(..) = row.got {
        let last = b"GET /api/last HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
        connection.write_all(last).await.unwrap();
    }
    if row.then == Then::HangsUp {
        connection.shutdown().await.unwrap();
    }
    rest(&mut connection).await
}

fn statuses(answer: &str) -> Vec<u16> {
    let starts = answer.split("HTTP/1.").skip(1);
    starts
        .map(|start| start[2..5].parse().unwrap_or(0))
        .collect()
}

/// Whether that is what the table says.
fn is_as_said(row: &Row, answer: &str) -> bool {
    let statuses = statuses(answer);
    match row.got {
        Got::Silence => answer.is_empty(),
        Got::Refused(status) => statuses == [status],
        // The last one is for the request that comes behind.
        Got::Answered(status, count) => statuses == [vec![status; count], vec![404]].concat(),
    }
}

#[tokio::test]
async fn each_caller_gets_what_the_table_says_and_the_next_one_is_served() {
    let limits = ConnectionLimits {
        idle: 2 * PATIENCE, // who is refused does not have to wait for it
        ..short()
    };
    let service = Service::start_within(limits, &[], |_| {}).await;
    let impatient = Service::start_within(short(), &[], |_| {}).await;
    let mut others = Vec::new();
    for row in table::table() {
        let asked = if row.sent.is_empty() {
            &impatient
        } else {
            &service
        };
        let answer = got(asked.address(), &row).await;
        if !is_as_said(&row, &answer) {
            others.push(format!(
                "{} got {:?}: {answer}",
                row.name,
                statuses(&answer)
            ));
        }
        let next = service.get("/api/getImages").await;
        assert_eq!(next.status, 200, "behind {}", row.name);
    }
    assert!(others.is_empty(), "{}", others.join("\n\n"));
}

/// The same over one connection for each letter: where a head is cut makes no difference.
#[tokio::test]
async fn bytes_that_come_one_by_one_are_the_same_request() {
    let limits = ConnectionLimits {
        head: PATIENCE,
        ..short()
    };
    let service = Service::start_within(limits, &[], |_| {}).await;
    let request = "POST /api/generateImage HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}\
        GET / HTTP/1.1\r\nhost: h\r\n\r\n\
        POST /api/generateImage HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n\
        2\r\n{}\r\n0\r\n\r\n";
    for size in [1, 2, 3, 7, 64] {
        let mut connection = TcpStream::connect(service.address()).await.unwrap();
        connection.set_nodelay(true).unwrap();
        for piece in request.as_bytes().chunks(size) {
            connection.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        let answer = rest(&mut connection).await;
        assert_eq!(statuses(&answer), [400, 200, 400], "{size}: {answer}");
    }
}

/// Who is reset may lose the answer with it, by the rules of TCP.
#[tokio::test]
async fn requests_behind_the_last_one_do_not_have_the_connection_reset() {
    let service = Service::start(&[]).await;
    let behind = "GET / HTTP/1.1\r\nhost: h\r\n\r\n".repeat(20_000);
    for (last, status) in [
        (
            "GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n",
            200,
        ),
        ("GET / HTTP/1.0\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nhost: h\r\nhost: h\r\n\r\n", 400),
        (
            "POST /api/generateImage HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\n{}\r\n0\r\n\r\n",
            400,
        ),
    ] {
        let mut connection = TcpStream::connect(service.address()).await.unwrap();
        let sent = format!("{last}{behind}");
        connection.write_all(sent.as_bytes()).await.expect(last);
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, connection.read_to_end(&mut answer));
        read.await.expect(last).expect(last);
        assert_eq!(statuses(&String::from_utf8_lossy(&answer)), [status]);
    }
}

fn rendered() -> String {
    let mut text = String::new();
    for row in table::table() {
        let got = match row.got {
            Got::Silence => "– | closed".to_owned(),
            Got::Refused(status) => format!("{status} | closed"),
            Got::Answered(status, 1) => format!("{status} | stays open"),
            Got::Answered(status, count) => format!("{count} × {status} | stays open"),
        };
        writeln!(text, "| {} | {got} |", row.name).unwrap();
    }
    text
}

#[test]
fn the_document_shows_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/HOSTILE_HTTP.md");
    let document = std::fs::read_to_string(path).unwrap();
    let rendered = rendered();
    assert!(
        document.contains(&format!("|---|---|---|\n{rendered}\n")),
        "the table is:\n{rendered}"
    );
}

#[tokio::test]
async fn a_refusal_says_why_and_is_in_the_same_form_as_every_error() {
    let service = Service::start(&[]).await;
    let mut connection = TcpStream::connect(service.address()).await.unwrap();
    let request = b"POST /api/generateImage HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\
        transfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    connection.write_all(request).await.unwrap();
    let answer = rest(&mut connection).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("content-type: application/problem+json"),
        "{head}"
    );
    assert!(head.contains("connection: close"), "{head}");
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["code"], "malformed_request");
    let sentence = problem["error"].as_str().unwrap();
    assert!(
        sentence.contains("both Content-Length and Transfer-Encoding"),
        "{sentence}"
    );
    assert!(head.contains(problem["requestId"].as_str().unwrap()));
    assert_eq!(
        client().get(service.base()).send().await.unwrap().status(),
        200
    );
}
