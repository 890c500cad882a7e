//! Limits over a folder, by a clock that stands still until it is told to go on.

mod overtaken;

use super::*;
use crate::storage::{
    Container,
    directory::{DirectorySettings, DirectoryStore},
};
use overtaken::Overtaken;
use std::sync::Mutex;
use time::OffsetDateTime;

/// Noon of a day that is never today.
const NOON: i64 = 2_000_000_000 - 2_000_000_000 % 86_400 + 43_200;

struct Watch(Arc<Mutex<Duration>>);

impl Watch {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Duration::from_secs(100))))
    }

    fn go_on(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    fn clock(&self) -> Clock {
        let elapsed = self.0.clone();
        let noon = OffsetDateTime::from_unix_timestamp(NOON).unwrap();
        Clock::by(move || {
            let elapsed = *elapsed.lock().unwrap();
            let utc = noon + elapsed;
            Moment { elapsed, utc }
        })
    }
}

fn store(folder: &tempfile::TempDir) -> Arc<dyn BlobStore> {
    let settings = DirectorySettings {
        root: folder.path().to_owned(),
        lock_wait: Duration::ZERO,
    };
    Arc::new(DirectoryStore::open(&settings).unwrap())
}

fn limits(budget: u32, store: &Arc<dyn BlobStore>, watch: &Watch) -> Arc<Limits> {
    let settings = LimitSettings {
        images_per_day: Some(budget),
        clock: watch.clock(),
        store_clock_for: Duration::MAX,
        ..LimitSettings::off()
    };
    Arc::new(Limits::new(&settings, store.clone()))
}

const SOMEBODY: Caller = Caller::Unknown;

async fn take(limits: &Arc<Limits>, images: u32) -> Result<SpentCharge, Refusal> {
    match limits.charge(SOMEBODY, images).await {
        Ok(charge) => Ok(charge.spend()),
        Err(ChargeError::Refused(refusal)) => Err(refusal),
        Err(error) => panic!("{error:?}"),
    }
}

async fn take_all(limits: &Arc<Limits>) -> u32 {
    let mut taken = 0;
    while take(limits, 1).await.is_ok() {
        taken += 1;
    }
    taken
}

async fn names(store: &Arc<dyn BlobStore>) -> Vec<String> {
    let query = crate::storage::ListQuery::default();
    let page = store.list(Container::State, &query).await.unwrap();
    page.items.into_iter().map(|item| item.name).collect()
}

#[tokio::test]
async fn two_processes_never_spend_more_than_the_budget_and_leave_a_lot_at_most() {
    let (folder, watch) = (tempfile::tempdir().unwrap(), Watch::new());
    let store = store(&folder);
    let (one, other) = (limits(100, &store, &watch), limits(100, &store, &watch));
    let mut taken = 0;
    for round in 0..200 {
        let process = if round % 3 == 0 { &one } else { &other };
        taken += u32::from(take(process, 1).await.is_ok());
    }
    assert!((98..=100).contains(&taken), "{taken}");
    assert_eq!(taken + take_all(&one).await + take_all(&other).await, 100);
}

