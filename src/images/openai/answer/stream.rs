//! Reads an images answer that comes as an event stream: previews, then the picture
//! (<https://platform.openai.com/docs/api-reference/images-streaming>). As in other answers,
//! pictures are decoded at once.

mod lines;

use super::{
    Answer, Item, Picture, find_picture, malformed,
    scanner::{Decoded, Scanner},
};
use crate::openai::UpstreamError;
use lines::{Lines, Token};
use serde_json::Value;

/// Comments, names and frames of a whole stream; a comment each second for an hour fits.
const MOST_BESIDES_PICTURES: usize = 4 * 1024 * 1024;

/// More previews and pictures than anybody asks for in one call.
const MOST_PICTURES: usize = 64;

/// A preview as it came.
#[derive(Debug, PartialEq, Eq)]
pub struct Preview {
    /// The provider's count, from 0.
    pub index: u32,
    /// What may be a picture.
    pub bytes: Vec<u8>,
}

/// Reads one event stream, piece by piece.
#[derive(Debug, Default)]
pub struct StreamReader {
    lines: Lines,
    /// Of the event that is being read.
    scanner: Option<Scanner>,
    previews: Vec<Preview>,
    items: Vec<Item>,
    usage: Option<Value>,
    error: Option<UpstreamError>,
    /// Previews and pictures so far.
    pictures: usize,
    /// Previews so far, for those that have no number.
    next_index: u32,
    bytes_besides: usize,
}

/// What an event is, by its name or by the `type` of its data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Preview,
    Completed,
    Error,
    Unknown,
}

impl Kind {
    fn named(name: &[u8]) -> Self {
        match name {
            b"image_generation.partial_image" => Self::Preview,
            b"image_generation.completed" => Self::Completed,
            b"error" => Self::Error,
            _ => Self::Unknown,
        }
    }

    fn of(name: &[u8], data: Option<&Value>) -> Self {
        let kind = data.and_then(|data| data.get("type")?.as_str());
        match Self::named(name) {
            Self::Unknown => Self::named(kind.unwrap_or_default().as_bytes()),
            known => known,
        }
    }
}

impl StreamReader {
    /// Bytes of previews and pictures that are held.
    #[must_use]
    pub fn decoded_bytes(&self) -> usize {
        let previews = self.previews.iter().map(|preview| preview.bytes.len());
        let items = self.items.iter().map(|item| match &item.picture {
            Picture::Inline(bytes) => bytes.len(),
            Picture::At(_) | Picture::Unusable(_) => 0,
        });
        let current = self.scanner.as_ref().map_or(0, Scanner::decoded_bytes);
        previews.chain(items).sum::<usize>() + current
    }

