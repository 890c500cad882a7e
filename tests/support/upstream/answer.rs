//! An answer of the double: status, headers, body, and how it reaches the caller.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

use super::PATIENCE;

/// One answer; the shapes of OpenAI and Azure are further constructors of it.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) delivery: Delivery,
}

/// How an answer is sent; the default is at once, whole, with a true Content-Length.
#[derive(Clone, Debug, Default)]
pub(super) struct Delivery {
    pub(super) gate: Option<Gate>,
    pub(super) body_gate: Option<(usize, Gate)>,
    pub(super) delay: Option<Duration>,
    pub(super) drip: Option<(usize, Duration)>,
    pub(super) length: Length,
    pub(super) cut_after: Option<usize>,
    pub(super) hang_up: bool,
}

/// How the length of the body is announced.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Length {
    #[default]
    True,
    Claimed(usize),
    Chunked,
}

/// Holds answers back until a test opens it; clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// A closed gate.
    pub fn closed() -> Gate {
        Gate(watch::Sender::new(false))
    }

    /// Lets every answer through, now and later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until an answer waits here: all that is to be sent before it has gone out.
    pub async fn reached(&self) {
        let reached = async {
            while self.0.receiver_count() == 0 {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, reached).await;
        waited.expect("no answer comes to the gate");
    }

    pub(super) async fn wait(&self) {
        let mut opened = self.0.subscribe();
        opened.wait_for(|open| *open).await.unwrap();
    }
}

impl Answer {
    /// A 200 with these bytes.
    pub fn bytes(content_type: &str, body: impl Into<Bytes>) -> Answer {
        Answer {
            status: 200,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
            delivery: Delivery::default(),
        }
    }

    /// A 200 with a JSON body.
    pub fn json(body: &Value) -> Answer {
        Answer::bytes("application/json", body.to_string())
    }

    /// A 200 that says `application/json` over a body that breaks off in the middle of an object.
    pub fn malformed_json() -> Answer {
        Answer::bytes(
            "application/json",
            r#"{"created":1780000000,"data":[{"b64_j"#,
        )
    }

    /// A page of HTML where JSON was asked for, as a gateway in between sends it.
    pub fn html(status: u16) -> Answer {
        let page = "<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>";
        Answer::bytes("text/html; charset=utf-8", page).status(status)
    }

    /// A 302 to `location`.
    pub fn redirect(location: &str) -> Answer {
        Answer::bytes("text/plain", "")
            .status(302)
            .header("location", location)
    }

    /// Closes the connection without a word.
    pub fn hang_up() -> Answer {
        let mut answer = Answer::bytes("text/plain", "");
        answer.delivery.hang_up = true;
        answer
    }

    /// Its body, to make another of it.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Sets the status.
    pub fn status(mut self, status: u16) -> Answer {
        self.status = status;
        self
    }

    /// Sets a header, in place of one of that name; `name` is in lower case.
    pub fn header(self, name: &str, value: &str) -> Answer {
        let mut answer = self.without_header(name);
        let header = (name.to_owned(), value.to_owned());
        answer.headers.push(header);
        answer
    }

    /// Removes a header, `content-type` for instance; `name` is in lower case.
    pub fn without_header(mut self, name: &str) -> Answer {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    /// Sends the answer only after `delay`.
    pub fn after(mut self, delay: Duration) -> Answer {
        self.delivery.delay = Some(delay);
        self
    }

    /// Sends the answer only when the gate is open.
    pub fn held_by(mut self, gate: &Gate) -> Answer {
        self.delivery.gate = Some(gate.clone());
        self
    }

    /// Sends the head and so many bytes of the body at once, and the rest when the gate is open.
    pub fn paused_after(mut self, sent_bytes: usize, gate: &Gate) -> Answer {
        self.delivery.body_gate = Some((sent_bytes, gate.clone()));
        self
    }

    /// Sends the head at once and the body in pieces of `piece_bytes`, with a pause before each.
    pub fn dripping(mut self, piece_bytes: usize, pause: Duration) -> Answer {
        self.delivery.drip = Some((piece_bytes.max(1), pause));
        self
    }

    /// Closes the connection after so many bytes of the body, whose full length was announced.
    pub fn cut_after(mut self, sent_bytes: usize) -> Answer {
        self.delivery.cut_after = Some(sent_bytes);
        self
    }

    /// Announces another Content-Length than the body has. The connection is closed after the body.
    pub fn claiming_length(mut self, claimed_bytes: usize) -> Answer {
        self.delivery.length = Length::Claimed(claimed_bytes);
        self
    }

    /// Sends the body with `Transfer-Encoding: chunked`, so that its length is not known before.
    pub fn chunked(mut self) -> Answer {
        self.delivery.length = Length::Chunked;
        self
    }
}
