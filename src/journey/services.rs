//! What HTTPS records say about how to connect (RFC 9460), judged: which endpoints are to be tried, in which order.

use std::net::IpAddr;

use serde::Serialize;

use crate::wire::svcb::{Svcb, hints, key, protocols};
use crate::wire::{Name, Record, RecordType};

/// Endpoints of one host that are used; more would let one answer cause connections without end.
const MOST_ENDPOINTS: usize = 8;

/// The protocol that every HTTPS server speaks unless its record says otherwise (RFC 9460 §9.1.1).
const DEFAULT_ALPN: &str = "http/1.1";

/// What the client can do.
#[derive(Clone, Copy, Debug)]
pub struct Spoken<'a> {
    /// Protocols over TCP, as ALPN names them.
    pub alpn: &'a [&'a str],
    /// Ports that may be connected to.
    pub ports: fn(&[u16], u16) -> bool,
    /// The list that `ports` judges by.
    pub listed: &'a [u16],
}

/// Where a service is: one HTTPS record, or the host itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// The name whose addresses count.
    pub target: Name,
    /// The port.
    pub port: u16,
    /// The lower the sooner; `None` for the host itself, which comes last (RFC 9460 §3).
    pub priority: Option<u16>,
    /// Protocols that both sides speak; empty where nothing is said.
    pub alpn: Vec<String>,
    /// Addresses to use until those of the target are there (RFC 9460 §7.3).
    pub hints: Vec<IpAddr>,
}

impl Endpoint {
    /// The host itself, as if there were no HTTPS records.
    #[must_use]
    pub fn host(name: &Name, port: u16) -> Self {
        Self { target: name.clone(), port, priority: None, alpn: Vec::new(), hints: Vec::new() }
    }
}

/// What one answer means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The name that has to be asked in its place (AliasMode).
    pub alias: Option<Name>,
    /// The endpoints, the best first (ServiceMode).
    pub endpoints: Vec<Endpoint>,
    /// Records that are not used, each with the reason.
    pub unused: Vec<String>,
}

impl Plan {
    /// Whether the records say that the service exists and can be used.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.alias.is_some() || !self.endpoints.is_empty()
    }
}

/// Judges the HTTPS records of an answer. `port` is that of the URL; `dice` is chance, which chooses among records
/// of equal priority.
#[must_use]
pub fn plan(answer: &[Record], port: u16, spoken: &Spoken<'_>, dice: u64) -> Plan {
    let mut plan = Plan::default();
    let mut services = Vec::new();
    for record in answer.iter().filter(|record| record.rtype == RecordType::HTTPS) {
        // RFC 9460 §2.2: one malformed record spoils the set.
        let Some(service) = read(record) else {
            plan.unused.push("a record is malformed, so none of them is used".to_owned());
            return plan;
        };
        services.push(service);
    }
    shuffle(&mut services, dice);
    // RFC 9460 §2.4.1: where there is an alias, only aliases count; of several one is taken at random.
    if let Some(alias) = services.iter().find(|service| service.priority == 0) {
        match alias.target.is_root() {
            // RFC 9460 §2.5.1: advice, no more than that.
            true => plan.unused.push("the alias says that there is no such service; its host is tried".to_owned()),
            false => plan.alias = Some(alias.target.clone()),
        }
        return plan;
    }
    services.sort_by_key(|service| service.priority);
    for service in services {
        match endpoint(&service, port, spoken) {
            Ok(endpoint) if plan.endpoints.len() < MOST_ENDPOINTS => plan.endpoints.push(endpoint),
            Ok(_) => plan.unused.push(format!("{} {}: enough others", service.priority, service.target)),
            Err(why) => plan.unused.push(format!("{} {}: {why}", service.priority, service.target)),
        }
    }
    plan
}

/// Fisher and Yates; each place takes other bits of `dice`.
fn shuffle<T>(items: &mut [T], mut dice: u64) {
    for last in (1..items.len()).rev() {
        // An odd factor carries each bit upwards; the upper half is what is looked at.
        dice = dice.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32) ^ dice;
        items.swap(last, usize::try_from((dice >> 32) % (last as u64 + 1)).unwrap_or(0));
    }
}

