//! The one form of `regex(…)` constraint that is modelled: a character class for the whole value.
//!
//! ASP.NET matches case-insensitively, by .NET's rules.

/// `^[…]*\z`, `^[…]+\z`, or the same with `$`, which also matches before a final line feed.
#[derive(Clone, Debug)]
pub struct Alphabet {
    ranges: Vec<(char, char)>,
    is_negated: bool,
    may_be_empty: bool,
    may_end_in_line_feed: bool,
}

impl Alphabet {
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let unknown = || format!("the regex `{pattern}` is not modelled");
        let class = pattern.strip_prefix("^[").ok_or_else(unknown)?;
        let (class, may_end_in_line_feed) = match class.strip_suffix("\\z") {
            Some(class) => (class, false),
            None => (class.strip_suffix('$').ok_or_else(unknown)?, true),
        };
        let (class, may_be_empty) = match class.strip_suffix("]*") {
            Some(class) => (class, true),
            None => (class.strip_suffix("]+").ok_or_else(unknown)?, false),
        };
        let (class, is_negated) = match class.strip_prefix('^') {
            Some(class) => (class, true),
            None => (class, false),
        };
        let ranges = parse_ranges(class).ok_or_else(unknown)?;
        Ok(Self {
            ranges,
            is_negated,
            may_be_empty,
            may_end_in_line_feed,
        })
    }

    pub fn matches(&self, value: &str) -> bool {
        let matches = |value: &str| {
            (self.may_be_empty || !value.is_empty())
                && value.chars().all(|character| self.contains(character))
        };
        let shorter = value
            .strip_suffix('\n')
            .filter(|_| self.may_end_in_line_feed);
        matches(value) || shorter.is_some_and(matches)
    }

    fn contains(&self, character: char) -> bool {
        // The Kelvin sign in lower case is a k, so it matches `[a-z]`.
        let mut lower = character.to_lowercase();
        let lower = match (lower.next(), lower.next()) {
            (Some(lower), None) => lower,
            _ => character,
        };
        let spellings = [character, lower, lower.to_ascii_uppercase()];
        let is_listed = |character: &char| {
            self.ranges
                .iter()
                .any(|(first, last)| (first..=last).contains(&character))
        };
        spellings.iter().any(is_listed) != self.is_negated
    }
}

/// None if the class has more than characters and ranges.
fn parse_ranges(class: &str) -> Option<Vec<(char, char)>> {
    let mut characters = class.chars().peekable();
    let mut ranges = Vec::new();
    while let Some(first) = next_character(&mut characters)? {
        let mut ahead = characters.clone();
        let is_range = ahead.next() == Some('-') && ahead.peek().is_some();
        if !is_range {
            ranges.push((first, first));
            continue;
        }
        characters.next();
        ranges.push((first, next_character(&mut characters)??));
    }
    (!ranges.is_empty()).then_some(ranges)
}

/// `Some(None)` at the end, `None` for an escape such as `\d`.
fn next_character(characters: &mut std::iter::Peekable<std::str::Chars>) -> Option<Option<char>> {
    match characters.next() {
        Some('\\') => characters
            .next()
            .filter(|next| !next.is_alphanumeric())
            .map(Some),
        Some('[' | ']') => None,
        next => Some(next),
    }
}

#[test]
fn an_alphabet_holds_for_the_whole_value() {
    for (pattern, value, expected) in [
        (r"^[0-9A-Za-z_-]+\z", "aZ9_-", true),
        (r"^[0-9A-Za-z_-]+\z", "", false),
        (r"^[0-9A-Za-z_-]+\z", "a\n", false),
        (r"^[0-9A-Za-z_-]+$", "a\n", true),
        (r"^[0-9A-Za-z_-]+\z", "a.b", false),
        (r"^[a-z]+\z", "\u{212a}", true),
        (r"^[a-z]+\z", "\u{17f}", false),
        (r"^[^\\%]*\z", "", true),
        (r"^[^\\%]*\z", "a b/猫\n", true),
        (r"^[^\\%]*\z", "a\\b", false),
        (r"^[^\\%]*\z", "a%2Fb", false),
        (r"^[A-Za-z0-9._:/-]*\z", "models/a:b", true),
        (r"^[A-Za-z0-9._:/-]*\z", "a b", false),
    ] {
        let alphabet = Alphabet::parse(pattern).unwrap();
        assert_eq!(alphabet.matches(value), expected, "{pattern} {value:?}");
    }
    for pattern in [r"^\d+\z", r"^[\d]+\z", "[a]+", "^[a]+", "^a+$"] {
        assert!(Alphabet::parse(pattern).is_err(), "{pattern}");
    }
}
