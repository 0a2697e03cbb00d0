//! Rebinding protection: a name on the Internet must not lead into a private network.
//!
//! A page from an attacker's server may talk to its own origin; when the name of that origin suddenly has the
//! address of a router or of this machine, the page talks to those. So such addresses are kept from clients. It is
//! done at the very end of a walk: what the caches hold stays what was heard.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

use crate::trace::{Event, Few};
use crate::wire::text::type_name;
use crate::wire::{Ede, Name, Rdatas, RecordType, RrSet, address, ede, svcb, translator};

use super::outcome::Outcome;
use super::{CLIENT, Turn, Walk};

/// Addresses that names on the Internet must not have.
#[derive(Clone, Debug, Default)]
pub struct Private {
    /// The networks.
    pub nets: Vec<IpNet>,
    /// The names that may lead there, with all below them.
    pub domains: Vec<Name>,
    /// The prefix of the operator's translator: what is behind it may be such a network.
    pub translator: Option<Ipv6Net>,
}

impl Private {
    /// Takes the records that lead into a private network out of `set`; returns what is left, and the addresses
    /// that those records had.
    #[must_use]
    pub fn split(&self, set: &RrSet) -> (Rdatas, Vec<IpAddr>) {
        let mut private = Vec::new();
        let mut lawful = |rdata: &&[u8]| {
            let known = private.len();
            private.extend(addresses(set.rtype, rdata).into_iter().filter(|addr| self.lists(*addr)));
            private.len() == known
        };
        let left = set.rdatas.iter().filter(|rdata| lawful(rdata)).collect();
        (left, private)
    }

    /// Whether the set may have any address.
    fn ignores(&self, set: &RrSet) -> bool {
        let typed = [RecordType::A, RecordType::AAAA, RecordType::HTTPS, RecordType::SVCB].contains(&set.rtype);
        !typed || self.nets.is_empty() || self.domains.iter().any(|domain| set.owner.is_within(domain))
    }

    fn lists(&self, addr: IpAddr) -> bool {
        let inner = match addr {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => {
                let mut prefixes = [Some(translator::WELL_KNOWN), self.translator].into_iter().flatten();
                let behind = || prefixes.find_map(|prefix| translator::extract(prefix, v6));
                // A mapped one is an IPv4 address as well (RFC 4291 §2.5.5.2).
                v6.to_ipv4_mapped().or_else(behind).map(IpAddr::V4)
            }
        };
        self.nets.iter().any(|net| net.contains(&addr) || inner.is_some_and(|inner| net.contains(&inner)))
    }
}

/// What was kept from a client.
pub(super) struct Withheld {
    owner: Name,
    rtype: RecordType,
    addrs: Vec<IpAddr>,
}

impl Private {
    /// Takes private addresses out of an answer and adds the sentence that says so.
    pub(super) fn withhold(&self, outcome: &mut Outcome) -> Vec<Withheld> {
        let mut withheld = Vec::new();
        for set in outcome.answer.iter_mut().filter(|set| !self.ignores(set)) {
            let (left, addrs) = self.split(set);
            if addrs.is_empty() {
                continue;
            }
            let (owner, rtype, some) = (set.owner.clone(), set.rtype, Few(&addrs, 1));
            let why = format!(
                "{owner} {}: {some} withheld, a private address (resolver.private_addresses)",
                type_name(rtype)
            );
            outcome.notes.push(Ede::new(ede::FILTERED, why));
            outcome.secure = false;
            withheld.push(Withheld { owner, rtype, addrs });
            // The signatures are over the whole set, and prove nothing of what is left.
            (set.rdatas, set.sigs) = (left, Rdatas::default());
        }
        outcome.answer.retain(|set| !set.rdatas.is_empty());
        withheld
    }
}

impl Walk {
    /// Keeps private addresses from the client, and says so.
    pub(super) fn withhold_private(&mut self, outcome: &mut Outcome, turn: &Turn<'_, '_>) {
        for Withheld { owner, rtype, addrs } in turn.around.settings.private.withhold(outcome) {
            self.note(turn, CLIENT, Event::Withheld { owner, rtype, addrs });
        }
    }
}

