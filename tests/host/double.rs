//! The double's own tests: small shell scripts as handlers for the restart policy, and a recording
//! server in the handler's place for what is forwarded.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, Response};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::front::FUNCTION_KEY;
use super::functions_host::{FunctionsHost, HOST_VERSION, Mode, Options};
use super::harness::{DEADLINE, client, until};
use super::load;
use super::spawn::State;

/// An app whose handler is a shell script.
fn scripted_app(script: &str) -> TempDir {
    let root = TempDir::new().unwrap();
    let path = root.path();
    let host = r#"{"version":"2.0","customHandler":{"description":{"defaultExecutablePath":"handler"},
        "enableForwardingHttpRequest":true,"enableProxyingHttpRequest":true}}"#;
    fs::write(path.join("host.json"), host).unwrap();
    add_function(path, "open", "anonymous");
    add_function(path, "locked", "function");
    let handler = path.join("handler");
    fs::write(&handler, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&handler, fs::Permissions::from_mode(0o755)).unwrap();
    root
}

fn add_function(root: &Path, name: &str, auth_level: &str) {
    let folder = root.join(name);
    fs::create_dir_all(&folder).unwrap();
    let json = serde_json::json!({ "bindings": [
        { "name": "req", "type": "httpTrigger", "direction": "in", "authLevel": auth_level,
          "methods": ["get", "post"], "route": name },
        { "name": "res", "type": "http", "direction": "out" },
    ]});
    fs::write(folder.join("function.json"), json.to_string()).unwrap();
}

/// Answers each request with what it got: request line, headers and body, as text.
async fn echo(request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut text = format!("{} {}\n", parts.method, parts.uri);
    for (name, value) in &parts.headers {
        text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
    }
    text.push_str(&format!("\n{}", String::from_utf8_lossy(&body)));
    let cookies = [("set-cookie", "a=1"), ("set-cookie", "b=2")];
    let mut response = Response::builder().status(418);
    for (name, value) in cookies {
        response = response.header(name, value);
    }
    response.body(Body::from(text)).unwrap()
}

/// A host whose handler process only waits, while [`echo`] answers on the handler's port.
async fn echoing_host(mode: Mode) -> (FunctionsHost, TempDir) {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let mut options = Options::new(mode);
    options.port = Some(listener.local_addr().unwrap().port());
    let router = axum::Router::new().fallback(echo);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let app = scripted_app("exec sleep 600");
    let host = FunctionsHost::start(app.path(), options).await.unwrap();
    (host, app)
}

