//! Shared access signatures as pure functions: no clock, no network. The rules are Microsoft's,
//! "Create a service SAS", "Create a user delegation SAS" and "Create an account SAS", for the
//! version that [`VERSION`] names.

mod delegation;
mod verify;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use time::{
    Duration, OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description,
};

pub use delegation::{
    DelegationKey, KeyPeriod, MOST_DELEGATED_MINUTES, OutlivesKey, key_period, user_delegation_sas,
};
pub use verify::{SasRejection, verify_service_sas};

/// The service version that every signature names (`sv`): it fixes the string that is signed.
pub const VERSION: &str = "2022-11-02";

/// Everything but RFC 3986's unreserved characters is escaped in a query value.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Times to the second in UTC; all that we sign are in UTC.
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// An account's name and key: what a signature is made with.
#[derive(Debug, Clone)]
pub struct SharedKey {
    account: String,
    key: SecretSlice<u8>,
}

/// The key text is not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the account key is not base64")]
pub struct InvalidKey;

impl SharedKey {
    /// Reads a key as the portal shows it, in base64.
    ///
    /// # Errors
    /// [`InvalidKey`] when `key_base64` is not base64 or is empty.
    pub fn from_base64(account: &str, key_base64: &str) -> Result<Self, InvalidKey> {
        let key = BASE64_STANDARD
            .decode(key_base64.trim())
            .map_err(|_| InvalidKey)?;
        if key.is_empty() {
            return Err(InvalidKey);
        }
        Ok(Self::from_bytes(account, key))
    }

    /// Takes a raw key of any length.
    #[must_use]
    pub fn from_bytes(account: &str, key: Vec<u8>) -> Self {
        Self {
            account: account.to_owned(),
            key: key.into(),
        }
    }

    /// The account that the key belongs to.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The key as the portal shows it, in base64.
    #[must_use]
    pub fn to_base64(&self) -> SecretString {
        BASE64_STANDARD.encode(self.key.expose_secret()).into()
    }

    /// An authenticator of a message that is no signature. Its key is derived from this one for
    /// `purpose` alone, so that no message of one purpose can stand in for another's, or for a
    /// string that is signed.
    #[must_use]
    pub fn authenticate(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        let derived = hmac(self.key.expose_secret(), purpose.as_bytes());
        let derived = derived.finalize().into_bytes();
        hmac(&derived, message).finalize().into_bytes().into()
    }

    fn hmac(&self, string_to_sign: &str) -> Hmac<Sha256> {
        hmac(self.key.expose_secret(), string_to_sign.as_bytes())
    }

    fn sign(&self, string_to_sign: &str) -> String {
        BASE64_STANDARD.encode(self.hmac(string_to_sign).finalize().into_bytes())
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    #[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message);
    mac
}

/// Whether two texts are the same, in a time that only their lengths tell.
#[must_use]
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).map(|(one, other)| one ^ other);
    one.len() == other.len() && differences.fold(0, |all, difference| all | difference) == 0
}

/// Over which protocols a signature may be used (`spr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SasProtocol {
    /// Only over https.
    Https,
    /// Also over http: for a store on this machine.
    HttpsAndHttp,
}

impl SasProtocol {
    fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::HttpsAndHttp => "https,http",
        }
    }
}

/// What a signature allows, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SasTerms {
    /// Permission letters in the service's own order, `r` for read only.
    pub permissions: String,
    /// First moment of validity, in UTC, to the second (`st`).
    pub starts_at: OffsetDateTime,
    /// Last moment of validity, in UTC, to the second (`se`).
    pub expires_at: OffsetDateTime,
    /// Allowed protocols (`spr`).
    pub protocol: SasProtocol,
}

/// What a service SAS gives access to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SasResource<'a> {
    /// One blob (`sr=b`).
    Blob {
        /// The container's name.
        container: &'a str,
        /// The blob's whole name, unescaped.
        blob: &'a str,
    },
    /// Every blob of a container (`sr=c`).
    Container {
        /// The container's name.
        container: &'a str,
    },
}

impl SasResource<'_> {
    fn code(&self) -> &'static str {
        match self {
            Self::Blob { .. } => "b",
            Self::Container { .. } => "c",
        }
    }

    fn canonical(&self, account: &str) -> String {
        match self {
            Self::Blob { container, blob } => format!("/blob/{account}/{container}/{blob}"),
            Self::Container { container } => format!("/blob/{account}/{container}"),
        }
    }
}

/// A service SAS as a query string without `?`.
/// Rule: <https://learn.microsoft.com/rest/api/storageservices/create-service-sas>.
#[must_use]
pub fn service_sas(key: &SharedKey, resource: SasResource<'_>, terms: &SasTerms) -> String {
    let (start, expiry) = (format_time(terms.starts_at), format_time(terms.expires_at));
    let signature = key.sign(&service_string_to_sign(
        key, resource, terms, &start, &expiry,
    ));
    query_string(&[
        ("sv", VERSION),
        ("st", &start),
        ("se", &expiry),
        ("sr", resource.code()),
        ("sp", &terms.permissions),
        ("spr", terms.protocol.as_str()),
        ("sig", &signature),
    ])
}

fn service_string_to_sign(
    key: &SharedKey,
    resource: SasResource<'_>,
    terms: &SasTerms,
    start: &str,
    expiry: &str,
) -> String {
    [
        &terms.permissions,
        start,
        expiry,
        &resource.canonical(&key.account),
        "", // stored access policy
        &what_all_sign(resource, terms),
    ]
    .join("\n")
}

