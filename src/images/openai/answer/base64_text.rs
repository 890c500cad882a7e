//! Decodes one picture's base64 text (RFC 4648, section 4) while it arrives in pieces of any size.

use crate::images::memory::picture_buffer;
use base64::{Engine, alphabet::STANDARD, engine::GeneralPurpose, engine::general_purpose::NO_PAD};

/// Whole groups of four symbols; padding is counted here, since some servers leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, NO_PAD);

/// Local servers send data URLs at times.
const DATA_URL: &[u8] = b"data:";

/// The text is no base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidBase64;

/// A picture's bytes so far.
#[derive(Debug, Default)]
pub(super) struct Base64Text {
    bytes: Vec<u8>,
    stage: Stage,
    /// Symbols of a group that is not complete; fewer than four.
    carry: Vec<u8>,
    padding: usize,
}

#[derive(Debug, Default, PartialEq)]
enum Stage {
    /// Too little text to tell a data URL's prefix from symbols; what came is in `carry`.
    #[default]
    Start,
    /// Within a data URL's prefix, which ends at the comma.
    Prefix,
    Symbols,
}

impl Base64Text {
    /// With room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: picture_buffer(bytes),
            ..Self::default()
        }
    }

    /// Bytes decoded so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Decodes the next piece of the text.
    pub fn push(&mut self, mut text: &[u8]) -> Result<(), InvalidBase64> {
        while self.stage == Stage::Start {
            let Some((first, rest)) = text.split_first() else {
                return Ok(());
            };
            if self.carry.is_empty() && first.is_ascii_whitespace() {
                text = rest;
            } else if DATA_URL.get(self.carry.len()) == Some(first) {
                self.carry.push(*first);
                text = rest;
                if self.carry == DATA_URL {
                    self.carry.clear();
                    self.stage = Stage::Prefix;
                }
            } else {
                self.leave_start()?;
            }
        }
        if self.stage == Stage::Prefix {
            let Some(comma) = text.iter().position(|byte| *byte == b',') else {
                return Ok(());
            };
            text = &text[comma + 1..];
            self.stage = Stage::Symbols;
        }
        self.push_symbols(text)
    }

    /// What looked like the start of a prefix are symbols.
    fn leave_start(&mut self) -> Result<(), InvalidBase64> {
        self.stage = Stage::Symbols;
        let symbols = std::mem::take(&mut self.carry);
        self.push_symbols(&symbols)
    }

    fn push_symbols(&mut self, text: &[u8]) -> Result<(), InvalidBase64> {
        let end = match self.padding {
            0 => memchr::memchr(b'=', text).unwrap_or(text.len()),
            _ => 0,
        };
        let (symbols, padding) = text.split_at(end);
        for byte in padding {
            match byte {
                b'=' => self.padding += 1,
                byte if byte.is_ascii_whitespace() => {}
                _ => return Err(InvalidBase64),
            }
        }
        let (decoded, carried) = (self.bytes.len(), self.carry.clone());
        if self.decode(symbols).is_ok() {
            return Ok(());
        }
        // Line breaks are rare, so they are looked for only when something is wrong.
        let filtered: Vec<u8> = symbols.iter().copied().filter(is_no_space).collect();
        if filtered.len() == symbols.len() {
            return Err(InvalidBase64);
        }
        self.bytes.truncate(decoded);
        self.carry = carried;
        self.decode(&filtered)
    }

    fn decode(&mut self, mut symbols: &[u8]) -> Result<(), InvalidBase64> {
        if !self.carry.is_empty() {
            let missing = (4 - self.carry.len()).min(symbols.len());
            self.carry.extend_from_slice(&symbols[..missing]);
            symbols = &symbols[missing..];
            if self.carry.iter().any(|byte| !is_no_space(byte)) {
                return Err(InvalidBase64);
            }
            if self.carry.len() < 4 {
                return Ok(());
            }
            decode_groups(&self.carry, &mut self.bytes)?;
            self.carry.clear();
        }
        let (groups, rest) = symbols.split_at(symbols.len() - symbols.len() % 4);
        decode_groups(groups, &mut self.bytes)?;
        self.carry.extend_from_slice(rest);
        match rest.iter().all(is_no_space) {
            true => Ok(()),
            false => Err(InvalidBase64),
        }
    }

    /// The whole picture.
    pub fn finish(mut self) -> Result<Vec<u8>, InvalidBase64> {
        match self.stage {
            Stage::Start => self.leave_start()?,
            Stage::Prefix => return Err(InvalidBase64),
            Stage::Symbols => {}
        }
        let missing = (4 - self.carry.len()) % 4;
        if self.padding > missing {
            return Err(InvalidBase64);
        }
        decode_groups(&self.carry, &mut self.bytes)?;
        self.bytes.shrink_to_fit();
        Ok(self.bytes)
    }
}

fn is_no_space(byte: &u8) -> bool {
    !byte.is_ascii_whitespace()
}

fn decode_groups(symbols: &[u8], bytes: &mut Vec<u8>) -> Result<(), InvalidBase64> {
    let decoded = BASE64.decode_vec(symbols, bytes);
    decoded.map_err(|_| InvalidBase64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&str]) -> Result<Vec<u8>, InvalidBase64> {
        let mut text = Base64Text::default();
        for piece in pieces {
            text.push(piece.as_bytes())?;
        }
        text.finish()
    }

    #[test]
    fn texts_are_decoded_however_they_are_cut() {
        for (text, expected) in [
            ("", &b""[..]),
            ("aGk=", b"hi"),
            ("aGk", b"hi"),
            ("aA==", b"h"),
            ("aA=", b"h"),
            ("aA", b"h"),
            ("aGhp", b"hhi"),
            (" aG\nhp\r\naGk=\n", b"hhihi"),
            ("data:image/png;base64,aGk=", b"hi"),
            ("data", b"u\xabZ"),
            ("datadata", b"u\xabZu\xabZ"),
        ] {
            for cut in 0..=text.len() {
                let (head, tail) = text.split_at(cut);
                assert_eq!(
                    decode(&[head, tail]).as_deref(),
                    Ok(expected),
                    "{text:?} at {cut}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_base64_is_refused_however_it_is_cut() {
        for text in [
            "!!",
            "a",
            "aGhpa",
            "aGk==",
            "aGhp=",
            "a=k=",
            "aG=k",
            "aGl",
            "a-_b",
            "data:image/png",
            "aGk=aGk=",
            "====",
            "ä",
        ] {
            for cut in 0..=text.len() {
                if let (Some(head), Some(tail)) = (text.get(..cut), text.get(cut..)) {
                    assert_eq!(
                        decode(&[head, tail]),
                        Err(InvalidBase64),
                        "{text:?} at {cut}"
                    );
                }
            }
        }
    }
}
