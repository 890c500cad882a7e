//! A folder is one program's at a time, and the next one's as soon as that has ended.

use crate::{
    process::{PATIENCE, Running, handler, program},
    service::{Answer, Service, client},
};
use std::{
    path::Path,
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};

fn on(folder: &Path, more: &[(&str, &str)]) -> Command {
    let settings = [("STORAGE_DIR", folder.to_str().unwrap())];
    program(&[&settings[..], more].concat())
}

async fn assert_answers(running: &Running) {
    let answer = Answer::of(client().get(format!("{}/api/getImages", running.base))).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_second_program_for_one_folder_ends_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let first = Running::start(on(folder.path(), &[("PORT", "0")])).await;
    let second = on(folder.path(), &[("PORT", "0")]).output().await.unwrap();
    assert_eq!(second.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&second.stderr);
    let path = folder.path().display();
    let expected = format!(
        "visionary: STORAGE_DIR {path} cannot be used: another process uses this folder; \
         end it, or give this one a folder of its own\n"
    );
    assert_eq!(stderr, expected);
    assert_answers(&first).await;
}

/// No lock is left by a program that could do nothing about it.
#[tokio::test]
async fn after_a_kill_the_next_program_has_the_folder_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let running = Running::start(on(folder.path(), &[("PORT", "0")])).await;
        assert_answers(&running).await;
        running.signal("-KILL");
        assert_eq!(running.end().await.0, None);
    }
    assert!(folder.path().join("lock").exists());
}

/// The host's restart: the handler before ends ten seconds after the next one has started.
#[tokio::test]
async fn a_handler_answers_at_once_and_serves_when_the_one_before_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let first = Running::start(on(folder.path(), &[("PORT", "0")])).await;
    let mut second = Running::start(handler(folder.path())).await;
    let root = client().get(&second.base).send().await.unwrap();
    assert_eq!(root.status(), 200);
    let list = client().get(format!("{}/api/getImages", second.base));
    Answer::of(list).await.assert_problem(503, "starting");
    assert_answers(&first).await;
    first.signal("-TERM");
    second.prints("the storage folder is free").await;
    serves(&second.base).await;
    second.signal("-TERM");
    let (code, printed) = second.end().await;
    assert_eq!(code, Some(0));
    let lines = |text: &str| printed.lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines("waiting for the storage folder"), 1, "{printed}");
    assert_eq!(lines("another process uses"), 1, "{printed}");
    assert_eq!(lines("the storage folder is free"), 1, "{printed}");
    assert_eq!(lines("ERROR") + lines("misconfigured"), 0, "{printed}");
    assert_eq!(first.end().await.0, Some(0));
}

#[tokio::test]
async fn a_handler_that_waits_for_its_folder_ends_when_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let first = Running::start(on(folder.path(), &[("PORT", "0")])).await;
    let second = Running::start(handler(folder.path())).await;
    second.signal("-TERM");
    assert_eq!(second.end().await.0, Some(0));
    assert_answers(&first).await;
}

/// Waits until a service serves.
async fn serves(base: &str) {
    let asked = async {
        let list = || Answer::of(client().get(format!("{base}/api/getImages")));
        while list().await.status != 200 {}
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap();
}

#[tokio::test]
async fn until_the_folder_is_free_every_function_says_that_the_service_starts() {
    let mut first = Service::start(&[]).await;
    let second = Service::start_beside(&first, |_| {}).await;
    for path in ["/api/getImages", "/api/health", "/api/files/x"] {
        let answer = second.get(path).await;
        answer.assert_problem(503, "starting");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let posted = second.post("{}", &[]).await;
    posted.assert_problem(503, "starting");
    second
        .get("/api/nothing")
        .await
        .assert_problem(404, "not_found");
    first.stop().await;
    serves(&second.base()).await;
    assert_eq!(second.get("/api/health").await.status, 200);
}

/// The host keeps its connections.
#[tokio::test]
async fn a_connection_from_before_is_served_too() {
    let mut first = Service::start(&[]).await;
    let second = Service::start_beside(&first, |_| {}).await;
    let mut connection = TcpStream::connect(second.address()).await.unwrap();
    let refused = ask(&mut connection).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    first.stop().await;
    serves(&second.base()).await;
    let served = ask(&mut connection).await;
    assert!(served.starts_with("HTTP/1.1 200 "), "{served}");
}

/// An answer's first bytes.
async fn ask(connection: &mut TcpStream) -> String {
    let request = b"GET /api/getImages HTTP/1.1\r\nhost: h\r\n\r\n";
    connection.write_all(request).await.unwrap();
    let mut answer = vec![0; 64 * 1024];
    let read = connection.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn background_work_begins_when_the_folder_is_free() {
    let mut first = Service::start(&[]).await;
    let operations = first.folder().join("state/operations");
    std::fs::create_dir_all(&operations).unwrap();
    let old = std::fs::File::create(operations.join("old")).unwrap();
    let two_days = Duration::from_secs(48 * 3600);
    old.set_modified(SystemTime::now() - two_days).unwrap();
    let second = Service::start_beside(&first, |config| {
        config.operations.first_sweep_after = Duration::from_millis(1);
        config.operations.sweep_pause = Duration::from_millis(1);
    })
    .await;
    first.stop().await;
    let swept = async {
        while operations.join("old").exists() {
            second.get("/").await;
        }
    };
    tokio::time::timeout(PATIENCE, swept).await.unwrap();
}

/// Only the lock is waited for.
#[tokio::test]
async fn a_folder_that_cannot_be_used_when_it_is_free_is_a_wrong_setting() {
    let mut first = Service::start(&[]).await;
    let second = Service::start_beside(&first, |_| {}).await;
    let answer = second.get("/api/getImages").await;
    answer.assert_problem(503, "starting");
    std::fs::write(first.folder().join("signing.key"), "no key").unwrap();
    first.stop().await;
    let refused = async {
        let list = || second.get("/api/getImages");
        while list().await.json()["code"] != "misconfigured" {}
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
}
