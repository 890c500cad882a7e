//! Whose key it is: callers are told apart by what they show, and the Functions host's
//! invocation ids are keys of their own.

use super::{CALLS, fox, handler, held_upstream, quick_upstream, service};
use crate::{
    service::{Answer, Service, client},
    upstream::Upstream,
};
use std::time::Duration;

const KEY: (&str, &str) = ("idempotency-key", "one");
const INVOCATION: &str = "x-azure-functions-invocationid";

/// Sends the request with these headers, and says whether the provider was asked.
async fn is_sent(upstream: &Upstream, service: &Service, headers: &[(&str, &str)]) -> bool {
    let before = upstream.requests_to(CALLS).len();
    let answer = service.generate_with(&fox(), headers).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    upstream.requests_to(CALLS).len() > before
}

#[tokio::test]
async fn callers_with_other_credentials_have_other_keys() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    assert!(is_sent(&upstream, &service, &[KEY]).await);
    assert!(!is_sent(&upstream, &service, &[KEY]).await);
    for name in [
        "authorization",
        "x-functions-key",
        "x-api-key",
        "api-key",
        "x-ms-client-principal-id",
    ] {
        for value in [format!("{name}-one"), format!("{name}-other")] {
            let headers = [KEY, (name, &value)];
            assert!(is_sent(&upstream, &service, &headers).await, "{value}");
            assert!(!is_sent(&upstream, &service, &headers).await, "{value}");
        }
    }
    let ask = async |code: &str| {
        let url = format!("{}/api/generateImage?code={code}", service.base());
        let request = client().post(url).header(KEY.0, KEY.1);
        Answer::of(request.body(fox().to_string()))
            .await
            .operation_id()
    };
    assert_eq!(ask("one").await, ask("one").await);
    assert_ne!(ask("one").await, ask("other").await);
}

#[tokio::test]
async fn behind_the_host_keys_belong_to_the_addresses_that_the_platform_tells_apart() {
    let upstream = quick_upstream().await;
    let base_url = upstream.base_url();
    let settings = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "1"),
        ("WEBSITE_SITE_NAME", "app"),
    ];
    let service = Service::start_with(&settings, |config| {
        config.limits.caller_per_minute = None;
    });
    let service = service.await;
    for (address, expected) in [
        ("203.0.113.7:4711", true),
        ("203.0.113.7:815", false), // each connection has a port of its own
        ("198.51.100.1:1", true),
        ("[2001:db8::1]:5", true),
        ("[2001:db8::1]:6", false),
        ("[2001:db8::2]:5", true),
    ] {
        let headers = [KEY, ("client-ip", address)];
        let is_new = is_sent(&upstream, &service, &headers).await;
        assert_eq!(is_new, expected, "{address}");
    }
    // Credentials stay while a phone changes its network.
    let token = ("authorization", "Bearer t");
    let from = |address| [KEY, token, ("client-ip", address)];
    assert!(is_sent(&upstream, &service, &from("203.0.113.7:1")).await);
    assert!(!is_sent(&upstream, &service, &from("203.0.113.99:1")).await);
}

/// `func start`, or a container without a front end: no header tells callers apart.
#[tokio::test]
async fn behind_a_host_that_is_not_deployed_keys_without_credentials_are_shared() {
    let upstream = quick_upstream().await;
    let service = handler(&upstream, |_| {}).await;
    assert!(is_sent(&upstream, &service, &[KEY]).await);
    for name in ["client-ip", "x-forwarded-for"] {
        let headers = [KEY, (name, "203.0.113.7")];
        assert!(!is_sent(&upstream, &service, &headers).await, "{name}");
    }
}

#[tokio::test]
async fn standing_alone_nobody_can_be_another_by_a_header() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    assert!(is_sent(&upstream, &service, &[KEY]).await);
    for hops in ["203.0.113.7", "198.51.100.1"] {
        let headers = [KEY, ("x-forwarded-for", hops)];
        assert!(!is_sent(&upstream, &service, &headers).await, "{hops}");
    }
}

#[tokio::test]
async fn a_request_that_the_host_sends_again_is_paid_once() {
    let upstream = quick_upstream().await;
    let service = handler(&upstream, |_| {}).await;
    let id = "4f6a2d1c-0b1e-4c8e-9a57-5a1c7d1f0e11";
    assert!(is_sent(&upstream, &service, &[(INVOCATION, id)]).await);
    assert!(!is_sent(&upstream, &service, &[(INVOCATION, id)]).await);
    // A caller's key that is an invocation's id, or an invocation that is a caller's key.
    assert!(is_sent(&upstream, &service, &[("idempotency-key", id)]).await);
    assert!(is_sent(&upstream, &service, &[KEY, (INVOCATION, "a")]).await);
    assert!(is_sent(&upstream, &service, &[(INVOCATION, "one")]).await);
    // A caller's own key counts, whichever invocation brings it.
    assert!(!is_sent(&upstream, &service, &[KEY, (INVOCATION, "b")]).await);
}

#[tokio::test]
async fn standing_alone_an_invocation_id_is_no_key() {
    let upstream = quick_upstream().await;
    let service = Service::over(&upstream, &[]).await;
    for _ in 0..2 {
        assert!(is_sent(&upstream, &service, &[(INVOCATION, "a")]).await);
    }
}

/// The host passes on what it is told the second time, so that must be the images.
#[tokio::test]
async fn a_request_that_the_host_sends_again_waits_as_long_as_the_first() {
    let (upstream, gate) = held_upstream().await;
    let service = handler(&upstream, |operations| {
        operations.longest_repeat_wait = Duration::ZERO;
    })
    .await;
    let (body, headers) = (fox(), [(INVOCATION, "a")]);
    let send = || service.generate_with(&body, &headers);
    let (first, again, ()) = tokio::join!(send(), send(), async {
        upstream.wait_for_requests_to(CALLS, 1).await;
        for _ in 0..20 {
            service.get("/").await;
        }
        gate.open();
    });
    assert_eq!((first.status, again.status), (200, 200), "{}", again.text());
    assert_eq!(again.operation_id(), first.operation_id());
    assert_eq!(upstream.requests_to(CALLS).len(), 1);
}

#[tokio::test]
async fn a_request_that_the_host_sends_again_is_told_when_the_first_takes_too_long() {
    let (upstream, gate) = held_upstream().await;
    let service = service_of_host_without_patience(&upstream).await;
    let headers = [(INVOCATION, "a")];
    let first = service.generate_with(&fox(), &headers).await;
    first.assert_problem(504, "still_running");
    let again = service.generate_with(&fox(), &headers).await;
    again.assert_problem(409, "idempotency_key_in_use");
    assert_eq!(again.operation_id(), first.operation_id());
    gate.open();
}

async fn service_of_host_without_patience(upstream: &Upstream) -> Service {
    handler(upstream, |operations| {
        operations.longest_wait = Duration::from_millis(100);
    })
    .await
}

#[tokio::test]
async fn requests_without_a_key_are_each_their_own() {
    let upstream = quick_upstream().await;
    let service = service(&upstream, |_| {}).await;
    for _ in 0..2 {
        assert!(is_sent(&upstream, &service, &[]).await);
    }
}
