//! The programs that the tests take from npm: Azurite, Microsoft's signer to compare with, and what
//! makes a typed client of the service's description.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use crate::step;
use crate::workspace;

/// The folder of the pinned dependencies.
pub fn directory() -> PathBuf {
    workspace::root().join("tests").join("npm")
}

/// Installs the pinned dependencies when they are missing or older than their lock file.
///
/// The error is a sentence that says what to install, not a reason to stop: the tests that need
/// these programs fail with it, and the others still run.
pub fn install() -> Result<(), String> {
    for program in ["node", NPM] {
        if !starts(program) {
            return Err(
                "install Node.js 20 or newer (with npm) and run `cargo xtask test` again: \
                 the tests of Azurite and of generated clients need it"
                    .to_owned(),
            );
        }
    }
    if is_fresh(&directory()) {
        return Ok(());
    }
    let mut install = Command::new(NPM);
    install
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(directory());
    step::run("npm ci", &mut install).map_err(|failure| {
        format!(
            "install the npm packages of tests/npm, `npm ci` there did not succeed: {}",
            failure.message
        )
    })
}

/// On Windows npm is a script, which is started by its whole name.
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

fn starts(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// npm writes its own copy of the lock file when an install has come to its end.
fn is_fresh(directory: &Path) -> bool {
    let installed = modified(&directory.join("node_modules").join(".package-lock.json"));
    let wanted = modified(&directory.join("package-lock.json"));
    installed.is_some() && installed >= wanted
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}