#[tokio::test]
async fn many_at_once_get_each_image_once() {
    let (folder, watch) = (tempfile::tempdir().unwrap(), Watch::new());
    let store = store(&folder);
    let limits = limits(30, &store, &watch);
    let tasks: Vec<_> = (0..60)
        .map(|_| {
            let limits = limits.clone();
            tokio::spawn(async move { take(&limits, 1).await.is_ok() })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += u32::from(task.await.unwrap());
    }
    assert_eq!(taken, 30);
}

#[tokio::test]
async fn a_spent_budget_says_when_there_is_more_and_then_there_is() {
    let (folder, watch) = (tempfile::tempdir().unwrap(), Watch::new());
    let store = store(&folder);
    let limits = limits(3, &store, &watch);
    assert_eq!(
        take(&limits, 4).await.err().map(|it| it.limit),
        Some(Limit::Day)
    );
    assert_eq!(take_all(&limits).await, 3);
    let refusal = take(&limits, 1).await.err().unwrap();
    // The store's clock, not the watch's calendar, tells when midnight is.
    assert!(refusal.retry_after <= Duration::from_secs(24 * 3600));
    watch.go_on(refusal.retry_after - Duration::from_secs(1));
    assert!(take(&limits, 1).await.is_err());
    watch.go_on(Duration::from_secs(2));
    assert_eq!(take_all(&limits).await, 3);
    let status = limits.status(Counted::Images, SOMEBODY);
    assert_eq!((status[0].remaining, status[0].quota), (0, 3));
    assert!(status[0].full_after > Duration::from_secs(24 * 3600 - 10));
}

#[tokio::test]
async fn a_wrong_date_of_this_machine_is_no_new_budget() {
    let (folder, watch) = (tempfile::tempdir().unwrap(), Watch::new());
    let store = store(&folder);
    let wrong = limits(2, &store, &watch);
    assert_eq!(take_all(&wrong).await, 2);
    let settings = LimitSettings {
        images_per_day: Some(2),
        ..LimitSettings::off()
    };
    let right = Arc::new(Limits::new(&settings, store.clone()));
    assert_eq!(take_all(&right).await, 0);
}

#[tokio::test]
async fn a_wrong_date_of_this_machine_is_no_spent_budget_either() {
    let (folder, watch) = (tempfile::tempdir().unwrap(), Watch::new());
    let store = store(&folder);
    let wrong_day = watch.clock().now().utc.date();
    let spent = folder.path().join(format!("state/budget/{wrong_day}"));
    std::fs::create_dir_all(spent.parent().unwrap()).unwrap();
    std::fs::write(spent, r#"{"reserved":2}"#).unwrap();
    assert_eq!(take_all(&limits(2, &store, &watch)).await, 2);
}

#[tokio::test]
async fn a_machine_that_slept_asks_the_store_what_day_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (store, watch) = (store(&folder), Watch::new());
    let slept = Arc::new(Mutex::new(Duration::ZERO));
    let clock = {
        let (awake, slept) = (watch.clock(), slept.clone());
        Clock::by(move || {
            let mut moment = awake.now();
            moment.utc += *slept.lock().unwrap();
            moment
        })
    };
    let settings = LimitSettings {
        images_per_day: Some(2),
        clock,
        ..LimitSettings::off()
    };
    let limits = Arc::new(Limits::new(&settings, store.clone()));
    assert_eq!(take_all(&limits).await, 2);
    let today = names(&store).await;
    let count = folder.path().join("state").join(&today[0]);
    let before = std::fs::read(&count).unwrap();
    watch.go_on(Duration::from_secs(10));
    assert_eq!(take_all(&limits).await, 0);
    assert_eq!(
        std::fs::read(&count).unwrap(),
        before,
        "it was asked already"
    );
    watch.go_on(Duration::from_secs(10));
    *slept.lock().unwrap() = Duration::from_secs(12 * 3600);
    assert_eq!(take_all(&limits).await, 0);
    assert_ne!(std::fs::read(&count).unwrap(), before, "it was not asked");
}

#[tokio::test]
async fn what_is_given_back_can_be_spent_by_others() {
    let (folder, watch) = (tempfile::tempdir().unwrap(), Watch::new());
    let store = store(&folder);
    let (one, other) = (limits(10, &store, &watch), limits(10, &store, &watch));
    let mut charges = Vec::new();
    while let Ok(charge) = take(&one, 1).await {
        charges.push(charge);
    }
    assert_eq!((charges.len(), take_all(&other).await), (10, 0));
    drop(charges.split_off(5)); // spent
    charges.into_iter().for_each(SpentCharge::cost_nothing);
    one.finish().await;
    // What is more than a lot goes back in tasks of their own.
    watch.go_on(Duration::from_secs(5));
    let mut taken = 0;
    while taken < 5 {
        taken += take_all(&other).await;
        watch.go_on(Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    assert_eq!(taken + take_all(&other).await, 5);
}

#[tokio::test]
async fn what_was_written_though_the_store_says_that_another_did_is_not_written_twice() {
    let (folder, watch) = (tempfile::tempdir().unwrap(), Watch::new());
    let store = store(&folder);
    let other = limits(100, &store, &watch); // lots of two
    let overtaken = Arc::new(Overtaken::new(store.clone(), other.clone()));
    let one = limits(100, &(overtaken.clone() as Arc<dyn BlobStore>), &watch);
    let take_once = async |limits| drop(take(limits, 1).await.unwrap());
    take_once(&one).await;
    take_once(&other).await;
    take_once(&one).await;
    overtaken.arm();
    take_once(&one).await; // a lot
    assert_eq!(overtaken.taken(), 2);
    overtaken.arm();
    one.finish().await; // the rest of it goes back
    assert_eq!(overtaken.taken(), 4);
    assert_eq!(4 + overtaken.taken() + take_all(&other).await, 100);
}

#[tokio::test]
async fn a_charge_that_is_dropped_was_never_taken() {
    let (folder, watch) = (tempfile::tempdir().unwrap(), Watch::new());
    let store = store(&folder);
    let settings = LimitSettings {
        caller_per_minute: Some(2),
        images_per_day: Some(3),
        clock: watch.clock(),
        ..LimitSettings::off()
    };
    let limits = Arc::new(Limits::new(&settings, store));
    assert_eq!(limits.most_images_at_once(SOMEBODY), Some(2));
    assert_eq!(limits.most_images_at_once(Caller::KeyHolder), Some(3));
    for _ in 0..5 {
        drop(limits.charge(SOMEBODY, 2).await.unwrap());
    }
    drop(take(&limits, 2).await.unwrap());
    let refused = take(&limits, 1).await.err().unwrap();
    let half_a_minute = Duration::from_secs(30);
    assert_eq!(
        (refused.limit, refused.retry_after),
        (Limit::Caller, half_a_minute)
    );
    // The minute's part goes back where the day refuses.
    watch.go_on(Duration::from_secs(60));
    assert_eq!(
        take(&limits, 2).await.err().map(|it| it.limit),
        Some(Limit::Day)
    );
    limits.look(SOMEBODY, 2).unwrap();
}

#[tokio::test]
async fn whoever_leaves_while_a_lot_is_reserved_takes_nothing_along() {
    let (folder, watch) = (tempfile::tempdir().unwrap(), Watch::new());
    let store = store(&folder);
    let limits = limits(3, &store, &watch);
    for _ in 0..3 {
        let mut charging = Box::pin(limits.charge(SOMEBODY, 1));
        assert!(futures_util::poll!(charging.as_mut()).is_pending());
    }
    assert_eq!(take_all(&limits).await, 3);
}

#[tokio::test]
async fn a_count_that_cannot_be_read_lets_nothing_be_paid() {
    let (folder, watch) = (tempfile::tempdir().unwrap(), Watch::new());
    let store = store(&folder);
    let limits = limits(100, &store, &watch);
    drop(take(&limits, 2).await.unwrap());
    let found = names(&store).await;
    let day = found.iter().find(|name| name.starts_with("budget/"));
    let path = folder.path().join("state").join(day.unwrap());
    std::fs::write(path, "no count").unwrap();
    let charged = limits.charge(SOMEBODY, 1).await;
    assert!(matches!(charged, Err(ChargeError::Unavailable(_))));
}

#[tokio::test]
async fn days_that_are_over_are_removed() {
    let (folder, watch) = (tempfile::tempdir().unwrap(), Watch::new());
    let store = store(&folder);
    let limits = limits(100, &store, &watch);
    drop(take(&limits, 1).await.unwrap());
    let days = names(&store).await;
    let old = folder.path().join("state").join(&days[0]);
    limits.remove_old_days().await.unwrap();
    assert_eq!(names(&store).await, days);
    let three_days = Duration::from_secs(3 * 24 * 3600);
    let file = std::fs::File::options().write(true).open(old).unwrap();
    let then = file.metadata().unwrap().modified().unwrap() - three_days;
    file.set_modified(then).unwrap();
    limits.remove_old_days().await.unwrap();
    let left = names(&store).await;
    assert_eq!(left.len(), days.len() - 1);
    assert!(!left.contains(&days[0]));
}
