//! What an answer has beyond what servers say: aliases of the operator, and addresses for networks that have no IPv4
//! (DNS64, RFC 6147).
//!
//! Both stand around a walk: an alias sends it to another name, and where there is no AAAA record a second walk looks
//! for A records, on what is left of the budget.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

use crate::trace::{DetourWhy, Event};
use crate::wire::{Ede, Name, Question, Rdatas, RecordType, ResponseCode, RrSet, address, ede, translator};

use super::Partial;
use super::outcome::Outcome;

/// RFC 6147 §5.1.7: the longest TTL of a made record when the denial of the AAAA records has no SOA.
const NO_SOA_TTL_SECS: u32 = 600;

/// What is made.
#[derive(Clone, Debug, Default)]
pub struct Synthesis {
    /// Names that the operator has made aliases: the links, and the name to which they lead.
    pub aliases: BTreeMap<Name, (Vec<RrSet>, Name)>,
    /// Addresses for networks without IPv4.
    pub dns64: Option<Dns64>,
}

/// How IPv6 addresses are made of IPv4 addresses.
#[derive(Clone, Debug)]
pub struct Dns64 {
    /// The prefix of the translator, of one of the lengths of RFC 6052 §2.2.
    pub prefix: Ipv6Net,
    /// Networks whose AAAA records count as if they were not there (RFC 6147 §5.1.4).
    pub exclude: Vec<IpNet>,
    /// Names, with all below them, whose AAAA records are not looked at.
    pub ignore_aaaa: Vec<Name>,
}

impl Synthesis {
    /// Where the walk for `question` has to go.
    #[must_use]
    pub fn enter(&self, question: &Question) -> Detour {
        let along = |question: &Question| {
            let alias = self.aliases.get(&question.name).filter(|_| question.qtype != RecordType::CNAME);
            alias.map(|(links, name)| (links.clone(), Question { name: name.clone(), ..question.clone() }))
        };
        if let Some((links, asked)) = along(question) {
            return Detour::Alias { links, asked };
        }
        let prefix = self.dns64.as_ref().map(|dns64| dns64.prefix);
        match prefix.and_then(|prefix| Some((prefix, translator::inner(prefix, question)?))) {
            Some((prefix, inner)) => {
                let (links, asked) = along(&inner).unwrap_or((Vec::new(), inner));
                Detour::Reverse { links, asked, prefix }
            }
            None => Detour::None { asked: question.clone() },
        }
    }

    /// What to look up besides, because `outcome` has no address for `asked`. Those that do not count are taken out of
    /// it.
    #[must_use]
    pub fn next(&self, asked: &Question, outcome: &mut Outcome, is_checked: bool) -> Option<Question> {
        // RFC 6147 §5.5: who checks for himself (CD) gets nothing that is made, and what was signed as it was signed.
        let dns64 = self.dns64.as_ref().filter(|_| is_checked && asked.qtype == RecordType::AAAA)?;
        dns64.exclude(outcome);
        dns64.is_wanted(asked, outcome).then(|| Question { qtype: RecordType::A, ..asked.clone() })
    }

    /// Puts the addresses of the second walk into the answer; what the trace tells of it.
    #[must_use]
    pub fn join(&self, asked: &Question, first: Outcome, second: Outcome) -> (Outcome, Option<Event>) {
        let Some(dns64) = &self.dns64 else { return (first, None) };
        let (name, unfit) = (asked.name.clone(), dns64.unfit(&second));
        let Some(answer) = dns64.make(&first, &second) else {
            let told = !unfit.is_empty();
            let event = told.then(|| Event::Dns64 { name, addrs: Vec::new(), unfit });
            return (if is_empty(&first) { Self::neither(first, second) } else { first }, event);
        };
        let addrs: Vec<IpAddr> =
            answer.iter().filter(|set| set.rtype == RecordType::AAAA).flat_map(RrSet::addresses).collect();
        let why = format!("{} has no AAAA record; these are made of its A records (DNS64)", asked.name);
        let notes = second.notes.into_iter().chain([Ede::new(ede::SYNTHESIZED, why)]).collect();
        // RFC 6147 §5.5: AD is for what is made of proved A records, where it is proved that there is no AAAA record.
        let secure = first.secure && is_empty(&first) && second.secure;
        let outcome = Outcome { answer, notes, authority: Vec::new(), secure, ..second };
        (outcome, Some(Event::Dns64 { name, addrs, unfit }))
    }

