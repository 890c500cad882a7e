//! `cargo xtask test`: everything that must hold before a change is accepted, stopping at the first
//! step that fails.

use crate::azurite;
use crate::npm;
use crate::package;
use crate::python;
use crate::step::{self, Failure};
use crate::supply_chain;
use crate::workspace::cargo;

/// Runs all steps; `arguments` go to `cargo test`, without a leading `--`.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    step::run("cargo fmt", &mut cargo(&["fmt", "--all", "--check"]))?;
    step::run("cargo fmt (fuzz)", &mut fuzz_format())?;
    step::run("cargo clippy", &mut clippy())?;
    step::run("cargo doc", &mut documentation())?;
    let python = python::Environment::prepare()?;
    match &python {
        Ok(environment) => supply_chain::check(environment)?,
        Err(sentence) => println!("    dependencies: NOT CHECKED, {sentence}"),
    }
    let package = package::run()?;
    let (_both, [http_url, https_url]) = azurite::start_both_or_explain()?;
    let mut tests = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    tests
        .args(without_separator(arguments))
        .env("VISIONARY_TEST_AZURITE", http_url)
        .env("VISIONARY_TEST_AZURITE_HTTPS", https_url)
        .env("VISIONARY_TEST_PACKAGE", package)
        .env("VISIONARY_TEST_NPM", npm::directory())
        .env("VISIONARY_TEST_PYTHON", python::describe(&python));
    // Last, and with nothing after it: the tests' own summary ends the output.
    step::run_untimed("cargo test", &mut tests)
}

/// The arguments after the `--` that parts them from xtask's own.
pub fn without_separator(arguments: &[String]) -> &[String] {
    match arguments.split_first() {
        Some((first, rest)) if first == "--" => rest,
        _ => arguments,
    }
}

/// A workspace of its own, which `--all` leaves out.
fn fuzz_format() -> std::process::Command {
    cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])
}

fn clippy() -> std::process::Command {
    let mut clippy = cargo(&["clippy", "--workspace", "--all-targets", "--locked"]);
    clippy.args(["--", "-D", "warnings"]);
    clippy
}

fn documentation() -> std::process::Command {
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    documentation
}
