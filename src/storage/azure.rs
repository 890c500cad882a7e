//! Azure Blob Storage, or Azurite, with an account key, through Microsoft's `azure_storage_blobs`
//! over our own pooled client. What that crate cannot do stands beside this file: the list
//! answer is read by us (it trims names), and blobs get a `Cache-Control`.

mod connection_string;
mod failure;
mod list_xml;
mod name;
mod pipeline;
mod transport;

use super::{
    BlobPage, BlobStore, Container, ListQuery, NewBlob, PutMode, SignedResource, StorageError,
    StoredBlob,
};
use crate::sas::{
    self, SasProtocol, SasResource, SasTerms, SharedKey, account_sas, encode_blob_path, service_sas,
};
use async_trait::async_trait;
use azure_core::request_options::{IfMatchCondition, Metadata as AzureMetadata};
use azure_storage::{CloudLocation, StorageCredentials};
use azure_storage_blobs::prelude::{BlobClient, ClientBuilder, ContainerClient};
use failure::{error_code, map_error};
use futures_util::StreamExt;
use name::check_name;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use time::OffsetDateTime;
use url::Url;

pub use connection_string::{InvalidConnectionString, parse_connection_string};

/// Marks each write, so that a repeated one knows its own blob (see [`AzureStore::put`]).
const WRITE_ID: &str = "writeid";

/// Which account, with which key.
#[derive(Debug, Clone)]
pub struct AzureSettings {
    /// The account's name.
    pub account: String,
    /// Its key, in base64.
    pub key: SecretString,
    /// The blob endpoint without a slash at the end, `https://NAME.blob.core.windows.net`,
    /// or with the account as path for Azurite.
    pub endpoint: Url,
    /// Container of the images.
    pub images_container: String,
    /// Container of the program's memory.
    pub state_container: String,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How often a failed request is sent again, and how long to wait before the first time.
    pub retries: RetrySettings,
}

/// How failed requests to the account are repeated.
#[derive(Debug, Clone, Copy)]
pub struct RetrySettings {
    /// At most so many repetitions.
    pub max_retries: u32,
    /// Wait before the first; doubled each time.
    pub first_delay: Duration,
}

impl Default for RetrySettings {
    /// The crate's own default, 8 retries over a minute, is too long for a waiting caller.
    fn default() -> Self {
        Self {
            max_retries: 3,
            first_delay: Duration::from_millis(200),
        }
    }
}

/// A blob store in an Azure storage account.
#[derive(Debug)]
pub struct AzureStore {
    settings: AzureSettings,
    key: SharedKey,
    http: reqwest::Client,
    images: KnownContainer,
    state: KnownContainer,
}

#[derive(Debug)]
struct KnownContainer {
    name: String,
    client: ContainerClient,
}

impl AzureStore {
    /// Prepares the clients; sends nothing yet.
    ///
    /// # Errors
    /// [`sas::InvalidKey`] when the account key is not base64.
    pub fn new(settings: AzureSettings, http: reqwest::Client) -> Result<Self, sas::InvalidKey> {
        let key = SharedKey::from_base64(&settings.account, settings.key.expose_secret())?;
        let location = CloudLocation::Custom {
            account: settings.account.clone(),
            uri: endpoint_text(&settings.endpoint),
        };
        let credentials = StorageCredentials::access_key(
            settings.account.clone(),
            settings.key.expose_secret().to_owned(),
        );
        let service = ClientBuilder::with_location(location, credentials)
            .client_options(pipeline::client_options(&http, &settings))
            .blob_service_client();
        let known = |name: &str| KnownContainer {
            name: name.to_owned(),
            client: service.container_client(name),
        };
        Ok(Self {
            images: known(&settings.images_container),
            state: known(&settings.state_container),
            settings,
            key,
            http,
        })
    }

    fn container(&self, container: Container) -> &KnownContainer {
        match container {
            Container::Images => &self.images,
            Container::State => &self.state,
        }
    }

