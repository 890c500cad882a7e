//! Where a caller is, and whose word for it counts.

use super::{Watch, assert_made, assert_refused, fox, limited, upstream};
use crate::{
    behind_host::{INVOCATION, proxied},
    service::Service,
    upstream::Upstream,
};
use visionary::routes::arrival::Arrival;

const ONE: (&str, &str) = ("RATE_LIMIT_PER_MINUTE", "1");

async fn from(service: &Service, hops: &str) -> crate::service::Answer {
    let headers = [("x-forwarded-for", hops)];
    service.generate_with(&fox(), &headers).await
}

#[tokio::test]
async fn alone_a_forged_address_changes_nothing() {
    let upstream = upstream().await;
    let service = limited(&upstream, &Watch::default(), &[ONE]).await;
    assert_made(&from(&service, "203.0.113.1").await);
    for forged in ["203.0.113.2", "203.0.113.3, 203.0.113.4", "", "nonsense"] {
        assert_refused(&from(&service, forged).await, "rate_limited", "caller");
    }
}

/// A service at this place, with one image in a minute for each caller.
async fn placed(upstream: &Upstream, place: &[(&str, &str)]) -> Service {
    let many = ("INSTANCE_RATE_LIMIT_PER_MINUTE", "off");
    limited(upstream, &Watch::default(), &[&[ONE, many], place].concat()).await
}

/// Sends requests with these headers, each as an invocation of its own, and says of each whether
/// its caller has a minute's worth left.
async fn assert_callers(service: &Service, arrival: Arrival, rows: &[(&[(&str, &str)], bool)]) {
    for (number, (headers, is_new)) in rows.iter().enumerate() {
        let id = format!("invocation-{arrival:?}-{number}");
        let ids = match arrival {
            Arrival::Direct => vec![],
            Arrival::Forwarded => vec![(INVOCATION, id.as_str())],
            Arrival::Proxied => proxied(&id).to_vec(),
        };
        let answer = service
            .generate_with(&fox(), &[&ids[..], headers].concat())
            .await;
        let expected = if *is_new { 200 } else { 429 };
        assert_eq!(answer.status, expected, "{arrival:?} {headers:?}");
    }
}

const HANDLER: (&str, &str) = ("FUNCTIONS_CUSTOMHANDLER_PORT", "1");
const APP_SERVICE: (&str, &str) = ("WEBSITE_SITE_NAME", "app");
const CONTAINER_APP: (&str, &str) = ("CONTAINER_APP_NAME", "app");
const HOST_READS: (&str, &str) = ("ASPNETCORE_FORWARDEDHEADERS_ENABLED", "True");
const HOPS: &str = "x-forwarded-for";
const CLIENT_IP: &str = "client-ip";

#[tokio::test]
async fn behind_a_proxy_of_ones_own_the_last_hop_is_the_caller() {
    let upstream = upstream().await;
    let service = placed(&upstream, &[("TRUST_FORWARDED_FOR", "on")]).await;
    assert_callers(
        &service,
        Arrival::Direct,
        &[
            (&[(HOPS, "203.0.113.1")], true),
            (&[(HOPS, "203.0.113.9, 203.0.113.1:4711")], false),
            (&[(HOPS, "203.0.113.1, 203.0.113.2:4711")], true),
            (&[(HOPS, "2001:db8::1")], true),
            (&[(HOPS, "198.51.100.7,[2001:db8::2]:4711")], false),
            (&[(HOPS, "[2001:db8:0:1::2]:4711")], true),
            (&[(HOPS, "::ffff:203.0.113.2")], false),
            (&[(HOPS, "198.51.100.7"), (HOPS, "203.0.113.2")], false),
            (&[(HOPS, "203.0.113.3, nonsense")], true), // all that are unknown are one
            (&[(HOPS, "203.0.113.4, unknown")], false),
            (&[(HOPS, "203.0.113.5,")], false),
            (&[(CLIENT_IP, "203.0.113.6:1")], false),
        ],
    )
    .await;
}

#[tokio::test]
async fn no_credential_makes_another_caller() {
    let upstream = upstream().await;
    let service = placed(&upstream, &[HANDLER, APP_SERVICE]).await;
    let address = (CLIENT_IP, "203.0.113.1:4711");
    assert_callers(&service, Arrival::Proxied, &[(&[address], true)]).await;
    for header in ["authorization", "x-api-key", "x-functions-key", "x-real-ip"] {
        let row: &[_] = &[address, (header, "Bearer made-up")];
        assert_callers(&service, Arrival::Forwarded, &[(row, false)]).await;
    }
}

