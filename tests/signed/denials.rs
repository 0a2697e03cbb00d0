//! The NSEC and NSEC3 records of a zone, and which of them come near a name: those at it and around it, at what lies
//! above it, and at the wildcards that may stand for it.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use data_encoding::BASE32HEX_NOPAD;
use rootwalk::wire::{Name, RecordType, RrSet};

use crate::model::{Denial, Signing};

/// The records in the order of the zone: by name, or by hash.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    by_name: BTreeMap<Name, RrSet>,
    by_hash: BTreeMap<Vec<u8>, RrSet>,
    iterations: u16,
    salt: Vec<u8>,
}

impl Denials {
    pub(crate) fn new(all: &[RrSet], signing: Option<&Signing>) -> Self {
        let mut denials = Self::default();
        if let Some(Signing { denial: Denial::Nsec3 { iterations, salt, .. }, .. }) = signing {
            denials.iterations = *iterations;
            denials.salt = data_encoding::HEXUPPER.decode(salt.trim_matches('-').as_bytes()).unwrap();
        }
        for set in all {
            match set.rtype {
                RecordType::NSEC => drop(denials.by_name.insert(set.owner.clone(), set.clone())),
                RecordType::NSEC3 => {
                    let hash = set.owner.labels().next().unwrap().to_ascii_uppercase();
                    denials.by_hash.insert(BASE32HEX_NOPAD.decode(&hash).unwrap(), set.clone());
                }
                _ => {}
            }
        }
        denials
    }

    /// RFC 5155 section 5.
    pub(crate) fn hash(&self, name: &Name) -> Vec<u8> {
        let digest = |data: &[u8]| {
            let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
            context.update(data);
            context.update(&self.salt);
            context.finish().as_ref().to_vec()
        };
        (0..self.iterations).fold(digest(name.to_lower().wire()), |hash, _| digest(&hash))
    }

    /// The record at the name, or that in whose span it lies.
    fn near(&self, name: &Name) -> Option<&RrSet> {
        fn last<'a, K: Ord>(all: &'a BTreeMap<K, RrSet>, key: &K) -> Option<&'a RrSet> {
            all.range(..=key).next_back().or(all.iter().next_back()).map(|(_, set)| set)
        }
        last(&self.by_name, name).or_else(|| last(&self.by_hash, &self.hash(name)))
    }

    /// All that come near a name of this zone, which has as many labels, each once.
    pub(crate) fn around(&self, name: &Name, labels: usize) -> Vec<RrSet> {
        let mut around: Vec<RrSet> = Vec::new();
        for above in (labels..=name.label_count()).rev().map(|count| name.suffix(count)) {
            let near = [Some(above.clone()), above.prepend(b"*").ok()].into_iter().flatten();
            for set in near.filter_map(|name| self.near(&name)) {
                if !around.contains(set) {
                    around.push(set.clone());
                }
            }
        }
        around
    }

    /// The NSEC records at wildcards.
    pub(crate) fn of_wildcards(&self) -> impl Iterator<Item = &RrSet> {
        self.by_name.values().filter(|set| set.owner.labels().next() == Some(b"*"))
    }
}
