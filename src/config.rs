//! The only reader of the environment: plain structs out of it, and every problem at once, each
//! with the name of its setting.

mod access;
mod environment;
mod identity;
mod local_settings;
mod provider;
mod reader;
mod storage;
mod table;

use crate::{
    api_key::ApiKey,
    credentials::IdentitySettings,
    gallery::{GallerySettings, SignatureScope, SignatureSettings, ThumbnailLinks},
    images::MAX_IMAGES,
    limits::LimitSettings,
    operations::OperationSettings,
    sas::MOST_DELEGATED_MINUTES,
};
use reader::Reader;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

pub use environment::Environment;
pub use provider::{OpenAiConfig, ProviderConfig};
pub use storage::{AzureConfig, StorageConfig};
pub use table::{LATER_SETTINGS, SETTINGS, Setting};

const DEFAULT_PORT: u64 = 7071;

/// Who started this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The Functions host: it probes, restarts and answers for us.
    Handler,
    /// A person, a service manager or a container.
    Standalone,
}

/// Which of a request's addresses is the caller's: it depends on who writes the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerSource {
    /// The connection's peer.
    Peer,
    /// The last hop of `X-Forwarded-For`, which a proxy of the operator's writes.
    OwnProxy,
    /// Behind the Functions host on App Service or Flex Consumption, whose front ends overwrite
    /// `CLIENT-IP`. Without that field as in Container Apps.
    AppService(HostForwardedHeaders),
    /// Behind the Functions host in Container Apps, whose ingress appends to `X-Forwarded-For`.
    ContainerApps(HostForwardedHeaders),
    /// Behind a Functions host that no front end stands before: callers cannot be told apart.
    Unknown,
}

/// Whether the Functions host itself reads `X-Forwarded-For` and `X-Forwarded-Proto`
/// (`ASPNETCORE_FORWARDEDHEADERS_ENABLED`): it then takes the last hop for its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostForwardedHeaders {
    /// It proxies with the last hop as `X-Forwarded-For`, and forwards without that hop.
    Read,
    /// It proxies with its own peer as `X-Forwarded-For`, and forwards the field as it came.
    Ignored,
}

impl CallerSource {
    /// Whether a front end of Azure stands before the Functions host; it speaks https.
    #[must_use]
    pub fn is_azure_front_end(self) -> bool {
        matches!(self, Self::AppService(_) | Self::ContainerApps(_))
    }
}

/// Where to listen, and what to serve there.
#[derive(Debug)]
pub struct Config {
    /// Who started this process.
    pub mode: Mode,
    /// Port 0 takes any free port.
    pub listen: SocketAddr,
    /// Log directives as in `RUST_LOG`.
    pub log: Option<String>,
    /// What to serve, or why not.
    pub service: Result<ServiceConfig, ConfigProblems>,
}

/// Everything that the service is made from.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Who paints.
    pub provider: ProviderConfig,
    /// Where images are kept.
    pub storage: StorageConfig,
    /// Who this process is to Entra ID; only where something is asked without a key.
    pub identity: Option<IdentitySettings>,
    /// How the gallery is kept.
    pub gallery: GallerySettings,
    /// The largest `n` of a request.
    pub max_images: u8,
    /// How much is generated at once, and how long it may take.
    pub operations: OperationSettings,
    /// Start of absolute addresses, without a slash at the end; else from the request.
    pub public_base_url: Option<String>,
    /// What opens every function, where it is set.
    pub api_key: Option<ApiKey>,
    /// How much callers may ask for.
    pub limits: LimitSettings,
    /// Which of a request's addresses is the caller's.
    pub caller_source: CallerSource,
    /// Origins whose pages may call; only standing alone.
    pub cors_origins: Vec<String>,
    /// Who started this process.
    pub mode: Mode,
    /// An event stream says something at least so often.
    pub event_heartbeat: Duration,
    /// How long to wait, behind the Functions host, before a folder is tried again that another
    /// process has.
    pub folder_retry: Duration,
    /// How long the answer of a health probe is remembered.
    pub health_memory: Duration,
    /// When, after the start, the provider is asked for the first time how long the models stay.
    pub models_checked_after: Duration,
}

/// One setting that is wrong or missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name.
    pub setting: String,
    /// What is wrong and what would be right; never its value where that is a secret.
    pub message: String,
}

/// All that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblems(pub Vec<Problem>);

impl fmt::Display for ConfigProblems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let Problem { setting, message } = problem;
            write!(formatter, "{separator}{setting} {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigProblems {}

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    /// [`ConfigProblems`] when even the place to listen at is unknown; other problems are in
    /// [`Config::service`], since the Functions host wants to be answered all the same.
    pub fn read(environment: &Environment) -> Result<Self, ConfigProblems> {
        let mut reader = Reader::new(environment);
        let (mode, listen) = read_listen(&mut reader);
        let log = reader.text(&["RUST_LOG"]);
        let listen_problems = reader.finish();
        let mut reader = Reader::new(environment);
        let service = read_service(&mut reader, mode);
        let service = reader
            .finish()
            .and(service.ok_or(ConfigProblems(Vec::new())));
        match (listen_problems, service) {
            (Ok(()), service) => Ok(Self {
                mode,
                listen,
                log,
                service,
            }),
            (Err(problems), Ok(_)) => Err(problems),
            (Err(problems), Err(more)) => Err(ConfigProblems([problems.0, more.0].concat())),
        }
    }
}

