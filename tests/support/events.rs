//! A reader of event streams that takes an answer piece by piece, as a browser's `EventSource`
//! does, and stops the test at whatever is not exactly of the form that the service promises.
#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // how a test fails

use crate::secrets;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use std::time::Duration;

/// How long a test waits for what is bound to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What comes in a stream, in its order.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// A line that readers pass over.
    Comment,
    /// A name and its JSON.
    Event(Event),
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: String,
    pub data: Value,
}

/// A stream that is being read; dropping it closes its connection.
#[derive(Debug)]
pub struct Events {
    response: reqwest::Response,
    unread: Vec<u8>,
}

impl Events {
    /// Of an answer whose head says that it is one.
    pub fn of(response: reqwest::Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            unread: Vec::new(),
        }
    }

    /// The answer's header of that name; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let value = self.response.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The next piece, or `None` at a clean end.
    pub async fn next(&mut self) -> Option<Piece> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                return Some(parse(std::str::from_utf8(&block[..end]).unwrap()));
            }
            let more = tokio::time::timeout(PATIENCE, self.response.chunk());
            match more.await.expect("nothing comes any more").unwrap() {
                Some(bytes) => self.unread.extend_from_slice(&bytes),
                None => {
                    assert!(self.unread.is_empty(), "it ends within an event");
                    return None;
                }
            }
        }
    }

    /// The next event, whatever comments stand before it.
    pub async fn event(&mut self) -> Event {
        let event = async {
            loop {
                match self.next().await.expect("the stream has ended") {
                    Piece::Comment => {}
                    Piece::Event(event) => return event,
                }
            }
        };
        let event = tokio::time::timeout(PATIENCE, event).await;
        event.expect("nothing comes but comments")
    }

    /// The next event, which has this name.
    pub async fn named(&mut self, name: &str) -> Value {
        let event = self.event().await;
        assert_eq!(event.name, name, "{}", event.data);
        event.data
    }

    /// Passes over so many comments, of which none may be an event.
    pub async fn comments(&mut self, count: usize) {
        for _ in 0..count {
            assert_eq!(self.next().await, Some(Piece::Comment));
        }
    }

    /// All events that are left.
    pub async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(piece) = self.next().await {
            if let Piece::Event(event) = piece {
                events.push(event);
            }
        }
        events
    }

    /// The last event's data; it has this name and no other event is left before it.
    pub async fn last(mut self, name: &str) -> Value {
        let data = self.named(name).await;
        assert_eq!(self.rest().await, [], "behind {name}");
        data
    }
}

/// The picture in a JSON text.
pub fn picture_of(base64: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(base64.as_str().unwrap()).unwrap()
}

/// A comment, or one `event` line and one `data` line.
fn parse(block: &str) -> Piece {
    assert!(!block.contains('\r'), "{block:.200}");
    let lines: Vec<&str> = block.split('\n').collect();
    match lines[..] {
        [comment] if comment.starts_with(':') => Piece::Comment,
        [name, data] => {
            let name = name.strip_prefix("event: ").expect("a name");
            let data = data.strip_prefix("data: ").expect("data");
            let data = serde_json::from_str(data).unwrap();
            secrets::search_json(&data);
            Piece::Event(Event {
                name: name.to_owned(),
                data,
            })
        }
        _ => panic!("no comment and no event: {block:.200}"),
    }
}
