//! Work that outlives a request: from a prompt to stored images, written down so that no process,
//! connection or repetition costs an image or pays for one twice.
//!
//! Every generation is an [`Operation`], a blob in the state container (`docs/ARCHITECTURE.md`
//! has the diagram of its states). It says `running` before the provider is asked; from then on
//! the work goes on whether the caller waits or not, for it is paid for.

mod claim;
mod command;
mod id;
mod key;
mod lost;
mod outcome;
mod owner;
mod places;
mod record;
mod running;
mod settings;
mod states;
mod sweep;
mod task;
mod work;

use crate::{
    gallery::Gallery,
    images::{ImageGenerator, ImageOptions, PartialImages, check_request, rules::ModelRules},
    storage::{BlobStore, StorageError},
};
use claim::{Claim, ClaimedId};
use owner::Ownership;
use places::Places;
use running::Running;
use serde_json::Value;
use states::States;
use std::{sync::Arc, time::Duration};
use task::RunningOperation;
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub use command::{CallersFields, Destination, GenerateCommand, Patience, Repayment};
pub use id::{InvalidOperationId, OperationId};
pub use key::{InvalidKey, KeyOrigin, MAX_KEY_LENGTH, RequestKey};
pub use outcome::{FinishedImage, FinishedOperation, OperationError};
pub use record::{Operation, OperationStatus, Payment};
pub use settings::OperationSettings;
pub use work::Parcel;

/// When a caller may ask again about work that goes on.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Writes a failure down as the problem document that a waiting caller would get: statuses and
/// public sentences are not this room's.
pub type DescribeFailure = fn(&OperationError) -> Value;

/// What a request has started.
pub enum Started {
    /// Its own work.
    Running(RunningOperation),
    /// Nothing: its key's first request has the images.
    Repeated(FinishedOperation),
}

