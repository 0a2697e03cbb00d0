//! Records as what they say.

use rootwalk::wire::{Rdatas, Record, RrSet};

/// Records as sets with their signatures.
pub(crate) fn sets(records: &[Record]) -> Vec<RrSet> {
    let mut sets: Vec<RrSet> = Vec::new();
    for record in records {
        let rtype = record.covers().unwrap_or(record.rtype);
        let at = sets.iter().position(|set| set.owner == record.owner && set.rtype == rtype);
        let at = at.unwrap_or_else(|| {
            sets.push(RrSet::new(record.owner.clone(), rtype, record.ttl_secs, std::iter::empty()));
            sets.len() - 1
        });
        let all = |old: &Rdatas| old.iter().chain([&*record.rdata]).collect();
        match record.covers() {
            Some(_) => sets[at].sigs = all(&sets[at].sigs),
            None => sets[at].rdatas = all(&sets[at].rdatas),
        }
    }
    sets
}
