//! A folder is one program's at a time, and the next one's as soon as that has ended.

use crate::{
    process::{PATIENCE, Running, program},
    service::{Answer, client},
};
use std::{net::TcpListener, path::Path};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
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

/// As when the Functions host starts the next handler while the last one still ends.
#[tokio::test]
async fn a_handler_waits_for_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = Running::start(on(folder.path(), &[("PORT", "0")])).await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let mut second = on(folder.path(), &[("FUNCTIONS_CUSTOMHANDLER_PORT", &port)]);
    let mut second = second.spawn().unwrap();
    let mut lines = BufReader::new(second.stdout.take().unwrap()).lines();
    let mut prints = async || {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        line.unwrap().unwrap().unwrap_or_default()
    };
    let waits = prints().await;
    assert!(waits.contains("another process uses"), "{waits}");
    first.signal("-TERM");
    let serves = prints().await;
    assert!(
        serves.contains(&format!("http://127.0.0.1:{port}")),
        "{serves}"
    );
    assert!(!serves.contains("misconfigured"), "{serves}");
    assert_eq!(first.end().await.0, Some(0));
}
