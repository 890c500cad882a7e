//! How long and how often: the time and the repetitions of one call.

use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How one call may spend time.
#[derive(Debug, Clone, Copy)]
pub struct SendPolicy<'a> {
    /// When everything must be over, repetitions included.
    pub deadline: Instant,
    /// An answer that waits for us (see [`AnswerBody::pause`](super::AnswerBody::pause)) may be read until then.
    pub latest: Instant,
    /// How long one attempt may take; the last one may take all the time that is left.
    pub attempt_timeout: Duration,
    /// At most so many repetitions.
    pub max_retries: u32,
    /// Whether a call that got no answer in time is sent again.
    pub after_timeout: AfterTimeout,
    /// Once this is cancelled the call is not repeated, nor is a repetition waited for.
    pub canceled: Option<&'a CancellationToken>,
}

impl SendPolicy<'_> {
    /// When attempt number `attempt`, from 1, must be over.
    pub(super) fn attempt_deadline(&self, attempt: u32) -> Instant {
        match attempt > self.max_retries {
            true => self.deadline,
            false => (Instant::now() + self.attempt_timeout).min(self.deadline),
        }
    }

    /// Waits before a repetition; `Err` when it is not to be sent any more.
    pub(super) async fn wait(&self, wait: Duration) -> Result<(), Canceled> {
        let Some(canceled) = self.canceled else {
            tokio::time::sleep(wait).await;
            return Ok(());
        };
        let waited = canceled.run_until_cancelled(tokio::time::sleep(wait)).await;
        waited.filter(|()| !canceled.is_cancelled()).ok_or(Canceled)
    }
}

/// Nobody wants the call any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Canceled;

/// What becomes of a call that timed out while it waited for its answer: it may be paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterTimeout {
    /// It has failed.
    GiveUp,
    /// It is sent, and maybe paid, again, like any other failed call.
    SendAgain,
}
