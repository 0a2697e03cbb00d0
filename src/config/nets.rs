//! Networks that defaults are made of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Where a name on the Internet cannot honestly lead (RFC 6890): this network and machine, private, shared and
/// link-local networks.
pub(super) fn private_nets() -> Vec<IpNet> {
    let four = [(0, 0, 8), (10, 0, 8), (100, 64, 10), (127, 0, 8), (169, 254, 16), (172, 16, 12), (192, 168, 16)];
    let four = four.map(|(first, second, bits)| (Ipv4Addr::new(first, second, 0, 0).into(), bits));
    let six = [(Ipv6Addr::UNSPECIFIED, 128), (Ipv6Addr::LOCALHOST, 128)]
        .into_iter()
        .chain([(0xfc00, 7), (0xfe80, 10)].map(|(first, bits)| (Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0), bits)));
    let nets = four.into_iter().chain(six.map(|(address, bits)| (IpAddr::from(address), bits)));
    nets.filter_map(|(address, bits)| IpNet::new(address, bits).ok()).collect()
}

/// The form in which IPv6 sockets show addresses of IPv4 (RFC 4291 §2.5.5.2).
pub(super) fn mapped_net() -> Vec<IpNet> {
    IpNet::new(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().into(), 96).into_iter().collect()
}

/// This machine.
pub(super) fn loopback_nets() -> Vec<IpNet> {
    let nets = [(Ipv4Addr::new(127, 0, 0, 0).into(), 8), (IpAddr::from(Ipv6Addr::LOCALHOST), 128)];
    nets.into_iter().filter_map(|(address, bits)| IpNet::new(address, bits).ok()).collect()
}
