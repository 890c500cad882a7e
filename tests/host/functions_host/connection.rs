//! A caller's connection: its requests one after another, and request bodies that the host leaves
//! unread.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::timeout;

use super::body::Framing;
use super::invocation::Host;
use super::message::{Head, HeadError, Reader};
use super::reply::Reply;

/// How long the host reads and discards the rest of a body after its answer.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The unread part of a request's body.
pub struct Body<'reader> {
    pub reader: &'reader mut Reader,
    pub framing: Framing,
    /// The caller waits for `100 Continue` before it sends the body.
    pub is_awaited: bool,
}

/// Serves one connection until either side ends it.
pub async fn serve(host: &Host, stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let head = match Head::read(&mut reader).await {
            Ok(head) => head,
            Err(HeadError::Malformed) => {
                Reply::new(&mut writer, &Head::of_status(400, ""))
                    .refuse(400)
                    .await?;
                break;
            }
            Err(HeadError::Closed | HeadError::Io) => return Ok(()),
        };
        match exchange(host, head, &mut reader, &mut writer).await {
            Ok(Next::Request) => {}
            Ok(Next::Close) => break,
            Err(error) => {
                // Dropping the writer would send a FIN before the reset.
                writer.forget();
                return Err(error);
            }
        }
    }
    linger(reader, writer).await
}

enum Next {
    Request,
    Close,
}

async fn exchange(
    host: &Host,
    head: Head,
    reader: &mut Reader,
    writer: &mut OwnedWriteHalf,
) -> io::Result<Next> {
    let mut reply = Reply::new(writer, &head);
    let Some(framing) = Framing::of_request(&head.headers) else {
        reply.refuse(400).await?;
        return Ok(Next::Close);
    };
    let is_awaited = head.headers.lists("expect", "100-continue") && reader.buffer().is_empty();
    let mut body = Body {
        reader,
        framing,
        is_awaited,
    };
    match host.web_layer.read(head) {
        Err(status) => reply.refuse(status).await?,
        Ok(request) => host.answer(&request, &mut body, &mut reply).await?,
    }
    match reply.is_last || !body.drain().await {
        true => Ok(Next::Close),
        false => Ok(Next::Request),
    }
}

impl Body<'_> {
    /// Sends `100 Continue` if the caller waits for it.
    pub async fn request(&mut self, reply: &mut Reply<'_>) -> io::Result<()> {
        let is_awaited = std::mem::take(&mut self.is_awaited);
        match is_awaited && self.framing != Framing::NONE {
            true => reply.send_continue().await,
            false => Ok(()),
        }
    }

    /// Discards the rest. Returns whether the connection can be used again.
    async fn drain(&mut self) -> bool {
        if self.framing == Framing::NONE {
            return true;
        }
        let drained = async { while let Ok(Some(_)) = self.framing.piece(self.reader).await {} };
        !self.is_awaited
            && timeout(DRAIN_TIMEOUT, drained).await.is_ok()
            && self.framing == Framing::NONE
    }
}

/// Closes the connection in a way that lets the caller read its answer.
async fn linger(mut reader: Reader, mut writer: OwnedWriteHalf) -> io::Result<()> {
    writer.shutdown().await?;
    let mut rest = [0; 8192];
    let end = async { while let Ok(1..) = reader.read(&mut rest).await {} };
    let _ = timeout(DRAIN_TIMEOUT, end).await;
    Ok(())
}
