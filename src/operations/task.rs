//! The tasks that do the work: nobody's leaving can stop them once the provider is asked.

use super::{
    Destination, FinishedOperation, GenerateCommand, OperationError, OperationId, OperationStatus,
    Operations, Payment,
    owner::{Lost, Ownership},
    places::{Admission, Place},
    work::{Work, log_unheard},
};
use crate::{
    images::{InvalidOption, MAX_IMAGES, PartialImages, parse_request},
    limits::SpentCharge,
};
use std::{pin::pin, sync::Arc};
use time::OffsetDateTime;
use tokio::{sync::oneshot, time::Instant};
use tracing::Instrument;

type Outcome = Result<FinishedOperation, OperationError>;

/// Work whose caller waits.
pub struct RunningOperation {
    id: OperationId,
    destination: Destination,
    until: Instant,
    answer: oneshot::Receiver<Outcome>,
}

impl RunningOperation {
    /// Its operation.
    #[must_use]
    pub fn id(&self) -> &OperationId {
        &self.id
    }

    /// What it leads to, while its caller can wait.
    ///
    /// # Errors
    /// [`OperationError`]; [`OperationError::StillRunning`] when the caller can wait no longer.
    pub async fn outcome(self) -> Outcome {
        match tokio::time::timeout_at(self.until, self.answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(OperationError::Crashed),
            Err(_) => Err(OperationError::StillRunning {
                id: self.id,
                destination: self.destination,
            }),
        }
    }
}

impl Operations {
    /// Does the work of an operation that is about to be sent.
    pub(super) fn spawn(
        self: &Arc<Self>,
        ownership: Ownership,
        place: Place,
        charge: SpentCharge,
        command: GenerateCommand,
        partials: Option<PartialImages>,
        came_at: Instant,
    ) -> RunningOperation {
        let (sender, answer) = oneshot::channel();
        let running = RunningOperation {
            id: ownership.operation().id.clone(),
            destination: command.destination,
            until: came_at + command.patience.longest_wait(&self.settings),
            answer,
        };
        let latest = came_at + command.patience.longest_generation(&self.settings);
        let work = self.work(&ownership, command, partials, latest);
        let task = self
            .clone()
            .run(work, ownership, place, charge, Some(sender));
        self.tasks.spawn(task.in_current_span());
        running
    }

    /// Has an operation wait for a place, and then does its work.
    pub(super) fn spawn_queued(
        self: &Arc<Self>,
        ownership: Ownership,
        admission: Option<Admission>,
        charge: SpentCharge,
        command: GenerateCommand,
    ) {
        let task = self
            .clone()
            .run_queued(ownership, admission, charge, command);
        self.tasks.spawn(task.in_current_span());
    }

    /// Goes on with an operation that was taken up, from what its caller had sent. It was charged
    /// for when it was accepted, elsewhere.
    pub(super) fn resume(self: &Arc<Self>, ownership: Ownership) {
        match command_of(&ownership) {
            Ok(command) => {
                self.spawn_queued(ownership, None, SpentCharge::default(), command);
            }
            Err(error) => {
                let outcome = Err(OperationError::Invalid(error));
                let status = self.status_of(&outcome);
                self.tasks.spawn(ownership.settle(status).in_current_span());
            }
        }
    }

