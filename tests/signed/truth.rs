//! What the zones of a world come to, without anybody to ask: RFC 1034 section 4.3.2, RFC 4592, RFC 6672, and how sure
//! a validator may be (RFC 4035, RFC 5155).

use std::collections::{HashMap, HashSet};

use rootwalk::wire::{Name, Question, RecordType, ResponseCode, RrSet};

use crate::denials::Denials;
use crate::model::{Denial, Ds, Signing};
use crate::peers::Said;
use crate::surety::Surety;
use crate::world::World;

/// Iterations up to which a denial by NSEC3 is proved (RFC 9276 section 3.2).
const ITERATIONS: u16 = 50;

/// The sets of one zone by owner.
pub(crate) struct Data {
    pub(crate) sets: HashMap<Name, Vec<RrSet>>,
    /// Its NSEC and NSEC3 records.
    pub(crate) denials: Denials,
    /// All names that there are, those with nothing but others below them included.
    names: HashSet<Name>,
    /// Names of which the NSEC3 chain has nothing: unsigned cuts in an opt-out zone, and what only leads to such.
    opted_out: HashSet<Name>,
}

impl Data {
    pub(crate) fn new(zone: &Name, all: Vec<RrSet>, signing: Option<&Signing>) -> Self {
        let denials = Denials::new(&all, signing);
        let mut sets: HashMap<Name, Vec<RrSet>> = HashMap::new();
        for set in all.into_iter().filter(|set| set.rtype != RecordType::NSEC3) {
            sets.entry(set.owner.clone()).or_default().push(set);
        }
        let above = |name: &Name| (zone.label_count()..=name.label_count()).map(|count| name.suffix(count)).collect();
        let names: HashSet<Name> = sets.keys().flat_map(|name| -> Vec<Name> { above(name) }).collect();
        let opts_out = matches!(signing, Some(Signing { denial: Denial::Nsec3 { opt_out: true, .. }, .. }));
        let has = |name: &Name, rtype| sets.get(name).is_some_and(|sets| sets.iter().any(|set| set.rtype == rtype));
        let is_cut = |name: &Name| name != zone && has(name, RecordType::NS);
        let below_cut = |name: &Name| (zone.label_count()..name.label_count()).any(|count| is_cut(&name.suffix(count)));
        // What is left when unsigned cuts and glue are taken away has a record, and so has what is above it.
        let recorded = sets.keys().filter(|name| !below_cut(name) && (!is_cut(name) || has(name, RecordType::DS)));
        let recorded: HashSet<Name> = recorded.flat_map(|name| -> Vec<Name> { above(name) }).collect();
        let opted_out = names.iter().filter(|name| opts_out && !recorded.contains(*name)).cloned().collect();
        Self { sets, denials, names, opted_out }
    }

    /// Whether the chain of NSEC or NSEC3 records has one for `name`.
    pub(crate) fn has_record(&self, name: &Name) -> bool {
        self.names.contains(name) && !self.opted_out.contains(name)
    }

    pub(crate) fn at(&self, name: &Name, rtype: RecordType) -> Option<&RrSet> {
        self.sets.get(name)?.iter().find(|set| set.rtype == rtype)
    }
}

/// What a zone has for a question.
#[derive(Debug)]
pub(crate) enum Found<'w> {
    /// A set, perhaps one that a wildcard makes.
    Set { set: &'w RrSet, expanded: bool },
    /// The name has no such type; perhaps only by a wildcard.
    NoData { expanded: bool },
    /// There is no such name.
    NoName,
}

