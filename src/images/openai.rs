//! Pictures by OpenAI, Azure OpenAI, or a server that speaks their images API
//! (<https://platform.openai.com/docs/api-reference/images/create>).

mod answer;
mod download;
mod family;

use super::{
    CallUsage, GeneratedImage, Generation, GenerationError, GenerationLimits, ImageGenerator,
    ImageOptions, ImageRequest, inspect,
};
use crate::openai::{
    ApiCall, FailedCall, ModelEnd, OpenAiClient, SendPolicy, UpstreamAnswer, UpstreamError,
};
use async_trait::async_trait;
use family::Family;
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How this provider is called and which model answers.
#[derive(Debug, Clone)]
pub struct OpenAiImageSettings {
    /// `openai` or `azure-openai`.
    pub provider: &'static str,
    /// The model, or at Azure the deployment, of requests that name none.
    pub model: String,
    /// Time for a request that names none; `None`: by the model's family.
    pub timeout: Option<Duration>,
}

/// Images by an upstream API.
#[derive(Debug)]
pub struct OpenAiImages {
    client: OpenAiClient,
    settings: OpenAiImageSettings,
}

impl OpenAiImages {
    /// Over an upstream's client.
    #[must_use]
    pub fn new(client: OpenAiClient, settings: OpenAiImageSettings) -> Self {
        Self { client, settings }
    }

    fn body(&self, request: &ImageRequest, count: u8) -> Value {
        let options = &request.options;
        let model = self.model(options);
        let family = Family::of(&model);
        let mut body = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        let text = |text: &Option<String>| text.clone().map(Value::from);
        set("prompt", Some(request.prompt.as_str().into()));
        set(
            "model",
            self.client.names_model_in_body().then(|| model.into()),
        );
        set("n", Some(count.into()));
        set("size", options.size.map(|size| size.to_string().into()));
        set("quality", text(&options.quality));
        set("user", text(&options.user));
        if family.takes_style() {
            set("style", text(&options.style));
        }
        if family.takes_response_format() {
            // The bytes are needed in any case; an address would be a second, unpaid-for risk.
            set("response_format", Some("b64_json".into()));
        }
        if family.takes_output_options() {
            let format = options.output_format;
            set("output_format", format.map(|format| format.name().into()));
            set(
                "output_compression",
                options.output_compression.map(Value::from),
            );
            set("background", text(&options.background));
            set("moderation", text(&options.moderation));
        }
        json!(body)
    }

    /// All usable pictures of an answer, which is paid for as a whole: one that is not usable
    /// costs a warning, and only if none is left the first failure.
    async fn read_images(
        &self,
        upstream: UpstreamAnswer,
        deadline: Instant,
    ) -> Result<Generation, UpstreamError> {
        let answer = answer::parse(&upstream.body)?;
        drop(upstream.body); // the text is no longer needed, and it is the larger half
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        let call_usage = answer.usage.clone().map(|counts| CallUsage {
            counts,
            images: answer.items.len(),
        });
        let call_usage = call_usage.map(Arc::new);
        for item in answer.items {
            match self.read_picture(item.picture, deadline).await {
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

    async fn read_picture(
        &self,
        picture: answer::Picture,
        deadline: Instant,
    ) -> Result<GeneratedImage, UpstreamError> {
        let bytes = match picture {
            answer::Picture::Inline(bytes) => bytes.into(),
            answer::Picture::Unusable(error) => return Err(error),
            answer::Picture::At(url) => {
                let fetch = download::fetch(self.client.http(), self.client.base_url(), &url);
                tokio::time::timeout_at(deadline, fetch)
                    .await
                    .unwrap_or(Err(UpstreamError::TimedOut))?
            }
        };
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

    fn default_timeout(&self, options: &ImageOptions) -> Duration {
        let by_family = || Family::of(&self.model(options)).default_timeout();
        self.settings.timeout.unwrap_or_else(by_family)
    }

    fn longest_prompt(&self, options: &ImageOptions) -> usize {
        Family::of(&self.model(options)).longest_prompt()
    }

    fn images_per_call(&self, options: &ImageOptions) -> u8 {
        Family::of(&self.model(options)).images_per_call()
    }

    fn unused_options(&self, options: &ImageOptions) -> Vec<&'static str> {
        let family = Family::of(&self.model(options));
        let outputs = !family.takes_output_options();
        [
            ("seed", options.seed.is_some()),
            ("negative_prompt", options.negative_prompt.is_some()),
            ("num_steps", options.num_steps.is_some()),
            ("guidance_scale", options.guidance_scale.is_some()),
            ("style", options.style.is_some() && !family.takes_style()),
            ("output_format", outputs && options.output_format.is_some()),
            (
                "output_compression",
                outputs && options.output_compression.is_some(),
            ),
            ("background", outputs && options.background.is_some()),
            ("moderation", outputs && options.moderation.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is_unused)| is_unused.then_some(name))
        .collect()
    }

    async fn generate(
        &self,
        request: &ImageRequest,
        _first: u8,
        count: u8,
        limits: GenerationLimits,
    ) -> Result<Generation, GenerationError> {
        let model = self.model(&request.options);
        let policy = SendPolicy {
            deadline: limits.deadline,
            max_retries: limits.max_retries,
        };
        let body = self.body(request, count);
        let sent = self
            .client
            .post(ApiCall::ImageGeneration, &model, &body, policy)
            .await;
        let upstream = sent.map_err(failed)?;
        let (attempts, upstream_request_id) = (upstream.attempts, upstream.request_id.clone());
        self.read_images(upstream, limits.deadline)
            .await
            .map_err(|error| GenerationError::Upstream {
                error,
                attempts,
                upstream_request_id,
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
    }
}
