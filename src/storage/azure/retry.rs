//! Which failures of the account pass by themselves, how long to wait for that, and when to give
//! up. It stands in the place of the crate's own policy, which knows no deadline, waits as long
//! as the account likes, and hides the answer's headers.

use super::{
    RetrySettings,
    failure::{Failure, GaveUp, Refusal},
};
use async_trait::async_trait;
use azure_core::{
    Context, Method, Policy, PolicyResult, Request, Response,
    error::{Error, ErrorKind},
    headers::{HeaderName, IF_MATCH},
};
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

/// When all requests of one call, with their waits, must have ended; in the context of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(pub Instant);

/// Sends each request until it succeeds, fails for good, or its time is over.
#[derive(Debug)]
pub(super) struct Retries {
    pub settings: RetrySettings,
    /// The time for a request whose context has no [`Deadline`].
    pub longest_call: Duration,
}

#[async_trait]
impl Policy for Retries {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let deadline = match context.get::<Deadline>() {
            Some(deadline) => deadline.0,
            None => Instant::now() + self.longest_call,
        };
        let mut attempts = Attempts::new(self.settings, deadline, kind_of(request));
        loop {
            let failure = match attempts.make(pass_on(context, request, next)).await {
                Ok(Ok(response)) if response.status().is_success() => return Ok(response),
                Ok(Ok(response)) => Failure::Refused(refusal(&response)),
                Ok(Err(error)) if *error.kind() == ErrorKind::Io => Failure::Broken(error),
                Ok(Err(error)) => return Err(error),
                Err(failure) => failure,
            };
            attempts.wait_after(failure).await?;
        }
    }
}

/// What a request does, as far as it decides what is worth another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It may write where nothing is.
    MakesNew,
    /// It needs what is there.
    NeedsBlob,
    /// It lists. A 500 is what a name gets that the service cannot list, each time, and the
    /// gallery asks for smaller parts then.
    Lists,
}

/// All attempts of one request.
pub(super) struct Attempts {
    settings: RetrySettings,
    deadline: Instant,
    kind: Kind,
    made: u32,
    repeats: u32,
    last: Option<Failure>,
}

impl Attempts {
    /// None yet.
    pub fn new(settings: RetrySettings, deadline: Instant, kind: Kind) -> Self {
        Self {
            settings,
            deadline,
            kind,
            made: 0,
            repeats: 0,
            last: None,
        }
    }

    /// Makes one, within the time for all.
    ///
    /// # Errors
    /// The time is over; [`Failure::OutOfTime`], or the last failure before.
    pub async fn make<T>(&mut self, attempt: impl Future<Output = T>) -> Result<T, Failure> {
        self.made += 1;
        match timeout_at(self.deadline, attempt).await {
            Ok(outcome) => Ok(outcome),
            Err(_) => Err(self.last.take().unwrap_or(Failure::OutOfTime)),
        }
    }

    /// Waits until the next may be made.
    ///
    /// # Errors
    /// [`GaveUp`] where it would fail again, or not end in time.
    pub async fn wait_after(&mut self, failure: Failure) -> Result<(), GaveUp> {
        let attempts = self.made;
        let wait = match passing(&failure, self.kind) {
            Some(Passing::WithTheContainer) => Some(self.settings.container_delay),
            Some(Passing::Soon) if self.repeats < self.settings.max_retries => {
                self.repeats += 1;
                Some(wait_before(&self.settings, self.repeats, &failure))
            }
            _ => None,
        };
        let Some(wait) = wait.filter(|wait| Instant::now() + *wait < self.deadline) else {
            return Err(GaveUp { attempts, failure });
        };
        tracing::debug!(%failure, attempts, "a request to the storage account is repeated");
        tokio::time::sleep(wait).await;
        self.last = Some(failure);
        Ok(())
    }
}

/// Hands a request to the rest of the pipeline.
pub(super) async fn pass_on(
    context: &Context,
    request: &mut Request,
    next: &[Arc<dyn Policy>],
) -> PolicyResult {
    match next {
        [first, rest @ ..] => first.send(context, request, rest).await,
        [] => Err(Error::message(
            ErrorKind::Other,
            "the pipeline ends without a transport",
        )),
    }
}

fn refusal(response: &Response) -> Refusal {
    let header = |name| {
        let name = HeaderName::from_static(name);
        response.headers().get_optional_str(&name)
    };
    Refusal::read(response.status().into(), header, OffsetDateTime::now_utc())
}

