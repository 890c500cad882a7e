//! ASP.NET middleware of the host that edits a request before routing.

use std::net::{IpAddr, SocketAddr};

use super::message::Headers;

/// Where the host runs, which decides which headers it trusts for scheme and host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosting {
    /// Core Tools, a container, Container Apps.
    Elsewhere,
    /// App Service on Linux and Flex Consumption: `X-Forwarded-Proto` names the scheme, and
    /// `DISGUISED-HOST` the host.
    AzureLinux,
}

/// Peer and scheme of a request as functions see them.
pub struct Origin {
    pub peer: IpAddr,
    pub scheme: String,
}

impl Origin {
    pub fn of_peer(peer: IpAddr) -> Self {
        Self {
            peer,
            scheme: "http".to_owned(),
        }
    }

    /// `ASPNETCORE_FORWARDEDHEADERS_ENABLED=true`: the last hop becomes the peer, its scheme the
    /// scheme, and both are taken out of their headers.
    pub fn take_forwarded_headers(&mut self, headers: &mut Headers) {
        let mut hops = headers.list("x-forwarded-for");
        let peer = match hops.pop() {
            Some(hop) => match parse_hop(&hop) {
                Some(peer) => Some(peer),
                // An invalid address stops the middleware.
                None => return,
            },
            None => None,
        };
        let mut schemes = headers.list("x-forwarded-proto");
        let scheme = schemes.pop().filter(|scheme| is_scheme(scheme));
        // ASP.NET keeps the original peer. The port is invented.
        if peer.is_some() || scheme.is_some() {
            headers.set(
                "X-Original-For",
                &SocketAddr::new(self.peer, 443).to_string(),
            );
        }
        if let Some(scheme) = scheme {
            headers.set("X-Original-Proto", &self.scheme);
            replace_list(headers, "X-Forwarded-Proto", &schemes);
            self.scheme = scheme;
        }
        if let Some(peer) = peer {
            replace_list(headers, "X-Forwarded-For", &hops);
            self.peer = peer;
        }
    }

    /// The header fix-up of [`Hosting::AzureLinux`].
    pub fn fix_up(&mut self, headers: &mut Headers) {
        if let Some(host) = headers.get("disguised-host").map(str::to_owned) {
            headers.set("Host", &host);
        }
        let schemes: Vec<&str> = headers.all("x-forwarded-proto").collect();
        if !schemes.is_empty() {
            self.scheme = schemes.join(",");
        }
    }
}

fn parse_hop(hop: &str) -> Option<IpAddr> {
    let with_port = hop.parse::<SocketAddr>().map(|address| address.ip());
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    with_port
        .or_else(|_| bare.parse())
        .ok()
        .map(|address| address.to_canonical())
}

fn is_scheme(scheme: &str) -> bool {
    scheme
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn replace_list(headers: &mut Headers, name: &str, values: &[String]) {
    headers.remove(name);
    if !values.is_empty() {
        headers.append(name, &values.join(", "));
    }
}

#[test]
fn the_last_hop_becomes_the_peer_and_leaves_the_list() {
    let cases = [
        (
            Some("203.0.113.5:1234, 198.51.100.9:555"),
            "198.51.100.9",
            Some("203.0.113.5:1234"),
        ),
        (Some("[2001:db8::1]:4711"), "2001:db8::1", None),
        (Some("2001:db8::1"), "2001:db8::1", None),
        (Some("a, unknown"), "10.0.0.4", Some("a, unknown")),
        (None, "10.0.0.4", None),
    ];
    for (given, peer, left) in cases {
        let mut headers = Headers::default();
        given
            .iter()
            .for_each(|hops| headers.append("x-forwarded-for", hops));
        let mut origin = Origin::of_peer([10, 0, 0, 4].into());
        origin.take_forwarded_headers(&mut headers);
        assert_eq!(origin.peer.to_string(), peer, "{given:?}");
        assert_eq!(headers.get("x-forwarded-for"), left, "{given:?}");
    }
}
