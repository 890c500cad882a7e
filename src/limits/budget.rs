//! The day's budget of all processes together: a count in the state container, from which each
//! process reserves a lot at a time. The sum of all lots is never more than the budget; what a
//! process that was killed had reserved and not spent, a lot at most, stays unspent that day.

mod held;
mod ledger;

use super::{ChargeError, Clock, Counted, Limit, LimitSettings, PolicyStatus, Refusal};
use crate::storage::{BlobStore, StorageError};
use held::Held;
use ledger::Ledger;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use time::Date;
use tokio::sync::Mutex as AsyncMutex;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A lot is this part of the budget: fifty writes a day and process, or one for each image where
/// the budget is small.
const LOTS: u32 = 50;

/// And so many images at the most, for that is what a process may leave unspent.
const LARGEST_LOT: u32 = 20;

/// How often a count is asked for that others change all the while.
const ROUNDS: u32 = 200;

/// Pauses in between grow by this, up to [`LONGEST_PAUSE`].
const PAUSE_STEP: Duration = Duration::from_millis(2);

const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// A process that is to stop has little time.
const LONGEST_FAREWELL: Duration = Duration::from_secs(3);

const NOT_GIVEN_BACK: &str = "unspent images of the daily budget could not be given back";

/// What one process has to do with the budget.
pub(super) struct Budget {
    images: u32,
    lot: u32,
    ledger: Ledger,
    clock: Clock,
    spent_for: Duration,
    store_clock_for: Duration,
    held: Mutex<Held>,
    /// One request at a time reserves, for all that wait.
    reserving: AsyncMutex<()>,
}

/// Images that were taken from a day for a request that has not begun. Dropped, they go back:
/// whoever leaves takes none along, not even those that are reserved for it just then.
pub(super) struct TakenBudget(Option<SpentBudget>);

impl TakenBudget {
    /// The request has begun.
    pub fn spend(mut self) -> Option<SpentBudget> {
        self.0.take()
    }
}

impl Drop for TakenBudget {
    fn drop(&mut self) {
        if let Some(taken) = self.0.take() {
            taken.give_back();
        }
    }
}

/// Images that were taken from a day, for good unless they are given back.
pub(super) struct SpentBudget {
    budget: Arc<Budget>,
    day: Date,
    images: u32,
}

impl SpentBudget {
    /// They were not used after all.
    pub fn give_back(self) {
        self.budget.take_back(self.day, self.images);
    }
}

impl Budget {
    pub fn new(images: u32, store: Arc<dyn BlobStore>, settings: &LimitSettings) -> Self {
        Self {
            images,
            lot: (images / LOTS).clamp(1, LARGEST_LOT),
            ledger: Ledger::new(store),
            clock: settings.clock.clone(),
            spent_for: settings.spent_for,
            store_clock_for: settings.store_clock_for,
            held: Mutex::default(),
            reserving: AsyncMutex::default(),
        }
    }

    /// The whole budget of a day.
    pub fn images(&self) -> u32 {
        self.images
    }

    /// Takes images from the day.
    ///
    /// # Errors
    /// [`ChargeError`]; then nothing is taken.
    pub async fn take(self: Arc<Self>, images: u32) -> Result<TakenBudget, ChargeError> {
        if let Some(day) = self.take_held(images) {
            return Ok(self.taken(day, images));
        }
        // Comes to its end whoever leaves meanwhile: the lot is for all that wait.
        let reserving = tokio::spawn(async move {
            let _turn = self.reserving.lock().await;
            let day = match self.take_held(images) {
                Some(day) => day, // by whoever reserved before
                None => self.reserve(images).await?,
            };
            Ok(self.taken(day, images))
        });
        let lost = |error| ChargeError::Unavailable(StorageError::failed("reserve", error));
        reserving.await.map_err(lost)?
    }

    /// What this process knows: never more than is left, and less by what others hold.
    pub fn status(&self) -> PolicyStatus {
        let (held, now) = (self.lock(), self.clock.now());
        let utc = held.utc(now);
        PolicyStatus {
            counted: Counted::Images,
            limit: Limit::Day,
            quota: self.images,
            window: DAY,
            remaining: held.known_left(utc.date(), self.images),
            full_after: held::until_midnight(utc),
        }
    }

