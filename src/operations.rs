//! Work that outlives a request: from a prompt to stored images, written down so that no process,
//! connection or repetition costs an image or pays for one twice.
//!
//! Every generation is an [`Operation`], a blob in the state container (`docs/ARCHITECTURE.md`
//! has the diagram of its states). It says `running` before the provider is asked; from then on
//! the work goes on whether the caller waits or not, for it is paid for.

mod admit;
mod claim;
mod command;
mod id;
mod key;
mod lost;
mod outcome;
mod owner;
mod pauses;
mod places;
mod record;
mod repeat;
mod running;
mod settings;
mod start;
mod states;
mod sweep;
mod task;
mod work;

use crate::{
    gallery::Gallery,
    images::{ImageGenerator, ImageOptions, rules::ModelRules},
    limits::Limits,
    storage::{BlobStore, ETag, StorageError},
};
use places::Places;
use running::Running;
use serde_json::Value;
use states::States;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;
use uuid::Uuid;

pub use command::{CallersFields, Destination, GenerateCommand, Patience, Repayment};
pub use id::{InvalidOperationId, OperationId};
pub use key::{InvalidKey, KeyOrigin, MAX_KEY_LENGTH, RequestKey};
pub use outcome::{FinishedImage, FinishedOperation, OperationError};
pub use record::{Operation, OperationStatus, Payment};
pub use settings::OperationSettings;
pub use start::Started;
pub use task::RunningOperation;
pub use work::Parcel;

/// When a caller may ask again about work that goes on.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// So often an operation is looked at that changes all the while.
const ROUNDS: u32 = 10;

/// Pauses between looks at another process's operation grow up to so many times the first.
const LONGEST_POLL_PAUSE: u32 = 8;

/// Writes a failure down as the problem document that a waiting caller would get: statuses and
/// public sentences are not this room's.
pub type DescribeFailure = fn(&OperationError) -> Value;

/// Runs generations, a bounded number at once.
pub struct Operations {
    generator: Arc<dyn ImageGenerator>,
    gallery: Arc<Gallery>,
    states: States,
    settings: OperationSettings,
    describe: DescribeFailure,
    places: Places,
    limits: Arc<Limits>,
    /// This process, among those that own operations.
    instance: Uuid,
    running: Running,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Operations {
    /// Generations by `generator` into `gallery` within `limits`, written down in `store`.
    #[must_use]
    pub fn new(
        generator: Arc<dyn ImageGenerator>,
        gallery: Arc<Gallery>,
        store: Arc<dyn BlobStore>,
        limits: Arc<Limits>,
        settings: OperationSettings,
        describe: DescribeFailure,
    ) -> Self {
        Self {
            generator,
            gallery,
            states: States::new(store),
            places: Places::new(&settings),
            limits,
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
        let mut pause = self.settings.poll_pause;
        loop {
            let found = self.look(id).await?;
            let goes_on = match &found {
                Some(found) => !found.status.is_final(),
                None => self.running.find(id).is_some(), // it is being written down
            };
            // Whoever waits here would hold up the end of this process, and come to nothing.
            if !goes_on || Instant::now() >= until || self.stopping.is_cancelled() {
                return Ok(found);
            }
            let change = async {
                match self.running.find(id) {
                    // One that waits for a place tells nothing until it ends.
                    Some(signals) if found.is_some() && !signals.canceled.is_cancelled() => {
                        signals.over().await;
                    }
                    _ => tokio::time::sleep(pause).await,
                }
            };
            tokio::select! {
                () = change => {}
                () = tokio::time::sleep_until(until) => {}
                () = self.stopping.cancelled() => {}
            }
            pause = (pause * 3 / 2).min(self.settings.poll_pause * LONGEST_POLL_PAUSE);
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
        for _ in 0..ROUNDS {
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
            // Whoever asks may leave before they are told, and the work is told all the same.
            let canceling = self.clone().replace_by_canceled(canceled, seen.etag);
            let done = self.tasks.spawn(canceling.in_current_span()).await;
            match done.map_err(|_| OperationError::Crashed)? {
                Ok(canceled) => return Ok(Some(canceled)),
                Err(StorageError::Changed) => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
        Err(self.busy())
    }

    async fn replace_by_canceled(
        self: Arc<Self>,
        canceled: Operation,
        seen: ETag,
    ) -> Result<Operation, StorageError> {
        self.states.replace(&canceled, &seen).await?;
        if let Some(signals) = self.running.find(&canceled.id) {
            signals.canceled.cancel();
        }
        Ok(canceled)
    }

    /// Whether the state container answers: lists one blob at the most.
    ///
    /// # Errors
    /// [`StorageError`] with the reason why not.
    pub async fn check(&self) -> Result<(), StorageError> {
        self.states.check().await
    }

    /// Waits until all running work is done; what was not sent is left to whoever comes next, and
    /// what was not spent of the day's budget to the other processes.
    pub async fn finish(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.limits.finish().await;
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

    fn busy(&self) -> OperationError {
        OperationError::Busy {
            retry_after: ASK_AGAIN_AFTER,
        }
    }
}
