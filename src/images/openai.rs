//! Pictures by OpenAI, Azure OpenAI, or a server that speaks their images API
//! (<https://platform.openai.com/docs/api-reference/images/create>).

pub mod answer;
mod download;
mod metered;

use super::{
    CallUsage, DEFAULT_MAX_RETRIES, GeneratedImage, Generation, GenerationError, GenerationLimits,
    ImageGenerator, ImageOptions, ImageRequest, inspect, memory::Reservation, previews_asked_for,
    rules::ModelRules,
};
use crate::openai::{
    AfterTimeout, ApiCall, FailedCall, ModelEnd, OpenAiClient, SendPolicy, UpstreamAnswer,
    UpstreamError,
};
use answer::{Answer, Picture};
use async_trait::async_trait;
use bytes::Bytes;
use metered::{MeteredReader, Previews};
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

pub use download::{DownloadHosts, Downloads, HostPattern, InvalidHostPattern};

/// The provider's name where Azure runs the models.
pub const AZURE_PROVIDER: &str = "azure-openai";

/// A picture that an answer names is paid for: there is so much time to fetch it, even when the
/// request has less left.
const LEAST_TIME_TO_FETCH: Duration = Duration::from_secs(10);

/// How this provider is called and which model answers.
#[derive(Debug, Clone)]
pub struct OpenAiImageSettings {
    /// `openai` or [`AZURE_PROVIDER`].
    pub provider: &'static str,
    /// The model, or at Azure the deployment, of requests that name none.
    pub model: String,
    /// Time for a request that names none; `None`: by the model's family.
    pub timeout: Option<Duration>,
    /// Hosts that pictures may be fetched from, beside the upstream's own and its blob hosts.
    pub download_hosts: Vec<HostPattern>,
}

/// Images by an upstream API.
#[derive(Debug)]
pub struct OpenAiImages {
    client: OpenAiClient,
    settings: OpenAiImageSettings,
    downloads: Downloads,
}

impl OpenAiImages {
    /// Over an upstream's client; `downloads` fetches what it names by address.
    #[must_use]
    pub fn new(client: OpenAiClient, settings: OpenAiImageSettings, downloads: Downloads) -> Self {
        Self {
            client,
            settings,
            downloads,
        }
    }

    fn body(&self, request: &ImageRequest, count: u8, previews: Option<u8>) -> Value {
        let rules = self.rules(&request.options);
        let used = rules.used(&request.options).into_iter();
        let mut body: Map<String, Value> =
            used.map(|(name, value)| (name.to_owned(), value)).collect();
        body.remove("partial_images"); // of event streams alone
        body.remove("model"); // the settings may have named it, and an address may hold it
        let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
        if self.client.names_model_in_body() {
            set("model", self.model(&request.options).into());
        }
        set("prompt", request.prompt.as_str().into());
        set("n", count.into());
        if let Some(previews) = previews {
            set("stream", true.into());
            set("partial_images", previews.into());
        }
        if rules.sends_response_format {
            // The bytes are needed in any case; an address would be a second, unpaid-for risk.
            set("response_format", "b64_json".into());
        }
        Value::Object(body)
    }

    /// All usable pictures of an answer, which is paid for as a whole: one that is not usable
    /// costs a warning, and only if none is left the first failure.
    async fn read_images(
        &self,
        upstream: UpstreamAnswer<(Answer, Reservation)>,
        limits: GenerationLimits<'_>,
    ) -> Result<Generation, UpstreamError> {
        let (answer, mut reservation) = upstream.value;
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        let call_usage = answer.usage.clone().map(|counts| CallUsage {
            counts,
            images: answer.items.len(),
        });
        let call_usage = call_usage.map(Arc::new);
        for item in answer.items {
            let bytes = match item.picture {
                Picture::Inline(bytes) => Ok(reservation.hold(bytes)),
                Picture::Unusable(error) => Err(error),
                Picture::At(url) => self.download(&url, limits).await,
            };
            match bytes.and_then(inspect_picture) {
                Ok(image) => images.push(GeneratedImage {
                    revised_prompt: item.revised_prompt,
                    upstream_request_id: upstream.request_id.clone(),
                    usage: call_usage.clone(),
                    ..image
                }),
                Err(error) => failures.push(error),
            }
        }
        let warnings = failures
            .iter()
            .map(|error| format!("one image is missing: {error}"))
            .collect();
        if images.is_empty() && !failures.is_empty() {
            return Err(failures.swap_remove(0));
        }
        Ok(Generation {
            images,
            attempts: upstream.attempts,
            usage: answer.usage,
            warnings,
        })
    }

