//! Names: a title that is safe in a path, a URL and a file system, and the key that makes the
//! store's own order newest first.

use crate::image_format::ImageFormat;
use std::ops::RangeInclusive;
use time::OffsetDateTime;

/// Keys count down from here, so that newer images sort first.
const LAST_MILLISECOND: u64 = 9_999_999_999_999;

const MAX_TITLE_CHARACTERS: usize = 120;

/// Common file systems take 255 bytes for a name; what follows the title needs 19 of them.
const MAX_TITLE_BYTES: usize = 200;

/// The title of an image without one.
const UNTITLED: &str = "image";

/// Milliseconds since 1970, never negative and never more than 13 digits.
pub(super) fn epoch_millis(moment: OffsetDateTime) -> u64 {
    let millis = moment.unix_timestamp_nanos() / 1_000_000;
    u64::try_from(millis).unwrap_or(0).min(LAST_MILLISECOND)
}

/// The prompt as a title: the front ends show what stands before the first `_` and the first
/// `.`, so it holds neither, nor anything that a path or URL could trip over. It keeps letters
/// of every script, is at most 120 characters and never empty.
pub(super) fn title(prompt: &str) -> String {
    let mut title = String::new();
    for word in prompt.split(is_separator).filter(|word| !word.is_empty()) {
        if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(word);
        if title.len() > MAX_TITLE_BYTES {
            break;
        }
    }
    let mut characters = 0;
    let end = title
        .char_indices()
        .map(|(start, character)| start + character.len_utf8())
        .take_while(|&end| {
            characters += 1;
            characters <= MAX_TITLE_CHARACTERS && end <= MAX_TITLE_BYTES
        })
        .last()
        .unwrap_or(0);
    match title[..end].trim_end() {
        "" => UNTITLED.to_owned(),
        title => title.to_owned(),
    }
}

fn is_separator(character: char) -> bool {
    let in_no_name = matches!(
        character,
        '_' | '.' | '/' | '\\' | '?' | '#' | '%' | '"' | '<' | '>' | '|' | '*' | ':'
    );
    // Noncharacters cannot stand in the service's XML.
    let noncharacter = matches!(u32::from(character) & 0xffff, 0xfffe | 0xffff)
        || ('\u{fdd0}'..='\u{fdef}').contains(&character);
    // Invisible characters that turn text around can make a name look like another.
    let turns_text = matches!(
        character,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffd}'
    );
    character.is_whitespace() || character.is_control() || in_no_name || noncharacter || turns_text
}

/// Where an image lies: `gallery/<13 digits: 9999999999999 minus epoch ms>/<title>_<epoch ms>.<ext>`.
pub(super) fn gallery_path(title: &str, millis: u64, format: ImageFormat) -> String {
    let key = LAST_MILLISECOND.saturating_sub(millis);
    let extension = format.extension();
    format!("gallery/{key:013}/{title}_{millis}.{extension}")
}

/// The prefixes below which all images lie that were made within a span of time, and others
/// around it: each is some 17 minutes wide. Of a span of more than an hour the end is left out.
pub(super) fn prefixes_of(made: RangeInclusive<OffsetDateTime>) -> Vec<String> {
    const PREFIX_MILLIS: u64 = 1_000_000;
    const MOST_PREFIXES: u64 = 5;
    let key = |moment: OffsetDateTime| LAST_MILLISECOND - epoch_millis(moment);
    let (newest, oldest) = (
        key(*made.end()) / PREFIX_MILLIS,
        key(*made.start()) / PREFIX_MILLIS,
    );
    let newest = newest.max((oldest + 1).saturating_sub(MOST_PREFIXES));
    let prefixes = (newest..=oldest).rev();
    prefixes
        .map(|start| format!("gallery/{start:07}"))
        .collect()
}

/// Milliseconds and name of a path with a key of ours, whatever follows the key: where such a
/// blob stands in the list rests on its path alone. The name is what lies below the key, and the
/// whole path where nothing does.
pub(super) fn parse_gallery_path(path: &str) -> Option<(u64, &str)> {
    let (key, rest) = path.strip_prefix("gallery/")?.split_once('/')?;
    let is_key = key.len() == 13 && key.bytes().all(|byte| byte.is_ascii_digit());
    let millis = LAST_MILLISECOND.checked_sub(key.parse().ok()?)?;
    let name = if rest.is_empty() { path } else { rest };
    is_key.then_some((millis, name))
}

