//! Reads an images answer while it arrives: pictures are decoded at once, so that their text is
//! never held. Every field but `data` may be missing or new: the API's own description is behind
//! what servers send.

mod base64_text;
mod scanner;
mod stream;

use crate::openai::UpstreamError;
use scanner::{Decoded, Scanner};
use serde::Deserialize;
use serde_json::Value;

pub use stream::{Preview, StreamReader};

/// What an answer holds.
#[derive(Debug)]
pub struct Answer {
    /// At least one.
    pub items: Vec<Item>,
    /// What the provider counted, as it counted it.
    pub usage: Option<Value>,
}

/// One picture of an answer.
#[derive(Debug)]
pub struct Item {
    /// The picture, or where it is.
    pub picture: Picture,
    /// What the provider made of the prompt.
    pub revised_prompt: Option<String>,
}

/// The picture or where it is.
#[derive(Debug)]
pub enum Picture {
    /// Its bytes.
    Inline(Vec<u8>),
    /// Its address.
    At(String),
    /// It cannot be used; the others of the answer can.
    Unusable(UpstreamError),
}

#[derive(Deserialize)]
struct Frame {
    data: Option<Vec<Value>>,
    usage: Option<Value>,
    /// Azure's preview versions have it here instead of beside the picture.
    revised_prompt: Option<Value>,
    /// Azure may send it under status 200.
    error: Option<Value>,
}

/// Reads one answer, piece by piece.
#[derive(Debug)]
pub struct AnswerReader {
    scanner: Scanner,
}

impl AnswerReader {
    /// For an answer whose pictures will have so many bytes, as far as that is known.
    #[must_use]
    pub fn new(expected_bytes: usize) -> Self {
        Self {
            scanner: Scanner::new(expected_bytes),
        }
    }

    /// Bytes of pictures that are held.
    #[must_use]
    pub fn decoded_bytes(&self) -> usize {
        self.scanner.decoded_bytes()
    }

    /// Reads the next piece of the body; pieces may be cut anywhere.
    ///
    /// # Errors
    /// [`UpstreamError::Malformed`] when it is larger than any honest answer.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), UpstreamError> {
        self.scanner.push(piece).map_err(malformed)
    }

    /// The answer, when the body has ended. Whole pictures are paid for, so they count whatever
    /// stands beside them, an error or neighbours that are no JSON, but for a refusal: a picture
    /// that the provider's filter refused is not to be shown.
    ///
    /// # Errors
    /// The error that it holds instead of pictures; [`UpstreamError::Malformed`] when it is no
    /// images answer or has no picture at all.
    pub fn finish(self) -> Result<Answer, UpstreamError> {
        let (frame, pictures) = self.scanner.finish();
        let has_pictures = pictures.iter().any(Decoded::is_picture);
        let frame: Frame = match serde_json::from_slice(&frame) {
            Ok(frame) => frame,
            Err(_) if has_pictures => return Ok(Answer::of_pictures_alone(pictures)),
            Err(_) => return Err(malformed("it is not the JSON of an images answer")),
        };
        let data = frame.data.unwrap_or_default();
        let error = frame.error.as_ref().and_then(UpstreamError::in_success);
        let counts = |error: &_| !has_pictures || matches!(error, UpstreamError::Refused { .. });
        if let Some(error) = error.filter(counts) {
            return Err(error);
        }
        if data.is_empty() {
            return Err(malformed("it holds no picture"));
        }
        let mut pictures: Vec<Option<Decoded>> = pictures.into_iter().map(Some).collect();
        let items = data
            .iter()
            .map(|item| {
                let revised_prompt = item.get("revised_prompt").or(frame.revised_prompt.as_ref());
                Item {
                    picture: find_picture(item, &mut pictures),
                    revised_prompt: revised_prompt.and_then(Value::as_str).map(str::to_owned),
                }
            })
            .collect();
        Ok(Answer {
            items,
            usage: frame.usage,
        })
    }
}

impl Answer {
    fn of_pictures_alone(pictures: Vec<Decoded>) -> Self {
        let whole = pictures.into_iter().filter(Decoded::is_picture);
        let items = whole.map(|picture| Item {
            picture: picture.into(),
            revised_prompt: None,
        });
        Self {
            items: items.collect(),
            usage: None,
        }
    }
}

impl From<Decoded> for Picture {
    fn from(decoded: Decoded) -> Self {
        match decoded {
            Decoded::Bytes(bytes) => Self::Inline(bytes),
            Decoded::NoBase64 => Self::Unusable(malformed("a picture in it is not base64")),
        }
    }
}

/// An item that is not what the API promises costs its own picture and no other.
fn find_picture(item: &Value, pictures: &mut [Option<Decoded>]) -> Picture {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let url = text("url").map(str::to_owned);
    // The scanner put the picture's number in its place.
    let number = text("b64_json").and_then(|number| number.parse::<usize>().ok());
    let decoded = number.and_then(|number| pictures.get_mut(number)?.take());
    match (decoded, url) {
        (Some(Decoded::Bytes(bytes)), Some(url)) if bytes.is_empty() => Picture::At(url),
        (Some(decoded), _) => decoded.into(),
        (None, Some(url)) => Picture::At(url),
        (None, None) => Picture::Unusable(malformed("a picture has neither b64_json nor url")),
    }
}

fn malformed(reason: &'static str) -> UpstreamError {
    UpstreamError::Malformed { reason }
}

#[cfg(test)]
mod tests;
