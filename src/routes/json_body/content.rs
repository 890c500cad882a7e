//! What the bytes of a body are: a JSON object, or else something that the error names, since a
//! position in a text that was never JSON helps no one.

use super::UnreadableBody;
use serde_json::{Map, Value};

const UTF_8_BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads an object from text in UTF-8, with or without a byte order mark.
pub(super) fn parse_object(body: &[u8]) -> Result<Map<String, Value>, UnreadableBody> {
    if let Some(problem) = compression(body) {
        return Err(UnreadableBody::Encoded(problem));
    }
    let text = decode(body.strip_prefix(UTF_8_BOM).unwrap_or(body));
    let object = text.and_then(parse_text);
    object.map_err(UnreadableBody::NoObject)
}

/// In forwarding mode the Functions host drops `Content-Encoding`, so compressed bodies come
/// without it. These two are known by their first bytes (RFC 1952, RFC 8878); no JSON begins so.
fn compression(body: &[u8]) -> Option<&'static str> {
    match body {
        [0x1f, 0x8b, ..] => Some("the body is compressed by gzip; send it uncompressed"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Some("the body is compressed by zstd; send it uncompressed")
        }
        _ => None,
    }
}

fn decode(body: &[u8]) -> Result<&str, String> {
    if is_utf_16(body) {
        return Err("the body is UTF-16, not UTF-8".to_owned());
    }
    std::str::from_utf8(body).map_err(|error| {
        let position = error.valid_up_to() + 1;
        format!("the body is not UTF-8: byte {position} is invalid")
    })
}

/// UTF-16 begins with a byte order mark, or every other byte of its first character is 0, which
/// JSON in UTF-8 does not hold.
fn is_utf_16(body: &[u8]) -> bool {
    matches!(
        body,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..]
    )
}

fn parse_text(text: &str) -> Result<Map<String, Value>, String> {
    if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
        return Err("the body is empty".to_owned());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("the body is JSON but no object".to_owned()),
        Err(_) if is_form(text) => Err("the body is a form, not JSON; \
            send JSON such as {\"prompt\": \"a red fox\"} (in PowerShell: ConvertTo-Json)"
            .to_owned()),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(format!(
                "the body is not JSON: line {line}, column {column}"
            ))
        }
    }
}

/// Whether the text begins with a name and `=`, as `curl -d` and PowerShell's hashtables send it.
fn is_form(text: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.+%[]".contains(&byte);
    let name = text
        .trim_ascii_start()
        .split_once('=')
        .map(|(name, _)| name);
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(is_of_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &[u8]) -> String {
        match parse_object(body) {
            Err(UnreadableBody::NoObject(problem)) => problem,
            other => panic!("{other:?}"),
        }
    }

    fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let fields = parse_object(b"\xef\xbb\xbf{\"prompt\": \"a\"}").unwrap();
        assert_eq!(fields["prompt"], "a");
        assert_eq!(problem(b"\xef\xbb\xbf \n"), "the body is empty");
        let twice = problem(b"\xef\xbb\xbf\xef\xbb\xbf{}");
        assert_eq!(twice, "the body is not JSON: line 1, column 1");
    }

    #[test]
    fn other_encodings_are_named() {
        let json = "{\"prompt\": \"L\u{f6}we\"}";
        let marked = format!("\u{feff}{json}");
        for body in [
            utf_16(&marked, u16::to_le_bytes),
            utf_16(&marked, u16::to_be_bytes),
            utf_16(json, u16::to_le_bytes),
            utf_16(json, u16::to_be_bytes),
        ] {
            assert_eq!(problem(&body), "the body is UTF-16, not UTF-8");
        }
        let latin_1: Vec<u8> = json.chars().map(|letter| letter as u8).collect();
        assert_eq!(
            problem(&latin_1),
            "the body is not UTF-8: byte 14 is invalid"
        );
    }

    #[test]
    fn compressed_bodies_are_named() {
        for (body, name) in [
            (&b"\x1f\x8b\x08\0"[..], "gzip"),
            (b"\x28\xb5\x2f\xfd\0", "zstd"),
        ] {
            let Err(UnreadableBody::Encoded(told)) = parse_object(body) else {
                panic!("{name} is not known")
            };
            assert!(told.contains(name), "{told}");
        }
    }

    #[test]
    fn forms_are_told_to_be_json() {
        for body in [
            "prompt=a+red+fox",
            "prompt=a%20fox&n=2",
            "n=2&prompt=",
            "options%5Bsize%5D=auto",
            "\nprompt=a",
        ] {
            let told = problem(body.as_bytes());
            assert!(
                told.starts_with("the body is a form, not JSON; send JSON"),
                "{told}"
            );
        }
        for body in [
            "=a",
            "{prompt=a}",
            "{\"a=b\": ",
            "<a href=b>",
            "a fox",
            "a fox = b",
        ] {
            let told = problem(body.as_bytes());
            assert!(told.starts_with("the body is not JSON: line 1"), "{told}");
        }
    }
}
