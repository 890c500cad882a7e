//! What an image knows about itself, written into the picture where that is a PNG: text chunks
//! travel with a file that is passed on, which metadata does not. The picture is not copied.

use super::metadata::{ImageFacts, UsageFact, format_millis};
use crate::prompt::Prompt;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// Signature and IHDR: length, type, 13 bytes, checksum.
const HEAD_BYTES: usize = SIGNATURE.len() + 4 + 4 + 13 + 4;

/// A chunk without its data: length, type, checksum.
const FRAME_BYTES: usize = 12;

/// No chunk may be longer (<https://www.w3.org/TR/png-3/#5Chunk-layout>).
const LONGEST_CHUNK: u32 = i32::MAX as u32;

/// Content Credentials lie in a chunk of this type
/// (<https://spec.c2pa.org/specifications/specifications/2.1/specs/C2PA_Specification.html>,
/// "Embedding manifests into PNG").
const CONTENT_CREDENTIALS: &[u8] = b"caBX";

/// Encoders write some thousands at the most. Of a picture with more it is not known whether it
/// is signed.
const MOST_CHUNKS: usize = 1 << 16;

/// The texts' keywords in their order, all registered
/// (<https://www.w3.org/TR/png-3/#11keywords>).
const KEYWORDS: [&str; 4] = ["Description", "Software", "Creation Time", "Comment"];

/// A PNG with text chunks behind its header, as three pieces: the head and the rest share the
/// picture's memory. A keyword has 1 to 79 printable Latin-1 characters and no needless space, or
/// its text is left out; NUL, which a text cannot have, is left out of it.
///
/// `None` for what does not start as a PNG does, and for a picture with Content Credentials: any
/// byte more would make its signature invalid.
pub(super) fn with_text<T: AsRef<str>>(picture: &Bytes, texts: &[(&str, T)]) -> Option<Vec<Bytes>> {
    if !has_head(picture) || is_signed(picture)? {
        return None;
    }
    let mut chunks = Vec::new();
    for (keyword, text) in texts {
        push_text_chunk(&mut chunks, keyword, text.as_ref());
    }
    let (head, rest) = (picture.slice(..HEAD_BYTES), picture.slice(HEAD_BYTES..));
    Some(vec![head, chunks.into(), rest])
}

/// The picture as its maker gave it: without the texts of [`texts_of`]. The memory is the same,
/// unless somebody else holds it too.
pub(super) fn without_text(picture: Bytes) -> Bytes {
    match end_of_texts(&picture) {
        Some(end) => {
            let mut picture = Vec::from(picture);
            picture.drain(HEAD_BYTES..end);
            picture.into()
        }
        None => picture,
    }
}

/// Where our texts end, which begin behind the head with the prompt and end with the facts.
fn end_of_texts(picture: &[u8]) -> Option<usize> {
    let (mut start, mut keywords) = (HEAD_BYTES, KEYWORDS.iter());
    loop {
        let (length, chunk) = picture.get(start..)?.split_first_chunk::<4>()?;
        let keyword = keywords.next()?.as_bytes();
        let text = chunk.strip_prefix(b"iTXt")?.strip_prefix(keyword)?;
        text.starts_with(&[0]).then_some(())?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        start = start.checked_add(length)?.checked_add(FRAME_BYTES)?;
        if keywords.len() == 0 {
            return (start <= picture.len()).then_some(start);
        }
    }
}

fn has_head(picture: &[u8]) -> bool {
    let Some(header) = picture.strip_prefix(&SIGNATURE) else {
        return false;
    };
    let Some((header, checksum)) = header
        .get(..HEAD_BYTES - SIGNATURE.len())
        .and_then(|header| header.split_last_chunk::<4>())
    else {
        return false;
    };
    let checked = header.strip_prefix(&13u32.to_be_bytes());
    checked.is_some_and(|checked| {
        checked.starts_with(b"IHDR") && crc32fast::hash(checked).to_be_bytes() == *checksum
    })
}

