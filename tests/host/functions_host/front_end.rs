//! The platform's front ends, and the headers they add before the host gets a request.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::message::Headers;

/// A test sends the caller's `address:port` in this header. The front end removes it.
pub const CALLER_ADDRESS: &str = "x-double-caller-address";

/// The caller's address where a test names none.
const SOME_CALLER: &str = "192.0.2.1:50000";

/// The proxy between callers and the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrontEnd {
    /// Callers connect to the host itself.
    None,
    /// Those of App Service, which Flex Consumption has too.
    AppService,
    /// The ingress of Container Apps.
    ContainerApps,
    /// A proxy that passes everything on as the caller wrote it.
    PassThrough,
}

impl FrontEnd {
    /// The address that the host's connections come from.
    pub fn peer(self) -> IpAddr {
        match self {
            Self::None => Ipv4Addr::LOCALHOST.into(),
            Self::AppService => Ipv4Addr::new(169, 254, 130, 1).into(),
            Self::ContainerApps => Ipv4Addr::new(100, 100, 0, 27).into(),
            Self::PassThrough => Ipv4Addr::new(10, 0, 0, 4).into(),
        }
    }

    /// Edits a request's headers on their way to the host.
    pub fn pass(self, headers: &mut Headers) {
        let caller = headers
            .get(CALLER_ADDRESS)
            .unwrap_or(SOME_CALLER)
            .to_owned();
        headers.remove(CALLER_ADDRESS);
        match self {
            Self::None | Self::PassThrough => {}
            Self::AppService => {
                append_hop(headers, &caller);
                headers.set("CLIENT-IP", &caller);
                headers.set("X-Forwarded-Proto", "https");
                headers.set("X-ARR-LOG-ID", &uuid::Uuid::new_v4().to_string());
                let host = headers.get("host").unwrap_or_default().to_owned();
                headers.set("DISGUISED-HOST", &host);
            }
            Self::ContainerApps => {
                append_hop(headers, &without_port(&caller));
                headers.set("X-Forwarded-Proto", "https");
            }
        }
    }
}

fn append_hop(headers: &mut Headers, hop: &str) {
    let mut hops = headers.list("x-forwarded-for");
    hops.push(hop.to_owned());
    headers.set("X-Forwarded-For", &hops.join(", "));
}

fn without_port(address: &str) -> String {
    let parsed = address.parse::<SocketAddr>();
    parsed.map_or_else(|_| address.to_owned(), |address| address.ip().to_string())
}
