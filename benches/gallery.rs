//! The benchmark of the gallery's list: the release binary as its own process over galleries of a
//! hundred to a hundred thousand images, in the double of an account and in Azurite, and beside
//! the original's way of listing. `cargo xtask bench gallery` builds the binary and runs it.
#![allow(clippy::disallowed_methods)] // the environment says where the binary and Azurite are

#[path = "service/azurite.rs"]
mod azurite;
#[allow(dead_code)] // shared with the benchmark of the service
#[path = "service/client.rs"]
mod client;
#[path = "gallery/compare.rs"]
mod compare;
#[path = "../tests/support/list_account.rs"]
mod list_account;
#[allow(dead_code)] // shared with the benchmark of the service
#[path = "service/load.rs"]
mod load;
#[path = "service/machine.rs"]
mod machine;
#[path = "gallery/original.rs"]
mod original;
#[path = "service/process.rs"]
mod process;
#[path = "gallery/promise.rs"]
mod promise;
#[allow(dead_code)] // shared with the benchmark of the service
#[path = "service/report.rs"]
mod report;
#[path = "gallery/rounds.rs"]
mod rounds;
#[path = "gallery/samples.rs"]
mod samples;
#[path = "gallery/seed.rs"]
mod seed;
#[path = "gallery/subject.rs"]
mod subject;
#[path = "gallery/tables.rs"]
mod tables;
#[path = "../tests/support/upstream.rs"]
mod upstream; // whose pictures the double of an account shows
#[path = "gallery/world.rs"]
mod world;

use std::{env, error::Error, path::PathBuf, process::ExitCode, time::Duration};

use list_account::Generated;
use subject::Subject;
use world::World;

/// Why the benchmark could not go on.
type Failure = Box<dyn Error + Send + Sync>;

/// The release binary, an absolute path.
const BINARY: &str = "VISIONARY_BENCH_BINARY";

/// Azurite's blob endpoint, or a sentence that begins with `missing:`.
const AZURITE: &str = "VISIONARY_TEST_AZURITE";

/// The folder of the npm packages and of the original's way.
const NPM: &str = "VISIONARY_TEST_NPM";

const HOW_TO_RUN: &str = "the benchmark needs the release binary: run cargo xtask bench gallery";

const SMALL: u64 = 100;
const MIDDLE: u64 = 10_000;
const LARGE: u64 = 100_000;
const OLD: u64 = 10_000;

/// In the double.
const DOUBLES: [(u64, u64); 6] = [
    (SMALL, 0),
    (SMALL, OLD),
    (MIDDLE, 0),
    (MIDDLE, OLD),
    (LARGE, 0),
    (LARGE, OLD),
];

/// In Azurite, which looks at every blob of the account for each write and each list call: ten
/// thousand take it a minute to write, and a hundred thousand would be all that is measured.
const IN_AZURITE: [(u64, u64); 3] = [(SMALL, 0), (SMALL, SMALL), (MIDDLE, 0)];

/// What remembers a page for longer is not measured as asking the store.
const SPACED_BY: Duration = Duration::from_secs(5);

/// What a service writes down for those that come after it is written by then.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// How much is measured.
struct Plan {
    binary: PathBuf,
    cold_starts: usize,
    whole_starts: usize,
    repeated_rounds: usize,
    repeated_in_round: usize,
    spaced_rounds: usize,
    spaced_by: Duration,
    /// Each so many spaced rounds.
    whole_list_each: usize,
    longest_walk: Duration,
    /// One kind of request over one gallery gets no more time than this and its last request.
    patience: Duration,
    original_starts: usize,
    original_warm: usize,
}

impl Plan {
    fn full(binary: PathBuf) -> Plan {
        Plan {
            binary,
            cold_starts: 11,
            whole_starts: 5,
            repeated_rounds: 8,
            repeated_in_round: 50,
            spaced_rounds: 10,
            spaced_by: SPACED_BY,
            whole_list_each: 2,
            longest_walk: Duration::from_secs(12),
            patience: Duration::from_secs(4),
            original_starts: 3,
            original_warm: 5,
        }
    }

    fn quick(binary: PathBuf) -> Plan {
        Plan {
            cold_starts: 3,
            whole_starts: 1,
            repeated_rounds: 2,
            spaced_rounds: 3,
            longest_walk: Duration::from_secs(5),
            patience: Duration::from_secs(1),
            original_starts: 2,
            original_warm: 3,
            ..Plan::full(binary)
        }
    }
}

fn main() -> ExitCode {
    let Some(binary) = env::var_os(BINARY).filter(|path| !path.is_empty()) else {
        eprintln!("{HOW_TO_RUN}");
        return ExitCode::from(2);
    };
    let plan = if env::args().any(|argument| argument == "--quick") {
        Plan::quick(binary.into())
    } else {
        Plan::full(binary.into())
    };
    match run(&plan) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("a promise was missed");
            ExitCode::FAILURE
        }
        Err(failure) => {
            eprintln!("the benchmark stopped: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every promise is kept.
#[tokio::main]
async fn run(plan: &Plan) -> Result<bool, Failure> {
    // A second installation is refused, and the first one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    machine::print(&plan.binary)?;
    let mut subjects = Vec::new();
    for world in worlds().await? {
        subjects.push(Subject::prepare(&plan.binary, world).await?);
    }
    tokio::time::sleep(SETTLED_AFTER).await;
    rounds::run(plan, &mut subjects).await?;
    tables::print(&subjects);
    let same_cost = compare::sizes(&subjects);
    let better = compare::with_original(plan, &subjects).await?;
    for subject in subjects {
        subject.end().await?;
    }
    Ok(same_cost && better)
}

async fn worlds() -> Result<Vec<World>, Failure> {
    let mut worlds = Vec::new();
    for (ours, old) in DOUBLES {
        worlds.push(World::in_double(Generated { ours, old }).await);
    }
    let azurite = env::var(AZURITE).unwrap_or_default();
    if azurite.starts_with("http") {
        for (ours, old) in IN_AZURITE {
            worlds.push(World::in_azurite(&azurite, Generated { ours, old }).await?);
        }
        println!(
            "         it looks at every blob of the account for each: no row of {LARGE} images"
        );
    } else {
        println!("Azurite  not measured; {AZURITE} says: {azurite:?}");
    }
    Ok(worlds)
}