#[tokio::test]
async fn on_app_service_the_front_ends_client_ip_is_the_caller() {
    let upstream = upstream().await;
    let service = placed(&upstream, &[HANDLER, APP_SERVICE]).await;
    let platform = (HOPS, "169.254.130.1");
    assert_callers(
        &service,
        Arrival::Proxied,
        &[
            (&[platform, (CLIENT_IP, "203.0.113.1:4711")], true),
            (&[platform, (CLIENT_IP, "203.0.113.1:4712")], false),
            (
                &[(HOPS, "203.0.113.9"), (CLIENT_IP, "203.0.113.1:1")],
                false,
            ),
            (&[platform, (CLIENT_IP, "[2001:db8::1]:4711")], true),
            (&[platform, (CLIENT_IP, "2001:db8::2")], false),
            (&[platform, (CLIENT_IP, "10.0.0.7:1")], true), // of a virtual network
            // What no front end writes: all of these are one.
            (&[platform, (CLIENT_IP, "203.0.113.2, 203.0.113.3")], true),
            (
                &[
                    platform,
                    (CLIENT_IP, "203.0.113.4"),
                    (CLIENT_IP, "203.0.113.5"),
                ],
                false,
            ),
            (&[platform, (CLIENT_IP, "nonsense")], false),
            (&[platform], false),
        ],
    )
    .await;
    assert_callers(
        &service,
        Arrival::Forwarded,
        &[
            (
                &[(CLIENT_IP, "203.0.113.1:9"), (HOPS, "203.0.113.7:1")],
                false,
            ),
            (
                &[(CLIENT_IP, "203.0.113.8:9"), (HOPS, "203.0.113.7:1")],
                true,
            ),
            (&[(HOPS, "198.51.100.1, 203.0.113.8:1")], false),
        ],
    )
    .await;
}

#[tokio::test]
async fn in_container_apps_it_is_what_the_host_leaves_of_the_ingress_hop() {
    let upstream = upstream().await;
    let reads = [HANDLER, CONTAINER_APP, APP_SERVICE, HOST_READS];
    let service = placed(&upstream, &reads).await;
    assert_callers(
        &service,
        Arrival::Proxied,
        &[
            (&[(HOPS, "203.0.113.1")], true),
            (&[(HOPS, "::ffff:203.0.113.1")], false),
            (
                &[(HOPS, "203.0.113.1"), (CLIENT_IP, "203.0.113.2:1")],
                false,
            ), // the caller's word
            (&[(HOPS, "203.0.113.2")], true),
            (&[(HOPS, "100.100.0.5")], true), // the platform's: all of these are one
            (&[(HOPS, "::ffff:10.0.0.1")], false),
            (&[(HOPS, "127.0.0.1")], false),
            (&[(HOPS, "fe80::1")], false),
            (&[(HOPS, "fc00::1")], false),
            (&[(HOPS, "203.0.113.8"), (HOPS, "203.0.113.9")], false),
        ],
    )
    .await;
    // The host has taken the last hop out.
    let row: &[_] = &[(HOPS, "203.0.113.77")];
    assert_callers(&service, Arrival::Forwarded, &[(row, false)]).await;

    let ignores = [HANDLER, CONTAINER_APP];
    let service = placed(&upstream, &ignores).await;
    assert_callers(
        &service,
        Arrival::Forwarded,
        &[
            (&[(HOPS, "198.51.100.1, 203.0.113.1:4711")], true),
            (&[(HOPS, "198.51.100.2, 203.0.113.1")], false),
            (&[(HOPS, "198.51.100.1,[2001:db8::1]:4711")], true),
            (
                &[(CLIENT_IP, "203.0.113.5:1"), (HOPS, "203.0.113.1")],
                false,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn behind_a_host_that_is_not_deployed_all_are_one() {
    let upstream = upstream().await;
    for arrival in [Arrival::Forwarded, Arrival::Proxied] {
        let service = placed(&upstream, &[HANDLER, ("TRUST_FORWARDED_FOR", "on")]).await;
        assert_callers(
            &service,
            arrival,
            &[
                (&[(HOPS, "203.0.113.1")], true),
                (&[(HOPS, "203.0.113.2")], false),
                (&[(CLIENT_IP, "203.0.113.3:1")], false),
            ],
        )
        .await;
    }
}
