//! What is written into a blob: one or several pieces of memory that are never copied together.

use bytes::Bytes;
use std::{fmt, ops::Range};

/// A blob's whole content, in its order. A clone or a part of it shares its memory.
#[derive(Clone, Default)]
pub struct BlobContent {
    /// None of them empty.
    pieces: Vec<Bytes>,
    length: u64,
}

impl BlobContent {
    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// What it is made of, none of it empty.
    #[must_use]
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// The part that lies in `range`, as far as there is one.
    #[must_use]
    pub fn slice(&self, range: Range<u64>) -> Self {
        let mut start = 0;
        let parts = self.pieces.iter().map(|piece| {
            let length = piece.len() as u64;
            let within = |end: u64| (end.saturating_sub(start).min(length)) as usize;
            let part = within(range.start)..within(range.end).max(within(range.start));
            start += length;
            piece.slice(part)
        });
        parts.collect::<Vec<_>>().into()
    }
}

impl From<Vec<Bytes>> for BlobContent {
    fn from(mut pieces: Vec<Bytes>) -> Self {
        pieces.retain(|piece| !piece.is_empty());
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { pieces, length }
    }
}

impl From<Bytes> for BlobContent {
    fn from(bytes: Bytes) -> Self {
        vec![bytes].into()
    }
}

impl From<Vec<u8>> for BlobContent {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

/// Its form alone: a picture of 4 MB is no news.
impl fmt::Debug for BlobContent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths: Vec<usize> = self.pieces.iter().map(Bytes::len).collect();
        formatter
            .debug_struct("BlobContent")
            .field("piece_lengths", &lengths)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_part_is_that_part_of_the_whole_and_shares_its_memory(
            lengths in prop::collection::vec(0usize..9, 0..6),
            from in 0u64..50,
            to in 0u64..50,
        ) {
            let mut next = 0u8;
            let pieces = lengths.iter().map(|length| {
                let piece: Vec<u8> = (next..).take(*length).collect();
                next += u8::try_from(*length).unwrap();
                Bytes::from(piece)
            });
            let content = BlobContent::from(pieces.collect::<Vec<_>>());
            let whole = content.pieces().concat();
            prop_assert_eq!(content.len(), whole.len() as u64);
            prop_assert_eq!(content.is_empty(), whole.is_empty());
            let part = content.slice(from..to);
            let expected = from.min(content.len()) as usize..to.min(content.len()) as usize;
            let expected = whole.get(expected).unwrap_or_default();
            prop_assert_eq!(part.pieces().concat(), expected);
            prop_assert_eq!(part.len(), expected.len() as u64);
            for piece in part.pieces() {
                prop_assert!(!piece.is_empty());
                let home = content.pieces().iter().any(|whole| {
                    whole.as_ptr_range().contains(&piece.as_ptr())
                });
                prop_assert!(home, "it was copied");
            }
        }
    }

    #[test]
    fn what_it_holds_is_not_shown() {
        let content = BlobContent::from(vec![Bytes::from("secret"), Bytes::from("picture")]);
        assert_eq!(
            format!("{content:?}"),
            "BlobContent { piece_lengths: [6, 7] }"
        );
    }
}
