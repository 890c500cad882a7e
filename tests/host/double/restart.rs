//! A restart of the host: the old and the new handler live side by side for a while.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;

use super::recorder::Recorder;
use super::setup::recorded_app;
use crate::host::functions_host::{FunctionsHost, Mode, Options, State};
use crate::host::harness::{client, ready_after_launches, until};

/// A host whose first handler answers, and whose next one will be on a given port.
async fn start(next_port: u16, overlap: Duration) -> (FunctionsHost, Recorder, TempDir) {
    let (recorder, app) = (Recorder::start().await, recorded_app());
    let mut options = Options::new(Mode::Proxying);
    options.ports = vec![recorder.port, next_port];
    options.restart_overlap = overlap;
    let host = FunctionsHost::start(app.path(), options).await.unwrap();
    ready_after_launches(&host, 1).await;
    (host, recorder, app)
}

fn is_alive(process_id: u32) -> bool {
    let command = format!("kill -0 {process_id}");
    let output = Command::new("/bin/sh").args(["-c", &command]).output();
    output.unwrap().status.success()
}

#[tokio::test]
async fn requests_wait_for_the_new_handler_while_the_old_one_lives_on() {
    // Connections to it wait until they are served.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let next_port = listener.local_addr().unwrap().port();
    let (host, first, _app) = start(next_port, Duration::from_secs(600)).await;
    let old = host.restart_host();
    let url = format!("{}/api/plain", host.base_url);
    let waiting = tokio::spawn(client().get(url).send());
    until("the new handler has been started", || {
        host.worker().launches() == 1
    })
    .await;
    assert_eq!(host.worker().state(), State::Starting);
    let second = Recorder::serve(listener);
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
    assert_eq!((first.take().len(), second.take().len()), (0, 1));
    let processes = [old.process_id(), host.worker().process_id()];
    assert_ne!(processes[0], processes[1]);
    assert!(processes.into_iter().all(is_alive), "both live");
    host.stop().await;
    assert!(!processes.into_iter().any(is_alive), "both are gone");
}

#[tokio::test]
async fn the_old_handler_is_killed_after_the_overlap() {
    let second = Recorder::start().await;
    let (host, _first, _app) = start(second.port, Duration::from_millis(50)).await;
    let old = host.restart_host().process_id();
    until("the old handler is gone", || !is_alive(old)).await;
    ready_after_launches(&host, 1).await;
    assert!(is_alive(host.worker().process_id()));
    host.stop().await;
}
