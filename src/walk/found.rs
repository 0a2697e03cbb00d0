//! What a goal came to, and what of it is proved so far.

use std::sync::Arc;

use crate::cache::DenialKind;
use crate::dnssec::ZoneTrust;
use crate::trace::Insecure;
use crate::wire::RrSet;

use super::outcome::Failure;
use super::special::SpecialZone;

/// What a goal came to.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// The set that was asked for, at the end of the aliases.
    Answer(RrSet),
    /// The name at the end of the aliases does not exist, or has no such records.
    Denied(DenialKind, Denied),
    /// The aliases lead to a name of which nobody is asked.
    Special(Arc<SpecialZone>),
    /// A DNAME made a name that is too long: the aliases are the answer (RFC 6672 §2.2).
    TooLong,
    /// Nothing.
    Failed(Failure),
}

/// The records of a denial.
#[derive(Clone, Debug, Default)]
pub(super) struct Denied {
    /// The SOA, its TTL already that of the denial.
    pub(super) soa: Option<RrSet>,
    /// NSEC and NSEC3 sets.
    pub(super) proof: Vec<RrSet>,
}

impl Denied {
    /// All of them, the SOA first.
    pub(super) fn records(&self) -> Vec<RrSet> {
        self.soa.iter().chain(&self.proof).cloned().collect()
    }
}

/// What the client's question came to, as far as it is judged.
#[derive(Debug)]
pub(super) struct Proving {
    pub(super) found: Found,
    /// NSEC and NSEC3 sets that came with the answer and with the aliases before it.
    pub(super) proof: Vec<RrSet>,
    /// For how long each statement that was judged may be used.
    pub(super) ttls_secs: Vec<u32>,
    /// Why not all of it is secure.
    pub(super) insecure: Option<Insecure>,
    /// Whether there is something that is never signed.
    pub(super) unsigned: bool,
    /// Whether the name exists, although the reply says that it does not.
    pub(super) exists: bool,
    /// What of `proof` was proved.
    pub(super) shown: Vec<RrSet>,
    /// The zones that were proved on the way: the cache keeps none that lives for less than a second, and a chain of
    /// such would be walked anew after each question.
    pub(super) zones: Vec<Arc<ZoneTrust>>,
}

impl Proving {
    /// The set that was asked for.
    pub(super) fn answer(&self) -> Option<&RrSet> {
        match &self.found {
            Found::Answer(set) => Some(set),
            _ => None,
        }
    }
}
