//! What operations had come to when their process was killed, what they must come to after that,
//! and whether they do.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::json;

use super::life::Life;
use super::place::Place;
use super::points::{Killed, KilledRequest, Point};
use super::provider::{Provider, picture};
use super::submission::{End, Submission, ended, names};
use crate::host::harness::json_of;
use crate::upstream::picture::without_texts;

/// How far an operation had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// There is no operation; a key at the most.
    Unwritten,
    /// It waits for a place.
    Waiting,
    /// It is written down as sent, and the provider has seen nothing of it.
    Sent,
    /// The provider was asked, and there is no picture in the gallery.
    Asked,
    /// The same, and the answer was on its way.
    Answering,
    /// A part of its pictures is in the gallery.
    PartlyStored,
    /// All of its pictures are, and its end is not written down.
    Stored,
    /// It has ended.
    Ended,
}

/// How many operations were killed in which phase.
#[derive(Default)]
pub struct Tally {
    pub kills: usize,
    phases: BTreeMap<Phase, usize>,
}

impl Tally {
    pub fn of(&self, phase: Phase) -> usize {
        self.phases.get(&phase).copied().unwrap_or(0)
    }

    fn add(&mut self, phase: Phase) {
        *self.phases.entry(phase).or_insert(0) += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        self.kills += other.kills;
        for (phase, count) in &other.phases {
            *self.phases.entry(*phase).or_insert(0) += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} kills, operations by phase", self.kills)?;
        for (phase, count) in &self.phases {
            write!(formatter, ", {phase:?} {count}")?;
        }
        Ok(())
    }
}

/// A request and what has become of it.
pub struct Settled {
    pub submission: Submission,
    pub end: Option<End>,
    success_was_told: bool,
    calls_when_killed: usize,
    status_when_killed: Option<String>,
    point: Point,
}

impl Settled {
    /// Whether its pictures may be paid for and are lost.
    pub fn was_interrupted(&self) -> bool {
        let code = self.end.as_ref().and_then(|end| end.code.as_deref());
        self.submission.has_key() && code == Some("interrupted")
    }
}

/// Asks for everything that was under way until it has ended; `statuses` is what was written down
/// when its process was gone.
pub async fn settle(
    life: &Life,
    killed: Killed,
    statuses: &BTreeMap<String, String>,
) -> Vec<Settled> {
    let point = killed.point;
    let settling = killed.requests.into_iter().map(async |request| {
        let KilledRequest {
            submission,
            seen,
            calls,
        } = request;
        let end = submission.end(life, &seen).await;
        if let Some(end) = &end {
            check_addresses(life, end, &submission.prompt).await;
        }
        let status = end.as_ref().and_then(|end| statuses.get(&end.id));
        Settled {
            status_when_killed: status.cloned(),
            submission,
            end,
            success_was_told: seen.success,
            calls_when_killed: calls,
            point,
        }
    });
    join_all(settling).await
}

/// Checks the ends of all that was ever asked for at `place` against what the gallery and the
/// provider know, and says in which phases they were killed.
pub async fn check(life: &Life, place: &Place, provider: &Provider, settled: &[Settled]) -> Tally {
    // Also those of which nobody ever heard.
    let ids: Vec<String> = place.statuses().await.into_keys().collect();
    let ends = join_all(ids.iter().map(|id| ended(life, id))).await;
    let (gallery, calls) = (Gallery::read(life).await, provider.calls());
    ends.iter().for_each(|end| gallery.check_has(end));
    let mut tally = Tally::default();
    for one in settled {
        let calls = calls.get(&one.submission.prompt).copied().unwrap_or(0);
        assert!(calls <= 1, "paid {calls} times: {one}");
        if let Some(phase) = one.check(&gallery, calls) {
            tally.add(phase);
        }
    }
    gallery.check_all_are_of(settled);
    place.check_properties();
    assert_eq!(place.statuses().await.len(), ids.len());
    tally
}

impl Settled {
    /// `None`: who has neither an answer nor a key was promised nothing.
    fn check(&self, gallery: &Gallery, calls: usize) -> Option<Phase> {
        let end = self.end.as_ref()?;
        let stored = gallery.of_prompt(&self.submission.prompt);
        let phase = self.phase(stored);
        gallery.check_has(end);
        let (wanted, found) = (self.submission.images(), end.images.len());
        assert_eq!(
            found, stored,
            "not all of its images are in its result: {self}"
        );
        match phase {
            // Nothing was sent: it is done as if nothing had happened.
            Phase::Unwritten | Phase::Waiting => {
                assert_eq!((found, calls), (wanted, 1), "{self}");
            }
            // It may be paid for, so it is not sent again.
            Phase::Sent | Phase::Asked | Phase::Answering => {
                assert_eq!(end.code.as_deref(), Some("interrupted"), "{self}");
            }
            Phase::PartlyStored | Phase::Stored => assert_eq!(calls, 1, "{self}"),
            Phase::Ended => assert_eq!((found, calls), (wanted, 1), "{self}"),
        }
        if self.success_was_told {
            assert_eq!(found, wanted, "its caller has read of a success: {self}");
        }
        Some(phase)
    }