/// Title and milliseconds of a name of the original's form, `<prompt>_<epoch ms>.png`.
pub(super) fn parse_name(name: &str) -> (&str, Option<u64>) {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let Some((title, millis)) = stem.rsplit_once('_') else {
        return (stem, None);
    };
    let is_time = (12..=13).contains(&millis.len()) && millis.bytes().all(|b| b.is_ascii_digit());
    match millis.parse() {
        Ok(millis) if is_time => (title, Some(millis)),
        _ => (stem, None),
    }
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_keep_words_and_lose_what_a_path_could_trip_over() {
        for (prompt, expected) in [
            ("A cat. Oil painting.", "A cat Oil painting"),
            ("snake_case/../x\\y?#%", "snake case x y"),
            ("a\nb\tc\0d\u{7}e", "a b c d e"),
            ("\"quoted\" <b>|*:", "quoted b"),
            ("猫が屋根の上に。🐈", "猫が屋根の上に。🐈"),
            ("قطة على السطح", "قطة على السطح"),
            ("abc\u{202e}gnp", "abc gnp"),
            ("...", "image"),
            ("\u{fffe}\u{1ffff}", "image"),
        ] {
            assert_eq!(title(prompt), expected, "{prompt:?}");
        }
    }

    #[test]
    fn titles_are_bounded_in_characters_and_bytes() {
        assert_eq!(title(&"x".repeat(32_000)), "x".repeat(120));
        assert_eq!(title(&"é".repeat(500)), "é".repeat(100));
        assert_eq!(title(&"🐈".repeat(500)), "🐈".repeat(50));
        assert_eq!(title(&"ab ".repeat(500)).chars().count(), 119);
    }

    #[test]
    fn newer_images_sort_first_and_paths_round_trip() {
        let older = gallery_path("a", 1_700_000_000_000, ImageFormat::Png);
        let newer = gallery_path("a", 1_700_000_000_001, ImageFormat::Jpeg);
        assert!(newer < older);
        assert_eq!(older, "gallery/8299999999999/a_1700000000000.png");
        assert_eq!(
            parse_gallery_path(&newer),
            Some((1_700_000_000_001, "a_1700000000001.jpg"))
        );
    }

    #[test]
    fn the_images_of_a_span_lie_below_its_prefixes() {
        let at =
            |millis: i128| OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000).unwrap();
        let start = 1_700_000_000_123;
        for (width, most) in [(0, 1), (20 * 60_000, 3), (86_400_000, 5)] {
            let prefixes = prefixes_of(at(start)..=at(start + width));
            assert!((1..=most).contains(&prefixes.len()), "{prefixes:?}");
            for millis in [start, start + width.min(50 * 60_000)] {
                let millis = u64::try_from(millis).unwrap();
                let path = gallery_path("a", millis, ImageFormat::Png);
                let found = prefixes.iter().filter(|prefix| path.starts_with(*prefix));
                assert_eq!(found.count(), 1, "{path} in {prefixes:?}");
            }
        }
        assert_eq!(prefixes_of(at(start + 9)..=at(start)).len(), 1);
    }

    #[test]
    fn a_key_without_its_13_digits_is_foreign() {
        for path in [
            "gallery/x.png",
            "gallery/123/x.png",
            "gallery/82999999999990/x.png",
            "gallery/+299999999999/x.png",
            "gallery/8299999999999",
            "gallery/829999999999\u{664}/x.png",
            "gallery//8299999999999/x.png",
            "Gallery/8299999999999/x.png",
            "x/8299999999999/a.png",
            "",
        ] {
            assert_eq!(parse_gallery_path(path), None, "{path}");
        }
    }

    #[test]
    fn a_key_alone_makes_a_blob_ours_and_no_name_is_empty() {
        for (path, name) in [
            ("gallery/8299999999999/a/b.png", "a/b.png"),
            ("gallery/8299999999999//b.png", "/b.png"),
            ("gallery/8299999999999/", "gallery/8299999999999/"),
        ] {
            let expected = Some((1_700_000_000_000, name));
            assert_eq!(parse_gallery_path(path), expected, "{path}");
        }
    }

    #[test]
    fn the_originals_names_tell_prompt_and_time() {
        assert_eq!(
            parse_name("a_b_1680000000000.png"),
            ("a_b", Some(1_680_000_000_000))
        );
        assert_eq!(parse_name("logo.png"), ("logo", None));
        assert_eq!(parse_name("logo_2.png"), ("logo_2", None));
        assert_eq!(parse_name("x"), ("x", None));
    }
}
