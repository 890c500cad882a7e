//! What time it is, as a value that tests replace: limits are about minutes and days, and no test
//! waits for one.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};
use time::OffsetDateTime;

/// A moment by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since a moment of the past that never changes; the monotonic clock.
    pub elapsed: Duration,
    /// By this machine's calendar, which may be wrong.
    pub utc: OffsetDateTime,
}

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    /// The machine's own clocks.
    #[must_use]
    pub fn system() -> Self {
        let started = Instant::now();
        Self::by(move || Moment {
            elapsed: started.elapsed(),
            utc: OffsetDateTime::now_utc(),
        })
    }

    /// A clock that shows what `tell` tells.
    pub fn by(tell: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Moment {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}
