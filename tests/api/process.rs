//! The program itself: how it starts, what it finishes, how it ends.

mod log;

use crate::{
    faulty_account::{Fault, FaultyAccount, Step},
    generate_image::base64_decode,
    secrets,
    service::{Answer, client},
    upstream::{self, Gate, Upstream, picture},
};
use std::{
    net::SocketAddr,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn program(settings: &[(&str, &str)]) -> Command {
    program_at(Path::new(env!("CARGO_BIN_EXE_visionary")), settings)
}

/// The same by another build.
pub fn program_at(binary: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary);
    // A service says all that it can be asked to say, so that it is searched for secrets.
    let serves = settings.iter().any(|(name, _)| *name == "PORT");
    let log = serves.then_some(("RUST_LOG", "trace"));
    command
        .env_clear()
        .envs(log)
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// As the Functions host starts it, over this folder.
pub fn handler(folder: &Path) -> Command {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    program(&[
        ("FUNCTIONS_CUSTOMHANDLER_PORT", &port),
        ("STORAGE_DIR", folder.to_str().unwrap()),
    ])
}

/// A program that has announced its address.
pub struct Running {
    child: Child,
    pub base: String,
    printed: Vec<String>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    pub async fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed: Vec<String> = Vec::new();
        let address = loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line());
            let line = line.await.unwrap().unwrap();
            printed.push(line.expect("it ended without an address"));
            if let Some((_, address)) = printed[printed.len() - 1].split_once("http://") {
                break address;
            }
        };
        let base = format!("http://{}", address.split(": ").next().unwrap());
        Self {
            child,
            base,
            printed,
            lines,
        }
    }

    /// One that paints by `upstream` into `folder`.
    pub async fn over(upstream: &Upstream, folder: &Path) -> Self {
        let base_url = upstream.base_url();
        let settings = [
            ("PORT", "0"),
            ("STORAGE_DIR", folder.to_str().unwrap()),
            ("OPENAI_BASE_URL", base_url.as_str()),
        ];
        Self::start(program(&settings)).await
    }

    /// Takes what it prints, so that it never waits for that, and returns when it has ended.
    pub async fn drain(&mut self) {
        while let Ok(Some(_)) = self.lines.next_line().await {}
    }

    /// Waits until it prints a line with `word` in it.
    pub async fn prints(&mut self, word: &str) {
        while !self.printed.iter().any(|line| line.contains(word)) {
            let line = tokio::time::timeout(PATIENCE, self.lines.next_line());
            let line = line.await;
            let line = line.unwrap_or_else(|_| panic!("no {word:?} in {:#?}", self.printed));
            let line = line.unwrap().expect("it ended without that word");
            secrets::search_lines(&line);
            self.printed.push(line);
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.base.strip_prefix("http://").unwrap().parse().unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &pid])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; returns its exit code and everything it printed.
    pub async fn end(mut self) -> (Option<i32>, String) {
        let rest = async {
            while let Ok(Some(line)) = self.lines.next_line().await {
                self.printed.push(line);
            }
            self.child.wait_with_output().await.unwrap()
        };
        let Output { status, stderr, .. } = tokio::time::timeout(PATIENCE, rest).await.unwrap();
        self.printed
            .push(String::from_utf8_lossy(&stderr).into_owned());
        let printed = self.printed.join("\n");
        secrets::search_lines(&printed);
        (status.code(), printed)
    }
}

/// An upstream whose images wait for the gate.
async fn held_upstream() -> (Upstream, Gate) {
    let (upstream, gate) = (Upstream::start().await, Gate::closed());
    upstream.always(upstream::Answer::image(picture::small_png()).held_by(&gate));
    (upstream, gate)
}

#[tokio::test]
async fn with_nothing_set_it_says_what_it_is_and_how_to_change_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(&[("PORT", "0")]);
    command.current_dir(folder.path());
    let running = Running::start(command).await;
    for word in ["demo", "OPEN_AI_KEY", "data", "accountName", "127.0.0.1"] {
        assert!(
            running.printed[0].contains(word),
            "{word} in {}",
            running.printed[0]
        );
    }
    let answer = Answer::of(client().get(format!("{}/api/getImages", running.base))).await;
    assert_eq!(answer.status, 200);
    assert!(folder.path().join("data/signing.key").exists());
    running.signal("-TERM");
    assert_eq!(running.end().await.0, Some(0));
}

#[tokio::test]
async fn local_settings_are_read_where_it_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{ /* as func reads it */ "IsEncrypted": false, "Host": {"LocalHttpPort": 0},
        "Values": {"STORAGE_DIR": "pictures", "IMAGE_PROVIDER": "demo"}}"#;
    std::fs::write(folder.path().join("local.settings.json"), text).unwrap();
    let mut command = program(&[]);
    command.current_dir(folder.path());
    let running = Running::start(command).await;
    assert!(running.printed[0].contains("pictures"));
    running.signal("-INT");
    assert_eq!(running.end().await.0, Some(0));
}

