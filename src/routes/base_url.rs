//! The start of absolute addresses: the setting, or how the caller reached us.

use crate::app::App;
use axum::http::{HeaderMap, header::HOST};

/// `https://host` without a slash at the end: `PUBLIC_BASE_URL`, else the request's Host (the
/// Functions host leaves the public name there) and the scheme that the front end noted.
#[must_use]
pub fn public_base_url(app: &App, headers: &HeaderMap) -> String {
    if let Some(configured) = &app.public_base_url {
        return configured.clone();
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(HOST.as_str()).filter(|host| is_host(host));
    let scheme = text("x-forwarded-proto")
        .and_then(|list| list.split(',').next())
        .map(str::trim)
        .filter(|scheme| *scheme == "https");
    format!(
        "{}://{}",
        scheme.unwrap_or("http"),
        host.unwrap_or("localhost")
    )
}

/// A name, IPv4 or bracketed IPv6 address, with or without a port; nothing that could end the
/// authority of an address.
fn is_host(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !host.is_empty() && host.bytes().all(allowed)
}
