//! The description before tools of others: a validator of OpenAPI 3.1, and schemathesis, which
//! makes up requests by it and holds the answers of the packaged program against it.
#![allow(clippy::disallowed_methods)] // the test command tells by the environment

use crate::{
    description::DOCUMENT,
    process::{Running, program_at},
};
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// A run of schemathesis within `cargo xtask test`; `cargo xtask fuzz http` has its own.
const SECONDS: &str = "40";

/// Always the same requests, so that a failure can be looked at again.
const SEED: &str = "1";

/// Removing is tried too.
const API_KEY: &str = "a-key-of-32-characters-for-tests";

/// Where the test command has installed the tools. Where it could not, the test fails and says why.
fn tool(name: &str) -> Command {
    let folder = match std::env::var("VISIONARY_TEST_PYTHON") {
        Ok(folder) if !folder.starts_with("missing: ") => PathBuf::from(folder),
        Ok(reason) => panic!(
            "there is no {name}: {}",
            reason.trim_start_matches("missing: ")
        ),
        Err(_) => panic!("there is no {name}: run `cargo xtask test`, which installs it"),
    };
    let mut command = Command::new(folder.join(name));
    command.kill_on_drop(true);
    command
}

/// The release binary, since the painter takes its time in any other.
fn packaged() -> PathBuf {
    let package = std::env::var("VISIONARY_TEST_PACKAGE");
    let package = package.expect("run `cargo xtask test`, which makes the package");
    let handler = format!("visionary{}", std::env::consts::EXE_SUFFIX);
    Path::new(&package).join("visionary").join(handler)
}

async fn run(mut tool: Command) {
    let output = tool.output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{}\n{said}", output.status);
    println!("{said}");
}

#[tokio::test]
async fn the_description_is_openapi_3_1() {
    let mut validator = tool("openapi-spec-validator");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, DOCUMENT.to_string()).unwrap();
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    validator.args(["--schema", "3.1"]).arg(&file);
    run(validator).await;
}

/// No server error, no status, media type, header or body that is not described, nothing refused
/// that is described and nothing taken that is not.
#[tokio::test]
async fn the_service_keeps_to_its_description_whatever_it_is_asked() {
    let mut schemathesis = tool("schemathesis");
    let seconds = std::env::var("VISIONARY_FUZZ_SECONDS");
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("PORT", "0"),
        ("STORAGE_DIR", folder.path().to_str().unwrap()),
        ("MAX_IMAGES", "2"),
        ("API_KEY", API_KEY),
    ];
    let mut service = Running::start(program_at(&packaged(), &settings)).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    schemathesis
        .arg("--config-file")
        .arg(root.join("tests/python/schemathesis.toml"))
        .args(["--no-color", "run", "--max-time"])
        .arg(seconds.as_deref().unwrap_or(SECONDS))
        .args(["--header", &format!("X-Api-Key:{API_KEY}")])
        .arg(format!("{}/api/openapi.json", service.base))
        .env("SCHEMATHESIS_HOOKS", root.join("tests/python/hooks.py"))
        // It leaves folders of its own where it runs.
        .current_dir(folder.path());
    if seconds.is_err() {
        schemathesis.args(["--seed", SEED, "--max-examples", "25"]);
    }
    tokio::select! {
        () = run(schemathesis) => {}
        () = service.drain() => panic!("the service has ended"),
    }
}
