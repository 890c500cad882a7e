//! What holds for every event stream, honest or not, as `images_answer.rs` has it for answers in
//! one piece. Inputs have the same form; what is expected is not told to this reader.

use super::{Answer, Picture, Preview, StreamReader, UpstreamError};

/// An input begins with two cuts of two bytes each and a byte for others; then the body.
const HEAD_BYTES: usize = 5;

/// Symbols of the latest, incomplete group, and its rounding.
const ROUNDING_BYTES: usize = 3;

/// Checks one input.
///
/// # Panics
/// When a stream's outcome depends on how it was cut, or more is held than was sent.
pub fn check(input: &[u8]) {
    let Some((head, body)) = input.split_first_chunk::<HEAD_BYTES>() else {
        return;
    };
    let [a, b, c, d, _] = *head;
    let cut = |place: [u8; 2]| usize::from(u16::from_le_bytes(place)) % (body.len() + 1);
    let (first, second) = (cut([a, b]), cut([c, d]));
    let (first, second) = (first.min(second), first.max(second));
    let whole = outcome([body]);
    let parts = [&body[..first], &body[first..second], &body[second..]];
    assert_eq!(outcome(parts), whole, "cut at {first}, {second}");
    assert_eq!(outcome(body.chunks(1)), whole, "byte by byte");
}

/// What a reader of these pieces comes to, written out.
fn outcome<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    match read(pieces) {
        Ok((previews, answer)) => format!("{previews:?} {answer:?}"),
        Err(error) => format!("{error:?}"),
    }
}

type Read = (Vec<Preview>, Result<Option<Answer>, UpstreamError>);

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Read, UpstreamError> {
    let (mut reader, mut previews) = (StreamReader::default(), Vec::new());
    for piece in pieces {
        let room = reader.decoded_bytes() + piece.len() / 4 * 3 + ROUNDING_BYTES;
        reader.push(piece)?;
        assert!(
            reader.decoded_bytes() <= room,
            "a piece decodes to more than was reserved for it"
        );
        let before = reader.decoded_bytes();
        let taken = reader.take_previews();
        let bytes: usize = taken.iter().map(|preview| preview.bytes.len()).sum();
        assert_eq!(reader.decoded_bytes() + bytes, before);
        previews.extend(taken);
    }
    let decoded_bytes = reader.decoded_bytes();
    let answer = reader.finish();
    if let Ok(Some(answer)) = &answer {
        let pictures = answer.items.iter().map(|item| match &item.picture {
            Picture::Inline(bytes) => bytes.len(),
            Picture::At(_) | Picture::Unusable(_) => 0,
        });
        assert!(
            pictures.sum::<usize>() <= decoded_bytes,
            "a picture was not counted"
        );
        assert!(!answer.items.is_empty());
    }
    Ok((previews, answer))
}
