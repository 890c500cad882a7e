//! Callers who are many: what they may take together, and who goes for whom.

use super::{
    PATIENCE, rest, short,
    slow::{REQUEST, ask, connect, large_file, stuck},
    statuses,
};
use crate::{
    process::{Running, program},
    service::{Answer, Service, client},
    upstream::{self, Gate, Upstream, picture},
};
use serde_json::json;
use std::time::Duration;
use tokio::{io::AsyncWriteExt, process::Command};
use visionary::{request_body::BodyMemory, serve::ConnectionLimits};

/// Else a few thousand of them would keep everybody out for as long as they like.
#[tokio::test]
async fn callers_who_take_nothing_go_first_where_there_are_too_many() {
    let limits = ConnectionLimits {
        connections: 3,
        unread: PATIENCE * 10,
        unread_when_full: Duration::from_millis(200),
        ..short()
    };
    let service = Service::start_within(limits, &[], |_| {}).await;
    let path = large_file(&service).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(stuck(&service, &path).await);
    }
    let next = tokio::time::timeout(PATIENCE, service.get("/")).await;
    assert_eq!(next.expect("one of them went").status, 200);
}

#[tokio::test]
async fn the_longest_idle_one_goes_where_there_are_too_many() {
    let limits = ConnectionLimits {
        connections: 20,
        ..ConnectionLimits::default()
    };
    let service = Service::start_within(limits, &[], |_| {}).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        let mut connection = connect(service.address()).await;
        assert!(ask(&mut connection).await, "each new one is served");
        idle.push(connection);
    }
    for first in &mut idle[..80] {
        assert_eq!(rest(first).await, "", "the oldest are closed");
    }
    for last in &mut idle[81..] {
        assert!(ask(last).await, "the newest are open");
    }
}

#[tokio::test]
async fn work_is_not_given_up_for_a_new_caller() {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.push(upstream::Answer::image(picture::small_png()).held_by(&gate));
    let limits = ConnectionLimits {
        connections: 2,
        ..short()
    };
    let base_url = upstream.base_url();
    let settings = [("OPENAI_BASE_URL", base_url.as_str())];
    let service = Service::start_within(limits, &settings, |_| {}).await;
    let request = client().post(format!("{}/api/generateImage", service.base()));
    let working = tokio::spawn(Answer::of(request.body(json!({"prompt": "a"}).to_string())));
    upstream
        .wait_for_requests_to("/images/generations", 1)
        .await;
    for _ in 0..10 {
        let mut half = connect(service.address()).await;
        half.write_all(&REQUEST[..9]).await.unwrap();
        drop(connect(service.address()).await);
        assert_eq!(service.get("/").await.status, 200);
    }
    gate.open();
    assert_eq!(working.await.unwrap().status, 200);
}

/// Else those who announce a MiB and keep its last byte for themselves would fill the memory.
#[tokio::test]
async fn many_long_bodies_at_once_are_refused_and_short_ones_are_read() {
    let limits = ConnectionLimits {
        body_memory: BodyMemory {
            each: 1024,
            shared: 100_000,
        },
        ..ConnectionLimits::default()
    };
    let service = Service::start_within(limits, &[], |_| {}).await;
    let head = "POST /api/generateImage HTTP/1.1\r\nhost: h\r\nconnection: close\r\n";
    let long = format!("{head}content-length: 60000\r\n\r\n{}", " ".repeat(59_999));
    let (mut first, mut second) = (
        connect(service.address()).await,
        connect(service.address()).await,
    );
    first.write_all(long.as_bytes()).await.unwrap();
    second.write_all(long.as_bytes()).await.unwrap();
    let refused = tokio::select! {
        answer = rest(&mut first) => answer,
        answer = rest(&mut second) => answer,
    };
    assert_eq!(statuses(&refused), [429], "{refused}");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    assert!(refused.contains("too many long bodies"), "{refused}");
    let mut short = connect(service.address()).await;
    let request = format!("{head}content-length: 2\r\n\r\n{{}}");
    short.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(statuses(&rest(&mut short).await), [400], "it is read");
    drop((first, second));
    // What they held is there again as soon as the service sees them go.
    let again = async {
        loop {
            let mut next = connect(service.address()).await;
            next.write_all(format!("{long} ").as_bytes()).await.unwrap();
            if statuses(&rest(&mut next).await) == [400] {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let row = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = row.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}

/// One that may have so many files open.
async fn started_with_files(files: u32, folder: &std::path::Path) -> Running {
    let mut command = Command::new("sh");
    let limited = format!("ulimit -n {files}; exec \"$0\"");
    let served = program(&[("PORT", "0"), ("STORAGE_DIR", folder.to_str().unwrap())]);
    command
        .args(["-c", &limited])
        .arg(served.as_std().get_program())
        .env_clear()
        .envs(
            served
                .as_std()
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    Running::start(command).await
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_thousand_idle_connections_cost_little_and_stop_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let running = started_with_files(4096, folder.path()).await;
    let address = running.address();
    assert!(ask(&mut connect(address).await).await);
    let before = resident_kib(running.id());
    let mut idle = Vec::new();
    for _ in 0..1000 {
        let mut connection = connect(address).await;
        assert!(ask(&mut connection).await);
        idle.push(connection);
    }
    let each = (resident_kib(running.id()) - before) / 1000;
    println!("{each} KiB for each idle connection");
    assert!(each <= 32, "{each} KiB for each idle connection");
    let list = Answer::of(client().get(format!("{}/api/getImages", running.base))).await;
    assert_eq!(list.status, 200);
    for connection in &mut idle {
        assert!(ask(connection).await, "none of them had to go");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_idle_connection_keeps_little_of_the_long_body_before() {
    let folder = tempfile::tempdir().unwrap();
    let running = started_with_files(4096, folder.path()).await;
    let address = running.address();
    assert!(ask(&mut connect(address).await).await);
    let before = resident_kib(running.id());
    let head = "POST /api/generateImage HTTP/1.1\r\nhost: h\r\ncontent-length: 900000\r\n\r\n";
    let request = format!("{head}{}", " ".repeat(900_000));
    let mut idle = Vec::new();
    for _ in 0..100 {
        let mut connection = connect(address).await;
        connection.write_all(request.as_bytes()).await.unwrap();
        connection.readable().await.unwrap(); // the answer has begun, so the body is read
        idle.push(connection);
    }
    let each = (resident_kib(running.id()) - before) / 100;
    println!("{each} KiB for each idle connection");
    assert!(each <= 220, "{each} KiB for each idle connection");
}

/// The bound is half of the files that a process may open when it starts; here it may open fewer
/// later on.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn out_of_files_it_closes_idle_connections_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = started_with_files(1024, folder.path()).await;
    let address = running.address();
    let process = running.id();
    // It has looked at its limit once it serves, and not yet when it prints its address.
    assert!(ask(&mut connect(address).await).await);
    let open = std::fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .count();
    let limit = format!("--nofile={}", open + 20);
    let limited = std::process::Command::new("prlimit")
        .args(["--pid", &process.to_string(), &limit])
        .status();
    assert!(limited.expect("this test needs prlimit").success());
    let mut idle = Vec::new();
    for _ in 0..60 {
        let mut connection = connect(address).await;
        assert!(ask(&mut connection).await, "each new one is served");
        idle.push(connection);
    }
    assert_eq!(rest(&mut idle[0]).await, "", "the oldest is closed");
    running.prints("connections cannot be accepted").await;
}
