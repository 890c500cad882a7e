//! One generation on its way: the provider's pictures, each taken to its destination.

use super::{
    FinishedImage, FinishedOperation, GenerateCommand, OperationError, OperationId,
    OperationSettings,
    command::{Destination, Patience},
    pauses::Pauses,
};
use crate::{
    gallery::{Gallery, ImageFacts, NewImage, StoredImage, UsageFact},
    images::{
        GeneratedImage, GenerationLimits, ImageGenerator, ImageOptions, PartialImages,
        generate_all, memory::MemoryShare,
    },
    storage::StorageError,
};
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A picture on its way to its destination. Its time, and with it its name, and the id of its
/// write stay the same however often it is tried: a write that was taken for a failure may have
/// succeeded, and must not be stored a second time.
#[derive(Debug)]
pub struct Parcel {
    /// What is delivered.
    pub picture: GeneratedImage,
    made_at: OffsetDateTime,
    write_id: Uuid,
}

impl Parcel {
    fn new(picture: GeneratedImage) -> Self {
        Self {
            picture,
            made_at: OffsetDateTime::now_utc(),
            write_id: Uuid::new_v4(),
        }
    }
}

/// One generation.
pub(super) struct Work {
    pub id: OperationId,
    pub generator: Arc<dyn ImageGenerator>,
    pub gallery: Arc<Gallery>,
    pub memory: MemoryShare,
    pub settings: OperationSettings,
    /// The provider's part ends here.
    pub latest: Instant,
    pub command: GenerateCommand,
    /// Who wants previews.
    pub partials: Option<PartialImages>,
    /// Once this is set nothing more is sent.
    pub canceled: CancellationToken,
    /// Once this is set little time is left to store.
    pub stopping: CancellationToken,
}

impl Work {
    pub async fn run(&self) -> Result<FinishedOperation, OperationError> {
        let started = Instant::now();
        let (generator, request) = (self.generator.as_ref(), &self.command.request);
        let limits = self.limits(&request.options);
        let generation = generate_all(generator, request, limits).await?;
        let finished = FinishedOperation {
            operation: self.id.clone(),
            images: Vec::new(),
            provider: generator.provider().to_owned(),
            model: generator.model(&request.options),
            attempts: Some(generation.attempts),
            usage: generation.usage,
            warnings: self.warnings(generation.warnings),
        };
        tracing::info!(
            prompt = ?request.prompt,
            provider = finished.provider,
            model = finished.model,
            images = generation.images.len(),
            attempts = finished.attempts,
            elapsed_ms = started.elapsed().as_millis(),
            "images generated"
        );
        let parcels = generation.images.into_iter().map(Parcel::new);
        self.deliver_all(parcels.collect(), finished).await
    }

