//! Work that outlives a request: from a prompt to stored images. Once the provider is asked, the
//! work goes on whether the caller waits or not, for it is paid for.

use crate::{
    gallery::{Gallery, ImageEntry, ImageFacts, NewImage, UsageFact},
    images::{
        GeneratedImage, GenerationError, GenerationLimits, ImageGenerator, ImageRequest,
        InvalidOption, generate_all,
    },
    storage::StorageError,
};
use bytes::Bytes;
use serde_json::Value;
use std::{future::Future, sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore, oneshot},
    time::Instant,
};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// When a caller that found no place may come again.
const COME_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Retries of a request that names no number.
const DEFAULT_MAX_RETRIES: u32 = 2;

/// What an image takes while it is made: the provider's text, a third longer than the image, and
/// the image itself, which are held at once for a moment; enough for images of 3.5 MB.
pub const MEBIBYTES_PER_IMAGE: u32 = 8;

/// How much at once, and how long.
#[derive(Debug, Clone, Copy)]
pub struct OperationSettings {
    /// Generations at once.
    pub max_concurrent: usize,
    /// Memory for images in the making, in MiB; each image has [`MEBIBYTES_PER_IMAGE`] of it.
    pub memory_mebibytes: u32,
    /// How long a request waits for memory before it is turned away.
    pub longest_memory_wait: Duration,
    /// How long a request waits for a place before it is turned away.
    pub longest_queue_time: Duration,
    /// The provider's part ends here, whatever the caller allows.
    pub longest_generation: Duration,
    /// When a caller is told that the work goes on without them.
    pub longest_wait: Duration,
}

impl Default for OperationSettings {
    /// The platform cuts a request at 230 s
    /// (<https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout>): the
    /// provider's part ends well before, so that there is time to store.
    fn default() -> Self {
        Self {
            max_concurrent: 64,
            memory_mebibytes: 96,
            longest_memory_wait: Duration::from_secs(60),
            longest_queue_time: Duration::from_secs(2),
            longest_generation: Duration::from_secs(200),
            longest_wait: Duration::from_secs(220),
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
}

/// Images that are made and stored.
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
    /// Given back when the pictures are.
    _memory: OwnedSemaphorePermit,
}

/// One stored image.
#[derive(Debug)]
pub struct FinishedImage {
    /// As the gallery lists it.
    pub entry: ImageEntry,
    /// What the provider made of the prompt.
    pub revised_prompt: Option<String>,
    /// The encoded picture.
    pub bytes: Bytes,
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
        unstored: Vec<GeneratedImage>,
        /// Why.
        #[source]
        source: StorageError,
    },
    /// It takes longer than a request can last; the images will be in the gallery.
    #[error("the images take longer than a request can last")]
    StillRunning,
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
    memory: Arc<Semaphore>,
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
            memory: Arc::new(Semaphore::new(settings.memory_mebibytes as usize)),
            settings,
            running: TaskTracker::new(),
        }
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
        self.check(&command.request)?;
        let settings = self.settings;
        let place = self.places.clone().acquire_owned();
        let place = in_time(settings.longest_queue_time, place).await?;
        let memory = self.reserve_memory(command.request.options.n).await?;
        let (generator, gallery) = (self.generator.clone(), self.gallery.clone());
        let (sender, answer) = oneshot::channel();
        let work = async move {
            let _place = place;
            let longest = settings.longest_generation;
            let outcome = run(generator.as_ref(), &gallery, command, longest, memory).await;
            if let Err(Err(error)) = sender.send(outcome) {
                log_unheard(&error);
            }
        };
        self.running.spawn(work.in_current_span());
        match tokio::time::timeout(settings.longest_wait, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(OperationError::Crashed),
            Err(_) => Err(OperationError::StillRunning),
        }
    }

    /// What only the model of a request can say about it.
    fn check(&self, request: &ImageRequest) -> Result<(), InvalidOption> {
        let longest = self.generator.longest_prompt(&request.options);
        let characters = request.prompt.as_str().chars().count();
        if characters <= longest {
            return Ok(());
        }
        let model = self.generator.model(&request.options);
        Err(InvalidOption {
            field: "prompt".to_owned(),
            problem: format!("has {characters} characters"),
            allowed: format!("up to {longest} characters for the model {model}"),
        })
    }

    /// All of it before anything is paid, and at once: calls of one request that waited for each
    /// other's memory would wait forever.
    async fn reserve_memory(&self, images: u8) -> Result<OwnedSemaphorePermit, OperationError> {
        let needed = u32::from(images) * MEBIBYTES_PER_IMAGE;
        let permits = needed.min(self.settings.memory_mebibytes);
        let memory = self.memory.clone().acquire_many_owned(permits);
        in_time(self.settings.longest_memory_wait, memory).await
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

async fn in_time<T>(
    limit: Duration,
    permit: impl Future<Output = Result<T, AcquireError>>,
) -> Result<T, OperationError> {
    match tokio::time::timeout(limit, permit).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(OperationError::Busy {
            retry_after: COME_AGAIN_AFTER,
        }),
    }
}

