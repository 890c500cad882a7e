//! Facts on their way into metadata and back, and metadata that others wrote.

use super::*;
use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::select,
};
use serde_json::json;
use time::macros::datetime;

const CREATED_AT: OffsetDateTime = datetime!(2026-11-21 10:00:00.123 UTC);
const RECORD: &str = "0123456789abcdef0123456789abcdef";

fn facts() -> ImageFacts {
    ImageFacts {
        provider: "demo".to_owned(),
        model: "demo".to_owned(),
        size: "64x64".to_owned(),
        ..ImageFacts::default()
    }
}

fn encode_with(prompt: &str, facts: &ImageFacts) -> Encoded {
    encode(&Prompt::parse(prompt).unwrap(), facts, CREATED_AT, RECORD)
}

fn metadata_of(pairs: &[(&str, &str)]) -> Metadata {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn every_prompt_comes_back_from_ascii() {
    let prompt = "naïve 猫\n\"100 %\" a+b";
    let Encoded { metadata, .. } = encode_with(prompt, &facts());
    assert!(metadata.values().all(|value| value.is_ascii()));
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        decode(&metadata),
        (text(prompt), text("demo"), text("64x64"))
    );
    assert_eq!(metadata[CREATED], "2026-11-21T10%3A00%3A00.123Z");
    assert!(!metadata.contains_key(PROMPT_IS_CUT) && !metadata.contains_key(PROMPT_RECORD));
}

#[test]
fn the_longest_facts_stay_within_the_services_limit_and_cuts_are_marked() {
    let long = "🐈".repeat(16_000);
    let facts = ImageFacts {
        revised_prompt: Some(long.clone()),
        upstream_request_id: Some("x".repeat(50_000)),
        usage: usage(format!("\"{}\"", "1".repeat(MAX_USAGE_BYTES - 6)), 10),
        operation: "a".repeat(64),
        ..facts()
    };
    let Encoded {
        metadata,
        prompt_is_whole,
    } = encode_with(&long, &facts);
    let bytes = bytes_of(&metadata);
    assert!((MAX_BYTES - 12..=MAX_BYTES).contains(&bytes), "{bytes}");
    assert!(!prompt_is_whole);
    assert_eq!(metadata[PROMPT_IS_CUT], "true");
    assert_eq!(metadata[REVISED_PROMPT_IS_CUT], "true");
    assert_eq!(metadata[PROMPT_RECORD], RECORD);
    assert_eq!(metadata[USAGE].len(), MAX_USAGE_BYTES);
    assert_eq!(operation(&metadata), Some(facts.operation.as_str()));
    let prompt = decode(&metadata).0.unwrap();
    assert!(long.starts_with(&prompt) && prompt.chars().count() > 100);
}

#[test]
fn a_prompt_is_cut_only_where_it_would_not_fit() {
    let beside = bytes_of(&encode_facts(&facts(), CREATED_AT)) + PROMPT.len();
    let longest = "x".repeat(MAX_BYTES - beside);
    let whole = encode_with(&longest, &facts());
    assert!(whole.prompt_is_whole);
    assert_eq!(bytes_of(&whole.metadata), MAX_BYTES);
    let cut = encode_with(&format!("{longest}x"), &facts());
    assert!(!cut.prompt_is_whole);
    assert_eq!(bytes_of(&cut.metadata), MAX_BYTES);
    let nowhere = encode(
        &Prompt::parse(&"x".repeat(9000)).unwrap(),
        &facts(),
        CREATED_AT,
        "",
    );
    assert!(!nowhere.metadata.contains_key(PROMPT_RECORD));
}

fn usage(counts: String, images: usize) -> Option<UsageFact> {
    Some(UsageFact { counts, images })
}

