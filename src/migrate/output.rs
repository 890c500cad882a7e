//! What the command shows: what it finds on standard output, how far it is on standard error.

use super::bar::bar;
use crate::{
    gallery::{LeftReason, MigrationCounts, MigrationEvent, MigrationMode},
    storage::StorageError,
    telemetry::CLEAR_LINE,
};
use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Longer names are cut where something is said about them.
const LONGEST_NAME: usize = 200;

/// Where the command writes.
pub(super) struct Output {
    mode: MigrationMode,
    /// How many images there were at the start.
    whole: u64,
    is_terminal: bool,
    started: Instant,
    /// When it was last shown how far it is.
    shown: Mutex<Instant>,
}

impl Output {
    pub fn new(mode: MigrationMode, whole: u64) -> Self {
        let now = Instant::now();
        Self {
            mode,
            whole,
            is_terminal: io::stderr().is_terminal(),
            started: now,
            shown: Mutex::new(now),
        }
    }

    /// Shows what has happened, where it is worth a line of its own, and how far it is.
    pub fn show(&self, event: MigrationEvent<'_>, counts: &MigrationCounts) {
        match event {
            MigrationEvent::Copied {
                source,
                target,
                size_bytes,
            } if self.mode == MigrationMode::DryRun => {
                self.print(&format!("{source:?} -> {target:?}, {size_bytes} bytes"));
            }
            MigrationEvent::Copied { .. } | MigrationEvent::There => {}
            MigrationEvent::Left { source, reason } => {
                if self.mode == MigrationMode::DryRun || reason != LeftReason::NoPicture {
                    let reason = left(reason);
                    self.say(&format!("{} stays: {reason}", shortened(source)));
                }
            }
            MigrationEvent::Failed { source, error } => {
                self.say(&format!("{} failed: {}", shortened(source), cause(error)));
            }
            MigrationEvent::Unlisted { prefix, error } => {
                let place = shortened(prefix);
                self.say(&format!("{place} cannot be listed: {}", cause(error)));
            }
        }
        self.show_progress(counts);
    }

    /// A line on standard error.
    pub fn say(&self, line: &str) {
        let clear = if self.is_terminal { CLEAR_LINE } else { "" };
        // Nothing is left to be done where nobody reads.
        let _ = writeln!(io::stderr(), "{clear}{line}");
    }

    /// The last line on standard output.
    pub fn sum_up(&self, counts: &MigrationCounts, store: &str) {
        self.print(&format!("{store}: {}", summary(self.mode, counts)));
    }

    fn print(&self, line: &str) {
        if self.is_terminal {
            let _ = write!(io::stderr(), "{CLEAR_LINE}");
        }
        let _ = writeln!(io::stdout(), "{line}");
    }

    fn show_progress(&self, counts: &MigrationCounts) {
        let pause = match self.is_terminal {
            true => Duration::from_millis(100),
            false => Duration::from_secs(10),
        };
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.elapsed() < pause {
            return;
        }
        *shown = Instant::now();
        let seconds = self.started.elapsed().as_secs();
        let MigrationCounts {
            copied,
            there_already,
            left,
            failed,
            ..
        } = counts;
        let bar = bar(copied + there_already + left + failed, self.whole);
        let megabytes = counts.copied_bytes / 1_000_000;
        // It has to fit into one line of a terminal.
        let line = format!("{bar} copied {copied} ({megabytes} MB), failed {failed}, {seconds} s");
        match self.is_terminal {
            true => drop(write!(io::stderr(), "{CLEAR_LINE}{line}")),
            false => self.say(&line),
        }
    }
}

fn summary(mode: MigrationMode, counts: &MigrationCounts) -> String {
    let would = match mode {
        MigrationMode::Copy => "",
        MigrationMode::DryRun => "to be ",
    };
    let MigrationCounts {
        copied,
        copied_bytes,
        there_already,
        left,
        failed,
        deleted,
    } = counts;
    format!(
        "{would}copied {copied} ({copied_bytes} bytes), there already {there_already}, \
         left {left}, failed {failed}, {would}deleted {deleted}"
    )
}

fn left(reason: LeftReason) -> &'static str {
    match reason {
        LeftReason::NoPicture => "it is no PNG, JPEG or WebP, or empty",
        LeftReason::TooLarge => "the store does not copy so large a blob",
        LeftReason::UnusableName => "the store does not copy from so long or odd a name",
        LeftReason::CopyRemoved => "it was copied before, and its copy was removed",
        LeftReason::Gone => "it was deleted meanwhile",
    }
}

/// The error and what lies below it; neither has addresses with signatures.
pub(super) fn cause(error: &StorageError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// A name in quotes, with what a terminal must not get escaped.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_short_and_harmless() {
        assert_eq!(
            shortened("a\n\u{1b}[31m\u{202e}"),
            r#""a\n\u{1b}[31m\u{202e}""#
        );
        let long = shortened(&"猫".repeat(1000));
        assert_eq!(long.chars().count(), LONGEST_NAME + 3);
    }
}
