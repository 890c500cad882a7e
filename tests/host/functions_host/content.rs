//! The body of a request to the handler.

use std::io;

use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::net::tcp::OwnedWriteHalf;

use super::body::{Framing, chunk};
use super::message::{Reader, ended_early};

/// .NET's client sends a body of up to this length even after an early refusal.
const SMALL_BODY: usize = 1024;

/// Buffered, so that a head and a small body go out in one packet.
pub type Writer = BufWriter<OwnedWriteHalf>;

/// The body of a request to the handler. It can be sent once: .NET cannot rewind it.
pub struct Content<'body> {
    source: Source<'body>,
    pub is_spent: bool,
}

pub enum Source<'body> {
    /// No body, and no header that describes one.
    None,
    Held(&'body [u8]),
    /// A chunked body, passed on as it arrives.
    Streamed {
        reader: &'body mut Reader,
        framing: &'body mut Framing,
        most: u64,
    },
}

impl<'body> Content<'body> {
    pub fn new(source: Source<'body>) -> Self {
        Self {
            source,
            is_spent: false,
        }
    }

    pub fn is_none(&self) -> bool {
        matches!(self.source, Source::None)
    }

    pub fn is_large(&self) -> bool {
        !matches!(self.source, Source::Held(bytes) if bytes.len() <= SMALL_BODY)
    }

    pub async fn write_to(&mut self, writer: &mut Writer) -> io::Result<()> {
        match &mut self.source {
            Source::None | Source::Held([]) => return Ok(()),
            Source::Held(bytes) => {
                self.is_spent = true;
                return writer.write_all(bytes).await;
            }
            Source::Streamed {
                reader,
                framing,
                most,
            } => {
                self.is_spent = true;
                while let Some(piece) = framing.piece(reader).await? {
                    *most = most
                        .checked_sub(piece.len() as u64)
                        .ok_or_else(ended_early)?;
                    writer.write_all(&chunk(&piece)).await?;
                }
            }
        }
        writer.write_all(&chunk(b"")).await
    }
}
