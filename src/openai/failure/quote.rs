//! What of a provider's words is passed on: short, printable, and nothing about keys.

/// How much of a provider's sentence is passed on.
const MAX_MESSAGE_CHARACTERS: usize = 300;

/// No parameter and no category has a longer name.
const MAX_WORD_CHARACTERS: usize = 64;

/// Letters and digits together in one piece of this length are a key or an id.
const SHORTEST_KEY: usize = 20;

/// How refused keys are told by servers that have neither the status nor the code for it.
const REFUSED_KEYS: [&str; 4] = [
    "incorrect api key",
    "invalid api key",
    "api key not valid",
    "access denied due to invalid subscription key",
];

/// Whoever writes of these may go on to quote them.
const KEY_WORDS: [&str; 8] = [
    "api key",
    "api-key",
    "api_key",
    "apikey",
    "subscription key",
    "authorization",
    "bearer",
    "access token",
];

pub(super) fn refuses_key(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    REFUSED_KEYS.iter().any(|start| message.starts_with(start))
}

/// A caller gets a short sentence without whatever looks like a key; none at all when it is
/// about keys.
pub(super) fn for_caller(message: &str) -> String {
    let lower_case = message.to_ascii_lowercase();
    if KEY_WORDS.iter().any(|word| lower_case.contains(word)) {
        return String::new();
    }
    let words = message
        .split_whitespace()
        .filter(|word| !looks_like_key(word));
    let sentence = words.collect::<Vec<_>>().join(" ");
    let printable = sentence.chars().filter(|character| !character.is_control());
    printable.take(MAX_MESSAGE_CHARACTERS).collect()
}

/// A name of the API, such as `output_format` or `images[0].url`; `None` for anything longer
/// or freer, which could be a caller's text.
pub(super) fn word(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./[]".contains(&byte);
    let fits = (1..=MAX_WORD_CHARACTERS).contains(&text.len());
    (fits && text.bytes().all(is_plain)).then(|| text.to_owned())
}

fn looks_like_key(word: &str) -> bool {
    let is_key_character = |c: char| c.is_ascii_alphanumeric() || "_-*".contains(c);
    word.split(|c: char| !is_key_character(c)).any(|piece| {
        let has = |kind: fn(&u8) -> bool| piece.as_bytes().iter().any(kind);
        let is_long = piece.len() >= SHORTEST_KEY;
        let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
        piece.starts_with("sk-") || (is_long && is_mixed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_looks_like_a_key_is_passed_on() {
        for (message, expected) in [
            ("bad value near sk-12345", "bad value near"),
            ("bad 'sk-proj-***abcd' here", "bad here"),
            ("no 0123456789abcdef0123456789abcdef, sorry", "no sorry"),
            (
                "A task-based desk-lamp is too risk-free.",
                "A task-based desk-lamp is too risk-free.",
            ),
            (
                "Size 1536x1024 is not 1024x1024",
                "Size 1536x1024 is not 1024x1024",
            ),
            ("Your API key ends in abcd", ""),
            ("ein\u{1b}[31m\n Fuchs", "ein[31m Fuchs"),
        ] {
            assert_eq!(for_caller(message), expected, "{message}");
        }
        assert_eq!(for_caller(&"x ".repeat(500)).chars().count(), 300);
    }

    #[test]
    fn only_names_are_words() {
        for name in ["size", "output_format", "images[0].url", "self-harm/intent"] {
            assert_eq!(word(name).as_deref(), Some(name));
        }
        for text in ["", "a fox", "größe", "\n", &"x".repeat(65)] {
            assert_eq!(word(text), None, "{text}");
        }
    }
}