    /// Gives back what was not spent. Where that fails it stays unspent today.
    pub async fn finish(&self) {
        let held = self.lock().take_all();
        let returning = async {
            if let Some((day, images)) = held {
                self.ledger.take_back(day, images).await?;
            }
            while self.lock().returning > 0 {
                tokio::time::sleep(PAUSE_STEP).await;
            }
            Ok::<_, StorageError>(())
        };
        match tokio::time::timeout(LONGEST_FAREWELL, returning).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "{NOT_GIVEN_BACK}"),
            Err(_) => tracing::warn!("{NOT_GIVEN_BACK} in time"),
        }
    }

    pub async fn remove_old_days(&self) -> Result<(), StorageError> {
        self.ledger.remove_older_than(DAY * 2).await
    }

    fn taken(self: &Arc<Self>, day: Date, images: u32) -> TakenBudget {
        TakenBudget(Some(SpentBudget {
            budget: self.clone(),
            day,
            images,
        }))
    }

    fn take_held(&self, images: u32) -> Option<Date> {
        let mut held = self.lock();
        let today = held.utc(self.clock.now()).date();
        held.take(today, images).then_some(today)
    }

    /// Reserves a lot, or what the request needs if that is more, and takes the request's part.
    async fn reserve(&self, images: u32) -> Result<Date, ChargeError> {
        for round in 0..ROUNDS {
            tokio::time::sleep((PAUSE_STEP * round).min(LONGEST_PAUSE)).await;
            let (day, missing) = self.missing(images)?;
            let page = self
                .ledger
                .read(day)
                .await
                .map_err(ChargeError::Unavailable)?;
            let left = self.images.saturating_sub(page.reserved);
            let is_there = left >= missing;
            if !is_there && self.lock().returning > 0 {
                continue; // what this process gives back is on its way
            }
            if !is_there && self.knows_day() {
                return Err(self.refuse(day, left).into());
            }
            let lot = match is_there {
                true => missing.max(self.lot).min(left),
                false => 0, // a write tells the store's time: it may be another day
            };
            match self.ledger.reserve(day, &page, lot).await {
                Ok(()) => {}
                Err(StorageError::Changed | StorageError::AlreadyExists) => continue,
                Err(error) => return Err(ChargeError::Unavailable(error)),
            }
            if self.is_today(day, lot).await? && self.keep(day, lot, left - lot, images) {
                return Ok(day);
            }
        }
        let error = "its count changes all the while";
        Err(ChargeError::Unavailable(StorageError::failed(
            "reserve", error,
        )))
    }

    /// Today, and what is missing for the request; refuses what is known not to be there.
    fn missing(&self, images: u32) -> Result<(Date, u32), Refusal> {
        let (held, now) = (self.lock(), self.clock.now());
        let utc = held.utc(now);
        let missing = images.saturating_sub(held.images(utc.date()));
        match held.is_known_spent(utc.date(), missing, now.elapsed) {
            true => Err(refusal(held::until_midnight(utc))),
            false => Ok((utc.date(), missing)),
        }
    }

    fn refuse(&self, day: Date, left: u32) -> Refusal {
        let (mut held, now) = (self.lock(), self.clock.now());
        held.note_left(day, left, now.elapsed + self.spent_for);
        refusal(held::until_midnight(held.utc(now)))
    }

    /// Puts a reserved lot beside what is held and takes the request's part, which may be gone
    /// meanwhile to smaller requests.
    fn keep(&self, day: Date, lot: u32, left: u32, images: u32) -> bool {
        let mut held = self.lock();
        held.add(day, lot);
        held.note_left(day, left, Duration::ZERO);
        held.take(day, images)
    }

    /// Whether the store agrees on the day: what it wrote just now tells its time. Where it does
    /// not, the lot goes back, and from now on the store's day is the day.
    async fn is_today(&self, day: Date, lot: u32) -> Result<bool, ChargeError> {
        if self.knows_day() {
            return Ok(true);
        }
        let asked_at = self.clock.now();
        let unavailable = ChargeError::Unavailable;
        let written_at = match self.ledger.last_written(day).await {
            Ok(written_at) => written_at,
            Err(error) => {
                // Where this fails too, it stays unspent.
                let _ = self.ledger.take_back(day, lot).await;
                return Err(unavailable(error));
            }
        };
        self.lock().note_store_clock(written_at, asked_at);
        if written_at.date() == day {
            return Ok(true);
        }
        tracing::warn!(%day, store = %written_at.date(), "this machine's date is not the store's, which counts");
        self.ledger.take_back(day, lot).await.map_err(unavailable)?;
        Ok(false)
    }

    /// Whether the store was asked lately what time it is.
    fn knows_day(&self) -> bool {
        let now = self.clock.now();
        self.lock().knows_store_clock(now, self.store_clock_for)
    }

    /// Images that were not used. What is more than a lot goes back to all.
    fn take_back(self: &Arc<Self>, day: Date, images: u32) {
        let surplus = {
            let mut held = self.lock();
            let today = held.utc(self.clock.now()).date();
            match today == day {
                true => held.add(day, images),
                false => return,
            }
            held.take_surplus(self.lot)
        };
        // Without a runtime the process is at its end.
        let (1.., Ok(runtime)) = (surplus, tokio::runtime::Handle::try_current()) else {
            return;
        };
        self.lock().returning += surplus;
        let budget = self.clone();
        runtime.spawn(async move {
            let returned = budget.ledger.take_back(day, surplus).await;
            budget.lock().returning -= surplus;
            if let Err(error) = returned {
                tracing::warn!(%error, "{NOT_GIVEN_BACK}");
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal(retry_after: Duration) -> Refusal {
    Refusal {
        limit: Limit::Day,
        retry_after,
    }
}
