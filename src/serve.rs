//! Serving a listener until it is time to stop, and stopping without losing paid work.

use crate::{app::Service, router};
use axum::serve::ListenerExt;
use std::{
    future::{Future, IntoFuture},
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};
use time::OffsetDateTime;
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::task::AbortOnDropHandle;

/// Platforms kill what is left 30 s after they asked it to stop.
const SHUTDOWN_TIME: Duration = Duration::from_secs(25);

/// Serves until `stop` is done, then takes no new connections, lets requests and generations
/// finish, for 25 s at the most, and returns.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
    service: Arc<Service>,
) -> io::Result<()> {
    let stopping = Arc::new(Notify::new());
    let signal = stopping.clone();
    let router = router::router(&service).into_make_service_with_connect_info::<SocketAddr>();
    // Ends with this function: nothing depends on it.
    let _look_ahead = AbortOnDropHandle::new(tokio::spawn(look_ahead(service.clone())));
    let _sweep = AbortOnDropHandle::new(tokio::spawn(sweep(service.clone())));
    // An answer's head and body are two writes: Nagle's algorithm would hold the second one back
    // until the first is acknowledged, which takes a waiting peer 40 ms.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        tracing::info!("stopping: no new requests, running work is finished");
        signal.notify_one();
    });
    let mut server = pin!(server.into_future());
    let already_served = tokio::select! {
        biased;
        () = stopping.notified() => None,
        served = &mut server => Some(served),
    };
    let Service::Ready(app) = service.as_ref() else {
        return Ok(());
    };
    let finished = async {
        app.operations.finish().await;
        match already_served {
            Some(served) => served,
            None => server.await,
        }
    };
    match tokio::time::timeout(SHUTDOWN_TIME, finished).await {
        Ok(served) => served,
        Err(_) => {
            let unfinished = app.operations.running();
            tracing::error!(unfinished, "stopped before everything was finished");
            Ok(())
        }
    }
}

/// Lets the log say which models end soon. Not at the start itself, which is to be quick.
async fn look_ahead(service: Arc<Service>) {
    if let Service::Ready(app) = service.as_ref() {
        tokio::time::sleep(app.models_checked_after).await;
        let now = OffsetDateTime::now_utc();
        app.health.warn_of_ending_models(now).await;
    }
}

/// Brings operations to their end that other processes lost, and removes what is old.
async fn sweep(service: Arc<Service>) {
    if let Service::Ready(app) = service.as_ref() {
        app.operations.keep_sweeping().await;
    }
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
