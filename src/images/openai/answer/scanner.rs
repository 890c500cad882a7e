//! Splits an images answer while it arrives: the pictures' base64 goes to its decoder, and what
//! remains, the frame, is small enough to be parsed as JSON in the end.

use super::base64_text::Base64Text;

/// No frame is longer; ten revised prompts of 32 000 characters fit.
const MAX_FRAME_BYTES: usize = 1024 * 1024;

/// No image API gives a larger picture.
pub(super) const MAX_PICTURE_BYTES: usize = 64 * 1024 * 1024;

/// More pictures than anybody asks for.
const MAX_PICTURES: usize = 64;

/// The name of the fields that hold pictures.
const PICTURE_FIELD: &[u8] = b"b64_json";

/// One picture of an answer.
#[derive(Debug)]
pub(super) enum Decoded {
    Bytes(Vec<u8>),
    /// Its text is no base64; the others of the answer can be used all the same.
    NoBase64,
}

impl Decoded {
    /// Whether there are bytes that may be a picture.
    pub fn is_picture(&self) -> bool {
        matches!(self, Self::Bytes(bytes) if !bytes.is_empty())
    }
}

/// Why an answer cannot be read on.
pub(super) type Problem = &'static str;

/// Reads an answer piece by piece.
#[derive(Debug)]
pub(super) struct Scanner {
    frame: Vec<u8>,
    pictures: Vec<Decoded>,
    bytes: usize,
    expected_bytes: usize,
    place: Place,
    /// The latest string of the frame, if it is short enough to be [`PICTURE_FIELD`].
    latest_string: Vec<u8>,
    is_picture_next: bool,
}

#[derive(Debug)]
enum Place {
    /// Between strings.
    Structure,
    /// In a string of the frame.
    Text { is_escaped: bool },
    /// In a picture; `None` once it is no base64. The second field has what came of an escape.
    Picture(Option<Base64Text>, Vec<u8>),
}

impl Scanner {
    /// For pictures of so many bytes together, as far as that is known.
    pub fn new(expected_bytes: usize) -> Self {
        Self {
            frame: Vec::new(),
            pictures: Vec::new(),
            bytes: 0,
            expected_bytes,
            place: Place::Structure,
            latest_string: Vec::new(),
            is_picture_next: false,
        }
    }

    /// Bytes of pictures decoded so far.
    pub fn decoded_bytes(&self) -> usize {
        let current = match &self.place {
            Place::Picture(Some(text), _) => text.len(),
            _ => 0,
        };
        self.bytes + current
    }

    /// Reads the next piece.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), Problem> {
        while let Some(first) = piece.first() {
            let read = match &mut self.place {
                Place::Structure => {
                    self.read_structure(*first)?;
                    1
                }
                Place::Text { .. } => {
                    self.read_text(*first)?;
                    1
                }
                Place::Picture(_, escape) if !escape.is_empty() => {
                    self.read_escape(*first);
                    1
                }
                Place::Picture(..) => self.read_picture(piece)?,
            };
            piece = &piece[read..];
        }
        Ok(())
    }

    fn read_structure(&mut self, byte: u8) -> Result<(), Problem> {
        match byte {
            b'"' if self.is_picture_next => {
                self.is_picture_next = false;
                return self.begin_picture();
            }
            b'"' => {
                self.latest_string.clear();
                self.place = Place::Text { is_escaped: false };
            }
            b':' => self.is_picture_next = self.latest_string == PICTURE_FIELD,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => self.is_picture_next = false,
        }
        self.keep(&[byte])
    }

    fn read_text(&mut self, byte: u8) -> Result<(), Problem> {
        let was_escaped = matches!(self.place, Place::Text { is_escaped: true });
        self.place = match byte {
            b'"' if !was_escaped => Place::Structure,
            _ => Place::Text {
                is_escaped: byte == b'\\' && !was_escaped,
            },
        };
        let is_inside = matches!(self.place, Place::Text { .. });
        if is_inside && self.latest_string.len() <= PICTURE_FIELD.len() {
            self.latest_string.push(byte);
        }
        self.keep(&[byte])
    }

    /// The frame gets the picture's number in its place.
    fn begin_picture(&mut self) -> Result<(), Problem> {
        if self.pictures.len() == MAX_PICTURES {
            return Err("it holds too many pictures");
        }
        self.keep(format!("\"{}\"", self.pictures.len()).as_bytes())?;
        let expected = self.expected_bytes.saturating_sub(self.bytes);
        let text = Base64Text::with_capacity(expected.min(MAX_PICTURE_BYTES));
        self.place = Place::Picture(Some(text), Vec::new());
        Ok(())
    }

    /// Reads up to the end of the picture, an escape, or the piece; gives the bytes that it read.
    fn read_picture(&mut self, piece: &[u8]) -> Result<usize, Problem> {
        let end = memchr::memchr2(b'"', b'\\', piece);
        self.decode(&piece[..end.unwrap_or(piece.len())])?;
        let Some(end) = end else {
            return Ok(piece.len());
        };
        match (&mut self.place, piece[end]) {
            (Place::Picture(_, escape), b'\\') => escape.push(b'\\'),
            _ => self.end_picture(),
        }
        Ok(end + 1)
    }

    fn decode(&mut self, symbols: &[u8]) -> Result<(), Problem> {
        let Place::Picture(text @ Some(_), _) = &mut self.place else {
            return Ok(());
        };
        if let Some(decoder) = text {
            if decoder.len() + symbols.len() / 4 * 3 > MAX_PICTURE_BYTES {
                return Err("a picture in it is larger than 64 MiB");
            }
            if decoder.push(symbols).is_err() {
                *text = None;
            }
        }
        Ok(())
    }

    /// JSON may write a slash as `\/` and any character as `\u` and four digits.
    fn read_escape(&mut self, byte: u8) {
        let Place::Picture(text, escape) = &mut self.place else {
            return;
        };
        escape.push(byte);
        let symbol = match escape.as_slice() {
            [_, b'/'] => Some(b'/'),
            [_, b'n' | b'r' | b't'] => Some(b'\n'),
            [_, b'u'] | [_, b'u', _] | [_, b'u', _, _] | [_, b'u', _, _, _] => return,
            [_, b'u', digits @ ..] => std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        escape.clear();
        let is_symbol = match (text.as_mut(), symbol) {
            (Some(decoder), Some(symbol)) => decoder.push(&[symbol]).is_ok(),
            _ => false,
        };
        if !is_symbol {
            *text = None;
        }
    }

    fn end_picture(&mut self) {
        let place = std::mem::replace(&mut self.place, Place::Structure);
        let picture = match place {
            Place::Picture(Some(text), _) => text.finish().ok(),
            _ => None,
        };
        self.bytes += picture.as_ref().map_or(0, Vec::len);
        let picture = picture.map_or(Decoded::NoBase64, Decoded::Bytes);
        self.pictures.push(picture);
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        if self.frame.len() + bytes.len() > MAX_FRAME_BYTES {
            return Err("it holds too much besides pictures");
        }
        self.frame.extend_from_slice(bytes);
        Ok(())
    }

    /// The frame, in which each picture is its number in the list, and the pictures.
    pub fn finish(self) -> (Vec<u8>, Vec<Decoded>) {
        (self.frame, self.pictures)
    }
}
