//! What is kept beside an image, within the service's 8 KB: percent-encoded, since metadata
//! travels in HTTP headers, which hold ASCII alone.

use crate::{prompt::Prompt, storage::Metadata};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The service's limit is 8 KB of names and values
/// (<https://learn.microsoft.com/rest/api/storageservices/put-blob>); the store keeps a mark of
/// its own there too.
const MAX_BYTES: usize = 7 * 1024;

/// More than this of one fact, encoded, is cut, so that the prompt keeps room.
const MAX_FACT_BYTES: usize = 2 * 1024;

const PROMPT: &str = "prompt";
const PROMPT_IS_CUT: &str = "prompt_truncated";
const REVISED_PROMPT: &str = "revised_prompt";
const MODEL: &str = "model";
const SIZE: &str = "size";

const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b',');

/// What is known about an image besides its prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// What the provider made of the prompt.
    pub revised_prompt: Option<String>,
    /// Who made it: `openai`, `azure-openai`, `demo`.
    pub provider: String,
    /// Which model.
    pub model: String,
    /// Width and height in pixels, `1024x1024`.
    pub size: String,
    /// The quality that was asked for.
    pub quality: Option<String>,
    /// The seed that was used.
    pub seed: Option<u64>,
    /// Our request's id.
    pub request_id: String,
    /// The upstream's request id.
    pub upstream_request_id: Option<String>,
}

/// As blob metadata: names that the service takes (C# identifiers), ASCII values. A prompt that
/// does not fit is cut at a character and marked.
pub(super) fn encode(prompt: &Prompt, facts: &ImageFacts) -> Metadata {
    let seed = facts.seed.map(|seed| seed.to_string());
    let mut metadata: Metadata = [
        (REVISED_PROMPT, facts.revised_prompt.as_deref()),
        ("provider", Some(facts.provider.as_str())),
        (MODEL, Some(&facts.model)),
        (SIZE, Some(&facts.size)),
        ("quality", facts.quality.as_deref()),
        ("seed", seed.as_deref()),
        ("request_id", Some(&facts.request_id)),
        ("upstream_request_id", facts.upstream_request_id.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| {
        let value = encode_at_most(value?, MAX_FACT_BYTES).0;
        (!value.is_empty()).then(|| (name.to_owned(), value))
    })
    .collect();
    let used: usize = metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    let left = MAX_BYTES.saturating_sub(used + PROMPT.len() + PROMPT_IS_CUT.len() + "true".len());
    let (value, whole) = encode_at_most(prompt.as_str(), left);
    metadata.insert(PROMPT.to_owned(), value);
    if !whole {
        metadata.insert(PROMPT_IS_CUT.to_owned(), "true".to_owned());
    }
    metadata
}

/// The encoded text, cut before the first character that would go beyond `max_bytes`, and
/// whether it is whole.
fn encode_at_most(text: &str, max_bytes: usize) -> (String, bool) {
    let mut encoded = String::new();
    let mut character = [0; 4];
    for next in text.chars() {
        let before = encoded.len();
        encoded.extend(utf8_percent_encode(next.encode_utf8(&mut character), VALUE));
        if encoded.len() > max_bytes {
            encoded.truncate(before);
            return (encoded, false);
        }
    }
    (encoded, true)
}

/// Prompt, model and size, as far as the metadata has them.
pub(super) fn decode(metadata: &Metadata) -> (Option<String>, Option<String>, Option<String>) {
    let value = |name: &str| {
        let text = percent_decode_str(metadata.get(name)?).decode_utf8_lossy();
        (!text.is_empty()).then(|| text.into_owned())
    };
    (value(PROMPT), value(MODEL), value(SIZE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ImageFacts {
        ImageFacts {
            provider: "demo".to_owned(),
            model: "demo".to_owned(),
            size: "64x64".to_owned(),
            ..ImageFacts::default()
        }
    }

    #[test]
    fn every_prompt_comes_back_from_ascii() {
        let prompt = Prompt::parse("naïve 猫\n\"100 %\" a+b").unwrap();
        let metadata = encode(&prompt, &facts());
        assert!(metadata.values().all(|value| value.is_ascii()));
        assert_eq!(
            decode(&metadata),
            (
                Some(prompt.as_str().to_owned()),
                Some("demo".to_owned()),
                Some("64x64".to_owned())
            )
        );
        assert!(!metadata.contains_key(PROMPT_IS_CUT));
    }

    #[test]
    fn the_longest_facts_stay_within_the_services_limit_and_the_cut_is_marked() {
        let long = "🐈".repeat(16_000);
        let facts = ImageFacts {
            revised_prompt: Some(long.clone()),
            upstream_request_id: Some("x".repeat(50_000)),
            ..facts()
        };
        let metadata = encode(&Prompt::parse(&long).unwrap(), &facts);
        let bytes: usize = metadata
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        assert!(bytes <= MAX_BYTES, "{bytes}");
        assert_eq!(metadata[PROMPT_IS_CUT], "true");
        let prompt = decode(&metadata).0.unwrap();
        assert!(long.starts_with(&prompt) && prompt.chars().count() > 200);
    }
}
