//! The log: one line for each event on standard output, JSON under the Functions host (which
//! reads lines), plain text for people.

use crate::config::Mode;
use std::io::{self, IsTerminal};
use tracing::{Level, Metadata};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets, filter_fn},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Other crates' own chatter holds credentials and whole URLs, which may be signed: `azure_core`
/// up to 0.21 logs the authorization header at debug level (RUSTSEC-2026-0275), `reqwest` and
/// `hyper` log addresses. Whatever is asked for, only this crate goes below [`Level::INFO`].
const OURS: &str = env!("CARGO_CRATE_NAME");

/// These tell at info of each credential that is made and of each request that failed, with
/// addresses; what of it matters is told by who asked for a token.
const SILENCED: [&str; 2] = ["azure_identity", "typespec"];

type Lines = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the log. `directives` are as in `RUST_LOG`: `info`, or `visionary=debug,warn`.
pub fn start(mode: Mode, directives: Option<&str>) {
    let lines: Lines = match mode {
        Mode::Handler => Box::new(
            fmt::layer()
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .with_ansi(false),
        ),
        Mode::Standalone => Box::new(
            fmt::layer()
                .compact()
                .with_target(false)
                .with_ansi(std::io::stdout().is_terminal()),
        ),
    };
    start_with(lines, directives, LevelFilter::INFO);
}

/// Starts the log of a command that has its own output: what goes wrong, on standard error, in
/// lines that take the place of what is shown in the terminal's last one.
pub fn start_beside_output(directives: Option<&str>) {
    let lines = fmt::layer()
        .compact()
        .with_target(false)
        .with_ansi(false)
        .with_writer(|| LineOfItsOwn);
    start_with(Box::new(lines), directives, LevelFilter::WARN);
}

/// Clears the line of a terminal on standard error; what is shown next begins there.
pub const CLEAR_LINE: &str = "\r\x1b[K";

struct LineOfItsOwn;

impl io::Write for LineOfItsOwn {
    /// Gets whole lines.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        if stderr.is_terminal() {
            stderr.write_all(CLEAR_LINE.as_bytes())?;
        }
        stderr.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn start_with(lines: Lines, directives: Option<&str>, default: LevelFilter) {
    let asked: Option<Result<Targets, _>> = directives.map(str::parse);
    let is_misspelt = matches!(asked, Some(Err(_)));
    let default = || Targets::new().with_default(default);
    let targets = asked.and_then(Result::ok).unwrap_or_else(default);
    let floor = filter_fn(is_allowed);
    let lines = lines.with_filter(targets).with_filter(floor);
    tracing_subscriber::registry().with(lines).init();
    if is_misspelt {
        tracing::warn!("RUST_LOG cannot be read; the usual level is taken");
    }
    std::panic::set_hook(Box::new(log_panic));
}

/// The usual report has several lines on standard error, and the host makes an error of each.
/// Its message may quote a text that broke the program, so only the place is logged, with the
/// request around it.
pub(crate) fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    tracing::error!(location, "a part of the program broke");
}

/// Whether the log may have an event, whatever it was asked for.
#[must_use]
pub fn is_allowed(metadata: &Metadata<'_>) -> bool {
    let crate_name = metadata.target().split("::").next();
    let belongs_to = |names: &[&str]| names.iter().any(|name| metadata.target().starts_with(name));
    let floor = match belongs_to(&SILENCED) {
        true => Level::WARN,
        false => Level::INFO,
    };
    crate_name == Some(OURS) || *metadata.level() <= floor
}

#[cfg(test)]
mod tests;
