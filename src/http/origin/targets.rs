//! Where the proxy goes and where it does not: judged on the address that is about to be connected to.
//!
//! A proxy stands inside of a network, and whoever makes it ask for a page sees with its eyes: services of this
//! machine, of its neighbours, the metadata of a cloud (SSRF). A name proves nothing, since its owner decides what it
//! points to. So each address is judged after it was resolved, and the connection goes to that very address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

use crate::wire::translator;

/// Why an address is not connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Prohibited(pub(in crate::http) &'static str);

impl std::fmt::Display for Prohibited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; proxy.allow lists exceptions", self.0)
    }
}

/// Whether the proxy may connect to `address`; `listed` are the exceptions, `behind` is the prefix of the translator to
/// IPv4 in this network.
pub(in crate::http) fn judge(address: IpAddr, listed: &[IpNet], behind: Option<Ipv6Net>) -> Result<(), Prohibited> {
    let address = address.to_canonical();
    // Whatever the prefix is, the connection goes to the address behind it.
    let reached = match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => behind.and_then(|prefix| translator::extract(prefix, v6)).map_or(address, IpAddr::V4),
    };
    if listed.iter().any(|net| net.contains(&address) || net.contains(&reached)) {
        return Ok(());
    }
    let what = match reached {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    };
    what.map_or(Ok(()), |what| Err(Prohibited(what)))
}

/// What is not out there: the registries of RFC 6890, as far as they say "not globally reachable".
fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("an address of this host"),
        [127, ..] => Some("a loopback address"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("a private address"),
        [100, 64..=127, ..] => Some("an address behind a carrier's NAT"),
        // 169.254.169.254 and its neighbours tell a machine in a cloud its secrets.
        [169, 254, ..] => Some("a link-local or metadata address"),
        [192, 0, 0, _] => Some("an address of a protocol"),
        // RFC 7526: whoever is nearest took it, and nobody should any more.
        [192, 88, 99, _] => Some("an address of a former relay"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("an address of documentation"),
        [198, 18..=19, ..] => Some("an address of benchmarks"),
        [224..=239, ..] => Some("a multicast address"),
        [240..=255, ..] => Some("a reserved address"),
        _ => None,
    }
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = |high: u16, low: u16| special_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match a {
        0 if address.is_loopback() => Some("a loopback address"),
        // The deprecated ::192.0.2.1 and everything else down there.
        0 => Some("an unspecified or reserved address"),
        // RFC 6052 and RFC 3056: an IPv4 address in disguise.
        0x64 if (b, c, d, e, f) == (0xff9b, 0, 0, 0, 0) => embedded(g, h),
        0x64 if b == 0xff9b => Some("an address of a local translator"),
        0x2002 => embedded(b, c),
        0x2001 if b == 0 => Some("a Teredo address"),
        0x2001 if (b, c) == (2, 0) => Some("an address of benchmarks"),
        // RFC 4843 and RFC 7343: the hash of a key, which is no place.
        0x2001 if matches!(b, 0x10..=0x2f) => Some("an address that leads nowhere"),
        0x2001 if b == 0xdb8 => Some("an address of documentation"),
        0x3fff if b < 0x1000 => Some("an address of documentation"),
        // RFC 6666 and RFC 9780.
        0x100 if (b, c) == (0, 0) && d <= 1 => Some("a discarded address"),
        // RFC 9602.
        0x5f00 => Some("an address of segment routing"),
        0xfc00..=0xfdff | 0xfec0..=0xfeff => Some("a private address"),
        0xfe80..=0xfebf => Some("a link-local address"),
        0xff00.. => Some("a multicast address"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(address: &str) -> Option<&'static str> {
        judge(address.parse().unwrap(), &[], None).err().map(|prohibited| prohibited.0)
    }

    #[test]
    fn what_is_near_is_refused_in_every_disguise() {
        for near in [
            "127.0.0.1",
            "127.53.80.10",
            "0.0.0.0",
            "10.0.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "100:0:0:1::1",
            "192.88.99.1",
            "2001:2::1",
            "2001:20::1",
            "3fff:fff::1",
            "5f00::1",
        ] {
            assert!(what(near).is_some(), "{near}");
        }
    }

    #[test]
    fn what_is_out_there_is_not() {
        for far in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "192.1.0.1",
            "2606:4700::1111",
            "2002:101:101::1",
            "64:ff9b::101:101",
            "2001:500:9f::42",
            "2001:4:112::1",
            "3fff:1000::1",
        ] {
            assert_eq!(what(far), None, "{far}");
        }
    }

    /// RFC 6052 §3.3: a network may have a prefix of its own, of any kind.
    #[test]
    fn behind_a_translator_the_ipv4_address_counts() {
        let net = |prefix: &str| Some(prefix.parse().unwrap());
        for (prefix, near, listed, far) in [
            ("2606:4700:64::/96", "2606:4700:64::a9fe:a9fe", "169.254.169.254/32", "2606:4700:64::101:101"),
            ("fd00:64::/48", "fd00:64:0:7f00:0:100::", "127.0.0.0/8", "fd00:64:0:101:1:100::"),
        ] {
            assert!(judge(near.parse().unwrap(), &[], net(prefix)).is_err(), "{near}");
            assert_eq!(judge(far.parse().unwrap(), &[], net(prefix)), Ok(()), "{far}");
            assert!(judge("::1".parse().unwrap(), &[], net(prefix)).is_err());
            for exception in [listed, prefix] {
                let listed = [exception.parse().unwrap()];
                assert_eq!(judge(near.parse().unwrap(), &listed, net(prefix)), Ok(()), "{near}, {exception} is listed");
            }
        }
    }

    #[test]
    fn the_list_makes_exceptions_for_what_is_really_connected_to() {
        let listed = ["127.53.0.0/16".parse().unwrap()];
        assert_eq!(judge("127.53.80.10".parse().unwrap(), &listed, None), Ok(()));
        assert_eq!(judge("::ffff:127.53.80.10".parse().unwrap(), &listed, None), Ok(()));
        assert!(judge("127.54.0.1".parse().unwrap(), &listed, None).is_err());
    }
}
