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

/// Longer counts than this, encoded, are no counts: the usage of an image takes some 300 bytes.
const MAX_USAGE_BYTES: usize = 1024;

const PROMPT: &str = "prompt";
const PROMPT_IS_CUT: &str = "prompt_truncated";
const REVISED_PROMPT: &str = "revised_prompt";
const MODEL: &str = "model";
const SIZE: &str = "size";
const OPERATION: &str = "operation";
const USAGE: &str = "usage";
const USAGE_IMAGES: &str = "usage_images";

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
    /// The mark of the operation that made it; not its id, which opens the operation to whoever
    /// has it, while whoever may see an image may read this.
    pub operation: String,
    /// The upstream's request id.
    pub upstream_request_id: Option<String>,
    /// What the call that made it cost, as far as the provider says.
    pub usage: Option<UsageFact>,
}

/// What a provider counted for the call that made an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageFact {
    /// A JSON text without spaces, as the provider counted.
    pub counts: String,
    /// How many images the counts are for; each of them carries the same counts.
    pub images: usize,
}

impl UsageFact {
    /// Half of a JSON text is of no use, so that what is too long is left out as a whole. The
    /// number of images keeps readers from counting one call several times.
    fn encode(&self) -> impl Iterator<Item = (String, String)> {
        let (counts, whole) = encode_at_most(&self.counts, MAX_USAGE_BYTES);
        let counts = whole.then(|| (USAGE.to_owned(), counts));
        let images =
            (whole && self.images > 1).then(|| (USAGE_IMAGES.to_owned(), self.images.to_string()));
        counts.into_iter().chain(images)
    }
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
        (OPERATION, Some(&facts.operation)),
        ("upstream_request_id", facts.upstream_request_id.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| {
        let value = encode_at_most(value?, MAX_FACT_BYTES).0;
        (!value.is_empty()).then(|| (name.to_owned(), value))
    })
    .chain(facts.usage.iter().flat_map(UsageFact::encode))
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

/// The mark of the operation that made an image: hexadecimal digits, which nothing escapes.
pub(super) fn operation(metadata: &Metadata) -> Option<&str> {
    metadata.get(OPERATION).map(String::as_str)
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
            usage: usage(format!("\"{}\"", "1".repeat(MAX_USAGE_BYTES - 6)), 10),
            ..facts()
        };
        let metadata = encode(&Prompt::parse(&long).unwrap(), &facts);
        let bytes: usize = metadata
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        assert!(bytes <= MAX_BYTES, "{bytes}");
        assert_eq!(metadata[PROMPT_IS_CUT], "true");
        assert_eq!(metadata[USAGE].len(), MAX_USAGE_BYTES);
        let prompt = decode(&metadata).0.unwrap();
        assert!(long.starts_with(&prompt) && prompt.chars().count() > 100);
    }

    fn usage(counts: String, images: usize) -> Option<UsageFact> {
        Some(UsageFact { counts, images })
    }

    #[test]
    fn usage_is_whole_or_not_there_and_says_how_many_images_it_is_for() {
        let of = |usage| {
            let metadata = encode(
                &Prompt::parse("a").unwrap(),
                &ImageFacts { usage, ..facts() },
            );
            let value = |name| metadata.get(name).cloned();
            (value(USAGE), value(USAGE_IMAGES))
        };
        let counts = r#"{"total_tokens":12}"#.to_owned();
        let encoded = Some("%7B%22total_tokens%22%3A12%7D".to_owned());
        assert_eq!(of(usage(counts.clone(), 1)), (encoded.clone(), None));
        assert_eq!(of(usage(counts, 3)), (encoded, Some("3".to_owned())));
        assert_eq!(of(usage("1".repeat(MAX_USAGE_BYTES + 1), 3)), (None, None));
        assert_eq!(of(None), (None, None));
    }
}
