//! User delegation SAS: signed with a key that the service gives to an identity for a few hours
//! or days, instead of the account's own, and never valid for longer than that key.

use super::{
    SasResource, SasTerms, SharedKey, VERSION, format_time, query_string, signature_window,
    what_all_sign,
};
use time::{Duration, OffsetDateTime};

/// Keys are asked for by slots of this length, which begin at the same moments everywhere.
const SLOT_MINUTES: i64 = 6 * 60;

/// A key is good so long before its slot: signatures start five minutes early, and clocks differ.
const HEAD_START_MINUTES: i64 = 15;

/// A key outlives the longest signature of its slot by so much. For that long a failing renewal
/// harms nobody.
const SPARE_MINUTES: i64 = 60;

/// The window of a signature's grid ([`signature_window`]).
const WINDOW_MINUTES: i64 = 15;

/// The service gives no key for more than seven days
/// (<https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key>).
const LONGEST_KEY_MINUTES: i64 = 7 * 24 * 60;

/// The most minutes that [`signature_window`] can be asked for where signatures need a user
/// delegation key: the rest of its seven days goes to the slot and to what is left on both sides.
pub const MOST_DELEGATED_MINUTES: u16 = 9630;

const _: () = assert!(
    LONGEST_KEY_MINUTES - SLOT_MINUTES - HEAD_START_MINUTES - SPARE_MINUTES - WINDOW_MINUTES
        == MOST_DELEGATED_MINUTES as i64
);

/// A user delegation key with all that its signatures have to say of it.
#[derive(Debug, Clone)]
pub struct DelegationKey {
    /// The identity that it was given to (`skoid`).
    pub object_id: String,
    /// The identity's tenant (`sktid`).
    pub tenant_id: String,
    /// Its first moment, in UTC, to the second (`skt`).
    pub starts_at: OffsetDateTime,
    /// Its last moment, in UTC, to the second (`ske`).
    pub expires_at: OffsetDateTime,
    /// The service that it is for, `b` (`sks`).
    pub service: String,
    /// The service version that made it (`skv`).
    pub version: String,
    /// The account that it opens, and its secret.
    pub key: SharedKey,
}

/// The terms go beyond the end of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature would outlive its user delegation key")]
pub struct OutlivesKey;

/// A service SAS under a user delegation key as a query string without `?`.
/// Rule: <https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas>.
///
/// # Errors
/// [`OutlivesKey`]: the service would refuse it before its own end.
pub fn user_delegation_sas(
    key: &DelegationKey,
    resource: SasResource<'_>,
    terms: &SasTerms,
) -> Result<String, OutlivesKey> {
    if terms.expires_at > key.expires_at {
        return Err(OutlivesKey);
    }
    let [start, expiry, key_start, key_expiry] = [
        terms.starts_at,
        terms.expires_at,
        key.starts_at,
        key.expires_at,
    ]
    .map(format_time);
    let string_to_sign = [
        terms.permissions.as_str(),
        &start,
        &expiry,
        &resource.canonical(key.key.account()),
        &key.object_id,
        &key.tenant_id,
        &key_start,
        &key_expiry,
        &key.service,
        &key.version,
        "", // saoid, an authorized user
        "", // suoid, an unauthorized user
        "", // scid, a correlation id
        &what_all_sign(resource, terms),
    ]
    .join("\n");
    Ok(query_string(&[
        ("sv", VERSION),
        ("st", &start),
        ("se", &expiry),
        ("skoid", &key.object_id),
        ("sktid", &key.tenant_id),
        ("skt", &key_start),
        ("ske", &key_expiry),
        ("sks", &key.service),
        ("skv", &key.version),
        ("sr", resource.code()),
        ("sp", &terms.permissions),
        ("spr", terms.protocol.as_str()),
        ("sig", &key.key.sign(&string_to_sign)),
    ]))
}

/// From when to when a key is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPeriod {
    /// Its first moment.
    pub starts_at: OffsetDateTime,
    /// Its last.
    pub expires_at: OffsetDateTime,
}

