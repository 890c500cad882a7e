//! The words of Get User Delegation Key
//! (<https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key>).

use crate::sas::{DelegationKey, KeyPeriod, SharedKey};
use quick_xml::{Reader, events::Event};
use std::collections::HashMap;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// What keeps an answer from being a key; never its content.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidKeyAnswer {
    #[error("it is not XML")]
    NotXml,
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("its {0} cannot be read")]
    Unreadable(&'static str),
    #[error("its key begins or ends at such times that it signs nothing now")]
    SignsNothing,
}

/// The body of the request.
pub(super) fn key_info(period: &KeyPeriod) -> String {
    let [start, expiry] = [period.starts_at, period.expires_at].map(crate::sas::format_time);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>"
    )
}

/// Reads the key of `account` out of the answer.
///
/// # Errors
/// [`InvalidKeyAnswer`] names what is wrong.
pub(super) fn parse_key(xml: &[u8], account: &str) -> Result<DelegationKey, InvalidKeyAnswer> {
    use InvalidKeyAnswer::Unreadable;
    let mut fields = read_fields(&String::from_utf8_lossy(xml))?;
    let mut take = |name| match fields.remove(name) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(InvalidKeyAnswer::Missing(name)),
    };
    let moment = |name, text: &str| {
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Unreadable(name))?;
        Ok(moment.to_offset(UtcOffset::UTC))
    };
    let key = SharedKey::from_base64(account, &take("Value")?);
    Ok(DelegationKey {
        object_id: take("SignedOid")?,
        tenant_id: take("SignedTid")?,
        starts_at: moment("SignedStart", &take("SignedStart")?)?,
        expires_at: moment("SignedExpiry", &take("SignedExpiry")?)?,
        service: take("SignedService")?,
        version: take("SignedVersion")?,
        key: key.map_err(|_| Unreadable("Value"))?,
    })
}

/// The texts of all elements by their names; none of them needs an escape.
fn read_fields(xml: &str) -> Result<HashMap<String, String>, InvalidKeyAnswer> {
    let mut reader = Reader::from_str(xml);
    let (mut fields, mut text) = (HashMap::new(), String::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(_)) => text.clear(),
            Ok(Event::Text(part)) => text.push_str(&part.xml10_content()),
            Ok(Event::End(end)) => {
                let name = end.name().as_ref().to_owned();
                fields.insert(name, text.trim().to_owned());
                text.clear();
            }
            Ok(Event::Eof) => return Ok(fields),
            Ok(_) => {}
            Err(_) => return Err(InvalidKeyAnswer::NotXml),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const ANSWER: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><UserDelegationKey>\
        <SignedOid>oid</SignedOid><SignedTid>tid</SignedTid>\
        <SignedStart>2026-11-21T05:45:00Z</SignedStart>\
        <SignedExpiry>2026-11-21T13:45:00Z</SignedExpiry>\
        <SignedService>b</SignedService><SignedVersion>2022-11-02</SignedVersion>\
        <Value>c2VjcmV0</Value></UserDelegationKey>";

    #[test]
    fn a_key_is_read_with_all_that_signatures_say_of_it() {
        let key = parse_key(ANSWER.as_bytes(), "acct").unwrap();
        assert_eq!(
            [key.object_id, key.tenant_id, key.service, key.version],
            ["oid", "tid", "b", "2022-11-02"]
        );
        assert_eq!(key.starts_at, datetime!(2026-11-21 05:45:00 UTC));
        assert_eq!(key.expires_at, datetime!(2026-11-21 13:45:00 UTC));
        assert_eq!(key.key.account(), "acct");
    }

    #[test]
    fn what_is_no_key_is_said_without_its_words() {
        use InvalidKeyAnswer::{Missing, NotXml, Unreadable};
        let with = |from: &str, to: &str| ANSWER.replace(from, to);
        for (xml, fault) in [
            (String::new(), Missing("Value")),
            ("not xml".to_owned(), Missing("Value")),
            ("<a><b></a>".to_owned(), NotXml),
            (with("c2VjcmV0", "!!"), Unreadable("Value")),
            (with("<SignedOid>oid</SignedOid>", ""), Missing("SignedOid")),
            (
                with("2026-11-21T05:45:00Z", "soon"),
                Unreadable("SignedStart"),
            ),
        ] {
            assert_eq!(
                parse_key(xml.as_bytes(), "acct").unwrap_err(),
                fault,
                "{xml}"
            );
        }
    }

    #[test]
    fn a_request_names_its_period_to_the_second() {
        let period = KeyPeriod {
            starts_at: datetime!(2026-11-21 05:45:00 UTC),
            expires_at: datetime!(2026-11-21 13:45:00 UTC),
        };
        let info = key_info(&period);
        assert!(
            info.contains("<Start>2026-11-21T05:45:00Z</Start>"),
            "{info}"
        );
        assert!(
            info.contains("<Expiry>2026-11-21T13:45:00Z</Expiry>"),
            "{info}"
        );
    }
}
