//! Closing a connection whose peer may still be sending. A socket that is closed with unread bytes
//! is reset, and a reset can destroy the answer before the peer reads it (RFC 9112 section 9.6):
//! so what still comes is read and discarded first.

use super::{limits::DrainLimits, progress::Progress};
use std::io;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

/// Discarded with one system call.
const PIECE: usize = 16 * 1024;

/// Ends our side at once, with an answer of this status where the peer has none yet, then drains
/// the connection within `limits`, or until its place is needed for another one.
pub(super) async fn close(
    mut stream: TcpStream,
    status: Option<&str>,
    limits: DrainLimits,
    progress: &Progress,
) {
    progress.begin_drain();
    let drained = async {
        if let Some(status) = status {
            let answer =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await?;
        }
        stream.shutdown().await?;
        drain(&stream, limits.bytes).await
    };
    tokio::select! {
        _ = timeout(limits.time, drained) => {}
        () = progress.let_go.notified() => {}
    }
}

/// Reads to the peer's end or to the limit. No memory is held while it waits.
async fn drain(stream: &TcpStream, most_bytes: u64) -> io::Result<()> {
    let mut left = most_bytes;
    while left > 0 {
        stream.readable().await?;
        match stream.try_read(&mut [0; PIECE]) {
            Ok(0) => break,
            Ok(read) => left = left.saturating_sub(read as u64),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