    /// In an account a sweep may have come before the look, and ended what was running.
    fn phase(&self, stored: usize) -> Phase {
        let status = self.status_when_killed.as_deref();
        match (status, stored, self.calls_when_killed) {
            (None, ..) => Phase::Unwritten,
            (Some("notRunning"), ..) => Phase::Waiting,
            (Some("succeeded"), ..) => Phase::Ended,
            (Some(_), 0, 0) => Phase::Sent,
            (Some(_), 0, _) => match self.point {
                Point::Asked(_) | Point::Queued => Phase::Asked,
                _ => Phase::Answering,
            },
            (Some(_), stored, _) if stored < self.submission.images() => Phase::PartlyStored,
            (Some(_), ..) => Phase::Stored,
        }
    }
}

impl fmt::Display for Settled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            submission,
            end,
            status_when_killed: status,
            calls_when_killed: calls,
            point,
            ..
        } = self;
        write!(
            formatter,
            "{submission:?}, killed at {point:?} as {status:?} with {calls} calls, became {end:?}"
        )
    }
}

/// Every image that is listed, with its bytes.
struct Gallery {
    images: Vec<ListedImage>,
}

struct ListedImage {
    name: String,
    prompt: String,
    bytes: Bytes,
}

impl Gallery {
    async fn read(life: &Life) -> Self {
        let mut images = Vec::new();
        let mut path = "/api/getImages?limit=100".to_owned();
        loop {
            let page = life.client.get(life.url(&path)).send().await.unwrap();
            let page: serde_json::Value = json_of(page).await;
            for image in page["imageUrls"].as_array().unwrap() {
                let text = |name: &str| image[name].as_str().unwrap().to_owned();
                images.push(ListedImage {
                    name: text("name"),
                    prompt: text("prompt"),
                    bytes: fetch(life, &text("url")).await,
                });
            }
            match page["nextCursor"].as_str() {
                Some(cursor) => path = format!("/api/getImages?limit=100&cursor={cursor}"),
                None => return Self { images },
            }
        }
    }

    fn of_prompt(&self, prompt: &str) -> usize {
        let images = self.images.iter();
        images.filter(|image| image.prompt == prompt).count()
    }

    /// The images of a result are in the gallery, each once.
    fn check_has(&self, end: &End) {
        let listed: Vec<&str> = self.images.iter().map(|image| &*image.name).collect();
        for name in names(end) {
            let count = listed.iter().filter(|listed| **listed == name).count();
            assert_eq!(count, 1, "{name} of {end:?}");
        }
    }

    /// No image is half, foreign, or there twice.
    fn check_all_are_of(&self, settled: &[Settled]) {
        let wanted = settled.iter().map(|one| &one.submission);
        let wanted: HashMap<&str, usize> = wanted
            .map(|submission| (&*submission.prompt, submission.images()))
            .collect();
        let mut found = HashSet::new();
        for ListedImage {
            name,
            prompt,
            bytes,
        } in &self.images
        {
            let count = wanted.get(&**prompt).copied();
            let count = count.unwrap_or_else(|| panic!("nobody asked for {name}"));
            let index = (0..count).find(|index| picture(prompt, *index) == *bytes);
            let index = index.unwrap_or_else(|| panic!("{name} is no picture of {prompt}"));
            assert!(found.insert((prompt, index)), "{name} is there twice");
        }
    }
}

/// A picture at the address that was given for it.
async fn fetch(life: &Life, url: &str) -> Bytes {
    let response = life.client.get(url).send().await.unwrap();
    assert_eq!(response.status(), 200, "{url}");
    without_texts(&response.bytes().await.unwrap())
}

/// The addresses of a result open its images.
pub async fn check_addresses(life: &Life, end: &End, prompt: &str) {
    for image in &end.images {
        let bytes = fetch(life, image["url"].as_str().unwrap()).await;
        let is_one = (0..end.images.len().max(3)).any(|index| picture(prompt, index) == bytes);
        assert!(is_one, "{image} is no picture of {prompt}");
    }
}

/// Who asks for a repetition at any price gets one, and after that its result.
pub async fn check_repayment(life: &Life, provider: &Provider, one: &Settled) {
    let submission = &one.submission;
    let before = provider.calls_for(&submission.prompt);
    let again = json!({ "retryPaid": true });
    let (status, paid) = submission.repeat(life, &again).await;
    assert_eq!(status, 200, "{paid}");
    assert_eq!(provider.calls_for(&submission.prompt), before + 1, "{one}");
    for more in [json!({}), again] {
        let (status, repeated) = submission.repeat(life, &more).await;
        assert_eq!((status, &repeated["id"]), (200, &paid["id"]), "{repeated}");
    }
    assert_eq!(provider.calls_for(&submission.prompt), before + 1, "{one}");
    let id = paid["id"].as_str().unwrap();
    let end = ended(life, id).await;
    assert_eq!(end.images.len(), submission.images());
    check_addresses(life, &end, &submission.prompt).await;
}
