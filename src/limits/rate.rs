//! Rates per minute by the generic cell rate algorithm, the leaky bucket that keeps one moment for
//! each caller instead of a count and a time (ITU-T I.371, annex A). A whole minute's worth may
//! come at once; what is spent comes back evenly.

use super::{Caller, Counted, Limit, PolicyStatus, Refusal};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

const WINDOW: Duration = Duration::from_secs(60);

/// So many callers are told apart at once, in a table of 65 536 places.
const MOST_CALLERS: usize = 50_000;

/// With the table's own byte for each place it takes 2.2 MB.
const _: () = assert!(size_of::<(Caller, Duration)>() <= 32);

/// A full table is looked through for callers that can be forgotten no more often than this.
const TIDY_PAUSE: Duration = Duration::from_secs(1);

/// So much in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    most: u32,
    /// How long one takes to come back.
    interval: Duration,
}

impl Quota {
    /// At least one.
    pub fn per_minute(most: u32) -> Self {
        let most = most.max(1);
        Self {
            most,
            interval: WINDOW / most,
        }
    }

    /// The moment at which everything is there again once `cost` is taken from a bucket that is
    /// full at `full_at`.
    ///
    /// # Errors
    /// How long to wait until that can be taken.
    fn take(self, full_at: Duration, now: Duration, cost: u32) -> Result<Duration, Duration> {
        let next = full_at.max(now) + self.interval * cost;
        let latest = now + self.interval * self.most;
        match next.checked_sub(latest) {
            None | Some(Duration::ZERO) => Ok(next),
            Some(wait) => Err(wait),
        }
    }

    fn remaining(self, full_at: Duration, now: Duration) -> u32 {
        let empty_for = full_at.saturating_sub(now);
        let left = (self.interval * self.most).saturating_sub(empty_for);
        let left = left.as_nanos() / self.interval.as_nanos().max(1);
        u32::try_from(left).map_or(self.most, |left| left.min(self.most))
    }
}

/// One kind of thing, counted by caller and in all.
#[derive(Debug)]
pub(super) struct Rates {
    caller: Option<Quota>,
    instance: Option<Quota>,
    buckets: Mutex<Buckets>,
}

/// When each bucket is full, by the monotonic clock; one that is full already need not be kept.
#[derive(Debug, Default)]
struct Buckets {
    callers: HashMap<Caller, Duration>,
    instance: Duration,
    tidied_at: Duration,
}

/// The buckets as they would be once something is taken, where there are such limits.
struct Taken {
    key: Caller,
    of_caller: Option<Duration>,
    of_instance: Option<Duration>,
}

impl Rates {
    pub fn new(caller: Option<Quota>, instance: Option<Quota>) -> Self {
        Self {
            caller,
            instance,
            buckets: Mutex::default(),
        }
    }

    /// The most that can ever be taken at once.
    pub fn largest_cost(&self, caller: Caller) -> Option<u32> {
        let quotas = self.quota_of(caller).into_iter().chain(self.instance);
        quotas.map(|quota| quota.most).min()
    }

    /// Whether so much could be taken now.
    ///
    /// # Errors
    /// The limit that is in the way, and for how long.
    pub fn look(&self, caller: Caller, cost: u32, now: Duration) -> Result<(), Refusal> {
        self.try_take(&mut self.lock(), caller, cost, now).map(drop)
    }

