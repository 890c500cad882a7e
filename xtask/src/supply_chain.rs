//! What others' code may become a part of the program: licences, sources, bans, advisories
//! (cargo-deny, by `deny.toml`), and nothing that is not used (cargo-shear).

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::python::Environment;
use crate::step::{self, Failure};

/// A clone of the database of advisories takes some seconds; without a network it ends at once.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// `cargo xtask dependencies`: these checks alone.
pub fn run() -> Result<(), Failure> {
    match Environment::prepare()? {
        Ok(environment) => check(&environment),
        Err(sentence) => Err(Failure::new(sentence)),
    }
}

/// Checks the workspace, and of the fuzz targets' own what is not the workspace's.
pub fn check(environment: &Environment) -> Result<(), Failure> {
    let mut policy = deny(environment, &["check", "bans", "licenses", "sources"]);
    step::run("cargo deny", &mut policy)?;
    let mut fuzz = deny(environment, &["check", "bans", "sources"]);
    fuzz.current_dir(crate::workspace::root().join("fuzz"));
    step::run("cargo deny (fuzz)", &mut fuzz)?;
    check_advisories(environment)?;
    for folder in [".", "fuzz"] {
        let mut unused = environment.command("cargo-shear");
        unused.args(["--locked", "--deny-warnings", folder]);
        step::run(&format!("cargo shear {folder}"), &mut unused)?;
    }
    Ok(())
}

/// The database lies in a repository that not every machine reaches. Nobody is to believe that
/// there are no advisories where nobody looked.
fn check_advisories(environment: &Environment) -> Result<(), Failure> {
    println!("==> cargo deny fetch");
    match fetch(deny(environment, &["fetch", "db"])) {
        Ok(()) => {
            let arguments = ["check", "--disable-fetch", "advisories"];
            step::run("cargo deny advisories", &mut deny(environment, &arguments))
        }
        Err(reason) => {
            println!("    advisories: NOT CHECKED, their database cannot be fetched: {reason}");
            Ok(())
        }
    }
}

fn deny(environment: &Environment, arguments: &[&str]) -> Command {
    let policy = crate::workspace::root().join("deny.toml");
    let mut deny = environment.command("cargo-deny");
    deny.arg("--locked").arg("--config").arg(policy);
    deny.args(arguments);
    deny
}

/// Runs it to its end, for a while at most.
fn fetch(mut command: Command) -> Result<(), String> {
    command
        .env("GIT_TERMINAL_PROMPT", "0") // nobody is there to be asked
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let mut process = command.spawn().map_err(|error| error.to_string())?;
    let deadline = Instant::now() + FETCH_TIMEOUT;
    loop {
        match process.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(status.to_string()),
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
            Ok(None) => return Err(end(process, "it took too long")),
            Err(error) => return Err(end(process, &error.to_string())),
        }
    }
}

fn end(mut process: Child, reason: &str) -> String {
    // Both fail only when the process is gone already, which is what is wanted.
    let _ = process.kill();
    let _ = process.wait();
    reason.to_owned()
}
