//! A blob store for the tests: Azurite on a free loopback port, in memory, ended with its guard.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::npm;
use crate::step::Failure;

/// Node reads some 2 000 files at its start; a cold disk takes its time over that.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running Azurite; dropping it ends it.
pub struct Azurite {
    process: Child,
    port: u16,
}

impl Azurite {
    /// Starts Azurite's blob service and waits until it accepts connections.
    pub fn start() -> Result<Self, Failure> {
        println!("==> Azurite");
        let started = Instant::now();
        let port = free_port().map_err(|error| Failure::io("find a free port", error))?;
        let process =
            spawn(port).map_err(|error| Failure::io("start `node` for Azurite", error))?;
        let mut azurite = Self { process, port };
        azurite.wait_until_ready(started + START_TIMEOUT)?;
        println!("    Azurite: {:.1} s", started.elapsed().as_secs_f64());
        Ok(azurite)
    }

    /// The address of the development account.
    pub fn account_url(&self) -> String {
        format!("http://127.0.0.1:{}/devstoreaccount1", self.port)
    }

    fn wait_until_ready(&mut self, deadline: Instant) -> Result<(), Failure> {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(Failure::new(format!(
                    "Azurite ended at its start: {status}"
                )));
            }
            if Instant::now() > deadline {
                return Err(Failure::new("Azurite did not accept connections in time"));
            }
            thread::sleep(Duration::from_millis(25));
        }
        Ok(())
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        // Both fail only when the process is gone already, which is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the tests are told about Azurite: an address, or what is missing for one.
pub fn start_or_explain() -> Result<(Option<Azurite>, String), Failure> {
    match npm::install() {
        Ok(()) => {
            let azurite = Azurite::start()?;
            let account_url = azurite.account_url();
            Ok((Some(azurite), account_url))
        }
        Err(sentence) => {
            println!("    no Azurite: {sentence}");
            Ok((None, format!("missing: {sentence}")))
        }
    }
}

fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn spawn(port: u16) -> std::io::Result<Child> {
    Command::new("node")
        .arg("node_modules/azurite/dist/src/blob/main.js")
        .args(["--silent", "--inMemoryPersistence", "--skipApiVersionCheck"])
        .args(["--disableTelemetry", "--blobHost", "127.0.0.1"])
        .args(["--blobPort", &port.to_string()])
        .current_dir(npm::directory())
        // Would replace the development account, whose name and key the tests know.
        .env_remove("AZURITE_ACCOUNTS")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
}
