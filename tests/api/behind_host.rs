//! What the headers of a request are worth: standing alone, behind a Functions host that proxies,
//! and behind one that forwards.

use crate::{
    service::{Answer, Service, client},
    upstream::{self, Upstream, picture},
};
use serde_json::{Value, json};

/// A header that the host sets in both modes.
pub const INVOCATION: &str = "x-azure-functions-invocationid";

const HANDLER: (&str, &str) = ("FUNCTIONS_CUSTOMHANDLER_PORT", "1"); // the tests choose a free one

/// What a host that proxies adds; each request is an invocation of its own.
pub fn proxied(id: &str) -> [(&str, &str); 2] {
    [(INVOCATION, id), ("x-ms-invocation-id", id)]
}

fn fox() -> Value {
    json!({"prompt": "a red fox", "size": "64x64"})
}

/// The start of each address that a service gives, which all have to be the same.
async fn base_of_addresses(service: &Service, headers: &[(&str, &str)]) -> String {
    let made = service.generate_with(&fox(), headers).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let image = &made.json()["imageList"][0];
    let description = client().get(format!("{}/api/openapi.json", service.base()));
    let description = headers
        .iter()
        .fold(description, |ask, (name, value)| ask.header(*name, *value));
    let description = Answer::of(description).await.json();
    let addresses = [
        image["url"].as_str().unwrap(),
        image["thumbnailUrl"].as_str().unwrap(),
        made.header("operation-location"),
        &format!("{}/", description["servers"][0]["url"].as_str().unwrap()),
    ]
    .map(|address| address.split_once("/api/").unwrap().0.to_owned());
    assert!(
        addresses.iter().all(|address| *address == addresses[0]),
        "{addresses:?}"
    );
    addresses[0].clone()
}

#[tokio::test]
async fn addresses_begin_with_the_name_that_the_caller_used() {
    let app_service = [
        HANDLER,
        ("WEBSITE_SITE_NAME", "app"),
        ("IMAGE_PROVIDER", "demo"),
    ];
    let container_app = [
        HANDLER,
        ("CONTAINER_APP_NAME", "app"),
        ("IMAGE_PROVIDER", "demo"),
    ];
    let host = ("host", "127.0.0.1:4711");
    let public = [
        ("x-forwarded-host", "public.example"),
        ("x-forwarded-proto", "https"),
    ];
    let own = ("host", "public.example:8443");
    let forged = ("x-forwarded-host", "evil.example");
    let [id, same_id] = proxied("7b0f");
    for (settings, headers, expected) in [
        // Proxied: the host's word.
        (
            &[HANDLER][..],
            &[host, id, same_id, public[0], public[1]][..],
            "https://public.example",
        ),
        (
            &app_service,
            &[host, id, same_id, public[0], public[1]],
            "https://public.example",
        ),
        (
            &[HANDLER],
            &[
                host,
                id,
                same_id,
                ("x-forwarded-host", "[::1]:7071"),
                ("x-forwarded-proto", "http"),
            ],
            "http://[::1]:7071",
        ),
        // Forwarded: the name is in Host, and X-Forwarded-Host is the client's word.
        (&[HANDLER], &[own, id, forged], "http://public.example:8443"),
        (
            &[HANDLER],
            &[own, id, public[1]],
            "https://public.example:8443",
        ),
        // A host that reads X-Forwarded-Proto for itself passes none on.
        (&app_service, &[own, id], "https://public.example:8443"),
        (&container_app, &[own, id], "https://public.example:8443"),
        (
            &app_service,
            &[own, id, ("x-forwarded-proto", "http")],
            "http://public.example:8443",
        ),
        // A client's own id makes no request a proxied one.
        (
            &[HANDLER],
            &[own, id, ("x-ms-invocation-id", "mine"), forged],
            "http://public.example:8443",
        ),
        (
            &[HANDLER],
            &[
                own,
                (INVOCATION, "mine, 7b0f"),
                ("x-ms-invocation-id", "7b0f"),
                forged,
            ],
            "http://public.example:8443",
        ),
        // Standing alone no header does.
        (
            &[],
            &[own, id, same_id, forged, public[1]],
            "https://public.example:8443",
        ),
    ] {
        let service = Service::start(settings).await;
        assert_eq!(
            base_of_addresses(&service, headers).await,
            expected,
            "{settings:?} {headers:?}"
        );
    }
}

