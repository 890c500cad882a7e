//! JSON texts with pictures in them: the base64 is made piece by piece while the text is sent,
//! so that an answer never holds more of a picture than its bytes.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use serde_json::Value;
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::task::AbortHandle;

/// Bytes of a picture per piece; a multiple of three, so that the pieces' texts join.
const PIECE_BYTES: usize = 48 * 1024;

/// Pictures for a JSON value that is built with their marks.
#[derive(Debug)]
pub struct PictureJson {
    /// Unguessable, so that no text of a caller's can be taken for it.
    mark: String,
    pictures: Vec<Bytes>,
}

/// A caller has this long to read an answer, and a second more for each [`SLOWEST_BYTES`].
const LEAST_TIME: Duration = Duration::from_secs(30);

/// What a caller reads in a second at the least: a poor mobile line.
const SLOWEST_BYTES: u64 = 64 * 1024;

/// A text in pieces, as an answer's body; a picture is let go behind its last piece, or when the
/// caller takes too long to read: pictures that nobody reads would fill the memory for all.
pub struct PictureText {
    /// `None` once the time is over.
    pieces: Arc<Mutex<Option<Pieces>>>,
    bytes_left: usize,
    watchdog: Option<AbortHandle>,
}

/// Bytes of a long text per piece.
const TEXT_PIECE_BYTES: usize = 256 * 1024;

type Pieces = Box<dyn Iterator<Item = Bytes> + Send>;

/// The caller did not read the answer in time.
#[derive(Debug, thiserror::Error)]
#[error("the caller took too long to read the answer")]
pub struct TooSlow;

impl PictureText {
    /// A long text without pictures, let go with all that it `holds` when it is sent or when the
    /// caller takes too long to read. Has to be called within the runtime.
    #[must_use]
    pub fn holding(text: Vec<u8>, holds: impl Send + 'static) -> Self {
        Self::holding_for(text, holds, LEAST_TIME)
    }

    fn holding_for(text: Vec<u8>, holds: impl Send + 'static, least_time: Duration) -> Self {
        let mut rest = Bytes::from(text);
        let bytes_left = rest.len();
        let next_piece = move || {
            let _held = &holds;
            let piece = rest.split_to(rest.len().min(TEXT_PIECE_BYTES));
            (!piece.is_empty()).then_some(piece)
        };
        let pieces: Pieces = Box::new(std::iter::from_fn(next_piece));
        let pieces = Arc::new(Mutex::new(Some(pieces)));
        let time = least_time + Duration::from_secs(bytes_left as u64 / SLOWEST_BYTES);
        Self {
            bytes_left,
            watchdog: Some(take_away_after(time, pieces.clone())),
            pieces,
        }
    }
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

    /// The text of `json` with the pictures' base64 in place of their marks. With pictures it
    /// has to be called within the runtime, which watches the time.
    #[must_use]
    pub fn into_text(self, json: &Value) -> PictureText {
        self.into_text_for(json, LEAST_TIME)
    }

    fn into_text_for(self, json: &Value, least_time: Duration) -> PictureText {
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
        let bytes_left = parts.iter().map(Part::length).sum();
        let pieces: Pieces = Box::new(parts.into_iter().flat_map(Part::into_pieces));
        let pieces = Arc::new(Mutex::new(Some(pieces)));
        let time = least_time + Duration::from_secs(bytes_left as u64 / SLOWEST_BYTES);
        PictureText {
            bytes_left,
            watchdog: (!self.pictures.is_empty()).then(|| take_away_after(time, pieces.clone())),
            pieces,
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

fn take_away_after(time: Duration, pieces: Arc<Mutex<Option<Pieces>>>) -> AbortHandle {
    let watch = async move {
        tokio::time::sleep(time).await;
        drop(lock(&pieces).take());
    };
    tokio::spawn(watch).abort_handle()
}

fn lock(pieces: &Mutex<Option<Pieces>>) -> MutexGuard<'_, Option<Pieces>> {
    pieces.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for PictureText {
    fn drop(&mut self) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.abort();
        }
        // An aborted task may hold its part of the pieces for a moment longer.
        drop(lock(&self.pieces).take());
    }
}

impl Body for PictureText {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        let Some(piece) = lock(&self.pieces).as_mut().map(Iterator::next) else {
            return Poll::Ready(Some(Err(TooSlow)));
        };
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
    use std::task::Waker;
    use tokio::sync::oneshot;

    fn read(mut text: PictureText) -> Result<Vec<u8>, TooSlow> {
        let mut context = Context::from_waker(Waker::noop());
        let mut whole = Vec::new();
        while let Poll::Ready(Some(frame)) = Pin::new(&mut text).poll_frame(&mut context) {
            whole.extend(frame?.into_data().unwrap());
        }
        Ok(whole)
    }

    #[tokio::test]
    async fn the_text_is_the_json_with_the_pictures_in_it() {
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
            let whole = read(text).unwrap();
            assert_eq!(Some(whole.len() as u64), length);
            let expected = json!({"a": BASE64_STANDARD.encode(&picture), "b": ["aGk=", "c"]});
            let parsed: Value = serde_json::from_slice(&whole).unwrap();
            assert_eq!(parsed, expected);
        }
    }

    /// Says when the last holder of a picture has let go of it.
    struct Watched(Option<oneshot::Sender<()>>);

    impl AsRef<[u8]> for Watched {
        fn as_ref(&self) -> &[u8] {
            b"picture"
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            self.0.take().unwrap().send(()).unwrap();
        }
    }

    #[tokio::test]
    async fn a_picture_that_nobody_reads_is_let_go_and_its_answer_breaks_off() {
        let (sender, gone) = oneshot::channel();
        let mut pictures = PictureJson::default();
        let picture = pictures.add(Bytes::from_owner(Watched(Some(sender))));
        let text = pictures.into_text_for(&json!([picture]), Duration::from_millis(10));
        gone.await.unwrap();
        assert!(read(text).is_err());
    }

    #[tokio::test]
    async fn what_a_long_text_holds_is_let_go_with_it_read_or_not() {
        let long: Vec<u8> = (0..=2 * TEXT_PIECE_BYTES)
            .map(|index| index as u8)
            .collect();
        for length in [0, 1, TEXT_PIECE_BYTES, long.len()] {
            let (sender, gone) = oneshot::channel();
            let text = PictureText::holding(long[..length].to_vec(), Watched(Some(sender)));
            assert_eq!(text.size_hint().exact(), Some(length as u64));
            assert_eq!(read(text).unwrap(), long[..length]);
            gone.await.unwrap();
        }
        let (sender, gone) = oneshot::channel();
        let soon = Duration::from_millis(10);
        let text = PictureText::holding_for(vec![1], Watched(Some(sender)), soon);
        gone.await.unwrap();
        assert!(read(text).is_err());
    }
}
