//! The components that handlers share, wired from the settings.

mod starting;

pub use starting::Starting;

use crate::{
    api_key::ApiKey,
    config::{AzureConfig, ConfigProblems, ProviderConfig, ServiceConfig, StorageConfig},
    credentials::Credentials,
    error,
    gallery::Gallery,
    health::{Health, HealthSettings},
    images::{
        ImageGenerator,
        demo::DemoPainter,
        openai::{DownloadHosts, Downloads, OpenAiImages},
    },
    limits::Limits,
    openai::OpenAiClient,
    operations::Operations,
    storage::{
        BlobStore, StorageError,
        azure::{AzureAccess, AzureStore},
        directory::{DirectorySettings, DirectoryStore},
    },
    suggestions::Suggestions,
};
use std::{
    io,
    sync::{Arc, Once},
    time::Duration,
};

pub use crate::config::{CallerSource, HostForwardedHeaders, Mode};

/// What is served: the service, or the news that it is not there yet or its settings are wrong.
pub enum Service {
    /// Everything is there.
    Ready(Arc<App>),
    /// Another process has the storage folder. At a restart of the Functions host that is the
    /// handler before this one, which ends some ten seconds later.
    Starting(Box<Starting>),
    /// Under the Functions host three exits take the whole app down, so a misconfigured
    /// process stays and says so to every request.
    Misconfigured,
}

/// Why there is no service.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings are missing or wrong.
    #[error("{0}")]
    Settings(ConfigProblems),
    /// No HTTP client.
    #[error("the HTTP client cannot be made: {0}")]
    HttpClient(#[source] reqwest::Error),
    /// The folder store cannot be opened.
    #[error("STORAGE_DIR {folder} cannot be used: {cause}")]
    Folder {
        /// Its path.
        folder: String,
        /// Why not.
        cause: String,
    },
    /// Another process has the folder store.
    #[error("STORAGE_DIR {folder} cannot be used: {cause}")]
    FolderInUse {
        /// Its path.
        folder: String,
        /// Why not.
        cause: String,
    },
    /// A fault of ours; the log has the panic.
    #[error("the start failed: {0}")]
    Panicked(#[source] tokio::task::JoinError),
    /// The account is to be opened by an identity, and there is none.
    #[error("accountKey is missing, and this app has no identity")]
    NoIdentity,
}

impl Service {
    /// Puts the service together.
    ///
    /// # Errors
    /// [`StartError`] standing alone; under the host it is logged, once.
    pub fn prepare(
        config: Result<ServiceConfig, ConfigProblems>,
        mode: Mode,
    ) -> Result<Self, StartError> {
        let config = config.map_err(StartError::Settings);
        let app = config.and_then(|config| match App::new(config.clone()) {
            Err(problem @ StartError::FolderInUse { .. }) if mode == Mode::Handler => {
                tracing::warn!("waiting for the storage folder: {problem}");
                Ok(Self::Starting(Box::new(Starting::new(config))))
            }
            app => app.map(Self::ready),
        });
        match (app, mode) {
            (Err(problem), Mode::Handler) => Ok(Self::misconfigured(&problem)),
            (app, _) => app,
        }
    }

    fn ready(app: App) -> Self {
        Self::Ready(Arc::new(app))
    }

    fn misconfigured(problem: &StartError) -> Self {
        tracing::error!("the service is misconfigured: {problem}");
        Self::Misconfigured
    }

    /// The start-up line: which provider, which store, which identity where one is used, and how
    /// to change each.
    #[must_use]
    pub fn summary(&self) -> &str {
        match self {
            Self::Ready(app) => &app.summary,
            Self::Starting(_) => "starting, every function answers 503 until the folder is free",
            Self::Misconfigured => "misconfigured, every function answers 503",
        }
    }
}

/// What a request handler works with.
pub struct App {
    /// Generating and storing.
    pub operations: Arc<Operations>,
    /// The images.
    pub gallery: Arc<Gallery>,
    /// Ideas for prompts.
    pub suggestions: Suggestions,
    /// Whether everything is there.
    pub health: Health,
    /// When, after the start, the models' ends are looked up for the log.
    pub models_checked_after: Duration,
    /// The folder store, where that is the store: this process serves its files.
    pub files: Option<Arc<DirectoryStore>>,
    /// The largest `n` of a request.
    pub max_images: u8,
    /// Start of absolute addresses; else from the request.
    pub public_base_url: Option<String>,
    /// What opens every function, where it is set.
    pub api_key: Option<ApiKey>,
    /// How much callers may ask for.
    pub limits: Arc<Limits>,
    /// Which of a request's addresses is the caller's.
    pub caller_source: CallerSource,
    /// Has the log say once that callers cannot be told apart, though the platform could.
    pub unknown_callers: Once,
    /// Origins whose pages may call.
    pub cors_origins: Vec<String>,
    /// Whether the Functions host started this process and stands between it and every caller.
    pub mode: Mode,
    /// An event stream says something at least so often.
    pub event_heartbeat: Duration,
    summary: String,
}

impl App {
    /// Wires everything; sends nothing yet.
    ///
    /// # Errors
    /// [`StartError`] for what only shows when it is tried.
    pub fn new(config: ServiceConfig) -> Result<Self, StartError> {
        let http = http_client().build().map_err(StartError::HttpClient)?;
        let credentials = open_credentials(&config, &http);
        Self::wire(config, &http, credentials.as_ref())
    }

    /// [`Self::new`] with this identity, whatever the settings say of one.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_credentials(
        config: ServiceConfig,
        credentials: &Arc<Credentials>,
    ) -> Result<Self, StartError> {
        let http = http_client().build().map_err(StartError::HttpClient)?;
        Self::wire(config, &http, Some(credentials))
    }

    fn wire(
        config: ServiceConfig,
        http: &reqwest::Client,
        credentials: Option<&Arc<Credentials>>,
    ) -> Result<Self, StartError> {
        let (store, files) = open_store(&config, http, credentials)?;
        let (generator, suggestions) = open_provider(&config, http, credentials)?;
        let gallery = Arc::new(Gallery::new(store.clone(), config.gallery.clone()));
        let credentials = credentials.map(Arc::as_ref);
        let summary = summary(&config, generator.as_ref(), store.as_ref(), credentials);
        let limits = Arc::new(Limits::new(&config.limits, store.clone()));
        let operations = Arc::new(Operations::new(
            generator.clone(),
            gallery.clone(),
            store,
            limits.clone(),
            config.operations,
            error::describe,
        ));
        Ok(Self {
            summary,
            operations: operations.clone(),
            health: Health::new(
                generator,
                gallery.clone(),
                operations,
                config.provider.models(),
                HealthSettings {
                    memory: config.health_memory,
                    ..HealthSettings::default()
                },
            ),
            models_checked_after: config.models_checked_after,
            gallery,
            suggestions,
            files,
            max_images: config.max_images,
            public_base_url: config.public_base_url,
            api_key: config.api_key,
            limits,
            caller_source: config.caller_source,
            unknown_callers: Once::new(),
            cors_origins: config.cors_origins,
            mode: config.mode,
            event_heartbeat: config.event_heartbeat,
        })
    }
}

