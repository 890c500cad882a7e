//! Reads images answers within a request's memory: a piece is taken from the connection only
//! when there is room for what it decodes to, so that the upstream waits for us.

use super::answer::{Answer, AnswerReader, Preview, StreamReader};
use crate::{
    images::{
        PartialImage, PartialImages, inspect,
        memory::{MemoryShare, Reservation},
    },
    openai::{AnswerBody, ReadAnswer, UpstreamError},
};
use bytes::Bytes;
use std::time::Duration;
use tokio::time::Instant;

/// No more is reserved at once on an answer's own word about its length.
const MOST_ON_TRUST: usize = 64 * 1024 * 1024;

/// Behind a stream's picture there may be an error to hear of, or nothing but an open connection:
/// the picture waits no longer than this.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Reads answers into one request's share of the memory.
#[derive(Debug)]
pub(super) struct MeteredReader<'a> {
    pub memory: &'a MemoryShare,
    /// Where an event stream was asked for. A server that knows none answers as ever.
    pub previews: Option<Previews<'a>>,
}

/// Where the previews of one picture go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Previews<'a> {
    pub reader: &'a PartialImages,
    /// Which picture of the request it is.
    pub image_index: u8,
}

impl Previews<'_> {
    /// What is no picture is not missed.
    fn offer(self, preview: Preview, reservation: &mut Reservation) {
        let bytes = reservation.hold(preview.bytes);
        if let Some((format, _)) = inspect(&bytes) {
            self.reader.offer(PartialImage {
                image_index: self.image_index,
                partial_index: preview.index,
                bytes,
                format,
            });
        }
    }
}

impl ReadAnswer for MeteredReader<'_> {
    type Output = (Answer, Reservation);

    fn accepts(&self) -> &'static str {
        match self.previews {
            Some(_) => "text/event-stream, application/json",
            None => "application/json",
        }
    }

    async fn read(&self, body: &mut AnswerBody) -> Result<Self::Output, UpstreamError> {
        match self.previews {
            Some(previews) if body.is_event_stream() => self.read_stream(body, previews).await,
            _ => self.read_whole(body).await,
        }
    }
}

impl MeteredReader<'_> {
    async fn read_whole(
        &self,
        body: &mut AnswerBody,
    ) -> Result<(Answer, Reservation), UpstreamError> {
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

    /// A stream begins long before its first picture, so nothing is reserved on a guess.
    async fn read_stream(
        &self,
        body: &mut AnswerBody,
        previews: Previews<'_>,
    ) -> Result<(Answer, Reservation), UpstreamError> {
        let mut reservation = body.pause(self.memory.reserve(Some(0))).await?;
        let mut reader = StreamReader::default();
        let read = read_events(body, &mut reader, &mut reservation, previews).await;
        // Whatever broke it off, what had come by then is paid for.
        let answer = match (reader.finish()?, read) {
            (Some(answer), _) => answer,
            (None, Err(error)) => return Err(error),
            (None, Ok(())) => {
                return Err(UpstreamError::Malformed {
                    reason: "its event stream ended without a picture",
                });
            }
        };
        Ok((answer, reservation))
    }
}

async fn read_events(
    body: &mut AnswerBody,
    reader: &mut StreamReader,
    reservation: &mut Reservation,
    previews: Previews<'_>,
) -> Result<(), UpstreamError> {
    let mut end = None;
    while let Some(piece) = next_piece(body, end).await? {
        let needed = reader.decoded_bytes() + piece.len() / 4 * 3;
        if needed > reservation.bytes() {
            body.pause(reservation.ensure(needed)).await?;
        }
        reader.push(&piece)?;
        for preview in reader.take_previews() {
            previews.offer(preview, reservation);
        }
        if reader.is_over() {
            end.get_or_insert_with(|| Instant::now() + LAST_WORDS);
        }
    }
    Ok(())
}

/// The next piece; `None` at the body's end, or at `end`.
async fn next_piece(
    body: &mut AnswerBody,
    end: Option<Instant>,
) -> Result<Option<Bytes>, UpstreamError> {
    match end {
        None => body.next_piece().await,
        Some(end) => tokio::time::timeout_at(end, body.next_piece())
            .await
            .unwrap_or(Ok(None)),
    }
}

/// The most that a text of this length decodes to: four symbols are three bytes.
fn decoded_length(text: u64) -> usize {
    let bytes = usize::try_from(text / 4 * 3).unwrap_or(usize::MAX);
    bytes.min(MOST_ON_TRUST)
}
