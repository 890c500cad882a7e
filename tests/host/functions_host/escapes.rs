//! Percent escapes, read and written.

/// The byte that `text` begins with as `%XX`, and the rest.
pub fn escaped_byte(text: &str) -> Option<(u8, &str)> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    let is_hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, 16).ok()?;
    is_hexadecimal.then_some((byte, &text[3..]))
}

/// Decodes every character, but for the `kept` ones and what is not UTF-8.
pub fn decode(text: &str, kept: fn(u8) -> bool) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let (character, length) = decode_character(rest, kept).unwrap_or(('%', 1));
        decoded.push(character);
        rest = &rest[length..];
    }
    decoded + rest
}

/// The character that `text` begins with in escaped form, and the length of that form.
fn decode_character(text: &str, kept: fn(u8) -> bool) -> Option<(char, usize)> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while bytes.len() < 4 {
        let (byte, after) = escaped_byte(rest).filter(|(byte, _)| !kept(*byte))?;
        bytes.push(byte);
        rest = after;
        if let Ok(decoded) = std::str::from_utf8(&bytes) {
            return Some((decoded.chars().next()?, text.len() - rest.len()));
        }
    }
    None
}

/// Escapes every byte that is not `allowed`.
pub fn encode(text: &str, allowed: fn(u8) -> bool) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match allowed(byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
