//! Where a caller is, and whose word for it counts.

use super::{Watch, assert_made, assert_refused, fox, limited, upstream};
use crate::service::Service;

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

#[tokio::test]
async fn behind_a_proxy_the_last_hop_is_the_caller_and_no_credential_makes_another() {
    let upstream = upstream().await;
    let host = [ONE, ("FUNCTIONS_CUSTOMHANDLER_PORT", "1")];
    let proxy = [ONE, ("TRUST_FORWARDED_FOR", "on")];
    for settings in [host, proxy] {
        let service = limited(&upstream, &Watch::default(), &settings).await;
        for (hops, is_new) in [
            ("203.0.113.1", true),
            ("203.0.113.9, 203.0.113.1:4711", false),
            ("203.0.113.1, 203.0.113.2:4711", true),
            ("2001:db8::1", true),
            ("198.51.100.7,[2001:db8::2]:4711", false),
            ("[2001:db8:0:1::2]:4711", true),
            ("::ffff:203.0.113.2", false),
            ("203.0.113.3, nonsense", true),
            ("203.0.113.4, unknown", false),
            ("203.0.113.5,", false),
        ] {
            let answer = from(&service, hops).await;
            match is_new {
                true => assert_made(&answer),
                false => drop(assert_refused(&answer, "rate_limited", "caller")),
            }
        }
        for header in ["authorization", "x-api-key", "x-functions-key", "x-real-ip"] {
            let headers = [
                ("x-forwarded-for", "203.0.113.1"),
                (header, "Bearer made-up"),
            ];
            let answer = service.generate_with(&fox(), &headers).await;
            assert_refused(&answer, "rate_limited", "caller");
        }
    }
}
