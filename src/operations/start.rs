//! How an operation begins: its key, a place, and the record without which nothing is sent.

use super::{
    CallersFields, GenerateCommand, Operation, OperationError, OperationId, OperationStatus,
    Operations,
    claim::{Claim, ClaimedId},
    outcome::FinishedOperation,
    owner::{Ownership, take_back},
    pauses::Pauses,
    places::{Admission, Place},
    record::Payment,
    repeat::Repetition,
    task::RunningOperation,
};
use crate::{
    images::{PartialImages, check_request},
    limits::Charge,
    storage::StorageError,
};
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::{sync::oneshot, time::Instant};
use tracing::Instrument;
use uuid::Uuid;

/// What a request has started.
pub enum Started {
    /// Its own work.
    Running(RunningOperation),
    /// Nothing: its key's first request has the images.
    Repeated(FinishedOperation),
}

impl Operations {
    /// Generates and stores, and waits for it as long as the command's patience lasts. A caller
    /// that goes away before the provider is asked cancels the work; after that it is finished
    /// without them.
    ///
    /// # Errors
    /// [`OperationError`].
    pub async fn generate(
        self: &Arc<Self>,
        command: GenerateCommand,
    ) -> Result<FinishedOperation, OperationError> {
        match self.start(command, None).await? {
            Started::Running(operation) => operation.outcome().await,
            Started::Repeated(finished) => Ok(finished),
        }
    }

    /// The same up to the moment when the provider is asked; previews go to `partials`.
    ///
    /// # Errors
    /// [`OperationError`].
    pub async fn start(
        self: &Arc<Self>,
        command: GenerateCommand,
        partials: Option<PartialImages>,
    ) -> Result<Started, OperationError> {
        check_request(self.generator.as_ref(), &command.request)?;
        self.check_limits(&command).await?;
        let came_at = Instant::now();
        let repetition = Repetition::of(&command, &self.settings);
        let repeated = async |first: &OperationId| {
            let finished = self.repeat(first, repetition).await;
            finished.map(Started::Repeated)
        };
        let claimed = match self.claim(&command).await? {
            Claim::Ours(claimed) => claimed,
            Claim::First(first) => return repeated(&first.id).await,
        };
        let id = claimed.id.clone();
        let is_repeatable = command.key.is_some();
        let (place, charge) = match self.take_place_and_charge(&command).await {
            // The other request with this key may have begun meanwhile, and needs no other place.
            Err(refused) if is_repeatable => {
                return match self.begun_by_another(&id).await? {
                    Some(_) => repeated(&id).await,
                    None => Err(refused),
                };
            }
            taken => taken?,
        };
        // From here on nobody's leaving stops the writing: what is written down comes to its end.
        let (here, presence) = oneshot::channel();
        let begin = self.clone().begin(
            claimed,
            (place, charge),
            command,
            partials,
            came_at,
            presence,
        );
        let begun = self.tasks.spawn(begin.in_current_span()).await;
        drop::<oneshot::Sender<()>>(here);
        match begun.map_err(|_| OperationError::Crashed)?? {
            Some(running) => Ok(Started::Running(running)),
            None => repeated(&id).await,
        }
    }

    /// What another request has begun under an id; where one of this process is about to, and so
    /// has been charged already, once that is written down.
    async fn begun_by_another(
        self: &Arc<Self>,
        id: &OperationId,
    ) -> Result<Option<Operation>, OperationError> {
        let until = Instant::now() + self.settings.longest_repeat_wait;
        loop {
            let is_about_to = self.running.find(id).is_some();
            let found = self.look(id).await?;
            if found.is_some() || !is_about_to || Instant::now() >= until {
                return Ok(found);
            }
            tokio::time::sleep(self.settings.poll_pause).await;
        }
    }

    /// A place, and the images from the limits. Those come last: whoever waited for nothing has not
    /// spent them.
    async fn take_place_and_charge(
        &self,
        command: &GenerateCommand,
    ) -> Result<(Place, Charge), OperationError> {
        let place = self.take_place().await?;
        Ok((place, self.charge(command).await?))
    }

