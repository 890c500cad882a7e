//! Requests that two servers could understand in two ways are refused, and their connection is
//! closed: whatever stands before this service could have another one in mind.

use super::observe;
use crate::{
    app::Mode,
    error::ApiError,
    routes::{
        arrival::Arrival,
        base_url::{FORWARDED_HOST, FORWARDED_PROTO, is_host},
    },
};
use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, Version,
        header::{CONNECTION, HOST, TRANSFER_ENCODING},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};

/// What made a request's bytes doubtful, in words that follow "the request is refused: ".
#[derive(Debug, Clone, Copy)]
pub struct Doubt(pub &'static str);

/// Lets through what is beyond doubt.
pub(super) async fn check(State(mode): State<Mode>, request: Request, next: Next) -> Response {
    let Some(refusal) = refusal(mode, &request) else {
        return next.run(request).await;
    };
    let refused = |_: Request| async { refusal.into_response() };
    let mut answer = observe::around(request, refused).await;
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(CONNECTION, close);
    answer
}

fn refusal(mode: Mode, request: &Request) -> Option<ApiError> {
    if request.method() == Method::CONNECT {
        return Some(ApiError::method_not_allowed(
            "GET, HEAD, OPTIONS, POST, DELETE",
        ));
    }
    let noted = request.extensions().get::<Doubt>().map(|doubt| doubt.0);
    let doubt = noted
        .or_else(|| doubtful_encoding(request.headers()))
        .or_else(|| doubtful_host(request))
        .or_else(|| doubtful_scheme(request.headers()))
        .or_else(|| doubtful_public_name(mode, request.headers()));
    doubt.map(ApiError::doubtful)
}

/// A Functions host that takes the scheme from this field puts the request's address together as
/// text: `http://x/api/images/ID?` would name the path that arrives.
fn doubtful_scheme(headers: &HeaderMap) -> Option<&'static str> {
    let mut values = headers.get_all(FORWARDED_PROTO).iter();
    let is_scheme = |text: &str| {
        let text = text.trim();
        text.eq_ignore_ascii_case("http") || text.eq_ignore_ascii_case("https")
    };
    let are_schemes = |value: &HeaderValue| {
        value
            .to_str()
            .is_ok_and(|list| list.split(',').all(is_scheme))
    };
    (!values.all(are_schemes))
        .then_some("its X-Forwarded-Proto names another scheme than http or https")
}

fn doubtful_encoding(headers: &HeaderMap) -> Option<&'static str> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_known = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    (!encodings.all(is_known)).then_some("its Transfer-Encoding is another one than chunked")
}

/// The name that addresses in the answer begin with. An empty `Host` is a valid one.
fn doubtful_public_name(mode: Mode, headers: &HeaderMap) -> Option<&'static str> {
    let (name, doubt) = match Arrival::of(mode, headers) {
        Arrival::Proxied => (FORWARDED_HOST, "its X-Forwarded-Host is no name of a host"),
        Arrival::Direct | Arrival::Forwarded => (HOST.as_str(), "its Host is no name of a host"),
    };
    let is_fine = |value: &HeaderValue| value.is_empty() || value.to_str().is_ok_and(is_host);
    (!headers.get_all(name).iter().all(is_fine)).then_some(doubt)
}

/// By RFC 9112 section 3.2 a host is named once, and with an absolute address it is that one.
fn doubtful_host(request: &Request) -> Option<&'static str> {
    let hosts = hosts(request.headers());
    match (hosts, request.uri().authority()) {
        ((0, _), _) if request.version() == Version::HTTP_11 => Some("it has no Host"),
        ((2.., _), _) => Some("it has Host more than once"),
        ((1, host), Some(authority))
            if !host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_str())) =>
        {
            Some("its address and its Host differ")
        }
        _ => None,
    }
}

fn hosts(headers: &HeaderMap) -> (usize, Option<&str>) {
    let hosts = headers.get_all(HOST);
    let first = hosts.iter().next().and_then(|host| host.to_str().ok());
    (hosts.iter().count(), first)
}