/// RFC 9460 §2.2: the record, if it is well-formed.
fn read(record: &Record) -> Option<Svcb<'_>> {
    let mut service = Svcb::read(&record.rdata)?;
    // RFC 9460 §2.5: the owner itself, the name at the end of all aliases.
    if service.target.is_root() && service.priority > 0 {
        service.target = record.owner.clone();
    }
    // RFC 9460 §2.4.2: what an alias carries besides its target is ignored.
    (service.priority == 0 || is_well_formed(&service)).then_some(service)
}

/// Whether the values are what their keys ask for.
fn is_well_formed(service: &Svcb<'_>) -> bool {
    let listed = |key, size: usize| {
        service.get(key).is_none_or(|value: &[u8]| !value.is_empty() && value.len().is_multiple_of(size))
    };
    // RFC 9460 §8: mandatory keys ascend, do not name the list itself, and are all there.
    let ascends = mandatory(service).is_sorted_by(|one, next| one < next);
    let all_there = mandatory(service).all(|key| key != key::MANDATORY && service.get(key).is_some());
    listed(key::MANDATORY, 2)
        && ascends
        && all_there
        && listed(key::IPV4HINT, 4)
        && listed(key::IPV6HINT, 16)
        && service.get(key::PORT).is_none_or(|port| port.len() == 2)
        && service.get(key::ALPN).is_none_or(|list| protocols(list).is_some())
        // RFC 9460 §7.1.1: it takes no value, and makes no sense alone.
        && service.get(key::NO_DEFAULT_ALPN).is_none_or(|value| value.is_empty() && service.get(key::ALPN).is_some())
}

fn mandatory(service: &Svcb<'_>) -> impl Iterator<Item = u16> {
    let list = service.get(key::MANDATORY).unwrap_or_default();
    list.as_chunks::<2>().0.iter().map(|key| u16::from_be_bytes(*key))
}