/// The addresses in one record: A and AAAA have one, HTTPS and SVCB give hints (RFC 9460 §7.3).
fn addresses(rtype: RecordType, rdata: &[u8]) -> Vec<IpAddr> {
    match rtype {
        RecordType::HTTPS | RecordType::SVCB => svcb::addresses(rdata).collect(),
        _ => address(rtype, rdata).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn private() -> Private {
        let nets = ["10.0.0.0/8", "127.0.0.0/8", "fe80::/10"].map(|net| net.parse().expect("a net"));
        let translator = Some("2001:db8:64::/64".parse().expect("a prefix"));
        Private { nets: nets.into(), domains: vec!["lan.example".parse().expect("a name")], translator }
    }

    fn set(name: &str, rtype: RecordType, rdatas: &[&[u8]]) -> RrSet {
        RrSet::new(name.parse().expect("a name"), rtype, 60, rdatas.iter().copied())
    }

    #[test]
    fn only_listed_addresses_are_taken_out() {
        let mixed = set("www.example", RecordType::A, &[&[10, 1, 2, 3], &[192, 0, 2, 1], &[127, 0, 0, 1]]);
        let (left, gone) = private().split(&mixed);
        assert_eq!(left.iter().collect::<Vec<_>>(), [&[192, 0, 2, 1]]);
        assert_eq!(gone, ["10.1.2.3", "127.0.0.1"].map(|addr| addr.parse::<IpAddr>().expect("an address")));
        assert!(!private().ignores(&mixed));
        assert!(private().ignores(&set("lan.example", RecordType::A, &[&[10, 1, 2, 3]])));
        assert!(private().ignores(&set("a.LAN.example", RecordType::A, &[&[10, 1, 2, 3]])));
        assert!(!private().ignores(&set("xlan.example", RecordType::A, &[&[10, 1, 2, 3]])));
        assert!(private().ignores(&set("www.example", RecordType::TXT, &[&[4, 10, 1, 2, 3]])));
        for rtype in [RecordType::AAAA, RecordType::HTTPS, RecordType::SVCB] {
            assert!(!private().ignores(&set("www.example", rtype, &[])), "{rtype}");
        }
    }

    #[test]
    fn ipv4_inside_of_ipv6_counts() {
        for (addr, listed) in [
            ("::ffff:10.0.0.1", true),
            ("64:ff9b::127.0.0.1", true),
            ("64:ff9b::192.0.2.1", false),
            ("2001:db8::a00:1", false),
            // RFC 6052 §2.2: the translator of this network.
            ("2001:db8:64:0:a:0:100::", true),
            ("2001:db8:64:0:c0:2:100::", false),
            ("fe80::1", true),
        ] {
            assert_eq!(private().lists(addr.parse().expect("an address")), listed, "{addr}");
        }
    }

    #[test]
    fn hints_of_services_count() {
        // 1 . alpn=h2 ipv4hint=192.0.2.1,10.0.0.1 ipv6hint=fe80::1
        let mut rdata = b"\0\x01\x03svc\0\0\x01\0\x03\x02h2\0\x04\0\x08\xc0\0\x02\x01\x0a\0\0\x01\0\x06\0\x10".to_vec();
        rdata.extend("fe80::1".parse::<Ipv6Addr>().expect("an address").octets());
        let (left, gone) = private().split(&set("www.example", RecordType::HTTPS, &[&rdata]));
        assert!(left.is_empty());
        assert_eq!(gone, ["10.0.0.1", "fe80::1"].map(|addr| addr.parse::<IpAddr>().expect("an address")));
    }

    /// What is left is not what was signed (RFC 4035 §3.2.3); an answer of which nothing is taken stays as it is.
    #[test]
    fn what_something_was_taken_out_of_is_proved_no_more() {
        for (rdatas, left, withheld) in
            [(&[&[192, 0, 2, 1][..]][..], 1, 0), (&[&[192, 0, 2, 1], &[10, 1, 2, 3]], 1, 1), (&[&[10, 1, 2, 3]], 0, 1)]
        {
            let signed =
                RrSet { sigs: [&[0; 20][..]].into_iter().collect(), ..set("www.example", RecordType::A, rdatas) };
            let answer = vec![set("www.example", RecordType::CNAME, &[b"\x01a\0"]), signed];
            let mut outcome = Outcome { answer, secure: true, failure: None, ..Outcome::abandoned() };
            assert_eq!(private().withhold(&mut outcome).len(), withheld);
            let set = outcome.answer.get(1);
            assert_eq!((outcome.answer.len(), set.map_or(0, |set| set.rdatas.len())), (1 + left, left));
            assert_eq!((outcome.secure, outcome.notes.len()), (withheld == 0, withheld));
            assert!(set.is_none_or(|set| set.sigs.is_empty() == (withheld > 0)), "{set:?}");
        }
    }
}
