//! HTTP/1.1 message heads. Bytes above ASCII become Latin-1 characters.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::tcp::OwnedReadHalf;

pub type Reader = BufReader<OwnedReadHalf>;

/// Longer than any head in a test; the host's own limits are lower.
const LONGEST_HEAD: u64 = 1 << 20;

/// A start line and its headers.
#[derive(Clone, Debug)]
pub struct Head {
    pub start: String,
    pub headers: Headers,
}

#[derive(Debug)]
pub enum HeadError {
    /// The connection ended before the first byte.
    Closed,
    Io,
    Malformed,
}

/// Header lines in order. Names are case-insensitive.
#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<(String, String)>);

impl Head {
    pub fn new(start: String, headers: Headers) -> Self {
        Self { start, headers }
    }

    /// The head of a response.
    pub fn of_status(status: u16, reason: &str) -> Self {
        Self::new(format!("HTTP/1.1 {status} {reason}"), Headers::default())
    }

    /// Reads up to the empty line.
    pub async fn read(reader: &mut Reader) -> Result<Self, HeadError> {
        let mut lines = reader.take(LONGEST_HEAD);
        let start = match read_line(&mut lines).await? {
            Some(start) => start,
            None => return Err(HeadError::Closed),
        };
        let mut headers = Headers::default();
        loop {
            let line = read_line(&mut lines).await?.ok_or(HeadError::Io)?;
            if line.is_empty() {
                return Ok(Self::new(start, headers));
            }
            let (name, value) = line.split_once(':').ok_or(HeadError::Malformed)?;
            headers.append(name, value.trim_matches([' ', '\t']));
        }
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        let mut words = self.start.split(' ');
        let is_http = words.next()?.starts_with("HTTP/1.");
        let status = words.next()?.parse().ok()?;
        is_http.then_some(status)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in self.headers.iter() {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        to_latin_1(&text)
    }

    /// Size of the headers on the wire.
    pub fn header_bytes(&self) -> usize {
        let lines = self.headers.iter();
        lines
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum()
    }
}

/// One line without its end. None at the end of the connection.
async fn read_line(
    reader: &mut (impl AsyncBufReadExt + Unpin),
) -> Result<Option<String>, HeadError> {
    let mut bytes = Vec::new();
    match reader.read_until(b'\n', &mut bytes).await {
        Ok(0) => return Ok(None),
        Ok(_) if bytes.ends_with(b"\r\n") => bytes.truncate(bytes.len() - 2),
        Ok(_) if bytes.ends_with(b"\n") => return Err(HeadError::Malformed),
        Ok(_) | Err(_) => return Err(HeadError::Io),
    }
    Ok(Some(from_latin_1(&bytes)))
}

impl Headers {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn all<'all>(&'all self, name: &'all str) -> impl Iterator<Item = &'all str> {
        let named = self
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value)
    }

    /// The first value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All values of a comma-separated list, over all of its lines.
    pub fn list(&self, name: &str) -> Vec<String> {
        let values = self.all(name).flat_map(|value| value.split(','));
        values
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .collect()
    }

    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.list(name)
            .iter()
            .any(|value| value.eq_ignore_ascii_case(token))
    }

    pub fn append(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Replaces every value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.append(name, value);
    }

    pub fn remove(&mut self, name: &str) {
        self.retain(|known| !known.eq_ignore_ascii_case(name));
    }

    pub fn retain(&mut self, mut keeps: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| keeps(name));
    }

    /// Joins lines of equal names, as .NET's client writes them.
    pub fn join_lines(&mut self) {
        let mut joined: Vec<(String, String)> = Vec::new();
        for (name, value) in std::mem::take(&mut self.0) {
            let known = joined
                .iter_mut()
                .find(|(known, _)| known.eq_ignore_ascii_case(&name));
            match known {
                Some((_, values)) => {
                    values.push_str(separator(&name));
                    values.push_str(&value);
                }
                None => joined.push((name, value)),
            }
        }
        self.0 = joined;
    }
}

fn separator(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "cookie" => "; ",
        "user-agent" => " ",
        _ => ", ",
    }
}

/// An error of a connection that ended too early.
pub fn ended_early() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

pub fn from_latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn to_latin_1(text: &str) -> Vec<u8> {
    let byte = |character| u8::try_from(u32::from(character)).unwrap_or(b'?');
    text.chars().map(byte).collect()
}
