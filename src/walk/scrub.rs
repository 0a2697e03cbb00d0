//! What of a reply may be looked at: the records that the question leads to, from inside the zone
//! that was asked. Everything else is dropped, and each dropped record is reported.

use std::collections::HashMap;
use std::net::IpAddr;

use smallvec::SmallVec;

use crate::dnssec;
use crate::trace::{Broken, DropWhy, Limit};
use crate::wire::{
    DNSClass, Damage, Name, Octets, Question, Rdatas, Record, RecordType, Reply, ResponseCode, RrSet, Section,
};

use super::limits::SetLimits;

/// Most aliases that are followed in one reply; a walk has its own limit.
const MAX_LINKS: usize = 16;
/// Most signatures over one set; the first are kept (KeyTrap, CVE-2023-50387: each costs a verification).
const MAX_SIGS: usize = 8;

/// Sets that are found by looking at each.
const UNINDEXED: usize = 16;

/// The useful part of a reply.
#[derive(Clone, Debug)]
pub struct Clean {
    /// The response code, all twelve bits.
    pub rcode: ResponseCode,
    /// Authoritative answer.
    pub aa: bool,
    /// Recursion available.
    pub ra: bool,
    /// Truncated: it says so, or ends within its answer or authority section, or before any glue that a referral owes.
    pub tc: bool,
    /// Whether the reply had an OPT record.
    pub edns: bool,
    /// Whether it answers a question with a cookie and does not show that.
    pub cookie_refused: bool,
    /// The aliases from the name that was asked on: CNAMEs, and DNAMEs each with the CNAME made from it.
    pub chain: Vec<RrSet>,
    /// What the aliases lead to: the name that was asked when there is none.
    pub end: Name,
    /// The set that was asked for, at `end`.
    pub answer: Option<RrSet>,
    /// Whether an answer at `end` was there, or may have been, but cannot be used: this is no denial.
    pub spoilt: bool,
    /// Where the aliases lead.
    pub chain_end: ChainEnd,
    /// The SOA of a denial.
    pub soa: Option<RrSet>,
    /// NSEC and NSEC3 sets of the authority section.
    pub proof: Vec<RrSet>,
    /// Name servers of a zone further down, towards the question.
    pub referral: Option<Referral>,
    /// Addresses that came with the name servers of a referral or of a priming answer.
    pub glue: Vec<(Name, IpAddr)>,
    /// The owner of an NS set that does not lead down.
    pub sideways: Option<Name>,
    /// The same, when it lies above the zone that was asked.
    pub upward: Option<Name>,
    /// The zone above the one that was asked in whose name the reply denies.
    pub above: Option<Name>,
}

/// Where the aliases of one reply lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainEnd {
    /// To another name, or there is no alias.
    Open,
    /// To itself.
    Loop,
    /// To a name of more than 255 octets, made by a DNAME (RFC 6672 §2.2).
    TooLong,
}

/// A delegation as the parent's server gave it.
#[derive(Clone, Debug)]
pub struct Referral {
    /// The NS set; its owner is the zone.
    pub ns: RrSet,
    /// The DS set, where the zone is signed.
    pub ds: Option<RrSet>,
}

/// A record that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its owner.
    pub owner: Name,
    /// Its type.
    pub rtype: RecordType,
    /// Why.
    pub why: DropWhy,
}

/// Takes from `reply` what the servers of `zone` may say about `asked`. Where an alias leads inside the zone the reply
/// is read on, as far as `may_follow` says that these servers are the ones to ask about that name.
#[must_use]
pub fn reply(
    zone: &Name,
    asked: &Question,
    reply: Reply,
    limits: &SetLimits,
    may_follow: &dyn Fn(&Name) -> bool,
) -> (Clean, Vec<Dropped>) {
    read((zone, zone), asked, reply, limits, may_follow)
}

/// The same of forwarders, whom the operator may name for a part of a zone: what is not there is denied by the zone
/// that has the name, wherever above it that begins (RFC 2308 §3), and proved by its records.
#[must_use]
pub fn forwarded(
    zone: &Name,
    asked: &Question,
    reply: Reply,
    limits: &SetLimits,
    may_follow: &dyn Fn(&Name) -> bool,
) -> (Clean, Vec<Dropped>) {
    read((zone, &Name::root()), asked, reply, limits, may_follow)
}

