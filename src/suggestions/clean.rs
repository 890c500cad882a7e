//! A model's text made fit for a text field: one line without marks of speech, list or page.

/// The length of the text that a caller gets, at the most, in characters.
pub(super) const MAX_CHARACTERS: usize = 400;

/// More of an answer, in characters, is not looked at.
const MOST_LOOKED_AT: usize = 8_000;

/// What opens and closes a quotation in some language or other.
const QUOTES: [(char, char); 15] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('„', '“'),
    ('„', '”'),
    ('”', '”'),
    ('‘', '’'),
    ('‚', '‘'),
    ('«', '»'),
    ('»', '«'),
    ('‹', '›'),
    ('「', '」'),
    ('『', '』'),
    ('＂', '＂'),
];

/// Quotes that are never an apostrophe.
const DOUBLE_QUOTES: [char; 13] = [
    '"', '`', '“', '”', '„', '«', '»', '‹', '›', '「', '」', '『', '』',
];

/// An announcement ends in one of these before its colon: `Here is an idea:`.
const ANNOUNCEMENTS: [&str; 7] = [
    "prompt",
    "idea",
    "suggestion",
    "description",
    "answer",
    "response",
    "output",
];

/// These announce only alone: a picture may well be about a picture.
const LABELS: [&str; 3] = ["image", "picture", "sentence"];

/// One line without wrapping quotes, markdown, announcement and invisible characters, cut at a
/// sentence or a word; `None` when nothing is left.
pub(super) fn clean(text: &str) -> Option<String> {
    // Some servers leave what a model thought in front of what it says.
    let said = text.rsplit("</think>").next().unwrap_or(text);
    let said: String = said.chars().take(MOST_LOOKED_AT).collect();
    let line = one_line(&visible(&said)).replace('*', "");
    let line = cut(unwrap(&line));
    let has_words = line.chars().any(char::is_alphanumeric);
    has_words.then(|| line.to_owned())
}

/// Without controls, characters of no width and those that turn the direction of writing: they
/// hide text or change how the page around it looks.
fn visible(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for character in text.chars() {
        let before = kept.chars().next_back();
        let is_kept = match character {
            // They join emoji, and letters of Persian and of India's scripts.
            '\u{200c}' | '\u{200d}' => {
                before.is_some_and(|before| !before.is_ascii() && !before.is_whitespace())
            }
            _ if character.is_whitespace() => true,
            _ => !character.is_control() && !is_invisible(character),
        };
        if is_kept {
            kept.push(character);
        }
    }
    kept
}

/// Unicode's format characters (<https://www.unicode.org/reports/tr44/#General_Category_Values>,
/// Cf), and fillers that show nothing.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The lines that say something, in one: an introduction and the fences of a code block do not,
/// and of a list only the first item is wanted.
fn one_line(text: &str) -> String {
    let mut lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("```"))
        .collect();
    if lines.len() > 1 && lines[0].trim_end_matches('*').ends_with([':', '：']) {
        lines.remove(0);
    }
    if lines.len() > 1 && without_list_mark(lines[0]) != lines[0] {
        lines.truncate(1);
    }
    let words = lines.iter().flat_map(|line| line.split_whitespace());
    words.collect::<Vec<_>>().join(" ")
}

/// Takes marks, announcements and quotes off both ends, in whatever order they are nested.
fn unwrap(line: &str) -> &str {
    let mut line = line.trim();
    loop {
        let before = line;
        line = without_list_mark(line);
        line = without_announcement(line);
        line = without_quotes(line);
        line = line.trim_matches('_').trim();
        if line == before {
            return line;
        }
    }
}

