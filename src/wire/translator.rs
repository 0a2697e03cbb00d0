//! IPv4 addresses inside of IPv6 addresses, as translators read them (RFC 6052 §2).

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

/// The lengths that the prefix of a translator may have (RFC 6052 §2.2).
pub const LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];

/// The prefix of all translators (RFC 6052 §2.1).
pub const WELL_KNOWN: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// The IPv6 address of `prefix` for an IPv4 address.
#[must_use]
pub fn embed(prefix: Ipv6Net, v4: Ipv4Addr) -> Option<Ipv6Addr> {
    let mut octets = prefix.network().octets();
    for (place, octet) in places(prefix).into_iter().zip(v4.octets()) {
        *octets.get_mut(place)? = octet;
    }
    Some(octets.into())
}

/// The IPv4 address inside an IPv6 address of `prefix`.
#[must_use]
pub fn extract(prefix: Ipv6Net, v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = v6.octets();
    let inner = || places(prefix).map(|place| octets.get(place).copied().unwrap_or_default());
    prefix.contains(&v6).then(|| Ipv4Addr::from(inner()))
}

/// The places of the four octets (RFC 6052 §2.2): after the prefix, the ninth octet left out.
fn places(prefix: Ipv6Net) -> [usize; 4] {
    let first = usize::from(prefix.prefix_len() / 8);
    [0, 1, 2, 3].map(|nth| if first <= 8 && first + nth >= 8 { first + nth + 1 } else { first + nth })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6052 §2.4.
    #[test]
    fn addresses_are_put_where_the_rfc_puts_them() {
        let rows = [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
        ];
        let inner = Ipv4Addr::new(192, 0, 2, 33);
        for (prefix, made) in rows {
            let (prefix, made) = (prefix.parse().expect("a net"), made.parse().expect("an address"));
            assert_eq!(embed(prefix, inner), Some(made), "{prefix}");
            assert_eq!(extract(prefix, made), Some(inner), "{prefix}");
            assert_eq!(extract(prefix, Ipv6Addr::LOCALHOST), None, "{prefix}");
        }
    }
}
