//! The list as the original makes it: a Node.js process that lists everything each time.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{Failure, client::Caller, samples::Samples, world::World};

/// What was measured of it.
#[derive(Default)]
pub(crate) struct Original {
    /// A fresh process's first request.
    pub(crate) cold: Samples,
    pub(crate) warm: Samples,
}

/// A running process; dropping it ends it.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(npm: &Path, world: &World) -> Result<Process, Failure> {
        let account = world.account();
        let mut child = Command::new("node")
            .arg("original_list.mjs")
            .args([&account.endpoint, account.account, account.key])
            .arg(&account.images)
            .current_dir(npm)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("could not start `node`: {error}"))?;
        let stdout = child.stdout.take();
        let mut process = Process {
            child,
            url: String::new(),
        };
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let port: u16 = line.trim().parse().map_err(|_| "node gave no port")?;
        process.url = format!("http://127.0.0.1:{port}/api/getImages");
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either fails only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// So many fresh processes, of which the last is asked so many times more.
pub(crate) async fn measure(
    npm: &Path,
    world: &World,
    starts: usize,
    warm: usize,
) -> Result<Original, Failure> {
    let mut measured = Original::default();
    for start in 1..=starts {
        let (process, caller) = (Process::start(npm, world)?, Caller::new()?);
        let (sample, body) = world.time(&caller, &process.url).await?;
        let list: Value = serde_json::from_slice(&body)?;
        let found = list["imageUrls"].as_array().map_or(0, Vec::len);
        if found != world.images() {
            return Err(format!("the original's way found {found} images").into());
        }
        measured.cold.push(sample);
        for _ in 0..if start == starts { warm } else { 0 } {
            let (sample, _) = world.time(&caller, &process.url).await?;
            measured.warm.push(sample);
        }
    }
    Ok(measured)
}
