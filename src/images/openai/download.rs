//! Fetches a picture that an answer names by address. The answer is data, not a command: only
//! hosts that are the upstream's or allowed are asked, at addresses that were checked, without
//! any credentials, through few redirects, up to a size.

mod address;
mod hosts;
mod resolver;

use crate::{
    images::memory::{MemoryShare, picture_buffer},
    openai::UpstreamError,
};
use bytes::Bytes;
use hosts::Reach;
use reqwest::header::LOCATION;
use resolver::{NoPublicAddress, PublicResolver};
use std::{error::Error, future::Future};
use tokio::time::Instant;
use url::Url;

pub use hosts::{DownloadHosts, HostPattern, InvalidHostPattern};

/// No image API gives more.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

const TOO_LARGE: &str = "a picture is larger than 64 MiB";

/// A blob host needs none; a server behind a gateway one or two.
const MAX_REDIRECTS: usize = 3;

/// The picture is paid for, so a passing fault is not the end.
const TRIES: u32 = 3;

/// No host name is longer (RFC 1035, 2.3.4).
const LONGEST_HOST: usize = 253;

/// Fetches pictures from the hosts that are allowed.
#[derive(Debug, Clone)]
pub struct Downloads {
    hosts: DownloadHosts,
    /// For hosts that the operator named.
    direct: reqwest::Client,
    /// For all others.
    guarded: reqwest::Client,
}

/// A picture on its way.
#[derive(Debug)]
pub(super) struct Download {
    /// How many bytes it says to have, at most 64 MiB.
    pub declared_length: Option<u64>,
    response: reqwest::Response,
    received: u64,
}

impl Downloads {
    /// Over `direct`, a client without default headers that follows no redirects, for hosts that
    /// the operator named; for all others a client made by `guarded`, which connects to public
    /// addresses alone, and through no proxy, since a proxy would resolve the name once more.
    ///
    /// # Errors
    /// Why that client cannot be made.
    pub fn new(
        hosts: DownloadHosts,
        direct: reqwest::Client,
        guarded: reqwest::ClientBuilder,
    ) -> Result<Self, reqwest::Error> {
        Self::with_resolver(hosts, direct, guarded, PublicResolver::system())
    }

    fn with_resolver(
        hosts: DownloadHosts,
        direct: reqwest::Client,
        guarded: reqwest::ClientBuilder,
        resolver: PublicResolver,
    ) -> Result<Self, reqwest::Error> {
        let guarded = guarded
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(resolver)
            .build()?;
        Ok(Self {
            hosts,
            direct,
            guarded,
        })
    }

    /// The whole picture at `address`, within a request's memory, asked for again after a passing
    /// fault. All of it must be over at `deadline`, which moves by the time that the host waits
    /// for our memory.
    ///
    /// # Errors
    /// [`UpstreamError::Malformed`] for an address that is not allowed, or what went wrong with it.
    pub(super) async fn fetch(
        &self,
        address: &str,
        memory: &MemoryShare,
        mut deadline: Instant,
    ) -> Result<Bytes, UpstreamError> {
        let mut tried = 1;
        loop {
            match self.fetch_once(address, memory, &mut deadline).await {
                Err(error) if is_passing(&error) && tried < TRIES => tried += 1,
                other => return other,
            }
        }
    }

    async fn fetch_once(
        &self,
        address: &str,
        memory: &MemoryShare,
        deadline: &mut Instant,
    ) -> Result<Bytes, UpstreamError> {
        let mut download = before(*deadline, self.open(address)).await?;
        let declared = download.declared_length;
        let declared = declared.and_then(|length| usize::try_from(length).ok());
        let mut reservation = pause(deadline, memory.reserve(declared)).await;
        let mut picture = picture_buffer(reservation.bytes());
        while let Some(chunk) = before(*deadline, download.next_chunk()).await? {
            pause(deadline, reservation.ensure(picture.len() + chunk.len())).await;
            picture.extend_from_slice(&chunk);
        }
        Ok(reservation.hold(picture))
    }

