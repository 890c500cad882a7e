//! The search for known secrets in everything that goes out: answers, events, the log at its
//! finest, what the program prints. All secrets that tests make up hold [`MARK`].
#![allow(dead_code)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // how a test fails

use crate::azurite;
use serde_json::Value;
use std::{
    fmt::{self, Write as _},
    io::Write as _,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    filter::filter_fn,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};
use visionary::telemetry;

/// In every key, token and function key that a test makes up.
pub const MARK: &str = "5ecret";

/// Fields whose values are signed addresses.
const SIGNED_FIELDS: [&str; 2] = ["url", "thumbnailUrl"];

/// How much was searched so far.
pub struct Searched {
    pub events: AtomicUsize,
    pub answers: AtomicUsize,
    pub lines: AtomicUsize,
}

pub static SEARCHED: Searched = Searched {
    events: AtomicUsize::new(0),
    answers: AtomicUsize::new(0),
    lines: AtomicUsize::new(0),
};

/// The first secret in a text that may have none, whoever reads it.
pub fn key_in(text: &str) -> Option<&'static str> {
    let azurite_key = &azurite::KEY[..20];
    // An authorization header begins so, and the type's name in `Debug` does not.
    let headers = ["SharedKey devstoreaccount1:", "SharedKey acct:"];
    [MARK, azurite_key, "AccountKey="]
        .into_iter()
        .chain(headers)
        .find(|secret| text.contains(secret))
}

/// The same for a text that may have no signature and no token either.
pub fn secret_in(text: &str) -> Option<&'static str> {
    let signature = ["sig=", "sig%3D"]
        .into_iter()
        .find(|start| text.split(start).skip(1).any(begins_with_signature));
    let token = text.contains("Bearer ").then_some("Bearer ");
    key_in(text).or(signature).or(token)
}

/// 32 bytes in base64; prompts of tests talk of `sig=x`.
fn begins_with_signature(text: &str) -> bool {
    let start: String = text.chars().take(80).collect();
    let start = start
        .replace("%25", "%")
        .replace("%2B", "+")
        .replace("%2F", "/");
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    start.bytes().take_while(is_base64).count() >= 40
}

/// Stops the test where a text has a secret that may have none.
#[track_caller]
pub fn search(text: &str) {
    if let Some(secret) = secret_in(text) {
        panic!("{secret} went out in {text}");
    }
}

/// The same for each line of what a program prints.
#[track_caller]
pub fn search_lines(text: &str) {
    SEARCHED.lines.fetch_add(text.lines().count(), Relaxed);
    search(text);
}

/// Stops the test where an answer has a secret; a signature stands only where it belongs.
#[track_caller]
pub fn search_answer(headers: &reqwest::header::HeaderMap, body: &[u8]) {
    SEARCHED.answers.fetch_add(1, Relaxed);
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let secret = match name.as_str() {
            "location" => key_in(&value),
            // Of Azurite itself, about a copy that `migrate` made.
            "x-ms-copy-source" => key_in(&value),
            _ => secret_in(&value),
        };
        assert_eq!(secret, None, "went out in {name}: {value}");
    }
    let text = String::from_utf8_lossy(body);
    match serde_json::from_slice(body) {
        Ok(json) => search_json(&json),
        // generateSASToken gives a signature and nothing else.
        Err(_) if text.starts_with("sv=") && !text.contains(char::is_whitespace) => {
            assert_eq!(key_in(&text), None, "went out in {text}");
        }
        Err(_) if text.starts_with(": ") => search_events(&text),
        Err(_) => search(&text),
    }
}

#[track_caller]
fn search_events(stream: &str) {
    for line in stream.lines() {
        match line.strip_prefix("data: ").map(serde_json::from_str) {
            Some(Ok(json)) => search_json(&json),
            _ => search(line),
        }
    }
}

/// The same for JSON.
#[track_caller]
pub fn search_json(json: &Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                search(name);
                match value.as_str() {
                    Some(address) if SIGNED_FIELDS.contains(&name.as_str()) => {
                        assert_eq!(key_in(address), None, "went out in {name}");
                    }
                    _ => search_json(value),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(search_json),
        Value::String(text) => search(text),
        _ => {}
    }
}

/// Searches every event of this process's log from now on, down to the finest that the program
/// can be asked for. A secret ends the process: what logs may be a task that nobody looks at.
pub fn watch_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let search = LogSearch(|text: &str, secret: &str| {
            let line = format!("{secret} went into the log: {text}\n");
            // Not `eprintln!`, which the test's harness holds back.
            let _ = std::io::stderr().write_all(line.as_bytes());
            std::process::exit(101);
        });
        let search = search.with_filter(filter_fn(telemetry::is_allowed));
        tracing_subscriber::registry().with(search).init();
    });
}

/// A layer that tells of each secret in an event or a span.
pub struct LogSearch<F>(pub F);

impl<F: Fn(&str, &str)> LogSearch<F> {
    fn search(&self, text: &str) {
        SEARCHED.events.fetch_add(1, Relaxed);
        if let Some(secret) = secret_in(text) {
            (self.0)(text, secret);
        }
    }
}

impl<S, F> Layer<S> for LogSearch<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    F: Fn(&str, &str) + 'static,
{
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut text = Text::new(event.metadata().target());
        event.record(&mut text);
        self.search(&text.0);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _id: &Id, _context: Context<'_, S>) {
        let mut text = Text::new(attributes.metadata().target());
        attributes.record(&mut text);
        self.search(&text.0);
    }

    fn on_record(&self, _id: &Id, values: &Record<'_>, _context: Context<'_, S>) {
        let mut text = Text::new("");
        values.record(&mut text);
        self.search(&text.0);
    }
}

/// All fields of an event.
struct Text(String);

impl Text {
    fn new(target: &str) -> Self {
        Self(format!("{target}: "))
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, "{field}: {value:?}; ");
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let _ = write!(self.0, "{field}: {}; ", every_form(value));
    }
}

/// An error as a person and as a programmer reads it, with all its causes.
pub fn every_form(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{error:?} {error:#?}");
    let mut next = Some(error);
    while let Some(error) = next {
        let _ = write!(text, " {error} {error:?}");
        next = error.source();
    }
    text
}
