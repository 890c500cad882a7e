//! What is kept beside the copy of an old image: all that its source tells, and where that lay.

use super::*;
use crate::gallery::id::hash_of;

/// The path of the image that this one is a copy of, percent-encoded.
const MIGRATED_FROM: &str = "migrated_from";

/// A longer path, encoded, is cut, and a hash of the whole stands behind it.
const MAX_PATH_BYTES: usize = 1024;

/// Stands before the hash; encoded paths have none.
const BEFORE_HASH: char = '*';

/// What this program itself writes, and so does not take over as it stands.
const OWN_NAMES: [&str; 17] = [
    PROMPT,
    PROMPT_IS_CUT,
    PROMPT_RECORD,
    REVISED_PROMPT,
    REVISED_PROMPT_IS_CUT,
    PROVIDER,
    MODEL,
    SIZE,
    QUALITY,
    SEED,
    CREATED,
    REQUEST_ID,
    OPERATION,
    UPSTREAM_REQUEST_ID,
    USAGE,
    USAGE_IMAGES,
    MIGRATED_FROM,
];

/// What a copy is told about its source.
pub(in crate::gallery) struct CopyFacts<'a> {
    /// Where the source lies.
    pub path: &'a str,
    /// What lies beside it.
    pub metadata: &'a Metadata,
    /// The same, read.
    pub record: &'a ImageRecord,
    /// The prompt, as whole as it is known; may be empty.
    pub prompt: &'a str,
    /// When it was made, as far as its record does not tell.
    pub created: OffsetDateTime,
    /// Where a prompt that has no room is kept whole.
    pub prompt_record: &'a str,
}

/// As the copy's metadata. The same source always gives the same.
pub(in crate::gallery) fn encode_copy(source: &CopyFacts<'_>) -> Encoded {
    let record = source.record;
    let created = record.created.unwrap_or(source.created);
    let mut metadata = encode_facts(&facts_of(record), created);
    metadata.insert(MIGRATED_FROM.to_owned(), mark_of(source.path));
    if record.revised_prompt_is_cut {
        metadata.insert(REVISED_PROMPT_IS_CUT.to_owned(), TRUE.to_owned());
    }
    let mut encoded = encode_prompt(source.prompt, source.prompt_record, metadata);
    if record.prompt_is_cut {
        let mark = (PROMPT_IS_CUT.to_owned(), TRUE.to_owned());
        encoded.metadata.extend([mark]);
    }
    // Neither headers nor readers have a use for an empty value.
    encoded.metadata.retain(|_, value| !value.is_empty());
    take_over(&mut encoded.metadata, source.metadata);
    encoded
}

/// Whether a blob is the copy of what lies, or lay, at this path.
pub(in crate::gallery) fn is_copy_of(path: &str, metadata: &Metadata) -> bool {
    metadata
        .get(MIGRATED_FROM)
        .is_some_and(|mark| *mark == mark_of(path))
}

fn mark_of(path: &str) -> String {
    let (encoded, is_whole) = encode_at_most(path, MAX_PATH_BYTES);
    if is_whole {
        return encoded;
    }
    format!("{encoded}{BEFORE_HASH}{}", hash_of(path))
}

fn facts_of(record: &ImageRecord) -> ImageFacts {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let images = record.usage_images.unwrap_or(1);
    ImageFacts {
        revised_prompt: record.revised_prompt.clone(),
        provider: text(&record.provider),
        model: text(&record.model),
        size: text(&record.size),
        quality: record.quality.clone(),
        seed: record.seed,
        request_id: text(&record.request_id),
        operation: text(&record.operation),
        upstream_request_id: record.upstream_request_id.clone(),
        usage: record.usage.as_ref().map(|counts| UsageFact {
            counts: counts.to_string(),
            images: usize::try_from(images).unwrap_or(1),
        }),
    }
}

