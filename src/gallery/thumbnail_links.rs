//! Addresses of the function that makes thumbnails, for services that ask for a key: an `<img>`
//! shows none, so the address itself tells that we gave it, and until when it may be used.

use super::{Gallery, ImageId};
use crate::{
    sas::{SasTerms, SharedKey, is_same},
    storage::{BlobStore, StorageError},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use time::OffsetDateTime;

/// What the key of links is derived for. A page cursor is JSON and never this text.
const PURPOSE: &str = "thumbnail links";

/// Sixteen bytes of the 32, as in page cursors.
const TAG_BYTES: usize = 16;

const EXPIRES: &str = "expires";
const SIGNATURE: &str = "signature";

/// Whether a thumbnail's address has to be one that we gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThumbnailLinks {
    /// Whoever knows an image's id may ask for its thumbnail.
    Open,
    /// Only who has an address that was given lately, or the service's key.
    Signed,
}

/// What links of one moment are made with.
pub(super) struct LinkMaker {
    signed: Option<(SharedKey, i64)>,
}

impl LinkMaker {
    /// The function's address for an image.
    pub fn address(&self, image: &ImageId, public_base_url: &str) -> String {
        let id = image.to_text();
        let address = format!("{public_base_url}/api/thumbnails/{id}");
        match &self.signed {
            None => address,
            Some((key, expires)) => {
                let tag = BASE64_URL_SAFE_NO_PAD.encode(tag(key, *expires, &id));
                format!("{address}?{EXPIRES}={expires}&{SIGNATURE}={tag}")
            }
        }
    }
}

impl Gallery {
    /// Links that last as long as signatures of these terms.
    ///
    /// # Errors
    /// [`StorageError`] when the store has no key for them.
    pub(super) async fn link_maker(&self, terms: &SasTerms) -> Result<LinkMaker, StorageError> {
        let expires = terms.expires_at.unix_timestamp();
        let signed = match self.thumbnail_links {
            ThumbnailLinks::Open => None,
            ThumbnailLinks::Signed => Some((link_key(self.store.as_ref()).await?, expires)),
        };
        Ok(LinkMaker { signed })
    }

    /// Whether the query of a thumbnail's address is one that we gave, and its time not over.
    ///
    /// # Errors
    /// [`StorageError`] when the store has no key to tell it by.
    pub async fn is_thumbnail_link(
        &self,
        id: &str,
        query: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StorageError> {
        let value_of = |wanted: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value)
        };
        let expires = value_of(EXPIRES).and_then(|text| text.parse().ok());
        let shown = value_of(SIGNATURE)
            .and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text.as_bytes()).ok());
        let (Some(expires), Some(shown)) = (expires, shown) else {
            return Ok(false);
        };
        let expected = tag(&link_key(self.store.as_ref()).await?, expires, id);
        Ok(is_same(&shown, &expected) && now.unix_timestamp() <= expires)
    }
}

/// The one place that asks the store for its authenticator of links.
async fn link_key(store: &dyn BlobStore) -> Result<SharedKey, StorageError> {
    let key = store.authenticate(PURPOSE.as_bytes()).await?;
    Ok(SharedKey::from_bytes(PURPOSE, key.to_vec()))
}

fn tag(key: &SharedKey, expires: i64, id: &str) -> [u8; TAG_BYTES] {
    let whole = key.authenticate(PURPOSE, format!("{expires}\n{id}").as_bytes());
    std::array::from_fn(|index| whole[index])
}