/// What a failure waits for.
#[derive(Debug, PartialEq, Eq)]
enum Passing {
    /// The network, or a busy service.
    Soon,
    /// The container's name is free again at least 30 s after the container was deleted
    /// (<https://learn.microsoft.com/rest/api/storageservices/delete-container#remarks>).
    WithTheContainer,
}

/// What makes new is a write that does not ask for a version.
fn kind_of(request: &Request) -> Kind {
    let asks_for_version = request.headers().get_optional_str(&IF_MATCH).is_some();
    match *request.method() == Method::Put && !asks_for_version {
        true => Kind::MakesNew,
        false => Kind::NeedsBlob,
    }
}

/// `None`: it would fail again. Only what can write a new blob waits for a container, since there
/// is nothing to read, to replace or to delete where one was deleted.
fn passing(failure: &Failure, kind: Kind) -> Option<Passing> {
    match failure {
        Failure::Broken(_) => Some(Passing::Soon),
        Failure::NoToken(_) | Failure::OutOfTime => None,
        Failure::Refused(refusal) => match (refusal.status, refusal.code.as_deref()) {
            (500, _) if kind == Kind::Lists => None,
            (408 | 429 | 500 | 502 | 503 | 504, _) => Some(Passing::Soon),
            (409, Some("ContainerBeingDeleted")) if kind == Kind::MakesNew => {
                Some(Passing::WithTheContainer)
            }
            _ => None,
        },
    }
}

/// The wait before a repetition, counted from 1: ours, or what the account asks for where that
/// is longer, as far as somebody who waits for an image can be asked to wait.
fn wait_before(settings: &RetrySettings, repeat: u32, failure: &Failure) -> Duration {
    let asked = match failure {
        Failure::Refused(refusal) => refusal.retry_after.unwrap_or_default(),
        Failure::Broken(_) | Failure::NoToken(_) | Failure::OutOfTime => Duration::ZERO,
    };
    delay(settings, repeat).max(asked.min(settings.longest_wait))
}

/// Our own wait before a repetition, counted from 1.
fn delay(settings: &RetrySettings, repeat: u32) -> Duration {
    settings.first_delay * 2u32.saturating_pow(repeat.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, headers: &[(&str, &'static str)]) -> Failure {
        let header = |wanted: &'static str| {
            let found = headers.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| *value)
        };
        Failure::Refused(Refusal::read(status, header, OffsetDateTime::UNIX_EPOCH))
    }

    #[test]
    fn what_passes_is_repeated_and_nothing_else() {
        let kinds = [Kind::MakesNew, Kind::NeedsBlob, Kind::Lists];
        for kind in kinds {
            for status in [408, 429, 502, 503, 504] {
                let passing = passing(&refused(status, &[]), kind);
                assert_eq!(passing, Some(Passing::Soon), "{kind:?} {status}");
            }
            for status in [400, 401, 403, 404, 409, 411, 412, 413, 416, 501, 505] {
                let passing = passing(&refused(status, &[]), kind);
                assert_eq!(passing, None, "{kind:?} {status}");
            }
        }
        let failed = kinds.map(|kind| passing(&refused(500, &[]), kind));
        assert_eq!(failed, [Some(Passing::Soon), Some(Passing::Soon), None]);
        let deleted = refused(409, &[("x-ms-error-code", "ContainerBeingDeleted")]);
        let deleted = kinds.map(|kind| passing(&deleted, kind));
        assert_eq!(deleted, [Some(Passing::WithTheContainer), None, None]);
    }

    #[test]
    fn waits_double_and_follow_the_account_as_far_as_allowed() {
        let settings = RetrySettings {
            first_delay: Duration::from_millis(200),
            longest_wait: Duration::from_secs(20),
            ..RetrySettings::default()
        };
        let waits = |failure: &Failure| {
            [1, 2, 3].map(|repeat| wait_before(&settings, repeat, failure).as_millis())
        };
        assert_eq!(waits(&refused(503, &[])), [200, 400, 800]);
        let asked = |seconds| refused(503, &[("retry-after", seconds)]);
        assert_eq!(waits(&asked("0")), [200, 400, 800]);
        assert_eq!(waits(&asked("7")), [7_000; 3]);
        assert_eq!(waits(&asked("3600")), [20_000; 3]);
    }
}
