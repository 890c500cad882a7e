//! A query's parameters by name: decoded strictly, each at most once.

use crate::error::ApiError;
use percent_encoding::percent_decode_str;
use std::collections::{BTreeMap, btree_map::Entry};

/// Parameters that the Functions host (`code`, `clientId`) and JavaScript libraries (`_`, against
/// caches) add to an address; they are no fields.
const OF_THE_PLATFORM: [&str; 3] = ["code", "clientId", "_"];

/// Reads a query without its `?`, as forms write it: `+` is a space, `%` begins a byte in UTF-8.
///
/// # Errors
/// 400 for a parameter that comes twice or is no UTF-8: a garbled prompt would be paid for. A
/// forwarding host joins repeated ones with commas, which then is a value like any other.
pub(super) fn parse_query(query: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let mut fields = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)
            .ok_or_else(|| ApiError::invalid("query", "has a name that is no UTF-8", "UTF-8"))?;
        if OF_THE_PLATFORM.contains(&name.as_str()) {
            continue;
        }
        let value = decode(value)
            .ok_or_else(|| ApiError::invalid_parameter(&quote(&name), "is no UTF-8", "UTF-8"))?;
        match fields.entry(name) {
            Entry::Vacant(place) => place.insert(value),
            Entry::Occupied(taken) => {
                return Err(ApiError::invalid_parameter(
                    &quote(taken.key()),
                    "is given twice",
                    "one value for each parameter",
                ));
            }
        };
    }
    Ok(fields)
}

/// A caller's word within a sentence: without line breaks, and short.
fn quote(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_as_forms_write_them() {
        for (query, name, value) in [
            ("prompt=a+cat", "prompt", "a cat"),
            ("prompt=1%2B1%3D2%26%23", "prompt", "1+1=2&#"),
            ("prompt=%E7%8C%AB+%F0%9F%90%88", "prompt", "猫 🐈"),
            ("prompt=a=b", "prompt", "a=b"),
            ("prompt=100%", "prompt", "100%"),
            ("prompt", "prompt", ""),
            ("num%5Fsteps=3", "num_steps", "3"),
            ("&&prompt=a&", "prompt", "a"),
        ] {
            let fields = parse_query(query).unwrap();
            assert_eq!(fields[name], value, "{query}");
            assert_eq!(fields.len(), 1, "{query}");
        }
        let of_the_platform = "code=a&code=b&clientId=c&_=1795236883036";
        assert!(parse_query(of_the_platform).unwrap().is_empty());
    }

    #[test]
    fn what_is_ambiguous_or_garbled_is_refused() {
        for query in ["prompt=a&prompt=a", "prompt=%FF", "%C3=a", "x=1&%78=2"] {
            assert!(parse_query(query).is_err(), "{query}");
        }
    }
}
