//! Where a page of the list ended: opaque text that only this gallery can make, so that nobody
//! else decides what a list call asks the store for.

use super::ours::Place;
use crate::{gallery::Gallery, sas::is_same, storage::StorageError};
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

/// Why a text is not taken for a cursor.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// It is not one that this gallery gave.
    #[error("not a cursor of this gallery")]
    Invalid,
    /// The store could not tell.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Gallery {
    /// Reads a cursor that [`ImagePage::next_cursor`](crate::gallery::ImagePage) had, on any instance over
    /// the same store.
    ///
    /// # Errors
    /// [`CursorError::Invalid`] for anything else, or what kept the store from telling.
    pub async fn read_cursor(&self, text: &str) -> Result<Cursor, CursorError> {
        let invalid = || CursorError::Invalid;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text);
        let bytes = bytes.map_err(|_| invalid())?;
        let (tag, json) = bytes.split_at_checked(TAG_BYTES).ok_or_else(invalid)?;
        let expected = self.store.authenticate(json).await?;
        match is_same(tag, &expected[..TAG_BYTES]) {
            true => serde_json::from_slice(json).map_err(|_| invalid()),
            false => Err(invalid()),
        }
    }

    /// A cursor as text of URL-safe characters.
    pub(super) async fn cursor_text(&self, cursor: &Cursor) -> Result<String, StorageError> {
        // Texts and numbers always become JSON.
        let json = serde_json::to_vec(cursor).unwrap_or_default();
        let tag = self.store.authenticate(&json).await?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode([&tag[..TAG_BYTES], &json].concat()))
    }
}
