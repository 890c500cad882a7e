//! Starts the service: settings, log, listener, and serving until it is told to stop.

use std::{fmt::Display, process::ExitCode, sync::Arc};
use tokio::net::TcpListener;
use visionary::{
    app::Service,
    config::{Config, Environment},
    serve, telemetry,
};

/// What Unix tools exit with for wrong usage.
const WRONG_SETTINGS: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let config = match Config::read(&Environment::from_process()) {
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
    match serve::serve(listener, stop, service).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error),
    }
}

/// Standard error is for what ends the process; the Functions host shows its last lines.
fn fail(code: u8, reason: &dyn Display) -> ExitCode {
    eprintln!("visionary: {reason}");
    ExitCode::from(code)
}