#[tokio::test]
async fn wrong_settings_end_the_start_with_all_their_names() {
    for (settings, names) in [
        (
            &[("accountName", "acct"), ("MAX_IMAGES", "0")][..],
            &["accountKey", "MAX_IMAGES"][..],
        ),
        (&[("PORT", "http")], &["PORT"]),
        (
            &[("FUNCTIONS_CUSTOMHANDLER_PORT", "x")],
            &["FUNCTIONS_CUSTOMHANDLER_PORT"],
        ),
        (&[("STORAGE_DIR", "/dev/null/x")], &["STORAGE_DIR"]),
    ] {
        let output = program(settings).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{settings:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        secrets::search_lines(&stderr);
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        for name in names {
            assert!(stderr.contains(name), "{name} in {stderr}");
        }
    }
}

#[tokio::test]
async fn a_taken_port_ends_it_with_a_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let output = program(&[("PORT", &port), ("STORAGE_DIR", root)])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot listen on"));
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_is_paid() {
    let (upstream, gate) = held_upstream().await;
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::over(&upstream, folder.path()).await;
    let request = client().post(format!("{}/api/generateImage", running.base));
    let caller = tokio::spawn(Answer::of(request.body("{\"prompt\":\"paid\"}")));
    upstream
        .wait_for_requests_to("/images/generations", 1)
        .await;
    running.signal("-TERM");
    running.prints("stopping").await;
    gate.open();
    assert_eq!(caller.await.unwrap().text(), "Image uploaded successfully");
    assert_eq!(running.end().await.0, Some(0));
}

#[tokio::test]
async fn paid_work_that_fails_with_nobody_waiting_is_in_the_log() {
    let (upstream, gate) = held_upstream().await;
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::over(&upstream, folder.path()).await;
    let request = client().post(format!("{}/api/generateImage", running.base));
    let caller = tokio::spawn(request.body("{\"prompt\":\"paid\"}").send());
    upstream
        .wait_for_requests_to("/images/generations", 1)
        .await;
    std::fs::remove_dir_all(folder.path().join("incoming")).unwrap();
    caller.abort();
    assert!(caller.await.is_err_and(|error| error.is_cancelled()));
    for _ in 0..5 {
        Answer::of(client().get(&running.base)).await; // it sees the closed connection meanwhile
    }
    gate.open();
    running
        .prints("no caller can be given these pictures")
        .await;
}

#[tokio::test]
async fn a_clock_that_is_off_is_in_the_log() {
    let (upstream, account) = (Upstream::start().await, FaultyAccount::start().await);
    let refused = Fault::refused(403, "AuthenticationFailed");
    let refused = refused.header("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    account.always(Step::Blob, refused);
    let (base_url, connection) = (upstream.base_url(), account.connection_string());
    let settings = [
        ("PORT", "0"),
        ("AZURE_STORAGE_CONNECTION_STRING", connection.as_str()),
        ("OPENAI_BASE_URL", &base_url),
    ];
    let running = Running::start(program(&settings)).await;
    let request = client().post(format!("{}/api/generateImage", running.base));
    let answer = Answer::of(request.body("{\"prompt\":\"paid\"}")).await;
    answer.assert_problem(502, "storage_error");
    running.signal("-TERM");
    let printed = running.end().await.1;
    assert!(printed.contains("this machine's clock is "), "{printed}");
    assert!(printed.contains(" s ahead of the account's"), "{printed}");
}

/// A limit on the size of files is what a full disk is to a process: the write breaks off in the
/// middle of an image.
#[cfg(unix)]
#[tokio::test]
async fn a_disk_that_is_full_in_mid_write_leaves_no_half_image() {
    let upstream = Upstream::start().await;
    let picture = picture::padded_png(64, 64, 300_000);
    upstream.push(upstream::Answer::image(picture.clone()));
    let folder = tempfile::tempdir().unwrap();
    let base_url = upstream.base_url();
    let mut command = Command::new("sh");
    let limited = "trap '' XFSZ; ulimit -f 200; exec \"$0\""; // blocks of 512 or 1024 bytes
    command
        .args(["-c", limited, env!("CARGO_BIN_EXE_visionary")])
        .env_clear()
        .envs([("PORT", "0"), ("OPENAI_BASE_URL", &base_url)])
        .env("STORAGE_DIR", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let running = Running::start(command).await;
    let generate = || {
        let request = client().post(format!("{}/api/generateImage", running.base));
        Answer::of(request.body("{\"prompt\":\"paid\"}"))
    };
    let problem = generate().await.assert_problem(502, "storage_error");
    assert_eq!(base64_decode(&problem["b64_json"]), picture);
    nothing_is_on_its_way(&running, folder.path()).await;
    let list = || Answer::of(client().get(format!("{}/api/getImages", running.base)));
    assert_eq!(list().await.json()["imageUrls"], serde_json::json!([]));
    assert_eq!(generate().await.status, 200, "a small one has room");
    assert_eq!(
        list().await.json()["imageUrls"].as_array().unwrap().len(),
        1
    );
}

/// The operation's end is written behind the answer, through files of its own that go again.
async fn nothing_is_on_its_way(running: &Running, folder: &Path) {
    let incoming = || std::fs::read_dir(folder.join("incoming")).unwrap();
    let empty = async {
        while incoming().count() > 0 {
            Answer::of(client().get(&running.base)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), empty).await;
    assert!(waited.is_ok(), "half an image was left");
}