    fn limits(&self, options: &ImageOptions) -> GenerationLimits<'_> {
        let by_default = || self.generator.rules(options).default_timeout;
        let timeout = options.timeout.unwrap_or_else(by_default);
        GenerationLimits {
            deadline: (Instant::now() + timeout).min(self.latest),
            latest: self.latest,
            max_retries: options.max_retries,
            memory: &self.memory,
            partials: self.partials.as_ref(),
            canceled: &self.canceled,
        }
    }

    /// Those of the request first.
    fn warnings(&self, of_generation: Vec<String>) -> Vec<String> {
        let mut warnings = self.command.warnings.clone();
        warnings.extend(of_generation);
        let longest = self.command.patience.longest_generation(&self.settings);
        let wanted = self.command.request.options.timeout;
        if wanted.is_some_and(|wanted| wanted > longest) {
            let last = match self.command.patience {
                Patience::Request => "a request",
                Patience::Stream => "an event stream",
                Patience::Background => "an operation",
            };
            let longest = longest.as_millis();
            let warning = format!("timeoutMs was capped at {longest}, all that {last} can last");
            warnings.push(warning);
        }
        warnings
    }

    /// Takes each picture to its destination, and goes on behind one that cannot be stored.
    async fn deliver_all(
        &self,
        parcels: Vec<Parcel>,
        mut finished: FinishedOperation,
    ) -> Result<FinishedOperation, OperationError> {
        let (mut unstored, mut failure) = (Vec::new(), None);
        for parcel in parcels {
            match self.deliver(&parcel).await {
                Ok(stored) => finished.images.push(self.finish(parcel.picture, stored)),
                Err(error) => {
                    unstored.push(parcel);
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(source) => Err(OperationError::NotStored {
                finished: Box::new(finished),
                unstored,
                source,
            }),
            None => Ok(finished),
        }
    }

    async fn deliver(&self, parcel: &Parcel) -> Result<Option<StoredImage>, StorageError> {
        if self.command.destination == Destination::Caller {
            return Ok(None);
        }
        let stored = self.gallery.add(&self.new_image(parcel)).await?;
        Ok(Some(stored))
    }

    /// The bytes are let go here when the caller does not want them.
    fn finish(&self, picture: GeneratedImage, stored: Option<StoredImage>) -> FinishedImage {
        let wants_bytes = self.command.destination != Destination::Gallery;
        FinishedImage {
            stored,
            revised_prompt: picture.revised_prompt,
            seed: picture.seed,
            format: picture.format,
            dimensions: picture.dimensions,
            bytes: wants_bytes.then_some(picture.bytes),
        }
    }

    fn new_image(&self, parcel: &Parcel) -> NewImage {
        let picture = &parcel.picture;
        let (width, height) = picture.dimensions;
        let request = &self.command.request;
        NewImage {
            bytes: picture.bytes.clone(),
            format: picture.format,
            prompt: request.prompt.clone(),
            made_at: parcel.made_at,
            write_id: parcel.write_id,
            facts: ImageFacts {
                revised_prompt: picture.revised_prompt.clone(),
                provider: self.generator.provider().to_owned(),
                model: self.generator.model(&request.options),
                size: format!("{width}x{height}"),
                quality: request.options.quality.clone(),
                seed: picture.seed,
                request_id: self.command.request_id.clone(),
                operation: self.id.mark(),
                upstream_request_id: picture.upstream_request_id.clone(),
                usage: picture.usage.as_ref().map(|usage| UsageFact {
                    counts: usage.counts.to_string(),
                    images: usage.images,
                }),
            },
        }
    }

    /// No answer can carry these pictures any more, so storing them is tried for longer. Gives
    /// back any other outcome as it is.
    pub async fn store_late(
        &self,
        outcome: Result<FinishedOperation, OperationError>,
    ) -> Result<FinishedOperation, OperationError> {
        let mut outcome = outcome;
        let mut pauses = Pauses::new(self.settings.late_storing_pause, &self.stopping);
        loop {
            let (finished, unstored, source) = match outcome {
                Err(OperationError::NotStored {
                    finished,
                    unstored,
                    source,
                }) => (finished, unstored, source),
                other => return other,
            };
            tracing::warn!(
                error = %source,
                pictures = unstored.len(),
                pause_ms = pauses.next_ms(),
                "no caller can be given these pictures: storing them is tried again"
            );
            // Their callers are gone, and the memory is wanted by others.
            let finished = finished.without_bytes();
            if !pauses.rest().await {
                return Err(OperationError::NotStored {
                    finished: finished.into(),
                    unstored,
                    source,
                });
            }
            outcome = self.deliver_all(unstored, finished).await;
        }
    }
}

/// Nobody waits, so this is the place for outcomes that nobody else will log.
pub(super) fn log_unheard(
    outcome: &Result<FinishedOperation, OperationError>,
    command: &GenerateCommand,
) {
    let error = match outcome {
        Ok(_) if command.destination == Destination::Caller => {
            tracing::warn!("a picture that was not to be stored came after its caller had gone");
            return;
        }
        Ok(_) => return,
        Err(error) => error,
    };
    let cause = std::error::Error::source(error).map(ToString::to_string);
    match command.patience {
        // Its caller will ask.
        Patience::Background => tracing::info!(%error, cause, "an operation failed"),
        Patience::Request | Patience::Stream => {
            tracing::error!(%error, cause, "a generation failed after its caller had gone");
        }
    }
}
