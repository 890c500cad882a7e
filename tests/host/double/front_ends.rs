//! What reaches the handler of a caller's address, of the scheme and of the host, by the front end
//! that stands before the host and by the host's setting.

use super::recorder::Delivery;
use super::setup::Setup;
use crate::host::functions_host::{CALLER_ADDRESS, FrontEnd, Hosting, Mode, Options};
use crate::host::raw;

/// The headers that a case looks at.
const NAMES: [&str; 5] = [
    "x-forwarded-for",
    "client-ip",
    "x-forwarded-proto",
    "x-forwarded-host",
    "host",
];

/// The caller at 203.0.113.7:4711 forges what it can.
const REQUEST: &str = "GET /api/plain HTTP/1.1\r\nHost: public.example\r\nConnection: close\r\n\
    X-Forwarded-For: 198.51.100.1\r\nCLIENT-IP: 198.51.100.2\r\nX-Forwarded-Proto: ftp\r\n\
    X-Forwarded-Host: forged.example\r\n";

async fn delivered(options: Options, request: &str) -> Delivery {
    let setup = Setup::start_with(options).await;
    let caller = format!("{CALLER_ADDRESS}: 203.0.113.7:4711\r\n");
    let status = raw::status_of(&setup.host, &format!("{request}{caller}\r\n")).await;
    assert_eq!(status, 200);
    let delivery = setup.recorder.take().remove(0);
    assert_eq!(delivery.header(CALLER_ADDRESS), None);
    setup.host.stop().await;
    delivery
}

fn with_setting(options: Options) -> Options {
    options.setting("ASPNETCORE_FORWARDEDHEADERS_ENABLED", "true")
}

async fn check(options: Options, handlers_host: Option<&str>, expected: [&str; 4]) {
    let case = format!(
        "{:?} {:?} {:?}",
        options.mode, options.front_end, options.settings
    );
    let delivery = delivered(options, REQUEST).await;
    let found = NAMES.map(|name| delivery.header(name).unwrap_or("-").to_owned());
    assert_eq!(found[..4], expected, "{case}");
    match handlers_host {
        Some(host) => assert_eq!(found[4], host, "{case}"),
        None => assert!(found[4].starts_with("127.0.0.1:"), "{case}: {}", found[4]),
    }
}

#[tokio::test]
async fn a_proxied_request_has_the_hosts_own_word() {
    let behind = |front_end| Options::new(Mode::Proxying).behind(front_end);
    let public = "public.example";
    for (options, expected) in [
        (
            behind(FrontEnd::None),
            ["127.0.0.1", "198.51.100.2", "http", public],
        ),
        (
            behind(FrontEnd::PassThrough),
            ["10.0.0.4", "198.51.100.2", "http", public],
        ),
        (
            behind(FrontEnd::AppService),
            ["169.254.130.1", "203.0.113.7:4711", "http", public],
        ),
        (
            behind(FrontEnd::ContainerApps),
            ["100.100.0.27", "198.51.100.2", "http", public],
        ),
        (
            with_setting(behind(FrontEnd::PassThrough)),
            ["198.51.100.1", "198.51.100.2", "ftp", public],
        ),
        (
            with_setting(behind(FrontEnd::AppService)),
            ["203.0.113.7", "203.0.113.7:4711", "https", public],
        ),
        (
            with_setting(behind(FrontEnd::ContainerApps)),
            ["203.0.113.7", "198.51.100.2", "https", public],
        ),
        (
            behind(FrontEnd::AppService).hosted(Hosting::AzureLinux),
            ["169.254.130.1", "203.0.113.7:4711", "https", public],
        ),
    ] {
        check(options, None, expected).await;
    }
}

#[tokio::test]
async fn a_forwarded_request_has_the_front_ends_word_and_the_callers() {
    let behind = |front_end| Options::new(Mode::Forwarding).behind(front_end);
    let forged = "forged.example";
    for (options, expected) in [
        (
            behind(FrontEnd::None),
            ["198.51.100.1", "198.51.100.2", "ftp", forged],
        ),
        (
            behind(FrontEnd::PassThrough),
            ["198.51.100.1", "198.51.100.2", "ftp", forged],
        ),
        (
            behind(FrontEnd::AppService),
            [
                "198.51.100.1, 203.0.113.7:4711",
                "203.0.113.7:4711",
                "https",
                forged,
            ],
        ),
        (
            behind(FrontEnd::ContainerApps),
            ["198.51.100.1, 203.0.113.7", "198.51.100.2", "https", forged],
        ),
        (
            with_setting(behind(FrontEnd::PassThrough)),
            ["-", "198.51.100.2", "-", forged],
        ),
        (
            with_setting(behind(FrontEnd::AppService)),
            ["198.51.100.1", "203.0.113.7:4711", "-", forged],
        ),
        (
            with_setting(behind(FrontEnd::ContainerApps)),
            ["198.51.100.1", "198.51.100.2", "-", forged],
        ),
    ] {
        check(options, Some("public.example"), expected).await;
    }
}

#[tokio::test]
async fn on_azure_linux_a_forged_scheme_names_the_path_that_is_forwarded() {
    let request = "GET /api/plain HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
        X-Forwarded-Proto: http://x/api/items/1?\r\n";
    for (hosting, line) in [
        (Hosting::Elsewhere, "GET /api/plain HTTP/1.1"),
        (Hosting::AzureLinux, "GET /api/items/1 HTTP/1.1"),
    ] {
        let delivery = delivered(Options::new(Mode::Forwarding).hosted(hosting), request).await;
        assert_eq!(delivery.head.start, line);
        let delivery = delivered(Options::new(Mode::Proxying).hosted(hosting), request).await;
        assert_eq!(delivery.head.start, "GET /api/plain HTTP/1.1");
    }
}
