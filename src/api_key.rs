//! The key that opens what not everybody may do.

use crate::sas::is_same;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// A key that callers have to show.
#[derive(Debug, Clone)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// Takes the key as it was configured.
    #[must_use]
    pub fn new(key: SecretString) -> Self {
        Self(key)
    }

    /// Whether `shown` is the key. The time that this takes tells nothing about it, nor about
    /// its length: hashes are compared, in constant time.
    #[must_use]
    pub fn opens_to(&self, shown: &[u8]) -> bool {
        let key = Sha256::digest(self.0.expose_secret().as_bytes());
        is_same(&key, &Sha256::digest(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_opens_and_debug_does_not_show_it() {
        let key = ApiKey::new("correct horse".into());
        assert!(key.opens_to(b"correct horse"));
        for wrong in ["", "correct", "correct horse ", "Correct horse"] {
            assert!(!key.opens_to(wrong.as_bytes()), "{wrong:?}");
        }
        assert!(!format!("{key:?}").contains("horse"));
    }
}
