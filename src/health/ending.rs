//! Models that end soon or have ended, so that whoever runs the service hears of it before its
//! callers do.

use crate::openai::ModelEnd;
use std::{collections::HashSet, fmt, sync::Mutex};
use time::{Date, OffsetDateTime};

/// A model's end is of interest so many days before.
const WARNED_DAYS_BEFORE: i64 = 60;

/// A model that the settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredModel {
    /// Its id, or at Azure its deployment.
    pub name: String,
    /// The setting that names another.
    pub setting: &'static str,
}

/// A configured model whose end is near or past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingModel {
    /// Which one.
    pub model: ConfiguredModel,
    /// The day of its end, in UTC.
    pub ends_on: Date,
    /// Whole days until then; negative when it is past.
    pub days_left: i64,
}

impl fmt::Display for EndingModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, ConfiguredModel { name, setting }) = (self.ends_on, &self.model);
        write!(formatter, "the model {name} ")?;
        match self.days_left {
            ..0 => write!(formatter, "was shut down on {day}")?,
            0 => write!(formatter, "is shut down today, {day}")?,
            1 => write!(formatter, "is shut down tomorrow, {day}")?,
            days => write!(formatter, "is shut down on {day}, in {days} days")?,
        }
        write!(formatter, ": name another in {setting}")
    }
}

/// The models to look for, and those that the log has named.
#[derive(Debug)]
pub(super) struct Watch {
    models: Vec<ConfiguredModel>,
    logged: Mutex<HashSet<String>>,
}

impl Watch {
    pub fn new(models: Vec<ConfiguredModel>) -> Self {
        Self {
            models,
            logged: Mutex::default(),
        }
    }

    /// The configured models that end within sixty days of `now` or have ended. A model that the
    /// provider does not list may be an alias or a deployment, and is no matter for a warning.
    pub fn find(&self, ends: &[ModelEnd], now: OffsetDateTime) -> Vec<EndingModel> {
        let ending = self.models.iter().filter_map(|model| {
            let end = ends.iter().find(|end| end.model == model.name)?;
            let days_left = (end.on - now.date()).whole_days();
            (days_left <= WARNED_DAYS_BEFORE).then(|| EndingModel {
                model: model.clone(),
                ends_on: end.on,
                days_left,
            })
        });
        ending.collect()
    }

    /// Logs each model once: probes come every half minute.
    pub fn log(&self, ending: &[EndingModel]) {
        for model in ending {
            let name = model.model.name.clone();
            let is_new = self.logged.lock().is_ok_and(|mut names| names.insert(name));
            if is_new {
                tracing::warn!("{model}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::{date, datetime};

    fn find(end: Date, now: OffsetDateTime) -> Vec<(i64, String)> {
        let watch = Watch::new(vec![ConfiguredModel {
            name: "painter-1".to_owned(),
            setting: "OPENAI_IMAGE_MODEL",
        }]);
        let end = |model: &str| ModelEnd {
            model: model.to_owned(),
            on: end,
        };
        let found = watch.find(&[end("painter-10"), end("painter-1")], now);
        let shown = |model: &EndingModel| (model.days_left, model.to_string());
        found.iter().map(shown).collect()
    }

    #[test]
    fn the_warning_begins_sixty_days_before_the_end_and_does_not_stop_there() {
        let end = date!(2026 - 12 - 01);
        assert_eq!(find(end, datetime!(2026-10-01 23:59 UTC)), []);
        for (now, days_left, part) in [
            (
                datetime!(2026-10-02 00:00 UTC),
                60,
                "on 2026-12-01, in 60 days",
            ),
            (datetime!(2026-11-30 23:59 UTC), 1, "tomorrow, 2026-12-01"),
            (datetime!(2026-12-01 00:00 UTC), 0, "today, 2026-12-01"),
            (
                datetime!(2027-01-01 00:00 UTC),
                -31,
                "was shut down on 2026-12-01",
            ),
        ] {
            let found = find(end, now);
            assert_eq!(found[0].0, days_left, "{now}");
            assert!(found[0].1.contains(part), "{found:?}");
            assert!(found[0].1.starts_with("the model painter-1 "));
            assert!(found[0].1.ends_with("OPENAI_IMAGE_MODEL"));
        }
    }

    #[test]
    fn models_without_an_end_and_models_of_others_are_no_warning() {
        let watch = Watch::new(Vec::new());
        let ends = [ModelEnd {
            model: "painter-1".to_owned(),
            on: date!(2026 - 12 - 01),
        }];
        let now = datetime!(2026-12-01 00:00 UTC);
        assert_eq!(watch.find(&ends, now), []);
    }
}
