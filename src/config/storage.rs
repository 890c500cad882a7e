//! Which store is configured: an Azure account, or a folder.

use super::{Mode, reader::Reader};
use crate::{
    sas::SharedKey,
    storage::{
        azure::{
            AzureSettings, ConnectionString, RetrySettings, may_carry_token,
            parse_connection_string,
        },
        directory::DirectorySettings,
    },
};
use secrecy::ExposeSecret;
use std::{path::PathBuf, time::Duration};
use url::Url;

const ACCOUNT_NAME: [&str; 2] = ["accountName", "AZURE_STORAGE_ACCOUNT"];
const ACCOUNT_KEY: [&str; 2] = ["accountKey", "AZURE_STORAGE_KEY"];
const CONNECTION_STRING: &str = "AZURE_STORAGE_CONNECTION_STRING";
const BLOB_ENDPOINT: &str = "AZURE_STORAGE_BLOB_ENDPOINT";
const STORAGE_DIR: &str = "STORAGE_DIR";

/// The largest body that goes in one request, 8 MiB, over a line of 2.5 Mbit/s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Long enough for two requests that are never answered and for a container that is being
/// deleted, short enough for a caller who has waited for the image before.
const LONGEST_PUT: Duration = Duration::from_secs(75);

/// Where images are kept.
#[derive(Debug, Clone)]
pub enum StorageConfig {
    /// An Azure storage account or Azurite.
    Azure(Box<AzureConfig>),
    /// A folder.
    Directory(DirectorySettings),
}

/// An Azure storage account, and what opens it.
#[derive(Debug, Clone)]
pub struct AzureConfig {
    /// Which account.
    pub settings: AzureSettings,
    /// Its key; without one this process's identity opens it.
    pub key: Option<SharedKey>,
}

impl StorageConfig {
    /// Whether it is an account that this process's identity opens.
    #[must_use]
    pub fn uses_identity(&self) -> bool {
        matches!(self, Self::Azure(config) if config.key.is_none())
    }
}

/// What to do where a key is missing.
const TWO_WAYS: &str = "set the account's key, or give this app an identity with roles at the \
    account (docs/IDENTITY.md)";

pub(super) fn read(
    reader: &mut Reader<'_>,
    mode: Mode,
    is_deployed: bool,
    has_identity: bool,
) -> Option<StorageConfig> {
    let images_container = read_container(reader, "IMAGES_CONTAINER", "images");
    let state_container = read_container(reader, "STATE_CONTAINER", "visionary-state");
    if images_container == state_container {
        let problem = "is the same as IMAGES_CONTAINER; the state must lie apart from the images";
        reader.problem("STATE_CONTAINER", problem);
    }
    let has_any = |names: &[&str]| names.iter().any(|name| reader.is_set(name));
    let has_pair = has_any(&ACCOUNT_NAME) || has_any(&ACCOUNT_KEY);
    let account = match (reader.is_set(CONNECTION_STRING), has_pair) {
        (true, true) => {
            let problem = "is set beside accountName or accountKey: set one of the two ways";
            reader.problem(CONNECTION_STRING, problem);
            return None;
        }
        (true, false) => read_connection_string(reader, has_identity)?,
        (false, true) => read_name_and_key(reader, has_identity)?,
        (false, false) => {
            if reader.is_set(BLOB_ENDPOINT) {
                reader.problem(BLOB_ENDPOINT, "is set without accountName");
            }
            return read_directory(reader, mode, is_deployed).map(StorageConfig::Directory);
        }
    };
    let key = match &account.key {
        Some(text) => Some(read_key(reader, &account.account, text.expose_secret())?),
        None => None,
    };
    let endpoint = reader.url(BLOB_ENDPOINT).unwrap_or(account.endpoint);
    if key.is_none() {
        check_endpoint(reader, &endpoint);
    }
    let settings = AzureSettings {
        account: account.account,
        endpoint,
        images_container,
        state_container,
        request_timeout: REQUEST_TIMEOUT,
        longest_put: LONGEST_PUT,
        retries: RetrySettings::default(),
    };
    Some(StorageConfig::Azure(Box::new(AzureConfig {
        settings,
        key,
    })))
}

fn read_key(reader: &mut Reader<'_>, account: &str, text: &str) -> Option<SharedKey> {
    let key = SharedKey::from_base64(account, text);
    if key.is_err() {
        reader.problem(ACCOUNT_KEY[0], "is not base64");
    }
    key.ok()
}

