//! What a walk comes to: records, or a failure that has a name.

use crate::dnssec;
use crate::wire::{Ede, RecordType, ResponseCode, RrSet};

pub use crate::trace::Failure;

/// The answer to one question, or why there is none.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The response code for the client.
    pub rcode: ResponseCode,
    /// The aliases in order, then the set that was asked for.
    pub answer: Vec<RrSet>,
    /// For a denial the SOA and its proof; for a wildcard answer the proof.
    pub authority: Vec<RrSet>,
    /// Why there is no answer.
    pub failure: Option<Failure>,
    /// What else the client is told, such as why the answer is not all of it.
    pub notes: Vec<Ede>,
    /// Whether all of it was proved (RFC 4035 §3.2.3: then AD may be set).
    pub secure: bool,
}

impl Outcome {
    /// The walk was given up because the program ends, or a worker did.
    #[must_use]
    pub fn abandoned() -> Self {
        Self::failed(Failure::Abandoned)
    }

    /// Nothing but the failure.
    #[must_use]
    pub fn failed(failure: Failure) -> Self {
        Self {
            rcode: ResponseCode::ServFail,
            answer: Vec::new(),
            authority: Vec::new(),
            failure: Some(failure),
            notes: Vec::new(),
            secure: false,
        }
    }

    /// Seconds until the first of the signatures over it ends; 0 when one is over or there is none, or when what it
    /// ends with was made of records that do not stand in it (DNS64).
    #[must_use]
    pub fn signed_secs(&self, unix_secs: u32) -> u32 {
        let is_made = |last: &RrSet| last.rtype == RecordType::AAAA && last.sigs.is_empty();
        if self.authority.is_empty() && self.answer.last().is_some_and(is_made) {
            return 0;
        }
        dnssec::signed_secs(self.answer.iter().chain(&self.authority), unix_secs)
    }

    /// The extended errors for the client (RFC 8914).
    #[must_use]
    pub fn edes(&self) -> Vec<Ede> {
        let mut edes = self.failure.as_ref().map(Failure::edes).unwrap_or_default();
        edes.extend(self.notes.iter().cloned());
        edes
    }
}

/// Each of `sets` once, the first of those that are the same (RFC 2181 §5): several aliases, and what they lead to, may
/// be proved by the same records.
pub(super) fn once(sets: impl Iterator<Item = RrSet>) -> Vec<RrSet> {
    let mut all: Vec<RrSet> = Vec::new();
    for set in sets {
        if !all.iter().any(|known| known.is_as(&set)) {
            all.push(set);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::name;

    /// What DNS64 makes of signed A records has no signature that would say for how long it is proved.
    #[test]
    fn the_signature_over_an_alias_says_nothing_of_what_was_made() {
        let (now, until) = (1000_u32, 5000_u32);
        let times = [3600_u32, until, 0].map(u32::to_be_bytes).concat();
        let sig = [&[0, 5, 13, 2][..], &times, &[0, 7, 0], &[1; 64]].concat();
        let set = |owner, rtype, sigs: &[&[u8]]| {
            let set = RrSet::new(name(owner), rtype, 60, [&[0][..]]);
            RrSet { sigs: sigs.iter().copied().collect(), ..set }
        };
        let alias = set("www.example", RecordType::CNAME, &[&sig]);
        let told = |last| Outcome { answer: vec![alias.clone(), last], ..Outcome::failed(Failure::Abandoned) };
        assert_eq!(told(set("host.example", RecordType::A, &[&sig])).signed_secs(now), until - now);
        assert_eq!(told(set("host.example", RecordType::AAAA, &[])).signed_secs(now), 0);
        // RFC 6672 §5.3.1: what a DNAME has made is as sure as the DNAME, which stands before it.
        assert_eq!(told(set("host.example", RecordType::CNAME, &[])).signed_secs(now), until - now);
    }
}