/// Sends bytes as they are and returns the whole answer as text.
async fn raw(host: &FunctionsHost, request: &str) -> String {
    let address = host.base_url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

const REQUEST: &str = "POST /API/Open/?a=1&a=2&x HTTP/1.1\r\nHost: public.example\r\n\
    Connection: close\r\nUser-Agent: tests\r\nContent-Type: text/plain\r\nContent-Language: de\r\n\
    Content-Length: 4\r\nx-azure-functions-invocationid: mine\r\n\r\nbody";

#[tokio::test]
async fn forwarding_makes_a_new_request() {
    let (host, _app) = echoing_host(Mode::Forwarding).await;
    let answer = raw(&host, REQUEST).await;
    let id = &host.invocation_ids()[0];
    for expected in [
        "HTTP/1.1 418",
        "set-cookie: a=1\r\nset-cookie: b=2\r\n",
        "POST /API/Open/?a=1%2C2&x=\n",
        "\nhost: public.example\n",
        &format!("\nuser-agent: tests Azure-Functions-Host/{HOST_VERSION}\n"),
        &format!(": mine\nx-azure-functions-invocationid: {id}\n"),
        "\ncontent-type: text/plain\n",
        "\ncontent-length: 4\n",
        "\n\nbody",
    ] {
        assert!(answer.contains(expected), "{expected:?} is not in {answer}");
    }
    assert!(!answer.contains("content-language"), "{answer}");
    host.stop().await;
}

#[tokio::test]
async fn proxying_changes_next_to_nothing() {
    let (host, _app) = echoing_host(Mode::Proxying).await;
    let answer = raw(&host, REQUEST).await;
    let id = &host.invocation_ids()[0];
    for expected in [
        "POST /API/Open/?a=1&a=2&x\n",
        "\nuser-agent: tests\n",
        "\ncontent-language: de\n",
        &format!("\nx-azure-functions-invocationid: {id}\n"),
        &format!("\nx-ms-invocation-id: {id}\n"),
        "\n\nbody",
    ] {
        assert!(answer.contains(expected), "{expected:?} is not in {answer}");
    }
    assert!(!answer.contains("mine"), "{answer}");
    host.stop().await;
}

#[tokio::test]
async fn a_chunked_request_reaches_the_handler_only_when_proxied() {
    let request = "POST /api/open HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
        Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
    let (forwarding, _app) = echoing_host(Mode::Forwarding).await;
    assert!(raw(&forwarding, request).await.starts_with("HTTP/1.1 500"));
    let (proxying, _app) = echoing_host(Mode::Proxying).await;
    assert!(raw(&proxying, request).await.contains("\n\nbody"));
    forwarding.stop().await;
    proxying.stop().await;
}

#[tokio::test]
async fn a_key_is_asked_for_where_the_function_says_so() {
    let (host, _app) = echoing_host(Mode::Proxying).await;
    let client = client();
    let url = format!("{}/api/locked", host.base_url);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 401);
    let with_header = client.get(&url).header("x-functions-key", FUNCTION_KEY);
    assert_eq!(with_header.send().await.unwrap().status(), 418);
    let with_code = client.get(format!("{url}?code={FUNCTION_KEY}"));
    assert_eq!(with_code.send().await.unwrap().status(), 418);
    host.stop().await;
}

#[tokio::test]
async fn a_body_over_the_hosts_limit_is_a_413() {
    let (host, _app) = echoing_host(Mode::Proxying).await;
    let request = "POST /api/open HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
        Content-Length: 104857601\r\n\r\n";
    assert!(raw(&host, request).await.starts_with("HTTP/1.1 413"));
    assert!(host.invocation_ids().is_empty());
    host.stop().await;
}

#[tokio::test]
async fn a_proxied_request_rides_over_a_handler_that_is_not_there_yet() {
    let (host, _app) = echoing_host(Mode::Proxying).await;
    let client = client();
    let url = format!("{}/api/open", host.base_url);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 418);
    host.stop().await;

    // Ready, and then nothing listens: exit code 0 leaves the host believing in its handler.
    let app = scripted_app("exit 0");
    let host = FunctionsHost::start(app.path(), Options::new(Mode::Proxying))
        .await
        .unwrap();
    let started = Instant::now();
    let url = format!("{}/api/open", host.base_url);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 500);
    assert!(
        started.elapsed() > Duration::from_millis(1500),
        "ten tries with pauses"
    );
    host.stop().await;
}

#[tokio::test]
async fn the_exit_code_decides_whether_the_handler_is_started_again() {
    let count = "echo started >> launches; n=$(wc -l < launches)";
    let cases = [
        ("exit 0".to_owned(), State::Ended, 1),
        ("exit 3".to_owned(), State::Down, 3),
        ("kill -KILL $$".to_owned(), State::Down, 3),
        (
            format!("{count}; [ $n -lt 6 ] && exit 200; exit 0"),
            State::Ended,
            6,
        ),
    ];
    for (script, expected, launches) in cases {
        let app = scripted_app(&script);
        let options = Options::new(Mode::Forwarding);
        let host = FunctionsHost::start(app.path(), options).await.unwrap();
        let settled = |state: &State| *state != State::Starting;
        let state = host.worker().wait_for(DEADLINE, settled).await;
        assert_eq!(state, Some(expected.clone()), "{script}");
        assert_eq!(host.worker().launches(), launches, "{script}");
        let url = format!("{}/api/open", host.base_url);
        let status = client().get(url).send().await.unwrap().status();
        let refused = if expected == State::Down { 503 } else { 500 };
        assert_eq!(status, refused, "{script}");
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
    let silent = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let mut options = Options::new(Mode::Forwarding);
    options.port = Some(silent.local_addr().unwrap().port());
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
