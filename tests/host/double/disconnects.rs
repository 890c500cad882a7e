//! Callers that disconnect before the answer: the proxy passes that on, forwarding does not.

use std::net::Ipv4Addr;

use tempfile::TempDir;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::net::tcp::OwnedWriteHalf;

use super::setup::recorded_app;
use crate::host::functions_host::message::{Head, HeadError, Reader};
use crate::host::functions_host::{FunctionsHost, Mode, Options};
use crate::host::raw;

const REQUEST: &[u8] = b"GET /api/plain HTTP/1.1\r\nHost: h\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A host, and a listener in its handler's place.
async fn start(mode: Mode) -> (FunctionsHost, TcpListener, TempDir) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let app = recorded_app();
    let mut options = Options::new(mode);
    options.ports.push(listener.local_addr().unwrap().port());
    let host = FunctionsHost::start(app.path(), options).await.unwrap();
    (host, listener, app)
}

/// The connection of the next invocation. Probes are answered.
async fn accept_invocation(listener: &TcpListener) -> (Reader, OwnedWriteHalf) {
    loop {
        let (reader, mut writer) = listener.accept().await.unwrap().0.into_split();
        let mut reader = BufReader::new(reader);
        let head = Head::read(&mut reader).await.unwrap();
        if head.headers.has("x-azure-functions-invocationid") {
            return (reader, writer);
        }
        writer.write_all(ANSWER).await.unwrap();
    }
}

/// Sends a request and disconnects once the handler has it.
async fn abandon_request(host: &FunctionsHost, listener: &TcpListener) -> (Reader, OwnedWriteHalf) {
    let mut caller = raw::connect(host).await;
    caller.write_all(REQUEST).await.unwrap();
    accept_invocation(listener).await
}

#[tokio::test]
async fn a_proxied_request_is_canceled() {
    let (host, listener, _app) = start(Mode::Proxying).await;
    let (mut reader, _writer) = abandon_request(&host, &listener).await;
    let next = Head::read(&mut reader).await;
    assert!(matches!(next, Err(HeadError::Closed)), "{next:?}");
    host.stop().await;
}

#[tokio::test]
async fn a_forwarded_request_goes_on() {
    let (host, listener, _app) = start(Mode::Forwarding).await;
    let (mut reader, mut writer) = abandon_request(&host, &listener).await;
    // The next request comes on the same connection, or on another one if it is early.
    let mut caller = raw::connect(&host).await;
    caller.write_all(REQUEST).await.unwrap();
    writer.write_all(ANSWER).await.unwrap();
    tokio::select! {
        next = Head::read(&mut reader) => assert!(next.is_ok(), "{next:?}"),
        _ = accept_invocation(&listener) => {}
    }
    writer.write_all(ANSWER).await.unwrap();
    host.stop().await;
}