#[test]
fn usage_is_whole_or_not_there_and_says_how_many_images_it_is_for() {
    let of = |usage| {
        let metadata = encode_with("a", &ImageFacts { usage, ..facts() }).metadata;
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

#[test]
fn what_others_wrote_loses_the_fields_that_are_garbage_and_no_others() {
    let long = "x".repeat(MAX_VALUE_BYTES + 1);
    let nested = "[".repeat(8000);
    for (name, value) in [
        ("seed", "-1"),
        ("seed", "99999999999999999999"),
        ("seed", "4.2"),
        ("usage", "%7B"),
        ("usage", nested.as_str()),
        ("usage_images", "many"),
        ("created", "yesterday"),
        ("created", "9999-12-31T23:59:59-23:00"),
        ("created", "2026-02-30T00:00:00Z"),
        ("prompt_record", "../../operations/x"),
        ("prompt_record", "0123456789ABCDEF0123456789ABCDEF"),
        ("prompt_record", "0123456789abcdef0123456789abcde%2F"),
        ("prompt_truncated", "maybe"),
        ("model", ""),
        ("revised_prompt", long.as_str()),
        ("unknown", "x"),
    ] {
        let metadata = metadata_of(&[("prompt", "100% wool"), (name, value)]);
        let expected = ImageRecord {
            prompt: Some("100% wool".to_owned()),
            ..ImageRecord::default()
        };
        assert_eq!(decode_record(&metadata), expected, "{name}: {value:.60}");
    }
}

#[test]
fn a_moment_of_another_zone_is_read_in_utc() {
    let metadata = metadata_of(&[("created", "2026-11-21T12:00:00.5%2B02:00")]);
    let created = decode_record(&metadata).created.unwrap();
    assert_eq!(created, datetime!(2026-11-21 10:00:00.5 UTC));
    assert!(created.offset().is_utc());
}

/// All of Unicode, short and very long.
fn any_text(longest: usize) -> impl Strategy<Value = String> {
    let run = (any::<char>(), 1..longest).prop_map(|(one, times)| String::from(one).repeat(times));
    let piece = prop_oneof![8 => "\\PC{0,40}", 4 => vec(any::<char>(), 0..40)
        .prop_map(String::from_iter), 1 => run];
    vec(piece, 0..8)
        .prop_map(move |pieces| pieces.concat().chars().take(longest).collect::<String>())
}

fn any_prompt() -> impl Strategy<Value = Prompt> {
    any_text(Prompt::MAX_CHARACTERS)
        .prop_map(|text| Prompt::parse(&text).unwrap_or_else(|_| Prompt::parse("x").unwrap()))
}

fn any_facts() -> impl Strategy<Value = ImageFacts> {
    let short = || any_text(40);
    let counts = prop_oneof![
        any::<u32>().prop_map(|tokens| json!({"total_tokens": tokens}).to_string()),
        any_text(2000).prop_map(|text| json!(text).to_string()),
    ];
    let usage = (counts, 1..11usize).prop_map(|(counts, images)| UsageFact { counts, images });
    let texts = (short(), any_text(3000), short(), "[0-9a-f]{0,64}", short());
    let optional = (
        option::of(any_text(9000)),
        option::of(short()),
        option::of(any::<u64>()),
        option::of(any_text(3000)),
        option::of(usage),
    );
    (texts, optional).prop_map(|(texts, optional)| ImageFacts {
        provider: texts.0,
        model: texts.1,
        size: texts.2,
        operation: texts.3,
        request_id: texts.4,
        revised_prompt: optional.0,
        quality: optional.1,
        seed: optional.2,
        upstream_request_id: optional.3,
        usage: optional.4,
    })
}

/// What is read is what was written, or where it was marked as cut, a beginning of it.
fn check_text(
    read: Option<&str>,
    written: Option<&str>,
    is_cut: bool,
) -> Result<(), TestCaseError> {
    let (read, written) = (read.unwrap_or_default(), written.unwrap_or_default());
    prop_assert!(written.starts_with(read), "{read:?} of {written:?}");
    prop_assert_eq!(read.len() < written.len(), is_cut);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None, // a found case becomes a test with a name of its own
        ..ProptestConfig::default()
    })]

    #[test]
    fn prompts_and_facts_round_trip_or_are_cut_at_a_character_and_marked(
        prompt in any_prompt(),
        facts in any_facts(),
        millis in 0..=9_999_999_999_999i128,
    ) {
        let created = OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000).unwrap();
        let Encoded { metadata, prompt_is_whole } = encode(&prompt, &facts, created, RECORD);
        prop_assert!(bytes_of(&metadata) <= MAX_BYTES);
        for (name, value) in &metadata {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._,%".contains(c);
            prop_assert!(!value.is_empty() && value.chars().all(is_plain), "{name}: {value}");
            prop_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        }
        let record = decode_record(&metadata);
        prop_assert_eq!(record.prompt_is_cut, !prompt_is_whole);
        check_text(record.prompt.as_deref(), Some(prompt.as_str()), !prompt_is_whole)?;
        prop_assert_eq!(record.prompt_record.as_deref(), (!prompt_is_whole).then_some(RECORD));
        let revised = record.revised_prompt.as_deref();
        check_text(revised, facts.revised_prompt.as_deref(), record.revised_prompt_is_cut)?;
        prop_assert_eq!(record.created, Some(created));
        prop_assert_eq!(record.seed, facts.seed);
        for (read, written) in [
            (&record.provider, Some(&facts.provider)),
            (&record.size, Some(&facts.size)),
            (&record.quality, facts.quality.as_ref()),
            (&record.operation, Some(&facts.operation)),
            (&record.request_id, Some(&facts.request_id)),
        ] {
            check_text(read.as_deref(), written.map(String::as_str), false)?;
        }
        prop_assert!(facts.model.starts_with(&record.model.unwrap_or_default()));
        if let Some(usage) = record.usage {
            let written = facts.usage.unwrap();
            prop_assert_eq!(usage.to_string(), written.counts);
            prop_assert_eq!(record.usage_images.unwrap_or(1), written.images as u64);
        }
    }

    #[test]
    fn no_metadata_of_others_breaks_the_reader(
        metadata in btree_map(
            prop_oneof![
                9 => select(vec![
                    PROMPT, PROMPT_IS_CUT, PROMPT_RECORD, REVISED_PROMPT, PROVIDER, MODEL, SIZE,
                    QUALITY, SEED, CREATED, REQUEST_ID, OPERATION, UPSTREAM_REQUEST_ID, USAGE,
                    USAGE_IMAGES, REVISED_PROMPT_IS_CUT,
                ]).prop_map(str::to_owned),
                1 => ".*",
            ],
            prop_oneof![
                any_text(20_000),
                "(%[0-9a-fA-F]{0,2}|[ -~]){0,40}",
                "[0-9]{0,25}",
                "[0-9a-f]{30,34}",
                "[\\[{\":0-9,}\\]]{0,200}",
                "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{0,12})?(Z|[+-][0-2][0-9]:[0-5][0-9])",
            ],
            0..16,
        ),
    ) {
        let record = decode_record(&metadata);
        prop_assert_eq!(
            decode(&metadata),
            (record.prompt.clone(), record.model.clone(), record.size.clone())
        );
        prop_assert!(record.prompt_record.is_none_or(|id| is_simple_uuid(&id)));
        prop_assert!(record.created.is_none_or(|created| format_millis(created).is_some()));
        let longest = record.prompt.iter().chain(&record.revised_prompt).map(String::len).max();
        prop_assert!(longest.unwrap_or(0) <= 3 * MAX_VALUE_BYTES);
    }
}
