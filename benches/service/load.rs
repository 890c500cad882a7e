//! Sends requests, one after the other or several at once, and keeps how long each took.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    Failure,
    report::{milliseconds, per_second},
};

/// When to stop: whichever comes first.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) requests: usize,
    pub(crate) duration: Duration,
}

impl Limit {
    /// So many requests, however long they take.
    pub(crate) fn requests(requests: usize) -> Limit {
        Limit {
            requests,
            duration: Duration::MAX,
        }
    }
}

/// How a run of requests went.
#[derive(Default)]
pub(crate) struct Outcome {
    latencies: Vec<Duration>,
    failed: usize,
    first_failure: Option<String>,
    elapsed: Duration,
}

/// The columns that [`Outcome::cells`] fills, after one for the name.
pub(crate) const COLUMNS: [&str; 7] = [
    "requests", "failed", "per s", "p50 ms", "p95 ms", "p99 ms", "max ms",
];

impl Outcome {
    /// Times one request and adds it; the run's time grows by it.
    pub(crate) async fn time(&mut self, request: impl Future<Output = Result<(), Failure>>) {
        let started_at = Instant::now();
        let result = request.await;
        let latency = started_at.elapsed();
        self.elapsed += latency;
        match result {
            Ok(()) => self.latencies.push(latency),
            Err(failure) => {
                self.failed += 1;
                self.first_failure
                    .get_or_insert_with(|| failure.to_string());
            }
        }
    }

    /// The latency that `percent` of the successful requests did not exceed; none succeeded, none.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        let rank = (latencies.len() * percent).div_ceil(100);
        latencies.get(rank.saturating_sub(1)).copied()
    }

    /// A row for a table with these columns.
    pub(crate) fn cells(&self, name: String) -> Vec<String> {
        let shown = |latency: Option<_>| latency.map_or_else(|| "-".to_owned(), milliseconds);
        let percentiles = [50, 95, 99, 100].map(|percent| shown(self.percentile(percent)));
        let requests = self.latencies.len() + self.failed;
        let mut cells = vec![name, requests.to_string(), self.failed.to_string()];
        cells.push(per_second(self.latencies.len(), self.elapsed));
        cells.extend(percentiles);
        cells
    }

    /// Why the first of the failed requests failed.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.first_failure.as_deref()
    }

    /// Prints why the first of the failed requests failed.
    pub(crate) fn print_failure(&self, name: &str) {
        if let Some(failure) = self.failure() {
            println!("  {name}: {failure}");
        }
    }

    fn absorb(&mut self, part: Outcome) {
        self.latencies.extend(part.latencies);
        self.failed += part.failed;
        self.first_failure = self.first_failure.take().or(part.first_failure);
    }
}

/// Sends numbered requests, `at_once` at a time, until the limit.
pub(crate) async fn measure<R, F>(
    at_once: usize,
    limit: Limit,
    request: R,
) -> Result<Outcome, Failure>
where
    R: Fn(usize) -> F + Clone + Send + 'static,
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let sent = Arc::new(AtomicUsize::new(0));
    let started_at = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        let (sent, request) = (Arc::clone(&sent), request.clone());
        workers.spawn(async move {
            let mut part = Outcome::default();
            while started_at.elapsed() < limit.duration {
                let number = sent.fetch_add(1, Ordering::Relaxed);
                if number >= limit.requests {
                    break;
                }
                part.time(request(number)).await;
            }
            part
        });
    }
    let mut outcome = Outcome::default();
    while let Some(part) = workers.join_next().await {
        outcome.absorb(part?);
    }
    outcome.elapsed = started_at.elapsed();
    Ok(outcome)
}
