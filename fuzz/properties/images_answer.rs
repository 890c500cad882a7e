//! What holds for every images answer, honest or not. The fuzz target and an ordinary test that
//! replays the corpus both include this file, and bring the reader into scope.

use super::{Answer, AnswerReader, Picture, UpstreamError};

/// An input begins with two cuts of two bytes each and what is expected, in KiB; then the body.
const HEAD_BYTES: usize = 5;

/// Symbols of the latest, incomplete group, and its rounding.
const ROUNDING_BYTES: usize = 3;

/// Checks one input.
///
/// # Panics
/// When an answer's outcome depends on how it was cut, or more is held than was sent.
pub fn check(input: &[u8]) {
    let Some((head, body)) = input.split_first_chunk::<HEAD_BYTES>() else {
        return;
    };
    let [a, b, c, d, kibibytes] = *head;
    let cut = |place: [u8; 2]| usize::from(u16::from_le_bytes(place)) % (body.len() + 1);
    let (first, second) = (cut([a, b]), cut([c, d]));
    let (first, second) = (first.min(second), first.max(second));
    let expected_bytes = usize::from(kibibytes) * 1024;
    let whole = outcome([body], 0);
    let parts = [&body[..first], &body[first..second], &body[second..]];
    assert_eq!(
        outcome(parts, expected_bytes),
        whole,
        "cut at {first}, {second}"
    );
    assert_eq!(
        outcome(body.chunks(1), expected_bytes),
        whole,
        "byte by byte"
    );
}

/// What a reader of these pieces comes to, written out.
fn outcome<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, expected_bytes: usize) -> String {
    match read(pieces, expected_bytes) {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("{error:?}"),
    }
}

fn read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    expected_bytes: usize,
) -> Result<Answer, UpstreamError> {
    let mut reader = AnswerReader::new(expected_bytes);
    let mut pushed_bytes = 0;
    for piece in pieces {
        let room = reader.decoded_bytes() + piece.len() / 4 * 3 + ROUNDING_BYTES;
        reader.push(piece)?;
        pushed_bytes += piece.len();
        let decoded_bytes = reader.decoded_bytes();
        assert!(
            decoded_bytes <= room,
            "a piece decodes to more than was reserved for it"
        );
        assert!(decoded_bytes <= pushed_bytes / 4 * 3 + ROUNDING_BYTES);
    }
    let decoded_bytes = reader.decoded_bytes();
    let answer = reader.finish()?;
    let pictures = answer.items.iter().map(|item| match &item.picture {
        Picture::Inline(bytes) => bytes.len(),
        Picture::At(_) | Picture::Unusable(_) => 0,
    });
    assert!(
        pictures.sum::<usize>() <= decoded_bytes,
        "a picture was not counted"
    );
    assert!(!answer.items.is_empty());
    Ok(answer)
}
