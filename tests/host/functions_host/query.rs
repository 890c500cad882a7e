//! Queries as ASP.NET parses them, and as the host rebuilds them for forwarding.

use super::escapes::{decode, encode};

/// Decoded names and values. Equal names in any letter case are joined, under the last spelling.
pub fn parse(query: &str) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let query = query.strip_prefix('?').unwrap_or(query);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let [name, value] = [name, value].map(|text| decode(&text.replace('+', " "), |_| false));
        let known = pairs
            .iter_mut()
            .find(|(known, _)| known.to_lowercase() == name.to_lowercase());
        match known {
            Some((known, values)) => {
                *known = name;
                values.push(',');
                values.push_str(&value);
            }
            None => pairs.push((name, value)),
        }
    }
    pairs
}

/// The query of a forwarded request, with its question mark.
pub fn rebuild(query: &str) -> String {
    let pairs = parse(query);
    let encode = |text| encode(text, is_allowed);
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    let pairs: Vec<String> = pairs.collect();
    match pairs.is_empty() {
        true => String::new(),
        false => format!("?{}", pairs.join("&")),
    }
}

/// Characters that `UrlEncoder.Default` does not escape.
fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$()*,;@".contains(&byte)
}

#[test]
fn a_query_is_joined_and_escaped_anew() {
    for (query, expected) in [
        ("", ""),
        ("?", ""),
        ("?a=1&b=x&a=2", "?a=1,2&b=x"),
        ("?x", "?x="),
        ("?q=a+b%2f", "?q=a%20b%2F"),
        ("?a=%ff", "?a=%25ff"),
        ("?a=:+%3D", "?a=%3A%20%3D"),
    ] {
        assert_eq!(rebuild(query), expected, "{query}");
    }
}
