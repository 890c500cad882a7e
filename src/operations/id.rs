//! What an operation is called: when it was accepted, for the order of the state container, and
//! enough chance that nobody can guess it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use time::OffsetDateTime;

/// Hexadecimal digits of a version 4 UUID, 122 bits of them by chance.
const CHANCE_DIGITS: usize = 32;

/// Whoever has it may see the operation's result and cancel it, so it goes to its caller alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperationId(String);

/// The text is no id that we gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an operation")]
pub struct InvalidOperationId;

impl OperationId {
    /// Hexadecimal digits of the milliseconds since 1970: enough until the year 10889.
    pub(super) const TIME_DIGITS: usize = 12;

    /// The id of an operation that is accepted at `now`.
    #[must_use]
    pub fn new(now: OffsetDateTime) -> Self {
        let millis = now.unix_timestamp_nanos() / 1_000_000;
        let millis = u64::try_from(millis).unwrap_or(0) & ((1 << (4 * Self::TIME_DIGITS)) - 1);
        let digits = Self::TIME_DIGITS;
        let chance = uuid::Uuid::new_v4().simple();
        Self(format!("{millis:0digits$x}{chance}"))
    }

    /// Reads an id.
    ///
    /// # Errors
    /// [`InvalidOperationId`] for what none of ours looks like.
    pub fn parse(text: &str) -> Result<Self, InvalidOperationId> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_id = text.len() == Self::TIME_DIGITS + CHANCE_DIGITS && text.bytes().all(is_digit);
        is_id
            .then(|| Self(text.to_owned()))
            .ok_or(InvalidOperationId)
    }

    /// As text of lower-case hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the operation was accepted, by the clock of the process that did.
    #[must_use]
    pub fn created_at(&self) -> OffsetDateTime {
        let millis = i128::from_str_radix(&self.0[..Self::TIME_DIGITS], 16).unwrap_or(0);
        OffsetDateTime::from_unix_timestamp_nanos(millis * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// What the operation's images carry: it tells them from others and opens nothing.
    #[must_use]
    pub fn mark(&self) -> String {
        hexadecimal(&Sha256::digest(&self.0)[..16])
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for OperationId {
    type Error = InvalidOperationId;

    fn try_from(text: String) -> Result<Self, InvalidOperationId> {
        Self::parse(&text)
    }
}

impl From<OperationId> for String {
    fn from(id: OperationId) -> Self {
        id.0
    }
}

/// Two lower-case digits for each byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn later_ids_sort_behind_earlier_ones_and_tell_their_time() {
        let moments = [
            datetime!(1970-01-01 00:00:00 UTC),
            datetime!(2026-11-21 10:00:00.001 UTC),
            datetime!(2026-11-21 10:00:00.002 UTC),
            datetime!(9999-12-31 23:59:59 UTC),
        ];
        let ids = moments.map(OperationId::new);
        assert!(ids.is_sorted_by_key(OperationId::as_str));
        assert_eq!(ids.clone().map(|id| id.created_at()), moments);
        for id in ids {
            assert_eq!(OperationId::parse(id.as_str()), Ok(id));
        }
    }

    #[test]
    fn no_two_ids_or_marks_are_alike_and_a_mark_does_not_tell_the_id() {
        let now = datetime!(2026-11-21 10:00:00 UTC);
        let (one, other) = (OperationId::new(now), OperationId::new(now));
        assert_ne!(one, other);
        assert_ne!(one.mark(), other.mark());
        assert!(!one.as_str().contains(&one.mark()) && !one.mark().contains(one.as_str()));
    }

    #[test]
    fn what_none_of_ours_looks_like_is_no_id() {
        let good = OperationId::new(OffsetDateTime::UNIX_EPOCH);
        for text in [
            "",
            "../keys/x",
            &good.as_str().to_ascii_uppercase().replace('0', "A"),
            &good.as_str()[1..],
            &format!("{good}0"),
            &format!("{}/", &good.as_str()[1..]),
        ] {
            assert_eq!(OperationId::parse(text), Err(InvalidOperationId), "{text}");
        }
    }
}
