//! The service as a process of its own: started with settings, timed to its first answer, killed
//! when dropped.

use std::{
    env, fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::Failure;

/// What a reader of the figures has to know about the log.
pub(crate) const LOGGED: &str = "the log goes to a file";

/// Between two tries to reach a starting service.
const TRY_AGAIN_AFTER: Duration = Duration::from_micros(100);

/// A service that has not answered by then never will.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// A new folder below the system's temporary one; removed when dropped.
pub(crate) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub(crate) fn create() -> Result<TemporaryFolder, Failure> {
        static CREATED: AtomicUsize = AtomicUsize::new(0);
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let name = format!("visionary-bench-{}-{number}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path)?;
        Ok(TemporaryFolder(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("could not remove {}: {error}", self.0.display());
        }
    }
}

/// A running service that has answered `GET /` once.
pub(crate) struct Service {
    child: Child,
    address: SocketAddr,
    /// From before exec to the first 200.
    pub(crate) started_in: Duration,
    _working_folder: TemporaryFolder,
}

impl Service {
    /// Starts the binary with these settings and no others, in an empty working folder.
    pub(crate) fn start(binary: &Path, settings: &[(&str, String)]) -> Result<Service, Failure> {
        let working_folder = TemporaryFolder::create()?;
        let log_path = working_folder.path().join("log");
        let log = fs::File::create(&log_path)?;
        let address = free_address()?;
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(env::vars_os().filter(|(name, _)| name == "PATH" || name == "TMPDIR"))
            .env("PORT", address.port().to_string())
            .envs(settings.iter().map(|(name, value)| (*name, value)))
            .current_dir(working_folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let started_at = Instant::now();
        let mut service = Service {
            child: command.spawn()?,
            address,
            started_in: Duration::ZERO,
            _working_folder: working_folder,
        };
        service.wait_for_first_answer(started_at, &log_path)?;
        service.started_in = started_at.elapsed();
        Ok(service)
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Resident memory now, in KiB.
    pub(crate) fn resident_kib(&self) -> Option<u64> {
        kib_field(&self.status(), "VmRSS:")
    }

    /// The most memory that was ever resident, in KiB.
    pub(crate) fn peak_resident_kib(&self) -> Option<u64> {
        kib_field(&self.status(), "VmHWM:")
    }

    fn status(&self) -> String {
        fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default()
    }

    fn wait_for_first_answer(&mut self, started_at: Instant, log: &Path) -> Result<(), Failure> {
        while !answers(self.address).unwrap_or(false) {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(log)?;
                return Err(format!("the service ended with {status}: {log}").into());
            }
            if started_at.elapsed() > START_DEADLINE {
                let log = fs::read_to_string(log)?;
                return Err(format!("no 200 from GET / in {START_DEADLINE:?}: {log}").into());
            }
            thread::sleep(TRY_AGAIN_AFTER);
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Either fails only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of KiB after a field's name in a file of `/proc`.
pub(crate) fn kib_field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A port that was free a moment ago; another process could take it, and the start would say so.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Whether `GET /` on a fresh connection gets a 200.
fn answers(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(START_DEADLINE))?;
    let request = format!("GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut status_line = *b"HTTP/1.1 ...";
    stream.read_exact(&mut status_line)?;
    Ok(&status_line == b"HTTP/1.1 200")
}
