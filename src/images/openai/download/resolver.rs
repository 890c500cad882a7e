//! Resolves names to public addresses alone. The HTTP client connects to what its resolver
//! returns and asks nobody else, so the address that was checked is the one that is connected to.

use super::address::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// The addresses of another resolver that are public.
pub(super) struct PublicResolver {
    names: Arc<dyn Resolve>,
    accepts: fn(IpAddr) -> bool,
}

/// A name that has no address which may be asked.
#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
pub(super) struct NoPublicAddress;

/// The machine's own resolver.
struct SystemResolver;

impl PublicResolver {
    /// Over the machine's own resolver.
    pub fn system() -> Self {
        Self {
            names: Arc::new(SystemResolver),
            accepts: is_public,
        }
    }

    /// Over names that a test makes up, where `accepts` says what is public.
    #[cfg(test)]
    pub fn over(names: Arc<dyn Resolve>, accepts: fn(IpAddr) -> bool) -> Self {
        Self { names, accepts }
    }
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.names.resolve(name);
        let accepts = self.accepts;
        Box::pin(async move {
            let addresses = found.await?.filter(|address| accepts(address.ip()));
            let addresses: Vec<SocketAddr> = addresses.collect();
            if addresses.is_empty() {
                return Err(NoPublicAddress.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let any_port = 0; // the client puts in its own
            let addresses = tokio::net::lookup_host((name.as_str(), any_port)).await?;
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}