/// Runs generations, a bounded number at once.
pub struct Operations {
    generator: Arc<dyn ImageGenerator>,
    gallery: Arc<Gallery>,
    states: States,
    settings: OperationSettings,
    describe: DescribeFailure,
    places: Places,
    /// This process, among those that own operations.
    instance: Uuid,
    running: Running,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Operations {
    /// Generations by `generator` into `gallery`, written down in `store`.
    #[must_use]
    pub fn new(
        generator: Arc<dyn ImageGenerator>,
        gallery: Arc<Gallery>,
        store: Arc<dyn BlobStore>,
        settings: OperationSettings,
        describe: DescribeFailure,
    ) -> Self {
        Self {
            generator,
            gallery,
            states: States::new(store),
            places: Places::new(&settings),
            settings,
            describe,
            instance: Uuid::new_v4(),
            running: Running::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// What the model of a request takes.
    #[must_use]
    pub fn rules(&self, options: &ImageOptions) -> ModelRules {
        self.generator.rules(options)
    }

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
        let came_at = Instant::now();
        let claimed = match self.claim(&command).await? {
            Claim::Ours(claimed) => claimed,
            Claim::First(first) => return self.repeat(&first.id, &command).await,
        };
        let place = self.places.take().await?;
        let waiting = self.new_operation(&claimed, &command, None);
        let operation = waiting.sent(OffsetDateTime::now_utc());
        let entry = self.running.enter(&operation.id);
        match self.states.create(&operation).await {
            Ok(seen) => {
                claimed.keep();
                let ownership =
                    Ownership::new(&self.states, operation, seen, entry, &self.settings);
                let running = self.spawn(ownership, place, command, partials, came_at);
                Ok(Started::Running(running))
            }
            Err(StorageError::AlreadyExists) => {
                drop((entry, place));
                let first = claimed.id.clone();
                claimed.keep();
                self.repeat(&first, &command).await
            }
            Err(error) => Err(OperationError::StateUnavailable(error)),
        }
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
        let claimed = match self.claim(&command).await? {
            Claim::Ours(claimed) => claimed,
            Claim::First(first) => return Ok(*first),
        };
        let admission = self.places.admit()?;
        let operation = self.new_operation(&claimed, &command, Some(fields));
        let entry = self.running.enter(&operation.id);
        match self.states.create(&operation).await {
            Ok(seen) => {
                claimed.keep();
                let accepted = operation.clone();
                let ownership =
                    Ownership::new(&self.states, operation, seen, entry, &self.settings);
                self.spawn_queued(ownership, Some(admission), command);
                Ok(accepted)
            }
            Err(StorageError::AlreadyExists) => {
                drop(entry);
                claimed.keep();
                self.look(&operation.id).await?.ok_or_else(|| self.busy())
            }
            Err(error) => Err(OperationError::StateUnavailable(error)),
        }
    }

    /// The operation when it has ended, or as it stands when `longest` is over.
    ///
    /// # Errors
    /// [`OperationError::StateUnavailable`].
    pub async fn wait(
        self: &Arc<Self>,
        id: &OperationId,
        longest: Duration,
    ) -> Result<Option<Operation>, OperationError> {
        let until = Instant::now() + longest;
        loop {
            let found = self.look(id).await?;
            let goes_on = found.as_ref().is_some_and(|found| !found.status.is_final());
            if !goes_on || Instant::now() >= until {
                return Ok(found);
            }
            match self.running.find(id) {
                // One that waits for a place tells nothing until it ends.
                Some(signals) if !signals.canceled.is_cancelled() => {
                    drop(tokio::time::timeout_at(until, signals.over()).await);
                }
                _ => {
                    let next_look = Instant::now() + self.settings.poll_pause;
                    tokio::time::sleep_until(next_look.min(until)).await;
                }
            }
        }
    }

    /// Cancels what was not sent, and gives up the rest: what the provider was asked for cannot be
    /// called back, and its images go to the gallery. An operation that has ended stays as it is.
    ///
    /// # Errors
    /// [`OperationError::StateUnavailable`].
    pub async fn cancel(
        self: &Arc<Self>,
        id: &OperationId,
    ) -> Result<Option<Operation>, OperationError> {
        let unavailable = OperationError::StateUnavailable;
        loop {
            let Some(seen) = self.states.read(id).await.map_err(unavailable)? else {
                return Ok(None);
            };
            let Some(operation) = &seen.value else {
                return self.look(id).await;
            };
            let payment = match operation.status {
                OperationStatus::NotRunning => Payment::None,
                OperationStatus::Running => Payment::Possible,
                _ => return Ok(seen.value),
            };
            let canceled = operation.ended(OperationStatus::Canceled {
                error: (self.describe)(&OperationError::Canceled { payment }),
                payment,
            });
            match self.states.replace(&canceled, &seen.etag).await {
                Ok(_) => {
                    if let Some(signals) = self.running.find(id) {
                        signals.canceled.cancel();
                    }
                    return Ok(Some(canceled));
                }
                Err(StorageError::Changed) => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
    }

    /// Waits until all running work is done; what was not sent is left to whoever comes next.
    pub async fn finish(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// How long operations and keys are kept.
    #[must_use]
    pub fn kept_for(&self) -> Duration {
        self.settings.kept_for
    }

    /// How many operations this process works on.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// What the key's first request got or gets.
    async fn repeat(
        self: &Arc<Self>,
        first: &OperationId,
        command: &GenerateCommand,
    ) -> Result<Started, OperationError> {
        let by_host = command.key.as_ref().is_some_and(RequestKey::is_of_host);
        let longest = match by_host {
            true => command.patience.longest_wait(&self.settings),
            false => self.settings.longest_repeat_wait,
        };
        let found = self.wait(first, longest).await?;
        let id = first.clone();
        match found.map(|found| found.status) {
            Some(OperationStatus::Succeeded { result }) => {
                let finished = self.with_bytes(result, command.destination).await?;
                Ok(Started::Repeated(finished))
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
        let memory = self.places.memory_share();
        for image in &mut finished.images {
            let stored = image.stored.as_ref().ok_or(OperationError::NotKept)?;
            let size = usize::try_from(stored.size_bytes).unwrap_or(usize::MAX);
            let mut reservation = memory.reserve(Some(size)).await;
            let bytes = self.gallery.read(stored).await;
            let bytes = bytes.map_err(|_| OperationError::NotKept)?;
            image.bytes = Some(reservation.hold(bytes.into()));
        }
        Ok(finished)
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
            beats: 0,
            owners_lost: 0,
            provider: self.generator.provider().to_owned(),
            model: self.generator.model(options),
            wanted: options.n,
            sent_at: None,
            fields: fields.map(|fields| fields.0),
        }
    }

    fn busy(&self) -> OperationError {
        OperationError::Busy {
            retry_after: ASK_AGAIN_AFTER,
        }
    }
}
