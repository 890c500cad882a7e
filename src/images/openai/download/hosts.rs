//! Which hosts a picture may be fetched from, and which of them may be within a private network.

use std::str::FromStr;
use url::{Host, Url};

/// OpenAI and Azure OpenAI keep dall-e's pictures in storage accounts below this domain, whose
/// names they do not promise. Anybody can have an account there.
const BLOB_DOMAIN: &str = "blob.core.windows.net";

/// A host, or all hosts below a domain, with a port: `cdn.example.com`, `*.example.com:8443`.
/// Without one it is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    name: HostName,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostName {
    Exactly(Host<String>),
    /// Every host below this domain, itself not among them.
    Below(String),
}

/// A text that is no [`HostPattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a host is a name such as cdn.example.com, *.example.com for all below that, or an IP \
     address ([…] around IPv6), and :port where it is not the usual one"
)]
pub struct InvalidHostPattern;

/// The hosts that pictures are fetched from.
#[derive(Debug, Clone)]
pub struct DownloadHosts {
    upstream: Url,
    named: Vec<HostPattern>,
}

/// How far a host that is allowed may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The operator named this very host, so it may be within a private network.
    Anywhere,
    /// Only the public addresses of its name.
    PublicOnly,
}

impl DownloadHosts {
    /// The host of the upstream at `base_url`, its documented blob hosts, and `named` ones.
    #[must_use]
    pub fn new(base_url: Url, named: Vec<HostPattern>) -> Self {
        Self {
            upstream: base_url,
            named,
        }
    }

    /// Whether and how `url` may be asked.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn reach(&self, url: &Url) -> Result<Reach, &'static str> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a picture's address has a user name or password in it");
        }
        let is_https = url.scheme() == "https";
        let is_http_fit = url.scheme() == "http" && self.upstream.scheme() == "http";
        if !is_https && !is_http_fit {
            return Err("a picture's address is not https");
        }
        let named = || self.named.iter().filter(|pattern| pattern.matches(url));
        if self.is_upstream(url) || named().any(HostPattern::is_exact) {
            return Ok(Reach::Anywhere);
        }
        let is_blob = is_https && HostPattern::below(BLOB_DOMAIN).matches(url);
        if is_blob || named().next().is_some() {
            return Ok(Reach::PublicOnly);
        }
        Err(
            "a picture's address is on a host that is not the provider's \
             (IMAGE_DOWNLOAD_HOSTS allows others)",
        )
    }

    fn is_upstream(&self, url: &Url) -> bool {
        url.host() == self.upstream.host()
            && url.port_or_known_default() == self.upstream.port_or_known_default()
    }
}

impl HostPattern {
    fn below(domain: &str) -> Self {
        Self {
            name: HostName::Below(domain.to_owned()),
            port: None,
        }
    }

    fn is_exact(&self) -> bool {
        matches!(self.name, HostName::Exactly(_))
    }

    fn matches(&self, url: &Url) -> bool {
        let is_port = match self.port {
            Some(port) => url.port_or_known_default() == Some(port),
            None => url.port().is_none(),
        };
        let is_host = match (&self.name, url.host()) {
            (HostName::Exactly(name), Some(host)) => *name == host.to_owned(),
            // An IP address is below no domain, so resolvers see every host that only a
            // pattern allows.
            (HostName::Below(domain), Some(Host::Domain(name))) => is_below(name, domain),
            _ => false,
        };
        is_port && is_host
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    let labels = name.strip_suffix(domain);
    let labels = labels.and_then(|labels| labels.strip_suffix('.'));
    labels.is_some_and(|labels| labels.split('.').all(|label| !label.is_empty()))
}

impl FromStr for HostPattern {
    type Err = InvalidHostPattern;

    fn from_str(text: &str) -> Result<Self, InvalidHostPattern> {
        let (host, port) = split_port(text)?;
        let (domain, is_wildcard) = match host.strip_prefix("*.") {
            Some(domain) => (domain, true),
            None => (host, false),
        };
        let parsed = Host::parse(domain).map_err(|_| InvalidHostPattern)?;
        let name = match (parsed, is_wildcard) {
            (Host::Domain(name), _) if !is_plain_domain(&name) => return Err(InvalidHostPattern),
            // All below a top-level domain is too much to be meant.
            (Host::Domain(name), true) if name.contains('.') => HostName::Below(name),
            (Host::Domain(name), false) => HostName::Exactly(Host::Domain(name)),
            // 127.1 and 0x7f000001 are addresses to a browser; here they are mistakes.
            (Host::Ipv4(address), false) if address.to_string() == domain => {
                HostName::Exactly(Host::Ipv4(address))
            }
            (Host::Ipv6(address), false) => HostName::Exactly(Host::Ipv6(address)),
            _ => return Err(InvalidHostPattern),
        };
        Ok(Self { name, port })
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), InvalidHostPattern> {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => match port.parse() {
            Ok(port) if port > 0 => Ok((host, Some(port))),
            _ => Err(InvalidHostPattern),
        },
        _ => Ok((text, None)),
    }
}

/// Labels of letters, digits, `-` and `_`, none empty, so no dot at the end either.
fn is_plain_domain(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    name.split('.')
        .all(|label| !label.is_empty() && label.bytes().all(is_fit))
}

#[cfg(test)]
mod tests;
