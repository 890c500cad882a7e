//! Several processes over one account at once: one lives and keeps its work, one is killed and
//! two race for what it has left, one is stopped for longer than its lease and goes on.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::ends::check_addresses;
use super::life::{Life, SOON};
use super::place::Place;
use super::provider::{Provider, Stage};
use super::submission::{Kind, LONGEST_END, Submission, end_of, ended, look};

/// The program's own: nobody else's work is taken up before.
const LEASE: Duration = Duration::from_secs(45);

/// Between two questions of both racers at one moment.
const PAUSE: Duration = Duration::from_millis(200);

fn accepted(prompt: &str) -> Submission {
    Submission::new(Kind::Accepted, prompt.to_owned())
}

async fn accept(life: &Life, submission: &Submission) -> String {
    let seen = submission.send(life).await.unwrap();
    seen.id.expect("it was accepted")
}

/// The first has one at the provider, which answers nothing, and the others wait behind it.
async fn start_queue(life: &Life, provider: &Provider, all: &[Submission]) -> Vec<String> {
    let mut ids = Vec::new();
    for (index, submission) in all.iter().enumerate() {
        ids.push(accept(life, submission).await);
        if index == 0 {
            provider.asked_for(&submission.prompt).await;
        }
    }
    ids
}

pub async fn two_race_for_what_a_third_has_lost() {
    let (place, provider) = (Place::new_containers(), Provider::start().await);
    let gate = provider.hold();
    let living = Life::with_places(&place, &provider, 1).await;
    let kept = [accepted("kept and sent"), accepted("kept and queued")];
    let kept_ids = start_queue(&living, &provider, &kept).await;
    let owner = Life::with_places(&place, &provider, 1).await;
    let lost: Vec<Submission> = (0..9)
        .map(|index| accepted(&format!("lost {index}")))
        .collect();
    let lost_ids = start_queue(&owner, &provider, &lost).await;
    let in_no_state = Submission::new(Kind::Waiting, "waits for a place".to_owned());
    let in_no_state_sent = in_no_state.send(&owner);
    let racers = [
        Life::over(&place, &provider).await,
        Life::over(&place, &provider).await,
    ];
    check_queue(&racers[0], &lost_ids).await;
    let (status, repeated) = lost[1].repeat_accepted(&racers[0]).await;
    assert_eq!((status, repeated), (202, Some(lost_ids[1].clone())));

    owner.kill().await;
    let killed_at = Instant::now();
    provider.set_stage(Stage::Whole);
    assert!(!in_no_state_sent.await.unwrap().success);
    check_queue(&racers[1], &lost_ids).await;
    // Its first one's end is not known, and it is not sent again to find out.
    let (status, problem) = lost[0].repeat(&racers[0], &json!({})).await;
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("idempotency_key_in_use"))
    );
    let operations = race(&racers, &lost_ids).await;
    assert!(
        killed_at.elapsed() > LEASE - PAUSE,
        "{:?}",
        killed_at.elapsed()
    );
    assert_eq!(end_of(&operations[0]).code.as_deref(), Some("interrupted"));
    for (operation, submission) in operations.iter().zip(&lost).skip(1) {
        let end = end_of(operation);
        check_addresses(&racers[1], &end, &submission.prompt).await;
        assert_eq!(end.images.len(), 1);
    }
    assert_eq!(in_no_state.repeat(&racers[0], &json!({})).await.0, 200);
    assert_eq!(
        lost[0].repeat(&racers[1], &json!({})).await.1["code"],
        "interrupted"
    );

    // All the while the other process was at work on its own, for longer than a lease.
    check_queue(&racers[0], &kept_ids).await;
    gate.open();
    for id in &kept_ids {
        assert_eq!(ended(&racers[0], id).await.images.len(), 1);
    }
    for submission in lost.iter().chain(&kept).chain([&in_no_state]) {
        assert_eq!(provider.calls_for(&submission.prompt), 1, "{submission:?}");
    }
}

/// The first is sent, the others wait.
async fn check_queue(asked: &Life, ids: &[String]) {
    for (index, id) in ids.iter().enumerate() {
        let expected = if index == 0 { "running" } else { "notRunning" };
        assert_eq!(look(asked, id, 0).await["status"], expected, "{index}");
    }
}

/// Both ask for all of them at the same moments, until they have ended.
async fn race(racers: &[Life; 2], ids: &[String]) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let questions = ids
            .iter()
            .flat_map(|id| racers.each_ref().map(|racer| look(racer, id, 0)));
        let answers = join_all(questions).await;
        let has_ended = |operation: &Value| {
            let status = operation["status"].as_str();
            !matches!(status, Some("notRunning" | "running"))
        };
        if answers.iter().all(has_ended) {
            return answers.into_iter().step_by(2).collect();
        }
        assert!(started.elapsed() < LONGEST_END, "no end: {answers:?}");
        sleep(PAUSE).await;
    }
}

pub async fn a_stopped_owner_corrects_the_verdict() {
    let (place, provider) = (Place::new_containers(), Provider::start().await);
    let gate = provider.hold();
    let owner = Life::over(&place, &provider).await;
    let batch = Submission::batch("stopped");
    let callers: Vec<_> = batch.iter().map(|one| one.send(&owner)).collect();
    provider.asked(batch.len()).await;
    owner.signal("STOP");
    let other = Life::over(&place, &provider).await;
    let ids: Vec<String> = place.statuses().await.into_keys().collect();
    assert_eq!(ids.len(), batch.len());
    for end in join_all(ids.iter().map(|id| ended(&other, id))).await {
        assert_eq!(end.code.as_deref(), Some("interrupted"));
    }
    for submission in batch.iter().filter(|one| one.has_key()) {
        let (_, problem) = submission.repeat(&other, &json!({})).await;
        assert_eq!(problem["code"], "interrupted", "{submission:?}");
    }

    gate.open();
    owner.signal("CONT");
    for (submission, caller) in batch.iter().zip(callers) {
        let seen = caller.await.unwrap();
        // The watchdog of an event stream takes the stop for a reader that reads no more.
        if submission.kind == Kind::Waiting {
            assert!(seen.success, "{submission:?}");
        }
        let end = corrected(&other, &seen.id.unwrap()).await;
        assert_eq!(
            end["result"]["imageList"].as_array().unwrap().len(),
            submission.images()
        );
        check_addresses(&other, &end_of(&end), &submission.prompt).await;
        if submission.has_key() {
            assert_eq!(submission.repeat(&other, &json!({})).await.0, 200);
        }
        assert_eq!(provider.calls_for(&submission.prompt), 1, "{submission:?}");
    }
}

/// A verdict is an end, so only asking again shows that it has been corrected.
async fn corrected(life: &Life, id: &str) -> Value {
    let started = Instant::now();
    loop {
        let operation = look(life, id, 0).await;
        if operation["status"] == "succeeded" {
            return operation;
        }
        assert!(started.elapsed() < SOON, "{operation}");
        sleep(PAUSE).await;
    }
}
