//! Addresses of the function that makes thumbnails, for services that ask for a key: an `<img>`
//! shows none, so the address itself tells that we gave it, and until when it may be used.

use super::{Gallery, ImageId};
use crate::{
    sas::{SasTerms, SharedKey, is_same},
    storage::BlobStore,
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

/// The address is none that we gave, or its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a thumbnail's address of this gallery, or too old")]
pub struct InvalidThumbnailLink;

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
    pub(super) fn link_maker(&self, terms: &SasTerms) -> LinkMaker {
        let expires = terms.expires_at.unix_timestamp();
        let is_signed = self.thumbnail_links == ThumbnailLinks::Signed;
        LinkMaker {
            signed: is_signed.then(|| (link_key(self.store.as_ref()), expires)),
        }
    }

    /// Checks the query of a thumbnail's address.
    ///
    /// # Errors
    /// [`InvalidThumbnailLink`].
    pub fn check_thumbnail_link(
        &self,
        id: &str,
        query: &str,
        now: OffsetDateTime,
    ) -> Result<(), InvalidThumbnailLink> {
        let value_of = |wanted: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            let found = pairs.find(|(name, _)| name == wanted);
            found.map(|(_, value)| value).ok_or(InvalidThumbnailLink)
        };
        let expires = value_of(EXPIRES)?
            .parse()
            .map_err(|_| InvalidThumbnailLink)?;
        let shown = BASE64_URL_SAFE_NO_PAD.decode(value_of(SIGNATURE)?.as_bytes());
        let shown = shown.map_err(|_| InvalidThumbnailLink)?;
        let expected = tag(&link_key(self.store.as_ref()), expires, id);
        match is_same(&shown, &expected) && now.unix_timestamp() <= expires {
            true => Ok(()),
            false => Err(InvalidThumbnailLink),
        }
    }
}

/// The one place that asks the store for its authenticator of links.
fn link_key(store: &dyn BlobStore) -> SharedKey {
    let key = store.authenticate(PURPOSE.as_bytes());
    SharedKey::from_bytes(PURPOSE, key.to_vec())
}

fn tag(key: &SharedKey, expires: i64, id: &str) -> [u8; TAG_BYTES] {
    let whole = key.authenticate(PURPOSE, format!("{expires}\n{id}").as_bytes());
    std::array::from_fn(|index| whole[index])
}
