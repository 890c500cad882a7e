//! The floor of the log, whatever is asked of it.

use super::*;
use std::sync::{Arc, Mutex};
use tracing_subscriber::layer::Context;

struct Targets(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Targets {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        let seen = format!("{} {}", metadata.level(), metadata.target());
        self.0.lock().unwrap().push(seen);
    }
}

#[test]
fn only_we_go_below_info() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let lines = Targets(seen.clone()).with_filter(filter_fn(is_allowed));
    let subscriber = tracing_subscriber::registry().with(lines);
    tracing::subscriber::with_default(subscriber, || {
        tracing::debug!(target: "azure_core::policies", "authorization");
        tracing::trace!(target: "reqwest::connect", "address");
        tracing::info!(target: "typespec_client_core::http", "address");
        tracing::info!(target: "azure_identity::credential", "made");
        tracing::debug!(target: "visionary_of_others", "address");
        tracing::info!(target: "hyper::proto", "kept");
        tracing::trace!(target: "visionary::openai", "kept");
        tracing::trace!("kept");
    });
    let expected = [
        "INFO hyper::proto",
        "TRACE visionary::openai",
        "TRACE visionary::telemetry::tests",
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}
