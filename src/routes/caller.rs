//! Who calls, as far as a request tells: so that one caller's idempotency keys are not another's,
//! nor one caller's minute.

use super::admin::shows_api_key;
use crate::{app::App, limits::Caller};
use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, Uri},
};
use std::net::SocketAddr;

/// Headers with which callers say who they are.
const CREDENTIALS: [&str; 5] = [
    "authorization",
    "x-functions-key",
    "x-api-key",
    "api-key",
    "x-ms-client-principal-id", // set by the platform's own sign-in
];

/// A text that differs between callers: what they show of credentials, which stay when a phone
/// changes its network; without any their address. It may hold secrets and is only ever hashed.
#[must_use]
pub fn caller(app: &App, uri: &Uri, headers: &HeaderMap, extensions: &Extensions) -> String {
    let shown = CREDENTIALS.iter().flat_map(|name| headers.get_all(*name));
    let mut shown: Vec<String> = shown
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let function_keys = pairs.filter(|(name, _)| name == "code");
    shown.extend(function_keys.map(|(_, key)| key.into_owned()));
    match shown.is_empty() {
        false => shown.join("\n"),
        true => address(app, headers, extensions),
    }
}

/// Whom limits count: the address alone. Strangers can make up as many credentials as they like,
/// and each would be a new caller with a whole minute's worth.
#[must_use]
pub fn limited_caller(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Caller {
    if shows_api_key(app, headers) {
        return Caller::KeyHolder;
    }
    let address = address(app, headers, extensions);
    // Brackets are an IPv6 address's, where a port may follow it.
    let address = address.trim_start_matches('[').trim_end_matches(']');
    address.parse().map_or(Caller::Unknown, Caller::at)
}

/// Behind the Functions host, or a proxy of the operator's, every peer is that proxy, which has
/// noted the caller last; what stands before is the caller's own word. Otherwise anybody can write
/// that header, so it says nothing.
fn address(app: &App, headers: &HeaderMap, extensions: &Extensions) -> String {
    match app.is_behind_proxy {
        true => {
            let lines = headers.get_all("x-forwarded-for").iter();
            let line = lines.map(|value| value.as_bytes()).next_back();
            let last = line.and_then(|line| line.rsplit(|byte| *byte == b',').next());
            let last = last.and_then(|hop| std::str::from_utf8(hop).ok());
            last.map(without_port).unwrap_or_default().to_owned()
        }
        false => extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|peer| peer.0.ip().to_string())
            .unwrap_or_default(),
    }
}

/// The port is another for each connection: `203.0.113.7:4711`, `[2001:db8::1]:4711`.
fn without_port(hop: &str) -> &str {
    let hop = hop.trim();
    let is_plain_ipv6 = hop.matches(':').count() > 1 && !hop.starts_with('[');
    match hop.rsplit_once(':') {
        Some((host, port)) if !is_plain_ipv6 && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => hop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_part_of_a_caller() {
        for (hop, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            (" 203.0.113.7:4711", "203.0.113.7"),
            ("[2001:db8::1]:4711", "[2001:db8::1]"),
            ("2001:db8::1", "2001:db8::1"),
            ("", ""),
        ] {
            assert_eq!(without_port(hop), expected, "{hop}");
        }
    }
}
