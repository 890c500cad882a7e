//! The moments at which processes are killed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::life::{Life, SOON};
use super::place::Place;
use super::provider::{Provider, Stage};
use super::submission::{Seen, Submission};
use crate::upstream::Gate;

/// A moment.
#[derive(Clone, Copy, Debug)]
pub enum Point {
    /// So long after everything was sent at once, by a provider that answers at once.
    After(Duration),
    /// While all but one operation wait for a place.
    Queued,
    /// When operations are written down as sent, and the provider has read none of it.
    Unread,
    /// So long after the provider was asked, which says nothing.
    Asked(Duration),
    /// So long after the provider has begun to send the first half of each answer.
    Half(Duration),
    /// So long after the provider has gone on with the other half.
    Answered(Duration),
    /// As soon as any picture is in the gallery.
    Storing,
}

impl Point {
    /// So many of them, spread over a life of that length: exact moments, and between them steps
    /// that are finer at the beginning, where more happens.
    pub fn spread(count: u32, life: Duration) -> Vec<Self> {
        let even = |index: u32| life * index / count;
        let finer = |index: u32| even(index) * index / count;
        let point = |index: u32| match index % 8 {
            0 => Self::Queued,
            1 => Self::Unread,
            2 => Self::Asked(even(index) / 4),
            3 => Self::Half(even(index) / 4),
            4 => Self::Storing,
            5 => Self::Answered(even(index)),
            _ => Self::After(finer(index)),
        };
        (0..count).map(point).collect()
    }

    fn stage(self, gate: &Gate) -> Stage {
        match self {
            Self::After(_) => Stage::Whole,
            Self::Half(_) | Self::Answered(_) | Self::Storing => Stage::Half(gate.clone()),
            Self::Queued | Self::Unread | Self::Asked(_) => Stage::Held(gate.clone()),
        }
    }
}

/// What was asked for in one life that was killed.
pub struct Killed {
    pub point: Point,
    pub requests: Vec<KilledRequest>,
}

pub struct KilledRequest {
    pub submission: Submission,
    pub seen: Seen,
    /// What the provider was asked for until then.
    pub calls: usize,
}

/// Lives a life over `place` up to the point.
pub async fn kill_at(
    point: Point,
    place: &Place,
    provider: &Provider,
    submissions: Vec<Submission>,
) -> Killed {
    let gate = Gate::closed();
    provider.set_stage(point.stage(&gate));
    let (calls_before, known) = (provider.count(), place.state_names().await);
    let images_before = place.image_count().await;
    // The system accepts connections for it, and nobody reads them.
    let deaf = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let life = match point {
        Point::Queued => Life::with_places(place, provider, 1).await,
        Point::Unread => {
            let url = format!("http://{}/v1", deaf.local_addr().unwrap());
            Life::with(place, &url, &[]).await
        }
        _ => Life::over(place, provider).await,
    };
    let sent: Vec<_> = submissions.iter().map(|one| one.send(&life)).collect();
    let all_asked = provider.asked(calls_before + submissions.len());
    match point {
        Point::After(delay) => sleep(delay).await,
        Point::Asked(delay) | Point::Half(delay) => {
            all_asked.await;
            sleep(delay).await;
        }
        Point::Answered(delay) => {
            all_asked.await;
            gate.open();
            sleep(delay).await;
        }
        Point::Storing => {
            all_asked.await;
            gate.open();
            let started = Instant::now();
            while place.image_count().await == images_before {
                assert!(started.elapsed() < SOON, "no picture is stored");
            }
        }
        Point::Queued => written(place, &known, "notRunning", 1).await,
        Point::Unread => written(place, &known, "running", submissions.len()).await,
    }
    life.kill().await;
    gate.open();
    provider.set_stage(Stage::Whole);
    let mut requests = Vec::new();
    for (submission, task) in submissions.into_iter().zip(sent) {
        requests.push(KilledRequest {
            seen: task.await.unwrap(),
            calls: provider.calls_for(&submission.prompt),
            submission,
        });
    }
    Killed { point, requests }
}

/// A life that is asked for the ends of what the last one has lost, and is killed as well.
pub async fn kill_while_asked(
    place: &Place,
    provider: &Provider,
    killed: &mut Killed,
    delay: Duration,
) {
    let life = Arc::new(Life::over(place, provider).await);
    let mut questions = JoinSet::new();
    for request in &killed.requests {
        let (submission, seen) = (request.submission.clone(), request.seen.clone());
        let life = life.clone();
        questions.spawn(async move { submission.ask(&life, &seen).await });
    }
    sleep(delay).await;
    life.signal("KILL");
    questions.join_all().await;
    let life = Arc::into_inner(life).expect("nobody asks any more");
    life.kill().await;
    for request in &mut killed.requests {
        request.calls = provider.calls_for(&request.submission.prompt);
    }
}

/// Waits until so many operations that are not known yet are written down in that status.
async fn written(place: &Place, known: &BTreeSet<String>, status: &str, count: usize) {
    let started = Instant::now();
    loop {
        let statuses = place.statuses_but(known).await;
        if statuses.values().filter(|found| *found == status).count() >= count {
            return;
        }
        assert!(started.elapsed() < SOON, "{statuses:?}, no {status}");
        sleep(Duration::from_millis(1)).await;
    }
}
