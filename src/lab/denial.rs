//! The records that prove what is not there: NSEC (RFC 4035 §3.1.3) and NSEC3 (RFC 5155 §7.2).

use std::collections::BTreeMap;

use domain::crypto::common::{DigestBuilder, DigestType};
use domain::utils::base32;

use super::zone::Zone;
use crate::wire::{Name, RecordType, RrSet};

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
    fn label(&self, name: &Name) -> Vec<u8> {
        let mut hash = name.to_lower().wire().to_vec();
        for _ in 0..=self.iterations {
            let mut digest = DigestBuilder::new(DigestType::Sha1);
            digest.update(&hash);
            digest.update(&self.salt);
            hash = digest.finish().as_ref().to_vec();
        }
        base32::encode_string_hex(&hash).to_ascii_lowercase().into_bytes()
    }

    fn matching(&self, name: &Name) -> Option<&RrSet> {
        self.sets.get(&self.label(name))
    }

    /// The record whose span the hash of `name` falls in; the last one spans the end of the circle.
    fn covering(&self, name: &Name) -> Option<&RrSet> {
        let before = self.sets.range(..self.label(name)).next_back();
        before.or_else(|| self.sets.iter().next_back()).map(|(_, set)| set)
    }

    /// RFC 5155 §7.2.1: the closest name above `name` that has a record, and the record that covers the next closer.
    fn closest_encloser(&self, name: &Name, apex: &Name) -> Vec<&RrSet> {
        for count in (apex.label_count()..name.label_count()).rev() {
            if let Some(matching) = self.matching(&name.suffix(count)) {
                return [Some(matching), self.covering(&name.suffix(count + 1))].into_iter().flatten().collect();
            }
        }
        Vec::new()
    }
}

impl Zone {
    /// Proof that `name` has no set of the type asked for, or, at a cut, no DS.
    pub(super) fn prove_no_data(&self, name: &Name) -> Vec<RrSet> {
        let Some(chain) = &self.nsec3 else {
            let exact = self.set(name, RecordType::NSEC);
            // An empty non-terminal has no NSEC; the one before it shows that it has no records.
            return each_once(exact.or_else(|| self.nsec_before(name)));
        };
        match chain.matching(name) {
            Some(set) => each_once([set]),
            // RFC 5155 §7.2.4: below an opt-out span the name itself may have no record.
            None => each_once(chain.closest_encloser(name, &self.apex)),
        }
    }

    /// Proof that neither `name` nor a wildcard that would answer for it exists.
    pub(super) fn prove_no_name(&self, name: &Name, encloser: &Name) -> Vec<RrSet> {
        let Ok(wildcard) = encloser.prepend(b"*") else { return each_once(self.nsec_before(name)) };
        match &self.nsec3 {
            Some(chain) => {
                let proof = chain.closest_encloser(name, &self.apex);
                each_once(proof.into_iter().chain(chain.covering(&wildcard)))
            }
            None => each_once([self.nsec_before(name), self.nsec_before(&wildcard)].into_iter().flatten()),
        }
    }

    /// Proof that `name` itself does not exist, so that the wildcard below `encloser` may answer for it.
    pub(super) fn prove_wildcard(&self, name: &Name, encloser: &Name) -> Vec<RrSet> {
        match &self.nsec3 {
            // RFC 5155 §7.2.6: the signature tells the closest encloser, so only the next closer is to be covered.
            Some(chain) => each_once(chain.covering(&name.suffix(encloser.label_count() + 1))),
            None => each_once(self.nsec_before(name)),
        }
    }

    /// Proof that `name` does not exist and that the wildcard that stands for it lacks the type asked for.
    pub(super) fn prove_wildcard_no_data(&self, name: &Name, encloser: &Name, source: &Name) -> Vec<RrSet> {
        let Some(chain) = &self.nsec3 else {
            let exact = self.set(source, RecordType::NSEC).or_else(|| self.nsec_before(source));
            return each_once([exact, self.nsec_before(name)].into_iter().flatten());
        };
        // RFC 5155 §7.2.5.
        let next_closer = name.suffix(encloser.label_count() + 1);
        let proof = [chain.matching(encloser), chain.covering(&next_closer), chain.matching(source)];
        each_once(proof.into_iter().flatten())
    }