/// The same of servers that may deny in the name of any zone within `denier`.
fn read(
    (zone, denier): (&Name, &Name),
    asked: &Question,
    reply: Reply,
    limits: &SetLimits,
    may_follow: &dyn Fn(&Name) -> bool,
) -> (Clean, Vec<Dropped>) {
    let mut dropped = damaged(&reply.damage);
    let plain_sigs = (asked.qtype == RecordType::RRSIG).then_some(&asked.name);
    let mut answer = sets(zone, reply.answer, plain_sigs, limits, &mut dropped);
    let above = |rtype| {
        let above = reply.authority.iter().find(|record| record.rtype == rtype && zone.is_below(&record.owner));
        above.map(|record| record.owner.clone())
    };
    let (upward, above) = (above(RecordType::NS), above(RecordType::SOA));
    let authority = sets(denier, reply.authority, None, limits, &mut dropped);
    let (mut chain, end, chain_end) = follow(asked, &mut answer, &mut dropped, may_follow);
    let own = end == asked.name || may_follow(&end);
    let found = match asked.qtype {
        _ if !own => None,
        RecordType::ANY => take_all(&mut answer, &end, &mut chain),
        qtype => take(&mut answer, &end, qtype),
    };
    // RFC 2181 §9: of a set that was cut nobody knows how much is missing. What is additional may be.
    let end_at = |damage: &Damage| match damage {
        Damage::CutShort { section, .. } => Some(*section),
        _ => None,
    };
    let cut_in = reply.damage.iter().find_map(end_at);
    let is_denied = authority.iter().any(|set| set.rtype == RecordType::SOA);
    let unusable = |gone: &Dropped| {
        let of_end = gone.owner == end || gone.rtype == RecordType::DNAME && end.is_below(&gone.owner);
        let is_lost = matches!(gone.why, DropWhy::OverLimit { .. } | DropWhy::Damaged { .. });
        of_end && (is_lost || gone.why == DropWhy::OtherClass && !is_denied)
    };
    let nameless = |damage: &Damage| matches!(damage, Damage::Record { section: Section::Answer, owner: None, .. });
    let spoilt =
        found.is_none() && chain.is_empty() && (dropped.iter().any(unusable) || reply.damage.iter().any(nameless));
    let leftover = if chain.is_empty() || found.is_some() { DropWhy::NotAsked } else { DropWhy::BehindAlias };
    dropped.extend(answer.iter().map(|set| gone(set, leftover)));
    let mut clean = Clean {
        rcode: reply.rcode,
        aa: reply.flags.aa(),
        ra: reply.flags.ra(),
        tc: reply.flags.tc() || matches!(cut_in, Some(Section::Answer | Section::Authority)),
        edns: reply.edns.is_some(),
        cookie_refused: false,
        chain,
        end,
        answer: found,
        spoilt,
        chain_end,
        soa: None,
        proof: Vec::new(),
        referral: None,
        glue: Vec::new(),
        sideways: upward.clone(),
        upward,
        above,
    };
    clean.take_authority(zone, asked, authority, &mut dropped);
    clean.take_ds(asked, &mut dropped);
    clean.take_additional(zone, asked, reply.additional, &mut dropped);
    // RFC 9471 §3.1: but for glue, without which a referral to servers in the zone itself leads nowhere.
    let owes_glue = |to: &Referral| to.ns.targets().all(|target| target.is_within(&to.ns.owner));
    clean.tc |= clean.referral.as_ref().is_some_and(owes_glue) && clean.glue.is_empty() && cut_in.is_some();
    (clean, dropped)
}

impl Clean {
    /// The addresses that came along for a name server.
    pub(super) fn addresses_of(&self, name: &Name) -> impl Iterator<Item = IpAddr> {
        self.glue.iter().filter(move |(owner, _)| owner == name).map(|(_, addr)| *addr)
    }

    fn take_authority(&mut self, zone: &Name, asked: &Question, sets: Vec<RrSet>, dropped: &mut Vec<Dropped>) {
        // Behind an alias the authority section speaks of other names than the one asked, the proof of a
        // wildcard excepted.
        let positive = self.answer.is_some() || !self.chain.is_empty();
        let mut ds = None;
        for set in sets {
            match set.rtype {
                // A negative answer is the SOA's (RFC 2308 §2); it must enclose the name that is denied.
                RecordType::SOA if !positive && self.soa.is_none() && self.end.is_within(&set.owner) => {
                    self.soa = Some(set);
                }
                RecordType::NSEC | RecordType::NSEC3 => self.proof.push(set),
                RecordType::DS if ds.is_none() => ds = Some(set),
                RecordType::NS if !positive => self.take_ns(zone, asked, set, dropped),
                _ => dropped.push(gone(&set, DropWhy::NotNeeded)),
            }
        }
        match (&mut self.referral, ds) {
            (Some(referral), Some(set)) if set.owner == referral.ns.owner => referral.ds = Some(set),
            (_, Some(set)) => dropped.push(gone(&set, DropWhy::NotNeeded)),
            _ => {}
        }
    }

