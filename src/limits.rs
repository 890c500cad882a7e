//! How much: images per minute of one caller and of this process, and images per day of all
//! processes together. What a request is, and who has a key, is not this room's business.

mod budget;
mod caller;
mod charge;
mod clock;
mod policy;
mod rate;
mod turns;

use crate::storage::{BlobStore, StorageError};
use budget::Budget;
use rate::{Quota, Rates};
use std::{sync::Arc, time::Duration};
use turns::Turns;

pub use caller::Caller;
pub use charge::{Charge, SpentCharge};
pub use clock::{Clock, Moment};
pub use policy::{Limit, PolicyStatus};
pub use turns::{TooMany, Turn};

/// How much there is; `None` is no limit.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Images that one caller may ask for in a minute, and as many suggestions.
    pub caller_per_minute: Option<u32>,
    /// Images that this process makes in a minute, and as many suggestions.
    pub instance_per_minute: Option<u32>,
    /// Images that all processes over one state container make in a day (UTC).
    pub images_per_day: Option<u32>,
    /// What time it is.
    pub clock: Clock,
    /// A budget that was found spent is not asked for again for so long.
    pub spent_for: Duration,
    /// So long the store's clock, once seen, is carried on by the monotonic one.
    pub store_clock_for: Duration,
    /// Lists of everything that are made and sent at once; each may take 11 MB.
    pub whole_lists_at_once: usize,
    /// The next one waits so long for its turn.
    pub longest_turn_wait: Duration,
}

impl LimitSettings {
    /// No limit on images; lists have theirs for the memory's sake.
    #[must_use]
    pub fn off() -> Self {
        Self {
            caller_per_minute: None,
            instance_per_minute: None,
            images_per_day: None,
            clock: Clock::system(),
            spent_for: Duration::from_secs(5),
            store_clock_for: Duration::from_secs(3600),
            whole_lists_at_once: 4,
            longest_turn_wait: Duration::from_secs(5),
        }
    }
}

/// What is counted of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// The images that it asks for.
    Images,
    /// The request itself, which asks a language model.
    Suggestions,
}

/// A limit does not let a request through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the limit of the {} is reached", limit.name())]
pub struct Refusal {
    /// Which one.
    pub limit: Limit,
    /// When the same request may come again.
    pub retry_after: Duration,
}

/// Why nothing was charged.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    /// A limit is reached.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What is left of the day's budget cannot be read or written.
    #[error("the daily budget cannot be read or written")]
    Unavailable(#[source] StorageError),
}

/// The limits of one process.
pub struct Limits {
    images: Rates,
    suggestions: Rates,
    budget: Option<Arc<Budget>>,
    whole_lists: Turns,
    clock: Clock,
}

impl Limits {
    /// These limits, with the day's budget in `store`.
    #[must_use]
    pub fn new(settings: &LimitSettings, store: Arc<dyn BlobStore>) -> Self {
        let caller = settings.caller_per_minute.map(Quota::per_minute);
        let instance = settings.instance_per_minute.map(Quota::per_minute);
        let budget = settings
            .images_per_day
            .map(|images| Arc::new(Budget::new(images, store, settings)));
        Self {
            images: Rates::new(caller, instance),
            suggestions: Rates::new(caller, instance),
            budget,
            whole_lists: Turns::new(settings.whole_lists_at_once, settings.longest_turn_wait),
            clock: settings.clock.clone(),
        }
    }

    /// The most images that a request of this caller can ever get; `None` is no limit.
    #[must_use]
    pub fn most_images_at_once(&self, caller: Caller) -> Option<u32> {
        let budget = self.budget.as_ref().map(|budget| budget.images());
        self.images
            .largest_cost(caller)
            .into_iter()
            .chain(budget)
            .min()
    }

    /// Whether the minute has room for so many images, taking nothing.
    ///
    /// # Errors
    /// [`Refusal`] when it has not.
    pub fn look(&self, caller: Caller, images: u32) -> Result<(), Refusal> {
        let now = self.clock.now().elapsed;
        self.images.look(caller, images, now)
    }

    /// Takes images from the minute and from the day, from all or from none.
    ///
    /// # Errors
    /// [`ChargeError`]; then nothing is taken.
    pub async fn charge(
        self: &Arc<Self>,
        caller: Caller,
        images: u32,
    ) -> Result<Charge, ChargeError> {
        let now = self.clock.now().elapsed;
        self.images.take(caller, images, now)?;
        // Gives the minute's part back where the day has none.
        let charge = Charge::of_rates(self.clone(), caller, images);
        let Some(budget) = &self.budget else {
            return Ok(charge);
        };
        let spent = budget.clone().take(images).await?;
        Ok(charge.with_budget(spent))
    }

    /// Counts one suggestion.
    ///
    /// # Errors
    /// [`Refusal`] when the minute has no room for it.
    pub fn count_suggestion(&self, caller: Caller) -> Result<(), Refusal> {
        let now = self.clock.now().elapsed;
        self.suggestions.take(caller, 1, now)
    }

    /// A turn for a list of everything.
    ///
    /// # Errors
    /// [`TooMany`] when none came in time.
    pub async fn whole_list_turn(&self) -> Result<Turn, TooMany> {
        self.whole_lists.next().await
    }

    /// What is left of each limit that holds for a caller.
    #[must_use]
    pub fn status(&self, counted: Counted, caller: Caller) -> Vec<PolicyStatus> {
        let now = self.clock.now().elapsed;
        match counted {
            Counted::Suggestions => self.suggestions.status(counted, caller, now),
            Counted::Images => {
                let budget = self.budget.as_ref().map(|budget| budget.status());
                let rates = self.images.status(counted, caller, now);
                rates.into_iter().chain(budget).collect()
            }
        }
    }

    /// Gives back what this process has reserved of the day's budget and not spent.
    pub async fn finish(&self) {
        if let Some(budget) = &self.budget {
            budget.finish().await;
        }
    }

    /// Removes what is remembered of days that are over.
    ///
    /// # Errors
    /// What the store says.
    pub async fn remove_old_days(&self) -> Result<(), StorageError> {
        match &self.budget {
            Some(budget) => budget.remove_old_days().await,
            None => Ok(()),
        }
    }

    fn give_back_rates(&self, caller: Caller, images: u32) {
        self.images.give_back(caller, images);
    }
}

#[cfg(test)]
mod tests;
