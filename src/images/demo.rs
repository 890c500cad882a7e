//! The demo painter: procedural art seeded by the prompt, so that a gallery looks like one
//! before any key exists. It never pretends to be a model: its pictures carry a small mark.

mod canvas;
mod encode;
mod mark;
mod painter;

use super::{
    GeneratedImage, Generation, GenerationError, GenerationLimits, ImageGenerator, ImageOptions,
    ImageRequest, ImageSize, inspect,
};
use crate::{
    image_format::ImageFormat,
    openai::{ModelEnd, UpstreamError},
    prompt::Prompt,
};
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::Instant};

/// The side of a square picture when the caller does not say.
const DEFAULT_SIDE: u32 = 1024;

/// A painter without a model.
#[derive(Debug, Clone)]
pub struct DemoPainter {
    /// A canvas is up to 48 MiB and painting fills a core: more at once than there are cores
    /// would take memory and win nothing.
    places: Arc<Semaphore>,
}

impl Default for DemoPainter {
    /// A painter with one place for each core.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, Into::into);
        Self {
            places: Arc::new(Semaphore::new(cores)),
        }
    }
}

#[async_trait]
impl ImageGenerator for DemoPainter {
    fn provider(&self) -> &'static str {
        "demo"
    }

    fn model(&self, _options: &ImageOptions) -> String {
        "demo".to_owned()
    }

    fn default_timeout(&self, _options: &ImageOptions) -> Duration {
        Duration::from_secs(60)
    }

    fn longest_prompt(&self, _options: &ImageOptions) -> usize {
        Prompt::MAX_CHARACTERS
    }

    fn images_per_call(&self, _options: &ImageOptions) -> u8 {
        1
    }

    fn unused_options(&self, options: &ImageOptions) -> Vec<&'static str> {
        [
            ("model", options.model.is_some()),
            ("quality", options.quality.is_some()),
            ("style", options.style.is_some()),
            ("background", options.background.is_some()),
            ("moderation", options.moderation.is_some()),
            ("user", options.user.is_some()),
            ("negative_prompt", options.negative_prompt.is_some()),
            ("num_steps", options.num_steps.is_some()),
            ("guidance_scale", options.guidance_scale.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is_given)| is_given.then_some(name))
        .collect()
    }

    async fn generate(
        &self,
        request: &ImageRequest,
        first: u8,
        _count: u8,
        _limits: GenerationLimits,
    ) -> Result<Generation, GenerationError> {
        let request = request.clone();
        let _place = self.places.acquire().await;
        // Painting keeps a core busy for a while: not on the threads that answer requests.
        let painted = tokio::task::spawn_blocking(move || paint(&request, first)).await;
        let image = painted
            .unwrap_or_else(|panic| Err(panic.into()))
            .map_err(GenerationError::Painter)?;
        Ok(Generation {
            images: vec![image],
            attempts: 1,
            usage: None,
            warnings: Vec::new(),
        })
    }

    async fn check(&self, _deadline: Instant) -> Result<Vec<ModelEnd>, UpstreamError> {
        Ok(Vec::new())
    }
}

type PaintError = Box<dyn std::error::Error + Send + Sync>;

/// The same prompt, seed, size and format give the same bytes; each further image of a request
/// has the next seed.
fn paint(request: &ImageRequest, first: u8) -> Result<GeneratedImage, PaintError> {
    let options = &request.options;
    let seed = options.seed.unwrap_or(0) + u64::from(first);
    let (width, height) = match options.size {
        Some(ImageSize::Exact { width, height }) => (width, height),
        Some(ImageSize::Auto) | None => (DEFAULT_SIDE, DEFAULT_SIDE),
    };
    let mut canvas = painter::paint(&painter::PaintRequest {
        prompt: request.prompt.as_str(),
        seed,
        width,
        height,
    });
    mark::draw(&mut canvas);
    let encoding = match options.output_format {
        None | Some(ImageFormat::Png) => encode::EncodeAs::Png,
        Some(ImageFormat::Webp) => encode::EncodeAs::Webp,
        Some(ImageFormat::Jpeg) => encode::EncodeAs::Jpeg {
            quality: options.output_compression.unwrap_or(90),
        },
    };
    let bytes = encode::encode(&canvas, encoding)?;
    let (format, dimensions) = inspect(&bytes).ok_or("the painter's own picture is broken")?;
    Ok(GeneratedImage {
        bytes: bytes.into(),
        format,
        dimensions,
        revised_prompt: None,
        seed: Some(seed),
        upstream_request_id: None,
        usage: None,
    })
}
