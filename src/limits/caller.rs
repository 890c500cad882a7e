//! Whom a limit counts: a network address, since nothing else of a request costs strangers
//! anything to change.

use std::net::IpAddr;

/// Whoever calls, as limits tell callers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Has shown the service's own key: most likely a server with many users behind one address,
    /// whose shares are its own business. Counts for the process and the day alone.
    KeyHolder,
    /// An IPv4 address.
    V4([u8; 4]),
    /// The first half of an IPv6 address: the other half is the subscriber's own to choose.
    V6([u8; 8]),
    /// Nobody knows; all of these are one caller.
    Unknown,
}

impl Caller {
    /// The caller at an address. An IPv4 address in IPv6 clothes is the same as without.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_subscriber_are_one_caller() {
        let at = |text: &str| Caller::at(text.parse().unwrap());
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff:1:2:3"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_eq!(at("::ffff:203.0.113.7"), at("203.0.113.7"));
        assert_ne!(at("203.0.113.7"), at("203.0.113.8"));
    }
}