    /// What the answer is when there is no AAAA record and nothing that one could be made of.
    fn neither(mut first: Outcome, second: Outcome) -> Outcome {
        // RFC 6147 §5.1.6: an error of the second look is the answer, as there may well be something.
        if second.failure.is_some() {
            return second;
        }
        // Of A records that are withheld nothing is made: a client that asks for AAAA alone is told why.
        first.notes.extend(second.notes.into_iter().filter(|note| note.code == ede::FILTERED));
        // Where all AAAA records were excluded nobody has denied them: what denies A says for how long (RFC 2308 §5).
        let is_soa = |set: &&RrSet| set.rtype == RecordType::SOA;
        match first.authority.iter().any(|set| is_soa(&set)) {
            true => first,
            false => Outcome { authority: second.authority.iter().filter(is_soa).cloned().collect(), ..first },
        }
    }
}

/// Where a walk goes instead of to the name that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detour {
    /// To that name.
    None {
        /// The question.
        asked: Question,
    },
    /// To where the operator's aliases lead.
    Alias {
        /// The aliases.
        links: Vec<RrSet>,
        /// The question about the name to which they lead.
        asked: Question,
    },
    /// To the reverse name of the IPv4 address inside a made address (RFC 6147 §5.3.1).
    Reverse {
        /// The aliases by which the operator leads from there.
        links: Vec<RrSet>,
        /// The question about that name, or about the one to which they lead.
        asked: Question,
        /// The prefix.
        prefix: Ipv6Net,
    },
}

impl Detour {
    /// What has to be looked up.
    #[must_use]
    pub fn asked(&self) -> &Question {
        match self {
            Self::None { asked } | Self::Alias { asked, .. } | Self::Reverse { asked, .. } => asked,
        }
    }

    /// What the trace tells of it.
    #[must_use]
    pub fn event(&self, question: &Question) -> Option<Event> {
        let (name, target) = (question.name.clone(), self.asked().name.clone());
        match self {
            Self::None { .. } => None,
            Self::Alias { .. } => Some(Event::Detour { name, target, why: DetourWhy::Local }),
            Self::Reverse { .. } => Some(Event::Detour { name, target, why: DetourWhy::Dns64 }),
        }
    }

    /// Makes what was found the answer to the question that was asked.
    #[must_use]
    pub fn leave(self, question: &Question, mut outcome: Outcome) -> Outcome {
        outcome.secure &= matches!(self, Self::None { .. });
        match self {
            Self::None { .. } => {}
            Self::Alias { links, .. } => {
                outcome.answer.splice(0..0, links);
            }
            Self::Reverse { links, prefix, .. } => {
                let Outcome { answer, authority, notes, .. } = &mut outcome;
                answer.splice(0..0, links);
                notes.push(translator::outer(prefix, &question.name, answer, authority));
            }
        }
        outcome
    }

    /// Makes what is known of the answer a part of the answer to the question that was asked.
    #[must_use]
    pub fn leave_partial(self, partial: Partial) -> Partial {
        match self {
            Self::None { .. } => partial,
            Self::Alias { links, .. } => Partial { links: [links, partial.links].concat(), ..partial },
            // Whoever asks knows nothing of the other name.
            Self::Reverse { .. } => Partial::default(),
        }
    }
}

impl Dns64 {
    fn is_wanted(&self, asked: &Question, outcome: &Outcome) -> bool {
        match (&outcome.failure, outcome.rcode) {
            // RFC 6147 §5.1.2, §5.1.3: whatever AAAA fails of, there may still be A, now and when that is remembered;
            // but not where something is bogus (§5.5).
            (Some(failure), _) => !failure.edes().iter().any(Ede::is_dnssec),
            (None, ResponseCode::NoError) => {
                is_empty(outcome) || self.ignore_aaaa.iter().any(|name| asked.name.is_within(name))
            }
            _ => false,
        }
    }

    /// Takes the AAAA records out that count as if they were not there: they must not be returned (RFC 6147 §5.1.4),
    /// also when they are signed. The signatures are over the whole set, and prove nothing of what is left.
    fn exclude(&self, outcome: &mut Outcome) {
        let counts = |addr: &IpAddr| !self.exclude.iter().any(|net| net.contains(addr));
        for set in outcome.answer.iter_mut().filter(|set| set.rtype == RecordType::AAAA) {
            let Some(first) = set.addresses().find(|addr| !counts(addr)) else { continue };
            let why =
                format!("{} AAAA: {first} withheld, as it counts as if it were not there (dns64.exclude)", set.owner);
            outcome.notes.push(Ede::new(ede::FILTERED, why));
            outcome.secure = false;
            let left =
                set.rdatas.iter().filter(|rdata| address(RecordType::AAAA, rdata).is_none_or(|addr| counts(&addr)));
            (set.rdatas, set.sigs) = (left.collect(), Rdatas::default());
        }
        outcome.answer.retain(|set| !set.rdatas.is_empty());
    }

