//! Azure Blob Storage, or Azurite, with an account key or by Microsoft Entra ID, through Microsoft's
//! `azure_storage_blobs` over our own pooled client. What that crate cannot do stands beside this file: the list
//! answer is read by us (it trims names), and blobs get a `Cache-Control`.

mod bearer;
mod connection_string;
mod copy;
mod delegation;
mod delegation_xml;
mod delete;
mod download;
mod failure;
mod identity;
mod list_xml;
mod look;
mod name;
mod pipeline;
mod retry;
mod transport;
mod upload;

use super::{
    BlobItem, BlobPage, BlobStore, Container, CopiedProperties, DeleteMode, ETag, ListQuery,
    NewBlob, PURPOSE_OF_AUTHENTICATORS, PutMode, Sharing, SignedResource, Signer, StorageError,
    StoredBlob,
};
use crate::{
    credentials::Credentials,
    sas::{SasProtocol, SasTerms, SharedKey, encode_blob_path},
};
use async_trait::async_trait;
use azure_storage::{CloudLocation, StorageCredentials};
use azure_storage_blobs::prelude::{ClientBuilder, ContainerClient};
use bearer::Bearer;
use copy::Copy;
use delegation::DelegationKeys;
use identity::Identity;
use name::check_name;
use secrecy::ExposeSecret;
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;
use upload::Upload;
use url::Url;

pub use bearer::may_carry_token;
pub use connection_string::{ConnectionString, InvalidConnectionString, parse_connection_string};

/// Marks each write, so that a repeated one knows its own blob (see [`upload`]).
const WRITE_ID: &str = "writeid";

/// Which account, and how to speak with it.
#[derive(Debug, Clone)]
pub struct AzureSettings {
    /// The account's name.
    pub account: String,
    /// The blob endpoint without a slash at the end, `https://NAME.blob.core.windows.net`,
    /// or with the account as path for Azurite.
    pub endpoint: Url,
    /// Container of the images.
    pub images_container: String,
    /// Container of the program's memory.
    pub state_container: String,
    /// How long one request may take, its body and its answer included. A large blob goes up
    /// in several.
    pub request_timeout: Duration,
    /// How long storing a blob may take with all repetitions and waits; each block of a large
    /// one adds an eighth.
    pub longest_put: Duration,
    /// How failed requests are sent again.
    pub retries: RetrySettings,
}

/// What opens an account.
#[derive(Debug, Clone)]
pub enum AzureAccess {
    /// One of its two keys, which open all of it.
    Key(SharedKey),
    /// The roles that this process's identity has there.
    Identity {
        /// Where tokens come from.
        credentials: Arc<Credentials>,
        /// What signatures have left when they are given, as in
        /// [`signature_window`](crate::sas::signature_window); at most
        /// [`MOST_DELEGATED_MINUTES`](crate::sas::MOST_DELEGATED_MINUTES).
        signature_minutes: u16,
    },
}

/// How failed requests to the account are repeated.
#[derive(Debug, Clone, Copy)]
pub struct RetrySettings {
    /// At most so many repetitions of one request.
    pub max_retries: u32,
    /// Wait before the first; doubled each time.
    pub first_delay: Duration,
    /// The longest wait that the account can ask for (`Retry-After`).
    pub longest_wait: Duration,
    /// Wait between attempts to write while the container is being deleted. These have no
    /// number: they end with the time for the whole write.
    pub container_delay: Duration,
}

impl Default for RetrySettings {
    /// For a caller who waits. A deleted container is in the way for 30 s at least
    /// (<https://learn.microsoft.com/rest/api/storageservices/delete-container#remarks>).
    fn default() -> Self {
        Self {
            max_retries: 3,
            first_delay: Duration::from_millis(200),
            longest_wait: Duration::from_secs(20),
            container_delay: Duration::from_secs(5),
        }
    }
}

/// A blob store in an Azure storage account.
#[derive(Debug)]
pub struct AzureStore {
    settings: AzureSettings,
    authority: Authority,
    http: reqwest::Client,
    images: KnownContainer,
    state: KnownContainer,
}

/// [`AzureAccess`], with what is kept of it.
#[derive(Debug)]
enum Authority {
    Key(Arc<SharedKey>),
    Identity(Box<Identity>),
}

impl Authority {
    fn new(access: AzureAccess, settings: &AzureSettings, http: &reqwest::Client) -> Self {
        match access {
            AzureAccess::Key(key) => Self::Key(Arc::new(key)),
            AzureAccess::Identity {
                credentials,
                signature_minutes,
            } => {
                let bearer = Bearer(credentials);
                let (http, settings) = (http.clone(), settings.clone());
                let keys = DelegationKeys::new(http, settings, bearer.clone(), signature_minutes);
                Self::Identity(Box::new(Identity::new(bearer, keys)))
            }
        }
    }

    /// What the crate's own signing step gets: nothing, where tokens take its place.
    fn crate_credentials(&self) -> StorageCredentials {
        match self {
            Self::Key(key) => {
                let text = key.to_base64().expose_secret().to_owned();
                StorageCredentials::access_key(key.account().to_owned(), text)
            }
            Self::Identity(_) => StorageCredentials::anonymous(),
        }
    }
}

#[derive(Debug)]
struct KnownContainer {
    name: String,
    client: ContainerClient,
}

