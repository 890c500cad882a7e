//! What a request gets whose key has been used before: the first one's result, without paying.

use super::{
    ASK_AGAIN_AFTER, Destination, GenerateCommand, OperationError, OperationId, OperationSettings,
    OperationStatus, Operations, RequestKey, outcome::FinishedOperation,
};
use crate::storage::StorageError;
use std::{sync::Arc, time::Duration};

/// How a request gets what another one got.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repetition {
    longest_wait: Duration,
    destination: Destination,
}

impl Repetition {
    pub fn of(command: &GenerateCommand, settings: &OperationSettings) -> Self {
        let by_host = command.key.as_ref().is_some_and(RequestKey::is_of_host);
        Self {
            longest_wait: match by_host {
                // A stream's head is not sent before, and the platform cuts what says nothing.
                true => settings.longest_wait,
                false => settings.longest_repeat_wait,
            },
            destination: command.destination,
        }
    }
}

impl Operations {
    /// What the key's first request got or gets.
    pub(super) async fn repeat(
        self: &Arc<Self>,
        first: &OperationId,
        repetition: Repetition,
    ) -> Result<FinishedOperation, OperationError> {
        let found = self.wait(first, repetition.longest_wait).await?;
        let id = first.clone();
        match found.map(|found| found.status) {
            Some(OperationStatus::Succeeded { result }) => {
                self.with_bytes(result, repetition.destination).await
            }
            Some(
                OperationStatus::Failed { error, .. } | OperationStatus::Canceled { error, .. },
            ) => Err(OperationError::FirstFailed { id, problem: error }),
            Some(OperationStatus::NotRunning | OperationStatus::Running) => {
                Err(OperationError::FirstStillRunning {
                    id,
                    retry_after: ASK_AGAIN_AFTER,
                })
            }
            None => Err(self.busy()), // removed in this very moment, for its age
        }
    }

    /// A result that was written down, with its pictures where the caller wants them.
    async fn with_bytes(
        &self,
        mut finished: FinishedOperation,
        destination: Destination,
    ) -> Result<FinishedOperation, OperationError> {
        if destination == Destination::Gallery {
            return Ok(finished);
        }
        let memory = self.places.repeated_share();
        for image in &mut finished.images {
            let stored = image.stored.as_ref().ok_or(OperationError::NotKept)?;
            let size = usize::try_from(stored.size_bytes).unwrap_or(usize::MAX);
            let mut reservation = self.places.reserve_repeated(&memory, size).await?;
            let bytes = self.gallery.read(stored).await;
            let bytes = bytes.map_err(|error| match error {
                StorageError::NotFound => OperationError::NotKept, // somebody has deleted it
                error => OperationError::StateUnavailable(error),
            })?;
            image.bytes = Some(reservation.hold(bytes.into()));
        }
        Ok(finished)
    }
}
