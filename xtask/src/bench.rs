//! `cargo xtask bench`: the benchmark of the release binary, beside a fresh Azurite.

use crate::azurite;
use crate::step::{self, Failure};
use crate::test::without_separator;
use crate::workspace::{self, cargo};

/// Builds the release binary and runs the benchmark `service`; `arguments` go to the benchmark.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let binary = workspace::build_release()?;
    let (_azurite, azurite_url) = azurite::start_or_explain()?;
    let mut bench = cargo(&["bench", "--bench", "service", "--locked"]);
    bench
        .arg("--")
        .args(without_separator(arguments))
        .env("VISIONARY_TEST_AZURITE", azurite_url)
        .env("VISIONARY_BENCH_BINARY", binary);
    step::run_untimed("cargo bench", &mut bench)
}