    async fn try_put(
        &self,
        blob: &BlobClient,
        new: &NewBlob,
        mode: PutMode,
    ) -> Result<(), StorageError> {
        let write_id = uuid::Uuid::new_v4().simple().to_string();
        let mut metadata = AzureMetadata::new();
        for (name, value) in &new.metadata {
            metadata.insert(name.clone(), value.clone());
        }
        metadata.insert(WRITE_ID, write_id.clone());
        let put = blob
            .put_block_blob(new.bytes.clone())
            .content_type(new.content_type.clone())
            .content_disposition("inline")
            .metadata(metadata);
        let put = match mode {
            PutMode::Create => put.if_match(IfMatchCondition::NotMatch("*".to_owned())),
            PutMode::Overwrite => put,
        };
        match put.await {
            Ok(_) => Ok(()),
            Err(error) if error_code(&error) == Some("BlobAlreadyExists") => {
                self.already_exists(blob, &write_id).await
            }
            Err(error) => Err(map_error("write a blob", error)),
        }
    }

    /// A write whose answer was lost is sent again and then meets its own blob: no conflict.
    async fn already_exists(&self, blob: &BlobClient, write_id: &str) -> Result<(), StorageError> {
        match blob.get_properties().await {
            Ok(found) => {
                let found = found.blob.metadata.unwrap_or_default();
                match found.get(WRITE_ID) {
                    Some(id) if id == write_id => Ok(()),
                    _ => Err(StorageError::AlreadyExists),
                }
            }
            // Taking it for somebody else's would store the same image twice.
            Err(error) => Err(map_error("look at a blob", error)),
        }
    }
}

impl KnownContainer {
    async fn create(&self) -> Result<(), StorageError> {
        match self.client.create().await {
            Ok(()) => Ok(()),
            Err(error) if error_code(&error) == Some("ContainerAlreadyExists") => Ok(()),
            Err(error) => Err(map_error("make the container", error)),
        }
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
    ) -> Result<(), StorageError> {
        check_name(name)?;
        let container = self.container(container);
        let client = container.client.blob_client(name);
        match self.try_put(&client, &blob, mode).await {
            Err(StorageError::NotFound) => {
                // The container is missing: the first write ever, or somebody deleted it.
                container.create().await?;
                self.try_put(&client, &blob, mode).await
            }
            other => other,
        }
    }

    async fn get(&self, container: Container, name: &str) -> Result<StoredBlob, StorageError> {
        check_name(name)?;
        let client = self.container(container).client.blob_client(name);
        let mut chunks = client.get().into_stream();
        let mut bytes = Vec::new();
        let mut properties = None;
        while let Some(chunk) = chunks.next().await {
            let chunk = match chunk {
                // The crate asks for a range, and an empty blob has none.
                Err(error) if error_code(&error) == Some("InvalidRange") => {
                    let found = client.get_properties().await;
                    let found = found.map_err(|error| map_error("read a blob", error))?;
                    properties.get_or_insert(found.blob);
                    break;
                }
                chunk => chunk.map_err(|error| map_error("read a blob", error))?,
            };
            properties.get_or_insert(chunk.blob);
            let data = chunk.data.collect().await;
            bytes.extend_from_slice(&data.map_err(|error| map_error("read a blob", error))?);
        }
        let blob = properties.ok_or(StorageError::NotFound)?;
        let mut metadata: super::Metadata = blob
            .metadata
            .unwrap_or_default()
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        metadata.remove(WRITE_ID);
        Ok(StoredBlob {
            bytes: bytes.into(),
            content_type: blob.properties.content_type,
            metadata,
        })
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
            &self.key,
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

    fn sign(&self, resource: SignedResource<'_>, terms: &SasTerms) -> Result<String, StorageError> {
        let container = &self.images.name;
        Ok(match resource {
            SignedResource::Image(blob) => {
                service_sas(&self.key, SasResource::Blob { container, blob }, terms)
            }
            SignedResource::ImagesContainer => {
                service_sas(&self.key, SasResource::Container { container }, terms)
            }
            SignedResource::Account => account_sas(&self.key, terms),
        })
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

    fn describe(&self) -> String {
        let AzureSettings {
            account,
            images_container,
            ..
        } = &self.settings;
        format!("Azure storage account {account}, container {images_container}")
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