    async fn run_queued(
        self: Arc<Self>,
        mut ownership: Ownership,
        admission: Option<Admission>,
        charge: SpentCharge,
        command: GenerateCommand,
    ) {
        let canceled = ownership.signals().canceled.clone();
        let place = async {
            tokio::select! {
                biased;
                () = canceled.cancelled() => Err(Interruption::Canceled),
                () = self.stopping.cancelled() => Err(Interruption::Stopping),
                place = self.places.wait(admission) => Ok(place),
            }
        };
        let place = match ownership.while_beating(place).await {
            Ok(place) => place,
            Err(Interruption::Canceled) => {
                return self.give_back_canceled(&ownership, charge).await;
            }
            Err(Interruption::Stopping) => return ownership.hand_over().await,
        };
        let mut pause = self.settings.late_storing_pause;
        loop {
            match ownership.send_off(OffsetDateTime::now_utc()).await {
                Ok(()) => break,
                Err(Lost::Taken) => return self.give_back_canceled(&ownership, charge).await,
                // Nothing was sent, and perhaps nobody asks for it.
                Err(Lost::Unavailable(error)) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "an operation could not be begun yet");
                }
            }
            tokio::select! {
                biased;
                () = canceled.cancelled() => {
                    return self.give_back_canceled(&ownership, charge).await;
                }
                () = self.stopping.cancelled() => return ownership.hand_over().await,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(self.settings.heartbeat),
            }
        }
        let latest = Instant::now() + command.patience.longest_generation(&self.settings);
        let work = self.work(&ownership, command, None, latest);
        self.run(work, ownership, place, charge, None).await;
    }

    fn work(
        &self,
        ownership: &Ownership,
        command: GenerateCommand,
        partials: Option<PartialImages>,
        latest: Instant,
    ) -> Work {
        Work {
            id: ownership.operation().id.clone(),
            generator: self.generator.clone(),
            gallery: self.gallery.clone(),
            memory: self.places.memory_share(),
            settings: self.settings,
            latest,
            command,
            partials,
            canceled: ownership.signals().canceled.clone(),
            stopping: self.stopping.clone(),
        }
    }

    /// From the provider to the operation's end. Pictures that cannot be stored go to the caller,
    /// if there is one, before the end is written down: the store fails just now.
    async fn run(
        self: Arc<Self>,
        work: Work,
        mut ownership: Ownership,
        place: Place,
        charge: SpentCharge,
        mut caller: Option<oneshot::Sender<Outcome>>,
    ) {
        let mut outcome = ownership.while_beating(work.run()).await;
        drop(place); // what may follow waits for the store, not for the provider
        if matches!(&outcome, Err(error) if error.payment() == Payment::None) {
            charge.cost_nothing();
        }
        if matches!(outcome, Err(OperationError::NotStored { .. })) {
            let status = self.status_of(&outcome);
            outcome = match hand_over(caller.take(), outcome) {
                None => return ownership.settle(status).await,
                Some(unheard) => ownership.while_beating(work.store_late(unheard)).await,
            };
        }
        let mut settling = pin!(ownership.settle(self.status_of(&outcome)));
        let in_time = tokio::time::timeout(self.settings.longest_settling, &mut settling);
        let is_settled = in_time.await.is_ok();
        if let Some(unheard) = hand_over(caller, outcome) {
            log_unheard(&unheard, &work.command);
        }
        if !is_settled {
            settling.await;
        }
    }

    fn status_of(&self, outcome: &Outcome) -> OperationStatus {
        match outcome {
            Ok(finished) => OperationStatus::Succeeded {
                result: finished.without_bytes(),
            },
            Err(error) => OperationStatus::Failed {
                error: (self.describe)(error),
                payment: error.payment(),
                is_verdict: false,
            },
        }
    }
}

enum Interruption {
    Canceled,
    Stopping,
}

/// Gives the outcome to the caller, or back when there is none any more.
fn hand_over(caller: Option<oneshot::Sender<Outcome>>, outcome: Outcome) -> Option<Outcome> {
    match caller {
        Some(caller) => caller.send(outcome).err(),
        None => Some(outcome),
    }
}

/// The command that the operation came with.
fn command_of(ownership: &Ownership) -> Result<GenerateCommand, InvalidOption> {
    let operation = ownership.operation();
    let fields = operation.fields.clone().unwrap_or_default();
    let parsed = parse_request(fields, MAX_IMAGES)?;
    Ok(GenerateCommand::in_background(
        parsed,
        operation.request_id.clone(),
    ))
}
