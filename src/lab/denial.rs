//! The records that prove what is not there: NSEC (RFC 4035 §3.1.3) and NSEC3 (RFC 5155 §7.2).

use super::zone::Zone;
use crate::wire::{Name, RecordType, RrSet};

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
    use domain::utils::base32;
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
