//! Starts what the command line asks for: serving until told to stop, or a command beside it.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};
use tokio::net::TcpListener;
use visionary::{
    app::Service,
    arguments::{Command, USAGE},
    config::{Config, ConfigProblems, Environment, Mode},
    gallery::{MigrationMode, Originals},
    migrate,
    serve::{self, ConnectionLimits, DrainLimits},
    telemetry,
};

/// What Unix tools exit with for wrong usage.
const WRONG_SETTINGS: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    match Command::parse(std::env::args_os().skip(1)) {
        Ok(Command::Serve) => serve(read_settings()).await,
        Ok(Command::Migrate { mode, originals }) => migrate(read_settings(), mode, originals).await,
        Ok(Command::Help) => print(USAGE),
        Ok(Command::Version) => print(concat!("visionary ", env!("CARGO_PKG_VERSION"))),
        Err(wrong) => fail(WRONG_SETTINGS, &wrong),
    }
}

fn read_settings() -> Result<Config, ConfigProblems> {
    Config::read(&Environment::from_process())
}

async fn serve(config: Result<Config, ConfigProblems>) -> ExitCode {
    let config = match config {
        Ok(config) => config,
        Err(problems) => return fail(WRONG_SETTINGS, &problems),
    };
    telemetry::start(config.mode, config.log.as_deref());
    let service = match Service::prepare(config.service, config.mode) {
        Ok(service) => Arc::new(service),
        Err(problem) => return fail(WRONG_SETTINGS, &problem),
    };
    let listener = match TcpListener::bind(config.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            let address = config.listen;
            return fail(1, &format!("cannot listen on {address}: {error}"));
        }
    };
    let stop = match serve::told_to_stop() {
        Ok(stop) => stop,
        Err(error) => return fail(1, &format!("cannot watch for signals: {error}")),
    };
    if let Ok(address) = listener.local_addr() {
        tracing::info!("http://{address}: {}", service.summary());
    }
    let limits = ConnectionLimits {
        drain: match config.mode {
            Mode::Handler => DrainLimits::BEHIND_HOST,
            Mode::Standalone => DrainLimits::STANDALONE,
        },
        ..ConnectionLimits::of_this_process()
    };
    match serve::serve(limits, listener, stop, service).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error),
    }
}

async fn migrate(
    config: Result<Config, ConfigProblems>,
    mode: MigrationMode,
    originals: Originals,
) -> ExitCode {
    let config = match config {
        Ok(config) => config,
        Err(problems) => return fail(WRONG_SETTINGS, &problems),
    };
    telemetry::start_beside_output(config.log.as_deref());
    let stop = match serve::told_to_stop() {
        Ok(stop) => stop,
        Err(error) => return fail(1, &format!("cannot watch for signals: {error}")),
    };
    match migrate::run(config, mode, originals, stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) if reason.is_of_settings() => fail(WRONG_SETTINGS, &reason),
        Err(reason) => fail(1, &reason),
    }
}

fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error),
    }
}

/// Standard error is for what ends the process; the Functions host shows its last lines.
fn fail(code: u8, reason: &dyn Display) -> ExitCode {
    eprintln!("visionary: {reason}");
    ExitCode::from(code)
}