    /// The NSEC set at `name` or at the last name before it that has one.
    fn nsec_before(&self, name: &Name) -> Option<&RrSet> {
        self.nodes.range(..=name).rev().find_map(|(_, node)| node.set(RecordType::NSEC))
    }
}

/// Each set once.
fn each_once<'a>(sets: impl IntoIterator<Item = &'a RrSet>) -> Vec<RrSet> {
    let mut proof: Vec<RrSet> = Vec::new();
    for set in sets {
        if !proof.iter().any(|known| known.owner == set.owner) {
            proof.push(set.clone());
        }
    }
    proof
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::files::Files;
    use super::super::load::zones;
    use super::super::zone::Found;
    use super::*;

    /// The name at the start of NSEC data.
    fn next_name(rdata: &[u8]) -> Name {
        let mut end = 0;
        while rdata[end] != 0 {
            end += 1 + usize::from(rdata[end]);
        }
        Name::from_wire(&rdata[..=end]).unwrap()
    }

    /// RFC 4034 §4.1.1: nothing lies between the owner and the next name.
    fn nsec_covers(set: &RrSet, name: &Name, apex: &Name) -> bool {
        let next = next_name(set.rdatas.iter().next().unwrap());
        set.owner < *name && (*name < next || next == *apex)
    }

    /// RFC 5155 §8.3, on the labels: base32hex keeps the order of the hashes.
    fn nsec3_covers(set: &RrSet, hash: &[u8]) -> bool {
        let owner = set.owner.labels().next().unwrap().to_ascii_lowercase();
        let rdata = set.rdatas.iter().next().unwrap();
        let next = &rdata[6 + usize::from(rdata[4])..][..20];
        let next = base32::encode_string_hex(next).to_ascii_lowercase().into_bytes();
        let (after, before) = (owner.as_slice() < hash, hash < next.as_slice());
        if owner < next { after && before } else { after || before }
    }

    fn zone(apex: &str) -> std::sync::Arc<Zone> {
        let all = zones(&Files::Embedded, 0).unwrap();
        all.into_iter().map(|(_, zone)| zone).find(|zone| zone.apex == apex.parse().unwrap()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_does_not_exist_is_proved_not_to(
            apex in prop_oneof![Just("example.com"), Just("lab"), Just("example.org"), Just("net"), Just("opt-out.lab")],
            below in proptest::collection::vec(proptest::collection::vec("[ -~]{1,6}", 1..4), 40),
        ) {
            let zone = zone(apex);
            for labels in below {
                let labels = labels.iter().map(String::as_bytes);
                let name = Name::from_labels(labels.chain(zone.apex.labels())).unwrap();
                let Found::Missing { encloser } = zone.find(&name, RecordType::A) else { continue };
                let proof = zone.prove_no_name(&name, &encloser);
                let (closer, wildcard) = (name.suffix(encloser.label_count() + 1), encloser.prepend(b"*").unwrap());
                for denied in [&closer, &wildcard] {
                    let covered = match &zone.nsec3 {
                        None => proof.iter().any(|set| nsec_covers(set, denied, &zone.apex)),
                        Some(chain) => proof.iter().any(|set| nsec3_covers(set, &chain.label(denied))),
                    };
                    prop_assert!(covered, "{denied} of {name}: {proof:?}");
                }
                if let Some(chain) = &zone.nsec3 {
                    let hash = chain.label(&encloser);
                    let shown = proof.iter().any(|set| set.owner.labels().next().unwrap().eq_ignore_ascii_case(&hash));
                    prop_assert!(shown, "{encloser} above {name}: {proof:?}");
                }
            }
        }
    }
}
