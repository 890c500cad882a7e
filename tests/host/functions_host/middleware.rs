//! ASP.NET middleware of the host that edits a request before routing.

use std::net::IpAddr;

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
}