impl AzureStore {
    /// Prepares the clients; sends nothing yet.
    #[must_use]
    pub fn new(settings: AzureSettings, access: AzureAccess, http: reqwest::Client) -> Self {
        let authority = Authority::new(access, &settings, &http);
        let location = CloudLocation::Custom {
            account: settings.account.clone(),
            uri: endpoint_text(&settings.endpoint),
        };
        let service = ClientBuilder::with_location(location, authority.crate_credentials())
            .client_options(pipeline::client_options(&http, &settings, &authority))
            .blob_service_client();
        let known = |name: &str| KnownContainer {
            name: name.to_owned(),
            client: service.container_client(name),
        };
        Self {
            images: known(&settings.images_container),
            state: known(&settings.state_container),
            settings,
            authority,
            http,
        }
    }

    fn container(&self, container: Container) -> &KnownContainer {
        match container {
            Container::Images => &self.images,
            Container::State => &self.state,
        }
    }

    /// An image's address with a signature to read it, for the service itself.
    async fn readable_image(&self, name: &str) -> Result<Url, StorageError> {
        let terms = own_terms("r", self.protocol());
        let signer = self.signer().await?;
        let signature = signer.sign(SignedResource::Image(name), &terms)?;
        let url = format!("{}?{signature}", self.image_url(name, ""));
        Url::parse(&url).map_err(|error| StorageError::failed("address a blob", error))
    }
}

#[async_trait]
impl BlobStore for AzureStore {
    async fn put(
        &self,
        container: Container,
        name: &str,
        blob: NewBlob,
        mode: PutMode,
    ) -> Result<ETag, StorageError> {
        check_name(name)?;
        let container = &self.container(container).client;
        let longest = self.settings.longest_put;
        Upload::new(container, name, &blob, mode, longest)
            .run()
            .await
    }

    async fn get_at_most(
        &self,
        container: Container,
        name: &str,
        most_bytes: u64,
    ) -> Result<StoredBlob, StorageError> {
        check_name(name)?;
        let client = self.container(container).client.blob_client(name);
        download::read(&client, most_bytes).await
    }

    async fn look(&self, container: Container, name: &str) -> Result<BlobItem, StorageError> {
        check_name(name)?;
        let client = self.container(container).client.blob_client(name);
        look::look(&client).await
    }

    async fn copy_image(
        &self,
        source: &str,
        target: &str,
        properties: CopiedProperties,
    ) -> Result<(), StorageError> {
        check_name(source)?;
        check_name(target)?;
        let url = self.readable_image(source).await?;
        if url.as_str().len() > copy::LONGEST_SOURCE {
            return Err(StorageError::InvalidName {
                name: source.to_owned(),
                reason: "its address is too long for the service to copy from",
            });
        }
        let images = &self.images.client;
        let clients = (images.blob_client(source), images.blob_client(target));
        let copy = Copy::new(clients, url, &properties, self.settings.longest_put);
        copy.run().await
    }

    async fn delete(
        &self,
        container: Container,
        name: &str,
        mode: DeleteMode,
    ) -> Result<(), StorageError> {
        check_name(name)?;
        let client = self.container(container).client.blob_client(name);
        delete::delete(&client, mode).await
    }

    async fn list(
        &self,
        container: Container,
        query: &ListQuery,
    ) -> Result<BlobPage, StorageError> {
        let container = self.container(container);
        let page = pipeline::list(
            &self.http,
            &self.settings,
            &self.authority,
            &container.name,
            query,
        )
        .await?;
        let mut page = page.unwrap_or_default();
        for item in &mut page.items {
            item.metadata.remove(WRITE_ID);
        }
        Ok(page)
    }

    async fn signer(&self) -> Result<Signer, StorageError> {
        let container = self.images.name.as_str();
        match &self.authority {
            Authority::Key(key) => Ok(Signer::of_account(key.clone(), container)),
            Authority::Identity(identity) => {
                let key = identity.keys.key(OffsetDateTime::now_utc()).await?;
                Ok(Signer::delegated(key, container))
            }
        }
    }

    async fn authenticate(&self, message: &[u8]) -> Result<[u8; 32], StorageError> {
        let key = match &self.authority {
            Authority::Key(key) => key,
            Authority::Identity(identity) => identity.secret(self).await?,
        };
        Ok(key.authenticate(PURPOSE_OF_AUTHENTICATORS, message))
    }

    fn image_url(&self, name: &str, _public_base_url: &str) -> String {
        let endpoint = endpoint_text(&self.settings.endpoint);
        let container = &self.images.name;
        format!("{endpoint}/{container}/{}", encode_blob_path(name))
    }

    fn protocol(&self) -> SasProtocol {
        match self.settings.endpoint.scheme() {
            "http" => SasProtocol::HttpsAndHttp,
            _ => SasProtocol::Https,
        }
    }

    fn sharing(&self) -> Sharing {
        Sharing::ManyProcesses
    }

    fn describe(&self) -> String {
        let AzureSettings {
            account,
            images_container,
            ..
        } = &self.settings;
        let by = match self.authority {
            Authority::Key(_) => "",
            Authority::Identity(_) => " by Microsoft Entra ID",
        };
        format!("Azure storage account {account}{by}, container {images_container}")
    }
}

fn endpoint_text(endpoint: &Url) -> String {
    endpoint.as_str().trim_end_matches('/').to_owned()
}

/// When a signature that we make for ourselves starts and ends: around now, for a clock that is
/// a few minutes off.
fn own_terms(permissions: &str, protocol: SasProtocol) -> SasTerms {
    let now = OffsetDateTime::now_utc();
    SasTerms {
        permissions: permissions.to_owned(),
        starts_at: now - time::Duration::minutes(10),
        expires_at: now + time::Duration::minutes(15),
        protocol,
    }
}
