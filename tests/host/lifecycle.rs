//! The life of the handler's process: bad settings, kills, signals, ports, exit codes.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Stdio;
use std::time::Instant;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::timeout;

use super::functions_host::{FunctionsHost, Mode, Options, State};
use super::harness::{
    DEADLINE, Gallery, Package, client, in_both_modes, json_of, ready_after_launches, signal, until,
};
use super::killed::place::Place;

in_both_modes!(
    a_misconfigured_app_stays_up_and_says_so,
    a_killed_handler_comes_back_with_every_image,
    two_instances_run_at_once,
    a_restart_of_the_host_ends_nothing,
);

/// An edit of host.json or of a function folder: for a while the old and the new handler live side
/// by side over one folder.
async fn a_restart_of_the_host_ends_nothing(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    gallery.generate("made before").await;
    let old = gallery.host.restart_host();
    let starting = gallery.get("/api/getImages").await;
    assert_eq!(starting.status(), 503);
    assert!(starting.headers().contains_key("retry-after"));
    assert_eq!(json_of(starting).await["code"], "starting");
    assert_eq!(gallery.get("/").await.status(), 200);
    // The host does so at the end of the overlap.
    old.stop().await;
    let started = Instant::now();
    let list = loop {
        let answer = gallery.get("/api/getImages").await;
        if answer.status() == 200 {
            break json_of(answer).await;
        }
        assert!(started.elapsed() < DEADLINE, "{}", answer.status());
    };
    assert_eq!(list["imageUrls"][0]["prompt"], "made before");
    gallery.generate("made behind").await;
    assert_eq!(gallery.host.worker().launches(), 1);
    gallery.stop().await;
}

async fn a_misconfigured_app_stays_up_and_says_so(mode: Mode) {
    let package = Package::unpack();
    let options = Options::new(mode).setting("accountName", "namewithoutkey");
    let host = FunctionsHost::start(package.root.path(), options)
        .await
        .unwrap();
    ready_after_launches(&host, 1).await;
    let client = client();
    let root = format!("http://127.0.0.1:{}/", host.worker().port);
    assert_eq!(client.get(root).send().await.unwrap().status(), 200);
    for path in ["/api/getImages", "/api/generateSASToken"] {
        let url = format!("{}{path}", host.base_url);
        let response = client.get(url).send().await.unwrap();
        assert_eq!(response.status(), 503, "{path}");
        assert_eq!(json_of(response).await["code"], "misconfigured", "{path}");
    }
    let naming_lines = || {
        let mut lines = host.worker().console.lines();
        lines.retain(|line| line.text.contains("accountKey"));
        lines.len()
    };
    until("the log names the setting", || naming_lines() > 0).await;
    assert_eq!(naming_lines(), 1, "once, not with each request");
    assert_eq!(host.worker().launches(), 1);
    assert_eq!(host.worker().state(), State::Ready);
    host.stop().await;
}

async fn a_killed_handler_comes_back_with_every_image(mode: Mode) {
    let gallery = Gallery::start(mode).await;
    gallery.generate("made before").await;
    signal("KILL", gallery.host.worker().process_id());
    ready_after_launches(&gallery.host, 2).await;
    let list = gallery.get_json("/api/getImages").await;
    assert_eq!(list["imageUrls"].as_array().unwrap().len(), 1);
    assert_eq!(list["imageUrls"][0]["prompt"], "made before");
    gallery.stop().await;
}

/// Over an account: a folder is one process's at a time.
async fn two_instances_run_at_once(mode: Mode) {
    let (package, place) = (Package::unpack(), Place::new_containers());
    let options = || {
        let demo = Options::new(mode).setting("IMAGE_PROVIDER", "demo");
        let settings = place.settings().into_iter();
        settings.fold(demo, |options, (name, value)| options.setting(name, value))
    };
    let root = package.root.path();
    let first = FunctionsHost::start(root, options()).await.unwrap();
    let second = FunctionsHost::start(root, options()).await.unwrap();
    assert_ne!(first.worker().port, second.worker().port);
    let client = client();
    let request = client.post(format!("{}/api/generateImage", first.base_url));
    let made = request.body(r#"{"prompt":"made by the first"}"#).send();
    assert_eq!(made.await.unwrap().status(), 200);
    let url = format!("{}/api/getImages", second.base_url);
    let list = json_of(client.get(url).send().await.unwrap()).await;
    assert_eq!(list["imageUrls"][0]["prompt"], "made by the first");
    second.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn a_stopped_host_leaves_no_process_on_the_port() {
    let gallery = Gallery::start(Mode::Proxying).await;
    gallery
        .generate("a request that leaves its connection open")
        .await;
    let port = gallery.host.worker().port;
    gallery.stop().await;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free again");
}

#[tokio::test]
async fn sigterm_ends_the_handler_with_exit_code_0_and_frees_its_port() {
    let gallery = Gallery::start(Mode::Proxying).await;
    ready_after_launches(&gallery.host, 1).await;
    let worker = gallery.host.worker();
    signal("TERM", worker.process_id());
    let settled = worker
        .wait_for(DEADLINE, |state| *state != State::Ready)
        .await;
    assert_eq!(
        settled,
        Some(State::Ended),
        "exit code 0 is never started again"
    );
    TcpListener::bind((Ipv4Addr::LOCALHOST, worker.port)).expect("the port is free again");
    gallery.stop().await;
}

/// Exit code 0 would leave the app dead for good: the host takes it for a wish to end.
#[tokio::test]
async fn a_handler_that_cannot_listen_exits_with_another_code_than_0() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken_port = taken.local_addr().unwrap().port().to_string();
    let package = Package::unpack();
    let store = TempDir::new().unwrap();
    for port in ["not-a-port", "70000", "-1", &taken_port] {
        let mut child = Command::new(package.executable())
            .env_clear()
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port)
            .env("IMAGE_PROVIDER", "demo")
            .env("STORAGE_DIR", store.path())
            .current_dir(package.root.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let status = timeout(DEADLINE, child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("port {port}: still running"));
        let code = status.unwrap().code();
        assert!(code.is_some_and(|code| code != 0), "port {port}: {code:?}");
    }
}
