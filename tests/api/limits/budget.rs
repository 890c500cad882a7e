//! The day's budget: of all processes together, and given back for what surely cost nothing.

use super::{CALLS, Gate, Watch, assert_made, assert_refused, azurite, fox, limited, upstream};
use crate::{
    service::Service,
    upstream::{Answer, Upstream, picture},
};
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;
use time::OffsetDateTime;

const TWO: (&str, &str) = ("DAILY_IMAGE_BUDGET", "2");

#[tokio::test]
async fn a_spent_day_lasts_until_midnight_utc() {
    let upstream = upstream().await;
    let service = limited(&upstream, &Watch::default(), &[TWO]).await;
    let answer = service.generate(&json!({"prompt": "a", "n": 2})).await;
    assert_made(&answer);
    let policy = r#""day";q=2;w=86400;qu="images""#;
    assert_eq!(answer.header("ratelimit-policy"), policy);
    assert!(answer.header("ratelimit").starts_with(r#""day";r=0;t="#));
    let refused = service.generate(&fox()).await;
    let seconds = assert_refused(&refused, "budget_exhausted", "day");
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let midnight = (now + i64::try_from(seconds).unwrap()) % 86_400;
    let off = midnight.min(86_400 - midnight);
    assert!(off < 30, "{seconds} s are {off} s off midnight");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn what_surely_cost_nothing_is_given_back() {
    let upstream = Upstream::start().await;
    let service = limited(&upstream, &Watch::default(), &[TWO]).await;
    upstream.always(Answer::model_not_found("m"));
    for _ in 0..5 {
        let refused = service.generate(&fox()).await;
        refused.assert_problem(502, "model_not_found");
    }
    upstream.always(Answer::image(picture::small_png()));
    assert_made(&service.generate(&fox()).await);
    // A refusal may come from the provider's look at the picture, which is made then.
    upstream.always(Answer::moderation_blocked());
    assert_eq!(service.generate(&fox()).await.status, 400);
    let refused = service.generate(&fox()).await;
    assert_refused(&refused, "budget_exhausted", "day");
}

#[tokio::test]
async fn an_operation_is_charged_when_it_is_accepted_and_not_when_it_is_canceled_unsent() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    let picture = Answer::image(picture::small_png());
    upstream.always(picture.held_by(&gate));
    let settings = [TWO, ("MAX_CONCURRENT_GENERATIONS", "1")];
    let service = limited(&upstream, &Watch::default(), &settings).await;
    let running = service.submit(&fox()).await.operation_id();
    let queued = service.submit(&fox()).await.operation_id();
    assert_refused(&service.submit(&fox()).await, "budget_exhausted", "day");
    assert_eq!(service.cancel(&queued).await.json()["status"], "canceled");
    // What is given back is there once the one that waited knows that it is canceled.
    let mut accepted = service.submit(&fox()).await;
    while accepted.status == 429 {
        tokio::task::yield_now().await;
        accepted = service.submit(&fox()).await;
    }
    gate.open();
    for id in [running, accepted.operation_id()] {
        assert_eq!(service.ended(&id).await["status"], "succeeded");
    }
    assert_refused(&service.submit(&fox()).await, "budget_exhausted", "day");
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}

#[tokio::test]
async fn nothing_is_paid_where_it_cannot_be_counted() {
    let upstream = upstream().await;
    let service = limited(
        &upstream,
        &Watch::default(),
        &[("DAILY_IMAGE_BUDGET", "50")],
    )
    .await;
    assert_made(&service.generate(&fox()).await);
    let days = std::fs::read_dir(service.folder().join("state/budget")).unwrap();
    for day in days {
        std::fs::write(day.unwrap().path(), "no count").unwrap();
    }
    let refused = service.generate(&fox()).await;
    refused.assert_problem(502, "storage_error");
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

/// Two containers of one account.
struct Account {
    connection: String,
    images: String,
    state: String,
}

impl Account {
    fn new() -> Self {
        let [images, state] = ["images", "state"].map(azurite::new_container);
        Self {
            connection: azurite::connection_string(),
            images,
            state,
        }
    }

    async fn service(&self, upstream: &Upstream, settings: &[(&str, &str)]) -> Service {
        let base_url = upstream.base_url();
        let account = [
            ("OPENAI_BASE_URL", base_url.as_str()),
            ("AZURE_STORAGE_CONNECTION_STRING", &self.connection),
            ("IMAGES_CONTAINER", &self.images),
            ("STATE_CONTAINER", &self.state),
        ];
        Service::start_with(&[&account[..], settings].concat(), |config| {
            config.operations.heartbeat = Duration::from_millis(50);
            config.operations.poll_pause = Duration::from_millis(20);
        })
        .await
    }
}

#[tokio::test]
async fn two_processes_under_load_make_no_more_than_the_budget_and_waste_two_lots_at_most() {
    let (upstream, account) = (upstream().await, Account::new());
    let settings = [("DAILY_IMAGE_BUDGET", "100")]; // lots of two
    let one = account.service(&upstream, &settings).await;
    let other = account.service(&upstream, &settings).await;
    let body = fox();
    let requests = (0..400).map(|number| match number % 2 {
        0 => one.generate(&body),
        _ => other.generate(&body),
    });
    let answers = join_all(requests).await;
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        match answer.json()["code"].as_str() {
            Some("too_many_generations") => {} // the queue was full
            _ => drop(assert_refused(answer, "budget_exhausted", "day")),
        }
    }
    assert_eq!(upstream.requests_to(CALLS).len(), made);
    assert!((96..=100).contains(&made), "{made}");
}

#[tokio::test]
async fn what_a_process_had_reserved_is_there_for_others_when_it_ends() {
    let (upstream, account) = (upstream().await, Account::new());
    let settings = [("DAILY_IMAGE_BUDGET", "100")];
    let mut one = account.service(&upstream, &settings).await;
    assert_made(&one.generate(&fox()).await);
    one.stop().await;
    let other = account.service(&upstream, &settings).await;
    let answer = other.generate(&fox()).await;
    assert_made(&answer);
    let left = answer.header("ratelimit");
    assert!(left.starts_with(r#""day";r=98;"#), "{left}");
}

#[tokio::test]
async fn an_operation_that_another_process_takes_up_is_charged_once() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.always(Answer::image(picture::small_png()).held_by(&gate));
    let account = Account::new();
    let place = ("MAX_CONCURRENT_GENERATIONS", "1");
    let mut owner = account.service(&upstream, &[TWO, place]).await;
    let running = owner.submit(&fox()).await.operation_id();
    upstream.wait_for_requests_to(CALLS, 1).await;
    let queued = owner.submit(&fox()).await.operation_id();
    let heir = account.service(&upstream, &[TWO, place]).await;
    let ((), ()) = tokio::join!(owner.stop(), async {
        upstream.wait_for_requests_to(CALLS, 1).await;
        // Handed over, it is taken up by whoever asks.
        while upstream.requests_to(CALLS).len() < 2 {
            heir.operation(&queued).await;
            tokio::task::yield_now().await;
        }
        gate.open();
    });
    for id in [&running, &queued] {
        assert_eq!(heir.ended(id).await["status"], "succeeded");
    }
    assert_refused(&heir.generate(&fox()).await, "budget_exhausted", "day");
    assert_eq!(upstream.requests_to(CALLS).len(), 2);
}
