//! What was promised, as ratios of two figures of one run.

use std::time::Duration;

use crate::report::{Table, milliseconds};

/// The promises of a run.
#[derive(Default)]
pub(crate) struct Promises(Vec<Promise>);

struct Promise {
    what: String,
    figure: Option<Duration>,
    compared: Option<Duration>,
    at_most: f64,
}

impl Promise {
    fn ratio(&self) -> Option<f64> {
        let (figure, compared) = self.figure.zip(self.compared)?;
        Some(figure.as_secs_f64() / compared.as_secs_f64().max(f64::EPSILON))
    }

    /// What was not measured is not kept.
    fn is_kept(&self) -> bool {
        self.ratio().is_some_and(|ratio| ratio <= self.at_most)
    }
}

impl Promises {
    /// That `figure` is at most so many times `compared`.
    pub(crate) fn at_most(
        &mut self,
        at_most: f64,
        what: String,
        figure: Option<Duration>,
        compared: Option<Duration>,
    ) {
        self.0.push(Promise {
            what,
            figure,
            compared,
            at_most,
        });
    }

    /// Prints them; whether all are kept.
    pub(crate) fn print(&self, title: &str) -> bool {
        let mut table = Table::new(&["", "ms", "compared ms", "ratio", "promised", ""]);
        for promise in &self.0 {
            let shown = |time: Option<Duration>| time.map_or("-".to_owned(), milliseconds);
            let ratio = promise.ratio();
            table.row(vec![
                promise.what.clone(),
                shown(promise.figure),
                shown(promise.compared),
                ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")),
                format!("{:.2}", promise.at_most),
                if promise.is_kept() { "PASS" } else { "MISSED" }.to_owned(),
            ]);
        }
        table.print(title);
        self.0.iter().all(Promise::is_kept)
    }
}
