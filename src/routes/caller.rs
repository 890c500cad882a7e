//! Who calls, as far as a request tells: so that one caller's idempotency keys are not another's,
//! nor one caller's minute.

use super::{
    admin::shows_api_key,
    arrival::{Arrival, single},
};
use crate::{
    app::{App, CallerSource, HostForwardedHeaders},
    limits::Caller,
};
use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, Uri},
};
use std::net::{IpAddr, SocketAddr};

/// Headers with which callers say who they are.
const CREDENTIALS: [&str; 5] = [
    "authorization",
    "x-functions-key",
    "x-api-key",
    "api-key",
    "x-ms-client-principal-id", // set by the platform's own sign-in
];

/// The caller's `address:port`, which App Service's front ends write over whatever a caller sent.
const CLIENT_IP: &str = "client-ip";

/// The hops of a request, each noted by the next one.
const FORWARDED_FOR: &str = "x-forwarded-for";

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
        true => address(app, headers, extensions)
            .map_or_else(String::new, |address| address.to_string()),
    }
}

/// Whom limits count: the address alone. Strangers can make up as many credentials as they like,
/// and each would be a new caller with a whole minute's worth.
#[must_use]
pub fn limited_caller(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Caller {
    if shows_api_key(app, headers) {
        return Caller::KeyHolder;
    }
    address(app, headers, extensions).map_or(Caller::Unknown, Caller::at)
}

/// The caller's address, from the one place that no caller can write. `docs/ACCESS.md` has the
/// table of deployments.
fn address(app: &App, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
    match app.caller_source {
        CallerSource::Peer => {
            let peer = extensions.get::<ConnectInfo<SocketAddr>>();
            peer.map(|peer| peer.0.ip().to_canonical())
        }
        CallerSource::OwnProxy => last_hop(headers),
        CallerSource::AppService(host) => single(headers, CLIENT_IP)
            .and_then(parse_address)
            .or_else(|| address_by_host(app, host, headers)),
        CallerSource::ContainerApps(host) => address_by_host(app, host, headers),
        CallerSource::Unknown => None,
    }
}

/// What the Functions host leaves of the front end's `X-Forwarded-For`. A proxied request has its
/// peer there: the caller where the host reads the field itself, else the platform's front end.
fn address_by_host(app: &App, host: HostForwardedHeaders, headers: &HeaderMap) -> Option<IpAddr> {
    let arrival = Arrival::of(app.mode, headers);
    let found = match (arrival, host) {
        (Arrival::Proxied, _) => single(headers, FORWARDED_FOR)
            .and_then(parse_address)
            .filter(|address| !is_private(*address)),
        (_, HostForwardedHeaders::Ignored) => last_hop(headers),
        // The host has taken the last hop out: what is left is the caller's own word.
        (_, HostForwardedHeaders::Read) => None,
    };
    if found.is_none() {
        let warn = || warn_of_unknown_callers(arrival, host);
        app.unknown_callers.call_once(warn);
    }
    found
}

fn warn_of_unknown_callers(arrival: Arrival, host: HostForwardedHeaders) {
    let what_to_set = match (arrival, host) {
        (Arrival::Proxied, HostForwardedHeaders::Ignored) => {
            "set ASPNETCORE_FORWARDEDHEADERS_ENABLED=true"
        }
        (Arrival::Forwarded, HostForwardedHeaders::Read) => {
            "unset ASPNETCORE_FORWARDEDHEADERS_ENABLED, since this host forwards requests"
        }
        _ => "nothing: the front end or the host notes no public address",
    };
    tracing::warn!(
        what_to_set,
        "the Functions host passes no caller's address on: all callers count as one"
    );
}

/// What stands before the last hop is the caller's own word.
fn last_hop(headers: &HeaderMap) -> Option<IpAddr> {
    let line = headers.get_all(FORWARDED_FOR).iter().next_back()?;
    let line = line.to_str().ok()?;
    parse_address(line.rsplit(',').next()?)
}

/// With or without a port, which is another for each connection: `203.0.113.7:4711`,
/// `[2001:db8::1]:4711`, `2001:db8::1`.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = text.parse().ok().or_else(with_port);
    let address = address.or_else(|| in_brackets().map(IpAddr::V6));
    address.map(|address| address.to_canonical())
}

/// An address of the platform's own network, not of a caller in the internet.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let is_shared = matches!(v4.octets(), [100, 64..=127, ..]); // RFC 6598
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || is_shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_part_of_an_address() {
        for (text, expected) in [
            ("203.0.113.7", Some("203.0.113.7")),
            (" 203.0.113.7:4711", Some("203.0.113.7")),
            ("[2001:db8::1]:4711", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("::ffff:203.0.113.7", Some("203.0.113.7")),
            ("[::ffff:203.0.113.7]:1", Some("203.0.113.7")),
            ("", None),
            ("203.0.113.7:x", None),
            ("203.0.113.7, 203.0.113.8", None),
            ("[203.0.113.7]", None),
            ("unknown", None),
        ] {
            let parsed = parse_address(text).map(|address| address.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_platforms_own_addresses_are_known() {
        for (text, expected) in [
            ("10.0.0.1", true),
            ("172.16.0.1", true),
            ("192.168.0.1", true),
            ("100.64.0.1", true),
            ("100.127.255.255", true),
            ("100.128.0.1", false),
            ("127.0.0.1", true),
            ("169.254.1.1", true),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:10.0.0.1", true),
            ("203.0.113.7", false),
            ("2001:db8::1", false),
        ] {
            let address = parse_address(text).unwrap();
            assert_eq!(is_private(address), expected, "{text}");
        }
    }
}
