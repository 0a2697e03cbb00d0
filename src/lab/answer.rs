//! What an authoritative server answers (RFC 1034 §4.3.2), with the records of DNSSEC when they are asked for
//! (RFC 4035 §3.1, RFC 5155 §7.2).

use std::sync::Arc;

use super::zone::{Found, Node, Zone};
use crate::wire::{DNSClass, Name, Question, Rdatas, RecordType, ResponseCode, RrSet, Soa};

/// Most aliases that a server follows within its own zones for one query.
const MAX_ALIASES: usize = 16;

/// An answer before it is written.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) rcode: ResponseCode,
    pub(super) aa: bool,
    /// TC is set whatever fits.
    pub(super) truncated: bool,
    /// The name asked for is an empty non-terminal.
    pub(super) empty_non_terminal: bool,
    pub(super) answer: Vec<RrSet>,
    pub(super) authority: Vec<RrSet>,
    /// Addresses without which a referral is of no use: RFC 9471 §3.1 wants TC when they do not fit.
    pub(super) glue: Vec<RrSet>,
    pub(super) additional: Vec<RrSet>,
}

impl Draft {
    /// A response code and nothing else.
    pub(super) const fn bare(rcode: ResponseCode) -> Self {
        Self {
            rcode,
            aa: false,
            truncated: false,
            empty_non_terminal: false,
            answer: Vec::new(),
            authority: Vec::new(),
            glue: Vec::new(),
            additional: Vec::new(),
        }
    }
}

/// The right answer of a server that has `zones`.
pub(super) fn answer(zones: &[Arc<Zone>], question: &Question, dnssec_ok: bool) -> Draft {
    // Nobody gets a whole zone (RFC 5936 §2.2.1).
    let is_transfer = matches!(question.qtype, RecordType::AXFR | RecordType::IXFR);
    if question.class != DNSClass::IN || is_transfer {
        return Draft::bare(ResponseCode::Refused);
    }
    let mut draft = Draft::bare(ResponseCode::NoError);
    let mut name = question.name.clone();
    for alias in 0..=MAX_ALIASES {
        let Some(zone) = zone_for(zones, &name, question.qtype) else {
            if alias == 0 {
                draft.rcode = ResponseCode::Refused;
            }
            break;
        };
        let step = Step { zone, name: &name, qtype: question.qtype, dnssec_ok, first: alias == 0 };
        let Some(target) = step.take(&mut draft) else { break };
        // A ring of aliases has been shown once all of it; the rest is for the asker to find out.
        if draft.answer.iter().any(|set| set.rtype == RecordType::CNAME && set.owner == target) {
            break;
        }
        name = target;
    }
    add_addresses(zones, &mut draft);
    draft
}

/// The deepest zone that the name lies in. The DS set of a zone's apex is in the zone above (RFC 4035 §3.1.4.1), if
/// the server has that one too.
fn zone_for<'z>(zones: &'z [Arc<Zone>], name: &Name, qtype: RecordType) -> Option<&'z Zone> {
    let holding = zones.iter().filter(|zone| name.is_within(&zone.apex));
    let mut deepest_first: Vec<_> = holding.collect();
    deepest_first.sort_by_key(|zone| std::cmp::Reverse(zone.apex.label_count()));
    let above = deepest_first.iter().find(|zone| qtype != RecordType::DS || zone.apex != *name);
    above.or_else(|| deepest_first.first()).map(|zone| &***zone)
}

/// One look-up; aliases make several of it.
struct Step<'a> {
    zone: &'a Zone,
    name: &'a Name,
    qtype: RecordType,
    dnssec_ok: bool,
    first: bool,
}

