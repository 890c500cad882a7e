//! Where a page of the list ended: opaque text that only this gallery can make, so that nobody
//! else decides what a list call asks the store for.

use super::ours::Place;
use crate::{gallery::Gallery, sas::is_same};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// Sixteen bytes of the 32: nobody can try more than a few million.
const TAG_BYTES: usize = 16;

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Where our own images go on.
    pub(super) ours: Place,
    /// Time and path of the last old image that was given.
    pub(super) old: Option<(u64, String)>,
}

/// The text is not a cursor that this gallery gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this gallery")]
pub struct InvalidCursor;

impl Gallery {
    /// Reads a cursor that [`ImagePage::next_cursor`](crate::gallery::ImagePage) had, on any instance over
    /// the same store.
    ///
    /// # Errors
    /// [`InvalidCursor`] for anything else.
    pub fn read_cursor(&self, text: &str) -> Result<Cursor, InvalidCursor> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text);
        let bytes = bytes.map_err(|_| InvalidCursor)?;
        let (tag, json) = bytes.split_at_checked(TAG_BYTES).ok_or(InvalidCursor)?;
        let expected = self.store.authenticate(json);
        match is_same(tag, &expected[..TAG_BYTES]) {
            true => serde_json::from_slice(json).map_err(|_| InvalidCursor),
            false => Err(InvalidCursor),
        }
    }

    /// A cursor as text of URL-safe characters.
    pub(super) fn cursor_text(&self, cursor: &Cursor) -> String {
        // Texts and numbers always become JSON.
        let json = serde_json::to_vec(cursor).unwrap_or_default();
        let tag = self.store.authenticate(&json);
        BASE64_URL_SAFE_NO_PAD.encode([&tag[..TAG_BYTES], &json].concat())
    }
}
