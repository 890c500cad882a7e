//! Serving a listener until it is time to stop, within limits, and stopping without losing paid work.

mod connection;
mod current;
mod drain;
mod head;
mod limits;
mod places;
mod progress;
mod stream;

pub use limits::{ConnectionLimits, DrainLimits};

use crate::{app::Service, request_body::BodyRoom};
use connection::Server;
use current::Current;
use places::Places;
use progress::Progress;
use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

/// Platforms kill what is left 30 s after they asked it to stop.
const SHUTDOWN_TIME: Duration = Duration::from_secs(25);

/// Serves until `stop` is done, then takes no new connections, lets requests and generations
/// finish, for 25 s at the most, and returns.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    limits: ConnectionLimits,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
    service: Arc<Service>,
) -> io::Result<()> {
    let stopping = Arc::new(Notify::new());
    let signal = stopping.clone();
    let (sender, current) = watch::channel(Current::of(&service));
    // Ends with this function: nothing depends on it.
    let _background = AbortOnDropHandle::new(tokio::spawn(current::run(service, sender)));
    let server = Server {
        current: current.clone(),
        limits,
        bodies: BodyRoom::new(limits.body_memory),
        stopping: CancellationToken::new(),
    };
    let mut served = pin!(accept(listener, server, async move {
        stop.await;
        tracing::info!("stopping: no new requests, running work is finished");
        signal.notify_one();
    }));
    let is_served = tokio::select! {
        biased;
        () = stopping.notified() => false,
        () = &mut served => true,
    };
    let Some(app) = current.borrow().app.clone() else {
        return Ok(());
    };
    let finished = async {
        app.operations.finish().await;
        if !is_served {
            served.await;
        }
    };
    if tokio::time::timeout(SHUTDOWN_TIME, finished).await.is_err() {
        let unfinished = app.operations.running();
        tracing::error!(unfinished, "stopped before everything was finished");
    }
    Ok(())
}

/// Accepts connections until `stop` is done, and waits for the end of those that there are.
async fn accept(listener: TcpListener, server: Server, stop: impl Future<Output = ()>) {
    let places = Arc::new(Places::new(server.limits));
    let tasks = TaskTracker::new();
    let mut is_failing = false;
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            let accepted = listener.accept().await?;
            places.room().await;
            io::Result::Ok(accepted)
        };
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                is_failing = false;
                begin(&tasks, &places, server.clone(), stream, peer);
            }
            // A peer that left already says nothing about the next one.
            Err(error) if is_of_peer(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::error!(%error, "connections cannot be accepted; idle ones are closed");
                }
                // Most likely there are too many open files.
                places.let_one_go();
                tokio::time::sleep(server.limits.accept_pause).await;
            }
        }
    }
    drop(listener);
    server.stopping.cancel();
    tasks.close();
    tasks.wait().await;
}

fn begin(
    tasks: &TaskTracker,
    places: &Arc<Places>,
    server: Server,
    stream: TcpStream,
    peer: SocketAddr,
) {
    // An answer's head and body are two writes: Nagle's algorithm would hold the second one back
    // until the first is acknowledged, which takes a waiting peer 40 ms.
    let _ = stream.set_nodelay(true);
    let progress = Arc::new(Progress::new(&server.limits));
    let place = places.take(progress.clone());
    tasks.spawn(async move {
        server.serve(stream, peer, progress).await;
        drop(place);
    });
}

fn is_of_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// Watches for SIGTERM and SIGINT from this call on; the future is done when one has come.
///
/// # Errors
/// When the process cannot watch its signals.
pub fn told_to_stop() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(windows)]
    {
        let mut interrupt = tokio::signal::windows::ctrl_c()?;
        Ok(async move { drop(interrupt.recv().await) })
    }
}