    /// A server that does not know that DS lives at the parent refers to the zone, and the set that was asked for is in
    /// the referral (RFC 4035 §3.1.4.1).
    fn take_ds(&mut self, asked: &Question, dropped: &mut Vec<Dropped>) {
        let ours =
            self.referral.take_if(|to| asked.qtype == RecordType::DS && to.ns.owner == asked.name && to.ds.is_some());
        if let Some(referral) = ours {
            dropped.push(gone(&referral.ns, DropWhy::NotNeeded));
            self.answer = referral.ds;
        }
    }

    fn take_ns(&mut self, zone: &Name, asked: &Question, set: RrSet, dropped: &mut Vec<Dropped>) {
        // A referral must move strictly down, and towards the question (RFC 1034 §5.3.3).
        if set.owner.is_below(zone) && asked.name.is_within(&set.owner) && self.referral.is_none() {
            self.referral = Some(Referral { ns: set, ds: None });
        } else {
            dropped.push(gone(&set, DropWhy::NotDown));
            self.sideways.get_or_insert(set.owner);
        }
    }

    fn take_additional(&mut self, zone: &Name, asked: &Question, records: Vec<Record>, dropped: &mut Vec<Dropped>) {
        // Addresses count only for servers of a referral, or of the zone itself when it was asked for
        // its servers (priming, RFC 9609 §4): in both cases as glue, never as an answer.
        let primed = self.answer.as_ref().filter(|_| asked.qtype == RecordType::NS);
        let servers = self.referral.as_ref().map(|referral| &referral.ns).or(primed);
        let is_server = |name: &Name| {
            servers.is_some_and(|ns| ns.rdatas.iter().any(|server| name.wire().eq_ignore_ascii_case(server)))
        };
        let mut glue = Vec::with_capacity(if servers.is_some() { records.len() } else { 0 });
        for record in records {
            let why = match record.address() {
                _ if record.class != DNSClass::IN => DropWhy::OtherClass,
                _ if !record.owner.is_within(zone) => DropWhy::OutOfBailiwick,
                Some(addr) if is_server(&record.owner) => {
                    glue.push((record.owner, addr));
                    continue;
                }
                // Signatures over glue do not exist; those over other additional data go with it, unsaid.
                _ if record.rtype == RecordType::RRSIG => continue,
                _ => DropWhy::NotGlue,
            };
            dropped.push(Dropped { owner: record.owner, rtype: record.rtype, why });
        }
        self.glue = glue;
    }
}

/// Whether a server says by this code that it does not understand the query.
pub(super) fn complains(rcode: ResponseCode) -> bool {
    matches!(rcode, ResponseCode::FormErr | ResponseCode::NotImp | ResponseCode::BADVERS)
}

/// Takes the aliases from the name that was asked on: the first, and those behind it as far as they may be followed and
/// stay in the zone.
///
/// "Only the record describing that alias is necessarily authoritative" (RFC 2181 §5.4.1): what lies behind it may come
/// from the server's cache, or from a forger who had one name to guess. Of names in its own zone a server knows no less
/// than if it were asked again; what it says of them counts for this answer alone (`learn_answer`).
fn follow(
    asked: &Question,
    answer: &mut Vec<RrSet>,
    dropped: &mut Vec<Dropped>,
    may_follow: &dyn Fn(&Name) -> bool,
) -> (Vec<RrSet>, Name, ChainEnd) {
    let mut name = asked.name.clone();
    // RFC 6672 §2.4: below a DNAME there is only the CNAME that is made from it.
    let is_made = |set: &RrSet| set.rtype == RecordType::DNAME && name.is_below(&set.owner);
    let redirected = asked.qtype == RecordType::ANY && answer.iter().any(is_made);
    let dname = if asked.qtype == RecordType::CNAME { take_dname(answer, &name) } else { None };
    if let Some(dname) = dname {
        // Asked for by its own name, the CNAME that is made from a DNAME is the answer, whatever the server has made.
        let made = synthesise(&name, &dname);
        let end = if made.is_some() { ChainEnd::Open } else { ChainEnd::TooLong };
        take(answer, &name, RecordType::CNAME);
        answer.extend(made);
        return (vec![dname], name, end);
    }
    if !redirected && answer.iter().any(|set| answers(set, &name, asked)) {
        return (Vec::new(), name, ChainEnd::Open);
    }
    let (mut chain, mut passed) = (Vec::new(), Vec::new());
    while passed.len() < MAX_LINKS {
        let cname = take(answer, &name, RecordType::CNAME);
        let link = match take_dname(answer, &name) {
            // RFC 6672 §3.4: the CNAME below a DNAME is made here; one that the server made is not needed.
            Some(dname) => {
                let made = synthesise(&name, &dname);
                chain.push(dname);
                let Some(made) = made else { return (chain, name, ChainEnd::TooLong) };
                made
            }
            None => match cname {
                Some(cname) => single(cname, dropped),
                None => break,
            },
        };
        let end = link.targets().next().unwrap_or_else(|| name.clone());
        chain.push(link);
        passed.push(std::mem::replace(&mut name, end));
        if passed.contains(&name) {
            return (chain, name, ChainEnd::Loop);
        }
        let found = answer.iter().any(|set| answers(set, &name, asked));
        if found || !may_follow(&name) {
            break;
        }
    }
    (chain, name, ChainEnd::Open)
}