/// Without `- `, `* `, `# `, `> `, `1. ` or `1) ` in front.
fn without_list_mark(line: &str) -> &str {
    let item = line.trim_start_matches(['-', '–', '—', '*', '•', '·', '#', '>', '+']);
    if item.len() < line.len() && item.starts_with(' ') {
        return item.trim_start();
    }
    let item = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = line.len() - item.len();
    let item = item.strip_prefix(". ").or_else(|| item.strip_prefix(") "));
    // A year is no number in a list.
    let item = item.filter(|_| (1..=2).contains(&digits));
    item.map_or(line, str::trim_start)
}

/// Without `Prompt:`, `Idea 1:`, `Sure! Here is a prompt:` and their like in front.
fn without_announcement(line: &str) -> &str {
    let Some((head, rest)) = line.split_once([':', '：']) else {
        return line;
    };
    let letters = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphabetic());
        word.to_lowercase()
    };
    let mut words: Vec<String> = head.split_whitespace().map(letters).collect();
    words.retain(|word| !word.is_empty());
    let announces = words.last().is_some_and(|last| {
        let label = words.len() == 1 && LABELS.contains(&last.as_str());
        label || words.len() < 9 && ANNOUNCEMENTS.contains(&last.as_str())
    });
    if announces { rest.trim_start() } else { line }
}

/// Without quotes around all of it, with or without a full stop behind them. Quotes around a
/// part stay: an image generator takes them for the words on a sign.
fn without_quotes(line: &str) -> &str {
    let core = line.trim_end_matches(['.', ',', ';', '!', '?']);
    for (open, close) in QUOTES {
        for text in [line, core] {
            if let Some(inner) = between(text, open, close) {
                return inner;
            }
        }
    }
    // Half a pair, or two that do not match.
    let is_double = |c: char| DOUBLE_QUOTES.contains(&c);
    let ends = [line.starts_with(is_double), line.ends_with(is_double)];
    let at_the_ends = ends.iter().filter(|is_quote| **is_quote).count();
    match line.matches(is_double).count() == at_the_ends {
        true => line.trim_matches(is_double),
        false => line,
    }
}

/// What stands between two quotes that belong together; of `"a" and "b"` they do not, since the
/// partner of the first one closes in the middle.
fn between(text: &str, open: char, close: char) -> Option<&str> {
    let inner = text.strip_prefix(open)?.strip_suffix(close)?;
    let is_quote = |(at, letter): &(usize, char)| {
        let next = inner[at + letter.len_utf8()..].chars().next();
        let before = inner[..*at].chars().next_back();
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let is_apostrophe = is_letter(before) && is_letter(next);
        (*letter == open || *letter == close) && !is_apostrophe
    };
    let opens = |(at, letter): (usize, char)| {
        let before = inner[..at].chars().next_back();
        match open == close {
            true => before.is_none_or(char::is_whitespace),
            false => letter == open,
        }
    };
    let next = inner.char_indices().find(is_quote);
    next.is_none_or(opens).then_some(inner)
}

