//! What limits have to do with operations: a request is charged once its key is its own, so that
//! a repetition costs nothing and is never refused, and before anything is written down.

use super::{
    GenerateCommand, Operations,
    outcome::OperationError,
    owner::Ownership,
    record::{OperationStatus, Payment},
};
use crate::{
    images::InvalidOption,
    limits::{Charge, ChargeError, SpentCharge},
};

impl Operations {
    /// Turns away what no wait would let through, and, before it costs a write, what a look at the
    /// minute already refuses. A request with a key that is known may be a repetition, and goes on.
    ///
    /// # Errors
    /// [`OperationError::Invalid`], [`OperationError::Limited`].
    pub(super) async fn check_limits(
        &self,
        command: &GenerateCommand,
    ) -> Result<(), OperationError> {
        let images = u32::from(command.request.options.n);
        let most = self.limits.most_images_at_once(command.caller);
        let refused: OperationError = match most.filter(|most| images > *most) {
            Some(most) => too_many(most).into(),
            None => match self.limits.look(command.caller, images) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal.into(),
            },
        };
        let is_known = match &command.key {
            Some(key) => self.states.read_key(key).await,
            None => Ok(None),
        };
        match is_known.map_err(OperationError::StateUnavailable)? {
            Some(_) => Ok(()),
            None => Err(refused),
        }
    }

    /// Takes the images that are wanted from the limits.
    ///
    /// # Errors
    /// [`OperationError::Limited`]; [`OperationError::StateUnavailable`] where the day's budget
    /// cannot be counted: nothing is paid then.
    pub(super) async fn charge(&self, command: &GenerateCommand) -> Result<Charge, OperationError> {
        let images = u32::from(command.request.options.n);
        let charged = self.limits.charge(command.caller, images).await;
        charged.map_err(|error| match error {
            ChargeError::Refused(refusal) => refusal.into(),
            ChargeError::Unavailable(error) => OperationError::StateUnavailable(error),
        })
    }

    /// An operation is not this process's any more before it was sent. What was charged for it is
    /// given back if it was canceled; whoever has taken it up makes its images.
    pub(super) async fn give_back_canceled(&self, ownership: &Ownership, charge: SpentCharge) {
        let id = &ownership.operation().id;
        let found = self.states.read(id).await.ok().flatten();
        let status = found.and_then(|found| found.value).map(|it| it.status);
        let canceled = Payment::None;
        if matches!(status, Some(OperationStatus::Canceled { payment, .. }) if payment == canceled)
        {
            charge.cost_nothing();
        }
    }
}

fn too_many(most: u32) -> InvalidOption {
    InvalidOption {
        field: "n".to_owned(),
        problem: "is more than this service's limits ever let one request have".to_owned(),
        allowed: match most {
            1 => "1".to_owned(),
            most => format!("1 to {most}"),
        },
    }
}
