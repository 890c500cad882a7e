//! Answers that come before a large body has been read: the host sends the body to its end first, and
//! takes a connection that closes meanwhile for a failure.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::setup::recorded_app;
use crate::host::functions_host::message::Head;
use crate::host::functions_host::{FunctionsHost, Mode, Options};
use crate::host::raw;

/// More than the sockets' buffers hold.
const LARGE: usize = 16 << 20;

/// What a handler does with a body after its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Afterwards {
    Close,
    ReadToEnd,
}

/// Answers 413 to the head of each request.
async fn serve(listener: TcpListener, afterwards: Afterwards) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer_early(stream, afterwards));
    }
}

async fn answer_early(stream: TcpStream, afterwards: Afterwards) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    Head::read(&mut reader).await.unwrap();
    let answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
    writer.write_all(answer).await.unwrap();
    let mut rest = [0; 65_536];
    while afterwards == Afterwards::ReadToEnd && matches!(reader.read(&mut rest).await, Ok(1..)) {}
}

/// What the caller of a large upload gets.
async fn upload(mode: Mode, framing: &str, afterwards: Afterwards) -> (u16, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let app = recorded_app();
    let mut options = Options::new(mode);
    options.ports.push(listener.local_addr().unwrap().port());
    options.first_retry_pause = Duration::from_millis(1);
    tokio::spawn(serve(listener, afterwards));
    let host = FunctionsHost::start(app.path(), options).await.unwrap();
    let head =
        format!("POST /api/plain HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{framing}\r\n\r\n");
    let mut request = head.into_bytes();
    match framing.starts_with("Content-Length") {
        true => request.resize(request.len() + LARGE, b'x'),
        false => {
            request.extend(format!("{LARGE:x}\r\n").into_bytes());
            request.resize(request.len() + LARGE, b'x');
            request.extend_from_slice(b"\r\n0\r\n\r\n");
        }
    }
    let answer = raw::send(&host, &request).await.unwrap();
    host.stop().await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn an_early_answer_counts_only_if_the_body_is_read_to_its_end() {
    let length = format!("Content-Length: {LARGE}");
    for (mode, framing) in [
        (Mode::Forwarding, length.as_str()),
        (Mode::Proxying, &length),
        (Mode::Proxying, "Transfer-Encoding: chunked"),
    ] {
        let read = upload(mode, framing, Afterwards::ReadToEnd).await;
        assert_eq!(read, (413, "no".to_owned()), "{mode:?} {framing}");
        let closed = upload(mode, framing, Afterwards::Close).await;
        assert_eq!(closed, (500, String::new()), "{mode:?} {framing}");
    }
}
