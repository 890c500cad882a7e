//! What is kept beside an image, within the service's 8 KB: percent-encoded, since metadata
//! travels in HTTP headers, which hold ASCII alone. Whoever may write may put anything there.

mod copied;

use super::record::ImageRecord;
use crate::{prompt::Prompt, storage::Metadata};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use time::{
    OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339, macros::format_description,
};

/// The service's limit is 8 KB of names and values
/// (<https://learn.microsoft.com/rest/api/storageservices/put-blob>); the store keeps a mark of
/// its own there too.
const MAX_BYTES: usize = 7 * 1024;

/// More than this of all facts together, names and values, is cut: the prompt keeps room.
const MAX_FACTS_BYTES: usize = 5 * 1024;

/// More than this of one fact, encoded, is cut.
const MAX_FACT_BYTES: usize = 2 * 1024;

/// Longer counts than this, encoded, are no counts: the usage of an image takes some 300 bytes.
const MAX_USAGE_BYTES: usize = 1024;

/// Longer values than this cannot have come from a store, so nothing is made of them.
const MAX_VALUE_BYTES: usize = 8 * 1024;

const PROMPT: &str = "prompt";
const PROMPT_IS_CUT: &str = "prompt_truncated";
const PROMPT_RECORD: &str = "prompt_record";
const REVISED_PROMPT: &str = "revised_prompt";
const REVISED_PROMPT_IS_CUT: &str = "revised_prompt_truncated";
const PROVIDER: &str = "provider";
const MODEL: &str = "model";
const SIZE: &str = "size";
const QUALITY: &str = "quality";
const SEED: &str = "seed";
const CREATED: &str = "created";
const REQUEST_ID: &str = "request_id";
const OPERATION: &str = "operation";
const UPSTREAM_REQUEST_ID: &str = "upstream_request_id";
const USAGE: &str = "usage";
const USAGE_IMAGES: &str = "usage_images";

/// The value of a mark.
const TRUE: &str = "true";

const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b',');

pub(super) use copied::{CopyFacts, encode_copy, is_copy_of};

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

/// What goes beside an image.
pub(super) struct Encoded {
    /// Names that the service takes (C# identifiers), ASCII values.
    pub metadata: Metadata,
    /// Whether the whole prompt found room.
    pub prompt_is_whole: bool,
}

/// As blob metadata. A prompt that does not fit is cut at a character and marked, and
/// `prompt_record` tells where it is kept whole, unless that is empty.
pub(super) fn encode(
    prompt: &Prompt,
    facts: &ImageFacts,
    created: OffsetDateTime,
    prompt_record: &str,
) -> Encoded {
    encode_prompt(prompt.as_str(), prompt_record, encode_facts(facts, created))
}

/// Adds as much of the prompt as has room beside the facts.
fn encode_prompt(prompt: &str, prompt_record: &str, facts: Metadata) -> Encoded {
    let mut metadata = facts;
    let room = MAX_BYTES.saturating_sub(bytes_of(&metadata) + PROMPT.len());
    let (value, prompt_is_whole) = encode_at_most(prompt, room);
    if prompt_is_whole {
        metadata.insert(PROMPT.to_owned(), value);
    } else {
        let mut marks = Metadata::from([(PROMPT_IS_CUT.to_owned(), TRUE.to_owned())]);
        if !prompt_record.is_empty() {
            marks.insert(PROMPT_RECORD.to_owned(), prompt_record.to_owned());
        }
        let room = room.saturating_sub(bytes_of(&marks));
        let value = encode_at_most(prompt, room).0;
        metadata.insert(PROMPT.to_owned(), value);
        metadata.append(&mut marks);
    }
    Encoded {
        metadata,
        prompt_is_whole,
    }
}

/// The facts within their bounds, the short ones first: of the long one, the revised prompt,
/// a part is of use too.
fn encode_facts(facts: &ImageFacts, created: OffsetDateTime) -> Metadata {
    let mut encoded = FactEncoder::default();
    encoded.add_text(OPERATION, Some(&facts.operation));
    encoded.add_text(CREATED, format_millis(created).as_deref());
    encoded.add_text(SEED, facts.seed.map(|seed| seed.to_string()).as_deref());
    encoded.add_text(PROVIDER, Some(&facts.provider));
    encoded.add_text(MODEL, Some(&facts.model));
    encoded.add_text(SIZE, Some(&facts.size));
    encoded.add_text(QUALITY, facts.quality.as_deref());
    encoded.add_text(REQUEST_ID, Some(&facts.request_id));
    encoded.add_usage(facts.usage.as_ref());
    encoded.add_text(UPSTREAM_REQUEST_ID, facts.upstream_request_id.as_deref());
    if !encoded.add_text(REVISED_PROMPT, facts.revised_prompt.as_deref()) {
        encoded.add_text(REVISED_PROMPT_IS_CUT, Some(TRUE));
    }
    encoded.metadata
}

