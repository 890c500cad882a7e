//! The handler's process as the host keeps it: started on a port of its own, probed until it
//! answers, started again by its exit code, killed at the end.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::console::{Console, Stream};
use super::handler::Handler;

const PROBE_INTERVAL: Duration = Duration::from_millis(25);
const MAX_ERRORS: usize = 3;
/// An error that comes later than this after the one before it starts the count anew.
const ERROR_MEMORY: Duration = Duration::from_secs(30 * 60);

/// Everything that a start of the process needs.
#[derive(Clone, Debug)]
pub struct Launch {
    pub executable: PathBuf,
    pub root: PathBuf,
    /// The whole environment but for the host's own variables.
    pub environment: HashMap<String, String>,
    pub port: u16,
    pub initialization_timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Starting,
    Ready,
    /// Exit code 0 once it was ready: the host forgets the process and never starts another.
    Ended,
    /// The third error: the host itself stops.
    Down,
}

enum Order {
    Restart,
    Stop,
}

enum Ending {
    Exited(Option<i32>),
    NotReadyInTime,
    Restart,
    Stopped,
}

/// A handler under supervision.
pub struct Worker {
    pub port: u16,
    pub handler: Arc<Handler>,
    pub console: Console,
    state: watch::Receiver<State>,
    launches: Arc<AtomicU32>,
    process_id: Arc<AtomicU32>,
    orders: mpsc::Sender<Order>,
}

struct Supervisor {
    launch: Launch,
    handler: Arc<Handler>,
    console: Console,
    state: watch::Sender<State>,
    launches: Arc<AtomicU32>,
    process_id: Arc<AtomicU32>,
    orders: mpsc::Receiver<Order>,
}

/// A port that was free a moment ago: the host has the same race.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Worker {
    /// Starts the process and returns at once, as the host does.
    pub fn start(launch: Launch) -> Self {
        let (state_sender, state) = watch::channel(State::Starting);
        let (orders, order_receiver) = mpsc::channel(4);
        let console = Console::default();
        let launches = Arc::new(AtomicU32::new(0));
        let process_id = Arc::new(AtomicU32::new(0));
        let port = launch.port;
        let handler = Arc::new(Handler::new(port));
        let supervisor = Supervisor {
            launch,
            handler: handler.clone(),
            console: console.clone(),
            state: state_sender,
            launches: launches.clone(),
            process_id: process_id.clone(),
            orders: order_receiver,
        };
        tokio::spawn(supervisor.run());
        Self {
            port,
            handler,
            console,
            state,
            launches,
            process_id,
            orders,
        }
    }

    /// Waits until the worker is in a state that `wanted` accepts, and returns that state.
    pub async fn wait_for(
        &self,
        limit: Duration,
        wanted: impl FnMut(&State) -> bool,
    ) -> Option<State> {
        let mut state = self.state.clone();
        let found = timeout(limit, state.wait_for(wanted)).await.ok()?;
        Some(found.ok()?.clone())
    }

    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// How often the process has been started.
    pub fn launches(&self) -> u32 {
        self.launches.load(Ordering::SeqCst)
    }

    pub fn process_id(&self) -> u32 {
        self.process_id.load(Ordering::SeqCst)
    }

    /// Kills the process and starts another, without counting an error: a function timed out.
    pub async fn restart(&self) {
        let _ = self.orders.send(Order::Restart).await;
    }

    /// SIGKILL, which is all that a stopping host sends; returns when the process is gone.
    pub async fn stop(&self) {
        let _ = self.orders.send(Order::Stop).await;
        let mut state = self.state.clone();
        // The supervisor's end closes the channel.
        while state.changed().await.is_ok() {}
    }
}

impl Supervisor {
    async fn run(mut self) {
        let mut errors: Vec<Instant> = Vec::new();
        loop {
            self.state.send_replace(State::Starting);
            let ending = match self.launch.spawn().await {
                Ok(child) => self.watch(child).await,
                Err(error) => {
                    // The host forgets this failure: requests wait until they give up.
                    let text = format!("Failed to start Worker Channel: {error}");
                    self.console.record(Stream::Error, &text);
                    self.orders.recv().await;
                    Ending::Stopped
                }
            };
            match ending {
                Ending::Stopped => return,
                Ending::Exited(Some(0)) => return self.finish(State::Ended).await,
                Ending::Restart | Ending::Exited(Some(200)) => {}
                Ending::Exited(_) | Ending::NotReadyInTime => {
                    errors.retain(|earlier| earlier.elapsed() <= ERROR_MEMORY);
                    errors.push(Instant::now());
                    if errors.len() >= MAX_ERRORS {
                        return self.finish(State::Down).await;
                    }
                }
            }
        }
    }

    async fn finish(&mut self, state: State) {
        self.state.send_replace(state);
        // The state is readable for as long as somebody may give orders.
        while let Some(Order::Restart) = self.orders.recv().await {}
    }

    /// One life of the process, from its start to its end.
    async fn watch(&mut self, mut child: Child) -> Ending {
        self.launches.fetch_add(1, Ordering::SeqCst);
        self.process_id
            .store(child.id().unwrap_or(0), Ordering::SeqCst);
        let output = child.stdout.take().unwrap();
        let errors = child.stderr.take().unwrap();
        let drains = [
            tokio::spawn(self.console.clone().drain(Stream::Output, output)),
            tokio::spawn(self.console.clone().drain(Stream::Error, errors)),
        ];
        let ending = self.wait_for_end(&mut child).await;
        let _ = child.kill().await;
        for drain in drains {
            // A grandchild may hold the pipe open; what it says is not waited for.
            let _ = timeout(Duration::from_secs(1), drain).await;
        }
        ending
    }

    async fn wait_for_end(&mut self, child: &mut Child) -> Ending {
        let handler = self.handler.clone();
        let probe = async move {
            while !handler.answers().await {
                tokio::time::sleep(PROBE_INTERVAL).await;
            }
        };
        let mut probe = std::pin::pin!(timeout(self.launch.initialization_timeout, probe));
        let (mut is_probing, mut is_gone) = (true, false);
        loop {
            tokio::select! {
                status = child.wait(), if !is_gone => {
                    match status.ok().and_then(|status| status.code()) {
                        // The host does not notice, and goes on probing.
                        Some(0) if is_probing => is_gone = true,
                        code => return Ending::Exited(code),
                    }
                }
                outcome = &mut probe, if is_probing => {
                    is_probing = false;
                    if outcome.is_err() {
                        return Ending::NotReadyInTime;
                    }
                    self.state.send_replace(State::Ready);
                }
                order = self.orders.recv() => return match order {
                    Some(Order::Restart) => Ending::Restart,
                    Some(Order::Stop) | None => Ending::Stopped,
                },
            }
        }
    }
}

impl Launch {
    async fn spawn(&self) -> std::io::Result<Child> {
        let port = self.port.to_string();
        let worker_id = uuid::Uuid::new_v4().to_string();
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let outcome = Command::new(&self.executable)
                .current_dir(&self.root)
                .env_clear()
                .envs(&self.environment)
                .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
                .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &worker_id)
                .env("FUNCTIONS_HTTPWORKER_PORT", &port)
                .env("FUNCTIONS_HTTPWORKER_ID", &worker_id)
                .env("FUNCTIONS_APP_ROOT_PATH", &self.root)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn();
            match outcome {
                // Another test's child, between fork and exec, still holds the freshly written
                // file open for writing.
                Err(error)
                    if error.kind() == ErrorKind::ExecutableFileBusy
                        && Instant::now() < deadline =>
                {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                outcome => return outcome,
            }
        }
    }
}
