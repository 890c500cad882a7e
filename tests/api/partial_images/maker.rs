//! A generator over the upstream's double, and what its generations need.

use crate::{service::client, upstream::Upstream};
use futures_util::FutureExt;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use visionary::{
    images::{
        Generation, GenerationError, GenerationLimits, ImageRequest, PartialImage, PartialImages,
        generate_all,
        memory::{ImageMemory, MemoryShare},
        openai::{DownloadHosts, Downloads, OpenAiImageSettings, OpenAiImages},
        parse_request,
    },
    openai::{ApiCredential, Endpoint, OpenAiClient, OpenAiSettings, UpstreamError},
};

pub const CALLS: &str = "/images/generations";

/// What a generation needs, held over from one to the next.
pub struct Maker {
    pub upstream: Upstream,
    pub images: OpenAiImages,
    pub memory: ImageMemory,
    pub canceled: CancellationToken,
}

impl Maker {
    pub async fn start() -> Self {
        let upstream = Upstream::start().await;
        Self {
            images: images_at(&upstream, "gpt-image-2", Duration::ZERO),
            upstream,
            memory: ImageMemory::new(64),
            canceled: CancellationToken::new(),
        }
    }

    pub async fn generate(
        &self,
        options: &Value,
        partials: Option<&PartialImages>,
    ) -> Result<Generation, GenerationError> {
        let memory = self.memory.share();
        let limits = self.limits(&memory, partials);
        generate_all(&self.images, &request(options), limits).await
    }

    /// With a reader that takes every preview in time.
    pub async fn generate_watched(
        &self,
        options: &Value,
    ) -> (Result<Generation, GenerationError>, Vec<PartialImage>) {
        let (partials, receiver) = PartialImages::channel();
        let generation = async {
            let outcome = self.generate(options, Some(&partials)).await;
            drop(partials);
            outcome
        };
        tokio::join!(generation, all(receiver))
    }

    pub fn limits<'a>(
        &'a self,
        memory: &'a MemoryShare,
        partials: Option<&'a PartialImages>,
    ) -> GenerationLimits<'a> {
        let latest = tokio::time::Instant::now() + Duration::from_secs(60);
        GenerationLimits {
            deadline: latest,
            latest,
            max_retries: None,
            memory,
            partials,
            canceled: &self.canceled,
        }
    }

    pub fn sent(&self) -> Vec<Value> {
        let requests = self.upstream.requests_to(CALLS);
        requests.iter().map(|request| request.json()).collect()
    }

    /// Whether a picture of the usual size, 4 MiB, would fit.
    pub fn has_room(&self) -> bool {
        self.memory.wait_for_room().now_or_never().is_some()
    }
}

pub fn images_at(upstream: &Upstream, model: &str, first_retry_delay: Duration) -> OpenAiImages {
    let base_url: url::Url = upstream.base_url().parse().unwrap();
    let settings = OpenAiSettings {
        endpoint: Endpoint::OpenAi {
            base_url: base_url.clone(),
        },
        credential: ApiCredential::None,
        organization: None,
        first_retry_delay,
        error_body_timeout: Duration::from_secs(5),
    };
    let http = client();
    let hosts = DownloadHosts::new(base_url, Vec::new());
    let downloads = Downloads::new(hosts, http.clone(), reqwest::Client::builder()).unwrap();
    let images = OpenAiImageSettings {
        provider: "openai",
        model: model.to_owned(),
        timeout: None,
        download_hosts: Vec::new(),
    };
    OpenAiImages::new(OpenAiClient::new(http, settings, None), images, downloads)
}

pub fn request(options: &Value) -> ImageRequest {
    let mut fields: Map<String, Value> = options.as_object().unwrap().clone();
    fields.insert("prompt".to_owned(), "a".into());
    parse_request(fields, 10).unwrap().image
}

pub async fn all(mut previews: mpsc::Receiver<PartialImage>) -> Vec<PartialImage> {
    let mut taken = Vec::new();
    while let Some(preview) = previews.recv().await {
        taken.push(preview);
    }
    taken
}

/// The provider's error of a generation that has no picture, and its attempts.
#[track_caller]
pub fn failure(outcome: Result<Generation, GenerationError>) -> (UpstreamError, u32) {
    match outcome {
        Err(GenerationError::Upstream {
            error, attempts, ..
        }) => (error, attempts),
        other => panic!("{other:?}"),
    }
}
