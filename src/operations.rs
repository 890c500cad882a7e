//! Work that outlives a request: from a prompt to stored images. Once the provider is asked, the
//! work goes on whether the caller waits or not, for it is paid for.

mod work;

use crate::{
    gallery::{Gallery, ImageEntry},
    image_format::ImageFormat,
    images::{
        GenerationError, ImageGenerator, ImageOptions, ImageRequest, InvalidOption, check_request,
        memory::ImageMemory, rules::ModelRules,
    },
    storage::StorageError,
};
use bytes::Bytes;
use serde_json::Value;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::Instant,
};
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use work::Work;

pub use work::Parcel;

/// When a caller that found no place may come again.
const COME_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How much at once, and how long.
#[derive(Debug, Clone, Copy)]
pub struct OperationSettings {
    /// Generations at once.
    pub max_concurrent: usize,
    /// So many requests more may wait for a place; the next is turned away at once.
    pub max_queued: usize,
    /// How long a request waits for a place, and for memory, before it is turned away.
    pub longest_queue_time: Duration,
    /// Memory for pictures in the making, in MiB.
    pub memory_mebibytes: u32,
    /// The provider's part ends so long after the request came, whatever the caller allows.
    pub longest_generation: Duration,
    /// When a caller is told that the work goes on without them.
    pub longest_wait: Duration,
    /// Pause before another attempt to store a picture that no caller can be given any more;
    /// doubled each time.
    pub late_storing_pause: Duration,
}

impl Default for OperationSettings {
    /// The platform cuts a request at 230 s
    /// (<https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout>): the
    /// provider's part ends well before, so that there is time to store. A queue longer than
    /// some seconds would only hold callers who are better told to come again.
    fn default() -> Self {
        Self {
            max_concurrent: 64,
            max_queued: 256,
            longest_queue_time: Duration::from_secs(20),
            memory_mebibytes: 96,
            longest_generation: Duration::from_secs(200),
            longest_wait: Duration::from_secs(220),
            late_storing_pause: Duration::from_secs(1),
        }
    }
}

/// What to generate, for whom.
#[derive(Debug, Clone)]
pub struct GenerateCommand {
    /// The pictures that are wanted.
    pub request: ImageRequest,
    /// Our request's id.
    pub request_id: String,
    /// Start of the addresses of a store that this process serves.
    pub public_base_url: String,
    /// Where the pictures go.
    pub destination: Destination,
}

/// Where pictures go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Into the gallery; their bytes are let go as soon as they are stored.
    Gallery,
    /// Into the gallery, and their bytes to the caller.
    GalleryAndCaller,
    /// To the caller alone.
    Caller,
}

/// Images that are made, and stored where that was asked for.
#[derive(Debug)]
pub struct FinishedOperation {
    /// At least one.
    pub images: Vec<FinishedImage>,
    /// Who made them.
    pub provider: &'static str,
    /// With which model.
    pub model: String,
    /// Calls to the provider, retries included.
    pub attempts: u32,
    /// What the provider counted.
    pub usage: Option<Value>,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

/// One finished image.
#[derive(Debug)]
pub struct FinishedImage {
    /// As the gallery lists it, where it is stored.
    pub entry: Option<ImageEntry>,
    /// What the provider made of the prompt.
    pub revised_prompt: Option<String>,
    /// The seed that was used, where there was one.
    pub seed: Option<u64>,
    /// Its encoding.
    pub format: ImageFormat,
    /// Width and height in pixels.
    pub dimensions: (u32, u32),
    /// The encoded picture, where the caller wants it.
    pub bytes: Option<Bytes>,
}

/// Why there are no stored images.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The model does not take the request as it is.
    #[error(transparent)]
    Invalid(#[from] InvalidOption),
    /// Too much is being generated.
    #[error("too many images are being generated")]
    Busy {
        /// When to come again.
        retry_after: Duration,
    },
    /// No picture came.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// Pictures came, and are paid for, but some could not be stored.
    #[error("an image was generated but could not be stored")]
    NotStored {
        /// Those that are stored.
        stored: Vec<FinishedImage>,
        /// Those that are not.
        unstored: Vec<Parcel>,
        /// Why.
        #[source]
        source: StorageError,
    },
    /// It takes longer than a request can last.
    #[error("the images take longer than a request can last")]
    StillRunning {
        /// Where they will go; those for the caller alone are lost.
        destination: Destination,
    },
    /// The work broke off by a fault of ours.
    #[error("the work broke off")]
    Crashed,
}

/// Runs generations, a bounded number at once.
pub struct Operations {
    generator: Arc<dyn ImageGenerator>,
    gallery: Arc<Gallery>,
    settings: OperationSettings,
    places: Arc<Semaphore>,
    queue: Semaphore,
    memory: ImageMemory,
    running: TaskTracker,
}

impl Operations {
    /// Generations by `generator` into `gallery`.
    #[must_use]
    pub fn new(
        generator: Arc<dyn ImageGenerator>,
        gallery: Arc<Gallery>,
        settings: OperationSettings,
    ) -> Self {
        Self {
            generator,
            gallery,
            places: Arc::new(Semaphore::new(settings.max_concurrent)),
            queue: Semaphore::new(settings.max_queued),
            memory: ImageMemory::new(settings.memory_mebibytes),
            settings,
            running: TaskTracker::new(),
        }
    }

    /// What the model of a request takes.
    #[must_use]
    pub fn rules(&self, options: &ImageOptions) -> ModelRules {
        self.generator.rules(options)
    }

    /// Generates and stores. A caller that goes away while waiting for a place or for memory
    /// cancels the work; after that it is finished without them.
    ///
    /// # Errors
    /// [`OperationError`].
    pub async fn generate(
        &self,
        command: GenerateCommand,
    ) -> Result<FinishedOperation, OperationError> {
        check_request(self.generator.as_ref(), &command.request)?;
        let (settings, came_at) = (self.settings, Instant::now());
        let destination = command.destination;
        let place = self.take_place().await?;
        // Nothing is paid for while there is no room to receive it.
        in_time(settings.longest_queue_time, self.memory.wait_for_room()).await?;
        let work = Work {
            generator: self.generator.clone(),
            gallery: self.gallery.clone(),
            memory: self.memory.share(),
            settings,
            latest: came_at + settings.longest_generation,
            command,
        };
        let (sender, answer) = oneshot::channel();
        let work = async move {
            let outcome = work.run().await;
            drop(place); // what may follow waits for the store, not for the provider
            if let Err(unheard) = sender.send(outcome) {
                work.end_unheard(unheard).await;
            }
        };
        self.running.spawn(work.in_current_span());
        match tokio::time::timeout_at(came_at + settings.longest_wait, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(OperationError::Crashed),
            Err(_) => Err(OperationError::StillRunning { destination }),
        }
    }

    /// A place among those that run, after a bounded wait in a queue of bounded length.
    async fn take_place(&self) -> Result<OwnedSemaphorePermit, OperationError> {
        let places = self.places.clone();
        if let Ok(place) = places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _queued = self.queue.try_acquire().map_err(|_| busy())?;
        let place = in_time(self.settings.longest_queue_time, places.acquire_owned()).await?;
        place.map_err(|_| busy())
    }

    /// Waits until all running work is done.
    pub async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }

    /// How many generations are running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len()
    }
}

async fn in_time<T>(limit: Duration, wait: impl Future<Output = T>) -> Result<T, OperationError> {
    let waited = tokio::time::timeout(limit, wait).await;
    waited.map_err(|_| busy())
}

fn busy() -> OperationError {
    OperationError::Busy {
        retry_after: COME_AGAIN_AFTER,
    }
}
