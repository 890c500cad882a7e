//! `cargo xtask stage`: the release binary beside host.json, where `func start` looks for it.

use std::fs;
use std::path::Path;

use crate::step::Failure;
use crate::workspace;

/// Builds the release binary and copies it into the repository's root, executable.
pub fn run() -> Result<(), Failure> {
    let binary = workspace::build_release()?;
    let file_name = binary.file_name().unwrap_or_default();
    let staged = workspace::root().join(file_name);
    copy(&binary, &staged, 0o755)?;
    println!("{}", staged.display());
    Ok(())
}

/// Copies a file and sets its Unix mode; the mode is left alone elsewhere.
///
/// The old file is taken away first: a running program cannot be written over, but its name can be
/// given to another file.
pub fn copy(from: &Path, to: &Path, mode: u32) -> Result<(), Failure> {
    let failure = |error| {
        Failure::io(
            format_args!("copy {} to {}", from.display(), to.display()),
            error,
        )
    };
    if to.exists() {
        fs::remove_file(to).map_err(failure)?;
    }
    fs::copy(from, to).map_err(failure)?;
    set_mode(to, mode).map_err(failure)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> std::io::Result<()> {
    Ok(())
}
