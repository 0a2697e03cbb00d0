//! Encrypted doors of this server, which clients find by asking for `_dns.resolver.arpa` (RFC 9462).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::LocalAnswer;
use crate::wire::svcb::{Svcb, key};
use crate::wire::{Ede, Name, Question, RecordType, RrSet, ede};

/// Clients notice within minutes that a door is elsewhere.
const TTL_SECS: u32 = 300;
/// How a door is spoken to; the first is liked best, as it costs least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over HTTPS (RFC 8484).
    Https,
}

impl Door {
    const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Tls => b"\x03dot",
            Self::Https => b"\x02h2",
        }
    }
}

/// Where the doors are, all under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Designated {
    name: Name,
    /// The addresses by door and port; the unspecified one stands for all.
    doors: BTreeMap<(Door, u16), Vec<IpAddr>>,
}

impl Designated {
    /// The doors of a server that goes by `name`.
    #[must_use]
    pub fn new(name: Name, at: impl IntoIterator<Item = (Door, IpAddr, u16)>) -> Self {
        let mut doors: BTreeMap<_, Vec<IpAddr>> = BTreeMap::new();
        at.into_iter().for_each(|(door, ip, port)| doors.entry((door, port)).or_default().push(ip));
        Self { name, doors }
    }

    /// The answer to a question of class IN; `None` where it is not about the doors, or none is open to this client.
    pub(super) fn answer(&self, question: &Question, client: IpAddr) -> Option<LocalAnswer> {
        if question.qtype != RecordType::SVCB || !is_asked_for(&question.name) {
            return None;
        }
        let rdatas: Vec<Vec<u8>> = self.doors.iter().filter_map(|door| self.record(door, client)).collect();
        if rdatas.is_empty() {
            return None;
        }
        let rdatas = rdatas.iter().map(|rdata| &rdata[..]);
        let answer = vec![RrSet::new(question.name.clone(), RecordType::SVCB, TTL_SECS, rdatas)];
        let why = "resolver.arpa is answered here and asked nowhere else (RFC 9462 section 6.4)";
        Some(LocalAnswer { authoritative: true, ..LocalAnswer::records(answer, Ede::new(ede::SYNTHESIZED, why)) })
    }

    /// The data of the record of one door, if it is open to this client: who is elsewhere cannot come by loopback.
    fn record(&self, (&(door, port), ips): (&(Door, u16), &Vec<IpAddr>), client: IpAddr) -> Option<Vec<u8>> {
        let is_here = client.to_canonical().is_loopback();
        let open: Vec<IpAddr> = ips.iter().copied().filter(|ip| is_here || !ip.to_canonical().is_loopback()).collect();
        if open.is_empty() {
            return None;
        }
        // RFC 9462 §4 has the addresses come along. They do so as hints, each with the door that is there.
        let told = open.iter().filter(|ip| !ip.is_unspecified());
        let (mut four, mut six) = (Vec::new(), Vec::new());
        told.for_each(|ip| match ip {
            IpAddr::V4(v4) => four.extend(v4.octets()),
            IpAddr::V6(v6) => six.extend(v6.octets()),
        });
        let port = port.to_be_bytes();
        let mut params = vec![(key::ALPN, door.alpn()), (key::PORT, &port)];
        params
            .extend([(key::IPV4HINT, &four[..]), (key::IPV6HINT, &six)].iter().filter(|(_, hints)| !hints.is_empty()));
        params.extend((door == Door::Https).then_some((key::DOHPATH, &b"/dns-query{?dns}"[..])));
        let priority = if door == Door::Tls { 1 } else { 2 };
        Some(Svcb { priority, target: self.name.clone(), params }.write())
    }
}

/// Whether a question is about a resolver itself: that is answered here or nowhere (RFC 9462 §6.4).
pub(super) fn is_about_resolver(name: &Name) -> bool {
    name.label_count() >= 2 && name.suffix(2).wire().eq_ignore_ascii_case(b"\x08resolver\x04arpa\x00")
}

fn is_asked_for(name: &Name) -> bool {
    name.wire().eq_ignore_ascii_case(b"\x04_dns\x08resolver\x04arpa\x00")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::text::rdata_text;

    fn designated() -> Designated {
        let at = [
            (Door::Https, "0.0.0.0", 443),
            (Door::Tls, "192.0.2.53", 853),
            (Door::Tls, "2001:db8::53", 853),
            (Door::Tls, "127.0.0.1", 853),
            (Door::Tls, "127.0.0.1", 8530),
        ];
        let at = at.map(|(door, ip, port)| (door, ip.parse().unwrap(), port));
        Designated::new("dns.example".parse().unwrap(), at)
    }

    fn told(name: &str, qtype: RecordType, client: &str) -> Vec<String> {
        let question = Question::new(name.parse().unwrap(), qtype);
        let answer = designated().answer(&question, client.parse().unwrap()).map_or_else(Vec::new, |it| it.answer);
        answer.iter().flat_map(|set| set.rdatas.iter().map(|rdata| rdata_text(set.rtype, rdata).to_string())).collect()
    }

    #[test]
    fn clients_are_told_of_the_doors_that_they_can_come_by() {
        let elsewhere = [
            "1 dns.example. alpn=dot port=853 ipv4hint=192.0.2.53 ipv6hint=2001:db8::53",
            r#"2 dns.example. alpn=h2 port=443 dohpath="/dns-query{?dns}""#,
        ];
        assert_eq!(told("_dns.resolver.arpa", RecordType::SVCB, "192.0.2.1"), elsewhere);
        let here = [
            "1 dns.example. alpn=dot port=853 ipv4hint=192.0.2.53,127.0.0.1 ipv6hint=2001:db8::53",
            "1 dns.example. alpn=dot port=8530 ipv4hint=127.0.0.1",
            elsewhere[1],
        ];
        for (name, client) in [("_dns.resolver.arpa", "127.0.0.1"), ("_DNS.Resolver.ARPA", "::1")] {
            assert_eq!(told(name, RecordType::SVCB, client), here);
        }
        for (name, qtype) in [
            ("_dns.resolver.arpa", RecordType::A),
            ("resolver.arpa", RecordType::SVCB),
            ("x._dns.resolver.arpa", RecordType::SVCB),
        ] {
            assert_eq!(told(name, qtype, "127.0.0.1"), [""; 0]);
        }
    }
}