/// What somebody wants with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To look at it: not even a folder is made.
    Look,
    /// To write into it.
    Write,
}

/// The gallery alone, for a command beside the service.
///
/// # Errors
/// [`StartError`] as for the service, and where there is no folder yet.
pub fn open_gallery(config: &ServiceConfig, access: Access) -> Result<Gallery, StartError> {
    let http = http_client().build().map_err(StartError::HttpClient)?;
    let store: Arc<dyn BlobStore> = match &config.storage {
        StorageConfig::Azure(_) => {
            let credentials = open_credentials(config, &http);
            open_store(config, &http, credentials.as_ref())?.0
        }
        StorageConfig::Directory(settings) => {
            // A folder that is not there is a mistake, which making it would hide.
            let looking = open_folder(settings, DirectoryStore::open_to_look)?;
            match access {
                Access::Look => Arc::new(looking),
                Access::Write => {
                    drop(looking);
                    Arc::new(open_folder(settings, DirectoryStore::open)?)
                }
            }
        }
    };
    Ok(Gallery::new(store, config.gallery.clone()))
}

/// What everything that goes out has in common. Certificate roots are built in: reading the
/// machine's own takes longer than the rest of the start, and bare containers have none.
fn http_client() -> reqwest::ClientBuilder {
    // A provider that was installed before is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(Duration::from_secs(5))
        .pool_max_idle_per_host(32)
        .pool_idle_timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("visionary/", env!("CARGO_PKG_VERSION")))
}

