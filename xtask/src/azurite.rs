//! Blob stores for the tests: Azurite on free loopback ports, in memory, ended with its guard. It
//! takes an account's key over http, and tokens of Microsoft Entra ID over https alone.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::certificate::Certificate;
use crate::npm;
use crate::step::Failure;
use crate::workspace;

/// Node reads some 2 000 files at its start; a cold disk takes its time over that.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running Azurite; dropping it ends it.
pub struct Azurite {
    process: Child,
    port: u16,
    /// Over https, with a certificate that nobody else trusts.
    certificate: Option<Certificate>,
}

impl Azurite {
    /// Starts Azurite's blob service over http, and waits until it accepts connections.
    pub fn start() -> Result<Self, Failure> {
        println!("==> Azurite");
        let started = Instant::now();
        let mut azurite = Self::spawn(None)?;
        azurite.wait_until_ready(started + START_TIMEOUT)?;
        println!("    Azurite: {:.1} s", started.elapsed().as_secs_f64());
        Ok(azurite)
    }

    /// Two of them, which start at the same time: one over http, and one over https that takes
    /// tokens.
    pub fn start_both() -> Result<[Self; 2], Failure> {
        println!("==> Azurite, over http and over https");
        let started = Instant::now();
        let folder = workspace::target_directory()?.join("azurite");
        let name = std::process::id().to_string();
        let certificate = Certificate::create(&folder, &name)?;
        let mut both = [Self::spawn(None)?, Self::spawn(Some(certificate))?];
        for azurite in &mut both {
            azurite.wait_until_ready(started + START_TIMEOUT)?;
        }
        println!("    Azurite: {:.1} s", started.elapsed().as_secs_f64());
        Ok(both)
    }

    /// The address of the development account.
    pub fn account_url(&self) -> String {
        let scheme = match self.certificate {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://127.0.0.1:{}/devstoreaccount1", self.port)
    }

    fn spawn(certificate: Option<Certificate>) -> Result<Self, Failure> {
        let port = free_port().map_err(|error| Failure::io("find a free port", error))?;
        let process = command(port, certificate.as_ref())
            .spawn()
            .map_err(|error| Failure::io("start `node` for Azurite", error))?;
        Ok(Self {
            process,
            port,
            certificate,
        })
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
    let started = installed(Azurite::start)?;
    Ok(match started {
        Ok(azurite) => {
            let account_url = azurite.account_url();
            (Some(azurite), account_url)
        }
        Err(missing) => (None, missing),
    })
}

/// The same of both: over http, and over https with tokens.
pub fn start_both_or_explain() -> Result<(Option<[Azurite; 2]>, [String; 2]), Failure> {
    let started = installed(Azurite::start_both)?;
    Ok(match started {
        Ok(both) => {
            let account_urls = [both[0].account_url(), both[1].account_url()];
            (Some(both), account_urls)
        }
        Err(missing) => (None, [missing.clone(), missing]),
    })
}

/// What `start` starts, or a sentence in its place.
fn installed<T>(start: impl FnOnce() -> Result<T, Failure>) -> Result<Result<T, String>, Failure> {
    match npm::install() {
        Ok(()) => start().map(Ok),
        Err(sentence) => {
            println!("    no Azurite: {sentence}");
            Ok(Err(format!("missing: {sentence}")))
        }
    }
}

fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn command(port: u16, certificate: Option<&Certificate>) -> Command {
    let mut command = Command::new("node");
    command
        .arg("node_modules/azurite/dist/src/blob/main.js")
        .args(["--silent", "--inMemoryPersistence", "--skipApiVersionCheck"])
        .args(["--disableTelemetry", "--blobHost", "127.0.0.1"])
        .args(["--blobPort", &port.to_string()])
        .current_dir(npm::directory())
        // Would replace the development account, whose name and key the tests know.
        .env_remove("AZURITE_ACCOUNTS")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if let Some(Certificate { certificate, key }) = certificate {
        // `basic` reads a token's words, such as its audience and its end, and no signature.
        command
            .args(["--oauth", "basic"])
            .arg("--cert")
            .arg(certificate)
            .arg("--key")
            .arg(key);
    }
    command
}