    /// The answer with AAAA made of A; `None` when there is no A either.
    fn make(&self, first: &Outcome, second: &Outcome) -> Option<Vec<RrSet>> {
        let mut answer = second.answer.clone();
        let a = answer.pop().filter(|set| set.rtype == RecordType::A && second.failure.is_none())?;
        let made: Vec<[u8; 16]> = a
            .addresses()
            .filter_map(|addr| match addr {
                IpAddr::V4(v4) => self.embed(v4),
                IpAddr::V6(_) => None,
            })
            .map(|v6| v6.octets())
            .collect();
        let negative_ttl_secs = first.authority.iter().find(|set| set.rtype == RecordType::SOA);
        let negative_ttl_secs = negative_ttl_secs.map_or(NO_SOA_TTL_SECS, |soa| soa.ttl_secs);
        let ttl_secs = a.ttl_secs.min(negative_ttl_secs);
        answer.push(RrSet::new(a.owner, RecordType::AAAA, ttl_secs, made.iter().map(<[u8; 16]>::as_slice)));
        (!made.is_empty()).then_some(answer)
    }

    /// The addresses of which no others are made.
    fn unfit(&self, second: &Outcome) -> Vec<IpAddr> {
        let a = second.answer.iter().filter(|set| set.rtype == RecordType::A).flat_map(RrSet::addresses);
        a.filter(|addr| matches!(addr, IpAddr::V4(v4) if self.embed(*v4).is_none())).collect()
    }

    /// The IPv6 address for an IPv4 address.
    fn embed(&self, v4: Ipv4Addr) -> Option<Ipv6Addr> {
        // RFC 6052 §3.1: the well-known prefix stands for addresses of the whole Internet alone.
        let local = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.octets()[0] == 0;
        if local && self.prefix.addr() == translator::WELL_KNOWN.addr() {
            return None;
        }
        translator::embed(self.prefix, v4)
    }
}

