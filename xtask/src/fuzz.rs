//! `cargo xtask fuzz`: the fuzz target with libFuzzer, on the stable compiler and without
//! cargo-fuzz. It needs a C++ compiler, which nothing else here does. `fuzz http` is the test
//! that makes up requests, for longer and with other requests each time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::package;
use crate::python;
use crate::step::{self, Failure};
use crate::workspace::{self, cargo};

const TARGET: &str = "images_answer";

/// How long it looks for new inputs when nobody says otherwise.
const DEFAULT_SECONDS: u32 = 60;

/// The same for requests, which are slower.
const DEFAULT_HTTP_SECONDS: u32 = 300;

/// What is fuzzed over HTTP, named as the first argument, and the test that does it.
const HTTP: &str = "http";
const HTTP_TEST: &str = "the_service_keeps_to_its_description_whatever_it_is_asked";

/// What cargo-fuzz passes, less the sanitizers, which only the nightly compiler has: counters for
/// each branch, their addresses, and the operands of comparisons.
const COVERAGE: &str = "--cfg fuzzing \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Reading 64 KiB takes milliseconds and little memory, whatever it says.
const LIMITS: [&str; 3] = ["-max_len=65536", "-timeout=10", "-rss_limit_mb=512"];

/// Replays the committed inputs and those found earlier, then looks for new ones; `arguments` may
/// hold the number of seconds. What it finds stays below `target/fuzz`.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    if let Some((HTTP, rest)) = arguments
        .split_first()
        .map(|(name, rest)| (name.as_str(), rest))
    {
        return run_http(parse_seconds(rest, DEFAULT_HTTP_SECONDS)?);
    }
    let seconds = parse_seconds(arguments, DEFAULT_SECONDS)?;
    let folder = workspace::target_directory()?.join("fuzz");
    let binary = build(&folder)?;
    let found = folder.join("corpus").join(TARGET);
    let artifacts = folder.join("artifacts").join(TARGET);
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder)
            .map_err(|error| Failure::io(format_args!("create {}", folder.display()), error))?;
    }
    let mut fuzz = Command::new(binary);
    fuzz.arg(found)
        .arg(workspace::root().join("fuzz/corpus").join(TARGET))
        .args(LIMITS)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg("-print_final_stats=1");
    step::run(&format!("fuzz {TARGET} for {seconds} s"), &mut fuzz)
}

fn run_http(seconds: u32) -> Result<(), Failure> {
    let python = python::Environment::prepare()?;
    let package = package::run()?;
    let mut test = cargo(&["test", "--locked", "--test", "api", HTTP_TEST]);
    test.args(["--", "--nocapture"])
        .env("VISIONARY_TEST_PACKAGE", package)
        .env("VISIONARY_TEST_PYTHON", python::describe(&python))
        .env("VISIONARY_FUZZ_SECONDS", seconds.to_string());
    step::run_untimed(&format!("fuzz {HTTP} for {seconds} s"), &mut test)
}

fn parse_seconds(arguments: &[String], default: u32) -> Result<u32, Failure> {
    let seconds = match arguments {
        [] => Some(default),
        [seconds] => seconds.parse().ok().filter(|seconds| *seconds > 0),
        _ => None,
    };
    seconds.ok_or_else(|| Failure::new("`fuzz` takes one number, the seconds, 1 at least"))
}

/// Naming the target keeps the flags from build scripts and macros, which run in the compiler.
fn build(folder: &Path) -> Result<PathBuf, Failure> {
    let host = host_triple()?;
    let mut build = cargo(&["build", "--release", "--locked", "--bin", TARGET]);
    build
        .args(["--manifest-path", "fuzz/Cargo.toml", "--target", &host])
        .arg("--target-dir")
        .arg(folder)
        .env("RUSTFLAGS", COVERAGE)
        .env_remove("CARGO_ENCODED_RUSTFLAGS"); // would win
    step::run("cargo build (fuzz)", &mut build)?;
    Ok(folder.join(host).join("release").join(TARGET))
}

fn host_triple() -> Result<String, Failure> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|error| Failure::io("start `rustc -vV`", error))?;
    let version = String::from_utf8_lossy(&output.stdout);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(ToOwned::to_owned)
        .ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}
