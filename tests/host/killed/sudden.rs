//! SIGKILL at a hundred points of an operation's life. A folder's lost operations are known at
//! once, those in an account (see `account.rs`) when the lease is over.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::ends::{Phase, Settled, Tally, check, check_repayment, settle};
use super::life::Life;
use super::place::Place;
use super::points::{Point, kill_at, kill_while_asked};
use super::provider::Provider;
use super::submission::{Kind, Submission, ended, look};

/// Kills of processes over folders: so many folders at once, and so many kills over each.
const FOLDERS: usize = 3;
const KILLS: u32 = 40;

/// Behind each of so many kills the next process is killed, too, while it is asked for the ends.
const KILLED_AGAIN: usize = 3;

/// How many failures are paid for again.
const REPAID: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_a_process_is_killed_the_next_one_over_its_folder_ends_its_work_and_pays_once() {
    let chains = join_all((0..FOLDERS).map(kill_over_one_folder)).await;
    let mut tally = Tally::default();
    chains.iter().for_each(|chain| tally.merge(chain));
    println!("over folders: {tally}");
    assert_eq!(tally.kills, FOLDERS * KILLS as usize);
    check_coverage(&tally);
}

/// The kills have hit every phase, or they show nothing.
pub fn check_coverage(tally: &Tally) {
    for phase in [
        Phase::Unwritten,
        Phase::Waiting,
        Phase::Sent,
        Phase::Asked,
        Phase::Answering,
        Phase::Ended,
    ] {
        assert!(tally.of(phase) > 0, "none was killed as {phase:?}: {tally}");
    }
    let stored = tally.of(Phase::PartlyStored) + tally.of(Phase::Stored);
    assert!(stored > 0, "none was killed with images: {tally}");
}

async fn kill_over_one_folder(folder: usize) -> Tally {
    let (place, provider) = (Place::new_folder(), Provider::start().await);
    let length = length_of_a_life(Place::new_folder(), &provider).await;
    let mut settled = Vec::new();
    for (number, point) in Point::spread(KILLS, length).into_iter().enumerate() {
        let batch = Submission::batch(&format!("folder {folder} kill {number}"));
        let mut killed = kill_at(point, &place, &provider, batch).await;
        let mut statuses = place.statuses().await;
        if number % KILLED_AGAIN == 0 {
            let delay = length * u32::try_from(number).unwrap() / KILLS / 4;
            kill_while_asked(&place, &provider, &mut killed, delay).await;
            // What had been sent before is lost since then, whatever the second life made of it.
            let was_sent = |status: &String| status != "notRunning";
            let mut latest = place.statuses().await;
            latest.extend(statuses.into_iter().filter(|(_, status)| was_sent(status)));
            statuses = latest;
        }
        let life = Life::over(&place, &provider).await;
        settled.extend(settle(&life, killed, &statuses).await);
        life.kill().await;
    }
    let life = Life::over(&place, &provider).await;
    let mut tally = check(&life, &place, &provider, &settled).await;
    tally.kills = settled.len() / Submission::batch("").len();
    repay_some(&life, &provider, &settled).await;
    tally
}

/// How long a batch takes that nothing happens to, from its first request to its last end.
pub async fn length_of_a_life(place: Place, provider: &Provider) -> Duration {
    let life = Life::over(&place, provider).await;
    let started = Instant::now();
    let batch = Submission::batch("calm");
    let sent = join_all(batch.iter().map(|one| one.send(&life))).await;
    for seen in sent {
        let id = seen.unwrap().id.expect("it was accepted");
        assert_eq!(ended(&life, &id).await.code, None);
    }
    started.elapsed()
}

/// Only who says so pays again.
pub async fn repay_some(life: &Life, provider: &Provider, settled: &[Settled]) {
    let interrupted = settled.iter().filter(|one| one.was_interrupted());
    for one in interrupted.take(REPAID) {
        check_repayment(life, provider, one).await;
    }
}

/// The worst of luck: whoever takes the work up is killed as well.
#[tokio::test]
async fn work_that_was_taken_up_and_lost_again_after_it_was_sent_is_not_paid_again() {
    let (place, provider) = (Place::new_folder(), Provider::start().await);
    let queue = |index| Submission::new(Kind::Accepted, format!("twice lost {index}"));
    let queue = (0..4).map(queue).collect();
    let killed = kill_at(Point::Queued, &place, &provider, queue).await;
    let waiting = place.statuses().await;
    let waiting = waiting.iter().filter(|(_, status)| *status == "notRunning");
    let waiting: Vec<&String> = waiting.map(|(id, _)| id).collect();
    let (asked_before, gate) = (provider.count(), provider.hold());
    let life = Life::over(&place, &provider).await;
    for id in &waiting {
        look(&life, id, 0).await;
    }
    provider.asked(asked_before + waiting.len()).await;
    life.kill().await;
    gate.open();
    let life = Life::over(&place, &provider).await;
    for id in &waiting {
        assert_eq!(ended(&life, id).await.code.as_deref(), Some("interrupted"));
    }
    for request in killed.requests {
        let submission = &request.submission;
        submission.end(&life, &request.seen).await;
        assert_eq!(provider.calls_for(&submission.prompt), 1, "{submission:?}");
    }
}
