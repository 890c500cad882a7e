//! A server in the handler's place that records what the host sends it, and answers as the handler
//! did that the recordings were made with.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::host::functions_host::Framing;
use crate::host::functions_host::message::{Head, Reader};

/// A request that has reached the handler.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub head: Head,
    pub body: Vec<u8>,
}

impl Delivery {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)
    }
}

/// A running server.
pub struct Recorder {
    pub port: u16,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
}

impl Recorder {
    pub async fn start() -> Self {
        Self::serve(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap())
    }

    /// Serves connections that may have been waiting.
    pub fn serve(listener: TcpListener) -> Self {
        let port = listener.local_addr().unwrap().port();
        let deliveries = Arc::default();
        let recorded = Arc::clone(&deliveries);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(stream, Arc::clone(&recorded)));
            }
        });
        Self { port, deliveries }
    }

    /// All deliveries since the last call, without the host's own probes.
    pub fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.deliveries.lock().unwrap())
    }
}

async fn answer_all(stream: TcpStream, recorded: Arc<Mutex<Vec<Delivery>>>) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Ok(head) = Head::read(&mut reader).await {
        let is_probe = !head.headers.has("x-azure-functions-invocationid");
        if head.headers.has("expect") {
            writer
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await
                .unwrap();
        }
        let body = read_body(&head, &mut reader).await;
        let answer = Answer::to(&head);
        if !is_probe {
            recorded.lock().unwrap().push(Delivery { head, body });
        }
        if writer.write_all(answer.bytes).await.is_err() || answer.is_last {
            return;
        }
    }
}

async fn read_body(head: &Head, reader: &mut Reader) -> Vec<u8> {
    let mut framing = Framing::of_request(&head.headers).unwrap();
    framing.rest(reader).await.unwrap()
}

struct Answer {
    bytes: &'static [u8],
    is_last: bool,
}

impl Answer {
    /// What the query's `do` asks for.
    fn to(head: &Head) -> Self {
        let wanted = head
            .start
            .split(&['?', ' '][..])
            .find_map(|part| part.strip_prefix("do="));
        let is_last = matches!(wanted, Some("cut" | "close"));
        let bytes: &[u8] = match wanted {
            Some("204") => b"HTTP/1.1 204 No Content\r\nX-Mine: 1\r\n\r\n",
            Some("304") => b"HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n",
            Some("br") => {
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: br\r\n\
                  Content-Length: 5\r\n\r\nabcde"
            }
            Some("cookies") => {
                b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\
                  Content-Length: 2\r\n\r\nok"
            }
            Some("307") => {
                b"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://example.net/x?y=1\r\n\
                  Content-Length: 0\r\n\r\n"
            }
            Some("chunked") => {
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n\
                  6\r\nabcdef\r\n0\r\n\r\n"
            }
            Some("nonascii") => {
                b"HTTP/1.1 200 OK\r\nX-Mine: caf\xc3\xa9\r\nContent-Length: 2\r\n\r\nok"
            }
            Some("418") => {
                b"HTTP/1.1 418 Teapot\r\nContent-Type: application/problem+json\r\n\
                  Allow: GET, HEAD\r\nCache-Control: private, no-cache\r\nRetry-After: 7\r\n\
                  Vary: Accept\r\nContent-Length: 2\r\n\r\n{}"
            }
            Some("cut") => b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            Some("close") => b"",
            _ if head.start.starts_with("HEAD ") => {
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n"
            }
            _ => b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok",
        };
        Self { bytes, is_last }
    }
}
