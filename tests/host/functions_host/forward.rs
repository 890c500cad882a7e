//! Forwarding mode (`enableForwardingHttpRequest`): the host builds a new request from the caller's,
//! and buffers the whole answer.

use super::cache_control;
use super::content::{Content, Source};
use super::handler::{Answer, Handler};
use super::message::{Head, Headers};
use super::request::Request;
use super::{HOST_VERSION, query, uri};

/// Sends the request as the host would. None if the host answers 500.
pub async fn send(handler: &Handler, head: &Head, body: &[u8]) -> Option<(Head, Vec<u8>)> {
    let source = match body.is_empty() {
        true => Source::None,
        false => Source::Held(body),
    };
    let mut answer = handler.send(head, &mut Content::new(source)).await?;
    let body = answer.rest().await.ok()?;
    let head = answer_head(&answer, body.len());
    handler.keep(answer);
    Some((head, body))
}

/// The request that the handler gets. None if .NET throws.
pub fn rewrite(request: &Request, body: &[u8], invocation_id: &str) -> Option<Head> {
    // The host copies Transfer-Encoding, but not the body: .NET throws.
    if request.headers.has("transfer-encoding") {
        return None;
    }
    let content_type = request.headers.get("content-type");
    if !body.is_empty() && content_type.is_some_and(|value| !is_media_type(value)) {
        return None;
    }
    let (origin, target) = (&request.origin, &request.target);
    let path = uri::forwarded_path(&origin.scheme, request.host(), &target.path, &target.query)?;
    let query = query::rebuild(&target.query);
    let start = format!("{} {path}{query} HTTP/1.1", request.method);
    Some(Head::new(
        start,
        rewrite_headers(request, body, invocation_id),
    ))
}

fn rewrite_headers(request: &Request, body: &[u8], invocation_id: &str) -> Headers {
    let mut headers = request.headers.clone();
    headers.retain(|name| is_kept(name, body.is_empty()));
    let may_lack_length = ["GET", "HEAD", "OPTIONS", "DELETE", "CONNECT"];
    if !body.is_empty() || !may_lack_length.contains(&request.method.as_str()) {
        headers.set("Content-Length", &body.len().to_string());
    }
    if headers.lists("connection", "close") {
        headers.set("Connection", "close");
    }
    // Appended: the caller's own values stay, before the host's.
    let suffix = format!("Azure-Functions-Host/{HOST_VERSION}");
    let user_agent = match headers.get("user-agent") {
        Some(value) => format!("{value} {suffix}"),
        None => suffix,
    };
    headers.set("User-Agent", &user_agent);
    headers.append("X-Azure-Functions-HostVersion", HOST_VERSION);
    headers.append("X-Azure-Functions-InvocationId", invocation_id);
    headers.join_lines();
    headers
}

/// .NET drops content headers of a request; the host copies only this one to the content.
fn is_kept(name: &str, is_without_body: bool) -> bool {
    match name.to_ascii_lowercase().as_str() {
        "content-type" => !is_without_body,
        "expires" | "last-modified" | "allow" => false,
        other => !other.starts_with("content-"),
    }
}

fn is_media_type(value: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default().trim();
    let is_token = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !part.is_empty() && part.bytes().all(allowed)
    };
    essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// The head that the caller gets. .NET parses and reformats some headers.
fn answer_head(answer: &Answer, body_length: usize) -> Head {
    let mut headers = Headers::default();
    for (name, value) in answer.head.headers.iter() {
        match name.to_ascii_lowercase().as_str() {
            "transfer-encoding" => {}
            "allow" | "vary" | "accept-ranges" | "content-language" => {
                let values = value.split(',').map(str::trim);
                values.for_each(|value| headers.append(name, value));
            }
            "cache-control" => headers.append(name, &cache_control::rewrite(value)),
            _ => headers.append(name, value),
        }
    }
    if answer.head.status() != Some(204) && !headers.has("content-length") {
        headers.set("Content-Length", &body_length.to_string());
    }
    Head::new(answer.head.start.clone(), headers)
}
