//! The handler's process: readiness, exit codes, time-outs, and what a host refuses to load. Small
//! shell scripts are the handlers.

use std::fs;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::app::scripted_app;
use crate::host::functions_host::{FunctionsHost, Mode, Options, State, load};
use crate::host::harness::{DEADLINE, client, ready_after_launches, until};

/// A host whose handler has answered a probe and has ended with exit code 0 then: the host goes on
/// believing in it, and nothing listens any more.
async fn host_of_an_ended_handler(mode: Mode) -> FunctionsHost {
    let app = scripted_app("until [ -e stop ]; do sleep 0.01; done");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut options = Options::new(mode);
    options.ports.push(listener.local_addr().unwrap().port());
    let host = FunctionsHost::start(app.path(), options).await.unwrap();
    let (mut probe, _) = listener.accept().await.unwrap();
    probe
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .await
        .unwrap();
    drop((probe, listener));
    ready_after_launches(&host, 1).await;
    fs::write(app.path().join("stop"), "").unwrap();
    until("the handler has ended", || {
        host.worker().state() == State::Ended
    })
    .await;
    host
}

#[tokio::test]
async fn a_handler_that_ends_with_exit_code_0_is_never_started_again() {
    for (mode, tries_last) in [
        (Mode::Forwarding, Duration::ZERO),
        (Mode::Proxying, Duration::from_millis(1500)),
    ] {
        let host = host_of_an_ended_handler(mode).await;
        let started = Instant::now();
        let url = format!("{}/api/open", host.base_url);
        assert_eq!(client().get(&url).send().await.unwrap().status(), 500);
        assert!(started.elapsed() >= tries_last, "ten tries with pauses");
        assert_eq!(host.worker().launches(), 1);
        host.stop().await;
    }
}

#[tokio::test]
async fn a_handler_that_fails_to_start_is_started_three_times() {
    let restarts = "echo started >> launches; [ $(wc -l < launches) -lt 6 ] && exit 200; exit 3";
    for (script, launches) in [
        ("exit 0", 3),
        ("exit 3", 3),
        ("kill -KILL $$", 3),
        (restarts, 8),
    ] {
        let app = scripted_app(script);
        let mut options = Options::new(Mode::Forwarding);
        options.initialization_timeout = Some(Duration::from_millis(100));
        let host = FunctionsHost::start(app.path(), options).await.unwrap();
        let down = host
            .worker()
            .wait_for(DEADLINE, |state| *state == State::Down)
            .await;
        assert_eq!(down, Some(State::Down), "{script}");
        assert_eq!(host.worker().launches(), launches, "{script}");
        let url = format!("{}/api/open", host.base_url);
        assert_eq!(
            client().get(url).send().await.unwrap().status(),
            503,
            "{script}"
        );
        host.stop().await;
    }
}

#[tokio::test]
async fn a_handler_that_never_answers_is_killed_and_counted() {
    let app = scripted_app("echo listening nowhere; echo failure >&2; exec sleep 600");
    let mut options = Options::new(Mode::Forwarding);
    options.initialization_timeout = Some(Duration::from_millis(300));
    let host = FunctionsHost::start(app.path(), options).await.unwrap();
    let down = host
        .worker()
        .wait_for(DEADLINE, |state| *state == State::Down)
        .await;
    assert_eq!(down, Some(State::Down));
    assert_eq!(host.worker().launches(), 3);
    assert_eq!(host.worker().console.lines().len(), 6);
    assert_eq!(host.worker().console.errors().len(), 3);
    host.stop().await;
}

#[tokio::test]
async fn a_function_that_times_out_costs_the_handler_its_process_but_no_error() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut options = Options::new(Mode::Forwarding);
    options.ports.push(silent.local_addr().unwrap().port());
    options.function_timeout = Some(Duration::from_millis(200));
    // Answers the probe and leaves every other request without an answer.
    let slow = |request: Request<Body>| async move {
        if request.uri().path() != "/" {
            std::future::pending::<()>().await;
        }
    };
    tokio::spawn(async move { axum::serve(silent, axum::Router::new().fallback(slow)).await });
    let app = scripted_app("exec sleep 600");
    let host = FunctionsHost::start(app.path(), options).await.unwrap();
    for launches in 1..=4 {
        until("the handler is there", || {
            host.worker().launches() == launches
        })
        .await;
        let url = format!("{}/api/open", host.base_url);
        assert_eq!(client().get(url).send().await.unwrap().status(), 500);
    }
    host.stop().await;
}

#[test]
fn an_app_that_a_real_host_would_refuse_is_refused() {
    let host = |json: &str| {
        let app = scripted_app("exit 0");
        fs::write(app.path().join("host.json"), json).unwrap();
        load::load(app.path())
    };
    let good =
        r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"}}}"#;
    assert!(host(good).is_ok());
    assert!(host(&good.replace("2.0", "1.0")).is_err());
    assert!(host(&good.replace("\"handler\"", "\"./handler\"")).is_err());
    assert!(host(&good.replace("\"handler\"", "\"other\"")).is_err());
    assert!(host(&good.replace("}}}", r#"},"http":{"routes":[]}}}"#)).is_err());

    let function = |edit: fn(&mut serde_json::Value)| {
        let app = scripted_app("exit 0");
        let path = app.path().join("open/function.json");
        let mut json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        edit(&mut json);
        fs::write(&path, json.to_string()).unwrap();
        load::load(app.path())
    };
    assert!(function(|_| {}).is_ok());
    assert!(function(|json| json["bindings"][0]["authLevel"] = "everyone".into()).is_err());
    assert!(function(|json| json["bindings"][0]["route"] = "admin/x".into()).is_err());
    assert!(function(|json| json["bindings"][0]["route"] = "locked".into()).is_err());
    assert!(function(|json| json["bindings"][1]["type"] = "queue".into()).is_err());
}
