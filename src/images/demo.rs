//! The demo painter: procedural art seeded by the prompt, so that a gallery looks like one
//! before any key exists. It never pretends to be a model: its pictures carry a small mark.

mod canvas;
mod encode;
mod mark;
mod painter;

use super::{
    GeneratedImage, Generation, GenerationError, GenerationLimits, ImageGenerator, ImageOptions,
    ImageRequest, ImageSize, inspect,
    rules::{self, ModelRules},
};
use crate::{
    image_format::ImageFormat,
    openai::{ModelEnd, UpstreamError},
};
use async_trait::async_trait;
use std::sync::Arc;
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

    fn rules(&self, _options: &ImageOptions) -> ModelRules {
        rules::DEMO
    }

    async fn generate(
        &self,
        request: &ImageRequest,
        first: u8,
        _count: u8,
        limits: GenerationLimits<'_>,
    ) -> Result<Generation, GenerationError> {
        let request = request.clone();
        let _place = self.places.acquire().await;
        if limits.canceled.is_cancelled() {
            return Err(GenerationError::Canceled);
        }
        // Painting keeps a core busy for a while: not on the threads that answer requests.
        let painted = tokio::task::spawn_blocking(move || paint(&request, first)).await;
        let picture = painted
            .unwrap_or_else(|panic| Err(panic.into()))
            .map_err(GenerationError::Painter)?;
        let mut reservation = limits.memory.reserve(Some(picture.bytes.len())).await;
        let image = GeneratedImage {
            bytes: reservation.hold(picture.bytes),
            format: picture.format,
            dimensions: picture.dimensions,
            revised_prompt: None,
            seed: Some(picture.seed),
            upstream_request_id: None,
            usage: None,
        };
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

/// A painted picture.
struct Painted {
    bytes: Vec<u8>,
    format: ImageFormat,
    dimensions: (u32, u32),
    seed: u64,
}

/// The same prompt, seed, size and format give the same bytes; each further image of a request
/// has the next seed.
fn paint(request: &ImageRequest, first: u8) -> Result<Painted, PaintError> {
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
    Ok(Painted {
        bytes,
        format,
        dimensions,
        seed,
    })
}
