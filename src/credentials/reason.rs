//! Why a credential failed, in one line for the log: Entra ID and `az` write paragraphs, and
//! whoever is in between may repeat what it was sent.

use secrecy::{ExposeSecret, SecretString};
use std::error::Error;

/// Entra ID's sentences with their trace ids are some 300 characters.
const MAX_CHARACTERS: usize = 500;

/// How every JSON web token begins: `{"` in base64.
const TOKEN_START: &str = "eyJ";

/// The error with what caused it, as far as that says more, and without the secret that was shown.
pub(super) fn of(error: &azure_core_1::Error, shown: Option<&SecretString>) -> String {
    let mut sentences = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let sentence = cause.to_string();
        if !sentences.iter().any(|said| said.contains(&sentence)) {
            sentences.push(sentence);
        }
        next = cause.source();
    }
    let text = sentences.join(": ");
    in_one_line(&match shown {
        Some(secret) => without(&text, secret.expose_secret()),
        None => text,
    })
}

/// A form's text has a secret escaped.
fn without(text: &str, secret: &str) -> String {
    let escaped: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let text = text.replace(&escaped, "[the secret]");
    text.replace(secret, "[the secret]")
}

fn in_one_line(text: &str) -> String {
    let words = text.split_whitespace().map(|word| match word {
        word if word.contains(TOKEN_START) => "[a token]",
        word => word,
    });
    let line = words.collect::<Vec<_>>().join(" ");
    let printable = line.chars().filter(|character| !character.is_control());
    printable.take(MAX_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_short_line_without_tokens() {
        for (text, expected) in [
            (
                "AADSTS7000215: wrong.\r\n Trace ID: 1",
                "AADSTS7000215: wrong. Trace ID: 1",
            ),
            (
                "got {\"t\":\"eyJ0eXAi.eyJhdWQi.c2ln\"} back",
                "got [a token] back",
            ),
            ("\u{1b}[31mred\u{1b}[0m", "[31mred[0m"),
        ] {
            assert_eq!(in_one_line(text), expected);
        }
        assert_eq!(in_one_line(&"x ".repeat(500)).chars().count(), 500);
    }

    #[test]
    fn causes_are_told_once() {
        let kind = azure_core_1::error::ErrorKind::Credential;
        let cause = std::io::Error::other("connection refused");
        let error = azure_core_1::Error::with_error(kind, cause, "the endpoint is not there");
        assert_eq!(
            of(&error, None),
            "the endpoint is not there: connection refused"
        );
    }
}
