//! Networks that defaults are made of.

use ipnet::IpNet;

/// Where a name on the Internet cannot honestly lead (RFC 6890): this network and machine, private, shared and
/// link-local networks.
pub(super) fn private_nets() -> Vec<IpNet> {
    let four = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16";
    [nets(four), nets("::/128 ::1/128 fc00::/7 fe80::/10")].concat()
}

/// The form in which IPv6 sockets show addresses of IPv4 (RFC 4291 §2.5.5.2).
pub(super) fn mapped_net() -> Vec<IpNet> {
    nets("::ffff:0:0/96")
}

/// This machine.
pub(super) fn loopback_nets() -> Vec<IpNet> {
    nets("127.0.0.0/8 ::1/128")
}

fn nets(texts: &str) -> Vec<IpNet> {
    texts.split(' ').filter_map(|text| text.parse().ok()).collect()
}
