//! The text that an image is made from: trimmed, never blank, bounded. Its `Debug` form
//! tells length and a fingerprint and never the words, so that a log cannot leak them.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

/// A caller's description of an image, at least one visible character long.
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt(String);

/// Why a text is no prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidPrompt {
    /// Nothing but white space and control characters.
    Blank,
    /// More than [`Prompt::MAX_CHARACTERS`].
    TooLong {
        /// How many Unicode scalar values it has.
        characters: usize,
    },
}

impl Prompt {
    /// The longest prompt of any image API that we speak to, in Unicode scalar values
    /// (<https://platform.openai.com/docs/api-reference/images/create>).
    pub const MAX_CHARACTERS: usize = 32_000;

    /// Trims `text` and checks its length.
    ///
    /// # Errors
    /// [`InvalidPrompt`] for a blank or too long text.
    pub fn parse(text: &str) -> Result<Self, InvalidPrompt> {
        let text = text.trim();
        if text.chars().all(|c| c.is_whitespace() || c.is_control()) {
            return Err(InvalidPrompt::Blank);
        }
        let characters = text.chars().count();
        if characters > Self::MAX_CHARACTERS {
            return Err(InvalidPrompt::TooLong { characters });
        }
        Ok(Self(text.to_owned()))
    }

    /// The whole text, as the caller wrote it but for the space around it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        let characters = self.0.chars().count();
        let fingerprint = hasher.finish();
        write!(
            formatter,
            "Prompt({characters} characters, {fingerprint:016x})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_trimmed_and_kept_whole() {
        let prompt = Prompt::parse("  a cat,\n\u{7}a hat  ").unwrap();
        assert_eq!(prompt.as_str(), "a cat,\n\u{7}a hat");
    }

    #[test]
    fn blank_and_too_long_texts_are_no_prompts() {
        for blank in ["", "  ", "\n\t", "\u{0}", "\u{3000}", " \u{7} "] {
            assert_eq!(Prompt::parse(blank), Err(InvalidPrompt::Blank), "{blank:?}");
        }
        let longest = "é".repeat(Prompt::MAX_CHARACTERS);
        assert!(Prompt::parse(&longest).is_ok());
        assert_eq!(
            Prompt::parse(&format!("{longest}é")),
            Err(InvalidPrompt::TooLong { characters: 32_001 })
        );
    }

    #[test]
    fn debug_never_shows_the_words() {
        let prompt = Prompt::parse("a secret garden").unwrap();
        assert!(!format!("{prompt:?}").contains("secret"));
    }
}
