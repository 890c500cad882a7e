//! JSON texts with pictures in them: the base64 is made piece by piece while the text is sent,
//! so that an answer never holds more of a picture than its bytes.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use serde_json::Value;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

/// Bytes of a picture per piece; a multiple of three, so that the pieces' texts join.
const PIECE_BYTES: usize = 48 * 1024;

/// Pictures for a JSON value that is built with their marks.
#[derive(Debug)]
pub struct PictureJson {
    /// Unguessable, so that no text of a caller's can be taken for it.
    mark: String,
    pictures: Vec<Bytes>,
}

/// A text in pieces, as an answer's body; a picture is let go behind its last piece.
pub struct PictureText {
    pieces: Box<dyn Iterator<Item = Bytes> + Send>,
    bytes_left: usize,
}

enum Part {
    Text(String),
    Picture(Bytes),
}

impl Default for PictureJson {
    fn default() -> Self {
        Self {
            mark: uuid::Uuid::new_v4().simple().to_string(),
            pictures: Vec::new(),
        }
    }
}

impl PictureJson {
    /// Adds a picture, and gives the value to put in its place.
    #[must_use]
    pub fn add(&mut self, picture: Bytes) -> Value {
        self.pictures.push(picture);
        format!("{}{}", self.mark, self.pictures.len()).into()
    }

    /// The text of `json` with the pictures' base64 in place of their marks.
    #[must_use]
    pub fn into_text(self, json: &Value) -> PictureText {
        let text = json.to_string();
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(self.mark.as_str()) {
            parts.push(Part::Text(before.to_owned()));
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let number = after[..digits].parse::<usize>().ok();
            let picture = number.and_then(|number| self.pictures.get(number.checked_sub(1)?));
            parts.extend(picture.cloned().map(Part::Picture));
            rest = &after[digits..];
        }
        parts.push(Part::Text(rest.to_owned()));
        PictureText {
            bytes_left: parts.iter().map(Part::length).sum(),
            pieces: Box::new(parts.into_iter().flat_map(Part::into_pieces)),
        }
    }
}

impl Part {
    fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Picture(picture) => picture.len().div_ceil(3) * 4,
        }
    }
}

impl Body for PictureText {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.next();
        self.bytes_left -= piece.as_ref().map_or(0, Bytes::len);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes_left as u64)
    }
}

impl Part {
    fn into_pieces(self) -> Box<dyn Iterator<Item = Bytes> + Send> {
        match self {
            Self::Text(text) => Box::new(std::iter::once(text.into())),
            Self::Picture(picture) => {
                let starts = (0..picture.len()).step_by(PIECE_BYTES);
                Box::new(starts.map(move |start| {
                    let end = picture.len().min(start + PIECE_BYTES);
                    BASE64_STANDARD.encode(&picture[start..end]).into()
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_text_is_the_json_with_the_pictures_in_it() {
        for length in [
            0,
            1,
            2,
            3,
            PIECE_BYTES - 1,
            PIECE_BYTES,
            2 * PIECE_BYTES + 1,
        ] {
            let picture: Vec<u8> = (0..length).map(|index| index as u8).collect();
            let mut pictures = PictureJson::default();
            let first = pictures.add(picture.clone().into());
            let second = pictures.add(Bytes::from_static(b"hi"));
            let text = pictures.into_text(&json!({"a": first, "b": [second, "c"]}));
            let length = text.size_hint().exact();
            let whole: Vec<u8> = text.pieces.flatten().collect();
            assert_eq!(Some(whole.len() as u64), length);
            let expected = json!({"a": BASE64_STANDARD.encode(&picture), "b": ["aGk=", "c"]});
            let parsed: Value = serde_json::from_slice(&whole).unwrap();
            assert_eq!(parsed, expected);
        }
    }
}
