//! The start of absolute addresses: the setting, or how the caller reached us.

use super::arrival::{Arrival, single};
use crate::app::App;
use axum::http::{HeaderMap, header::HOST};

/// What a proxy notes of the name that its client called.
pub const FORWARDED_HOST: &str = "x-forwarded-host";

/// What a proxy notes of the scheme that its client used.
pub const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// `https://host` without a slash at the end: `PUBLIC_BASE_URL`, else the name and scheme that the
/// caller used. Behind a host that proxies, `Host` is this process's private address and the public
/// name is in `X-Forwarded-Host`; elsewhere that header is the client's word.
#[must_use]
pub fn public_base_url(app: &App, headers: &HeaderMap) -> String {
    if let Some(configured) = &app.public_base_url {
        return configured.clone();
    }
    let arrival = Arrival::of(app.mode, headers);
    let name = match arrival {
        Arrival::Proxied => FORWARDED_HOST,
        Arrival::Direct | Arrival::Forwarded => HOST.as_str(),
    };
    let host = single(headers, name).filter(|host| is_host(host));
    let noted = headers.get(FORWARDED_PROTO).and_then(|it| it.to_str().ok());
    let noted = noted.and_then(|schemes| schemes.split(',').next());
    let is_https = match noted {
        Some(scheme) => scheme.trim().eq_ignore_ascii_case("https"),
        // A host that reads the header for itself takes it out of a request that it forwards.
        None => arrival == Arrival::Forwarded && app.caller_source.is_azure_front_end(),
    };
    let scheme = if is_https { "https" } else { "http" };
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

/// A name, IPv4 or bracketed IPv6 address, with or without a port; nothing that could end the
/// authority of an address.
#[must_use]
pub fn is_host(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !host.is_empty() && host.bytes().all(allowed)
}
