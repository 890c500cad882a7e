//! Idempotency keys (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>):
//! a request that comes again under its key gets the first one's result. The state container has
//! neither key, caller nor body, but hashes of them.

use super::id::hexadecimal;
use sha2::{Digest, Sha256};

/// The most characters of a key.
pub const MAX_KEY_LENGTH: usize = 255;

/// Who gave a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrigin {
    /// The caller, who can come again with it.
    Caller,
    /// The Functions host, whose invocation id is one: it may send a request a second time, and
    /// what it is told then is all that the caller gets to know.
    Host,
}

/// A request's key with all that a repetition must have in common with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Of key and caller: different callers do not meet each other's keys.
    pub(super) hash: String,
    /// Of the request itself.
    pub(super) body: String,
    origin: KeyOrigin,
}

/// The text cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an idempotency key")]
pub struct InvalidKey;

impl RequestKey {
    /// The key `text` of a `caller` for the request that `body` tells apart from others.
    ///
    /// # Errors
    /// [`InvalidKey`] unless the key is 1 to 255 visible ASCII characters.
    pub fn new(
        text: &str,
        origin: KeyOrigin,
        caller: &str,
        body: &str,
    ) -> Result<Self, InvalidKey> {
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !(1..=MAX_KEY_LENGTH).contains(&text.len()) || !is_visible {
            return Err(InvalidKey);
        }
        let origin_word = match origin {
            KeyOrigin::Caller => "caller",
            KeyOrigin::Host => "host", // nobody can claim the host's ids for a key of theirs
        };
        Ok(Self {
            hash: hash_of(&[origin_word, text, caller]),
            body: hash_of(&[body]),
            origin,
        })
    }
}

impl RequestKey {
    /// Whether it is an invocation's id.
    pub(super) fn is_of_host(&self) -> bool {
        self.origin == KeyOrigin::Host
    }
}

/// The lengths keep texts apart that would join to the same one.
fn hash_of(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hexadecimal(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str, caller: &str) -> RequestKey {
        RequestKey::new(text, KeyOrigin::Caller, caller, "{}").unwrap()
    }

    #[test]
    fn a_key_is_visible_ascii_of_bounded_length() {
        let new = |text: &str| RequestKey::new(text, KeyOrigin::Caller, "", "");
        for good in ["1", "\"8e03978e-40d5\"", "~!", &"x".repeat(255)] {
            assert!(new(good).is_ok(), "{good}");
        }
        for bad in ["", "two words", "tab\t", "é", "\u{7f}", &"x".repeat(256)] {
            assert_eq!(new(bad), Err(InvalidKey), "{bad}");
        }
    }

    #[test]
    fn keys_callers_and_origins_do_not_meet() {
        let hashes = [
            key("a", "b").hash,
            key("ab", "").hash,
            key("a", "").hash,
            key("a", "c").hash,
            RequestKey::new("a", KeyOrigin::Host, "b", "{}")
                .unwrap()
                .hash,
        ];
        for (index, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..index].contains(hash), "{index}");
        }
        assert_eq!(key("a", "b"), key("a", "b"));
    }

    #[test]
    fn nothing_of_a_key_can_be_read_in_its_hash() {
        let text = format!("{:?}", key("my-secret-key", "203.0.113.7"));
        assert!(!text.contains("secret") && !text.contains("203"), "{text}");
    }
}