    /// Whether a picture or an error came: little can follow.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.items.is_empty() || self.error.is_some()
    }

    /// The previews since the last call.
    pub fn take_previews(&mut self) -> Vec<Preview> {
        std::mem::take(&mut self.previews)
    }

    /// Reads the next piece of the body; pieces may be cut anywhere.
    ///
    /// # Errors
    /// [`UpstreamError::Malformed`] when it is larger than any honest answer.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), UpstreamError> {
        self.bytes_besides += piece.len();
        while let Some(token) = self.lines.next(&mut piece) {
            match token {
                Token::Data(data) => {
                    self.bytes_besides -= data.len().min(self.bytes_besides);
                    let scanner = self.scanner.get_or_insert_with(|| Scanner::new(0));
                    scanner.push(data).map_err(malformed)?;
                }
                Token::End(name) => self.end_event(&name),
            }
        }
        if self.bytes_besides > MOST_BESIDES_PICTURES {
            return Err(malformed("it holds too much besides pictures"));
        }
        match self.pictures > MOST_PICTURES {
            true => Err(malformed("it holds too many pictures")),
            false => Ok(()),
        }
    }

    /// The answer, when the stream has ended or broken off; `None` when it has none. An event
    /// that lost its end counts as far as it came: its picture is paid for. What is whole counts
    /// beside an error, as in other answers, but for a refusal.
    ///
    /// # Errors
    /// The error that came instead of pictures.
    pub fn finish(mut self) -> Result<Option<Answer>, UpstreamError> {
        let name = std::mem::take(&mut self.lines).finish();
        self.end_event(&name);
        let has_pictures = self.items.iter().any(|item| match &item.picture {
            Picture::Inline(bytes) => !bytes.is_empty(),
            Picture::At(_) => true,
            Picture::Unusable(_) => false,
        });
        let counts = |error: &_| !has_pictures || matches!(error, UpstreamError::Refused { .. });
        if let Some(error) = self.error.filter(counts) {
            return Err(error);
        }
        let answer = Answer {
            items: self.items,
            usage: self.usage,
        };
        Ok((!answer.items.is_empty()).then_some(answer))
    }

    fn end_event(&mut self, name: &[u8]) {
        let Some(scanner) = self.scanner.take() else {
            return;
        };
        let (frame, pictures) = scanner.finish();
        self.bytes_besides += frame.len();
        self.pictures += pictures.len();
        let data: Option<Value> = serde_json::from_slice(&frame).ok();
        let kind = Kind::of(name, data.as_ref());
        if let Some(error) = error_in(kind, data.as_ref(), &frame) {
            self.note_error(error);
        }
        match kind {
            Kind::Preview => self.add_preview(data, pictures),
            Kind::Completed => self.complete(data, pictures),
            Kind::Error | Kind::Unknown => {}
        }
    }

    /// A preview that is none is not missed.
    fn add_preview(&mut self, data: Option<Value>, pictures: Vec<Decoded>) {
        let data = data.unwrap_or_default();
        let mut pictures: Vec<Option<Decoded>> = pictures.into_iter().map(Some).collect();
        if let Picture::Inline(bytes) = find_picture(&data, &mut pictures) {
            let index = data.get("partial_image_index").and_then(Value::as_u64);
            let index = index.and_then(|index| u32::try_from(index).ok());
            let index = index.unwrap_or(self.next_index);
            self.next_index = index.saturating_add(1);
            self.previews.push(Preview { index, bytes });
        }
    }

    fn complete(&mut self, data: Option<Value>, pictures: Vec<Decoded>) {
        let Some(mut data) = data else {
            self.items.extend(Answer::of_pictures_alone(pictures).items);
            return;
        };
        let mut pictures: Vec<Option<Decoded>> = pictures.into_iter().map(Some).collect();
        let revised_prompt = data.get("revised_prompt").and_then(Value::as_str);
        self.items.push(Item {
            picture: find_picture(&data, &mut pictures),
            revised_prompt: revised_prompt.map(str::to_owned),
        });
        let usage = data.get_mut("usage").map(Value::take);
        self.usage = self.usage.take().or(usage.filter(|usage| !usage.is_null()));
    }

    /// The first counts, but a refusal more than any other.
    fn note_error(&mut self, error: UpstreamError) {
        let is_refusal = |error: &UpstreamError| matches!(error, UpstreamError::Refused { .. });
        let outranks = |noted: &UpstreamError| is_refusal(&error) && !is_refusal(noted);
        if self.error.as_ref().is_none_or(outranks) {
            self.error = Some(error);
        }
    }
}

/// Errors come in an `error` of the data, or are the data of an event of that name.
fn error_in(kind: Kind, data: Option<&Value>, frame: &[u8]) -> Option<UpstreamError> {
    let within = data.and_then(|data| UpstreamError::in_success(data.get("error")?));
    if within.is_some() || kind != Kind::Error {
        return within;
    }
    match data {
        Some(data) => UpstreamError::in_success(data),
        None => UpstreamError::in_success(&String::from_utf8_lossy(frame).into()),
    }
}

#[cfg(test)]
mod tests;
