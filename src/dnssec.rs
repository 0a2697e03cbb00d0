//! Whether what was heard can be proved, from a trust anchor down (RFC 4033 to 4035, RFC 5155, RFC 6840).
//!
//! [`Judge::judge`] takes one statement of a reply and what is known, and says [`Verdict::Secure`],
//! [`Verdict::Insecure`], [`Verdict::Bogus`] or which question has to be asked first. It asks nobody itself. Signed
//! data is built here from the raw octets of the records; the library does the arithmetic of the keys.

mod algorithm;
mod anchor;
mod canonical;
mod chain;
mod denial;
mod infer;
mod judge;
mod key;
mod limits;
mod memo;
#[cfg(test)]
mod model;
mod negative;
mod nsec;
mod nsec3;
mod parsed;
mod place;
pub mod rollover;
mod rrsig;
mod rsa;
mod span;
mod verify;
pub mod zonemd;

use std::fmt;
use std::sync::Arc;

use crate::trace::{Bogus, Insecure};
use crate::wire::{Name, Question, RecordType, RrSet};

pub use algorithm::Accepts;
pub use anchor::{Anchor, AnchorError, Anchors};
pub use canonical::{are_same, is_same};
pub use infer::{Inferred, infer};
pub use judge::{Judge, Learned};
pub use key::{Ds, Key, key_tag};
pub use limits::{Limits, Spent};
pub use negative::{Look, Moment, NegativeAnchor, NegativeAnchors};
pub use place::{Hash, Nsec3Params, Place};
pub use span::{Span, Spans};

/// How things are validated; the same for all walks of a resolver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where trust begins.
    pub anchors: Anchors,
    /// Names at and below which nothing is validated (RFC 7646).
    pub negative: NegativeAnchors,
    /// Which algorithms and keys count.
    pub accepts: Accepts,
    /// Whether what was proved answers other questions as well (RFC 8198).
    pub aggressive: bool,
    /// Whether questions that ask for keys of the root are heeded (RFC 8509).
    pub sentinel: bool,
    /// Whether questions for the keys of a zone with trust anchors tell which keys those are (RFC 8145 §4).
    pub key_tag_option: bool,
}

/// One thing that a reply says.
#[derive(Clone, Copy, Debug)]
pub enum Statement<'a> {
    /// That a set exists.
    Set {
        /// The set, its signatures beside it.
        set: &'a RrSet,
        /// NSEC and NSEC3 sets that came with it, for a wildcard.
        proof: &'a [RrSet],
    },
    /// That a name or a type at it does not exist.
    Denial {
        /// The name and the type.
        question: &'a Question,
        /// Whether the name itself is denied.
        no_name: bool,
        /// The SOA set.
        soa: Option<&'a RrSet>,
        /// NSEC and NSEC3 sets.
        proof: &'a [RrSet],
    },
}

/// What became of a statement (RFC 4035 §4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A chain of signatures leads to it from a trust anchor.
    Secure {
        /// For how long at most.
        ttl_secs: u32,
    },
    /// Although the reply says that the name does not exist, the proof shows that it has no such records and no more.
    NoData {
        /// For how long at most.
        ttl_secs: u32,
    },
    /// It is proved, or set, that it cannot be proved.
    Insecure(Insecure),
    /// It should be provable and is not.
    Bogus(Bogus),
    /// This has to be asked first.
    Needs(Question),
}

/// What is known of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneTrust {
    /// Its name.
    pub zone: Name,
    /// Its keys, or why there are none to be had.
    pub status: Status,
    /// For how long this holds.
    pub ttl_secs: u32,
}

/// Whether the data of a zone can be proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// These keys sign it.
    Secure(Box<[Key]>),
    /// It cannot.
    Insecure(Insecure),
}

impl ZoneTrust {
    /// Whether its data can be proved.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        matches!(self.status, Status::Secure(_))
    }

    /// Octets on the heap that this value keeps alive.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let keys = match &self.status {
            Status::Secure(keys) => keys.iter().map(|key| size_of::<Key>() + key.heap_bytes()).sum(),
            Status::Insecure(_) => 0,
        };
        self.zone.heap_bytes() + keys
    }
}

/// A thing that was asked for, perhaps.
#[derive(Clone, Debug)]
pub enum Fact<T> {
    /// It was not asked for.
    Unknown,
    /// It was asked for and cannot be had.
    Missing,
    /// Here it is.
    Is(T),
}

/// What a parent said of a possible zone cut.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    /// The DS set.
    pub ds: Option<RrSet>,
    /// The CNAME set that came instead.
    pub alias: Option<RrSet>,
    /// NSEC and NSEC3 sets that came instead.
    pub proof: Vec<RrSet>,
}

/// Whether a wildcard made `set`, by what its signatures say, or by what they say themselves when they were asked for:
/// then it is worth nothing without the proof that came with it (RFC 4035 §5.3.4).
#[must_use]
pub fn is_expanded(set: &RrSet) -> bool {
    let sigs = if set.rtype == RecordType::RRSIG { &set.rdatas } else { &set.sigs };
    sigs.iter().filter_map(rrsig::Rrsig::read).any(|sig| sig.is_of_wildcard(&set.owner))
}

/// Seconds until the first of the signatures over `sets` ends; 0 when one is over. Sets without signatures are made
/// from others (RFC 6672 §2.2) and do not count.
#[must_use]
pub fn signed_secs<'s>(sets: impl IntoIterator<Item = &'s RrSet>, now_secs: u32) -> u32 {
    let left = |sig: &[u8]| rrsig::Rrsig::read(sig).map_or(0, |sig| sig.left_secs(now_secs));
    sets.into_iter().flat_map(|set| set.sigs.iter()).map(left).min().unwrap_or(0)
}

/// What is known without asking anybody.
pub trait Known: fmt::Debug {
    /// What was proved of a zone before.
    fn zone(&self, zone: &Name) -> Option<Arc<ZoneTrust>>;
    /// What was heard of a possible zone cut at `name`, from its parent's side, and whether the DS set itself was asked
    /// for.
    fn cut(&self, name: &Name) -> (Option<Cut>, bool);
    /// NSEC and NSEC3 sets that came with the answer and may show more than what it says.
    fn told(&self) -> &[RrSet];
    /// The zone at or above `name` whose servers the operator names, if there is one other than the root.
    fn own_zone(&self, name: &Name) -> Option<Name>;
    /// The DNSKEY set of a zone.
    fn keys(&self, zone: &Name) -> Fact<RrSet>;
    /// For how long a set that was proved before still is.
    fn proved_secs(&self, set: &RrSet) -> Option<u32>;
}
