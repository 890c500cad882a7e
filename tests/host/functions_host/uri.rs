//! Path and query as .NET's `Uri` and YARP rewrite them on the way to the handler.

use super::escapes::{encode, escaped_byte};
use super::target::remove_dot_segments;

/// Characters that .NET decodes wherever they are escaped.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Characters that stay as they are in a URI.
fn is_allowed(byte: u8) -> bool {
    is_unreserved(byte) || b":/?#[]@!$&'()*+,;=".contains(&byte)
}

/// Escapes reserved characters, decodes escaped unreserved ones, keeps all other escapes.
fn canonical(text: &str) -> String {
    let mut canonical = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        canonical.push_str(&encode(&rest[..at], is_allowed));
        rest = &rest[at..];
        let (escape, after) = match escaped_byte(rest) {
            Some((byte, after)) if is_unreserved(byte) => (char::from(byte).to_string(), after),
            Some((_, after)) => (rest[..3].to_owned(), after),
            None => ("%25".to_owned(), &rest[1..]),
        };
        canonical.push_str(&escape);
        rest = after;
    }
    canonical + &encode(rest, is_allowed)
}

/// The path of a forwarded request. The host builds a URL from decoded parts and parses it again,
/// so decoded delimiters move the path's start and end. None if it is no valid URL.
pub fn forwarded_path(scheme: &str, host: &str, path: &str, query: &str) -> Option<String> {
    let url = format!("{scheme}://{host}{path}{query}");
    let url = url.trim_matches([' ', '\t', '\r', '\n']);
    let (scheme, rest) = url.split_once("://")?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return None;
    }
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let rest = rest[..end].replace('\\', "/");
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    Some(remove_dot_segments(&canonical(path)))
}

/// The path of a proxied request: YARP escapes the decoded path.
pub fn proxied_path(path: &str) -> String {
    encode(path, |byte| {
        is_unreserved(byte) || b"!$&'()*+,/:;=@".contains(&byte)
    })
}

/// The query of a proxied request.
pub fn proxied_query(query: &str) -> String {
    canonical(&query.replace('#', "%23"))
}

#[test]
fn a_forwarded_path_is_read_from_its_display_form() {
    for (scheme, path, query, expected) in [
        ("http", "/api/a%b", "", Some("/api/a%25b")),
        ("http", "/api/%41%2e%2e/%5C", "", Some("/api/A../%5C")),
        ("http", "/api/x/%2e%2e/y", "", Some("/api/y")),
        ("http", "/api/a ", "?x", Some("/api/a%20")),
        ("http", "/api/a \n", "", Some("/api/a")),
        (
            "http://x/api/items/1?",
            "/api/plain",
            "",
            Some("/api/items/1"),
        ),
        ("http://x#", "/api/plain", "", Some("/")),
        ("https,http", "/api/plain", "", None),
        ("", "/api/plain", "", None),
    ] {
        let found = forwarded_path(scheme, "localhost", path, query);
        assert_eq!(found.as_deref(), expected, "{scheme} {path}");
    }
}