fn read_listen(reader: &mut Reader<'_>) -> (Mode, SocketAddr) {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let port = |port: Option<u64>| port.and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
    let highest = u16::MAX.into();
    if reader.is_set("FUNCTIONS_CUSTOMHANDLER_PORT") {
        // The host connects to 127.0.0.1 and nobody else has business there: no HOST here.
        let given = reader.integer("FUNCTIONS_CUSTOMHANDLER_PORT", 1, highest);
        return (Mode::Handler, SocketAddr::new(loopback, port(given)));
    }
    let given = reader.integer("PORT", 0, highest);
    let local = given.or_else(|| reader.local_http_port());
    let address = match reader.text(&["HOST"]).as_deref() {
        Some("localhost") => Some(loopback),
        _ => reader.parsed("HOST", "localhost or an IP address such as 0.0.0.0"),
    };
    (
        Mode::Standalone,
        SocketAddr::new(
            address.unwrap_or(loopback),
            port(local.or(Some(DEFAULT_PORT))),
        ),
    )
}

fn read_service(reader: &mut Reader<'_>, mode: Mode) -> Option<ServiceConfig> {
    reader.report_local_settings();
    reader.refuse_later_settings();
    let is_deployed = ["WEBSITE_SITE_NAME", "CONTAINER_APP_NAME"]
        .iter()
        .any(|name| reader.is_set(name));
    let identity = identity::read(reader, is_deployed);
    let provider = provider::read(reader, is_deployed, identity.is_some());
    let storage = storage::read(reader, mode, is_deployed, identity.is_some());
    let api_key = access::read_api_key(reader);
    let gallery = GallerySettings {
        thumbnail_links: match api_key {
            Some(_) => ThumbnailLinks::Signed,
            None => ThumbnailLinks::Open,
        },
        ..GallerySettings::new(read_signatures(reader, storage.as_ref()))
    };
    let max_images = reader
        .integer("MAX_IMAGES", 1, MAX_IMAGES.into())
        .unwrap_or(4);
    let operations = read_operations(reader);
    let public_base_url = reader.base_url("PUBLIC_BASE_URL");
    let limits = access::read_limits(reader, is_deployed);
    let caller_source = access::read_caller_source(reader, mode);
    let cors_origins = match mode {
        Mode::Standalone => reader.origins("CORS_ORIGINS"),
        Mode::Handler => Vec::new(),
    };
    let (provider, storage) = (provider?, storage?);
    Some(ServiceConfig {
        identity: identity.filter(|_| provider.uses_identity() || storage.uses_identity()),
        provider,
        storage,
        gallery,
        max_images: u8::try_from(max_images).ok()?,
        operations,
        public_base_url,
        api_key,
        limits,
        caller_source,
        cors_origins,
        mode,
        // Well within the patience of every proxy on the way.
        event_heartbeat: Duration::from_secs(15),
        folder_retry: Duration::from_millis(100),
        health_memory: Duration::from_secs(30),
        models_checked_after: Duration::from_secs(2),
    })
}

fn read_operations(reader: &mut Reader<'_>) -> OperationSettings {
    let defaults = OperationSettings::default();
    let concurrent = reader.integer("MAX_CONCURRENT_GENERATIONS", 1, 10_000);
    let memory = reader.integer("IMAGE_MEMORY_MB", 16, 65_536);
    OperationSettings {
        max_concurrent: concurrent
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(defaults.max_concurrent),
        memory_mebibytes: memory
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(defaults.memory_mebibytes),
        ..defaults
    }
}

fn read_signatures(reader: &mut Reader<'_>, storage: Option<&StorageConfig>) -> SignatureSettings {
    let scope = match reader
        .one_of("SAS_SCOPE", &["container", "account"])
        .as_deref()
    {
        Some("account") => SignatureScope::Account,
        _ => SignatureScope::Container,
    };
    let has_account = !matches!(storage, Some(StorageConfig::Directory(_)));
    if scope == SignatureScope::Account && !has_account {
        reader.problem(
            "SAS_SCOPE",
            "is account, but the folder store has no account",
        );
    }
    let minutes = reader.integer("SAS_MINUTES", 1, 7 * 24 * 60).unwrap_or(30);
    if storage.is_some_and(StorageConfig::uses_identity) {
        check_delegated(reader, scope, minutes);
    }
    SignatureSettings {
        container_permissions: reader.permissions("SAS_PERMISSIONS"),
        scope,
        minutes_left: u16::try_from(minutes).unwrap_or(30),
    }
}

/// What an identity's signatures cannot be.
fn check_delegated(reader: &mut Reader<'_>, scope: SignatureScope, minutes: u64) {
    if scope == SignatureScope::Account {
        let problem = "is account, but an identity cannot sign for a whole account; leave it at \
            container, or set accountKey";
        reader.problem("SAS_SCOPE", problem);
    }
    if minutes > MOST_DELEGATED_MINUTES.into() {
        let problem = format!(
            "must be {MOST_DELEGATED_MINUTES} at most without an account key: the keys that an \
             identity signs with end after seven days"
        );
        reader.problem("SAS_MINUTES", problem);
    }
}

#[cfg(test)]
mod tests;
