//! Framing of message bodies, and reading them piece by piece.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt};

use super::message::{Headers, Reader, ended_early, from_latin_1};

const LONGEST_PIECE: u64 = 64 * 1024;

/// The unread part of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Framing {
    pub const NONE: Self = Self::Length(0);

    /// A request without a length has no body. None if the length is no number.
    pub fn of_request(headers: &Headers) -> Option<Self> {
        if headers.lists("transfer-encoding", "chunked") {
            return Some(Self::Chunked);
        }
        match headers.get("content-length") {
            Some(length) => Some(Self::Length(length.parse().ok()?)),
            None => Some(Self::NONE),
        }
    }

    /// A response without a length ends with the connection.
    pub fn of_response(method: &str, status: u16, headers: &Headers) -> Option<Self> {
        if method == "HEAD" || matches!(status, 204 | 304) {
            return Some(Self::NONE);
        }
        match Self::of_request(headers)? {
            Self::NONE if !headers.has("content-length") => Some(Self::UntilClose),
            framing => Some(framing),
        }
    }

    /// The next bytes, or none at the end of the body.
    pub async fn piece(&mut self, reader: &mut Reader) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Length(0) => Ok(None),
            Self::Length(left) => {
                let piece = read_some(reader, *left).await?.ok_or_else(ended_early)?;
                *left -= piece.len() as u64;
                Ok(Some(piece))
            }
            Self::Chunked => {
                let chunk = read_chunk(reader).await?;
                if chunk.is_none() {
                    *self = Self::NONE;
                }
                Ok(chunk)
            }
            Self::UntilClose => read_some(reader, LONGEST_PIECE).await,
        }
    }

    /// The whole rest.
    pub async fn rest(&mut self, reader: &mut Reader) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece(reader).await? {
            bytes.extend(piece);
        }
        Ok(bytes)
    }
}

async fn read_some(reader: &mut Reader, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut piece = Vec::new();
    let available = reader.fill_buf().await?;
    let length = available
        .len()
        .min(usize::try_from(most).unwrap_or(usize::MAX));
    piece.extend_from_slice(&available[..length]);
    reader.consume(length);
    Ok((length > 0).then_some(piece))
}

/// One chunk. None for the last one, whose trailers are dropped.
async fn read_chunk(reader: &mut Reader) -> io::Result<Option<Vec<u8>>> {
    let size = read_line(reader).await?;
    let size = size.split(';').next().unwrap_or_default().trim();
    let size = u64::from_str_radix(size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut chunk = Vec::new();
    reader.take(size).read_to_end(&mut chunk).await?;
    if chunk.len() as u64 != size {
        return Err(ended_early());
    }
    while size == 0 && !read_line(reader).await?.is_empty() {}
    if size == 0 {
        return Ok(None);
    }
    match read_line(reader).await?.is_empty() {
        true => Ok(Some(chunk)),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}

async fn read_line(reader: &mut Reader) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.read_until(b'\n', &mut bytes).await?;
    match bytes.strip_suffix(b"\r\n") {
        Some(line) => Ok(from_latin_1(line)),
        None => Err(ended_early()),
    }
}

/// One chunk as sent on the wire; an empty one ends the body.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}