fn check_endpoint(reader: &mut Reader<'_>, endpoint: &Url) {
    if !may_carry_token(endpoint) {
        let setting = match reader.is_set(BLOB_ENDPOINT) {
            true => BLOB_ENDPOINT,
            false => CONNECTION_STRING,
        };
        let problem = "is an http address, and without an account key each request carries a \
            token that whoever listens could use: https is needed, but on this very machine";
        reader.problem(setting, problem);
    }
}

fn read_connection_string(reader: &mut Reader<'_>, has_identity: bool) -> Option<ConnectionString> {
    let text = reader.text(&[CONNECTION_STRING])?;
    match parse_connection_string(&text) {
        Ok(account) if account.key.is_none() && !has_identity => {
            let problem = format!("has no AccountKey: {TWO_WAYS}");
            reader.problem(CONNECTION_STRING, problem);
            None
        }
        Ok(account) => Some(account),
        Err(error) => {
            reader.problem(CONNECTION_STRING, format!("cannot be used: {error}"));
            None
        }
    }
}

fn read_name_and_key(reader: &mut Reader<'_>, has_identity: bool) -> Option<ConnectionString> {
    let (name, key) = (reader.text(&ACCOUNT_NAME), reader.text(&ACCOUNT_KEY));
    let is_name = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        (3..=24).contains(&name.len()) && name.bytes().all(allowed)
    };
    match &name {
        None => reader.problem(ACCOUNT_NAME[0], "is missing, but accountKey is set"),
        Some(name) if !is_name(name) => {
            let rule = "must be 3 to 24 lower-case letters and digits";
            reader.problem(ACCOUNT_NAME[0], rule);
        }
        Some(_) => {}
    }
    if key.is_none() && !has_identity {
        let problem = format!("is missing, but accountName is set: {TWO_WAYS}");
        reader.problem(ACCOUNT_KEY[0], problem);
        return None;
    }
    let account = name?;
    let endpoint = Url::parse(&format!("https://{account}.blob.core.windows.net")).ok()?;
    Some(ConnectionString {
        account,
        key: key.map(Into::into),
        endpoint,
    })
}

/// The service's rule: 3 to 63 lower-case letters, digits and single hyphens between them.
fn read_container(reader: &mut Reader<'_>, name: &str, default: &str) -> String {
    let container = reader.text(&[name]).unwrap_or_else(|| default.to_owned());
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_container = (3..=63).contains(&container.len())
        && container.bytes().all(allowed)
        && !container.starts_with('-')
        && !container.ends_with('-')
        && !container.contains("--");
    if !is_container {
        let rule = "must be 3 to 63 lower-case letters, digits and single hyphens between them";
        reader.problem(name, rule);
    }
    container
}

fn read_directory(
    reader: &mut Reader<'_>,
    mode: Mode,
    is_deployed: bool,
) -> Option<DirectorySettings> {
    let root = match reader.text(&[STORAGE_DIR]) {
        Some(folder) => PathBuf::from(folder),
        None if is_deployed => {
            let problem = "is not set and no storage account is configured; in Azure a folder \
                must be asked for by name, since it vanishes with the instance";
            reader.problem(STORAGE_DIR, problem);
            return None;
        }
        None => default_folder(reader, mode),
    };
    Some(DirectorySettings {
        root: reader.environment.working_directory.join(root),
        lock_wait: lock_wait(mode),
    })
}

/// Under the Functions host the start does not wait: the process answers the host first, and tries
/// again then.
fn lock_wait(mode: Mode) -> Duration {
    match mode {
        Mode::Handler => Duration::ZERO,
        Mode::Standalone => Duration::from_secs(2),
    }
}

/// Standing alone `./data`. A new folder in the app's root would restart the Functions host, so
/// under it the user's own data folder is taken.
fn default_folder(reader: &mut Reader<'_>, mode: Mode) -> PathBuf {
    if mode == Mode::Standalone {
        return PathBuf::from("data");
    }
    let known = ["XDG_DATA_HOME", "LOCALAPPDATA"];
    let data = known.iter().find_map(|name| reader.text(&[name]));
    let data = data.map(PathBuf::from).or_else(|| {
        let home = reader.text(&["HOME"])?;
        Some(PathBuf::from(home).join(".local/share"))
    });
    data.unwrap_or_else(std::env::temp_dir).join("visionary")
}