    /// Takes so much from both buckets, or from none.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub fn take(&self, caller: Caller, cost: u32, now: Duration) -> Result<(), Refusal> {
        let mut buckets = self.lock();
        let taken = self.try_take(&mut buckets, caller, cost, now)?;
        if let Some(full_at) = taken.of_caller {
            buckets.callers.insert(taken.key, full_at);
        }
        if let Some(full_at) = taken.of_instance {
            buckets.instance = full_at;
        }
        Ok(())
    }

    /// What was taken and not used after all.
    pub fn give_back(&self, caller: Caller, cost: u32) {
        let mut buckets = self.lock();
        let key = buckets.known(caller);
        if let (Some(quota), Some(full_at)) = (self.quota_of(caller), buckets.callers.get_mut(&key))
        {
            *full_at = full_at.saturating_sub(quota.interval * cost);
        }
        if let Some(quota) = self.instance {
            buckets.instance = buckets.instance.saturating_sub(quota.interval * cost);
        }
    }

    /// What is left for a caller.
    pub fn status(&self, counted: Counted, caller: Caller, now: Duration) -> Vec<PolicyStatus> {
        let buckets = self.lock();
        let of_caller = buckets.full_at(buckets.known(caller));
        let of_caller = self
            .quota_of(caller)
            .map(|it| (Limit::Caller, it, of_caller));
        let instance = self.instance;
        let of_instance = instance.map(|it| (Limit::Instance, it, buckets.instance));
        let both = of_caller.into_iter().chain(of_instance);
        both.map(|(limit, quota, full_at)| PolicyStatus {
            counted,
            limit,
            quota: quota.most,
            window: WINDOW,
            remaining: quota.remaining(full_at, now),
            full_after: full_at.saturating_sub(now),
        })
        .collect()
    }

    fn try_take(
        &self,
        buckets: &mut Buckets,
        caller: Caller,
        cost: u32,
        now: Duration,
    ) -> Result<Taken, Refusal> {
        let key = buckets.room_for(caller, now);
        let of_caller = self.quota_of(caller).map(|quota| {
            let taken = quota.take(buckets.full_at(key), now, cost);
            taken.map_err(|wait| refusal(Limit::Caller, wait))
        });
        let of_instance = self.instance.map(|quota| {
            let taken = quota.take(buckets.instance, now, cost);
            taken.map_err(|wait| refusal(Limit::Instance, wait))
        });
        Ok(Taken {
            key,
            of_caller: of_caller.transpose()?,
            of_instance: of_instance.transpose()?,
        })
    }

    fn quota_of(&self, caller: Caller) -> Option<Quota> {
        self.caller.filter(|_| caller != Caller::KeyHolder)
    }

    fn lock(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal(limit: Limit, retry_after: Duration) -> Refusal {
    Refusal { limit, retry_after }
}

impl Buckets {
    fn full_at(&self, caller: Caller) -> Duration {
        self.callers.get(&caller).copied().unwrap_or_default()
    }

    /// Whose bucket a caller has: the common one where it is not told apart.
    fn known(&self, caller: Caller) -> Caller {
        match self.callers.contains_key(&caller) || self.callers.len() < MOST_CALLERS {
            true => caller,
            false => Caller::Unknown,
        }
    }

    /// The same, once those are forgotten whose buckets are full again. The place of the common
    /// bucket is beside those of the callers.
    fn room_for(&mut self, caller: Caller, now: Duration) -> Caller {
        if self.callers.len() >= MOST_CALLERS && now >= self.tidied_at + TIDY_PAUSE {
            self.tidied_at = now;
            self.callers.retain(|_, full_at| *full_at > now);
        }
        self.known(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const NOW: Duration = Duration::from_secs(1000);

    fn at(number: u32) -> Caller {
        Caller::at(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    fn rates(caller: u32, instance: u32) -> Rates {
        let quota = |most| (most > 0).then(|| Quota::per_minute(most));
        Rates::new(quota(caller), quota(instance))
    }

    fn after(seconds: u64) -> Duration {
        NOW + Duration::from_secs(seconds)
    }

    #[test]
    fn a_minutes_worth_may_come_at_once_and_comes_back_evenly() {
        let rates = rates(6, 0);
        rates.take(at(1), 4, NOW).unwrap();
        rates.take(at(1), 2, NOW).unwrap();
        let refused = |cost, now| rates.take(at(1), cost, now).unwrap_err();
        let wait = |seconds| refusal(Limit::Caller, Duration::from_secs(seconds));
        assert_eq!(refused(1, NOW), wait(10));
        assert_eq!(refused(3, after(9)), wait(21));
        rates.take(at(1), 1, after(10)).unwrap();
        refused(1, after(19));
        rates.take(at(2), 6, NOW).unwrap();
        rates.take(at(1), 6, after(70)).unwrap();
    }

    #[test]
    fn any_number_of_a_minute_is_given_out_to_the_last() {
        for most in [1, 7, 10, 60, 999, 1_000_000] {
            let rates = rates(most, 0);
            rates.take(at(1), most, NOW).unwrap();
            assert!(rates.take(at(1), 1, NOW).is_err(), "{most}");
            let left = |now| rates.status(Counted::Images, at(1), now)[0].remaining;
            assert_eq!((left(NOW), left(after(60))), (0, most));
        }
    }

    #[test]
    fn nothing_is_taken_of_one_limit_where_the_other_refuses() {
        let rates = rates(3, 4);
        rates.take(at(1), 3, NOW).unwrap();
        assert_eq!(
            rates.take(at(2), 2, NOW).unwrap_err().limit,
            Limit::Instance
        );
        let status = rates.status(Counted::Images, at(2), NOW);
        let left = status.iter().map(|it| (it.limit, it.remaining));
        let expected = [(Limit::Caller, 3), (Limit::Instance, 1)];
        assert_eq!(left.collect::<Vec<_>>(), expected);
        rates.take(at(2), 1, NOW).unwrap();
        assert_eq!(rates.take(at(1), 1, NOW).unwrap_err().limit, Limit::Caller);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more() {
        let rates = rates(2, 2);
        rates.take(at(1), 2, NOW).unwrap();
        rates.give_back(at(1), 1);
        rates.take(at(1), 1, NOW).unwrap();
        assert!(rates.take(at(1), 1, NOW).is_err());
        rates.give_back(at(1), 2);
        rates.give_back(at(1), 2);
        assert!(rates.take(at(1), 3, NOW).is_err());
    }

    #[test]
    fn whoever_holds_the_key_counts_for_the_process_alone() {
        let rates = rates(1, 5);
        assert_eq!(rates.largest_cost(Caller::KeyHolder), Some(5));
        assert_eq!(rates.largest_cost(at(1)), Some(1));
        rates.take(Caller::KeyHolder, 5, NOW).unwrap();
        let refused = rates.take(Caller::KeyHolder, 1, NOW).unwrap_err();
        assert_eq!(refused.limit, Limit::Instance);
    }

    #[test]
    fn a_million_addresses_share_a_table_that_does_not_grow() {
        let rates = rates(2, 0);
        let mut refused = 0;
        for number in 0..1_000_000 {
            refused += u32::from(rates.take(at(number), 1, NOW).is_err());
        }
        // Those beyond have one bucket together.
        let (kept, room) = {
            let buckets = rates.lock();
            (buckets.callers.len(), buckets.callers.capacity())
        };
        assert_eq!((kept, refused), (MOST_CALLERS + 1, 1_000_000 - 50_000 - 2));
        assert!(room < 65_536, "{room}");
        // Whoever was told apart still is, and a minute later there is room for others.
        rates.take(at(1), 1, NOW).unwrap();
        rates.take(at(2_000_000), 2, after(60)).unwrap();
        assert_eq!(rates.lock().callers.len(), 1);
    }
}
