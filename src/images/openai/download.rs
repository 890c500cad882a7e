//! Fetches a picture that an answer names by address. The answer is data, not a command: only
//! the upstream's own host and Azure's blob hosts are asked, without redirects, up to a size.

use crate::openai::UpstreamError;
use bytes::{Bytes, BytesMut};
use url::Url;

/// No image API gives more.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// OpenAI and Azure OpenAI keep dall-e's pictures on such hosts.
const BLOB_HOSTS: &str = ".blob.core.windows.net";

/// The picture is paid for, so a passing fault is not the end.
const TRIES: u32 = 3;

/// Fetches the picture at `address`, again after a passing fault.
///
/// # Errors
/// [`UpstreamError::Malformed`] for an address that is not allowed, or what went wrong with it.
pub(super) async fn fetch(
    http: &reqwest::Client,
    base_url: &Url,
    address: &str,
) -> Result<Bytes, UpstreamError> {
    let malformed = |reason| UpstreamError::Malformed { reason };
    let url = Url::parse(address).map_err(|_| malformed("a picture's address is no URL"))?;
    if !is_allowed(base_url, &url) {
        return Err(malformed(
            "a picture's address is on a host that is not the provider's",
        ));
    }
    let mut tried = 1;
    loop {
        match fetch_once(http, url.clone()).await {
            Err(
                UpstreamError::Unreachable(_)
                | UpstreamError::Broken(_)
                | UpstreamError::ServerFault { .. },
            ) if tried < TRIES => tried += 1,
            other => return other,
        }
    }
}

async fn fetch_once(http: &reqwest::Client, url: Url) -> Result<Bytes, UpstreamError> {
    let malformed = |reason| UpstreamError::Malformed { reason };
    let unreachable = |error: reqwest::Error| UpstreamError::Unreachable(error.without_url());
    let mut response = http.get(url).send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    if status >= 500 {
        return Err(UpstreamError::ServerFault { status });
    }
    if status != 200 {
        return Err(malformed("a picture's address does not open"));
    }
    let mut picture = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| UpstreamError::Broken(error.without_url()))?
    {
        if picture.len() + chunk.len() > MAX_BYTES {
            return Err(malformed("a picture is larger than 64 MiB"));
        }
        picture.extend_from_slice(&chunk);
    }
    Ok(picture.freeze())
}

/// https, or http where the upstream itself is spoken to so; the upstream's host and port, or a
/// documented blob host.
fn is_allowed(base_url: &Url, url: &Url) -> bool {
    let is_upstream = url.host_str() == base_url.host_str()
        && url.port_or_known_default() == base_url.port_or_known_default();
    let is_blob_host = url
        .host_str()
        .is_some_and(|host| host.ends_with(BLOB_HOSTS))
        && url.port_or_known_default() == Some(443);
    match url.scheme() {
        "https" => is_upstream || is_blob_host,
        "http" => is_upstream && base_url.scheme() == "http",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_providers_hosts_are_asked() {
        let https = Url::parse("https://api.example.com/v1").unwrap();
        let http = Url::parse("http://127.0.0.1:1234/v1").unwrap();
        for (base, address, allowed) in [
            (&https, "https://api.example.com/files/x.png", true),
            (
                &https,
                "https://oaidalle.blob.core.windows.net/x?sig=y",
                true,
            ),
            (&https, "http://api.example.com/files/x.png", false),
            (&https, "http://oaidalle.blob.core.windows.net/x", false),
            (&https, "https://api.example.com:8443/x.png", false),
            (&https, "https://169.254.169.254/metadata", false),
            (
                &https,
                "https://blob.core.windows.net.evil.example/x",
                false,
            ),
            (&https, "file:///etc/passwd", false),
            (&http, "http://127.0.0.1:1234/x.png", true),
            (&http, "http://127.0.0.1:22/x.png", false),
            (&http, "http://localhost:1234/x.png", false),
        ] {
            assert_eq!(
                is_allowed(base, &Url::parse(address).unwrap()),
                allowed,
                "{address}"
            );
        }
    }
}
