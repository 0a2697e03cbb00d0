//! What the stores hold.

use std::net::IpAddr;
use std::sync::Arc;

use super::rank::{Rank, Security};
use super::usage::Usage;
use crate::dnssec::ZoneTrust;
use crate::time::Time;
use crate::trace::{NameServer, Source};
use crate::wire::{Ede, Name, ResponseCode, RrSet, Template};

/// Most records in one set, and most signatures over it (CVE-2024-1737: sets without bound cost every
/// look-up that touches them).
const MAX_RECORDS: usize = 256;
/// Most octets of data in one set with its signatures, or of one denial or delegation with its proof
/// (CacheFlush: huge entries push everything else out).
const MAX_OCTETS: usize = 16_384;
/// What the allocator adds to a block, with its rounding, and the two counters of an `Arc`.
pub(super) const PER_BLOCK: usize = 16;

/// The least that an allocator gives.
const LEAST_BLOCK: usize = 32;

/// What became of something that was put into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is in the cache.
    Stored,
    /// Something fresh is known more surely (RFC 2181 §5.4.1) and was kept instead.
    KeptBetter(Rank),
    /// Its TTL is 0: it is for the transaction in progress alone (RFC 1035 §3.2.1).
    ZeroTtl,
    /// The delegation of an enclosing zone ends before this one could begin.
    ParentExpired,
    /// It stands for names below as well, and some were flushed since whoever found it has begun.
    Flushed,
    /// More records than a set may have in the cache.
    TooManyRecords(usize),
    /// More octets of data than an entry may have in the cache.
    TooLarge(usize),
}

/// An answer ready to send.
#[derive(Debug)]
pub struct Answer {
    /// The message without OPT.
    pub template: Template,
    /// The sentences that go with it.
    pub edes: Box<[Ede]>,
    /// When its records were stored, the oldest of them: their TTLs count from here.
    pub stored: Time,
    /// From when on it may not be used: when the first of its records expires.
    pub expires: Time,
    /// Whether all of it was proved by DNSSEC, so that AD may be set (RFC 4035 §3.2.3).
    pub secure: bool,
    /// Until when the signatures over it hold, whatever becomes of its TTL, in seconds since 1970 modulo 2^32; without
    /// meaning unless it is secure.
    pub signed_until: u32,
    /// How it is used.
    pub usage: Usage,
}

/// What an answer is filed under.
#[derive(Clone, Copy, Debug)]
pub struct AnswerKey<'a> {
    /// The name that was asked, in uncompressed wire form and any case.
    pub qname_wire: &'a [u8],
    /// The type that was asked.
    pub qtype: u16,
    /// Whether the answer has DNSSEC records (DO).
    pub dnssec_ok: bool,
    /// Whether the answer was not validated (CD); it is never given to those who want it validated.
    pub checking_disabled: bool,
}

/// A record set with what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSet {
    /// The set; its TTL is the one at which it was stored, caps applied.
    pub set: RrSet,
    /// NSEC and NSEC3 sets that show why a wildcard may stand for the owner (RFC 4035 §5.3.4).
    pub proof: Box<[RrSet]>,
    /// How surely it is known.
    pub rank: Rank,
    /// What DNSSEC has shown of it; what is not proved never takes the place of what is.
    pub security: Security,
    /// From whom.
    pub from: Source,
    /// When it was stored.
    pub stored: Time,
    /// From when on it may not be used.
    pub expires: Time,
}

/// What does not exist (RFC 2308 §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DenialKind {
    /// The name (NXDOMAIN).
    NxDomain,
    /// Records of this type at the name (NODATA).
    NoData,
}

impl DenialKind {
    /// The response code that says so (RFC 2308 §2).
    #[must_use]
    pub const fn rcode(self) -> ResponseCode {
        match self {
            Self::NxDomain => ResponseCode::NXDomain,
            Self::NoData => ResponseCode::NoError,
        }
    }
}

/// A statement that a name, or a type at a name, does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What does not exist.
    pub kind: DenialKind,
    /// The SOA that came with the denial; in the cache its TTL is the negative TTL (RFC 2308 §5).
    pub soa: Option<RrSet>,
    /// NSEC or NSEC3 sets that came with it.
    pub proof: Box<[RrSet]>,
    /// What DNSSEC has shown of it.
    pub security: Security,
    /// From whom it is known.
    pub from: Source,
    /// When it was stored; set by [`Cache::put_denial`](super::Cache::put_denial).
    pub stored: Time,
    /// From when on it may not be used; set by [`Cache::put_denial`](super::Cache::put_denial).
    pub expires: Time,
}

impl Denial {
    /// A denial as it was heard; its times are set when it is put into the cache.
    #[must_use]
    pub fn heard(kind: DenialKind, soa: Option<RrSet>, proof: impl Into<Box<[RrSet]>>, from: Source) -> Self {
        let security = Security::Unchecked;
        Self { kind, soa, proof: proof.into(), security, from, stored: Time::ZERO, expires: Time::ZERO }
    }

    /// Whether it was told with TTL 0: it says what is over and is not served itself.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.expires <= self.stored
    }
}