/// Which key signs at `now`, where signatures have `minutes_left` as in [`signature_window`], up
/// to [`MOST_DELEGATED_MINUTES`]. It depends on the slot alone, so that all instances ask for the
/// same key; a service that derives keys from what is asked for, as Azurite does, gives them the
/// same one, and they the same URLs.
#[must_use]
pub fn key_period(now: OffsetDateTime, minutes_left: u16) -> KeyPeriod {
    let seconds_into_slot = now.unix_timestamp().rem_euclid(SLOT_MINUTES * 60);
    let slot_start = now - Duration::seconds(seconds_into_slot);
    let slot_start = slot_start.replace_nanosecond(0).unwrap_or(slot_start);
    let longest_signature = WINDOW_MINUTES + i64::from(minutes_left);
    KeyPeriod {
        starts_at: slot_start - Duration::minutes(HEAD_START_MINUTES),
        expires_at: slot_start
            + Duration::minutes(SLOT_MINUTES + longest_signature + SPARE_MINUTES),
    }
}

impl DelegationKey {
    /// Whether a signature of [`signature_window`] that is made at `now` ends before this key.
    #[must_use]
    pub fn serves(&self, now: OffsetDateTime, minutes_left: u16) -> bool {
        self.starts_at <= now && signature_window(now, minutes_left).1 <= self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sas::SasProtocol;
    use proptest::prelude::*;
    use time::macros::datetime;

    fn key(period: KeyPeriod) -> DelegationKey {
        DelegationKey {
            object_id: "oid".to_owned(),
            tenant_id: "tid".to_owned(),
            starts_at: period.starts_at,
            expires_at: period.expires_at,
            service: "b".to_owned(),
            version: VERSION.to_owned(),
            key: SharedKey::from_bytes("acct", b"secret".to_vec()),
        }
    }

    fn sign(key: &DelegationKey, now: OffsetDateTime, minutes: u16) -> Result<String, OutlivesKey> {
        let (starts_at, expires_at) = signature_window(now, minutes);
        let terms = SasTerms {
            permissions: "r".to_owned(),
            starts_at,
            expires_at,
            protocol: SasProtocol::Https,
        };
        let container = SasResource::Container { container: "c" };
        user_delegation_sas(key, container, &terms)
    }

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn a_key_is_of_its_slot_whoever_asks() {
        let early = key_period(datetime!(2026-11-21 06:00:00 UTC), 30);
        let late = key_period(datetime!(2026-11-21 11:59:59.999 UTC), 30);
        assert_eq!(early, late);
        assert_eq!(early.starts_at, datetime!(2026-11-21 05:45:00 UTC));
        assert_eq!(early.expires_at, datetime!(2026-11-21 13:45:00 UTC));
        let next = key_period(datetime!(2026-11-21 12:00:00 UTC), 30);
        assert_eq!(next.starts_at, datetime!(2026-11-21 11:45:00 UTC));
    }

    proptest! {
        #[test]
        fn no_signature_outlives_its_key_and_no_key_its_seven_days(
            seconds in 1_000_000_000i64..4_000_000_000,
            minutes in 1..=MOST_DELEGATED_MINUTES,
        ) {
            let now = at(seconds);
            let period = key_period(now, minutes);
            let (starts_at, expires_at) = signature_window(now, minutes);
            prop_assert!(period.starts_at <= starts_at);
            prop_assert!(expires_at + Duration::minutes(10) <= period.expires_at);
            prop_assert!(period.expires_at - period.starts_at <= Duration::days(7));
            prop_assert!(key(period).serves(now, minutes));
            prop_assert!(sign(&key(period), now, minutes).is_ok());
        }

        /// A key that was not renewed signs as long as it serves, and not a second longer.
        #[test]
        fn an_old_key_signs_while_it_outlives_what_it_signs(
            seconds in 1_000_000_000i64..4_000_000_000,
            later in 0i64..12 * 3600,
            minutes in 1..=MOST_DELEGATED_MINUTES,
        ) {
            let old = key(key_period(at(seconds), minutes));
            let now = at(seconds + later);
            prop_assert_eq!(old.serves(now, minutes), sign(&old, now, minutes).is_ok());
        }
    }

    #[test]
    fn a_renewal_may_fail_for_an_hour() {
        let old = key(key_period(datetime!(2026-11-21 11:59:00 UTC), 30));
        assert!(old.serves(datetime!(2026-11-21 12:59:59 UTC), 30));
        assert!(!old.serves(datetime!(2026-11-21 13:15:00 UTC), 30));
    }

    #[test]
    fn debug_hides_the_key() {
        let key = key(key_period(datetime!(2026-11-21 11:59:00 UTC), 30));
        let shown = format!("{key:?}");
        assert!(
            shown.contains("oid") && !shown.contains("115, 101"),
            "{shown}"
        );
    }
}