/// Nobody waits for this failure any more, so nobody else will log it.
fn log_unheard(error: &OperationError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(%error, cause, "a generation failed after its caller had gone");
}

async fn run(
    generator: &dyn ImageGenerator,
    gallery: &Gallery,
    command: GenerateCommand,
    longest: Duration,
    memory: OwnedSemaphorePermit,
) -> Result<FinishedOperation, OperationError> {
    let started = Instant::now();
    let options = &command.request.options;
    let wanted = options.timeout;
    let timeout = wanted.unwrap_or_else(|| generator.default_timeout(options));
    let limits = GenerationLimits {
        deadline: started + timeout.min(longest),
        max_retries: options.max_retries.unwrap_or(DEFAULT_MAX_RETRIES),
    };
    let mut generation = generate_all(generator, &command.request, limits).await?;
    if wanted.is_some_and(|wanted| wanted > longest) {
        let longest = longest.as_millis();
        let warning = format!("timeoutMs was capped at {longest}, all that a request can last");
        generation.warnings.push(warning);
    }
    let model = generator.model(options);
    tracing::info!(
        prompt = ?command.request.prompt,
        provider = generator.provider(),
        model,
        images = generation.images.len(),
        attempts = generation.attempts,
        elapsed_ms = started.elapsed().as_millis(),
        "images generated"
    );
    let provider = generator.provider();
    let finished = FinishedOperation {
        images: Vec::new(),
        provider,
        model,
        attempts: generation.attempts,
        usage: generation.usage,
        warnings: generation.warnings,
        _memory: memory,
    };
    store_all(gallery, &command, generation.images, finished).await
}

/// Stores each picture, and goes on behind one that cannot be stored.
async fn store_all(
    gallery: &Gallery,
    command: &GenerateCommand,
    pictures: Vec<GeneratedImage>,
    mut finished: FinishedOperation,
) -> Result<FinishedOperation, OperationError> {
    let (mut unstored, mut failure) = (Vec::new(), None);
    for picture in pictures {
        let image = new_image(command, finished.provider, &finished.model, &picture);
        let now = OffsetDateTime::now_utc();
        match gallery.add(&image, now, &command.public_base_url).await {
            Ok(entry) => finished.images.push(FinishedImage {
                entry,
                revised_prompt: picture.revised_prompt,
                bytes: picture.bytes,
            }),
            Err(error) => {
                unstored.push(picture);
                failure = Some(error);
            }
        }
    }
    match failure {
        Some(source) => Err(OperationError::NotStored {
            stored: finished.images,
            unstored,
            source,
        }),
        None => Ok(finished),
    }
}

fn new_image(
    command: &GenerateCommand,
    provider: &str,
    model: &str,
    picture: &GeneratedImage,
) -> NewImage {
    let (width, height) = picture.dimensions;
    NewImage {
        bytes: picture.bytes.clone(),
        format: picture.format,
        prompt: command.request.prompt.clone(),
        facts: ImageFacts {
            revised_prompt: picture.revised_prompt.clone(),
            provider: provider.to_owned(),
            model: model.to_owned(),
            size: format!("{width}x{height}"),
            quality: command.request.options.quality.clone(),
            seed: picture.seed,
            request_id: command.request_id.clone(),
            upstream_request_id: picture.upstream_request_id.clone(),
            usage: picture.usage.as_ref().map(|usage| UsageFact {
                counts: usage.counts.to_string(),
                images: usage.images,
            }),
        },
    }
}
