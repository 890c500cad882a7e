//! The recorded requests: what was sent, what reached the handler, what came back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Bodies that were sent; the recordings have their lengths and digests.
const BODIES: [&[u8]; 6] = [
    b"",
    b"{\"a\":1}",
    b"gzip",
    b"\xff\xfe\x00binary\x80",
    b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n",
    &[b'x'; 100_000],
];

#[derive(Deserialize)]
pub struct Recordings {
    pub functions: BTreeMap<String, Value>,
    pub rows: Vec<Row>,
}

#[derive(Deserialize)]
pub struct Row {
    pub mode: String,
    pub request: SentRequest,
    pub handler_saw: Vec<SeenOrRepeated>,
    pub answer: RecordedAnswer,
}

#[derive(Deserialize)]
pub struct SentRequest {
    /// Lines; `<port>` stands for the host's.
    pub head: Vec<String>,
    body_length: usize,
    body_sha256: String,
}

/// A delivery, or how often it came in all.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum SeenOrRepeated {
    Seen(Seen),
    Repeated { repeated: usize },
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Seen {
    pub line: String,
    pub headers: Vec<(String, String)>,
    body_length: usize,
    body_sha256: String,
}

#[derive(Deserialize)]
pub struct RecordedAnswer {
    pub interim_100: bool,
    /// None is a connection that was reset.
    pub status: Option<u16>,
    pub headers: Vec<String>,
    pub body: String,
}

pub fn load() -> Recordings {
    serde_json::from_str(include_str!("../recorded/host-requests.json")).unwrap()
}

impl SentRequest {
    /// The bytes that were sent.
    pub fn to_bytes(&self, port: u16) -> Vec<u8> {
        let head = format!("{}\r\n\r\n", self.head.join("\r\n"));
        let mut bytes = head.replace("<port>", &port.to_string()).into_bytes();
        let body = self.body();
        match head.contains("Transfer-Encoding: chunked") {
            true => {
                bytes.extend(format!("{:x}\r\n", body.len()).into_bytes());
                bytes.extend_from_slice(body);
                bytes.extend_from_slice(b"\r\n0\r\n\r\n");
            }
            false => bytes.extend_from_slice(body),
        }
        bytes
    }

    fn body(&self) -> &'static [u8] {
        let is_this = |body: &&&[u8]| digest(body) == self.body_sha256;
        let body = BODIES
            .iter()
            .find(is_this)
            .expect("a body of the recordings");
        assert_eq!(body.len(), self.body_length);
        body
    }
}

impl Seen {
    /// Values have no blanks at their ends, and headers are in the order of their names.
    pub fn new(line: String, headers: Vec<(String, String)>, body: &[u8]) -> Self {
        Self {
            line,
            headers,
            body_length: body.len(),
            body_sha256: digest(body),
        }
        .normalized()
    }

    pub fn normalized(mut self) -> Self {
        for (name, value) in &mut self.headers {
            *name = name.to_ascii_lowercase();
            *value = value.trim().to_owned();
        }
        self.headers.sort();
        self
    }
}

impl Row {
    /// Every delivery to the handler.
    pub fn deliveries(&self) -> Vec<Seen> {
        let mut deliveries: Vec<Seen> = Vec::new();
        for entry in &self.handler_saw {
            match entry {
                SeenOrRepeated::Seen(seen) => deliveries.push(seen.clone().normalized()),
                SeenOrRepeated::Repeated { repeated } => {
                    deliveries.resize(*repeated, deliveries[0].clone());
                }
            }
        }
        deliveries
    }
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