    /// Asks for the picture at `address`; every redirect is held to the same rules.
    ///
    /// # Errors
    /// As [`Downloads::fetch`].
    pub(super) async fn open(&self, address: &str) -> Result<Download, UpstreamError> {
        let parsed = Url::parse(address);
        let mut url = parsed.map_err(|_| malformed("a picture's address is no URL"))?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.ask(&url).await?;
            match response.status().as_u16() {
                200 => return Download::of(response),
                301 | 302 | 303 | 307 | 308 => url = redirect_target(&url, &response)?,
                status @ 500.. => {
                    return Err(UpstreamError::ServerFault {
                        status,
                        retry_after: None,
                    });
                }
                _ => return Err(malformed("a picture's address does not open")),
            }
        }
        Err(malformed(
            "a picture's address is redirected more than three times",
        ))
    }

    async fn ask(&self, url: &Url) -> Result<reqwest::Response, UpstreamError> {
        let client = match self.hosts.reach(url) {
            Ok(Reach::Anywhere) => &self.direct,
            Ok(Reach::PublicOnly) => &self.guarded,
            Err(reason) => return Err(refused(url, reason)),
        };
        let sent = client.get(url.clone()).send().await;
        sent.map_err(|error| match has_no_public_address(&error) {
            true => refused(url, "a picture's host has no public address"),
            false => UpstreamError::Unreachable(error.without_url()),
        })
    }
}

impl Download {
    fn of(response: reqwest::Response) -> Result<Self, UpstreamError> {
        let declared_length = response.content_length();
        if declared_length.is_some_and(|length| length > MAX_BYTES) {
            return Err(malformed(TOO_LARGE));
        }
        Ok(Self {
            declared_length,
            response,
            received: 0,
        })
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`UpstreamError::Broken`], or [`UpstreamError::Malformed`] when it becomes too large.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        let chunk = self.response.chunk().await;
        let chunk = chunk.map_err(|error| UpstreamError::Broken(error.without_url()))?;
        self.received += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        match self.received > MAX_BYTES {
            true => Err(malformed(TOO_LARGE)),
            false => Ok(chunk),
        }
    }
}

async fn before<T>(
    deadline: Instant,
    step: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, UpstreamError> {
    let step = tokio::time::timeout_at(deadline, step).await;
    step.unwrap_or(Err(UpstreamError::TimedOut))
}

/// Waits for something of ours, which is not held against the host.
async fn pause<T>(deadline: &mut Instant, wait: impl Future<Output = T>) -> T {
    let paused_at = Instant::now();
    let waited = wait.await;
    *deadline += paused_at.elapsed();
    waited
}

fn redirect_target(from: &Url, response: &reqwest::Response) -> Result<Url, UpstreamError> {
    let location = response.headers().get(LOCATION);
    let location = location.and_then(|location| location.to_str().ok());
    location
        .and_then(|location| from.join(location).ok())
        .ok_or(malformed("a picture's address is redirected to no URL"))
}

/// The error has no place for the host, and an operator who wants to allow it needs its name. The
/// rest of the address stays out of the log: it may hold a signature.
fn refused(url: &Url, reason: &'static str) -> UpstreamError {
    let host = url.host_str().unwrap_or("none");
    let host = host.get(..LONGEST_HOST).unwrap_or(host);
    tracing::warn!(host, reason, "a picture is not fetched");
    malformed(reason)
}

fn malformed(reason: &'static str) -> UpstreamError {
    UpstreamError::Malformed { reason }
}

fn is_passing(error: &UpstreamError) -> bool {
    matches!(
        error,
        UpstreamError::Unreachable(_)
            | UpstreamError::Broken(_)
            | UpstreamError::ServerFault { .. }
    )
}

fn has_no_public_address(error: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |cause| Error::source(*cause));
    causes.any(|cause| cause.is::<NoPublicAddress>())
}

#[cfg(test)]
mod tests;
