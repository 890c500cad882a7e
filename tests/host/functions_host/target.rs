//! Request targets as Kestrel parses them: the decoded path without dot segments, which routes and
//! constraints see, and the raw query.

use super::escapes::decode;

/// The path starts with a slash. The query includes its question mark, or is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub path: String,
    pub query: String,
}

impl Target {
    /// None if Kestrel answers 400. `host` is the request's own Host.
    pub fn parse(target: &str, host: &str) -> Option<Self> {
        let relative = match target.split_once("://") {
            Some((scheme, rest)) if !target.starts_with('/') => {
                strip_authority(scheme, rest, host)?
            }
            _ => target,
        };
        if !relative.starts_with('/') || !relative.is_ascii() {
            return None;
        }
        let (path, query) = match relative.find('?') {
            Some(at) => relative.split_at(at),
            None => (relative, ""),
        };
        // `%2F` stays, and what is not UTF-8.
        let path = decode(path, |byte| byte == b'/');
        let path = remove_dot_segments(&path);
        let query = query.to_owned();
        (!path.contains('\0')).then_some(Self { path, query })
    }
}

/// An absolute target must name the host that the Host header names.
fn strip_authority<'text>(scheme: &str, rest: &'text str, host: &str) -> Option<&'text str> {
    let (authority, path) = rest.split_at(rest.find('/')?);
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    (is_http && authority.eq_ignore_ascii_case(host)).then_some(path)
}

/// Resolves `.` and `..`; empty segments stay.
pub fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if segments.peek().is_none() {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[test]
fn what_is_not_utf_8_stays_escaped() {
    let path = |target: &str| Target::parse(target, "h").map(|target| target.path);
    for (target, expected) in [
        ("/a%c3%a9%ffb", Some("/aé%ffb")),
        ("/%c0%ae%c0%ae/x", Some("/%c0%ae%c0%ae/x")),
        ("/%e7%8cx", Some("/%e7%8cx")),
        ("/%ed%a0%80", Some("/%ed%a0%80")),
        ("/a%2fb%2Fc%zz%", Some("/a%2fb%2Fc%zz%")),
        ("/a/%2e%2e/%2e/b/..", Some("/")),
        ("/../../x", Some("/x")),
        ("http://h/x", Some("/x")),
        ("http://other/x", None),
        ("/%00", None),
        ("*", None),
    ] {
        assert_eq!(path(target).as_deref(), expected, "{target}");
    }
}
