//! Who may pay under a key: the request that has it written down first, until that one ends
//! without having cost anything.

use super::{
    Operations,
    command::{GenerateCommand, Repayment},
    id::OperationId,
    key::RequestKey,
    outcome::OperationError,
    record::{Operation, Payment},
    states::{KeyHolder, Seen, States},
};
use crate::storage::{ETag, StorageError};
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;

/// How often a key is asked for whose holder changes all the while: of many requests that come
/// at once with one key, each that takes it makes the others look again.
const ROUNDS: u32 = 200;

/// Pauses in between grow by this, up to [`LONGEST_PAUSE`].
const PAUSE_STEP: Duration = Duration::from_millis(2);

const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// What a request's key says about it.
pub(super) enum Claim {
    /// It is the first, or has no key: under this id it may begin.
    Ours(ClaimedId),
    /// This operation is the first one's.
    First(Box<Operation>),
}

/// The id for an operation that is not written down yet. Dropped before that, it gives its key
/// back: nothing was sent. One that was taken from a request that is still waiting, or lost, keeps
/// the key from being given back by that one, and does not give it back either.
pub(super) struct ClaimedId {
    pub id: OperationId,
    held_key: Option<HeldKey>,
}

struct HeldKey {
    states: States,
    key: RequestKey,
    seen: ETag,
}

impl ClaimedId {
    /// The operation is written down, and has the key.
    pub fn keep(mut self) {
        self.held_key = None;
    }
}

impl Drop for ClaimedId {
    fn drop(&mut self) {
        let (Some(held), Ok(runtime)) =
            (self.held_key.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            let HeldKey { states, key, seen } = held;
            if let Err(error) = states.free_key(&key, seen).await {
                tracing::warn!(%error, "an unused idempotency key could not be given back");
            }
        });
    }
}

impl Operations {
    /// Takes the command's key, or finds who has it.
    ///
    /// # Errors
    /// [`OperationError::KeyReused`] when that is another request's.
    pub(super) async fn claim(
        self: &Arc<Self>,
        command: &GenerateCommand,
    ) -> Result<Claim, OperationError> {
        let id = OperationId::new(OffsetDateTime::now_utc());
        let ours = |id, held_key| Ok(Claim::Ours(ClaimedId { id, held_key }));
        let Some(key) = &command.key else {
            return ours(id, None);
        };
        let held = |seen| HeldKey {
            states: self.states.clone(),
            key: key.clone(),
            seen,
        };
        for round in 0..ROUNDS {
            tokio::time::sleep((PAUSE_STEP * round).min(LONGEST_PAUSE)).await;
            let holder = KeyHolder::new(id.clone(), key);
            match self.states.create_key(key, &holder).await {
                Ok(seen) => return ours(id, Some(held(seen))),
                Err(StorageError::AlreadyExists) => {}
                Err(error) => return Err(OperationError::StateUnavailable(error)),
            }
            let found = self.states.read_key(key).await;
            let Some(found) = found.map_err(OperationError::StateUnavailable)? else {
                continue; // given back in between
            };
            let holder = match self
                .next_holder(key, command.repayment, &found, id.clone())
                .await?
            {
                NextHolder::Ours(holder) => holder,
                NextHolder::Shared(shared) => return ours(shared, None),
                NextHolder::First(first) => return Ok(Claim::First(first)),
            };
            match self.states.replace_key(key, &holder, &found.etag).await {
                // Another request may begin under this id, and has the key then.
                Ok(_) if holder.operation != id => return ours(holder.operation, None),
                // Given back, it would forget what may have been paid for.
                Ok(_) if holder.before.is_some() => return ours(id, None),
                Ok(seen) => return ours(id, Some(held(seen))),
                Err(StorageError::Changed) => {}
                Err(error) => return Err(OperationError::StateUnavailable(error)),
            }
        }
        Err(self.busy())
    }

    /// Who is to have a key that somebody has.
    async fn next_holder(
        self: &Arc<Self>,
        key: &RequestKey,
        repayment: Repayment,
        found: &Seen<KeyHolder>,
        new_id: OperationId,
    ) -> Result<NextHolder, OperationError> {
        let anew = NextHolder::Ours(KeyHolder::new(new_id, key));
        if found.age > self.settings.kept_for {
            return Ok(anew);
        }
        let Some(holder) = &found.value else {
            // What it was used for is not known, so it may have been paid for.
            return match repayment {
                Repayment::Allowed => Ok(anew),
                Repayment::Refused => Err(OperationError::Unreadable),
            };
        };
        let is_same_request = holder.body == key.body;
        let first = self.look(&holder.operation).await?;
        let has_begun = first
            .as_ref()
            .is_some_and(|first| first.status.payment() != Some(Payment::None));
        let before = holder.before.clone();
        if let Some(before) = before.as_ref().filter(|_| !has_begun)
            && (!is_same_request || repayment == Repayment::Refused)
            && let Some(before) = self.look(before).await?
        {
            return match is_same_request {
                true => Ok(NextHolder::First(before.into())),
                false => Err(OperationError::KeyReused),
            };
        }
        let Some(first) = first else {
            // Its request waits for a place, or is lost. Both may go on under one id: only one
            // of them will be able to write that operation down.
            return match is_same_request {
                true if holder.is_shared => Ok(NextHolder::Shared(holder.operation.clone())),
                true => Ok(NextHolder::Ours(holder.shared())),
                false if found.age > self.settings.lease => Ok(anew),
                false => Err(OperationError::KeyReused),
            };
        };
        match (first.status.payment(), repayment) {
            (Some(Payment::None), _) => Ok(anew.instead_of(before)),
            _ if !is_same_request => Err(OperationError::KeyReused),
            (Some(Payment::Possible), Repayment::Allowed) => {
                Ok(anew.instead_of(Some(holder.operation.clone())))
            }
            _ => Ok(NextHolder::First(first.into())),
        }
    }
}

impl NextHolder {
    fn instead_of(self, before: Option<OperationId>) -> Self {
        match self {
            Self::Ours(holder) => Self::Ours(holder.instead_of(before)),
            Self::Shared(_) | Self::First(_) => self,
        }
    }
}

enum NextHolder {
    Ours(KeyHolder),
    /// It is shared already, so there is nothing to write, and nobody to write against.
    Shared(OperationId),
    First(Box<Operation>),
}
