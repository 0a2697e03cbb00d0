//! The NSEC3 records of a zone, and which of them match or cover a name (RFC 5155).

use std::collections::BTreeMap;

use domain::crypto::common::{DigestBuilder, DigestType};
use domain::utils::base32;

use crate::wire::{Name, RrSet};

/// The NSEC3 records of a zone in hash order.
#[derive(Clone, Debug)]
pub(super) struct Nsec3Chain {
    iterations: u16,
    salt: Box<[u8]>,
    /// By the first label of the owner in lower case: base32hex sorts as the hashes do.
    sets: BTreeMap<Vec<u8>, RrSet>,
}

impl Nsec3Chain {
    /// The chain that an NSEC3PARAM set describes; `None` when its data is damaged.
    pub(super) fn new(params: &RrSet, sets: Vec<RrSet>) -> Option<Self> {
        // RFC 5155 §4.2: algorithm, flags, iterations, length of the salt, salt.
        let rdata = params.rdatas.iter().next()?;
        let [_, _, high, low, _, salt @ ..] = rdata else { return None };
        let keyed = sets.into_iter().filter_map(|set| {
            let label = set.owner.labels().next()?.to_ascii_lowercase();
            Some((label, set))
        });
        Some(Self { iterations: u16::from_be_bytes([*high, *low]), salt: salt.into(), sets: keyed.collect() })
    }

    pub(super) fn sets(&self) -> impl Iterator<Item = &RrSet> {
        self.sets.values()
    }

    pub(super) fn sets_mut(&mut self) -> impl Iterator<Item = &mut RrSet> {
        self.sets.values_mut()
    }

    /// RFC 5155 §5: the hash of a name, as the label that it makes.
    pub(super) fn label(&self, name: &Name) -> Vec<u8> {
        let mut hash = name.to_lower().wire().to_vec();
        for _ in 0..=self.iterations {
            let mut digest = DigestBuilder::new(DigestType::Sha1);
            digest.update(&hash);
            digest.update(&self.salt);
            hash = digest.finish().as_ref().to_vec();
        }
        base32::encode_string_hex(&hash).to_ascii_lowercase().into_bytes()
    }

    pub(super) fn matching(&self, name: &Name) -> Option<&RrSet> {
        self.sets.get(&self.label(name))
    }

    /// The record whose span the hash of `name` falls in; the last one spans the end of the circle.
    pub(super) fn covering(&self, name: &Name) -> Option<&RrSet> {
        let before = self.sets.range(..self.label(name)).next_back();
        before.or_else(|| self.sets.iter().next_back()).map(|(_, set)| set)
    }

    /// RFC 5155 §7.2.1: the closest name above `name` that has a record, that record, and the one that covers the next
    /// closer name.
    pub(super) fn closest_encloser(&self, name: &Name, apex: &Name) -> Option<(Name, impl Iterator<Item = &RrSet>)> {
        (apex.label_count()..name.label_count()).rev().find_map(|count| {
            let encloser = name.suffix(count);
            let matching = self.matching(&encloser)?;
            Some((encloser, [matching].into_iter().chain(self.covering(&name.suffix(count + 1)))))
        })
    }
}
