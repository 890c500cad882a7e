//! The state container's housekeeping: lost operations come to their end although nobody asks
//! for them, and what is older than a day goes.

use super::{
    Operations,
    states::{ListedState, StateKind},
};
use crate::storage::StorageError;
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;

impl Operations {
    /// Sweeps a moment after the start and then every few minutes, without end.
    pub async fn keep_sweeping(self: &Arc<Self>) {
        tokio::time::sleep(self.settings.first_sweep_after).await;
        loop {
            if let Err(error) = self.sweep().await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "old operations could not be looked through");
            }
            if let Err(error) = self.limits.remove_old_days().await {
                tracing::warn!(%error, "the budgets of days that are over could not be removed");
            }
            tokio::time::sleep(self.settings.sweep_pause).await;
        }
    }

    /// Looks through everything once.
    ///
    /// # Errors
    /// [`StorageError`] when the states cannot be listed; one that fails alone is logged.
    pub async fn sweep(self: &Arc<Self>) -> Result<(), StorageError> {
        for kind in [StateKind::Operation, StateKind::Key] {
            let mut marker = None;
            loop {
                let (states, next) = self.states.list(kind, marker).await?;
                for state in states {
                    self.sweep_one(kind, &state).await;
                }
                match next {
                    Some(next) => marker = Some(next),
                    None => break,
                }
            }
        }
        Ok(())
    }

    async fn sweep_one(self: &Arc<Self>, kind: StateKind, state: &ListedState) {
        // A folder's hint may be newer than its state after a crash, and looking costs little.
        let is_worth_a_look = state.seems_unfinished || !self.states.are_shared();
        if kind == StateKind::Operation
            && is_worth_a_look
            && let Some(id) = state.operation_id()
            && let Err(error) = self.look(&id).await
        {
            tracing::warn!(%error, "an operation could not be looked at");
        }
        // A folder's ages are by a clock that may jump: what is at work here is not old.
        if state
            .operation_id()
            .is_some_and(|id| self.running.find(&id).is_some())
        {
            return;
        }
        // By this process's clock alone nothing goes; it only spares most of the questions.
        let seems_old = OffsetDateTime::now_utc() - state.last_modified > self.settings.kept_for;
        let kept_for = self.settings.kept_for + Duration::from_secs(60);
        if seems_old && let Err(error) = self.states.remove_if_older(&state.name, kept_for).await {
            tracing::warn!(%error, "an old state could not be removed");
        }
    }
}
