//! Reads images answers within a request's memory: a piece is taken from the connection only
//! when there is room for what it decodes to, so that the upstream waits for us.

use super::answer::{Answer, AnswerReader};
use crate::{
    images::memory::{MemoryShare, Reservation},
    openai::{AnswerBody, ReadAnswer, UpstreamError},
};

/// No more is reserved at once on an answer's own word about its length.
const MOST_ON_TRUST: usize = 64 * 1024 * 1024;

/// Reads answers into one request's share of the memory.
#[derive(Debug)]
pub(super) struct MeteredReader<'a> {
    pub memory: &'a MemoryShare,
}

impl ReadAnswer for MeteredReader<'_> {
    type Output = (Answer, Reservation);

    async fn read(&self, body: &mut AnswerBody) -> Result<Self::Output, UpstreamError> {
        let declared = body.declared_length().map(decoded_length);
        let mut reservation = body.pause(self.memory.reserve(declared)).await?;
        let mut reader = AnswerReader::new(reservation.bytes());
        while let Some(piece) = body.next_piece().await? {
            let needed = reader.decoded_bytes() + piece.len() / 4 * 3;
            if needed > reservation.bytes() {
                body.pause(reservation.ensure(needed)).await?;
            }
            reader.push(&piece)?;
        }
        Ok((reader.finish()?, reservation))
    }
}

/// The most that a text of this length decodes to: four symbols are three bytes.
fn decoded_length(text: u64) -> usize {
    let bytes = usize::try_from(text / 4 * 3).unwrap_or(usize::MAX);
    bytes.min(MOST_ON_TRUST)
}
