//! `cargo xtask bench`: the benchmarks of the release binary, beside a fresh Azurite.

use crate::azurite;
use crate::npm;
use crate::step::{self, Failure};
use crate::test::without_separator;
use crate::workspace::{self, cargo};

/// The benchmark of the list, which is named as the first argument.
const GALLERY: &str = "gallery";

/// Builds the release binary and runs the benchmark `gallery` if it is named first, else the
/// benchmark `service`; the other arguments go to the benchmark.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let binary = workspace::build_release()?;
    let (_azurite, azurite_url) = azurite::start_or_explain()?;
    let arguments = without_separator(arguments);
    let (name, arguments) = match arguments.split_first() {
        Some((first, rest)) if first == GALLERY => (GALLERY, rest),
        _ => ("service", arguments),
    };
    let mut bench = cargo(&["bench", "--bench", name, "--locked"]);
    bench
        .arg("--")
        .args(arguments)
        .env("VISIONARY_TEST_AZURITE", azurite_url)
        .env("VISIONARY_TEST_NPM", npm::directory())
        .env("VISIONARY_BENCH_BINARY", binary);
    step::run_untimed("cargo bench", &mut bench)
}
