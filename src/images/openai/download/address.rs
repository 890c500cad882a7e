//! Which IP addresses are public: reachable by anybody, so that asking them gives away nothing
//! that only this machine or its network can see.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Not public, by IANA's registry of special IPv4 addresses
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry/>): first address and prefix.
const SPECIAL_IPV4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // "this network", RFC 791
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private, RFC 1918
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT, RFC 6598
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback, RFC 1122
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, clouds' metadata, RFC 3927
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private, RFC 1918
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments, RFC 6890
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation, RFC 5737
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays, RFC 7526
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private, RFC 1918
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks, RFC 2544
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation, RFC 5737
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation, RFC 5737
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast, RFC 5771
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, RFC 1112; broadcast, RFC 919
    // Public by its number, yet within Azure it is the host that the machine runs on
    // (<https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>).
    (Ipv4Addr::new(168, 63, 129, 16), 32),
];

/// The only block that public IPv6 addresses are given from (RFC 4291, 2.4). Outside of it are
/// loopback, unspecified, link-local, unique local and multicast addresses, and those that embed
/// an IPv4 address: mapped and compatible ones and NAT64's `64:ff9b::/96` (RFC 6052) and
/// `64:ff9b:1::/48` (RFC 8215).
const GLOBAL_IPV6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Not public within that block, by IANA's registry of special IPv6 addresses
/// (<https://www.iana.org/assignments/iana-ipv6-special-registry/>).
const SPECIAL_IPV6: [(Ipv6Addr, u32); 4] = [
    // Protocol assignments, RFC 2928: Teredo with an IPv4 address in it, benchmarks, ORCHID.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation, RFC 3849
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),     // 6to4, RFC 3056
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),     // documentation, RFC 9637
];

/// Whether anybody can reach this address. The standard library's `is_global` is not stable.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_IPV4
            .iter()
            .any(|block| is_within_ipv4(address, *block)),
        IpAddr::V6(address) => {
            let is_special = |block: &_| is_within_ipv6(address, *block);
            is_within_ipv6(address, GLOBAL_IPV6) && !SPECIAL_IPV6.iter().any(is_special)
        }
    }
}

fn is_within_ipv4(address: Ipv4Addr, (first, prefix): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ first.to_bits()).leading_zeros() >= prefix
}

fn is_within_ipv6(address: Ipv6Addr, (first, prefix): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ first.to_bits()).leading_zeros() >= prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_all(expected: bool, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn each_special_block_is_refused_to_its_ends() {
        assert_all(
            false,
            &[
                ["0.0.0.0", "0.255.255.255"],
                ["10.0.0.0", "10.255.255.255"],
                ["100.64.0.0", "100.127.255.255"],
                ["127.0.0.1", "127.255.255.255"],
                ["169.254.0.0", "169.254.169.254"],
                ["172.16.0.0", "172.31.255.255"],
                ["192.0.0.0", "192.0.0.192"],
                ["192.0.2.0", "192.0.2.255"],
                ["192.88.99.0", "192.88.99.255"],
                ["192.168.0.0", "192.168.255.255"],
                ["198.18.0.0", "198.19.255.255"],
                ["198.51.100.0", "198.51.100.255"],
                ["203.0.113.0", "203.0.113.255"],
                ["224.0.0.0", "239.255.255.255"],
                ["240.0.0.0", "255.255.255.255"],
                ["168.63.129.16", "100.100.100.200"],
            ]
            .concat(),
        );
    }

    #[test]
    fn the_neighbours_of_special_blocks_are_public() {
        assert_all(
            true,
            &[
                ["1.0.0.0", "9.255.255.255"],
                ["11.0.0.0", "100.63.255.255"],
                ["100.128.0.0", "126.255.255.255"],
                ["128.0.0.0", "169.253.255.255"],
                ["169.255.0.0", "172.15.255.255"],
                ["172.32.0.0", "191.255.255.255"],
                ["192.0.1.0", "192.0.3.0"],
                ["192.88.98.255", "192.88.100.0"],
                ["192.167.255.255", "192.169.0.0"],
                ["198.17.255.255", "198.20.0.0"],
                ["198.51.99.255", "198.51.101.0"],
                ["203.0.112.255", "203.0.114.0"],
                ["223.255.255.255", "20.60.0.1"],
                ["168.63.129.15", "168.63.129.17"],
            ]
            .concat(),
        );
    }

    #[test]
    fn ipv6_is_public_only_within_the_global_block() {
        assert_all(
            true,
            &[
                "2606:4700::6810:84e5",
                "2a01:111:f100::1",
                "2001:200::",
                "2001:db7:ffff::",
                "2001:db9::",
                "2003::",
                "3fff:1000::",
            ],
        );
        assert_all(
            false,
            &[
                "::",
                "::1",
                "fc00::1",
                "fd00:ec2::254", // Amazon's metadata
                "fe80::1",
                "fec0::1",
                "ff02::1",
                "100::1",
                "5f00::1",
                "4000::",
                "1fff:ffff::",
                "2001:1::1",
                "2001:2::1",
                "2001:20::1",
                "2001:1ff:ffff::",
                "2001:db8::1",
                "3fff::1",
                "3fff:fff:ffff::",
            ],
        );
    }

    /// Public or not: what they embed is reached by a way that nobody here controls.
    #[test]
    fn ipv6_that_embeds_ipv4_is_refused() {
        assert_all(
            false,
            &[
                "::ffff:127.0.0.1",
                "::ffff:10.0.0.1",
                "::ffff:8.8.8.8",
                "::ffff:0:127.0.0.1",
                "::127.0.0.1",
                "64:ff9b::169.254.169.254",
                "64:ff9b::8.8.8.8",
                "64:ff9b:1::10.0.0.1",
                "2002:7f00:1::",
                "2002:808:808::1",
                "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            ],
        );
    }
}