/// Whether one of the chunks behind the head has Content Credentials, from their lengths and
/// types alone. Where a picture breaks off it has no further chunks. `None` when it has too many.
fn is_signed(picture: &[u8]) -> Option<bool> {
    let mut rest = picture.get(HEAD_BYTES..)?;
    for _ in 0..MOST_CHUNKS {
        let Some((length, behind)) = rest.split_first_chunk::<4>() else {
            return Some(false);
        };
        if behind.starts_with(CONTENT_CREDENTIALS) {
            return Some(true);
        }
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let next = length.checked_add(FRAME_BYTES)?;
        match rest.get(next..) {
            Some(next) if !behind.starts_with(b"IEND") => rest = next,
            _ => return Some(false),
        }
    }
    None
}

/// An uncompressed iTXt chunk (<https://www.w3.org/TR/png-3/#11iTXt>).
fn push_text_chunk(chunks: &mut Vec<u8>, keyword: &str, text: &str) {
    let Some(keyword) = latin1_keyword(keyword) else {
        return;
    };
    let mut chunk = Vec::with_capacity(4 + keyword.len() + 5 + text.len());
    chunk.extend_from_slice(b"iTXt");
    chunk.extend(keyword);
    chunk.push(0); // end of the keyword
    chunk.extend([0, 0]); // not compressed, method
    chunk.extend([0, 0]); // ends of language tag and translated keyword, both empty
    chunk.extend(text.bytes().filter(|byte| *byte != 0));
    let length = u32::try_from(chunk.len() - 4).unwrap_or(u32::MAX);
    if length > LONGEST_CHUNK {
        return;
    }
    chunks.reserve(FRAME_BYTES + chunk.len());
    chunks.extend(length.to_be_bytes());
    chunks.extend_from_slice(&chunk);
    chunks.extend(crc32fast::hash(&chunk).to_be_bytes());
}

/// The keyword's bytes, if it is one (<https://www.w3.org/TR/png-3/#11keywords>).
fn latin1_keyword(keyword: &str) -> Option<Vec<u8>> {
    let printable = |c: char| matches!(c, ' '..='~' | '\u{a1}'..='\u{ff}');
    let bytes: Option<Vec<u8>> = keyword
        .chars()
        .map(|c| u8::try_from(c).ok().filter(|_| printable(c)))
        .collect();
    let is_tidy = keyword.trim_matches(' ') == keyword && !keyword.contains("  ");
    bytes.filter(|bytes| (1..=79).contains(&bytes.len()) && is_tidy)
}

/// What goes into a picture, by [`KEYWORDS`]: the prompt whole, what made the picture and when, and the other facts as one JSON object.
pub(super) fn texts_of(
    prompt: &Prompt,
    facts: &ImageFacts,
    created: OffsetDateTime,
) -> Vec<(&'static str, String)> {
    let software = concat!("visionary ", env!("CARGO_PKG_VERSION"));
    // Times and texts can always be written.
    let created = format_millis(created).unwrap_or_default();
    let comment = serde_json::to_string(&Comment::of(facts)).unwrap_or_default();
    let texts = [
        prompt.as_str().to_owned(),
        software.to_owned(),
        created,
        comment,
    ];
    KEYWORDS.into_iter().zip(texts).collect()
}

/// The facts, in the spelling of the service's answers; what is not known is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Comment<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    revised_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    provider: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    size: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
    /// How many images the counts are for, when it is more than this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_images: Option<usize>,
    #[serde(skip_serializing_if = "str::is_empty")]
    operation: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_request_id: Option<&'a str>,
}

impl<'a> Comment<'a> {
    fn of(facts: &'a ImageFacts) -> Self {
        let counts = |usage: &UsageFact| serde_json::from_str(&usage.counts).ok();
        let usage: Option<Value> = facts.usage.as_ref().and_then(counts);
        let images = facts.usage.as_ref().map(|usage| usage.images);
        Self {
            revised_prompt: facts.revised_prompt.as_deref(),
            provider: &facts.provider,
            model: &facts.model,
            size: &facts.size,
            quality: facts.quality.as_deref(),
            seed: facts.seed,
            usage_images: images.filter(|images| *images > 1 && usage.is_some()),
            usage,
            operation: &facts.operation,
            request_id: &facts.request_id,
            upstream_request_id: facts.upstream_request_id.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests;
