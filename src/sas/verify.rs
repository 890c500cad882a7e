//! The other side of a service SAS: what the folder store, which has no service in front of it,
//! checks before it gives a blob away.

use super::{SasProtocol, SasResource, SasTerms, SharedKey, TIME, VERSION, format_time};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::Mac;
use std::collections::HashMap;
use time::{OffsetDateTime, PrimitiveDateTime};

/// Why a signature opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SasRejection {
    /// A parameter is missing or cannot be read.
    #[error("the signature is missing or incomplete")]
    Incomplete,
    /// The signature was not made with this key for this resource and these terms.
    #[error("the signature is not valid for this file")]
    Forged,
    /// It is not valid yet, or not any more.
    #[error("the signature is expired or not valid yet")]
    OutOfTime,
    /// It does not allow reading.
    #[error("the signature does not allow reading")]
    NoReadPermission,
}

/// Checks that `query` (decoded name and value pairs) holds a signature by `key` that allows
/// reading `blob` of `container` at `now`; a blob's own and its container's signature both do.
///
/// # Errors
/// [`SasRejection`] with the first reason against it.
pub fn verify_service_sas(
    key: &SharedKey,
    container: &str,
    blob: &str,
    query: &HashMap<String, String>,
    now: OffsetDateTime,
) -> Result<(), SasRejection> {
    let parameter = |name: &str| query.get(name).ok_or(SasRejection::Incomplete);
    let moment = |name: &str| {
        // Only the form that we write: an offset could move a date beyond what dates can be.
        PrimitiveDateTime::parse(parameter(name)?, TIME)
            .map(PrimitiveDateTime::assume_utc)
            .map_err(|_| SasRejection::Incomplete)
    };
    let resource = match parameter("sr")?.as_str() {
        "b" => SasResource::Blob { container, blob },
        "c" => SasResource::Container { container },
        _ => return Err(SasRejection::Incomplete),
    };
    let protocol = match parameter("spr")?.as_str() {
        "https" => SasProtocol::Https,
        "https,http" => SasProtocol::HttpsAndHttp,
        _ => return Err(SasRejection::Incomplete),
    };
    if parameter("sv")? != VERSION {
        return Err(SasRejection::Incomplete);
    }
    let terms = SasTerms {
        permissions: parameter("sp")?.clone(),
        starts_at: moment("st")?,
        expires_at: moment("se")?,
        protocol,
    };
    verify_signature(key, resource, &terms, parameter("sig")?)?;
    if now < terms.starts_at || now >= terms.expires_at {
        return Err(SasRejection::OutOfTime);
    }
    if !terms.permissions.contains('r') {
        return Err(SasRejection::NoReadPermission);
    }
    Ok(())
}

/// Compares in constant time.
fn verify_signature(
    key: &SharedKey,
    resource: SasResource<'_>,
    terms: &SasTerms,
    signature: &str,
) -> Result<(), SasRejection> {
    let (start, expiry) = (format_time(terms.starts_at), format_time(terms.expires_at));
    let string_to_sign = super::service_string_to_sign(key, resource, terms, &start, &expiry);
    let signature = BASE64_STANDARD
        .decode(signature)
        .map_err(|_| SasRejection::Forged)?;
    key.hmac(&string_to_sign)
        .verify_slice(&signature)
        .map_err(|_| SasRejection::Forged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sas::service_sas;
    use time::{Duration, macros::datetime};

    const NOW: OffsetDateTime = datetime!(2026-11-21 10:00 UTC);

    fn key() -> SharedKey {
        SharedKey::from_bytes("local", vec![7; 32])
    }

    fn terms(permissions: &str) -> SasTerms {
        SasTerms {
            permissions: permissions.to_owned(),
            starts_at: NOW - Duration::minutes(5),
            expires_at: NOW + Duration::minutes(30),
            protocol: SasProtocol::HttpsAndHttp,
        }
    }

    fn parse(token: &str) -> HashMap<String, String> {
        url::form_urlencoded::parse(token.as_bytes())
            .into_owned()
            .collect()
    }

    fn verify(
        token: &HashMap<String, String>,
        blob: &str,
        now: OffsetDateTime,
    ) -> Result<(), SasRejection> {
        verify_service_sas(&key(), "images", blob, token, now)
    }

    #[test]
    fn a_blobs_own_signature_opens_it_and_no_other_blob() {
        let resource = SasResource::Blob {
            container: "images",
            blob: "gallery/ü b.png",
        };
        let token = parse(&service_sas(&key(), resource, &terms("r")));
        assert_eq!(verify(&token, "gallery/ü b.png", NOW), Ok(()));
        assert_eq!(
            verify(&token, "gallery/c.png", NOW),
            Err(SasRejection::Forged)
        );
    }

    #[test]
    fn a_containers_signature_opens_each_of_its_blobs_within_its_time() {
        let resource = SasResource::Container {
            container: "images",
        };
        let token = parse(&service_sas(&key(), resource, &terms("r")));
        assert_eq!(verify(&token, "a.png", NOW), Ok(()));
        for wrong_time in [NOW - Duration::minutes(6), NOW + Duration::minutes(30)] {
            assert_eq!(
                verify(&token, "a.png", wrong_time),
                Err(SasRejection::OutOfTime)
            );
        }
    }

    #[test]
    fn a_changed_foreign_or_incomplete_signature_opens_nothing() {
        let resource = SasResource::Container {
            container: "images",
        };
        let good = parse(&service_sas(&key(), resource, &terms("r")));
        for (name, value) in [
            ("se", "2099-01-01T00:00:00Z"),
            ("sp", "rw"),
            ("sr", "b"),
            ("sig", "AAAA"),
        ] {
            let mut changed = good.clone();
            changed.insert(name.to_owned(), value.to_owned());
            assert_eq!(
                verify(&changed, "a.png", NOW),
                Err(SasRejection::Forged),
                "{name}"
            );
        }
        for name in ["sv", "st", "se", "sr", "sp", "spr", "sig"] {
            let mut lacking = good.clone();
            lacking.remove(name);
            assert_eq!(
                verify(&lacking, "a.png", NOW),
                Err(SasRejection::Incomplete),
                "{name}"
            );
        }
        for time in ["9999-12-31T23:59:59-23:59", "2026-11-21", "soon", ""] {
            let mut changed = good.clone();
            changed.insert("se".to_owned(), time.to_owned());
            assert_eq!(
                verify(&changed, "a.png", NOW),
                Err(SasRejection::Incomplete),
                "{time}"
            );
        }
        let foreign = SharedKey::from_bytes("local", vec![8; 32]);
        let foreign = parse(&service_sas(&foreign, resource, &terms("r")));
        assert_eq!(verify(&foreign, "a.png", NOW), Err(SasRejection::Forged));
    }

    #[test]
    fn a_signature_without_read_does_not_read() {
        let resource = SasResource::Container {
            container: "images",
        };
        let token = parse(&service_sas(&key(), resource, &terms("cw")));
        assert_eq!(
            verify(&token, "a.png", NOW),
            Err(SasRejection::NoReadPermission)
        );
    }
}