/// A zone cut as the parent describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// The child zone.
    pub zone: Name,
    /// Its servers, with the addresses that came as glue.
    pub servers: Arc<[NameServer]>,
    /// The DS set of the child, where the parent has one.
    pub ds: Option<RrSet>,
    /// NSEC or NSEC3 sets that came with the referral.
    pub proof: Box<[RrSet]>,
    /// From whom it is known.
    pub from: Source,
    /// When it was stored.
    pub stored: Time,
    /// When the zone above was asked for it anew, and has not told it since; the origin of time where it was not.
    pub requeried: Time,
    /// From when on it may not be used. The caller gives the parent's NS TTL;
    /// [`Cache::put_delegation`](super::Cache::put_delegation) applies floor and caps.
    pub expires: Time,
}

/// What was proved of a zone: its keys, or that it cannot be validated.
#[derive(Clone, Debug)]
pub struct KnownZone {
    /// The keys or the reason.
    pub trust: Arc<ZoneTrust>,
    /// When it was proved, or that was tried anew.
    pub stored: Time,
    /// From when on it has to be proved anew.
    pub expires: Time,
}

/// A question that could not be answered, and why (RFC 9520).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The sentences that explain it.
    pub edes: Box<[Ede]>,
    /// Whether it is what its servers have said, as [`crate::trace::Failure::is_told`].
    pub is_told: bool,
    /// How often in a row the question has failed.
    pub times: u16,
    /// When it failed.
    pub stored: Time,
    /// From when on the question may be tried again.
    pub expires: Time,
}

impl Answer {
    pub(super) fn heap_bytes(&self) -> usize {
        // The template has three blocks, two of which are often smaller than the allocator's least.
        self.template.heap_bytes() + 3 * PER_BLOCK + LEAST_BLOCK + edes_heap(&self.edes) + self.usage.heap_bytes()
    }
}

impl KnownSet {
    /// Whether this is within what one entry may hold.
    pub(super) fn fits(&self) -> Result<(), Put> {
        let records = self.set.rdatas.len().max(self.set.sigs.len());
        if records > MAX_RECORDS {
            return Err(Put::TooManyRecords(records));
        }
        bounded(self.set.heap_bytes() + self.proof.iter().map(RrSet::heap_bytes).sum::<usize>())
    }
}

impl Denial {
    /// Whether this is within what one entry may hold.
    pub(super) fn fits(&self) -> Result<(), Put> {
        bounded(self.soa.iter().chain(&self.proof).map(RrSet::heap_bytes).sum())
    }

    pub(super) fn heap_bytes(&self) -> usize {
        sets_heap(&self.soa) + boxed_sets(&self.proof) + self.from.heap_bytes()
    }
}

impl Delegation {
    /// The DS set and the proof that came with the referral as they stand `now`: their time may be over before that of
    /// the servers is.
    #[must_use]
    pub fn signed(&self, now: Time) -> (Option<RrSet>, Vec<RrSet>) {
        let left = |set: &RrSet| {
            let ttl_secs = self.stored.after_ttl(set.ttl_secs).secs_since(now);
            (ttl_secs > 0).then(|| RrSet { ttl_secs, ..set.clone() })
        };
        (self.ds.as_ref().and_then(left), self.proof.iter().filter_map(left).collect())
    }

    /// Whether this is within what one entry may hold.
    pub(super) fn fits(&self) -> Result<(), Put> {
        bounded(self.servers_heap() + self.ds.iter().chain(&self.proof).map(RrSet::heap_bytes).sum::<usize>())
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.servers_heap()
            + self.zone.heap_bytes()
            + sets_heap(&self.ds)
            + boxed_sets(&self.proof)
            + self.from.heap_bytes()
    }

    fn servers_heap(&self) -> usize {
        self.servers.iter().map(server_bytes).sum::<usize>() + 2 * PER_BLOCK
    }
}

impl KnownZone {
    pub(super) fn heap_bytes(&self) -> usize {
        PER_BLOCK + size_of::<ZoneTrust>() + self.trust.heap_bytes()
    }
}

impl Failure {
    pub(super) fn heap_bytes(&self) -> usize {
        edes_heap(&self.edes)
    }
}

/// Octets that a name server takes, in its slice and beyond it.
fn server_bytes(server: &NameServer) -> usize {
    let spilled = if server.addrs.spilled() { server.addrs.capacity() * size_of::<IpAddr>() + PER_BLOCK } else { 0 };
    size_of::<NameServer>() + server.name.heap_bytes() + spilled
}

/// Octets of extended errors with their block.
fn edes_heap(edes: &[Ede]) -> usize {
    let each = |ede: &Ede| size_of::<Ede>() + ede.text.len() + 2 * PER_BLOCK;
    edes.iter().map(each).sum::<usize>() + if edes.is_empty() { 0 } else { PER_BLOCK }
}

fn bounded(octets: usize) -> Result<(), Put> {
    if octets > MAX_OCTETS { Err(Put::TooLarge(octets)) } else { Ok(()) }
}

pub(super) fn sets_heap<'a>(sets: impl IntoIterator<Item = &'a RrSet>) -> usize {
    // Up to three blocks each: a long name, the data, the signatures.
    let blocks = |set: &RrSet| usize::from(!set.rdatas.is_empty()) + usize::from(!set.sigs.is_empty());
    sets.into_iter().map(|set| set.heap_bytes() + blocks(set) * PER_BLOCK).sum()
}

fn boxed_sets(sets: &[RrSet]) -> usize {
    if sets.is_empty() { 0 } else { size_of_val(sets) + PER_BLOCK + sets_heap(sets) }
}
