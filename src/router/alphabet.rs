//! What a path's parameter may consist of. The Functions host checks one form of a path and may
//! hand over another: it turns `%5C` into `/` and resolves dots behind its check, and so leads
//! from an open function into a closed one. No value with such a character passes, here or there.

use percent_encoding::percent_decode_str;

/// The characters of one parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// An id: base64url.
    Id,
    /// The path of a blob: everything but what a host turns into something else.
    BlobPath,
    /// A path of the OpenAI surface.
    ApiPath,
}

impl Alphabet {
    /// As the route's constraint has it, which sees the value with all escapes decoded but `%2F`.
    /// `\z`, since `$` lets a line feed through at the end.
    #[must_use]
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Id => r"^[0-9A-Za-z_-]+\z",
            Self::BlobPath => r"^[^\\%]*\z",
            Self::ApiPath => r"^[A-Za-z0-9._:/-]*\z",
        }
    }

    /// Whether the value of a parameter, as it stands in the path, consists of these characters.
    /// Stricter than the host's check where that decodes: only a blob's path can hold escapes.
    pub(super) fn allows(self, value: &str) -> bool {
        let is_among = |others: &'static [u8]| {
            move |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte)
        };
        match self {
            Self::Id => value.bytes().all(is_among(b"_-")),
            Self::ApiPath => value.bytes().all(is_among(b"._:/-")),
            Self::BlobPath => {
                let has_slash = value
                    .as_bytes()
                    .windows(3)
                    .any(|escape| escape.eq_ignore_ascii_case(b"%2F"));
                let decoded = percent_decode_str(value).decode_utf8();
                !has_slash && decoded.is_ok_and(|path| !path.contains(['\\', '%']))
            }
        }
    }
}