    /// A place, unless the process is to stop: what would be sent now could be cut off, paid for.
    async fn take_place(&self) -> Result<Place, OperationError> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => Err(self.busy()),
            place = self.places.take() => place,
        }
    }

    /// Writes an operation down as sent and starts its work; `None` when another request with the
    /// same key was faster. Whoever left while it was written (`presence` has ended) wants nothing
    /// sent, where no key can have told others of it.
    async fn begin(
        self: Arc<Self>,
        claimed: ClaimedId,
        (place, charge): (Place, Charge),
        command: GenerateCommand,
        partials: Option<PartialImages>,
        came_at: Instant,
        mut presence: oneshot::Receiver<()>,
    ) -> Result<Option<RunningOperation>, OperationError> {
        let waiting = self.new_operation(&claimed, &command, None);
        let operation = waiting.sent(OffsetDateTime::now_utc());
        let Some(ownership) = self.write_down(claimed, operation).await? else {
            return Ok(None);
        };
        // Another request with its key may have been accepted with it, and needs nobody to listen.
        let is_callers_alone = command.key.is_none();
        if is_callers_alone && presence.try_recv() == Err(oneshot::error::TryRecvError::Closed) {
            drop(place);
            charge.spend().cost_nothing();
            let payment = Payment::None;
            let canceled = OperationError::Canceled { payment };
            let error = (self.describe)(&canceled);
            let settled = ownership.settle(OperationStatus::Canceled { error, payment });
            settled.await;
            return Err(canceled);
        }
        Ok(Some(self.spawn(
            ownership,
            place,
            charge.spend(),
            command,
            partials,
            came_at,
        )))
    }

    /// Writes an operation down that nobody waits for, and has it done. A repetition gets the
    /// first one's operation.
    ///
    /// # Errors
    /// [`OperationError`]; then nothing was accepted.
    pub async fn submit(
        self: &Arc<Self>,
        command: GenerateCommand,
        fields: CallersFields,
    ) -> Result<Operation, OperationError> {
        check_request(self.generator.as_ref(), &command.request)?;
        self.check_limits(&command).await?;
        let claimed = match self.claim(&command).await? {
            Claim::Ours(claimed) => claimed,
            Claim::First(first) => return Ok(*first),
        };
        let admission = self.places.admit()?;
        let charge = match self.charge(&command).await {
            // The other request with this key may have been accepted meanwhile.
            Err(refused) if command.key.is_some() => {
                return self.begun_by_another(&claimed.id).await?.ok_or(refused);
            }
            charge => charge?,
        };
        let accept = self
            .clone()
            .accept(claimed, admission, charge, command, fields);
        let accepted = self.tasks.spawn(accept.in_current_span()).await;
        accepted.map_err(|_| OperationError::Crashed)?
    }

    async fn accept(
        self: Arc<Self>,
        claimed: ClaimedId,
        admission: Admission,
        charge: Charge,
        command: GenerateCommand,
        fields: CallersFields,
    ) -> Result<Operation, OperationError> {
        let operation = self.new_operation(&claimed, &command, Some(fields));
        match self.write_down(claimed, operation.clone()).await? {
            Some(ownership) => {
                self.spawn_queued(ownership, Some(admission), charge.spend(), command);
                Ok(operation)
            }
            None => self.look(&operation.id).await?.ok_or_else(|| self.busy()),
        }
    }

    /// Writes a new operation down, which has its key from then on; `None` when another request
    /// with the same key did.
    async fn write_down(
        self: &Arc<Self>,
        claimed: ClaimedId,
        operation: Operation,
    ) -> Result<Option<Ownership>, OperationError> {
        let entry = self.running.enter(&operation.id);
        match self.states.create(&operation).await {
            Ok(seen) => {
                claimed.keep();
                let (states, settings) = (&self.states, &self.settings);
                let stopping = &self.stopping;
                Ok(Some(Ownership::new(
                    states, operation, seen, entry, settings, stopping,
                )))
            }
            Err(StorageError::AlreadyExists) => {
                claimed.keep();
                Ok(None)
            }
            Err(error) => {
                // It may be there all the same. Its caller is told that nothing was begun, so
                // nobody may find it and begin; until that is sure it keeps its key.
                claimed.keep();
                let error = OperationError::StateUnavailable(error);
                let never_begun = OperationStatus::Failed {
                    error: (self.describe)(&error),
                    payment: Payment::None,
                    is_verdict: false,
                };
                let pauses = Pauses::new(self.settings.late_storing_pause, &self.stopping);
                let states = self.states.clone();
                let take_back = take_back(states, operation, never_begun, entry, pauses);
                self.tasks.spawn(take_back.in_current_span());
                Err(error)
            }
        }
    }

    fn new_operation(
        &self,
        claimed: &ClaimedId,
        command: &GenerateCommand,
        fields: Option<CallersFields>,
    ) -> Operation {
        let options = &command.request.options;
        Operation {
            id: claimed.id.clone(),
            status: OperationStatus::NotRunning,
            request_id: command.request_id.clone(),
            output_key: command.output_key.clone(),
            owner: Some(self.instance),
            attempt: Uuid::new_v4(),
            beats: 0,
            owners_lost: 0,
            provider: self.generator.provider().to_owned(),
            model: self.generator.model(options),
            wanted: options.n,
            sent_at: None,
            fields: fields.map(|fields| fields.0),
        }
    }
}
