//! Proxying mode (`enableProxyingHttpRequest`): YARP streams both ways and changes little.

use std::time::Duration;

use super::content::Content;
use super::handler::{Answer, Handler};
use super::message::{Head, Headers};
use super::request::Request;
use super::{HOST_VERSION, uri};

const MAX_TRIES: u32 = 10;
const LONGEST_PAUSE: u32 = 5;

/// Headers that YARP copies in neither direction.
const HOP_HEADERS: [&str; 17] = [
    "connection",
    "transfer-encoding",
    "keep-alive",
    "upgrade",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-features",
    "proxy-instruction",
    "security-scheme",
    "alpn",
    "close",
    "http2-settings",
    "upgrade-insecure-requests",
    "te",
    "alt-svc",
];

/// Sends the request until an answer comes, ten times at most, with growing pauses.
pub async fn send(
    handler: &Handler,
    head: &Head,
    content: &mut Content<'_>,
    first_pause: Duration,
) -> Option<Answer> {
    for tries in 1..=MAX_TRIES {
        if let Some(answer) = handler.send(head, content).await {
            return Some(answer);
        }
        if tries < MAX_TRIES {
            let factor = 2_u32.pow(tries - 1).min(LONGEST_PAUSE);
            tokio::time::sleep(first_pause * factor).await;
        }
    }
    None
}

/// The request that the handler gets.
pub fn rewrite(request: &Request, handler: &Handler, invocation_id: &str) -> Head {
    let path = uri::proxied_path(&request.target.path);
    let query = uri::proxied_query(&request.target.query);
    let start = format!("{} {path}{query} HTTP/1.1", request.method);
    let mut headers = request.headers.clone();
    remove_hop_headers(&mut headers);
    for name in ["forwarded", "x-forwarded-prefix"] {
        headers.remove(name);
    }
    // Set, not appended: the caller's own values are lost.
    for (name, value) in [
        ("Host", &*format!("127.0.0.1:{}", handler.port)),
        ("X-Forwarded-For", &request.origin.peer.to_string()),
        ("X-Forwarded-Host", request.host()),
        ("X-Forwarded-Proto", &request.origin.scheme),
        ("X-Azure-Functions-HostVersion", HOST_VERSION),
        ("X-Azure-Functions-InvocationId", invocation_id),
        ("x-ms-invocation-id", invocation_id),
    ] {
        headers.set(name, value);
    }
    add_framing(&mut headers, request);
    headers.join_lines();
    Head::new(start, headers)
}

fn add_framing(headers: &mut Headers, request: &Request) {
    let may_lack_length = ["GET", "HEAD", "OPTIONS", "DELETE", "CONNECT"];
    if request.headers.has("transfer-encoding") {
        headers.remove("content-length");
        headers.set("Transfer-Encoding", "chunked");
    } else if !headers.has("content-length") && !may_lack_length.contains(&&*request.method) {
        headers.set("Content-Length", "0");
    }
}

fn remove_hop_headers(headers: &mut Headers) {
    headers.retain(|name| !HOP_HEADERS.contains(&&*name.to_ascii_lowercase()));
}

/// True if .NET creates an empty content for a request without a body, to hold its headers.
pub fn has_content_header(request: &Request) -> bool {
    let is_content = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("content-") || ["allow", "expires", "last-modified"].contains(&&*name)
    };
    request.headers.iter().any(|(name, _)| is_content(name))
}

/// The head that the caller gets.
pub fn answer_head(answer: &Head) -> Head {
    let mut head = answer.clone();
    if head.headers.has("transfer-encoding") {
        head.headers.remove("content-length");
    }
    if matches!(head.status(), Some(204 | 205)) && head.headers.get("content-length") == Some("0") {
        head.headers.remove("content-length");
    }
    remove_hop_headers(&mut head.headers);
    head
}
