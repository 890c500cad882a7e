//! Every recorded request, sent through the double byte for byte: it does what the real host did.

use super::recorder::Delivery;
use super::rows::{self, RecordedAnswer, Row, Seen};
use super::setup::Setup;
use crate::host::functions_host::{HOMEPAGE, Mode};
use crate::host::raw::{self, RawAnswer};

const HOMEPAGE_IN_RECORDINGS: &str = "<the host's homepage>";

impl Setup {
    /// What differs from the recording.
    async fn differences(&self, row: &Row) -> Vec<String> {
        let answer = raw::send(&self.host, &row.request.to_bytes(self.port()))
            .await
            .ok();
        let deliveries = self.recorder.take();
        let deliveries: Vec<Seen> = deliveries.iter().map(|it| self.seen(it)).collect();
        let mut differences = compare_answers(&row.answer, answer.as_ref());
        let expected = row.deliveries();
        if deliveries.len() != expected.len() {
            differences.push(format!(
                "{} deliveries: {}",
                expected.len(),
                deliveries.len()
            ));
        }
        let unlike = deliveries
            .iter()
            .zip(&expected)
            .find(|(found, expected)| found != expected);
        differences.extend(unlike.map(|(found, expected)| format!("{expected:?}: {found:?}")));
        differences
    }

    /// A delivery, with `<id>` and `<port>` for what changes.
    fn seen(&self, delivery: &Delivery) -> Seen {
        let ids = self.host.invocation_ids();
        let id = ids.last().unwrap();
        let own = format!("localhost:{}", self.port());
        let handlers = format!("127.0.0.1:{}", self.recorder.port);
        let headers = delivery.head.headers.iter().map(|(name, value)| {
            let value = value.replace(id, "<id>").replace(&own, "localhost:<port>");
            (
                name.to_owned(),
                value.replace(&handlers, "127.0.0.1:<port>"),
            )
        });
        Seen::new(
            delivery.head.start.clone(),
            headers.collect(),
            &delivery.body,
        )
    }
}

fn compare_answers(expected: &RecordedAnswer, found: Option<&RawAnswer>) -> Vec<String> {
    let (Some(status), Some(found)) = (expected.status, found) else {
        let is_same = expected.status.is_none() && found.is_none();
        let difference = format!("{:?}: {found:?}", expected.status);
        return if is_same {
            Vec::new()
        } else {
            vec![difference]
        };
    };
    let mut differences = Vec::new();
    if status != found.status || expected.interim_100 != found.has_interim_100 {
        differences.push(format!("status {status}: {found:?}"));
    }
    let is_homepage = expected.body == HOMEPAGE_IN_RECORDINGS;
    let body = if is_homepage {
        HOMEPAGE
    } else {
        &expected.body
    };
    if body != found.body {
        differences.push(format!("body {body:?}: {:?}", found.body));
    }
    let (headers, found) = (
        header_lines(&expected.headers),
        header_lines(&found.headers),
    );
    let real_length = "content-length: 149794";
    let length = format!("content-length: {}", HOMEPAGE.len());
    let headers: Vec<String> = headers
        .into_iter()
        .map(|line| line.replace(real_length, &length))
        .collect();
    if headers != found {
        differences.push(format!("headers {headers:?}: {found:?}"));
    }
    differences
}

/// Names in lower case, in order.
fn header_lines(lines: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = lines
        .iter()
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            format!("{}: {}", name.to_ascii_lowercase(), value.trim())
        })
        .collect();
    lines.sort();
    lines
}

async fn every_row_is_reproduced(mode: Mode, name: &str) {
    let recordings = rows::load();
    let setup = Setup::start(mode).await;
    let mut report = String::new();
    let rows = recordings.rows.iter().filter(|row| row.mode == name);
    let mut count = 0;
    for row in rows {
        count += 1;
        let differences = setup.differences(row).await;
        if !differences.is_empty() {
            let head = &row.request.head;
            report.push_str(&format!("{head:?}\n    {}\n", differences.join("\n    ")));
        }
    }
    setup.host.stop().await;
    assert_eq!(count, 170);
    assert!(report.is_empty(), "recorded: found\n{report}");
}

#[tokio::test]
async fn proxying_does_what_was_recorded() {
    every_row_is_reproduced(Mode::Proxying, "proxying").await;
}

#[tokio::test]
async fn forwarding_does_what_was_recorded() {
    every_row_is_reproduced(Mode::Forwarding, "forwarding").await;
}
