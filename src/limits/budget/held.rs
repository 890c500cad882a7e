//! What a process holds of the day's budget, and what it knows of the store's clock and of what
//! is left for all.

use crate::limits::Moment;
use std::time::Duration;
use time::{Date, OffsetDateTime, Time};

/// Reserved and not spent, and what is known.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Of which day, and how many.
    lot: Option<(Date, u32)>,
    /// Images that are being given back to all.
    pub returning: u32,
    /// What was left for all when it was last looked up; a refusal may rest on it until the
    /// moment beside it, by the monotonic clock.
    left: Option<(Date, u32, Duration)>,
    /// The store's time at a moment of this machine.
    store_clock: Option<(OffsetDateTime, Moment)>,
}

/// By so much the machine's two clocks may come to differ while the store's is carried on. Beyond
/// it the machine slept, which its monotonic clock does not count, or was told another time.
const LARGEST_DRIFT: time::Duration = time::Duration::minutes(1);

impl Held {
    /// The time by the store's clock once that was seen, by this machine's until then.
    pub fn utc(&self, now: Moment) -> OffsetDateTime {
        match self.store_clock {
            Some((store, seen)) => {
                store.saturating_add(signed(now.elapsed.saturating_sub(seen.elapsed)))
            }
            None => now.utc,
        }
    }

    pub fn knows_store_clock(&self, now: Moment, at_most_old: Duration) -> bool {
        self.store_clock.is_some_and(|(_, seen)| {
            let since = now.elapsed.saturating_sub(seen.elapsed);
            let drift = now.utc - seen.utc - signed(since);
            since < at_most_old && drift.abs() < LARGEST_DRIFT
        })
    }

    pub fn note_store_clock(&mut self, store: OffsetDateTime, seen: Moment) {
        self.store_clock = Some((store, seen));
    }

    pub fn images(&self, day: Date) -> u32 {
        self.lot
            .map_or(0, |(of, images)| if of == day { images } else { 0 })
    }

    /// What is left of another day's lot is lost.
    pub fn add(&mut self, day: Date, images: u32) {
        self.lot = Some((day, self.images(day).saturating_add(images)));
    }

    pub fn take(&mut self, day: Date, images: u32) -> bool {
        let rest = self.images(day).checked_sub(images);
        if let Some(rest) = rest {
            self.lot = Some((day, rest));
        }
        rest.is_some()
    }

    pub fn take_all(&mut self) -> Option<(Date, u32)> {
        self.lot.take().filter(|(_, images)| *images > 0)
    }

    /// What is more than a lot.
    pub fn take_surplus(&mut self, lot: u32) -> u32 {
        let Some((_, images)) = &mut self.lot else {
            return 0;
        };
        let surplus = images.saturating_sub(lot);
        *images -= surplus;
        surplus
    }

    pub fn note_left(&mut self, day: Date, left: u32, refuses_until: Duration) {
        self.left = Some((day, left, refuses_until));
    }

    /// Whether so much was not there a moment ago.
    pub fn is_known_spent(&self, day: Date, missing: u32, now: Duration) -> bool {
        self.left
            .is_some_and(|(of, left, until)| of == day && left < missing && now < until)
    }

    /// What is left of a day for this process and for all, as far as it knows.
    pub fn known_left(&self, day: Date, whole: u32) -> u32 {
        let for_all = match self.left {
            Some((of, left, _)) if of == day => left,
            _ => whole.saturating_sub(self.images(day)),
        };
        for_all.saturating_add(self.images(day)).min(whole)
    }
}

/// How long the day lasts.
pub(super) fn until_midnight(utc: OffsetDateTime) -> Duration {
    let since_midnight = utc.time() - Time::MIDNIGHT;
    super::DAY.saturating_sub(since_midnight.unsigned_abs())
}

fn signed(duration: Duration) -> time::Duration {
    time::Duration::try_from(duration).unwrap_or(time::Duration::MAX)
}
