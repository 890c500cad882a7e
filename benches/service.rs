//! The benchmark of the service: the release binary as its own process, the upstream double and
//! the client here, everything on loopback. `cargo xtask bench` builds the binary and runs it.
#![allow(clippy::disallowed_methods)] // the environment says where the binary and Azurite are

#[path = "service/azurite.rs"]
mod azurite;
#[path = "service/burst.rs"]
mod burst;
#[path = "service/client.rs"]
mod client;
#[path = "service/endpoints.rs"]
mod endpoints;
#[path = "service/generation.rs"]
mod generation;
#[path = "service/load.rs"]
mod load;
#[path = "service/machine.rs"]
mod machine;
#[path = "service/process.rs"]
mod process;
#[path = "service/report.rs"]
mod report;
#[path = "service/starts.rs"]
mod starts;
#[path = "service/store.rs"]
mod store;
#[path = "../tests/support/upstream.rs"]
mod upstream;

use std::{env, error::Error, path::PathBuf, process::ExitCode, time::Duration};

use load::Limit;
use store::StoreKind;
use upstream::Upstream;

/// Why the benchmark could not go on.
type Failure = Box<dyn Error + Send + Sync>;

/// The release binary, an absolute path.
const BINARY: &str = "VISIONARY_BENCH_BINARY";

/// Azurite's blob endpoint, or a sentence that begins with `missing:`.
const AZURITE: &str = "VISIONARY_TEST_AZURITE";

/// What can be measured by itself, by naming it as an argument.
const PARTS: [&str; 4] = ["starts", "endpoints", "generation", "burst"];

const HOW_TO_RUN: &str = "the benchmark needs the release binary: run cargo xtask bench";

/// What is measured, and how much of it.
#[derive(Clone)]
struct Plan {
    binary: PathBuf,
    /// Of [`PARTS`].
    parts: Vec<String>,
    starts: usize,
    /// For each endpoint.
    reads: Limit,
    /// Connections, or generations at once.
    at_once: usize,
    gallery_images: usize,
    sequential_generations: usize,
    concurrent_generations: usize,
    /// Each is measured one after the other; several at once are of `image_bytes`.
    image_sizes: &'static [usize],
    image_bytes: usize,
    /// So many in the same process, one after the other.
    bursts: usize,
    burst_generations: usize,
    burst_image_bytes: usize,
}

impl Plan {
    fn full(binary: PathBuf) -> Plan {
        Plan {
            binary,
            parts: PARTS.map(str::to_owned).to_vec(),
            starts: 25,
            reads: Limit {
                requests: 5000,
                duration: Duration::from_secs(2),
            },
            at_once: 8,
            gallery_images: 50,
            sequential_generations: 40,
            concurrent_generations: 120,
            image_sizes: &[100_000, 2_600_000, 10_000_000],
            image_bytes: 2_600_000,
            bursts: 3,
            burst_generations: 200,
            burst_image_bytes: 4_000_000,
        }
    }

    fn quick(binary: PathBuf) -> Plan {
        Plan {
            starts: 5,
            reads: Limit {
                requests: 500,
                duration: Duration::from_millis(300),
            },
            sequential_generations: 6,
            concurrent_generations: 24,
            bursts: 1,
            ..Plan::full(binary)
        }
    }
}

fn main() -> ExitCode {
    let Some(binary) = env::var_os(BINARY).filter(|path| !path.is_empty()) else {
        eprintln!("{HOW_TO_RUN}");
        return ExitCode::from(2);
    };
    let mut plan = if env::args().any(|argument| argument == "--quick") {
        Plan::quick(binary.into())
    } else {
        Plan::full(binary.into())
    };
    let named = env::args().filter(|argument| PARTS.contains(&argument.as_str()));
    let named: Vec<String> = named.collect();
    if !named.is_empty() {
        plan.parts = named;
    }
    match run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("the benchmark stopped: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(plan: &Plan) -> Result<(), Failure> {
    // A second installation is refused, and the first one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    machine::print(&plan.binary)?;
    run_on(plan, &StoreKind::Folder).await?;
    let azurite = env::var(AZURITE).unwrap_or_default();
    if azurite.starts_with("http") {
        return run_on(plan, &StoreKind::Azurite { endpoint: azurite }).await;
    }
    println!("\n== store: Azurite ==\nnot measured; {AZURITE} says: {azurite:?}");
    Ok(())
}

async fn run_on(plan: &Plan, store: &StoreKind) -> Result<(), Failure> {
    println!("\n== store: {} ==", store.name());
    for part in &plan.parts {
        match part.as_str() {
            "starts" => starts::measure(plan, store, &Upstream::start().await)?,
            "endpoints" => endpoints::measure(plan, store).await?,
            "generation" => generation::measure(plan, store).await?,
            _ => burst::measure(plan, store).await?,
        }
    }
    Ok(())
}
