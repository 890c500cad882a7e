//! How an image of the folder is named in its address, below `/api/files/`.

use crate::sas::encode_blob_path;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// Stands before an encoded name.
const ENCODED: char = '~';

/// A name as the path of an address: percent-encoded, or as `~` and its base64url where a Functions
/// host that forwards would hand over another path than it was asked for.
pub(super) fn to_address(name: &str) -> String {
    match is_handed_over(name) {
        true => encode_blob_path(name),
        false => format!("{ENCODED}{}", BASE64_URL_SAFE_NO_PAD.encode(name)),
    }
}

/// The name that an address's path, with its percent signs decoded, stands for.
pub(super) fn to_name(path: &str) -> Option<String> {
    let Some(encoded) = path.strip_prefix(ENCODED) else {
        return Some(path.to_owned());
    };
    let name = BASE64_URL_SAFE_NO_PAD.decode(encoded).ok()?;
    String::from_utf8(name).ok()
}

/// Seen at a running host: `\` arrives as `/`, `?` and `#` end the path, white space at its end is
/// gone, and what follows a `%` is decoded once more.
fn is_handed_over(name: &str) -> bool {
    !name.starts_with(ENCODED)
        && !name.ends_with(char::is_whitespace)
        && !name.contains(['\\', '%', '?', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::percent_decode_str;

    #[test]
    fn each_name_comes_back_and_what_a_host_would_change_is_encoded() {
        for (name, is_plain) in [
            ("gallery/8204763116963/a red fox_1.png", true),
            ("猫 & 100.png", true),
            (" a+b;c=d|e.png", true),
            ("a~b.png", true),
            ("a\nb.png", true),
            ("100%.png", false),
            ("a?b.png", false),
            ("a#b.png", false),
            ("a\\b.png", false),
            ("a.png ", false),
            ("a.png\n", false),
            ("~a.png", false),
            ("~YQ", false),
        ] {
            let address = to_address(name);
            assert_eq!(!address.starts_with('~'), is_plain, "{name:?}");
            let path = percent_decode_str(&address).decode_utf8().unwrap();
            assert_eq!(to_name(&path).as_deref(), Some(name), "{name:?}");
        }
        for path in ["~", "~!", "~_w", "~YQ=="] {
            let name = to_name(path);
            assert!(name.is_none_or(|name| name.is_empty()), "{path}");
        }
    }
}
