//! Where things are in the repository, and how cargo is started from inside cargo.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{self, Failure};

/// The name of the handler's binary target.
pub const BINARY: &str = "visionary";

/// The folder of the workspace's Cargo.toml and of host.json.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// A cargo command in the workspace's root.
///
/// What `cargo run` told xtask about itself is taken out: build scripts that watch those variables
/// (ring's does) would otherwise run again at each change between `cargo` and `cargo xtask`.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo's variables are no settings of the service"
)]
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root());
    for (name, _) in std::env::vars_os() {
        let told_by_cargo = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || name.starts_with("CARGO_BIN_")
                || name == "CARGO_CRATE_NAME"
        });
        if told_by_cargo {
            command.env_remove(name);
        }
    }
    command
}

/// Builds the release binary and says where it is.
pub fn build_release() -> Result<PathBuf, Failure> {
    let build = &mut cargo(&["build", "--release", "--locked", "--bin", BINARY]);
    step::run("cargo build --release", build)?;
    let file_name = format!("{BINARY}{}", std::env::consts::EXE_SUFFIX);
    Ok(target_directory()?.join("release").join(file_name))
}

/// Cargo's target directory, wherever the settings of this machine put it.
pub fn target_directory() -> Result<PathBuf, Failure> {
    let output = cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .output()
        .map_err(|error| Failure::io("start `cargo metadata`", error))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("`cargo metadata` failed: {reason}")));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure::io("read the answer of `cargo metadata`", error))?;
    metadata["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .ok_or_else(|| Failure::new("`cargo metadata` names no target directory"))
}
