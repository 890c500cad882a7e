//! What holds for the name of every image: any prompt, any time, any format.

use super::*;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

const FORBIDDEN: &str = "_./\\?#%\"<>|*:";

fn settings() -> ProptestConfig {
    // A found case goes into a test with a name of its own, not into a file of seeds.
    ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Any characters at all, with more of those that a name must not have or that decide where it
/// is cut.
fn any_prompt() -> impl Strategy<Value = String> {
    let separators: Vec<String> = FORBIDDEN.chars().map(String::from).collect();
    let piece = prop_oneof![
        6 => any::<char>().prop_map(String::from),
        2 => select(separators),
        2 => "[ \\t\\r\\n\\p{Cc}\\p{Cf}]{1,3}",
        2 => "\\w{1,12}",
        1 => (any::<char>(), 1..300usize).prop_map(|(one, times)| String::from(one).repeat(times)),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn any_format() -> impl Strategy<Value = ImageFormat> {
    select(vec![ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Webp])
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn names_round_trip(
        prompt in any_prompt(),
        millis in 0..=LAST_MILLISECOND,
        format in any_format(),
    ) {
        let title = title(&prompt);
        let path = gallery_path(&title, millis, format);
        let (read_millis, name) = parse_gallery_path(&path).unwrap();
        prop_assert_eq!(read_millis, millis);
        let form = format!("{title}_{millis}.{}", format.extension());
        prop_assert_eq!(name, form);
        // Names of the original have 12 digits or 13: those since 1973.
        if millis >= 100_000_000_000 {
            prop_assert_eq!(parse_name(name), (title.as_str(), Some(millis)));
        }
    }

    #[test]
    fn every_title_is_safe_bounded_and_keeps_the_letters(prompt in any_prompt()) {
        let title = title(&prompt);
        prop_assert!(!title.is_empty() && title.trim() == title);
        prop_assert!(title.chars().count() <= 120 && title.len() <= MAX_TITLE_BYTES);
        prop_assert!(!title.contains(|c: char| c.is_control() || FORBIDDEN.contains(c)));
        let (all, kept) = (letters(&prompt), letters(&title));
        if title == UNTITLED && all.is_empty() {
            return Ok(());
        }
        prop_assert!(all.starts_with(&kept), "{kept:?} of {all:?}");
        let has_room = prompt.len() <= MAX_TITLE_BYTES && prompt.chars().count() <= 120;
        prop_assert!(!has_room || all == kept, "{kept:?} of {all:?}");
    }

    #[test]
    fn newer_images_sort_first(
        one in 0..=LAST_MILLISECOND,
        other in prop_oneof![0..=LAST_MILLISECOND, Just(0), Just(LAST_MILLISECOND)],
        apart in 0..3u64,
        titles in (any_prompt(), any_prompt()),
        formats in (any_format(), any_format()),
    ) {
        let near = one.saturating_add(apart).min(LAST_MILLISECOND);
        let path = |millis| gallery_path(&title(&titles.0), millis, formats.0);
        for (one, other) in [(one, other), (one, near)] {
            let theirs = gallery_path(&title(&titles.1), other, formats.1);
            prop_assert!(one == other || (one > other) == (path(one) < theirs));
        }
    }

    #[test]
    fn no_path_breaks_the_reader(
        path in prop_oneof![
            ".*",
            "(gallery/)?[0-9]{11,15}/.{0,9}",
            any_prompt().prop_map(|text| format!("gallery/{text}")),
        ],
        cut in any::<Index>(),
    ) {
        let ends: Vec<usize> = path.char_indices().map(|(start, _)| start).collect();
        let end = if ends.is_empty() { 0 } else { ends[cut.index(ends.len())] };
        for path in [path.as_str(), &path[..end]] {
            if let Some((millis, name)) = parse_gallery_path(path) {
                prop_assert!(millis <= LAST_MILLISECOND && !name.is_empty());
                let key = LAST_MILLISECOND - millis;
                let rest = path.strip_prefix(&format!("gallery/{key:013}/")).unwrap();
                prop_assert_eq!(name, if rest.is_empty() { path } else { rest });
            }
            parse_name(path);
        }
    }
}
