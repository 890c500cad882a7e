//! What the double answers to which request, and what it has seen so far.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::watch;

use super::{answer::Answer, picture, request::Request};

type AnswerEvery = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

/// The script and the record of one double, shared by its connections.
pub(super) struct Script {
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    next: VecDeque<Answer>,
    always: Option<AnswerEvery>,
    fixed: HashMap<String, Answer>,
    requests: Vec<Request>,
    connections: usize,
    waiting: usize,
    most_at_once: usize,
    abandoned: usize,
}

impl Default for Script {
    fn default() -> Script {
        Script {
            state: Mutex::default(),
            changes: watch::Sender::new(()),
        }
    }
}

/// What an upstream path is for.
enum Route {
    Images,
    Chat,
    Completion,
    Models,
    Unknown,
}

impl Script {
    pub(super) fn push(&self, answer: Answer) {
        self.state().next.push_back(answer);
    }

    pub(super) fn always(&self, answer: AnswerEvery) {
        self.state().always = Some(answer);
    }

    pub(super) fn serve(&self, path: &str, answer: Answer) {
        self.state().fixed.insert(path.to_owned(), answer);
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.state().connections
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.state().most_at_once
    }

    pub(super) fn abandoned(&self) -> usize {
        self.state().abandoned
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    pub(super) fn connected(&self) {
        self.state().connections += 1;
    }

    /// Notes that a caller hung up before its answer was sent.
    pub(super) fn caller_gone(&self) {
        self.state().abandoned += 1;
        self.changes.send_replace(());
    }

    /// Records a request, decides its answer, and counts it as waiting while the guard lives.
    pub(super) fn answer(self: &Arc<Self>, request: Request) -> (Answer, Waiting) {
        let mut state = self.state();
        state.waiting += 1;
        state.most_at_once = state.most_at_once.max(state.waiting);
        state.requests.push(request.clone());
        let answer = state.decide(&request);
        drop(state);
        self.changes.send_replace(());
        (answer, Waiting(Arc::clone(self)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn decide(&mut self, request: &Request) -> Answer {
        if let Some(answer) = self.fixed.get(request.path()) {
            return answer.clone();
        }
        let route = route_of(request);
        if let Route::Unknown = route {
            return Answer::invalid_url(&request.method, request.path());
        }
        if let Route::Models = route {
            return healthy_answer(&route, request);
        }
        if let Some(answer) = self.next.pop_front() {
            return answer;
        }
        match &self.always {
            Some(always) => always(request),
            None => healthy_answer(&route, request),
        }
    }
}

/// Recognises the two providers' paths and nothing else, so that wrong addressing fails here as it
/// does there: a doubled slash, a deployment path without `api-version`, a GET for a POST.
fn route_of(request: &Request) -> Route {
    let path = request.path();
    let operation = match path.strip_prefix("/openai/deployments/") {
        Some(rest) if request.query().is_some_and(names_a_version) => {
            rest.split_once('/').map(|(_, operation)| operation)
        }
        Some(_) => None,
        None => path
            .strip_prefix("/openai/v1/")
            .or_else(|| path.strip_prefix("/v1/")),
    };
    match (request.method.as_str(), operation.unwrap_or_default()) {
        ("POST", "images/generations" | "images/edits") => Route::Images,
        ("POST", "chat/completions") => Route::Chat,
        ("POST", "completions") => Route::Completion,
        ("GET", "models") => Route::Models,
        _ => Route::Unknown,
    }
}

fn names_a_version(query: &str) -> bool {
    let mut pairs = query.split('&');
    pairs.any(|pair| pair.starts_with("api-version=") && pair.len() > "api-version=".len())
}

fn healthy_answer(route: &Route, request: &Request) -> Answer {
    match route {
        Route::Images => {
            let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
            if body["stream"] == true {
                let count = body["partial_images"].as_u64().unwrap_or(0);
                let previews: Vec<_> = (0..count).map(|_| picture::small_png()).collect();
                return Answer::image_stream(&previews, picture::small_png());
            }
            let count = body["n"].as_u64().unwrap_or(1).max(1);
            Answer::images((0..count).map(|_| picture::small_png()))
        }
        Route::Chat => Answer::chat("A lighthouse made of paper, in soft evening light"),
        Route::Completion => {
            Answer::completion("\n\nA lighthouse made of paper, in soft evening light")
        }
        Route::Models => Answer::models(&["gpt-image-2", "gpt-5.6-terra"]),
        Route::Unknown => Answer::invalid_url(&request.method, request.path()),
    }
}

/// Counts one request as waiting for its answer until it is dropped.
pub(super) struct Waiting(Arc<Script>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}