#[tokio::test]
async fn the_setting_comes_before_all_headers() {
    let settings = [HANDLER, ("PUBLIC_BASE_URL", "https://set.example/images")];
    let service = Service::start(&settings).await;
    let [id, same_id] = proxied("7b0f");
    let headers = [id, same_id, ("x-forwarded-host", "public.example")];
    assert_eq!(
        base_of_addresses(&service, &headers).await,
        "https://set.example/images"
    );
}

#[tokio::test]
async fn schemes_and_names_that_are_none_are_refused_before_routing() {
    let scheme = "x-forwarded-proto";
    let [id, same_id] = proxied("7b0f");
    for (settings, headers, is_refused) in [
        (&[][..], &[(scheme, "https")][..], false),
        (&[], &[(scheme, "HTTP")], false),
        (&[], &[(scheme, "https, http")], false),
        (&[], &[(scheme, "http"), (scheme, "https")], false),
        (&[], &[(scheme, "http://x/api/images/ID?")], true),
        (&[], &[(scheme, "https,ws")], true),
        (&[], &[(scheme, "https"), (scheme, "x")], true),
        (&[], &[(scheme, "")], true),
        (&[HANDLER], &[id, (scheme, "http://x/api/images/ID?")], true),
        (&[HANDLER], &[id, same_id, (scheme, "http://x/")], true),
        (&[], &[("host", "public.example/x")], true),
        (&[], &[("host", "a@b")], true),
        (
            &[HANDLER],
            &[id, same_id, ("x-forwarded-host", "public.example")],
            false,
        ),
        (
            &[HANDLER],
            &[id, same_id, ("x-forwarded-host", "a/b")],
            true,
        ),
        (
            &[HANDLER],
            &[id, same_id, ("x-forwarded-host", "a, b")],
            true,
        ),
        // Elsewhere it is a client's word, which says nothing.
        (&[HANDLER], &[id, ("x-forwarded-host", "a/b")], false),
        (&[], &[("x-forwarded-host", "a/b")], false),
    ] {
        let service = Service::start(settings).await;
        for path in ["/api/getImages", "/api/nothing", "/"] {
            let ask = client().get(format!("{}{path}", service.base()));
            let ask = headers
                .iter()
                .fold(ask, |ask, (name, value)| ask.header(*name, *value));
            let answer = Answer::of(ask).await;
            let case = format!("{path} {settings:?} {headers:?}");
            match is_refused {
                true => drop(answer.assert_problem(400, "malformed_request")),
                false => assert_ne!(answer.status, 400, "{case}"),
            }
        }
    }
}

#[tokio::test]
async fn event_streams_are_for_proxied_requests_and_those_of_a_service_alone() {
    let upstream = Upstream::start().await;
    upstream.always(upstream::Answer::image(picture::small_png()));
    let base_url = upstream.base_url();
    let provider = ("OPENAI_BASE_URL", base_url.as_str());
    let events = ("accept", "text/event-stream");
    let proxied_id = "x-ms-invocation-id";
    for (settings, headers, expected) in [
        (&[provider][..], &[][..], 200),
        (
            &[provider, HANDLER],
            &[(INVOCATION, "a"), (proxied_id, "a")],
            200,
        ),
        (&[provider, HANDLER], &[(INVOCATION, "b")], 406),
        (
            &[provider, HANDLER],
            &[(INVOCATION, "c"), (proxied_id, "mine")],
            406,
        ),
        (
            &[provider, HANDLER],
            &[(INVOCATION, "mine, d"), (proxied_id, "mine")],
            406,
        ),
        (
            &[provider, HANDLER],
            &[(INVOCATION, ""), (proxied_id, "")],
            406,
        ),
        (
            &[provider, HANDLER],
            &[(INVOCATION, "e"), (proxied_id, "e"), (proxied_id, "e")],
            406,
        ),
        (&[provider, HANDLER], &[], 406),
    ] {
        let service = Service::start(settings).await;
        let calls = upstream.requests_to("/images/generations").len();
        let headers = [&[events], headers].concat();
        let answer = service.post(r#"{"prompt":"a red fox"}"#, &headers).await;
        assert_eq!(answer.status, expected, "{headers:?} {}", answer.text());
        let is_paid = upstream.requests_to("/images/generations").len() > calls;
        assert_eq!(is_paid, expected == 200, "{headers:?}");
    }
}
