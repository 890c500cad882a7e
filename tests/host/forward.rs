//! Forwarding mode (`enableForwardingHttpRequest`): the host makes a new request out of the
//! client's, and holds the whole answer before it passes it on.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::functions_host::{HOST_VERSION, HandlerClient, empty};

/// What .NET's `Uri.EscapeDataString` leaves alone.
const ESCAPED_IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Sends the request as the host would and buffers the answer.
///
/// Unconfirmed on a real host: the 500 for chunked requests, the 500 for response headers that are
/// not ASCII, and that `Expect: 100-continue` passes. Not modelled: a `traceparent` of the host's.
pub async fn send(
    client: &HandlerClient,
    port: u16,
    request: Request<Bytes>,
    invocation_id: &str,
) -> Response<Body> {
    let method = request.method().clone();
    let Some(request) = rewrite(port, request, invocation_id) else {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    // Refused, reset, ended early or malformed: 500 with an empty body, and no second try.
    let Ok(response) = client.request(request.map(Body::from)).await else {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(Body::new(body), usize::MAX).await else {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    if !parts
        .headers
        .values()
        .all(|value| value.as_bytes().is_ascii())
    {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    }
    parts.headers.remove(header::TRANSFER_ENCODING);
    if method != axum::http::Method::HEAD && !body.is_empty() {
        parts
            .headers
            .insert(header::CONTENT_LENGTH, body.len().into());
    }
    Response::from_parts(parts, Body::from(body))
}

/// The request that the handler gets, or none when .NET refuses to make one.
fn rewrite(port: u16, request: Request<Bytes>, invocation_id: &str) -> Option<Request<Bytes>> {
    let (parts, body) = request.into_parts();
    if parts.headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    if !body.is_empty() && content_type.is_some_and(|value| !is_media_type(value)) {
        return None;
    }
    let query = rebuild_query(parts.uri.query().unwrap_or_default());
    let path = parts.uri.path();
    let uri: Uri = format!("http://127.0.0.1:{port}{path}{query}")
        .parse()
        .ok()?;
    let mut forwarded = Request::new(body);
    *forwarded.method_mut() = parts.method;
    *forwarded.uri_mut() = uri;
    *forwarded.headers_mut() = headers(&parts.headers, forwarded.body().is_empty(), invocation_id)?;
    Some(forwarded)
}

fn headers(incoming: &HeaderMap, body_is_empty: bool, invocation_id: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in incoming {
        if survives(name, body_is_empty) {
            headers.append(name, value.clone());
        }
    }
    let user_agent = match incoming.get(header::USER_AGENT) {
        Some(value) => format!(
            "{} Azure-Functions-Host/{HOST_VERSION}",
            value.to_str().ok()?
        ),
        None => format!("Azure-Functions-Host/{HOST_VERSION}"),
    };
    headers.insert(header::USER_AGENT, user_agent.parse().ok()?);
    // Appended, so that a value of the client's stays, in front of the host's.
    headers.append(
        "x-azure-functions-hostversion",
        HeaderValue::from_static(HOST_VERSION),
    );
    headers.append(
        "x-azure-functions-invocationid",
        invocation_id.parse().ok()?,
    );
    Some(headers)
}

/// .NET takes content headers only on a content, and the host moves just two of them there.
fn survives(name: &HeaderName, body_is_empty: bool) -> bool {
    match name.as_str() {
        "content-length" => true,
        "content-type" => !body_is_empty,
        "expires" | "last-modified" | "allow" => false,
        other => !other.starts_with("content-"),
    }
}

fn is_media_type(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else {
        return false;
    };
    let essence = text.split(';').next().unwrap_or_default().trim();
    let is_token = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !part.is_empty() && part.bytes().all(allowed)
    };
    matches!(essence.split_once('/'), Some((kind, subtype)) if is_token(kind) && is_token(subtype))
}

/// Values of one name joined with a comma, `x` as `x=`, everything escaped anew, order kept.
fn rebuild_query(query: &str) -> String {
    let mut joined: Vec<(String, String)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match joined
            .iter_mut()
            .find(|(known, _)| known.eq_ignore_ascii_case(&name))
        {
            Some((_, values)) => {
                values.push(',');
                values.push_str(&value);
            }
            None => joined.push((name.into_owned(), value.into_owned())),
        }
    }
    let escape = |text| utf8_percent_encode(text, ESCAPED_IN_QUERY).to_string();
    let pairs: Vec<String> = joined
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect();
    match pairs.is_empty() {
        true => String::new(),
        false => format!("?{}", pairs.join("&")),
    }
}

#[test]
fn a_query_is_joined_and_escaped_anew() {
    assert_eq!(rebuild_query(""), "");
    assert_eq!(rebuild_query("a=1&b=x&a=2"), "?a=1%2C2&b=x");
    assert_eq!(rebuild_query("x"), "?x=");
    assert_eq!(rebuild_query("q=a+b%2f"), "?q=a%20b%2F");
}