/// The CNAME that a DNAME stands for (RFC 6672 §2.2); `None` when the name gets too long.
#[must_use]
pub fn synthesise(name: &Name, dname: &RrSet) -> Option<RrSet> {
    let target = dname.targets().next()?;
    let made = name.replace_tail(&dname.owner, &target).ok()?;
    Some(RrSet::new(name.clone(), RecordType::CNAME, dname.ttl_secs, [made.wire()]))
}

/// A name has one CNAME (RFC 2181 §10.1): the first is used.
fn single(cname: RrSet, dropped: &mut Vec<Dropped>) -> RrSet {
    if cname.rdatas.len() == 1 {
        return cname;
    }
    dropped.push(gone(&cname, DropWhy::ExtraCname));
    let first: Rdatas = cname.rdatas.iter().take(1).collect();
    RrSet { rdatas: first, ..cname }
}

fn take_dname(answer: &mut Vec<RrSet>, name: &Name) -> Option<RrSet> {
    let at = answer.iter().position(|set| set.rtype == RecordType::DNAME && name.is_below(&set.owner))?;
    Some(answer.remove(at))
}

/// Whether a set is what was asked for, or a part of it, at `name`. An alias is an answer to ANY as any other set is.
fn answers(set: &RrSet, name: &Name, asked: &Question) -> bool {
    set.owner == *name && (set.rtype == asked.qtype || asked.qtype == RecordType::ANY)
}

/// Takes all sets at a name, for ANY: the last as the answer, the others as what stands before it.
fn take_all(sets: &mut Vec<RrSet>, owner: &Name, before: &mut Vec<RrSet>) -> Option<RrSet> {
    let mut all: Vec<RrSet> = sets.extract_if(.., |set| set.owner == *owner).collect();
    let last = all.pop();
    before.extend(all);
    last
}

fn take(sets: &mut Vec<RrSet>, owner: &Name, rtype: RecordType) -> Option<RrSet> {
    let at = sets.iter().position(|set| set.rtype == rtype && set.owner == *owner)?;
    Some(sets.remove(at))
}

/// The records that could not be read.
fn damaged(damage: &[Damage]) -> Vec<Dropped> {
    let record = |damage: &Damage| match damage {
        Damage::Record { owner: Some(owner), rtype: Some(rtype), why: fault, .. } => {
            Some(Dropped { owner: owner.clone(), rtype: *rtype, why: DropWhy::Damaged { fault: *fault } })
        }
        _ => None,
    };
    damage.iter().filter_map(record).collect()
}

/// What else could not be read.
pub(super) fn broken(damage: &Damage) -> Option<Broken> {
    match damage {
        Damage::Record { owner: Some(_), rtype: Some(_), .. } => None,
        Damage::Record { why: fault, .. } => Some(Broken::Record { fault: *fault }),
        Damage::CutShort { missing, .. } => Some(Broken::CutShort { missing: *missing }),
        Damage::TooMuch { records } => Some(Broken::TooMuch { records: *records }),
        Damage::Trailing { octets } => Some(Broken::Trailing { octets: *octets }),
    }
}

fn gone(set: &RrSet, why: DropWhy) -> Dropped {
    Dropped { owner: set.owner.clone(), rtype: set.rtype, why }
}

