//! Runs `az` for the library: found among the settings' folders, ended with whoever waits for it.

use azure_identity::Executor;
use std::{
    ffi::{OsStr, OsString},
    io,
    process::{Output, Stdio},
};
use tokio::process::Command;

/// Runs commands with this `PATH`.
#[derive(Debug)]
pub(super) struct WithPath(pub OsString);

#[async_trait::async_trait]
impl Executor for WithPath {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        Command::new(program)
            .args(args)
            .env("PATH", &self.0)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
    }
}
