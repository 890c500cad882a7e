//! Prompts that nobody would think of, the same in every run: pieces of every script, of what
//! breaks paths, addresses, headers, XML, HTML and SQL, and of anything at all.

use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use visionary::prompt::Prompt;

/// A failure names it.
pub const SEED: [u8; 32] = *b"a thousand hostile prompts, no.1";

/// As a path, an address, a header, a query or a document would take them for something else.
const TRAPS: &[&str] = &[
    "../",
    "..\\",
    "/../../etc/passwd",
    "./",
    "//",
    "C:\\con\\",
    "nul.txt",
    "~",
    ".",
    "..",
    "_",
    "%2e%2e%2f",
    "%00",
    "%",
    "%zz",
    "%25",
    "%u002e",
    "+",
    "?",
    "#",
    "&amp;",
    "?sv=1&sig=x",
    ";",
    "gallery/8299999999999/x_1700000000000.png",
    "thumbs/",
    "_1700000000000.png",
    "images/",
    "\r\nx-ms-meta-prompt: x\r\n\r\n",
    "]]>",
    "<!--",
    "<Name>x</Name>",
    "&#0;",
    "<?xml?>",
    "<img src=x onerror=alert(1)>",
    "\"><script>",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "$(reboot)",
    "'; DROP TABLE images; --",
    "' OR 1=1",
    "\\ud83d",
    "\\u0000",
    "\\x00",
    "{\"prompt\":\"\"}",
    "=cmd|' /C calc'!A0",
    "\u{1b}[2J",
];

/// What is drawn as one and is several, or is drawn as nothing.
const SEQUENCES: &[&str] = &[
    "👩🏽‍🚀",
    "👨‍👩‍👧‍👦",
    "🏳️‍🌈",
    "🇯🇵",
    "🏴\u{e0067}\u{e0062}\u{e007f}",
    "1️⃣",
    "e\u{301}\u{302}\u{303}",
    "क्षि",
    "ก็็็็",
    "ﷺ",
    "가\u{1100}\u{1161}",
    "\u{200d}",
    "\u{ad}",
    "\u{34f}",
];

/// The first and the last character of a block of each kind of script.
const SCRIPTS: &[(char, char)] = &[
    ('a', 'z'),
    ('À', 'ɏ'),
    ('Ͱ', 'Ͽ'),
    ('Ѐ', 'ӿ'),
    ('\u{531}', '\u{58a}'),
    ('\u{591}', '\u{5f4}'),
    ('\u{600}', '\u{6ff}'),
    ('\u{700}', '\u{74f}'),
    ('\u{900}', '\u{97f}'),
    ('\u{b80}', '\u{bff}'),
    ('\u{e01}', '\u{e5b}'),
    ('\u{f00}', '\u{fff}'),
    ('\u{10a0}', '\u{10ff}'),
    ('\u{1100}', '\u{11ff}'),
    ('\u{1200}', '\u{137f}'),
    ('\u{13a0}', '\u{13ff}'),
    ('\u{1800}', '\u{18aa}'),
    ('\u{3041}', '\u{30ff}'),
    ('一', '\u{9fff}'),
    ('가', '힣'),
    ('\u{12000}', '\u{12399}'),
    ('\u{13000}', '\u{1342e}'),
    ('\u{1e900}', '\u{1e95f}'),
    ('\u{20000}', '\u{2a6df}'),
];

/// So many prompts that the service takes.
pub fn prompts(count: usize) -> Vec<String> {
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let strategy = hostile_prompt();
    let mut next = || strategy.new_tree(&mut runner).unwrap().current();
    let all = std::iter::repeat_with(&mut next);
    let taken = all.filter(|prompt| Prompt::parse(prompt).is_ok());
    taken.take(count).collect()
}

fn hostile_prompt() -> impl Strategy<Value = String> {
    let usual = vec(piece(), 1..12).prop_map(|pieces| pieces.concat());
    let long = (vec(piece(), 1..4), 2_000..Prompt::MAX_CHARACTERS).prop_map(|(pieces, length)| {
        let endless = pieces.iter().cycle().take(length);
        endless
            .flat_map(|piece| piece.chars())
            .take(length)
            .collect()
    });
    prop_oneof![30 => usual, 1 => long]
}

fn piece() -> impl Strategy<Value = String> {
    let script = select(SCRIPTS.to_vec());
    let word = script.prop_flat_map(|(first, last)| vec(proptest::char::range(first, last), 1..9));
    let one = prop_oneof![
        proptest::char::range('\0', '\u{20}'),
        proptest::char::range('\u{7f}', '\u{a0}'),
        proptest::char::range('\u{2000}', '\u{206f}'), // spaces, joiners, direction
        proptest::char::range('\u{fdd0}', '\u{fdef}'), // noncharacters
        proptest::char::range('\u{fff0}', '\u{ffff}'),
        proptest::char::range('\u{d7ff}', '\u{e000}'), // around the surrogates
        proptest::char::range('\u{10fff0}', '\u{10ffff}'),
        any::<char>(),
    ];
    prop_oneof![
        4 => select(TRAPS.to_vec()).prop_map(str::to_owned),
        2 => select(SEQUENCES.to_vec()).prop_map(str::to_owned),
        5 => word.prop_map(String::from_iter),
        4 => vec(one, 1..5).prop_map(String::from_iter),
        1 => Just(" ".to_owned()),
    ]
}
