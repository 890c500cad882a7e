//! A limit as callers are told of it, in the words of the IETF's draft
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/11/>).

use super::Counted;
use std::time::Duration;

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Of one caller in a minute.
    Caller,
    /// Of this process in a minute.
    Instance,
    /// Of all processes in a day.
    Day,
}

impl Limit {
    /// Its name, in headers and errors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Instance => "instance",
            Self::Day => "day",
        }
    }
}

/// A limit and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyStatus {
    /// What it counts.
    pub counted: Counted,
    /// Which one.
    pub limit: Limit,
    /// So much in all.
    pub quota: u32,
    /// Within so long.
    pub window: Duration,
    /// So much is left.
    pub remaining: u32,
    /// When everything is there again.
    pub full_after: Duration,
}

impl PolicyStatus {
    /// An item of the field `RateLimit-Policy`.
    #[must_use]
    pub fn policy_item(&self) -> String {
        let (name, unit) = self.name_and_unit();
        let (quota, window) = (self.quota, self.window.as_secs());
        format!("\"{name}\";q={quota};w={window};qu=\"{unit}\"")
    }

    /// An item of the field `RateLimit`.
    #[must_use]
    pub fn status_item(&self) -> String {
        let (name, _) = self.name_and_unit();
        let seconds = self.full_after.as_millis().div_ceil(1000);
        format!("\"{name}\";r={};t={seconds}", self.remaining)
    }

    fn name_and_unit(&self) -> (String, &'static str) {
        let name = self.limit.name();
        match self.counted {
            Counted::Images => (name.to_owned(), "images"),
            Counted::Suggestions => (format!("{name}-suggestions"), "requests"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_draft() {
        let mut status = PolicyStatus {
            counted: Counted::Images,
            limit: Limit::Caller,
            quota: 10,
            window: Duration::from_secs(60),
            remaining: 7,
            full_after: Duration::from_millis(17_001),
        };
        assert_eq!(status.policy_item(), r#""caller";q=10;w=60;qu="images""#);
        assert_eq!(status.status_item(), r#""caller";r=7;t=18"#);
        status.counted = Counted::Suggestions;
        assert_eq!(
            status.policy_item(),
            r#""caller-suggestions";q=10;w=60;qu="requests""#
        );
    }
}
