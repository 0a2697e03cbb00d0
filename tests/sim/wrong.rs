//! What is wrong with the replies of servers that have no sound proofs of what they say.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt, SeedableRng};
use rootwalk::lab::{Lab, Packet, Reaction};
use rootwalk::trace::Transport;
use rootwalk::walk::ask::Ask;
use rootwalk::wire::{Name, Question, Record, RecordType, Reply, ResponseCode};

use super::resolver::query_bytes;
use super::trouble::rewrite;

/// What it does to a right reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Leaves out the signatures over this type.
    LosesSigs(RecordType),
    /// Leaves out what is of this type, and its signatures.
    Loses(RecordType),
    /// Leaves out one of the names whose records are to prove something.
    LosesProof(usize),
    /// Turns a bit at this place of each signature.
    Flips(usize),
    /// Proves that another name is not there.
    OtherProofs,
    /// Says that of all names.
    OtherDenial,
    IgnoresDo,
    BeforeEdns,
    Lower,
    Shuffles,
    /// Gives each record of a set a TTL of its own.
    TtlsDiffer,
    /// Puts a false key, DS record or signature before each right one.
    Adds,
    /// Leaves one record of each section.
    Cuts,
    /// TC, over TCP as well.
    Truncated,
    Silent,
    Fails,
    NxDomain,
    NoError,
    /// Puts the answer where the proofs belong.
    Swaps,
}

/// To which replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Always,
    For(RecordType),
    But(RecordType),
    Answer,
    Referral,
    Denial,
}

pub(super) const SIGNED: [RecordType; 10] = [
    RecordType::A,
    RecordType::DNSKEY,
    RecordType::DS,
    RecordType::NSEC,
    RecordType::NSEC3,
    RecordType::SOA,
    RecordType::CNAME,
    RecordType::DNAME,
    RecordType::TXT,
    RecordType::NS,
];
const PROOFS: [RecordType; 2] = [RecordType::NSEC, RecordType::NSEC3];
const EXTRA: [RecordType; 4] = [RecordType::NSEC, RecordType::NSEC3, RecordType::RRSIG, RecordType::DNAME];
const NAMED: [RecordType; 3] = [RecordType::DNSKEY, RecordType::DS, RecordType::RRSIG];

pub(super) fn one<T: Copy>(of: &[T], rng: &mut StdRng) -> T {
    *of.choose(rng).expect("there are some")
}

/// The type of a record, or the one that it signs.
fn kind(record: &Record) -> RecordType {
    record.covers().unwrap_or(record.rtype)
}

impl When {
    pub(super) fn any(rng: &mut StdRng) -> Self {
        let own = [RecordType::DS, RecordType::DNSKEY];
        match rng.random_range(0..9) {
            0..3 => Self::Always,
            3..5 => Self::For(one(&own, rng)),
            5 => Self::But(one(&own, rng)),
            6 => Self::Answer,
            7 => Self::Referral,
            _ => Self::Denial,
        }
    }

    fn holds(self, ask: &Ask, reply: &Reply) -> bool {
        let refers = !reply.flags.aa() && reply.answer.is_empty();
        match self {
            Self::Always => true,
            Self::For(qtype) => ask.question.qtype == qtype,
            Self::But(qtype) => ask.question.qtype != qtype,
            Self::Answer => !reply.answer.is_empty(),
            Self::Referral => refers,
            Self::Denial => reply.answer.is_empty() && !refers,
        }
    }
}

impl Does {
    pub(super) fn any(rng: &mut StdRng) -> Self {
        match rng.random_range(0..22) {
            0..3 => Self::LosesSigs(one(&SIGNED, rng)),
            3..5 => Self::Loses(one(&[&EXTRA[..], &NAMED].concat(), rng)),
            5 => Self::LosesProof(rng.random_range(0..3)),
            // RFC 4034 §3.1: what stands where in a signature.
            6..8 => Self::Flips(one(&[1, 2, 3, 7, 8, 12, 17, 19, 30], rng)),
            8 => Self::OtherProofs,
            9 => Self::OtherDenial,
            10 => Self::IgnoresDo,
            11 => Self::BeforeEdns,
            12 => Self::Lower,
            13 => Self::Shuffles,
            14 => Self::TtlsDiffer,
            15 => Self::Adds,
            16 => Self::Cuts,
            17 => Self::Truncated,
            18 => one(&[Self::Silent, Self::Fails], rng),
            19 => Self::NxDomain,
            20 => Self::NoError,
            _ => Self::Swaps,
        }
    }