/// What the strings end with that are signed for a blob or a container, whatever the key.
fn what_all_sign(resource: SasResource<'_>, terms: &SasTerms) -> String {
    [
        "", // allowed addresses
        terms.protocol.as_str(),
        VERSION,
        resource.code(),
        "", // snapshot
        "", // encryption scope
        "", // rscc, Cache-Control of the answer
        "", // rscd, Content-Disposition
        "", // rsce, Content-Encoding
        "", // rscl, Content-Language
        "", // rsct, Content-Type
    ]
    .join("\n")
}

/// An account SAS for the blob service over services, containers and objects
/// (`ss=b`, `srt=sco`), as a query string without `?`.
/// Rule: <https://learn.microsoft.com/rest/api/storageservices/create-account-sas>.
#[must_use]
pub fn account_sas(key: &SharedKey, terms: &SasTerms) -> String {
    const SERVICES: &str = "b";
    const RESOURCE_TYPES: &str = "sco";
    let (start, expiry) = (format_time(terms.starts_at), format_time(terms.expires_at));
    let string_to_sign = [
        &key.account,
        &terms.permissions,
        SERVICES,
        RESOURCE_TYPES,
        &start,
        &expiry,
        "", // allowed addresses
        terms.protocol.as_str(),
        VERSION,
        "", // encryption scope
        "", // the rule ends with a line feed
    ]
    .join("\n");
    query_string(&[
        ("sv", VERSION),
        ("ss", SERVICES),
        ("srt", RESOURCE_TYPES),
        ("sp", &terms.permissions),
        ("se", &expiry),
        ("st", &start),
        ("spr", terms.protocol.as_str()),
        ("sig", &key.sign(&string_to_sign)),
    ])
}

/// When signatures made at `now` start and end: both lie on a grid of 15 minutes, so that one
/// blob has one URL within a window, on every instance, and browsers can keep its picture.
/// The start lies five minutes before the window, for clocks that are behind; at least
/// `minutes_left` minutes remain at any moment of the window.
#[must_use]
pub fn signature_window(
    now: OffsetDateTime,
    minutes_left: u16,
) -> (OffsetDateTime, OffsetDateTime) {
    let seconds_into_window = now.unix_timestamp().rem_euclid(15 * 60);
    let window_start = now - Duration::seconds(seconds_into_window);
    let window_start = window_start.replace_nanosecond(0).unwrap_or(window_start);
    let starts_at = window_start - Duration::minutes(5);
    let expires_at = window_start + Duration::minutes(15 + i64::from(minutes_left));
    (starts_at, expires_at)
}

/// Percent-encodes each segment of a blob's name and keeps its slashes.
#[must_use]
pub fn encode_blob_path(name: &str) -> String {
    name.split('/')
        .map(|segment| utf8_percent_encode(segment, QUERY_VALUE).to_string())
        .collect::<Vec<_>>()
        .join("/")
}

/// A moment in UTC as signatures and their keys write it.
pub(crate) fn format_time(moment: OffsetDateTime) -> String {
    #[allow(clippy::expect_used, reason = "every component exists in every date")]
    moment
        .format(TIME)
        .expect("every component exists in every date")
}

fn query_string(pairs: &[(&str, &str)]) -> String {
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY_VALUE)))
        .collect::<Vec<_>>()
        .join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_same_window_gives_the_same_times_and_enough_minutes_remain() {
        let early = signature_window(datetime!(2026-11-21 10:15:00 UTC), 30);
        let late = signature_window(datetime!(2026-11-21 10:29:59.999 UTC), 30);
        assert_eq!(early, late);
        assert_eq!(early.0, datetime!(2026-11-21 10:10:00 UTC));
        assert_eq!(early.1, datetime!(2026-11-21 11:00:00 UTC));
        assert_ne!(
            early,
            signature_window(datetime!(2026-11-21 10:30:00 UTC), 30)
        );
    }

    /// The authenticator was made with Python's `hmac`.
    #[test]
    fn an_authenticator_has_a_key_of_its_own_for_each_purpose() {
        let key = SharedKey::from_base64("acct", "c2VjcmV0LWtleQ==").unwrap();
        let hexadecimal = |bytes: [u8; 32]| bytes.map(|byte| format!("{byte:02x}")).concat();
        let made = key.authenticate("page cursors", b"message");
        assert_eq!(
            hexadecimal(made),
            "14d80a0fa192fc8d902994b7afd5d5c12c86f34ef057b82b63681b35f5deef9b"
        );
        assert_ne!(made, key.authenticate("other", b"message"));
        assert_ne!(made, key.authenticate("page cursors", b"messagf"));
        assert_ne!(BASE64_STANDARD.encode(made), key.sign("message"));
    }

    #[test]
    fn each_segment_of_a_blob_path_is_escaped() {
        assert_eq!(
            encode_blob_path("a b/ü?#%.png"),
            "a%20b/%C3%BC%3F%23%25.png"
        );
    }

    #[test]
    fn debug_hides_the_key() {
        let key = SharedKey::from_base64("acct", "c2VjcmV0LWtleQ==").unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains("acct") && !shown.contains("secret-key"));
        assert!(!shown.contains("115, 101"), "{shown}");
    }
}
