//! The name under which the names of an address stand (RFC 1035 §3.5, RFC 3596 §2.5).

use std::net::IpAddr;

use super::Name;

impl Name {
    /// The name whose PTR record names `address`.
    #[must_use]
    pub fn reverse(address: IpAddr) -> Self {
        let (numbers, tree): (Vec<String>, [&str; 2]) = match address {
            IpAddr::V4(v4) => (v4.octets().iter().rev().map(u8::to_string).collect(), ["in-addr", "arpa"]),
            IpAddr::V6(v6) => {
                let bits = u128::from(v6);
                ((0..32).map(|nth| format!("{:x}", bits >> (4 * nth) & 15)).collect(), ["ip6", "arpa"])
            }
        };
        let mut wire = Vec::with_capacity(74);
        for label in numbers.iter().map(String::as_str).chain(tree).chain([""]) {
            wire.push(label.len().to_le_bytes()[0]);
            wire.extend_from_slice(label.as_bytes());
        }
        Self::from_checked(wire.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 1035 §3.5 and RFC 3596 §2.5, and the longest of each kind.
    #[test]
    fn an_address_is_read_backwards() {
        let nibbles = "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa";
        let longest = "f.".repeat(32) + "ip6.arpa";
        for (address, name) in [
            ("10.2.0.52", "52.0.2.10.in-addr.arpa"),
            ("255.255.255.255", "255.255.255.255.in-addr.arpa"),
            ("4321:0:1:2:3:4:567:89ab", nibbles),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &longest),
        ] {
            assert_eq!(Ok(Name::reverse(address.parse().unwrap())), name.parse(), "{address}");
        }
    }
}
