//! Making pictures: what a caller can ask for, who can make it, and how several images become
//! several calls. Storing them is the gallery's business.

pub mod demo;
pub mod memory;
pub mod openai;
mod options;
mod partial;
pub mod rules;

use crate::{
    image_format::ImageFormat,
    openai::{ModelEnd, UpstreamError},
};
use async_trait::async_trait;
use bytes::Bytes;
use memory::MemoryShare;
use partial::previews_asked_for;
use rules::{ModelRules, Rule};
use serde_json::Value;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use options::{
    AnswerOptions, CONFLICTS, DEFAULT_OUTPUT_KEY, GpuSampleRequest, ImageOptions, ImageRequest,
    ImageSize, InvalidGpuSampleRequest, InvalidOption, MAX_IMAGES, ParsedRequest, RETRY_PAID,
    RequestFields, ResponseFormat, is_field_of_providers, parse_gpu_sample_request, parse_request,
};
pub use partial::{PartialImage, PartialImages};

/// A picture as its maker gave it.
#[derive(Debug, Clone)]
pub struct GeneratedImage {
    /// The encoded picture; its memory is given back when the last holder drops it.
    pub bytes: Bytes,
    /// Its encoding, known from its bytes.
    pub format: ImageFormat,
    /// Width and height in pixels.
    pub dimensions: (u32, u32),
    /// What the provider made of the prompt.
    pub revised_prompt: Option<String>,
    /// The seed that was used, where there was one.
    pub seed: Option<u64>,
    /// The upstream's request id.
    pub upstream_request_id: Option<String>,
    /// What the call that gave it cost; all pictures of that call share it.
    pub usage: Option<Arc<CallUsage>>,
}

/// What the provider counted for one call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallUsage {
    /// The counts, as the provider gave them.
    pub counts: Value,
    /// How many pictures they are for.
    pub images: usize,
}

/// What one request gave.
#[derive(Debug)]
pub struct Generation {
    /// At least one picture.
    pub images: Vec<GeneratedImage>,
    /// Calls to the provider, retries included.
    pub attempts: u32,
    /// What the provider counted, as it counted it.
    pub usage: Option<Value>,
    /// What the caller should know: dropped options, failed parts.
    pub warnings: Vec<String>,
}

/// No picture came.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// The provider failed.
    #[error("the image could not be generated")]
    Upstream {
        /// Why.
        #[source]
        error: UpstreamError,
        /// Calls to the provider, retries included.
        attempts: u32,
        /// The provider's request id.
        upstream_request_id: Option<String>,
        /// Whether any of the calls may have been paid for.
        maybe_paid: bool,
    },
    /// The painter failed.
    #[error("the image could not be painted")]
    Painter(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The work was canceled before the provider was asked: nothing is paid.
    #[error("the generation was canceled before it began")]
    Canceled,
}

impl GenerationError {
    /// Calls to the provider, retries included.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Upstream { attempts, .. } => *attempts,
            Self::Painter(_) | Self::Canceled => 0,
        }
    }

    /// Whether the provider was surely not paid, whatever else happened.
    #[must_use]
    pub fn surely_cost_nothing(&self) -> bool {
        match self {
            Self::Upstream { maybe_paid, .. } => !maybe_paid,
            Self::Painter(_) | Self::Canceled => true,
        }
    }

    /// As the failure of several calls.
    fn of_all(mut self, all_attempts: u32, any_paid: bool) -> Self {
        if let Self::Upstream {
            attempts,
            maybe_paid,
            ..
        } = &mut self
        {
            (*attempts, *maybe_paid) = (all_attempts, any_paid);
        }
        self
    }
}

/// Retries of a request that names no number.
const DEFAULT_MAX_RETRIES: u32 = 2;

/// When a generation must be over, how often a call may be repeated, and what may be held.
#[derive(Debug, Clone, Copy)]
pub struct GenerationLimits<'a> {
    /// The provider's time ends here.
    pub deadline: Instant,
    /// An answer that waits for memory, for which the provider cannot be blamed, ends here.
    pub latest: Instant,
    /// At most so many repetitions of one call, where the request says so. Only then is a call
    /// that timed out sent, and maybe paid, again.
    pub max_retries: Option<u32>,
    /// The request's part of the memory for pictures.
    pub memory: &'a MemoryShare,
    /// Previews are wanted.
    pub partials: Option<&'a PartialImages>,
    /// Once this is cancelled nothing more is sent: no repetition, no further call. What was
    /// sent goes on.
    pub canceled: &'a CancellationToken,
}

/// Somebody who makes pictures.
#[async_trait]
pub trait ImageGenerator: Send + Sync {
    /// The provider's name in settings and answers.
    fn provider(&self) -> &'static str;

    /// The model that answers a request.
    fn model(&self, options: &ImageOptions) -> String;

    /// What the model of a request takes, as it is here.
    fn rules(&self, options: &ImageOptions) -> ModelRules;

    /// Makes `count` pictures in one call; `first` counts the pictures before this call.
    async fn generate(
        &self,
        request: &ImageRequest,
        first: u8,
        count: u8,
        limits: GenerationLimits<'_>,
    ) -> Result<Generation, GenerationError>;

    /// Whether the provider is there, by a question that costs no money; and which of its models
    /// have an end, as far as it says.
    async fn check(&self, deadline: Instant) -> Result<Vec<ModelEnd>, UpstreamError>;
}