/// Whether the answer is that there is no AAAA record.
fn is_empty(outcome: &Outcome) -> bool {
    outcome.failure.is_none() && outcome.answer.iter().all(|set| set.rtype != RecordType::AAAA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Bogus, Failure, Limit};
    use crate::wire::Octets;

    fn dns64() -> Dns64 {
        let exclude = vec!["::ffff:0:0/96".parse().expect("a net")];
        Dns64 { prefix: "64:ff9b::/96".parse().expect("a net"), exclude, ignore_aaaa: Vec::new() }
    }

    fn question(name: &str, qtype: RecordType) -> Question {
        Question::new(name.parse().expect("a name"), qtype)
    }

    fn outcome(name: &str, sets: &[(RecordType, u32, &[&str])], soa_ttl_secs: Option<u32>) -> Outcome {
        let name: Name = name.parse().expect("a name");
        let octets = |addr: &&str| Octets::from(addr.parse::<IpAddr>().expect("an address"));
        let set = |(rtype, ttl_secs, addrs): &(RecordType, u32, &[&str])| {
            let rdatas: Vec<Octets> = addrs.iter().map(octets).collect();
            RrSet::new(name.clone(), *rtype, *ttl_secs, rdatas.iter().map(|rdata| &**rdata))
        };
        let soa = soa_ttl_secs.map(|ttl_secs| RrSet::new(name.clone(), RecordType::SOA, ttl_secs, [&b"x"[..]]));
        let answer = sets.iter().map(set).collect();
        Outcome { rcode: ResponseCode::NoError, answer, authority: soa.into_iter().collect(), ..Outcome::abandoned() }
    }

    fn told(outcome: Outcome) -> Outcome {
        Outcome { failure: None, ..outcome }
    }

    #[test]
    fn aaaa_is_made_when_there_is_none_that_counts() {
        let synthesis = Synthesis { dns64: Some(dns64()), ..Synthesis::default() };
        let asked = question("www.example", RecordType::AAAA);
        let wanted = |sets: &[(RecordType, u32, &[&str])]| {
            synthesis.next(&asked, &mut told(outcome("www.example", sets, None)), true).is_some()
        };
        assert!(wanted(&[]) && wanted(&[(RecordType::AAAA, 60, &["::ffff:192.0.2.1"])]));
        assert!(!wanted(&[(RecordType::AAAA, 60, &["2001:db8::1"])]));
        let mut denied = Outcome { rcode: ResponseCode::NXDomain, ..told(outcome("www.example", &[], None)) };
        assert!(
            synthesis.next(&asked, &mut denied, true).is_none(),
            "a name that does not exist has no A record either"
        );
        // RFC 6147 §5.1.2, §5.5: the same holds while a failure is remembered.
        let (zone, name) = (asked.name.clone(), asked.name.clone());
        let reason = Bogus::SignatureMissing { owner: name.clone(), rtype: RecordType::AAAA, zone: zone.clone() };
        let budget = |limit| Failure::OutOfBudget { limit, value: 1, silent: Vec::new(), offline: None };
        let failures = [
            (Failure::Servers { zone: zone.clone(), named: None, problems: Vec::new(), lacking: Vec::new() }, true),
            (Failure::NoAddress { zone: zone.clone(), servers: Vec::new(), limit: None }, true),
            (Failure::Cycle { name: name.clone(), zone }, true),
            (Failure::AliasLoop { name }, true),
            (budget(Limit::Time), true),
            (budget(Limit::Queries), true),
            (Failure::Bogus { reason, from: None, because: Vec::new() }, false),
        ];
        for (failure, is_wanted) in failures {
            let remembered = Failure::Remembered { edes: failure.edes(), is_told: failure.is_told() };
            for failure in [failure, remembered] {
                let next = synthesis.next(&asked, &mut Outcome::failed(failure.clone()), true);
                assert_eq!(next.is_some(), is_wanted, "{failure}");
            }
        }
        let mut none = told(outcome("www.example", &[], None));
        assert!(synthesis.next(&question("www.example", RecordType::MX), &mut none, true).is_none());
        assert!(synthesis.next(&asked, &mut none, false).is_none(), "nothing is made for who checks for himself");
        // RFC 6147 §5.1.7: no longer than the denial would have been kept.
        for (soa_ttl_secs, a_ttl_secs, expected) in [(Some(30), 300, 30), (Some(900), 300, 300), (None, 3600, 600)] {
            let first = told(outcome("www.example", &[], soa_ttl_secs));
            let second = told(outcome("www.example", &[(RecordType::A, a_ttl_secs, &["192.0.2.1"])], None));
            let (joined, event) = synthesis.join(&asked, first, second);
            assert_eq!(
                joined.answer[0].addresses().collect::<Vec<_>>(),
                ["64:ff9b::c000:201".parse::<IpAddr>().expect("one")]
            );
            assert_eq!(joined.answer[0].ttl_secs, expected);
            assert_eq!(joined.edes()[0].code, ede::SYNTHESIZED);
            assert!(event.is_some() && joined.authority.is_empty());
        }
        // Of addresses of private networks none are made, which the trace tells.
        let first = told(outcome("www.example", &[], Some(30)));
        let second = outcome("www.example", &[(RecordType::A, 100, &["10.0.0.1"])], None);
        let (joined, event) = synthesis.join(&asked, first, told(second));
        assert!(joined.answer.is_empty());
        let told_of = |event: Option<Event>| event.map(|event| event.to_string()).unwrap_or_default();
        assert!(told_of(event).contains("nothing is made of 10.0.0.1"));
        // Without A the first answer stands.
        let first = told(outcome("www.example", &[], Some(30)));
        let (joined, event) = synthesis.join(&asked, first, told(outcome("www.example", &[], Some(30))));
        assert!(event.is_none() && joined.answer.is_empty() && joined.authority.len() == 1);
    }

    #[test]
    fn what_is_made_of_proved_records_for_a_proved_denial_is_secure() {
        let synthesis = Synthesis { dns64: Some(dns64()), ..Synthesis::default() };
        let excluded = [(RecordType::AAAA, 60, &["::ffff:192.0.2.1"][..])];
        for (aaaa, denied, proved) in [(0, true, true), (0, true, false), (0, false, true), (1, true, true)] {
            let asked = question("www.example", RecordType::AAAA);
            let mut first = Outcome { secure: denied, ..told(outcome("www.example", &excluded[..aaaa], Some(30))) };
            assert!(synthesis.next(&asked, &mut first, true).is_some());
            let second = told(outcome("www.example", &[(RecordType::A, 60, &["192.0.2.1"])], None));
            let (joined, _) = synthesis.join(&asked, first, Outcome { secure: proved, ..second });
            assert_eq!(joined.secure, aaaa == 0 && denied && proved, "what does not count nobody denied");
        }
    }

    /// RFC 6147 §5.1.6: an error of the A query is the answer.
    #[test]
    fn a_failure_to_look_for_a_is_no_denial() {
        let mut synthesis = Synthesis { dns64: Some(dns64()), ..Synthesis::default() };
        let asked = question("www.example", RecordType::AAAA);
        let mut join = |addrs: &[&str], ignored: &str| {
            let ignored = vec![ignored.parse().expect("a name")];
            synthesis.dns64 = synthesis.dns64.take().map(|dns64| Dns64 { ignore_aaaa: ignored, ..dns64 });
            let mut first = told(outcome("www.example", &[(RecordType::AAAA, 60, addrs)], Some(30)));
            first.answer.retain(|set| !set.rdatas.is_empty());
            assert!(synthesis.next(&asked, &mut first, true).is_some());
            synthesis.join(&asked, first, Outcome::failed(Failure::AliasLoop { name: asked.name.clone() })).0
        };
        for empty in [&[][..], &["::ffff:192.0.2.1"]] {
            let joined = join(empty, "other");
            assert_eq!((joined.rcode, joined.failure.is_some()), (ResponseCode::ServFail, true));
        }
        // What was to be passed over is better than nothing.
        let joined = join(&["2001:db8::1"], "example");
        assert_eq!((joined.rcode, joined.answer.len()), (ResponseCode::NoError, 1));
    }

    #[test]
    fn that_a_records_are_withheld_is_told_where_aaaa_is_asked_for() {
        let synthesis = Synthesis { dns64: Some(dns64()), ..Synthesis::default() };
        let notes = [ede::FILTERED, ede::STALE_ANSWER].map(|code| Ede::new(code, "10.0.0.1 withheld")).to_vec();
        let second = Outcome { notes, ..told(outcome("www.example", &[], None)) };
        let first = told(outcome("www.example", &[], Some(30)));
        let (joined, _) = synthesis.join(&question("www.example", RecordType::AAAA), first, second);
        assert_eq!(joined.edes().iter().map(|ede| ede.code).collect::<Vec<_>>(), [ede::FILTERED]);
        assert_eq!(joined.authority.len(), 1);
    }

    /// RFC 6147 §5.1.4.
    #[test]
    fn excluded_addresses_are_never_returned() {
        let synthesis = Synthesis { dns64: Some(dns64()), ..Synthesis::default() };
        let asked = question("www.example", RecordType::AAAA);
        let found = |addrs: &[&str]| {
            let mut found = told(outcome("www.example", &[(RecordType::AAAA, 60, addrs)], None));
            found.answer[0].sigs = [&b"signature"[..]].into_iter().collect();
            Outcome { secure: true, ..found }
        };
        let mut mixed = found(&["::ffff:192.0.3.9", "2001:db8::1"]);
        assert!(synthesis.next(&asked, &mut mixed, true).is_none());
        let left: Vec<IpAddr> = mixed.answer[0].addresses().collect();
        assert_eq!(left, ["2001:db8::1".parse::<IpAddr>().expect("one")]);
        assert!(mixed.answer[0].sigs.is_empty() && !mixed.secure);
        assert_eq!(mixed.edes()[0].code, ede::FILTERED);
        // Nothing is left, and no A: that A is denied says for how long.
        let mut first = found(&["::ffff:192.0.3.9"]);
        assert!(synthesis.next(&asked, &mut first, true).is_some() && first.answer.is_empty());
        let (joined, _) = synthesis.join(&asked, first, told(outcome("www.example", &[], Some(30))));
        assert_eq!((joined.rcode, joined.answer.len(), joined.secure), (ResponseCode::NoError, 0, false));
        assert_eq!((joined.authority.len(), joined.authority[0].ttl_secs), (1, 30));
        // §5.5: who checks for himself gets what was signed.
        let mut unchecked = found(&["::ffff:192.0.3.9", "2001:db8::1"]);
        assert!(synthesis.next(&asked, &mut unchecked, false).is_none());
        assert_eq!((unchecked.answer[0].rdatas.len(), unchecked.answer[0].sigs.len()), (2, 1));
        // What counts stays as it was signed.
        let mut fine = found(&["2001:db8::1"]);
        assert!(synthesis.next(&asked, &mut fine, true).is_none() && fine.secure && fine.notes.is_empty());
    }

    #[test]
    fn names_whose_aaaa_records_are_ignored() {
        let mut dns64 = dns64();
        dns64.ignore_aaaa = vec!["example".parse().expect("a name")];
        let has = outcome("www.example", &[(RecordType::AAAA, 60, &["2001:db8::1"])], None);
        assert!(dns64.is_wanted(&question("www.example", RecordType::AAAA), &told(has.clone())));
        assert!(!dns64.is_wanted(&question("www.other", RecordType::AAAA), &told(has)));
    }

    #[test]
    fn reverse_names_lead_to_the_address_inside() {
        let synthesis = Synthesis { dns64: Some(dns64()), ..Synthesis::default() };
        let nibbles = |addr: &str| {
            let name = Name::reverse(addr.parse().expect("an address"));
            name.to_string().replace("ip6", "IP6")
        };
        let inside = question(&nibbles("64:ff9b::192.0.2.33"), RecordType::PTR);
        let detour = synthesis.enter(&inside);
        assert_eq!(detour.asked().name.to_string(), "33.2.0.192.in-addr.arpa.");
        let ptr = RrSet::new(detour.asked().name.clone(), RecordType::PTR, 60, [&b"\x03www\0"[..]]);
        let found = Outcome { answer: vec![ptr.clone()], ..told(outcome("www.example", &[], Some(30))) };
        let left = detour.clone().leave(&inside, found);
        assert_eq!((left.answer.len(), &left.answer[0].owner, left.authority.len()), (1, &inside.name, 0));
        // RFC 2308 §5: what is not there may be kept, by a record in whose zone the question lies. An alias of the
        // address (RFC 2317) that leads to nothing is nothing.
        let alias = RrSet::new(detour.asked().name.clone(), RecordType::CNAME, 60, [&b"\x03www\0"[..]]);
        for answer in [Vec::new(), vec![alias.clone()]] {
            for rcode in [ResponseCode::NoError, ResponseCode::NXDomain] {
                let denied = told(outcome("192.in-addr.arpa", &[], Some(30)));
                let denied = Outcome { answer: answer.clone(), rcode, secure: true, ..denied };
                let left = detour.clone().leave(&inside, denied);
                let [soa] = &left.authority[..] else { panic!("{:?}", left.authority) };
                assert_eq!((soa.rtype, soa.ttl_secs, left.answer.len()), (RecordType::SOA, 30, 0));
                let prefix = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa.";
                assert_eq!(soa.owner.to_string().to_lowercase(), prefix);
                assert!(inside.name.is_below(&soa.owner) && left.rcode == rcode && !left.secure);
            }
        }
        // What an alias has led to lives no longer than the alias.
        let ptr = RrSet { ttl_secs: 3600, ..ptr };
        for (answer, soa) in [(vec![alias.clone(), ptr], None), (vec![alias.clone()], Some(900))] {
            let found = Outcome { answer, ..told(outcome("192.in-addr.arpa", &[], soa)) };
            let left = detour.clone().leave(&inside, found);
            let ttls: Vec<u32> = left.answer.iter().chain(&left.authority).map(|set| set.ttl_secs).collect();
            assert_eq!(ttls, [60]);
        }
        // RFC 2317 at home: the operator's alias leads from there.
        let link = RrSet { ttl_secs: 40, ..alias };
        let way = (vec![link.clone()], "www.example".parse().expect("a name"));
        let own = Synthesis { aliases: [(link.owner, way)].into(), ..synthesis.clone() };
        let detour = own.enter(&inside);
        assert_eq!(detour.asked(), &question("www.example", RecordType::PTR));
        let ptr = RrSet::new(detour.asked().name.clone(), RecordType::PTR, 60, [&b"\x03www\0"[..]]);
        let left = detour.leave(&inside, Outcome { answer: vec![ptr], ..told(outcome("www.example", &[], None)) });
        assert_eq!((left.answer.len(), &left.answer[0].owner, left.answer[0].ttl_secs), (1, &inside.name, 40));
        let outside = question(&nibbles("2001:db8::1"), RecordType::PTR);
        assert_eq!(synthesis.enter(&outside), Detour::None { asked: outside });
    }
}
