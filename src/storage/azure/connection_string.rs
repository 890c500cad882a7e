//! Reads `AZURE_STORAGE_CONNECTION_STRING`. The crate's own reader puts the whole string, and
//! the key with it, into its errors and its `Debug` form.

use secrecy::SecretString;
use url::Url;

/// Azurite's published account and key
/// (<https://learn.microsoft.com/azure/storage/common/storage-connect-azurite>).
const EMULATOR: &str = "AccountName=devstoreaccount1;\
    AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;\
    BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1";

/// What a connection string says.
#[derive(Debug, Clone)]
pub struct ConnectionString {
    /// `AccountName`.
    pub account: String,
    /// `AccountKey`, where it has one.
    pub key: Option<SecretString>,
    /// `BlobEndpoint`, or what the other parts make of it.
    pub endpoint: Url,
}

/// What a connection string lacks; never its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConnectionString {
    /// No account name.
    #[error("it has no AccountName")]
    NoAccountName,
    /// A signature in the place of an account key.
    #[error("it has a SharedAccessSignature, which cannot sign URLs, and no AccountKey")]
    SignatureAlone,
    /// The endpoint is no URL.
    #[error("its BlobEndpoint is not an http or https URL without a query")]
    BadEndpoint,
}

/// Reads a connection string.
///
/// # Errors
/// [`InvalidConnectionString`] names what is missing.
pub fn parse_connection_string(text: &str) -> Result<ConnectionString, InvalidConnectionString> {
    let value = |name: &str| {
        text.split(';').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let matches = key.trim().eq_ignore_ascii_case(name) && !value.trim().is_empty();
            matches.then(|| value.trim().to_owned())
        })
    };
    if value("UseDevelopmentStorage").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return parse_connection_string(EMULATOR);
    }
    let account = value("AccountName").ok_or(InvalidConnectionString::NoAccountName)?;
    let key = value("AccountKey");
    if key.is_none() && value("SharedAccessSignature").is_some() {
        return Err(InvalidConnectionString::SignatureAlone);
    }
    let endpoint = value("BlobEndpoint").unwrap_or_else(|| {
        let protocol = value("DefaultEndpointsProtocol").unwrap_or_else(|| "https".to_owned());
        let suffix = value("EndpointSuffix").unwrap_or_else(|| "core.windows.net".to_owned());
        format!("{protocol}://{account}.blob.{suffix}")
    });
    let endpoint = Url::parse(&endpoint)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.query().is_none() && url.password().is_none())
        .ok_or(InvalidConnectionString::BadEndpoint)?;
    Ok(ConnectionString {
        account,
        key: key.map(SecretString::from),
        endpoint,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn parse(text: &str) -> Result<(String, String, String), InvalidConnectionString> {
        let read = parse_connection_string(text)?;
        let key = read.key.map(|key| key.expose_secret().to_owned());
        let endpoint = read.endpoint.to_string();
        Ok((read.account, key.unwrap_or_default(), endpoint))
    }

    #[test]
    fn the_portals_form_and_the_emulators_are_read() {
        assert_eq!(
            parse(
                "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=aGVsbG8=;\
                 EndpointSuffix=core.usgovcloudapi.net"
            ),
            Ok((
                "acct".to_owned(),
                "aGVsbG8=".to_owned(),
                "https://acct.blob.core.usgovcloudapi.net/".to_owned()
            ))
        );
        let (account, _, endpoint) = parse("UseDevelopmentStorage=true").unwrap();
        assert_eq!(account, "devstoreaccount1");
        let (_, key, endpoint_alone) =
            parse("AccountName=acct;BlobEndpoint=https://acct.example.com").unwrap();
        assert_eq!(
            (key.as_str(), endpoint_alone.as_str()),
            ("", "https://acct.example.com/")
        );
        assert_eq!(endpoint, "http://127.0.0.1:10000/devstoreaccount1");
    }

    #[test]
    fn what_is_missing_is_named() {
        use InvalidConnectionString::{BadEndpoint, NoAccountName, SignatureAlone};
        for (text, fault) in [
            ("", NoAccountName),
            ("AccountKey=aGVsbG8=", NoAccountName),
            (
                "AccountName=a;SharedAccessSignature=sv=1&sig=x",
                SignatureAlone,
            ),
            (
                "AccountName=a;AccountKey=aGVsbG8=;BlobEndpoint=ftp://x",
                BadEndpoint,
            ),
        ] {
            assert_eq!(parse(text), Err(fault), "{text}");
        }
    }
}
