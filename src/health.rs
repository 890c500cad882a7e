//! Whether the store and the provider are there, from questions that cost no money, remembered
//! for a while so that nobody can make us ask often; and whether the models will stay.

mod ending;

use crate::{
    gallery::Gallery,
    images::ImageGenerator,
    openai::UpstreamError,
    operations::Operations,
    storage::{Role, StorageError},
};
use ending::Watch;
use std::{future::Future, sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::{sync::Mutex, time::Instant};

pub use ending::{ConfiguredModel, EndingModel};

/// How long answers hold and probes may take.
#[derive(Debug, Clone, Copy)]
pub struct HealthSettings {
    /// How long an answer is remembered.
    pub memory: Duration,
    /// How long one probe may take.
    pub probe_timeout: Duration,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            memory: Duration::from_secs(30),
            probe_timeout: Duration::from_secs(5),
        }
    }
}

/// One component's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// `store` or `provider`.
    pub component: &'static str,
    /// Which one it is: `images`, `state`, a provider's name.
    pub name: String,
    /// What is wrong with it, as far as the public may know; `None`: nothing.
    pub problem: Option<&'static str>,
    /// Models of it that end soon or have ended. It may be healthy all the same.
    pub ending_models: Vec<EndingModel>,
}

/// When the checks were made, and what they found.
type Answer = (Instant, Vec<Check>);

/// Probes and remembers.
pub struct Health {
    probe: Arc<Probe>,
    memory: Duration,
    latest: Arc<Mutex<Option<Answer>>>,
}

impl Health {
    /// Over the components that can fail and the models whose end is of interest.
    #[must_use]
    pub fn new(
        generator: Arc<dyn ImageGenerator>,
        gallery: Arc<Gallery>,
        operations: Arc<Operations>,
        models: Vec<ConfiguredModel>,
        settings: HealthSettings,
    ) -> Self {
        Self {
            probe: Arc::new(Probe {
                generator,
                gallery,
                operations,
                models: Watch::new(models),
                timeout: settings.probe_timeout,
            }),
            memory: settings.memory,
            latest: Arc::default(),
        }
    }

    /// Each component's state, not older than the settings say. Callers at the same time share
    /// one probe, which is finished and remembered even when they go away. Empty when the probe
    /// itself broke. `now` is what days until a model's end are counted from.
    pub async fn checks(&self, now: OffsetDateTime) -> Vec<Check> {
        let (probe, memory, latest) = (self.probe.clone(), self.memory, self.latest.clone());
        let checks = tokio::spawn(async move {
            let mut latest = latest.lock().await;
            if let Some((asked_at, checks)) = &*latest
                && asked_at.elapsed() < memory
            {
                return checks.clone();
            }
            let checks = probe.run(now).await;
            *latest = Some((Instant::now(), checks.clone()));
            checks
        });
        checks.await.unwrap_or_default()
    }

    /// Asks the provider alone, for the sake of the log: a model that ends soon is named there
    /// without anybody asking. A provider that cannot be asked is no news here; whoever wants to
    /// know asks for the checks.
    pub async fn warn_of_ending_models(&self, now: OffsetDateTime) {
        let deadline = Instant::now() + self.probe.timeout;
        if let Err(error) = self.probe.ask_provider(deadline, now).await {
            tracing::debug!(%error, "the provider was not asked when its models end");
        }
    }
}

/// The questions.
struct Probe {
    generator: Arc<dyn ImageGenerator>,
    gallery: Arc<Gallery>,
    operations: Arc<Operations>,
    models: Watch,
    timeout: Duration,
}

impl Probe {
    async fn run(&self, now: OffsetDateTime) -> Vec<Check> {
        let (images, state, provider) = tokio::join!(
            self.check_store("images", self.gallery.check()),
            self.check_store("state", self.operations.check()),
            self.check_provider(now)
        );
        vec![images, state, provider]
    }

    /// A container of the store: an account may open one and not the other.
    async fn check_store(
        &self,
        name: &str,
        check: impl Future<Output = Result<(), StorageError>>,
    ) -> Check {
        let problem = match tokio::time::timeout(self.timeout, check).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, name, "the store is not ready");
                Some(problem_of(&error))
            }
            Err(_) => Some("the image store did not answer in time"),
        };
        Check {
            component: "store",
            name: name.to_owned(),
            problem,
            ending_models: Vec::new(),
        }
    }

    async fn check_provider(&self, now: OffsetDateTime) -> Check {
        let deadline = Instant::now() + self.timeout;
        let (problem, ending_models) = match self.ask_provider(deadline, now).await {
            Ok(ending_models) => (None, ending_models),
            Err(error) => {
                tracing::warn!(%error, "the image provider is not ready");
                let problem = "the image provider failed or refused";
                (Some(problem), Vec::new())
            }
        };
        Check {
            component: "provider",
            name: self.generator.provider().to_owned(),
            problem,
            ending_models,
        }
    }

    async fn ask_provider(
        &self,
        deadline: Instant,
        now: OffsetDateTime,
    ) -> Result<Vec<EndingModel>, UpstreamError> {
        let ends = self.generator.check(deadline).await?;
        let ending = self.models.find(&ends, now);
        self.models.log(&ending);
        Ok(ending)
    }
}

/// A role's name is no secret, and whoever has just deployed this looks here first.
fn problem_of(error: &StorageError) -> &'static str {
    match error {
        StorageError::Denied {
            missing_role: Some(Role::BlobDataContributor),
            ..
        } => "this service's identity lacks the role Storage Blob Data Contributor",
        StorageError::Denied {
            missing_role: Some(Role::BlobDelegator),
            ..
        } => "this service's identity lacks the role Storage Blob Delegator",
        _ => "the image store failed or refused",
    }
}