/// One for all that asks Azure without a key, so that they share tokens.
fn open_credentials(config: &ServiceConfig, http: &reqwest::Client) -> Option<Arc<Credentials>> {
    let identity = config.identity.as_ref()?;
    Some(Arc::new(Credentials::of(identity, http.clone())))
}

type Store = (Arc<dyn BlobStore>, Option<Arc<DirectoryStore>>);

fn open_store(
    config: &ServiceConfig,
    http: &reqwest::Client,
    credentials: Option<&Arc<Credentials>>,
) -> Result<Store, StartError> {
    match &config.storage {
        StorageConfig::Azure(account) => {
            let signature_minutes = config.gallery.signatures.minutes_left;
            let access = access(account, credentials, signature_minutes)?;
            let store = AzureStore::new(account.settings.clone(), access, http.clone());
            Ok((Arc::new(store), None))
        }
        StorageConfig::Directory(settings) => {
            let store = Arc::new(open_folder(settings, DirectoryStore::open)?);
            Ok((store.clone(), Some(store)))
        }
    }
}

/// A key wins over an identity: whoever sets one means it.
fn access(
    account: &AzureConfig,
    credentials: Option<&Arc<Credentials>>,
    signature_minutes: u16,
) -> Result<AzureAccess, StartError> {
    match (&account.key, credentials) {
        (Some(key), _) => Ok(AzureAccess::Key(key.clone())),
        (None, Some(credentials)) => Ok(AzureAccess::Identity {
            credentials: credentials.clone(),
            signature_minutes,
        }),
        (None, None) => Err(StartError::NoIdentity),
    }
}

fn open_folder(
    settings: &DirectorySettings,
    open: impl FnOnce(&DirectorySettings) -> Result<DirectoryStore, StorageError>,
) -> Result<DirectoryStore, StartError> {
    open(settings).map_err(|error| {
        let source = std::error::Error::source(&error);
        let cause = source.map_or_else(|| error.to_string(), ToString::to_string);
        let folder = settings.root.display().to_string();
        match source.and_then(|source| source.downcast_ref::<io::Error>()) {
            Some(error) if error.kind() == io::ErrorKind::WouldBlock => {
                StartError::FolderInUse { folder, cause }
            }
            _ => StartError::Folder { folder, cause },
        }
    })
}

fn open_provider(
    config: &ServiceConfig,
    http: &reqwest::Client,
    credentials: Option<&Arc<Credentials>>,
) -> Result<(Arc<dyn ImageGenerator>, Suggestions), StartError> {
    match &config.provider {
        ProviderConfig::Demo => Ok((Arc::new(DemoPainter::default()), Suggestions::stored())),
        ProviderConfig::OpenAi(openai) => {
            let client = OpenAiClient::new(http.clone(), openai.upstream.clone(), credentials);
            let suggestions = match &openai.suggestions {
                Some(settings) => Suggestions::by_model(client.clone(), settings.clone()),
                None => Suggestions::stored(),
            };
            let named = openai.images.download_hosts.clone();
            let hosts = DownloadHosts::new(client.base_url().clone(), named);
            let downloads = Downloads::new(hosts, http.clone(), http_client())
                .map_err(StartError::HttpClient)?;
            let images = OpenAiImages::new(client, openai.images.clone(), downloads);
            Ok((Arc::new(images), suggestions))
        }
    }
}

fn summary(
    config: &ServiceConfig,
    generator: &dyn ImageGenerator,
    store: &dyn BlobStore,
    credentials: Option<&Credentials>,
) -> String {
    let provider = match config.provider {
        ProviderConfig::Demo => {
            "provider demo (set OPEN_AI_KEY or AZURE_OPENAI_ENDPOINT for real images)".to_owned()
        }
        ProviderConfig::OpenAi(_) => {
            let model = generator.model(&crate::images::ImageOptions::default());
            let name = generator.provider();
            format!("provider {name}, model {model} (IMAGE_PROVIDER chooses another)")
        }
    };
    let store = match config.storage {
        StorageConfig::Directory(_) => format!(
            "store {} (set accountName and accountKey for Azure Blob Storage)",
            store.describe()
        ),
        StorageConfig::Azure(_) => format!(
            "store {} (unset accountName and set STORAGE_DIR for a folder)",
            store.describe()
        ),
    };
    let identity = credentials.map_or_else(String::new, |credentials| {
        let name = credentials.describe();
        format!("; identity: {name} (AZURE_TOKEN_CREDENTIALS chooses another)")
    });
    format!("{provider}; {store}{identity}")
}
