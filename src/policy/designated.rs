//! Encrypted doors of this server, which clients find by asking for `_dns.resolver.arpa` (RFC 9462).

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{LocalAnswer, LocalData};
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
    pub(super) fn answer(&self, question: &Question, client: IpAddr, local: &LocalData) -> Option<LocalAnswer> {
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
        let answer = LocalAnswer::records(answer, Ede::new(ede::SYNTHESIZED, why));
        Some(LocalAnswer { authoritative: true, additional: self.addresses(local), ..answer })
    }

    /// RFC 9462 §4: the addresses of the name come along, as far as they are the operator's own records. Else they are
    /// what the Internet says, which takes a walk; a client that finds no hint of use to it asks for them.
    fn addresses(&self, local: &LocalData) -> Vec<RrSet> {
        let types = [RecordType::A, RecordType::AAAA].into_iter();
        let found = types.filter_map(|qtype| local.answer(&Question::new(self.name.clone(), qtype)));
        let is_address = |set: &RrSet| set.owner == self.name && set.rtype != RecordType::CNAME;
        found.flat_map(|found| found.answer).filter(is_address).collect()
    }

    /// The data of the record of one door, if it is open to this client.
    fn record(&self, (&(door, port), ips): (&(Door, u16), &Vec<IpAddr>), client: IpAddr) -> Option<Vec<u8>> {
        let open: Vec<IpAddr> = ips.iter().copied().filter(|ip| leads_to(*ip, client.to_canonical())).collect();
        if open.is_empty() {
            return None;
        }
        // With a door at all addresses nobody knows which of them leads here from where the client is: there may be a
        // translator between, as in front of a container. And an address of one link says nothing without the link,
        // for which a hint has no room (RFC 4007 §6).
        let told = open.iter().filter(|ip| !ip.is_unspecified() && !is_of_link(**ip));
        let (mut four, mut six) = (Vec::new(), Vec::new());
        told.for_each(|ip| match ip {
            IpAddr::V4(v4) => four.extend(v4.octets()),
            IpAddr::V6(v6) => six.extend(v6.octets()),
        });
        let (port, path) = (port.to_be_bytes(), b"/dns-query{?dns}");
        let path = if door == Door::Https { &path[..] } else { &[] };
        let mut params =
            vec![(key::ALPN, door.alpn()), (key::PORT, &port), (key::IPV4HINT, &four), (key::IPV6HINT, &six)];
        params.push((key::DOHPATH, path));
        params.retain(|(_, value)| !value.is_empty());
        let priority = if door == Door::Tls { 1 } else { 2 };
        Some(Svcb { priority, target: self.name.clone(), params }.write())
    }
}

/// Whether a client can come to a door at `ip`: who is elsewhere cannot by loopback, nor who is on no link by an
/// address of one.
fn leads_to(ip: IpAddr, client: IpAddr) -> bool {
    let is_here = client.is_loopback();
    is_here || !ip.is_loopback() && (!is_of_link(ip) || is_of_link(client))
}

/// Whether an address means something on one link only (RFC 3927 §1.5, RFC 4291 §2.5.6).
fn is_of_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
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

    fn lines(sets: &[RrSet]) -> Vec<String> {
        sets.iter().flat_map(|set| set.rdatas.iter().map(|rdata| rdata_text(set.rtype, rdata).to_string())).collect()
    }

    fn told_by(designated: &Designated, name: &str, qtype: RecordType, client: &str) -> Vec<String> {
        let (question, client) = (Question::new(name.parse().unwrap(), qtype), client.parse().unwrap());
        designated.answer(&question, client, &LocalData::default()).map_or_else(Vec::new, |it| lines(&it.answer))
    }

    fn told(name: &str, qtype: RecordType, client: &str) -> Vec<String> {
        told_by(&designated(), name, qtype, client)
    }

    #[test]
    fn an_address_of_a_link_is_for_those_on_it_who_have_it_already() {
        let at = ["fe80::1", "169.254.1.1"].map(|ip| (Door::Tls, ip.parse().unwrap(), 853));
        let linked = Designated::new("dns.example".parse().unwrap(), at);
        let told = |client| told_by(&linked, "_dns.resolver.arpa", RecordType::SVCB, client);
        for client in ["fe80::2", "169.254.7.7", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(told(client), ["1 dns.example. alpn=dot port=853"], "{client}");
        }
        for client in ["2001:db8::2", "192.0.2.1", "::ffff:192.0.2.1"] {
            assert_eq!(told(client), [""; 0], "{client}");
        }
    }

    #[test]
    fn addresses_that_the_operator_gives_the_name_come_along() {
        let records = ["DNS.example A 192.0.2.7", "dns.example A 192.0.2.8", "dns.example AAAA 2001:db8::7"];
        let records = records.map(|line| crate::wire::text::parse_record(line).unwrap());
        let question = Question::new("_dns.resolver.arpa".parse().unwrap(), RecordType::SVCB);
        let answer = |local: &LocalData| designated().answer(&question, [192, 0, 2, 1].into(), local).unwrap();
        let with = answer(&LocalData::new(&records, &[]));
        assert_eq!(lines(&with.additional), ["192.0.2.7", "192.0.2.8", "2001:db8::7"]);
        let alias = ["dns.example CNAME nas.lan", "nas.lan A 192.0.2.10"];
        let alias = alias.map(|line| crate::wire::text::parse_record(line).unwrap());
        for without in [LocalData::default(), LocalData::new(&alias, &[])] {
            let without = answer(&without);
            assert_eq!((without.additional, &without.answer), (Vec::new(), &with.answer));
        }
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