impl Step<'_> {
    /// Adds what this look-up gives; returns the name to look up next.
    fn take(&self, draft: &mut Draft) -> Option<Name> {
        let zone = self.zone;
        let found = zone.find(self.name, self.qtype);
        // RFC 1035 §4.1.1: AA speaks about the name asked for, the first of the answer.
        if self.first {
            draft.aa = !matches!(found, Found::Referral { .. });
        }
        match found {
            Found::Referral { cut, node } => self.refer(cut, node, draft),
            Found::Node(node) => {
                draft.empty_non_terminal = self.first && node.sets.is_empty();
                if let Some(next) = self.sets_of(node, draft) {
                    return next;
                }
                let proof = || zone.prove_no_data(self.name);
                self.deny(draft, ResponseCode::NoError, proof);
            }
            Found::Wildcard { source, node, encloser } => {
                if let Some(next) = self.sets_of(node, draft) {
                    self.prove(draft, || zone.prove_wildcard(self.name, &encloser));
                    return next;
                }
                let proof = || zone.prove_wildcard_no_data(self.name, &encloser, source);
                self.deny(draft, ResponseCode::NoError, proof);
            }
            Found::Dname(dname) => return self.redirect(dname, draft),
            Found::Missing { encloser } => {
                let proof = || zone.prove_no_name(self.name, &encloser);
                self.deny(draft, ResponseCode::NXDomain, proof);
            }
        }
        None
    }

    /// The sets of a node that answer; `None` when there are none, `Some(Some(_))` when there is an alias to follow.
    fn sets_of(&self, node: &Node, draft: &mut Draft) -> Option<Option<Name>> {
        let owned = |set: &RrSet| RrSet { owner: self.name.clone(), ..set.clone() };
        if self.qtype == RecordType::ANY && !node.sets.is_empty() {
            draft.answer.extend(node.sets.iter().map(owned));
            return Some(None);
        }
        if self.qtype == RecordType::RRSIG && node.sets.iter().any(|set| !set.sigs.is_empty()) {
            draft.answer.extend(signatures(self.name, node));
            return Some(None);
        }
        if let Some(set) = node.set(self.qtype) {
            draft.answer.push(owned(set));
            return Some(None);
        }
        let alias = node.set(RecordType::CNAME)?;
        draft.answer.push(owned(alias));
        Some(alias.targets().next())
    }

    /// A referral (RFC 1034 §4.3.2, step 3b): name servers, DS or the proof that there is none, glue.
    fn refer(&self, cut: &Name, node: &Node, draft: &mut Draft) {
        let Some(servers) = node.set(RecordType::NS) else { return };
        draft.authority.push(servers.clone());
        match node.set(RecordType::DS) {
            Some(ds) if self.dnssec_ok => draft.authority.push(ds.clone()),
            Some(_) => {}
            None => self.prove(draft, || self.zone.prove_no_data(cut)),
        }
        for target in servers.targets() {
            let addresses =
                [RecordType::A, RecordType::AAAA].into_iter().filter_map(|rtype| self.zone.set(&target, rtype));
            let list = if target.is_within(cut) { &mut draft.glue } else { &mut draft.additional };
            list.extend(addresses.cloned());
        }
    }

    /// RFC 6672 §3.1: the DNAME, the CNAME made from it, and on with the new name.
    fn redirect(&self, dname: &RrSet, draft: &mut Draft) -> Option<Name> {
        draft.answer.push(dname.clone());
        let to = dname.targets().next()?;
        let Ok(target) = self.name.replace_tail(&dname.owner, &to) else {
            // RFC 6672 §2.2: the new name is too long.
            draft.rcode = ResponseCode::YXDomain;
            return None;
        };
        let cname = RrSet::new(self.name.clone(), RecordType::CNAME, dname.ttl_secs, [target.wire()]);
        draft.answer.push(cname);
        // RFC 1034 §4.3.2, step 3a: an alias is what was asked for, alone or with all else.
        (!matches!(self.qtype, RecordType::CNAME | RecordType::ANY)).then_some(target)
    }

    /// A negative answer: the SOA (RFC 2308 §3) and the proof.
    fn deny(&self, draft: &mut Draft, rcode: ResponseCode, proof: impl FnOnce() -> Vec<RrSet>) {
        draft.rcode = rcode;
        if let Some(soa) = self.zone.set(&self.zone.apex, RecordType::SOA) {
            let minimum_secs = soa.rdatas.iter().find_map(Soa::read).map_or(0, |soa| soa.minimum_secs);
            draft.authority.push(RrSet { ttl_secs: soa.ttl_secs.min(minimum_secs), ..soa.clone() });
        }
        self.prove(draft, proof);
    }

    fn prove(&self, draft: &mut Draft, proof: impl FnOnce() -> Vec<RrSet>) {
        if self.dnssec_ok {
            draft.authority.extend(proof());
        }
    }
}

/// The signatures of a node as sets of their own, for a query of type RRSIG.
fn signatures(owner: &Name, node: &Node) -> impl Iterator<Item = RrSet> {
    let signed = node.sets.iter().filter(|set| !set.sigs.is_empty());
    signed.map(move |set| RrSet {
        owner: owner.clone(),
        rtype: RecordType::RRSIG,
        ttl_secs: set.ttl_secs,
        rdatas: set.sigs.clone(),
        sigs: Rdatas::default(),
    })
}

/// The addresses of the hosts that an answer names, as far as this server has authority over them.
fn add_addresses(zones: &[Arc<Zone>], draft: &mut Draft) {
    let mut named: Vec<Name> = Vec::new();
    for set in &draft.answer {
        // The name comes after the preference of MX and after the three fields of SRV.
        let skip = match set.rtype {
            RecordType::NS => 0,
            RecordType::MX => 2,
            RecordType::SRV => 6,
            _ => continue,
        };
        named.extend(set.rdatas.iter().filter_map(|rdata| Name::from_wire(rdata.get(skip..)?).ok()));
    }
    named.sort();
    named.dedup();
    for name in named {
        for rtype in [RecordType::A, RecordType::AAAA] {
            let zone = zone_for(zones, &name, rtype);
            let found = zone.map(|zone| zone.find(&name, rtype));
            if let Some(Found::Node(node)) = found {
                draft.additional.extend(node.set(rtype).cloned());
            }
        }
    }
}