/// Checks what only the model of a request can say about it, before anything is sent and paid.
///
/// # Errors
/// [`InvalidOption`] with the first value that the model refuses.
pub fn check_request(
    generator: &dyn ImageGenerator,
    request: &ImageRequest,
) -> Result<(), InvalidOption> {
    let checked = generator.rules(&request.options).check(request);
    checked.map_err(|error| InvalidOption {
        allowed: format!(
            "{} for the model {} of {}",
            error.allowed,
            generator.model(&request.options),
            generator.provider()
        ),
        ..error
    })
}

/// Makes all pictures of a request, in as many calls at once as the model needs. Some succeed:
/// those, and a warning for each failure. None: the first failure. With previews each picture has
/// a call of its own, since a stream's events do not say which picture they belong to.
///
/// # Errors
/// [`GenerationError`] when no picture came; [`GenerationError::Canceled`] when the work was
/// canceled before any call was sent.
pub async fn generate_all(
    generator: &dyn ImageGenerator,
    request: &ImageRequest,
    limits: GenerationLimits<'_>,
) -> Result<Generation, GenerationError> {
    let wanted = request.options.n;
    let rules = generator.rules(&request.options);
    let per_call = match previews_asked_for(&rules, &request.options, limits.partials) {
        Some(_) => 1,
        None => rules.images_per_call.max(1),
    };
    if limits.canceled.is_cancelled() {
        return Err(GenerationError::Canceled);
    }
    let calls = (0..wanted)
        .step_by(per_call.into())
        .map(|first| generator.generate(request, first, per_call.min(wanted - first), limits));
    let outcomes = futures_util::future::join_all(calls).await;
    let all = Generation {
        images: Vec::new(),
        attempts: 0,
        usage: None,
        warnings: dropped_options(generator, &request.options, limits.partials),
    };
    gather(outcomes, wanted.into(), all)
}

/// Adds the outcomes of all calls to `all`. Whether some succeed or none, the attempts are those
/// of all calls: they are what the provider saw.
fn gather(
    outcomes: Vec<Result<Generation, GenerationError>>,
    wanted: usize,
    mut all: Generation,
) -> Result<Generation, GenerationError> {
    let mut first_failure = None;
    let (mut explained, mut any_paid) = (0, false);
    for outcome in outcomes {
        match outcome {
            Ok(part) => {
                all.attempts += part.attempts;
                all.usage = add_usage(all.usage, part.usage);
                explained += part.warnings.len();
                all.warnings.extend(part.warnings);
                all.images.extend(part.images);
            }
            Err(error) => {
                all.attempts += error.attempts();
                any_paid |= !error.surely_cost_nothing();
                explained += 1;
                all.warnings.push(describe_failure(&error));
                first_failure.get_or_insert(error);
            }
        }
    }
    if let (Some(failure), true) = (first_failure, all.images.is_empty()) {
        return Err(failure.of_all(all.attempts, any_paid));
    }
    let less = match wanted.saturating_sub(all.images.len() + explained) {
        0 => return Ok(all),
        1 => "one image".to_owned(),
        unexplained => format!("{unexplained} images"),
    };
    let warning = format!("the provider gave {less} less than asked for");
    all.warnings.push(warning);
    Ok(all)
}

fn describe_failure(failure: &GenerationError) -> String {
    match failure {
        GenerationError::Upstream { error, .. } => format!("one image is missing: {error}"),
        GenerationError::Painter(_) | GenerationError::Canceled => {
            format!("one image is missing: {failure}")
        }
    }
}

fn dropped_options(
    generator: &dyn ImageGenerator,
    options: &ImageOptions,
    partials: Option<&PartialImages>,
) -> Vec<String> {
    let rules = generator.rules(options);
    let unused = rules.unused(options).into_iter();
    let sentence = |name| {
        format!(
            "{name} is not used by the provider {}",
            generator.provider()
        )
    };
    let mut warnings: Vec<String> = unused.map(sentence).collect();
    let has_previews = rules.partial_images != Rule::Unused;
    if options.partial_images.is_some() && has_previews && partials.is_none() {
        warnings.push("partial_images is used in an event stream only".to_owned());
    }
    warnings
}

/// Adds the counts of two calls field by field; what is no count is taken from the first.
fn add_usage(sum: Option<Value>, part: Option<Value>) -> Option<Value> {
    match (sum, part) {
        (Some(Value::Object(mut sum)), Some(Value::Object(part))) => {
            for (name, count) in part {
                let added = add_usage(sum.remove(&name), Some(count));
                sum.extend(added.map(|added| (name, added)));
            }
            Some(Value::Object(sum))
        }
        (Some(Value::Number(sum)), Some(Value::Number(part))) => {
            match (sum.as_u64(), part.as_u64()) {
                (Some(sum), Some(part)) => Some(Value::from(sum.saturating_add(part))),
                _ => Some(Value::Number(sum)),
            }
        }
        (sum, part) => sum.or(part),
    }
}

/// Format, width and height of an encoded picture; `None` when it is none of the three formats.
fn inspect(bytes: &[u8]) -> Option<(ImageFormat, (u32, u32))> {
    let format = ImageFormat::detect(bytes)?;
    let size = imagesize::blob_size(bytes).ok()?;
    let dimensions = (
        u32::try_from(size.width).ok()?,
        u32::try_from(size.height).ok()?,
    );
    Some((format, dimensions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_usage_of_several_calls_is_added_up() {
        let call =
            json!({"total_tokens": 5, "input_tokens_details": {"text_tokens": 2}, "kind": "x"});
        let sum = add_usage(add_usage(None, Some(call.clone())), Some(call));
        assert_eq!(
            sum,
            Some(
                json!({"total_tokens": 10, "input_tokens_details": {"text_tokens": 4}, "kind": "x"})
            )
        );
    }
}