    async fn download(
        &self,
        url: &str,
        limits: GenerationLimits<'_>,
    ) -> Result<Bytes, UpstreamError> {
        let deadline = limits.deadline.max(Instant::now() + LEAST_TIME_TO_FETCH);
        let fetch = self.downloads.fetch(url, limits.memory, deadline);
        tokio::time::timeout_at(limits.latest, fetch)
            .await
            .unwrap_or(Err(UpstreamError::TimedOut))
    }

    /// A request that asks for repetitions gets them after a timeout too, so one attempt must not
    /// take all of its time.
    fn policy<'a>(&self, options: &ImageOptions, limits: GenerationLimits<'a>) -> SendPolicy<'a> {
        let left = limits.deadline.saturating_duration_since(Instant::now());
        let (attempt_timeout, after_timeout) = match limits.max_retries {
            Some(_) => (
                self.rules(options).default_timeout.min(left),
                AfterTimeout::SendAgain,
            ),
            None => (left, AfterTimeout::GiveUp),
        };
        SendPolicy {
            deadline: limits.deadline,
            latest: limits.latest,
            attempt_timeout,
            max_retries: limits.max_retries.unwrap_or(DEFAULT_MAX_RETRIES),
            after_timeout,
            canceled: Some(limits.canceled),
        }
    }
}

fn inspect_picture(bytes: Bytes) -> Result<GeneratedImage, UpstreamError> {
    let (format, dimensions) = inspect(&bytes).ok_or(UpstreamError::Malformed {
        reason: "a picture in it is no png, jpeg or webp",
    })?;
    Ok(GeneratedImage {
        bytes,
        format,
        dimensions,
        revised_prompt: None,
        seed: None,
        upstream_request_id: None,
        usage: None,
    })
}

#[async_trait]
impl ImageGenerator for OpenAiImages {
    fn provider(&self) -> &'static str {
        self.settings.provider
    }

    fn model(&self, options: &ImageOptions) -> String {
        let model = options.model.as_ref();
        model.unwrap_or(&self.settings.model).clone()
    }

    fn rules(&self, options: &ImageOptions) -> ModelRules {
        let rules = ModelRules::of(&self.model(options));
        let rules = match self.settings.provider {
            AZURE_PROVIDER => rules.at_azure(),
            _ => rules,
        };
        ModelRules {
            default_timeout: self.settings.timeout.unwrap_or(rules.default_timeout),
            ..rules
        }
    }

    async fn generate(
        &self,
        request: &ImageRequest,
        first: u8,
        count: u8,
        limits: GenerationLimits<'_>,
    ) -> Result<Generation, GenerationError> {
        let model = self.model(&request.options);
        let policy = self.policy(&request.options, limits);
        let rules = self.rules(&request.options);
        let previews = previews_asked_for(&rules, &request.options, limits.partials);
        let body = self.body(request, count, previews);
        let reader = MeteredReader {
            memory: limits.memory,
            previews: previews.and(limits.partials).map(|reader| Previews {
                reader,
                image_index: first,
            }),
        };
        let sent = self
            .client
            .post(ApiCall::ImageGeneration, &model, &body, policy, &reader)
            .await;
        let upstream = sent.map_err(failed)?;
        let (attempts, upstream_request_id) = (upstream.attempts, upstream.request_id.clone());
        self.read_images(upstream, limits)
            .await
            .map_err(|error| GenerationError::Upstream {
                error,
                attempts,
                upstream_request_id,
                maybe_paid: true, // there was an answer of pictures
            })
    }

    async fn check(&self, deadline: Instant) -> Result<Vec<ModelEnd>, UpstreamError> {
        self.client.check(deadline).await
    }
}

fn failed(call: FailedCall) -> GenerationError {
    GenerationError::Upstream {
        error: call.error,
        attempts: call.attempts,
        upstream_request_id: call.request_id,
        maybe_paid: call.maybe_paid,
    }
}
