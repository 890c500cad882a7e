//! How a browser is to take a file: pictures that are what they say are shown, everything else is
//! offered as a download, under a name that no browser can misread.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// As many bytes as tell a picture.
pub(super) const FIRST_BYTES: usize = 32;

/// What a header field may have of a name besides letters and digits (RFC 8187's attr-char).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// A file's media type and disposition in an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Presentation {
    pub(super) content_type: String,
    pub(super) disposition: String,
}

/// By what the file is said to be, what it begins with, and its path.
pub(super) fn of_file(content_type: &str, first_bytes: &[u8], path: &str) -> Presentation {
    let is_shown = kind(first_bytes).is_some_and(|kind| kind == content_type);
    // A picture of another kind may still be shown by `<img>`, where it cannot do anything.
    let is_picture = content_type.starts_with("image/");
    let content_type = match is_shown || is_picture {
        true => content_type,
        false => "application/octet-stream",
    };
    let how = if is_shown { "inline" } else { "attachment" };
    Presentation {
        content_type: content_type.to_owned(),
        disposition: disposition(how, path.rsplit('/').next().unwrap_or_default()),
    }
}

/// The media types of the pictures that every browser shows, by their first bytes.
fn kind(first_bytes: &[u8]) -> Option<&'static str> {
    let begins = |start: &[u8]| first_bytes.starts_with(start);
    let has = |place: usize, word: &[u8]| {
        let there = first_bytes.get(place..);
        there.is_some_and(|there| there.starts_with(word))
    };
    if begins(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if begins(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if begins(b"RIFF") && has(8, b"WEBP") {
        Some("image/webp")
    } else if begins(b"GIF87a") || begins(b"GIF89a") {
        Some("image/gif")
    } else if has(4, b"ftypavif") || has(4, b"ftypavis") {
        Some("image/avif")
    } else {
        None
    }
}

/// RFC 6266: the name in ASCII for everyone, and in full where that is another one.
fn disposition(how: &str, name: &str) -> String {
    let is_plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%');
    let plain = name.replace(|c| !is_plain(c), "_");
    if plain == name {
        return format!("{how}; filename=\"{plain}\"");
    }
    let encoded = utf8_percent_encode(name, ENCODED);
    format!("{how}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    #[test]
    fn only_pictures_that_are_what_they_say_are_shown() {
        let octets = "application/octet-stream";
        for (said, bytes, sent, how) in [
            ("image/png", PNG, "image/png", "inline"),
            ("image/jpeg", b"\xff\xd8\xff\xe0", "image/jpeg", "inline"),
            (
                "image/webp",
                b"RIFF\0\0\0\0WEBPVP8 ",
                "image/webp",
                "inline",
            ),
            ("image/gif", b"GIF89a\0\0", "image/gif", "inline"),
            ("image/avif", b"\0\0\0\x20ftypavif", "image/avif", "inline"),
            ("image/jpeg", PNG, "image/jpeg", "attachment"),
            ("image/png", b"<html><script>", "image/png", "attachment"),
            ("image/png", b"", "image/png", "attachment"),
            (
                "image/svg+xml",
                b"<svg onload=",
                "image/svg+xml",
                "attachment",
            ),
            ("text/html", b"<html>", octets, "attachment"),
            ("text/html", PNG, octets, "attachment"),
            ("application/xhtml+xml", b"<html>", octets, "attachment"),
            ("", PNG, octets, "attachment"),
        ] {
            let presentation = of_file(said, bytes, "gallery/1/a.png");
            assert_eq!(presentation.content_type, sent, "{said} {bytes:?}");
            let expected = format!("{how}; filename=\"a.png\"");
            assert_eq!(presentation.disposition, expected, "{said} {bytes:?}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_header() {
        for (path, expected) in [
            ("a b.png", "filename=\"a b.png\""),
            (
                "x/Füchse_1.png",
                "filename=\"F_chse_1.png\"; filename*=UTF-8''F%C3%BCchse_1.png",
            ),
            (
                "a\"; filename=\"b.html",
                "filename=\"a_; filename=_b.html\"; \
                 filename*=UTF-8''a%22%3B%20filename%3D%22b.html",
            ),
            (
                "a\r\nx: y\\",
                "filename=\"a__x: y_\"; filename*=UTF-8''a%0D%0Ax%3A%20y%5C",
            ),
            (
                "100%41.png",
                "filename=\"100_41.png\"; filename*=UTF-8''100%2541.png",
            ),
        ] {
            assert_eq!(
                disposition("inline", path.rsplit('/').next().unwrap()),
                format!("inline; {expected}")
            );
        }
    }
}