#[derive(Default)]
struct FactEncoder {
    metadata: Metadata,
}

impl FactEncoder {
    /// How long the value of a further fact may be; a mark that it is cut always has room.
    fn room(&self, name: &str) -> usize {
        let mark = match name {
            REVISED_PROMPT_IS_CUT => 0,
            _ => REVISED_PROMPT_IS_CUT.len() + TRUE.len(),
        };
        MAX_FACTS_BYTES.saturating_sub(bytes_of(&self.metadata) + name.len() + mark)
    }

    /// Adds as much of the text as has room; whether that is all of it.
    fn add_text(&mut self, name: &str, text: Option<&str>) -> bool {
        let Some(text) = text else {
            return true;
        };
        let (value, is_whole) = encode_at_most(text, self.room(name).min(MAX_FACT_BYTES));
        if !value.is_empty() {
            self.metadata.insert(name.to_owned(), value);
        }
        is_whole
    }

    /// Half of a JSON text is of no use, so that what is too long is left out as a whole. The
    /// number of images keeps readers from counting one call several times.
    fn add_usage(&mut self, usage: Option<&UsageFact>) {
        let Some(usage) = usage else {
            return;
        };
        let images = usage.images.to_string();
        let beside = USAGE_IMAGES.len() + images.len();
        let room = self.room(USAGE).saturating_sub(beside);
        if let (counts, true) = encode_at_most(&usage.counts, room.min(MAX_USAGE_BYTES)) {
            self.metadata.insert(USAGE.to_owned(), counts);
            if usage.images > 1 {
                self.metadata.insert(USAGE_IMAGES.to_owned(), images);
            }
        }
    }
}

/// Names and values together, as the service counts them.
fn bytes_of(metadata: &Metadata) -> usize {
    let pairs = metadata.iter();
    pairs.map(|(name, value)| name.len() + value.len()).sum()
}

/// RFC 3339 in UTC, always with three digits of a second; `None` for years that it cannot write.
pub fn format_millis(moment: OffsetDateTime) -> Option<String> {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let utc = moment.checked_to_offset(UtcOffset::UTC)?;
    let has_four_digits = (0..=9999).contains(&utc.year());
    has_four_digits.then(|| utc.format(format).ok()).flatten()
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

/// Prompt, model and size, as far as the metadata has them: what a list shows.
pub(super) fn decode(metadata: &Metadata) -> (Option<String>, Option<String>, Option<String>) {
    let text = |name| decode_text(metadata, name);
    (text(PROMPT), text(MODEL), text(SIZE))
}

/// All that the metadata tells. What is not of the form that a fact has is not there, and the
/// others are.
pub(super) fn decode_record(metadata: &Metadata) -> ImageRecord {
    let text = |name| decode_text(metadata, name);
    let number = |name| text(name).and_then(|number| number.parse().ok());
    let is_marked = |name| metadata.get(name).is_some_and(|mark| mark == TRUE);
    let moment = text(CREATED).and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok());
    ImageRecord {
        prompt: text(PROMPT),
        prompt_is_cut: is_marked(PROMPT_IS_CUT),
        prompt_record: text(PROMPT_RECORD).filter(|id| is_simple_uuid(id)),
        revised_prompt: text(REVISED_PROMPT),
        revised_prompt_is_cut: is_marked(REVISED_PROMPT_IS_CUT),
        provider: text(PROVIDER),
        model: text(MODEL),
        size: text(SIZE),
        quality: text(QUALITY),
        seed: number(SEED),
        usage: text(USAGE).and_then(|counts| serde_json::from_str(&counts).ok()),
        usage_images: number(USAGE_IMAGES),
        // An offset at the end of the calendar leads out of it.
        created: moment.and_then(|moment| moment.checked_to_offset(UtcOffset::UTC)),
        operation: text(OPERATION),
        request_id: text(REQUEST_ID),
        upstream_request_id: text(UPSTREAM_REQUEST_ID),
    }
}

fn decode_text(metadata: &Metadata, name: &str) -> Option<String> {
    let value = metadata
        .get(name)
        .filter(|value| value.len() <= MAX_VALUE_BYTES)?;
    let text = percent_decode_str(value).decode_utf8_lossy();
    (!text.is_empty()).then(|| text.into_owned())
}

/// 32 hexadecimal digits in lower case: nothing else may become part of a name.
fn is_simple_uuid(text: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 32 && text.bytes().all(is_digit)
}

/// The mark of the operation that made an image: hexadecimal digits, which nothing escapes.
pub(super) fn operation(metadata: &Metadata) -> Option<&str> {
    metadata.get(OPERATION).map(String::as_str)
}

#[cfg(test)]
mod tests;