/// At most [`MAX_CHARACTERS`]: whole sentences where that keeps the better half, else whole words.
fn cut(line: &str) -> &str {
    let Some((end, _)) = line.char_indices().nth(MAX_CHARACTERS) else {
        return line;
    };
    let head = &line[..end];
    let sentences = head.rfind(". ").map(|stop| &head[..=stop]);
    let words = head.rfind(' ').map(|space| &head[..space]);
    let sentences = sentences.filter(|sentences| sentences.len() * 2 > head.len());
    let kept = sentences.or(words).unwrap_or(head);
    kept.trim_end_matches([' ', ',', ';', ':', '-', '–', '—'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_around_all_of_it_go_and_others_stay() {
        for (text, expected) in [
            ("\"A fox\nin  snow\"", "A fox in snow"),
            ("“Ein Fuchs”", "Ein Fuchs"),
            ("„Ein Fuchs“", "Ein Fuchs"),
            ("„En räv”", "En räv"),
            ("« Un renard »", "Un renard"),
            ("»Ein Fuchs«", "Ein Fuchs"),
            ("「雪の中の狐」", "雪の中の狐"),
            ("'The fox's den'", "The fox's den"),
            ("‘The fox’s den’", "The fox’s den"),
            ("''A fox''", "A fox"),
            ("`A fox`", "A fox"),
            ("\"A fox in snow\".", "A fox in snow"),
            ("\"'A fox'\"", "A fox"),
            ("\"A \"shy\" fox\"", "A \"shy\" fox"),
            ("\"A fox", "A fox"),
            ("A fox”", "A fox"),
            ("\"A fox”", "A fox"),
            ("The fox's den", "The fox's den"),
            ("The foxes'", "The foxes'"),
            ("'Twas a fox", "'Twas a fox"),
            ("A sign reading \"OPEN\"", "A sign reading \"OPEN\""),
            ("\"Yes\" beside \"No\"", "\"Yes\" beside \"No\""),
            ("“Yes” beside “No”", "“Yes” beside “No”"),
        ] {
            assert_eq!(clean(text).as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn markdown_lists_and_announcements_go() {
        for (text, expected) in [
            ("**A fox** in *snow*", "A fox in snow"),
            ("__A fox__", "A fox"),
            ("- A fox", "A fox"),
            ("* A fox", "A fox"),
            ("• **A fox**", "A fox"),
            ("1. A fox\n2. A bear", "A fox"),
            ("Here are some ideas:\n\n* A fox\n* A bear", "A fox"),
            ("**Some for you:**\n1) A fox", "A fox"),
            ("# A fox", "A fox"),
            ("> A fox", "A fox"),
            ("```text\nA fox\n```", "A fox"),
            ("Prompt: A fox", "A fox"),
            ("**Image prompt:** \"A fox\"", "A fox"),
            ("\"Prompt: A fox\"", "A fox"),
            ("1. Idea: A fox", "A fox"),
            ("Idea 1: A fox", "A fox"),
            ("Sure! Here is a prompt: A fox", "A fox"),
            ("IMAGE: A fox", "A fox"),
            ("<think>- a bear?\nno</think>\n\nA fox", "A fox"),
            ("A fox: old, red", "A fox: old, red"),
            (
                "The wall holds a picture: a fox",
                "The wall holds a picture: a fox",
            ),
            ("1984. A fox", "1984. A fox"),
            ("7 foxes", "7 foxes"),
            ("A well-known fox - in oil", "A well-known fox - in oil"),
        ] {
            assert_eq!(clean(text).as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_goes_and_joined_letters_stay_joined() {
        for (text, expected) in [
            ("\u{feff}A\u{200b} fox\u{202e}", "A fox"),
            ("\u{2066}A\u{ad} fox\u{2069}\u{0}\u{7}", "A fox"),
            ("A\u{e0041}\u{200d} fox", "A fox"),
            ("A\tfox\r\nin\u{2028}snow\u{b}", "A fox in snow"),
            ("A 👩\u{200d}🚀 fox", "A 👩\u{200d}🚀 fox"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ] {
            assert_eq!(clean(text).as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn nothing_comes_of_nothing() {
        for text in [
            "", " \n", "\"\"", "“”", "**", "- ", "Prompt:", "```\n```", "...", "\u{200b}",
        ] {
            assert_eq!(clean(text), None, "{text:?}");
        }
    }

    #[test]
    fn too_long_a_text_is_cut_at_a_sentence_or_a_word() {
        let words = clean(&"word, ".repeat(200)).unwrap();
        assert!(words.chars().count() <= MAX_CHARACTERS && words.ends_with("word"));
        let sentences = clean(&"A fox sleeps under the old apple tree. ".repeat(20)).unwrap();
        assert!(sentences.chars().count() <= MAX_CHARACTERS && sentences.ends_with("tree."));
        let unbroken = clean(&"狐".repeat(10_000)).unwrap();
        assert_eq!(unbroken.chars().count(), MAX_CHARACTERS);
        let whole = "é".repeat(MAX_CHARACTERS);
        assert_eq!(clean(&whole), Some(whole));
    }
}
