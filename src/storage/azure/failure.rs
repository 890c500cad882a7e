//! What the service's errors mean: status, code, when to come again, whether the clocks differ,
//! and nothing of the rest.

use crate::{
    credentials::CredentialError,
    storage::{Role, StorageError},
};
use azure_core::{Error, date::parse_rfc1123, error::ErrorKind};
use std::{fmt, time::Duration};
use time::OffsetDateTime;

/// Where a refusal is blamed on the clock. The service takes requests that are 15 minutes off
/// (<https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>), and the
/// signatures that we make for ourselves start ten minutes early.
const LARGEST_SKEW: time::Duration = time::Duration::minutes(10);

/// What the account said instead of doing what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    /// The service's own name for the error.
    pub code: Option<String>,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
    /// By how much this machine's clock is ahead of the account's, where that may be the reason.
    clock_ahead: Option<time::Duration>,
}

impl Refusal {
    /// Reads an answer that came at `now` and is no success; `header` looks up its headers.
    pub fn read<'a>(
        status: u16,
        header: impl Fn(&'static str) -> Option<&'a str>,
        now: OffsetDateTime,
    ) -> Self {
        // 400: it gives no keys for times that it takes to be far away.
        let credentials_refused = matches!(status, 400 | 401 | 403);
        let account_clock = header("date").and_then(|date| parse_rfc1123(date).ok());
        Self {
            status,
            code: header("x-ms-error-code").map(str::to_owned),
            retry_after: retry_after(header, now),
            clock_ahead: account_clock
                .map(|account_clock| now - account_clock)
                .filter(|ahead| credentials_refused && ahead.abs() > LARGEST_SKEW),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.as_deref().unwrap_or("none");
        write!(formatter, "status {}, code {code}", self.status)?;
        let Some(ahead) = self.clock_ahead else {
            return Ok(());
        };
        let side = if ahead.is_negative() {
            "behind"
        } else {
            "ahead of"
        };
        let seconds = ahead.whole_seconds().unsigned_abs();
        write!(
            formatter,
            "; this machine's clock is {seconds} s {side} the account's, which refuses requests \
             that are 15 minutes off"
        )
    }
}

/// The wait that an answer asks for, in one of the three ways that Azure's services know.
fn retry_after<'a>(
    header: impl Fn(&'static str) -> Option<&'a str>,
    now: OffsetDateTime,
) -> Option<Duration> {
    let millis = header("retry-after-ms").or_else(|| header("x-ms-retry-after-ms"));
    if let Some(millis) = millis.and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let text = header("retry-after")?;
    let seconds = text.parse().map(Duration::from_secs).ok();
    // A date that has passed means now.
    let until = |date: OffsetDateTime| Duration::try_from(date - now).unwrap_or_default();
    seconds.or_else(|| parse_rfc1123(text).ok().map(until))
}

/// Why one attempt brought nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The account answered, with an error.
    Refused(Refusal),
    /// The connection was not made, broke, took too long, or brought half an answer.
    Broken(Error),
    /// There was no token to send it with.
    NoToken(CredentialError),
    /// The time for all attempts was over.
    OutOfTime,
}

/// A request that was not sent again, and why.
#[derive(Debug)]
pub(super) struct GaveUp {
    /// How often it was sent.
    pub attempts: u32,
    /// What the last attempt met.
    pub failure: Failure,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(formatter),
            Self::Broken(error) => formatter.write_str(&with_causes(error)),
            Self::NoToken(error) => error.fmt(formatter),
            Self::OutOfTime => formatter.write_str("no answer before the time was over"),
        }
    }
}

impl fmt::Display for GaveUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempts, failure } = self;
        write!(formatter, "{failure} (attempts: {attempts})")
    }
}

impl std::error::Error for GaveUp {}

impl GaveUp {
    /// The error of a `step` that came to this.
    pub fn to_error(&self, step: &'static str) -> StorageError {
        let text = self.to_string();
        match &self.failure {
            Failure::Refused(refusal) => {
                refused(step, refusal.status, refusal.code.as_deref(), text)
            }
            Failure::Broken(_) | Failure::NoToken(_) | Failure::OutOfTime => {
                StorageError::failed(step, text)
            }
        }
    }
}

/// On its way through Microsoft's crate; [`map_error`] takes it out again.
impl From<GaveUp> for Error {
    fn from(gave_up: GaveUp) -> Self {
        let kind = match &gave_up.failure {
            Failure::Refused(refusal) => match azure_core::StatusCode::try_from(refusal.status) {
                Ok(status) => ErrorKind::http_response(status, refusal.code.clone()),
                Err(_) => ErrorKind::Other,
            },
            Failure::NoToken(_) => ErrorKind::Credential,
            Failure::Broken(_) | Failure::OutOfTime => ErrorKind::Io,
        };
        Self::new(kind, gave_up)
    }
}

/// The service's own name for an error.
pub(super) fn error_code(error: &Error) -> Option<&str> {
    match error.kind() {
        ErrorKind::HttpResponse { error_code, .. } => error_code.as_deref(),
        _ => None,
    }
}