    pub(super) fn spoil(self, when: When, (lab, zone): (&Lab, &Name), ask: &Ask, packets: &mut Vec<Packet>) {
        let reply = packets.first().and_then(|packet| Reply::read(&packet.bytes).ok());
        if reply.is_none_or(|reply| !when.holds(ask, &reply)) {
            return;
        }
        if self == Self::Silent {
            return packets.clear();
        }
        let other = zone.prepend(b"zzz").expect("short");
        let other = Ask { question: Question::new(other, RecordType::A), ..ask.clone() };
        let other = match lab.authority().react(ask.server.ip(), Transport::Tcp, &query_bytes(&other, 1), 1) {
            Some(Reaction::Packets(packets)) => Reply::read(&packets[0].bytes).expect("the lab can write"),
            _ => panic!("the lab has a server at {}", ask.server),
        };
        packets.iter_mut().for_each(|packet| rewrite(packet, |reply| self.change(&other, reply)));
    }

    fn change(self, other: &Reply, reply: &mut Reply) {
        let is_proof = |record: &Record| PROOFS.contains(&kind(record));
        let sections = [&mut reply.answer, &mut reply.authority, &mut reply.additional];
        match self {
            Self::LosesProof(nth) => {
                let owners = reply.authority.iter().filter(|record| is_proof(record)).map(|record| &record.owner);
                let owners: BTreeSet<Name> = owners.cloned().collect();
                let lost = owners.into_iter().nth(nth);
                reply.authority.retain(|record| !is_proof(record) || Some(&record.owner) != lost.as_ref());
            }
            Self::OtherProofs => {
                reply.authority.retain(|record| !is_proof(record));
                reply.authority.extend(other.authority.iter().filter(|record| is_proof(record)).cloned());
            }
            Self::OtherDenial => *reply = Reply { id: reply.id, question: reply.question.clone(), ..other.clone() },
            Self::Truncated => (reply.answer, reply.flags) = (Vec::new(), reply.flags.with_tc(true)),
            Self::Fails => {
                sections.into_iter().for_each(Vec::clear);
                reply.rcode = ResponseCode::ServFail;
            }
            Self::NxDomain => reply.rcode = ResponseCode::NXDomain,
            Self::NoError => (reply.answer, reply.rcode) = (Vec::new(), ResponseCode::NoError),
            Self::Swaps => std::mem::swap(&mut reply.answer, &mut reply.authority),
            _ => sections.into_iter().for_each(|records| self.rearrange(records)),
        }
        if self == Self::BeforeEdns {
            reply.edns = None;
        }
    }

    fn rearrange(self, records: &mut Vec<Record>) {
        let flip = |record: &Record, at: usize| {
            let mut rdata = record.rdata.to_vec();
            rdata[at] ^= 1;
            Record { rdata: rdata.into(), ..record.clone() }
        };
        match self {
            Self::LosesSigs(rtype) => records.retain(|record| record.covers() != Some(rtype)),
            Self::Loses(rtype) => records.retain(|record| record.rtype != rtype && kind(record) != rtype),
            Self::Flips(at) => {
                let sigs = records.iter_mut().filter(|record| record.covers().is_some());
                sigs.for_each(|record| *record = flip(record, at));
            }
            Self::IgnoresDo | Self::BeforeEdns => records.retain(|record| !EXTRA[..3].contains(&record.rtype)),
            Self::Lower => records.iter_mut().for_each(|record| record.owner = record.owner.to_lower()),
            Self::Shuffles => records.shuffle(&mut StdRng::seed_from_u64(1)),
            Self::TtlsDiffer => (1..).zip(records).for_each(|(nth, record)| record.ttl_secs = nth * 13 % 60),
            Self::Adds => {
                let more = records.iter().filter(|record| NAMED.contains(&record.rtype));
                let more: Vec<Record> = more.map(|record| flip(record, record.rdata.len() - 1)).collect();
                records.splice(0..0, more);
            }
            // What servers there are nobody proves.
            Self::Cuts if records.iter().all(|record| record.rtype != RecordType::NS) => records.truncate(1),
            _ => {}
        }
    }
}
