//! Which credential the process has, and Microsoft's library for it, over the HTTP client that
//! all share.

use super::{Credentials, MakeCredential, az::WithPath};
use azure_core_1::{
    cloud::{CloudConfiguration, CustomConfiguration},
    credentials::{Secret, TokenCredential},
    http::{ClientOptions, ExponentialRetryOptions, HttpClient, RetryOptions, Transport},
    time::Duration,
};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredentialOptions,
    ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use secrecy::{ExposeSecret, SecretString};
use std::{ffi::OsString, path::PathBuf, sync::Arc};
use url::Url;

/// The library's own eight repetitions take up to a minute, for which no caller waits.
const MAX_RETRIES: u32 = 2;

/// No repetition begins after this.
const RETRIES_END: Duration = Duration::seconds(8);

/// Who this process is to Microsoft Entra ID.
#[derive(Debug, Clone)]
pub enum IdentitySettings {
    /// What the platform gives to an app, a container or a virtual machine. Where to ask for it
    /// is in the process's environment (`IDENTITY_ENDPOINT`, `IDENTITY_HEADER`), else it is the
    /// machine's metadata service.
    ManagedIdentity {
        /// The user-assigned one of this id; else the system-assigned one.
        client_id: Option<String>,
    },
    /// A token of Kubernetes or of another issuer that the application trusts.
    WorkloadIdentity {
        /// The application.
        application: Application,
        /// The file that holds the issuer's token and is written anew by whoever put it there.
        token_file: PathBuf,
    },
    /// An application's secret.
    ClientSecret {
        /// The application.
        application: Application,
        /// Its secret.
        secret: SecretString,
    },
    /// The developer who has run `az login`.
    AzureCli {
        /// The tenant, where it is not the login's own.
        tenant_id: Option<String>,
        /// `PATH`, for `az` and what that needs.
        path: OsString,
    },
}

/// An application that is registered in a tenant, and who signs it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The tenant's id.
    pub tenant_id: String,
    /// The application's id.
    pub client_id: String,
    /// The sovereign cloud's sign-in address; else the public cloud's. By https.
    pub authority_host: Option<Url>,
}

impl IdentitySettings {
    /// Which one, in a few words and without secrets.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::ManagedIdentity { client_id: None } => {
                "managed identity (system-assigned)".to_owned()
            }
            Self::ManagedIdentity {
                client_id: Some(id),
            } => format!("managed identity {} (user-assigned)", shortened(id)),
            Self::WorkloadIdentity { application, .. } => {
                format!("workload identity {}", shortened(&application.client_id))
            }
            Self::ClientSecret { application, .. } => format!(
                "client secret of application {}",
                shortened(&application.client_id)
            ),
            Self::AzureCli { .. } => "az login".to_owned(),
        }
    }
}

/// Enough of an id to know it again.
fn shortened(id: &str) -> String {
    const SHOWN: usize = 8;
    match id.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &id[..end]),
        None => id.to_owned(),
    }
}

impl Credentials {
    /// Tokens of this identity, asked for over the shared HTTP client; asks for none yet.
    #[must_use]
    pub fn of(settings: &IdentitySettings, http: reqwest::Client) -> Self {
        Self::over(settings, Arc::new(http))
    }

    pub(super) fn over(settings: &IdentitySettings, http: Arc<dyn HttpClient>) -> Self {
        let description = settings.describe();
        let secret = match settings {
            IdentitySettings::ClientSecret { secret, .. } => Some(secret.clone()),
            _ => None,
        };
        let settings = settings.clone();
        let make: MakeCredential = Box::new(move || make(&settings, http.clone()));
        Self::new(description, make).hiding(secret)
    }
}

fn make(
    settings: &IdentitySettings,
    http: Arc<dyn HttpClient>,
) -> azure_core_1::Result<Arc<dyn TokenCredential>> {
    Ok(match settings {
        IdentitySettings::ManagedIdentity { client_id } => {
            let options = ManagedIdentityCredentialOptions {
                user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                client_options: client_options(http, None),
            };
            ManagedIdentityCredential::new(Some(options))?
        }
        IdentitySettings::WorkloadIdentity {
            application,
            token_file,
        } => WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
            credential_options: ClientAssertionCredentialOptions {
                client_options: client_options(http, application.authority_host.as_ref()),
            },
            client_id: Some(application.client_id.clone()),
            tenant_id: Some(application.tenant_id.clone()),
            token_file_path: Some(token_file.clone()),
        }))?,
        IdentitySettings::ClientSecret {
            application,
            secret,
        } => ClientSecretCredential::new(
            &application.tenant_id,
            application.client_id.clone(),
            Secret::new(secret.expose_secret().to_owned()),
            Some(ClientSecretCredentialOptions {
                client_options: client_options(http, application.authority_host.as_ref()),
            }),
        )?,
        IdentitySettings::AzureCli { tenant_id, path } => {
            let options = AzureCliCredentialOptions {
                tenant_id: tenant_id.clone(),
                executor: Some(Arc::new(WithPath(path.clone()))),
                ..AzureCliCredentialOptions::default()
            };
            AzureCliCredential::new(Some(options))?
        }
    })
}

fn client_options(http: Arc<dyn HttpClient>, authority_host: Option<&Url>) -> ClientOptions {
    // Said in any case: the library would look into the environment for it.
    let cloud = match authority_host {
        None => CloudConfiguration::AzurePublic,
        Some(url) => {
            let mut cloud = CustomConfiguration::default();
            cloud.authority_host = url.to_string();
            cloud.into()
        }
    };
    ClientOptions {
        transport: Some(Transport::new(http)),
        retry: RetryOptions::exponential(ExponentialRetryOptions {
            max_retries: MAX_RETRIES,
            max_total_elapsed: RETRIES_END,
            ..ExponentialRetryOptions::default()
        }),
        cloud: Some(Arc::new(cloud)),
        ..ClientOptions::default()
    }
}