impl World {
    /// What the zone `at` has for `name` and `qtype`: that, an alias, or neither.
    pub(crate) fn find(&self, at: usize, name: &Name, qtype: RecordType) -> Found<'_> {
        let (data, zone) = (&self.data[at], &self.zones[at].name);
        let dname =
            (zone.label_count()..name.label_count()).find_map(|count| data.at(&name.suffix(count), RecordType::DNAME));
        if let Some(set) = dname {
            return Found::Set { set, expanded: false };
        }
        let node = |name: &Name| data.at(name, qtype).or_else(|| data.at(name, RecordType::CNAME));
        if data.names.contains(name) {
            return node(name).map_or(Found::NoData { expanded: false }, |set| Found::Set { set, expanded: false });
        }
        let mut above = (zone.label_count()..name.label_count()).rev().map(|count| name.suffix(count));
        let encloser = above.find(|name| data.names.contains(name)).unwrap();
        match encloser.prepend(b"*") {
            Ok(source) if data.names.contains(&source) => {
                node(&source).map_or(Found::NoData { expanded: true }, |set| Found::Set { set, expanded: true })
            }
            _ => Found::NoName,
        }
    }

    /// How sure a zone is, by what is above it.
    pub(crate) fn surety(&self, at: usize) -> Surety {
        let zone = &self.zones[at];
        let above = zone.parent.map_or(Surety::Secure, |parent| self.surety(parent));
        let own = match &zone.signing {
            None | Some(Signing { ds: Ds::Unknown | Ds::Missing, .. }) => Surety::Insecure,
            Some(Signing { ds: Ds::Absent, .. } | Signing { expired: true, .. }) => Surety::Bogus,
            Some(_) => Surety::Secure,
        };
        if above == Surety::Secure { own } else { above }
    }

    /// How sure what a zone has may be.
    pub(crate) fn surety_of(&self, at: usize, name: &Name, found: &Found<'_>) -> Surety {
        let zone = self.surety(at);
        let Some(Signing { denial: Denial::Nsec3 { iterations, opt_out, .. }, .. }) = &self.zones[at].signing else {
            return zone;
        };
        // RFC 5155 section 9.2: in an opt-out span nothing is certain that rests on a name not being there.
        let unsure = *iterations > ITERATIONS || *opt_out;
        let rests = match found {
            Found::Set { expanded, .. } => *expanded && unsure,
            Found::NoData { expanded: true } | Found::NoName => unsure,
            Found::NoData { expanded: false } => *iterations > ITERATIONS || self.data[at].opted_out.contains(name),
        };
        if rests { zone.max(Surety::Insecure) } else { zone }
    }

    /// What a resolver has to say. `None` where aliases go on for too long, and where a CNAME stands beside an NSEC
    /// record that is asked for: RFC 4035 section 2.5 allows both, and says of neither that it goes first. Nor where a
    /// wildcard has no records: BIND leaves out the proof that it has none (RFC 4035 section 3.1.3.4).
    pub(crate) fn truth(&self, question: &Question) -> Option<Said> {
        if self.ends_at_empty_wildcard(question) {
            return None;
        }
        let (mut name, qtype) = (question.name.clone(), question.qtype);
        let (mut lines, mut surety) = (Vec::new(), Surety::Secure);
        for _ in 0..10 {
            let at = self.zone_of(&name, qtype);
            let found = self.find(at, &name, qtype);
            let is_alias = || matches!(self.find(at, &name, RecordType::CNAME), Found::Set { .. });
            if qtype == RecordType::NSEC && is_alias() {
                return None;
            }
            surety = surety.max(self.surety_of(at, &name, &found));
            let (set, target) = match found {
                Found::Set { set, .. } if set.rtype == RecordType::DNAME && set.owner != name => {
                    lines.extend(set.rdatas.iter().map(|rdata| Said::line(&set.owner, set.rtype, rdata)));
                    let target = set.targets().next().unwrap();
                    let Ok(made) = name.replace_tail(&set.owner, &target) else {
                        return Some(Said::new(ResponseCode::YXDomain, surety == Surety::Secure, lines));
                    };
                    let made = RrSet::new(name.clone(), RecordType::CNAME, 0, [made.wire()]);
                    (made.clone(), made.targets().next().filter(|_| qtype != RecordType::CNAME))
                }
                Found::Set { set, .. } => {
                    let is_alias = set.rtype == RecordType::CNAME && qtype != RecordType::CNAME;
                    (set.clone(), set.targets().next().filter(|_| is_alias))
                }
                Found::NoData { .. } | Found::NoName => {
                    let rcode =
                        if matches!(found, Found::NoName) { ResponseCode::NXDomain } else { ResponseCode::NoError };
                    return Some(self.said(rcode, surety, lines));
                }
            };
            lines.extend(set.rdatas.iter().map(|rdata| Said::line(&name, set.rtype, rdata)));
            match target {
                Some(target) => name = target,
                None => return Some(self.said(ResponseCode::NoError, surety, lines)),
            }
        }
        None
    }

    /// Whether `name` lies at or below one that only leads to unsigned cuts in an opt-out zone.
    pub(crate) fn is_opted_out(&self, name: &Name) -> bool {
        let data = &self.data[self.zone_of(name, RecordType::A)];
        (0..name.label_count()).any(|count| data.opted_out.contains(&name.suffix(count)))
    }

    /// The names to which a question leads, from alias to alias, each with its zone.
    fn way(&self, question: &Question) -> Vec<(usize, Name)> {
        let mut way: Vec<(usize, Name)> = Vec::new();
        let mut next = Some(question.name.clone());
        while let Some(name) = next.filter(|_| way.len() < 10) {
            let at = self.zone_of(&name, question.qtype);
            next = match self.find(at, &name, question.qtype) {
                Found::Set { set, .. } => leads_to(set, &name, question.qtype),
                Found::NoData { .. } | Found::NoName => None,
            };
            way.push((at, name));
        }
        way
    }

    /// The zones to which a question leads.
    pub(crate) fn zones_on_the_way(&self, question: &Question) -> Vec<usize> {
        self.way(question).into_iter().map(|(at, _)| at).collect()
    }

    /// Whether the last of the aliases from the question leads to a wildcard without records, or to a name for which
    /// one stands.
    pub(crate) fn ends_at_empty_wildcard(&self, question: &Question) -> bool {
        let (at, name) = self.way(question).pop().unwrap();
        match self.find(at, &name, question.qtype) {
            Found::NoData { expanded: false } => {
                name.labels().next() == Some(b"*") && !self.data[at].sets.contains_key(&name)
            }
            Found::NoData { expanded: true } => {
                let is_empty = |count| {
                    let source = name.suffix(count).prepend(b"*");
                    source.is_ok_and(|source| {
                        self.data[at].names.contains(&source) && !self.data[at].sets.contains_key(&source)
                    })
                };
                (self.zones[at].name.label_count()..name.label_count()).any(is_empty)
            }
            Found::Set { .. } | Found::NoName => false,
        }
    }

    fn said(&self, rcode: ResponseCode, surety: Surety, lines: Vec<String>) -> Said {
        match surety {
            Surety::Bogus => Said::new(ResponseCode::ServFail, false, Vec::new()),
            surety => Said::new(rcode, surety == Surety::Secure, lines),
        }
    }
}

/// Where a set leads who asks for another type. Below a DNAME every name is an alias, also for who asks for DNAME (RFC
/// 6672 section 3.1).
fn leads_to(set: &RrSet, name: &Name, qtype: RecordType) -> Option<Name> {
    let target = set.targets().next()?;
    match set.rtype {
        RecordType::DNAME if set.owner != *name => name.replace_tail(&set.owner, &target).ok(),
        RecordType::CNAME if qtype != RecordType::CNAME => Some(target),
        _ => None,
    }
}
