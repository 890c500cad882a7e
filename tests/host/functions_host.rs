//! A double of the Functions host: an HTTP server on loopback in front of the real handler.
//!
//! It behaves like a running host of [`HOST_VERSION`]: `double/recorded.rs` compares it with 340
//! recorded requests. Where no recording shows the behaviour, it follows the sources of the host, of
//! YARP and of .NET. Not modelled: CORS, the JSON protocol, extensions, `/admin` behind its key, and
//! the headers that a telemetry listener adds.

mod alphabet;
mod body;
mod cache_control;
mod connection;
pub mod console;
mod content;
mod escapes;
mod forward;
mod front_end;
mod handler;
mod invocation;
mod keys;
pub mod load;
pub mod message;
mod middleware;
mod options;
mod proxy;
mod query;
mod reply;
mod request;
mod routes;
mod spawn;
mod target;
mod template;
mod uri;

pub use body::Framing;
pub use front_end::{CALLER_ADDRESS, FrontEnd};
pub use invocation::HOMEPAGE;
pub use keys::{FUNCTION_KEY, Keys};
pub use middleware::Hosting;
pub use options::Options;
pub use spawn::State;

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use invocation::Host;
use spawn::{Launch, Worker, free_port};

/// The version of the recordings.
pub const HOST_VERSION: &str = "4.1037.0.0";

/// How requests reach the handler: older hosts know forwarding only, newer ones prefer proxying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Proxying,
    Forwarding,
}

/// A running host. Dropping it, and the runtime with it, kills the handler.
pub struct FunctionsHost {
    pub base_url: String,
    host: Arc<Host>,
    server: JoinHandle<()>,
    restart_overlap: Duration,
}

impl FunctionsHost {
    /// Starts the app that lies unpacked in `root`. The handler may still be starting then.
    pub async fn start(root: &Path, options: Options) -> Result<Self, String> {
        let app = options.load(root)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let host = Host {
            mode: options.mode,
            web_layer: options.web_layer(),
            keys: options.keys,
            shows_homepage: !options.is_on("AzureWebJobsDisableHomepage"),
            most_body_bytes: options.body_limit()?,
            first_retry_pause: options.first_retry_pause,
            environment: options.environment(&address.to_string()),
            app,
            ports: Mutex::new(options.ports.into()),
            workers: Mutex::default(),
            invocation_ids: Mutex::default(),
        };
        host.start_worker();
        let host = Arc::new(host);
        let server = tokio::spawn(accept(listener, host.clone()));
        let (base_url, restart_overlap) = (format!("http://{address}"), options.restart_overlap);
        Ok(Self {
            base_url,
            host,
            server,
            restart_overlap,
        })
    }

    /// The worker that gets the requests.
    pub fn worker(&self) -> Arc<Worker> {
        self.host.worker()
    }

    /// The ids of the invocations so far, the newest last.
    pub fn invocation_ids(&self) -> Vec<String> {
        self.host.invocation_ids.lock().unwrap().clone()
    }

    /// Restarts the host, as an edit of host.json or of a function's folder does: a new handler
    /// starts on another port, and new requests wait until it is ready. The old handler is killed
    /// after the overlap. Returns the old one. The app's files are not read again.
    pub fn restart_host(&self) -> Arc<Worker> {
        let old = self.host.worker();
        self.host.start_worker();
        let (worker, overlap) = (old.clone(), self.restart_overlap);
        tokio::spawn(async move {
            tokio::time::sleep(overlap).await;
            worker.stop().await;
        });
        old
    }

    /// Stops the front, then kills every handler, and waits until all are gone.
    pub async fn stop(self) {
        self.server.abort();
        let _ = self.server.await;
        let workers = self.host.workers.lock().unwrap().clone();
        for worker in workers {
            worker.stop().await;
        }
    }
}

impl Host {
    fn start_worker(&self) {
        let port = self.ports.lock().unwrap().pop_front();
        let worker = Worker::start(Launch {
            executable: self.app.executable.clone(),
            root: self.app.root.clone(),
            environment: self.environment.clone(),
            port: port.unwrap_or_else(free_port),
            initialization_timeout: self.app.initialization_timeout,
        });
        self.workers.lock().unwrap().push(Arc::new(worker));
    }
}

/// Connections end with this task.
async fn accept(listener: TcpListener, host: Arc<Host>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let host = host.clone();
                connections.spawn(async move { connection::serve(&host, stream).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
