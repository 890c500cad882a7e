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
        let makes_new = makes_new(request);
        let (mut attempts, mut repeats, mut last) = (0, 0, None);
        loop {
            attempts += 1;
            let failure = match timeout_at(deadline, pass_on(context, request, next)).await {
                Ok(Ok(response)) if response.status().is_success() => return Ok(response),
                Ok(Ok(response)) => Failure::Refused(refusal(&response)),
                Ok(Err(error)) if *error.kind() == ErrorKind::Io => Failure::Broken(error),
                Ok(Err(error)) => return Err(error),
                Err(_) => last.take().unwrap_or(Failure::OutOfTime),
            };
            let wait = match passing(&failure, makes_new) {
                Some(Passing::WithTheContainer) => Some(self.settings.container_delay),
                Some(Passing::Soon) if repeats < self.settings.max_retries => {
                    repeats += 1;
                    Some(wait_before(&self.settings, repeats, &failure))
                }
                _ => None,
            };
            let Some(wait) = wait.filter(|wait| Instant::now() + *wait < deadline) else {
                return Err(GaveUp { attempts, failure }.into());
            };
            tracing::debug!(%failure, attempts, "a request to the storage account is repeated");
            tokio::time::sleep(wait).await;
            last = Some(failure);
        }
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

/// Whether it may write where nothing is: a write that does not ask for a version.
fn makes_new(request: &Request) -> bool {
    let asks_for_version = request.headers().get_optional_str(&IF_MATCH).is_some();
    *request.method() == Method::Put && !asks_for_version
}

/// `None`: it would fail again. Only what can write a new blob waits for a container, since there
/// is nothing to read, to replace or to delete where one was deleted.
fn passing(failure: &Failure, makes_new: bool) -> Option<Passing> {
    match failure {
        Failure::Broken(_) => Some(Passing::Soon),
        Failure::OutOfTime => None,
        Failure::Refused(refusal) => match (refusal.status, refusal.code.as_deref()) {
            (408 | 429 | 500 | 502 | 503 | 504, _) => Some(Passing::Soon),
            (409, Some("ContainerBeingDeleted")) if makes_new => Some(Passing::WithTheContainer),
            _ => None,
        },
    }
}

/// The wait before a repetition, counted from 1: ours, or what the account asks for where that
/// is longer, as far as somebody who waits for an image can be asked to wait.
fn wait_before(settings: &RetrySettings, repeat: u32, failure: &Failure) -> Duration {
    let asked = match failure {
        Failure::Refused(refusal) => refusal.retry_after.unwrap_or_default(),
        Failure::Broken(_) | Failure::OutOfTime => Duration::ZERO,
    };
    delay(settings, repeat).max(asked.min(settings.longest_wait))
}

/// Our own wait before a repetition, counted from 1.
pub(super) fn delay(settings: &RetrySettings, repeat: u32) -> Duration {
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
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(
                passing(&refused(status, &[]), true),
                Some(Passing::Soon),
                "{status}"
            );
        }
        for status in [400, 401, 403, 404, 409, 411, 412, 413, 416, 501, 505] {
            assert_eq!(passing(&refused(status, &[]), true), None, "{status}");
        }
        let deleted = refused(409, &[("x-ms-error-code", "ContainerBeingDeleted")]);
        assert_eq!(passing(&deleted, true), Some(Passing::WithTheContainer));
        assert_eq!(passing(&deleted, false), None);
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
