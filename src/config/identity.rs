//! Which Entra ID credential is configured. The choice asks nobody and runs nothing: a probe of
//! a machine's metadata service would cost each start of everybody else a second.

use super::reader::Reader;
use crate::credentials::{Application, IdentitySettings};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

const CHOICE: &str = "AZURE_TOKEN_CREDENTIALS";
const TENANT_ID: &str = "AZURE_TENANT_ID";
const CLIENT_ID: &str = "AZURE_CLIENT_ID";
const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
const AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";

/// What the platform sets where an app or a container has a managed identity. Microsoft's library
/// reads both from the process's environment, so nothing else counts here.
const PLATFORMS_IDENTITY: [&str; 2] = ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"];

/// As Microsoft's libraries call them; `EnvironmentCredential` is the client secret.
const CREDENTIALS: [(&str, Kind); 4] = [
    ("ManagedIdentityCredential", Kind::ManagedIdentity),
    ("WorkloadIdentityCredential", Kind::WorkloadIdentity),
    ("EnvironmentCredential", Kind::ClientSecret),
    ("AzureCliCredential", Kind::AzureCli),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ManagedIdentity,
    WorkloadIdentity,
    ClientSecret,
    AzureCli,
}

pub(super) fn read(reader: &mut Reader<'_>, is_deployed: bool) -> Option<IdentitySettings> {
    let kind = match reader.is_set(CHOICE) {
        true => read_choice(reader),
        false => find(reader, is_deployed),
    };
    let ids = Ids {
        tenant_id: read_id(reader, TENANT_ID),
        client_id: read_id(reader, CLIENT_ID),
    };
    let authority_host = read_authority_host(reader);
    let application = |ids: Ids| {
        Some(Application {
            tenant_id: ids.tenant_id?,
            client_id: ids.client_id?,
            authority_host,
        })
    };
    match kind? {
        Kind::ManagedIdentity => Some(IdentitySettings::ManagedIdentity {
            client_id: ids.client_id,
        }),
        Kind::WorkloadIdentity => {
            report_missing(reader, &[TENANT_ID, CLIENT_ID, TOKEN_FILE]);
            let token_file = reader.text(&[TOKEN_FILE]).map(PathBuf::from);
            Some(IdentitySettings::WorkloadIdentity {
                token_file: reader.environment.working_directory.join(token_file?),
                application: application(ids)?,
            })
        }
        Kind::ClientSecret => {
            report_missing(reader, &[TENANT_ID, CLIENT_ID, CLIENT_SECRET]);
            let secret = reader.text(&[CLIENT_SECRET]);
            Some(IdentitySettings::ClientSecret {
                secret: secret?.into(),
                application: application(ids)?,
            })
        }
        Kind::AzureCli => Some(IdentitySettings::AzureCli {
            tenant_id: ids.tenant_id,
            path: path(reader),
        }),
    }
}

struct Ids {
    tenant_id: Option<String>,
    client_id: Option<String>,
}

/// What is asked for by name.
fn read_choice(reader: &mut Reader<'_>) -> Option<Kind> {
    let named = reader.text(&[CHOICE])?;
    let mut known = CREDENTIALS.iter();
    let found = known.find(|(name, _)| name.eq_ignore_ascii_case(&named));
    if found.is_none() {
        let names = CREDENTIALS.map(|(name, _)| name).join(", ");
        reader.problem(CHOICE, format!("must be one of {names}"));
    }
    found.map(|(_, kind)| *kind)
}

/// What there is, the most explicit first.
fn find(reader: &Reader<'_>, is_deployed: bool) -> Option<Kind> {
    let platform_has_one = || {
        let mut names = PLATFORMS_IDENTITY.iter();
        names.all(|name| reader.environment.get_of_process(name).is_some())
    };
    if reader.is_set(CLIENT_SECRET) {
        Some(Kind::ClientSecret)
    } else if reader.is_set(TOKEN_FILE) {
        Some(Kind::WorkloadIdentity)
    } else if platform_has_one() {
        Some(Kind::ManagedIdentity)
    } else {
        let has_az = !is_deployed && std::env::split_paths(&path(reader)).any(|f| holds_az(&f));
        has_az.then_some(Kind::AzureCli)
    }
}

fn path(reader: &Reader<'_>) -> OsString {
    let path = reader.environment.get_of_process("PATH");
    path.unwrap_or_default().into()
}

#[cfg(unix)]
fn holds_az(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let found = std::fs::metadata(folder.join("az"));
    found.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn holds_az(folder: &Path) -> bool {
    folder.join("az.cmd").is_file()
}

/// An id or a domain's name, as they go into addresses and a command line.
fn read_id(reader: &mut Reader<'_>, name: &str) -> Option<String> {
    let id = reader.text(&[name])?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    if id.len() > 128 || id.starts_with('-') || !id.bytes().all(allowed) {
        let rule = "must be an id such as 11111111-2222-3333-4444-555555555555";
        reader.problem(name, rule);
    }
    Some(id)
}

/// Secrets go there.
fn read_authority_host(reader: &mut Reader<'_>) -> Option<url::Url> {
    let url = reader.url(AUTHORITY_HOST)?;
    if url.scheme() != "https" {
        reader.problem(AUTHORITY_HOST, "must be an https address");
    }
    Some(url)
}

fn report_missing(reader: &mut Reader<'_>, names: &[&str]) {
    for name in names {
        if !reader.is_set(name) {
            let others = names.iter().filter(|other| *other != name);
            let others: Vec<&str> = others.copied().collect();
            let problem = format!("is missing; it is needed beside {}", others.join(" and "));
            reader.problem(name, problem);
        }
    }
}

#[cfg(test)]
mod tests;