/// Whether what was asked for, or the container around it, is not there.
pub(super) fn is_not_found(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::HttpResponse { status, .. } if u16::from(*status) == 404)
}

/// Whether there is nothing under a name, or soon will not be: [`is_not_found`], or the container
/// is being deleted, which only who wants to write a new blob waits for.
pub(super) fn is_gone(error: &Error) -> bool {
    is_not_found(error) || error_code(error) == Some("ContainerBeingDeleted")
}

/// [`map_error`] for who needs a blob that is there.
pub(super) fn map_gone(step: &'static str, error: &Error) -> StorageError {
    match is_gone(error) {
        true => StorageError::NotFound,
        false => map_error(step, error),
    }
}

/// Takes our own [`GaveUp`] out of the crate's error. The crate's other errors say nothing of a
/// request but what could not be read.
pub(super) fn map_error(step: &'static str, error: &Error) -> StorageError {
    match error.downcast_ref::<GaveUp>() {
        Some(gave_up) => gave_up.to_error(step),
        None => StorageError::failed(step, with_causes(error)),
    }
}

fn refused(step: &'static str, status: u16, code: Option<&str>, text: String) -> StorageError {
    match (status, code) {
        (_, Some("BlobAlreadyExists")) => StorageError::AlreadyExists,
        (404, _) => StorageError::NotFound,
        (401 | 403, _) => denied(step, code, text),
        _ => StorageError::failed(step, text),
    }
}

/// The one step that wants a role of its own.
pub(super) const GET_DELEGATION_KEY: &str = "get a user delegation key";

/// The code for an identity that is known and lacks a role
/// (<https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes>).
fn denied(step: &'static str, code: Option<&str>, text: String) -> StorageError {
    let missing_role = (code == Some("AuthorizationPermissionMismatch")).then_some(match step {
        GET_DELEGATION_KEY => Role::BlobDelegator,
        _ => Role::BlobDataContributor,
    });
    let source = match missing_role {
        Some(role) => format!(
            "{text}; an identity needs the role {} for that",
            role.name()
        ),
        None => text,
    };
    StorageError::Denied {
        step,
        missing_role,
        source: source.into(),
    }
}

fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-03-01 12:00:00 UTC);

    fn read(status: u16, headers: &[(&str, &'static str)]) -> Refusal {
        let header = |wanted: &'static str| {
            let found = headers.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| *value)
        };
        Refusal::read(status, header, NOW)
    }

    #[test]
    fn statuses_become_errors_that_a_caller_can_act_on() {
        let map = |status, code| {
            let failure = Failure::Refused(read(status, &[("x-ms-error-code", code)]));
            let attempts = 1;
            GaveUp { attempts, failure }.to_error("try")
        };
        assert!(matches!(
            map(409, "BlobAlreadyExists"),
            StorageError::AlreadyExists
        ));
        assert!(matches!(map(404, "BlobNotFound"), StorageError::NotFound));
        assert!(matches!(
            map(403, "AuthenticationFailed"),
            StorageError::Denied { .. }
        ));
        for (status, code) in [
            (503, "ServerBusy"),
            (409, "ContainerBeingDeleted"),
            (412, "LeaseIdMissing"),
        ] {
            let error = map(status, code);
            assert!(matches!(error, StorageError::Failed { .. }), "{code}");
        }
    }

    #[test]
    fn a_wait_is_read_in_each_of_its_forms() {
        let millis = |millis| Some(Duration::from_millis(millis));
        for (name, value, expected) in [
            ("retry-after-ms", "250", millis(250)),
            ("x-ms-retry-after-ms", "250", millis(250)),
            ("retry-after", "3", millis(3000)),
            ("retry-after", "Sun, 01 Mar 2026 12:00:07 GMT", millis(7000)),
            ("retry-after", "Sun, 01 Mar 2026 11:00:00 GMT", millis(0)),
            ("retry-after", "soon", None),
            ("retry-after", "-1", None),
            ("date", "Sun, 01 Mar 2026 12:00:07 GMT", None),
        ] {
            assert_eq!(
                read(503, &[(name, value)]).retry_after,
                expected,
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn a_clock_is_blamed_only_when_it_is_far_off_and_the_credentials_are_refused() {
        let told = |status, date| read(status, &[("date", date)]).to_string();
        let behind = told(403, "Sun, 01 Mar 2026 12:20:00 GMT");
        assert!(
            behind.contains("clock is 1200 s behind the account's"),
            "{behind}"
        );
        let ahead = told(403, "Sun, 01 Mar 2026 11:40:00 GMT");
        assert!(
            ahead.contains("clock is 1200 s ahead of the account's"),
            "{ahead}"
        );
        for (status, date) in [
            (403, "Sun, 01 Mar 2026 12:05:00 GMT"),
            (503, "Sun, 01 Mar 2026 12:20:00 GMT"),
            (403, "yesterday"),
        ] {
            let text = told(status, date);
            assert!(!text.contains("clock"), "{text}");
        }
    }
}
