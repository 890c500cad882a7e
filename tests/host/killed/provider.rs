//! The provider of these tests: its pictures tell which prompt they are of, and its answers
//! stop where a test wants to kill their reader.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;

use crate::host::harness::until;
use crate::upstream::{Answer, Gate, Request, Upstream, picture};

/// Enough that an answer is more than one piece on its way.
const PICTURE_BYTES: usize = 100_000;

/// How far an answer comes.
#[derive(Clone)]
pub enum Stage {
    /// To its end, at once.
    Whole,
    /// Nowhere until the gate opens.
    Held(Gate),
    /// To its middle until the gate opens.
    Half(Gate),
}

/// A running provider.
pub struct Provider {
    upstream: Upstream,
    stage: Arc<Mutex<Stage>>,
}

impl Provider {
    pub async fn start() -> Self {
        let upstream = Upstream::start().await;
        let stage = Arc::new(Mutex::new(Stage::Whole));
        let current = stage.clone();
        upstream.always_with(move |request| {
            let stage = current.lock().unwrap().clone();
            answer(request, &stage)
        });
        Self { upstream, stage }
    }

    pub fn base_url(&self) -> String {
        self.upstream.base_url()
    }

    /// From now on, for requests that are still to come.
    pub fn set_stage(&self, stage: Stage) {
        *self.stage.lock().unwrap() = stage;
    }

    /// Holds every answer back until the gate opens.
    pub fn hold(&self) -> Gate {
        let gate = Gate::closed();
        self.set_stage(Stage::Held(gate.clone()));
        gate
    }

    /// How often it was asked for each prompt, which is what is paid for.
    pub fn calls(&self) -> HashMap<String, usize> {
        let mut calls = HashMap::new();
        for request in self.upstream.requests_to("/images/generations") {
            *calls.entry(prompt_of(&request)).or_insert(0) += 1;
        }
        calls
    }

    /// How often it was asked for one of them.
    pub fn calls_for(&self, prompt: &str) -> usize {
        self.calls().get(prompt).copied().unwrap_or(0)
    }

    /// Waits until it has been asked for so many pictures in all.
    pub async fn asked(&self, count: usize) {
        let path = "/images/generations";
        self.upstream.wait_for_requests_to(path, count).await;
    }

    /// Waits until it has been asked for this one.
    pub async fn asked_for(&self, prompt: &str) {
        until("the provider is asked", || self.calls_for(prompt) > 0).await;
    }

    /// How often it was asked in all.
    pub fn count(&self) -> usize {
        self.upstream.requests_to("/images/generations").len()
    }
}

/// The picture of a prompt: no two prompts, and no two pictures of one, have the same bytes.
pub fn picture(prompt: &str, index: usize) -> Bytes {
    static BASE: OnceLock<Bytes> = OnceLock::new();
    let base = BASE.get_or_init(|| picture::padded_png(32, 32, PICTURE_BYTES));
    // What follows the last chunk is no part of the image, and stays in the file.
    [base, format!("{prompt}#{index}").as_bytes()]
        .concat()
        .into()
}

fn answer(request: &Request, stage: &Stage) -> Answer {
    let (body, prompt) = (request.json(), prompt_of(request));
    let whole = match body["stream"] == true {
        true => Answer::image_stream(&[picture::small_png()], picture(&prompt, 0)),
        false => {
            let count = body["n"].as_u64().unwrap_or(1);
            let count = usize::try_from(count).unwrap();
            Answer::images((0..count).map(|index| picture(&prompt, index)))
        }
    };
    match stage {
        Stage::Whole => whole,
        Stage::Held(gate) => whole.held_by(gate),
        Stage::Half(gate) => {
            let half = whole.body().len() / 2;
            whole.paused_after(half, gate)
        }
    }
}

fn prompt_of(request: &Request) -> String {
    request.json()["prompt"].as_str().unwrap().to_owned()
}