/// The endpoint that a record describes, or why it is not for us.
fn endpoint(service: &Svcb<'_>, port: u16, spoken: &Spoken<'_>) -> Result<Endpoint, String> {
    // RFC 9460 §8: who does not understand what is mandatory must not use the record.
    let understood = [key::ALPN, key::NO_DEFAULT_ALPN, key::PORT, key::IPV4HINT, key::IPV6HINT];
    if let Some(key) = mandatory(service).find(|key| !understood.contains(key)) {
        return Err(format!("it is for clients that understand key {key}"));
    }
    let mut offered = service.get(key::ALPN).and_then(protocols).unwrap_or_default();
    if service.get(key::NO_DEFAULT_ALPN).is_none() && !offered.contains(&DEFAULT_ALPN.as_bytes()) {
        offered.push(DEFAULT_ALPN.as_bytes());
    }
    let spoken_too = spoken.alpn.iter().filter(|protocol| offered.contains(&protocol.as_bytes()));
    let alpn: Vec<String> = spoken_too.map(|protocol| (*protocol).to_owned()).collect();
    if alpn.is_empty() {
        let escaped = |protocol: &&[u8]| String::from_utf8_lossy(protocol).escape_default().to_string();
        let offered: Vec<String> = offered.iter().map(escaped).collect();
        return Err(format!("it speaks {} and none of ours", offered.join(", ")));
    }
    let said = service.get(key::PORT).and_then(|port| Some(u16::from_be_bytes(port.try_into().ok()?)));
    let port = said.unwrap_or(port);
    if !(spoken.ports)(spoken.listed, port) {
        return Err(format!("port {port} is not connected to"));
    }
    let hinted = |key| hints(key, service.get(key).unwrap_or_default());
    let hints = hinted(key::IPV6HINT).chain(hinted(key::IPV4HINT)).collect();
    Ok(Endpoint { target: service.target.clone(), port, priority: Some(service.priority), alpn, hints })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{DNSClass, name};

    const SPOKEN: Spoken<'static> =
        Spoken { alpn: &["h2", "http/1.1"], ports: |listed, port| listed.contains(&port), listed: &[443, 8443] };

    fn record(priority: u16, target: &str, params: &[(u16, &[u8])]) -> Record {
        let rdata = Svcb { priority, target: name(target), params: params.to_vec() }.write();
        let (owner, rtype) = (name("www.example"), RecordType::HTTPS);
        Record { owner, rtype, class: DNSClass::IN, ttl_secs: 60, rdata: rdata.into() }
    }

    fn judged(records: &[Record]) -> Plan {
        plan(records, 443, &SPOKEN, 7)
    }

    fn targets(plan: &Plan) -> Vec<String> {
        plan.endpoints.iter().map(|endpoint| format!("{}:{}", endpoint.target, endpoint.port)).collect()
    }

    #[test]
    fn endpoints_come_by_priority_with_what_they_say() {
        let hints = [192, 0, 2, 1, 192, 0, 2, 2];
        let plan = judged(&[
            record(2, ".", &[]),
            record(1, "cdn.example", &[(1, b"\x02h2\x02h3"), (3, &[0x20, 0xfb]), (4, &hints), (5, b"ech")]),
        ]);
        assert_eq!(targets(&plan), ["cdn.example.:8443", "www.example.:443"]);
        assert_eq!(plan.endpoints[0].alpn, ["h2", "http/1.1"]);
        assert_eq!(plan.endpoints[0].hints, [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])]);
        assert_eq!(plan.endpoints[1].alpn, ["http/1.1"]);
    }

    #[test]
    fn what_is_not_for_us_is_left_out_with_its_reason() {
        let plan = judged(&[
            record(1, "a.example", &[(0, &[0, 5]), (5, b"x")]),
            record(2, "b.example", &[(1, b"\x02h3"), (2, b"")]),
            record(3, "c.example", &[(3, &[0, 25])]),
            record(4, "d.example", &[(0, &[0, 1]), (1, b"\x02h2")]),
        ]);
        assert_eq!(targets(&plan), ["d.example.:443"]);
        let unused = plan.unused.join("; ");
        assert!(unused.contains("key 5") && unused.contains("h3") && unused.contains("port 25"), "{unused}");
    }

    #[test]
    fn an_alias_counts_alone_and_nowhere_is_only_advice() {
        let plan = judged(&[record(1, ".", &[]), record(0, "other.example", &[])]);
        assert_eq!((plan.alias, plan.endpoints.len()), (Some(name("other.example")), 0));
        assert_eq!(judged(&[record(0, "other.example", &[(3, &[1])])]).alias, Some(name("other.example")));
        assert!(!judged(&[record(0, ".", &[])]).is_usable());
    }

    #[test]
    fn one_malformed_record_spoils_the_set() {
        let good = record(1, ".", &[]);
        let mut short = good.clone();
        short.rdata = [&short.rdata[..], &[0, 1, 0, 9, 2]].concat().into();
        let bad = [
            short,
            record(1, ".", &[(3, &[1])]),
            record(1, ".", &[(4, &[1, 2, 3])]),
            record(1, ".", &[(6, &[])]),
            record(1, ".", &[(1, b"\x05h2")]),
            record(1, ".", &[(1, b"")]),
            record(1, ".", &[(2, b"")]),
            record(1, ".", &[(3, &[1, 187]), (3, &[1, 187])]),
            record(1, ".", &[(0, &[0, 0])]),
            record(1, ".", &[(0, &[0, 3])]),
        ];
        for bad in bad {
            assert!(!judged(&[good.clone(), bad.clone()]).is_usable(), "{bad:?}");
        }
        assert!(judged(&[good]).is_usable() && !judged(&[]).is_usable());
    }

    #[test]
    fn equals_take_turns() {
        let records = [record(1, "a.example", &[]), record(1, "b.example", &[]), record(1, "c.example", &[])];
        let first = |dice| targets(&plan(&records, 443, &SPOKEN, dice))[0].clone();
        let mut counts = std::collections::BTreeMap::new();
        (0..300).for_each(|nth: u64| *counts.entry(first(nth.wrapping_mul(0x2545_f491_4f6c_dd1d))).or_insert(0) += 1);
        assert!(counts.len() == 3 && counts.values().all(|count| (60..140).contains(count)), "{counts:?}");
    }
}
