//! Requests sent byte for byte, and their answers as they come.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::host::functions_host::FunctionsHost;
use crate::host::functions_host::message::from_latin_1;
use crate::host::harness::DEADLINE;

/// An answer up to the end of its connection; bytes above ASCII are Latin-1 characters.
#[derive(Debug)]
pub struct RawAnswer {
    pub status: u16,
    /// Lines as `name: value`.
    pub headers: Vec<String>,
    pub body: String,
    /// `100 Continue` came first.
    pub has_interim_100: bool,
}

pub async fn connect(host: &FunctionsHost) -> TcpStream {
    let address = host.base_url.trim_start_matches("http://");
    TcpStream::connect(address).await.unwrap()
}

/// Sends a request, which asks for the connection to be closed, and reads to the end. An error is
/// a connection that was reset.
pub async fn send(host: &FunctionsHost, request: &[u8]) -> io::Result<RawAnswer> {
    let mut stream = connect(host).await;
    let mut bytes = Vec::new();
    let exchange = async {
        stream.write_all(request).await?;
        stream.read_to_end(&mut bytes).await
    };
    timeout(DEADLINE, exchange)
        .await
        .expect("an answer in time")?;
    Ok(RawAnswer::parse(&from_latin_1(&bytes)))
}

/// The status of such a request.
pub async fn status_of(host: &FunctionsHost, request: &str) -> u16 {
    send(host, request.as_bytes()).await.unwrap().status
}

impl RawAnswer {
    fn parse(text: &str) -> Self {
        let interim = "HTTP/1.1 100 Continue\r\n\r\n";
        let rest = text.strip_prefix(interim);
        let (head, body) = rest
            .unwrap_or(text)
            .split_once("\r\n\r\n")
            .expect("a whole head");
        let mut lines = head.split("\r\n").map(str::to_owned);
        let status = lines.next().unwrap();
        Self {
            status: status.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: lines.collect(),
            body: body.to_owned(),
            has_interim_100: rest.is_some(),
        }
    }
}
