//! An operation in the hands of the process that works on it: signs of life, the step before
//! the provider is asked, and the end. Every change is a compare-and-swap, so whoever was taken
//! for lost and is not finds that out before anything is paid twice.

use super::{
    OperationSettings,
    pauses::Pauses,
    record::{Operation, OperationStatus},
    running::{Entry, Signals},
    states::States,
};
use crate::storage::{ETag, StorageError};
use std::{future::Future, pin::pin, time::Duration};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

/// What this process holds of an operation.
pub(super) struct Ownership {
    states: States,
    operation: Operation,
    seen: ETag,
    entry: Entry,
    heartbeat: Option<Duration>,
    pauses: Pauses,
}

/// Why an operation is not this process's any more.
#[derive(Debug)]
pub(super) enum Lost {
    /// It was canceled, or somebody else has it.
    Taken,
    /// The state container cannot be reached.
    Unavailable(StorageError),
}

impl Ownership {
    /// Of an operation that was just written down, or taken up, in this version.
    pub fn new(
        states: &States,
        operation: Operation,
        seen: ETag,
        entry: Entry,
        settings: &OperationSettings,
        stopping: &CancellationToken,
    ) -> Self {
        Self {
            // Where nobody else looks, a process that is gone is known by its name alone.
            heartbeat: states.are_shared().then_some(settings.heartbeat),
            states: states.clone(),
            operation,
            seen,
            entry,
            pauses: Pauses::new(settings.late_storing_pause, stopping),
        }
    }

    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    pub fn signals(&self) -> &Signals {
        self.entry.signals()
    }

    /// Does some work, with signs of life all the while. Its own writes may be given up halfway,
    /// so a version that is not the latest any more is looked at before it means anything.
    pub async fn while_beating<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        tokio::select! {
            biased;
            output = &mut work => return output,
            () = self.beat() => {}
        }
        work.await
    }

    /// Ends when there is nobody left to give signs to.
    async fn beat(&mut self) {
        let Some(heartbeat) = self.heartbeat else {
            return;
        };
        loop {
            tokio::time::sleep(heartbeat).await;
            let next = self.operation.with_a_beat();
            match self.replace(next).await {
                Ok(()) => {}
                Err(Lost::Unavailable(error)) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, cause, "a sign of life could not be written");
                }
                Err(Lost::Taken) => {
                    tracing::warn!(operation = %self.operation.id.mark(), "an operation was canceled or taken for lost");
                    self.signals().canceled.cancel();
                    return;
                }
            }
        }
    }

    /// Writes down that the provider is about to be asked.
    ///
    /// # Errors
    /// [`Lost`]: it must not be asked.
    pub async fn send_off(&mut self, now: OffsetDateTime) -> Result<(), Lost> {
        let sent = self.operation.sent(now);
        self.replace(sent).await
    }

    /// Leaves an operation that was not sent to whoever comes next.
    pub async fn hand_over(mut self) {
        loop {
            let handed_over = self.operation.handed_over();
            let Err(Lost::Unavailable(error)) = self.replace(handed_over).await else {
                return;
            };
            tracing::warn!(%error, "an operation could not be handed over yet");
            if !self.pauses.rest().await {
                break;
            }
        }
        tracing::error!("an operation could not be handed over; it counts as lost");
    }

    /// Writes the end down, for as long as there are attempts. An operation that was canceled
    /// stays so. Where nothing helps it counts as lost, and what is in the gallery tells its end.
    pub async fn settle(mut self, status: OperationStatus) {
        loop {
            let ended = self.operation.ended(status.clone());
            match self
                .replace_if(ended, |found| may_end(found, &status))
                .await
            {
                // What else has an entry of this id may rest for long.
                Ok(()) => return self.signals().ended.cancel(),
                Err(Lost::Taken) => return,
                Err(Lost::Unavailable(error)) => {
                    tracing::warn!(%error, pause_ms = self.pauses.next_ms(), "the end of an operation is written again");
                }
            }
            if !self.pauses.rest().await {
                break;
            }
        }
        tracing::error!("the end of an operation could not be written down");
    }

    async fn replace(&mut self, next: Operation) -> Result<(), Lost> {
        self.replace_if(next, |_| false).await
    }

    /// Replaces the latest version by `next`, if it is still this process's own work, or one that
    /// `also` may be replaced.
    async fn replace_if(
        &mut self,
        next: Operation,
        also: impl Fn(&Operation) -> bool,
    ) -> Result<(), Lost> {
        loop {
            match self.states.replace(&next, &self.seen).await {
                Ok(version) => {
                    (self.operation, self.seen) = (next, version);
                    return Ok(());
                }
                Err(StorageError::Changed) => {}
                Err(error) => return Err(Lost::Unavailable(error)),
            }
            let found = self.states.read(&self.operation.id).await;
            let found = found.map_err(Lost::Unavailable)?.ok_or(Lost::Taken)?;
            let operation = found.value.ok_or(Lost::Taken)?;
            let is_ours = operation.owner == self.operation.owner && !operation.status.is_final();
            if !is_ours && !also(&operation) {
                return Err(Lost::Taken);
            }
            self.seen = found.etag;
        }
    }
}

/// Ends an operation of which nobody knows whether it was written down, before it has begun. Where
/// it was not, this is written in its place, so that a write that is still on its way finds the
/// name taken.
pub(super) async fn take_back(
    states: States,
    operation: Operation,
    status: OperationStatus,
    entry: Entry,
    mut pauses: Pauses,
) {
    loop {
        match try_to_take_back(&states, &operation, status.clone()).await {
            Ok(()) => return drop(entry),
            Err(error) => {
                tracing::warn!(%error, pause_ms = pauses.next_ms(), "an operation that could not be begun is ended again");
            }
        }
        if !pauses.rest().await {
            break;
        }
    }
    tracing::error!("an operation that could not be begun may be found and begun");
}

async fn try_to_take_back(
    states: &States,
    operation: &Operation,
    status: OperationStatus,
) -> Result<(), StorageError> {
    let ended = operation.ended(status);
    match states.create(&ended).await {
        Err(StorageError::AlreadyExists) => {}
        created => return created.map(drop),
    }
    let Some(found) = states.read(&ended.id).await? else {
        return Err(StorageError::Changed);
    };
    // Another request with the key may have begun under this id, in this very process.
    // And another process may have taken this very one up.
    let is_ours = |found: &Operation| {
        (found.attempt, found.owner) == (operation.attempt, operation.owner)
            && !found.status.is_final()
    };
    match found.value.is_some_and(|found| is_ours(&found)) {
        true => states.replace(&ended, &found.etag).await.map(drop),
        false => Ok(()), // ended, or in other hands
    }
}

/// Whoever was taken for lost and has the images after all corrects the verdict, be it that there
/// are none or only those that were in the gallery then: nobody else knows better. Any other end
/// stays.
fn may_end(found: &Operation, status: &OperationStatus) -> bool {
    let was_given_up = match &found.status {
        OperationStatus::Failed { is_verdict, .. } => *is_verdict,
        OperationStatus::Succeeded { result } => result.was_found(),
        _ => false,
    };
    was_given_up && matches!(status, OperationStatus::Succeeded { .. })
}
