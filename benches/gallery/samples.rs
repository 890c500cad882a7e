//! What one request of the list took, and many of them.

use std::{collections::BTreeSet, time::Duration};

use crate::report::milliseconds;

/// One answered request.
pub(crate) struct Sample {
    pub(crate) elapsed: Duration,
    /// Of the answer's body.
    pub(crate) bytes: usize,
    /// The list calls that the store got meanwhile, where it counts them.
    pub(crate) lists: Option<usize>,
}

/// Requests of one kind.
#[derive(Default)]
pub(crate) struct Samples(Vec<Sample>);

impl Samples {
    pub(crate) fn push(&mut self, sample: Sample) {
        self.0.push(sample);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How long all of them took together.
    pub(crate) fn spent(&self) -> Duration {
        self.0.iter().map(|sample| sample.elapsed).sum()
    }

    /// The time that `percent` of them did not exceed, by nearest rank; none without a sample.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut times: Vec<_> = self.0.iter().map(|sample| sample.elapsed).collect();
        times.sort_unstable();
        let rank = (times.len() * percent).div_ceil(100);
        times.get(rank.saturating_sub(1)).copied()
    }

    /// That time for a table.
    pub(crate) fn shown(&self, percent: usize) -> String {
        let time = self.percentile(percent);
        time.map_or_else(|| "-".to_owned(), milliseconds)
    }

    /// The length of the last answer.
    pub(crate) fn bytes(&self) -> String {
        let last = self.0.last();
        last.map_or_else(|| "-".to_owned(), |sample| sample.bytes.to_string())
    }

    /// How many list calls one of them needed: `1`, or `0 to 2`.
    pub(crate) fn lists(&self) -> String {
        let counts = self.0.iter().map(|sample| sample.lists);
        let Some(counts) = counts.collect::<Option<BTreeSet<usize>>>() else {
            return "-".to_owned();
        };
        match (counts.first(), counts.last()) {
            (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
            (Some(all), _) => all.to_string(),
            _ => "-".to_owned(),
        }
    }
}
