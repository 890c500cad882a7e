//! The images of a made-up gallery, each by its number: name, time, metadata and version come from
//! the number alone, so that a hundred thousand of them take no memory.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::{Duration, SystemTime};

use super::blob::Blob;
use crate::upstream::picture;

/// Of the newest image of all, in the past on every machine.
const NEWEST_MILLIS: u64 = 1_760_000_000_000;

/// Between two images of ours.
const OUR_STEP_MILLIS: u64 = 90_000;

/// Between two old ones, so that a first page of fifty has some of both.
const OLD_STEP_MILLIS: u64 = 900_000;

/// Keys count down from here.
const LAST_MILLISECOND: u64 = 9_999_999_999_999;

/// Scatters the old images over their time, which their names do not follow.
const PRIME: u64 = 1_000_003;

/// As the service writes metadata: percent-encoded but for these.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b',');

/// In ascending order, and none begins another: the old names begin so.
const MANNERS: [&str; 8] = [
    "A charcoal sketch",
    "An engraving",
    "Digital art",
    "Gouache painting",
    "Oil painting",
    "Photograph",
    "Watercolour",
    "Woodcut",
];

const THINGS: [&str; 8] = [
    "a lighthouse made of paper",
    "an old tram full of plants",
    "two foxes at a chess board",
    "a harbour under three moons",
    "un café à minuit",
    "a clockmaker's workshop",
    "猫が屋根の上に",
    "a glass whale above a city",
];

/// How many images of which kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Generated {
    /// `gallery/<13 digits>/<title>_<epoch ms>.png` with metadata, the newest first.
    pub ours: u64,
    /// `<prompt>_<epoch ms>.png` at the root as the original stored them; at most 999 999.
    pub old: u64,
}

/// One kind of them, in ascending order of the names' bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ours,
    Old,
}

impl Generated {
    /// How many there are of a kind.
    pub fn count(self, kind: Kind) -> u64 {
        match kind {
            Kind::Ours => self.ours,
            Kind::Old => self.old,
        }
    }

    /// The name of one; greater numbers have greater names.
    pub fn name(self, kind: Kind, number: u64) -> String {
        let millis = self.millis(kind, number);
        match kind {
            Kind::Ours => {
                let key = LAST_MILLISECOND - millis;
                let title = prompt(number).replace(['.', ':'], "");
                format!("gallery/{key:013}/{title}_{millis}.png")
            }
            Kind::Old => {
                let manner = MANNERS[place(number * MANNERS.len() as u64 / self.old)];
                let thing = pick(&THINGS, number, 1);
                format!("{manner} {number:06} of {thing}_{millis}.png")
            }
        }
    }

    /// The first number whose name is not less than `from`; the count where there is none.
    pub fn first_from(self, kind: Kind, from: &str) -> u64 {
        let (mut least, mut end) = (0, self.count(kind));
        while least < end {
            let middle = least + (end - least) / 2;
            match self.name(kind, middle).as_str() < from {
                true => least = middle + 1,
                false => end = middle,
            }
        }
        least
    }

    /// The image of that name.
    pub fn find(self, name: &str) -> Option<Blob> {
        let kind = match name.starts_with("gallery/") {
            true => Kind::Ours,
            false => Kind::Old,
        };
        let number = self.first_from(kind, name);
        let is_it = number < self.count(kind) && self.name(kind, number) == name;
        is_it.then(|| self.blob(kind, number, true))
    }

    /// One of them; all show the same small picture.
    pub fn blob(self, kind: Kind, number: u64, with_metadata: bool) -> Blob {
        let written_at = SystemTime::UNIX_EPOCH + Duration::from_millis(self.millis(kind, number));
        let (content_type, metadata) = match kind {
            Kind::Ours if with_metadata => ("image/png", our_metadata(number)),
            Kind::Ours => ("image/png", Vec::new()),
            Kind::Old => ("application/octet-stream", Vec::new()),
        };
        Blob {
            bytes: small_picture(),
            content_type: content_type.to_owned(),
            metadata,
            manners: Vec::new(),
            etag: format!("\"0x8D{:013X}\"", scatter(number, 9) >> 12),
            written_at,
        }
    }

    fn millis(self, kind: Kind, number: u64) -> u64 {
        match kind {
            Kind::Ours => NEWEST_MILLIS - number * OUR_STEP_MILLIS,
            Kind::Old => NEWEST_MILLIS - 450 - number * PRIME % self.old * OLD_STEP_MILLIS,
        }
    }
}

fn small_picture() -> Bytes {
    static PICTURE: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    PICTURE.get_or_init(picture::small_png).clone()
}

/// What the service writes beside an image of a provider that tells all it can.
fn our_metadata(number: u64) -> Vec<(String, String)> {
    let prompt = prompt(number);
    let revised = format!(
        "{prompt}. The scene is calm and rich in detail, with soft evening light from the left, \
         long shadows on wet stone, a muted palette of ochre and slate, and a sense of quiet \
         expectation; in the background, out of focus, a row of narrow houses.",
    );
    let usage = format!(
        "{{\"input_tokens\":{},\"input_tokens_details\":{{\"image_tokens\":0,\"text_tokens\":{}}},\
         \"output_tokens\":4160,\"total_tokens\":{}}}",
        number % 90 + 10,
        number % 90 + 10,
        number % 90 + 4170,
    );
    let (one, other) = (scatter(number, 3), scatter(number, 4));
    let id = uuid::Uuid::from_u64_pair(one, other);
    let values = [
        ("model", "gpt-image-1".to_owned()),
        ("operation", format!("{one:016x}{other:016x}")),
        ("prompt", prompt),
        ("provider", "openai".to_owned()),
        ("quality", "high".to_owned()),
        ("request_id", id.to_string()),
        ("revised_prompt", revised),
        ("size", "1024x1536".to_owned()),
        ("upstream_request_id", format!("req_{other:016x}{one:016x}")),
        ("usage", usage),
        ("writeid", format!("{other:016x}{one:016x}")),
    ];
    let encode = |text: &str| utf8_percent_encode(text, VALUE).to_string();
    let values = values.map(|(name, value)| (name.to_owned(), encode(&value)));
    values.into()
}

fn prompt(number: u64) -> String {
    let (manner, thing) = (pick(&MANNERS, number, 5), pick(&THINGS, number, 6));
    format!("{manner} of {thing}, number {number}, in the manner of an old travel poster")
}

fn pick(words: &'static [&'static str], number: u64, salt: u64) -> &'static str {
    words[place(scatter(number, salt) % words.len() as u64)]
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("small")
}

/// SplitMix64: neighbours have nothing in common (<https://prng.di.unimi.it/splitmix64.c>).
fn scatter(number: u64, salt: u64) -> u64 {
    let mut mixed = (number + salt * PRIME).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
