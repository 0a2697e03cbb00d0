//! IPv4 addresses inside of IPv6 addresses, as translators read them (RFC 6052 §2).

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

use super::{Ede, Name, Question, Rdatas, RecordType, RrSet, ede};

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

/// The question about the name of the IPv4 address inside, when this one is about that of a made address (RFC 6147
/// §5.3.1).
#[must_use]
pub fn inner(prefix: Ipv6Net, question: &Question) -> Option<Question> {
    let made = (question.qtype == RecordType::PTR).then(|| reversed(&question.name))??;
    let name = Name::reverse(extract(prefix, made)?.into());
    Some(Question { name, ..question.clone() })
}

/// Makes what was found of the inner name the answer about `name`, and says so: whoever asks knows nothing of the
/// other name, whose signatures and denials are of no use to him.
#[must_use]
pub fn outer(prefix: Ipv6Net, name: &Name, answer: &mut Vec<RrSet>, authority: &mut Vec<RrSet>) -> Ede {
    // An alias on the way (RFC 2317) is left out, and what was found by it lives no longer.
    let most_secs = answer.iter().map(|set| set.ttl_secs).min().unwrap_or(u32::MAX);
    let found = answer.pop().filter(|set| set.rtype == RecordType::PTR);
    // A denial without SOA record is not kept (RFC 2308 §5): that of the other name says for how long this one may be.
    let soa = authority.drain(..).find(|set| set.rtype == RecordType::SOA && found.is_none());
    let least = move |set: &RrSet| set.ttl_secs.min(most_secs);
    let made = |owner: Name| move |set: RrSet| RrSet { owner, ttl_secs: least(&set), sigs: Rdatas::default(), ..set };
    *authority = soa.map(made(name.suffix(labels(prefix)))).into_iter().collect();
    *answer = found.map(made(name.clone())).into_iter().collect();
    Ede::new(ede::SYNTHESIZED, "made of the name of the IPv4 address inside (DNS64)")
}

/// Whether `name` exists because those of the addresses of `prefix` do: it is one of them, or above or below one.
#[must_use]
pub fn is_about(prefix: Ipv6Net, name: &Name) -> bool {
    let zone = Name::reverse(prefix.network().into()).suffix(labels(prefix));
    name.is_within(&zone) || zone.is_within(name)
}

/// How many labels the reverse name of the prefix has: a nibble is a label, and two more are those of the tree.
fn labels(prefix: Ipv6Net) -> usize {
    usize::from(prefix.prefix_len() / 4) + 2
}

/// The address whose reverse name this is (RFC 3596 §2.5).
fn reversed(name: &Name) -> Option<Ipv6Addr> {
    let labels: Vec<&[u8]> = name.labels().collect();
    let (nibbles, tail) = labels.split_at_checked(32)?;
    if tail.len() != 2 || !tail[0].eq_ignore_ascii_case(b"ip6") || !tail[1].eq_ignore_ascii_case(b"arpa") {
        return None;
    }
    let mut bits = 0_u128;
    for label in nibbles.iter().rev() {
        let [digit] = label else { return None };
        bits = bits << 4 | u128::from(char::from(*digit).to_digit(16)?);
    }
    Some(bits.into())
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
