//! Processes over one account: what one of them loses, the others end when its lease is over.
//! One test, so that they all wait for that at the same time.

use futures_util::future::join_all;

use super::ends::{Tally, check, settle};
use super::life::Life;
use super::place::Place;
use super::points::{Point, kill_at};
use super::provider::Provider;
use super::submission::{Submission, ended};
use super::sudden::{check_coverage, length_of_a_life, repay_some};
use super::two::{a_stopped_owner_corrects_the_verdict, two_race_for_what_a_third_has_lost};

/// Pairs of containers at once, and kills over each.
const PAIRS: usize = 2;
const KILLS: u32 = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_loses_in_an_account_is_ended_by_others_and_paid_once() {
    let (tallies, (), ()) = tokio::join!(
        join_all((0..PAIRS).map(kill_over_containers)),
        two_race_for_what_a_third_has_lost(),
        a_stopped_owner_corrects_the_verdict(),
    );
    let mut tally = Tally::default();
    tallies.iter().for_each(|part| tally.merge(part));
    println!("over containers: {tally}");
    assert_eq!(tally.kills, PAIRS * KILLS as usize);
    check_coverage(&tally);
}

async fn kill_over_containers(pair: usize) -> Tally {
    let (place, provider) = (Place::new_containers(), Provider::start().await);
    let length = length_of_a_life(Place::new_containers(), &provider).await;
    let mut all_killed = Vec::new();
    for (number, point) in Point::spread(KILLS, length).into_iter().enumerate() {
        let batch = Submission::batch(&format!("pair {pair} kill {number}"));
        all_killed.push(kill_at(point, &place, &provider, batch).await);
    }
    let statuses = place.statuses().await;
    let life = Life::over(&place, &provider).await;
    let unfinished = |(_, status): &(&String, &String)| *status != "succeeded";
    // Ids sort by time: when the last one is given up, they all are.
    let (last, _) = statuses.iter().rfind(unfinished).unwrap();
    ended(&life, last).await;
    let mut settled = Vec::new();
    for killed in all_killed {
        settled.extend(settle(&life, killed, &statuses).await);
    }
    let mut tally = check(&life, &place, &provider, &settled).await;
    tally.kills = settled.len() / Submission::batch("").len();
    repay_some(&life, &provider, &settled).await;
    tally
}