/// Records of one owner and type, signatures beside what they cover.
struct Group {
    owner: Name,
    ttl_secs: u32,
    rdatas: SmallVec<[Octets; 2]>,
    sigs: SmallVec<[Octets; 2]>,
}

/// The sets of one section that keep the limits. Records outside `zone` or class IN are dropped. Where RRSIG records
/// were asked for, of the name `plain_sigs`, they form a set of their own, but for those over a DNAME on the way.
fn sets(
    zone: &Name,
    records: Vec<Record>,
    plain_sigs: Option<&Name>,
    limits: &SetLimits,
    dropped: &mut Vec<Dropped>,
) -> Vec<RrSet> {
    let groups = group(zone, records, plain_sigs, limits, dropped);
    let mut sets = Vec::with_capacity(groups.len());
    let crowded = groups.len() > limits.types_per_name;
    let mut types: HashMap<Name, usize> = HashMap::new();
    for (rtype, group) in groups {
        let nth =
            if crowded { types.entry(group.owner.clone()).and_modify(|types| *types += 1).or_insert(1) } else { &1 };
        let octets: usize = group.rdatas.iter().map(|rdata| rdata.len()).sum();
        let over = [
            (Limit::TypesPerName, *nth, limits.types_per_name),
            (Limit::RecordsPerSet, group.rdatas.len(), limits.records),
            (Limit::BytesPerSet, octets, limits.bytes),
        ];
        if let Some((limit, _, value)) = over.into_iter().find(|(_, count, most)| count > most) {
            dropped.push(Dropped { owner: group.owner, rtype, why: DropWhy::OverLimit { limit, value } });
        } else if group.rdatas.is_empty() {
            // A signature without what it signs proves nothing.
            dropped.push(Dropped { owner: group.owner, rtype: RecordType::RRSIG, why: DropWhy::NotAsked });
        } else {
            let mut set = RrSet::new(group.owner, rtype, group.ttl_secs, group.rdatas.iter().map(|rdata| &**rdata));
            set.sigs = group.sigs.iter().map(|sig| &**sig).collect();
            sets.push(set);
        }
    }
    sets
}

/// Groups records by owner and type, in the order in which they came.
fn group(
    zone: &Name,
    records: Vec<Record>,
    plain_sigs: Option<&Name>,
    limits: &SetLimits,
    dropped: &mut Vec<Dropped>,
) -> Vec<(RecordType, Group)> {
    if records.is_empty() {
        return Vec::new();
    }
    let mut order: Vec<(RecordType, Group)> = Vec::new();
    // Nearly all replies have few sets; only for the others is an index worth its price.
    let mut index: HashMap<(Name, RecordType), usize> = HashMap::new();
    for record in records {
        let why = match record.class {
            DNSClass::IN if record.owner.is_within(zone) => None,
            DNSClass::IN => Some(DropWhy::OutOfBailiwick),
            _ => Some(DropWhy::OtherClass),
        };
        if let Some(why) = why {
            dropped.push(Dropped { owner: record.owner, rtype: record.rtype, why });
            continue;
        }
        let on_the_way = |name: &Name| record.covers() == Some(RecordType::DNAME) && record.owner != *name;
        let covers = record.covers().filter(|_| plain_sigs.is_none_or(on_the_way));
        let rtype = covers.unwrap_or(record.rtype);
        let same = |(other, group): &(RecordType, Group)| *other == rtype && group.owner == record.owner;
        let known = order[..order.len().min(UNINDEXED)].iter().position(same);
        let at = known.unwrap_or_else(|| {
            let next = order.len();
            let mut open = |owner: Name| {
                order
                    .push((rtype, Group { owner, ttl_secs: u32::MAX, rdatas: SmallVec::new(), sigs: SmallVec::new() }));
                next
            };
            if next < UNINDEXED {
                return open(record.owner.clone());
            }
            *index.entry((record.owner.clone(), rtype)).or_insert_with_key(|(owner, _)| open(owner.clone()))
        });
        let group = &mut order[at].1;
        // RFC 2181 §5.2: the least TTL counts for the whole set.
        group.ttl_secs = group.ttl_secs.min(record.ttl_secs);
        let (list, room) = match covers {
            Some(_) => (&mut group.sigs, MAX_SIGS),
            None => (&mut group.rdatas, limits.records + 1),
        };
        // RFC 2181 §5: a set has no two equal members.
        if list.len() < room && !list.iter().any(|known| dnssec::is_same(record.rtype, known, &record.rdata)) {
            list.push(record.rdata);
        }
    }
    order
}
