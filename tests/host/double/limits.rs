//! What the host refuses or answers by itself, in both modes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::setup::Setup;
use crate::host::functions_host::{Mode, Options};
use crate::host::harness::in_both_modes;
use crate::host::raw;

in_both_modes!(
    requests_over_the_hosts_limits_are_refused,
    a_body_has_at_most_the_length_that_the_setting_says,
    the_homepage_can_be_switched_off,
    pages_of_the_hosts_own_are_locked,
    a_caller_that_waits_is_told_to_send_its_body,
);

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n")
}

async fn requests_over_the_hosts_limits_are_refused(mode: Mode) {
    let setup = Setup::start(mode).await;
    let (number, large) = ("X-A: 1\r\n", format!("X-A: {}\r\n", "a".repeat(4096)));
    for (request, status) in [
        (get("/api/plain", &number.repeat(98)), 200),
        (get("/api/plain", &number.repeat(99)), 431),
        (get("/api/plain", &large.repeat(7)), 200),
        (get("/api/plain", &large.repeat(10)), 431),
        (get(&format!("/api/plain?{}", "a".repeat(8000)), ""), 200),
        (get(&format!("/api/plain?{}", "a".repeat(9000)), ""), 414),
        ("GET /api/plain HTTP/1.0\r\n\r\n".to_owned(), 500),
        ("GET /api/plain HTTP/1.0\r\nHost: h\r\n\r\n".to_owned(), 200),
        (
            "GET /api/plain HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
            400,
        ),
        (
            "GET /api/plain HTTP/1.1\r\nHost: a/b\r\n\r\n".to_owned(),
            400,
        ),
    ] {
        let deliveries = usize::from(status == 200);
        let shown = &request[..request.len().min(60)];
        assert_eq!(
            raw::status_of(&setup.host, &request).await,
            status,
            "{shown}"
        );
        assert_eq!(setup.recorder.take().len(), deliveries, "{shown}");
    }
    setup.host.stop().await;
}

async fn a_body_has_at_most_the_length_that_the_setting_says(mode: Mode) {
    let limited = Options::new(mode).setting("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", 1000);
    let (limited, default) = (Setup::start_with(limited).await, Setup::start(mode).await);
    for (setup, length, status) in [
        (&limited, 1000, 200),
        (&limited, 1001, 500),
        (&default, 104_857_601, 500),
    ] {
        let head = format!(
            "POST /api/plain HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}"
        );
        // The host does not wait for a body that it does not want.
        let request = format!("{head}\r\n\r\n{}", "x".repeat(length.min(1000)));
        assert_eq!(
            raw::status_of(&setup.host, &request).await,
            status,
            "{length}"
        );
        assert_eq!(
            setup.recorder.take().len(),
            usize::from(status == 200),
            "{length}"
        );
    }
    limited.host.stop().await;
    default.host.stop().await;
}

async fn the_homepage_can_be_switched_off(mode: Mode) {
    let options = Options::new(mode).setting("AzureWebJobsDisableHomepage", "true");
    let setup = Setup::start_with(options).await;
    let request = get("/", "").replace("GET", "DELETE");
    let answer = raw::send(&setup.host, request.as_bytes()).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(raw::status_of(&setup.host, &get("/", "")).await, 200);
    assert_eq!(setup.recorder.take().len(), 1, "the function at the root");
    setup.host.stop().await;
}

async fn pages_of_the_hosts_own_are_locked(mode: Mode) {
    let setup = Setup::start(mode).await;
    for (path, status) in [
        ("/admin/host/ping", 200),
        ("/admin/host/status", 401),
        ("/admin/functions", 401),
        ("/runtime/webhooks/x", 401),
        ("/admin/hostile", 404),
    ] {
        assert_eq!(
            raw::status_of(&setup.host, &get(path, "")).await,
            status,
            "{path}"
        );
    }
    assert!(setup.recorder.take().is_empty());
    setup.host.stop().await;
}

async fn a_caller_that_waits_is_told_to_send_its_body(mode: Mode) {
    let setup = Setup::start(mode).await;
    let mut stream = raw::connect(&setup.host).await;
    let head = "POST /api/plain HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
        Expect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut found = vec![0; interim.len()];
    stream.read_exact(&mut found).await.unwrap();
    assert_eq!(found, interim);
    stream.write_all(b"body").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(setup.recorder.take()[0].body, b"body");
    setup.host.stop().await;
}
