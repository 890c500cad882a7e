//! How a request came to this process: it decides which of its headers are the Functions host's
//! word and which are the client's.

use super::request_id::INVOCATION_ID;
use crate::app::Mode;
use axum::http::HeaderMap;

/// The host sets it when it proxies, to the same value as the other one. When it forwards, what is
/// there comes from the client, who cannot know the value of the other one.
const PROXIED_INVOCATION_ID: &str = "x-ms-invocation-id";

/// Who handed a request over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// A client, or a proxy of the operator's: this process stands alone.
    Direct,
    /// The Functions host, with a request that it made anew: `Host` is the public name, and the
    /// answer is buffered.
    Forwarded,
    /// The Functions host as a reverse proxy: `X-Forwarded-*` are its own words, and the answer is
    /// streamed.
    Proxied,
}

impl Arrival {
    /// By the mode of the process and the headers that the host sets.
    #[must_use]
    pub fn of(mode: Mode, headers: &HeaderMap) -> Self {
        let ids = [INVOCATION_ID, PROXIED_INVOCATION_ID].map(|name| single(headers, name));
        match (mode, ids) {
            (Mode::Standalone, _) => Self::Direct,
            (Mode::Handler, [Some(id), Some(proxied)]) if id == proxied => Self::Proxied,
            (Mode::Handler, _) => Self::Forwarded,
        }
    }
}

/// A header's value, where it is there once.
#[must_use]
pub fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value
            .to_str()
            .ok()
            .map(str::trim)
            .filter(|it| !it.is_empty()),
        _ => None,
    }
}