/// Takes over what others have written under names of their own, as far as it has room.
fn take_over(metadata: &mut Metadata, source: &Metadata) {
    for (name, value) in source {
        let bytes = bytes_of(metadata) + name.len() + value.len();
        if bytes <= MAX_BYTES && !OWN_NAMES.contains(&name.as_str()) && is_plain(name, value) {
            metadata.insert(name.clone(), value.clone());
        }
    }
}

/// Whether every store takes it: a C# identifier in ASCII, and what a header can hold.
fn is_plain(name: &str, value: &str) -> bool {
    let is_start = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
    let is_name = name.as_bytes().first().is_some_and(is_start)
        && name
            .bytes()
            .all(|byte| is_start(&byte) || byte.is_ascii_digit());
    let is_value = !value.is_empty()
        && value.trim() == value
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    is_name && is_value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::datetime;

    const LISTED_AT: OffsetDateTime = datetime!(2023-03-28 10:40 UTC);

    fn copy(path: &str, metadata: &Metadata, prompt: &str) -> Metadata {
        let record = decode_record(metadata);
        let source = CopyFacts {
            path,
            metadata,
            record: &record,
            prompt,
            created: LISTED_AT,
            prompt_record: "0123456789abcdef0123456789abcdef",
        };
        encode_copy(&source).metadata
    }

    fn pairs(pairs: &[(&str, &str)]) -> Metadata {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_source_without_metadata_leaves_its_prompt_path_and_time() {
        let copied = copy("a/b c_1680000000000.png", &Metadata::new(), "b c");
        let expected = pairs(&[
            ("created", "2023-03-28T10%3A40%3A00.000Z"),
            ("migrated_from", "a%2Fb%20c_1680000000000.png"),
            ("prompt", "b%20c"),
        ]);
        assert_eq!(copied, expected);
    }

    #[test]
    fn what_the_source_tells_is_taken_over_but_for_pointers_to_others() {
        let source = pairs(&[
            ("author", "somebody else"),
            ("created", "2020-01-01T00%3A00%3A00Z"),
            ("migrated_from", "x"),
            ("model", "dall-e-2"),
            ("prompt_record", "fedcba9876543210fedcba9876543210"),
            ("prompt_truncated", "true"),
            ("usage", "%7B%22total_tokens%22%3A3%7D"),
            ("usage_images", "2"),
            ("Bad", "x"),
            ("bad", "\u{e4}"),
        ]);
        let copied = copy("x.png", &source, "p");
        let expected = pairs(&[
            ("author", "somebody else"),
            ("created", "2020-01-01T00%3A00%3A00.000Z"),
            ("migrated_from", "x.png"),
            ("model", "dall-e-2"),
            ("prompt", "p"),
            ("prompt_truncated", "true"),
            ("usage", "%7B%22total_tokens%22%3A3%7D"),
            ("usage_images", "2"),
        ]);
        assert_eq!(copied, expected);
    }

    #[test]
    fn long_paths_that_begin_alike_are_told_apart() {
        let [one, other] = ["1", "2"].map(|end| format!("{}{end}.png", "猫".repeat(1000)));
        let copied = copy(&one, &Metadata::new(), "");
        assert!(is_copy_of(&one, &copied) && !is_copy_of(&other, &copied));
        assert!(!copied.contains_key(PROMPT));
        assert!(!is_copy_of(&one, &Metadata::new()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_the_source_has_the_copys_metadata_fits_and_tells_the_source(
            path in "\\PC{1,1024}",
            prompt in "\\PC{0,4000}",
            metadata in proptest::collection::btree_map("[a-z]{1,20}|model|revised_prompt|usage", "[ -~]{0,3000}", 0..6),
        ) {
            let copied = copy(&path, &metadata, &prompt);
            prop_assert!(bytes_of(&copied) <= MAX_BYTES);
            prop_assert!(is_copy_of(&path, &copied));
            prop_assert!(copied.values().all(|value| value.is_ascii() && !value.is_empty()));
            prop_assert_eq!(copied, copy(&path, &metadata, &prompt));
        }
    }
}
