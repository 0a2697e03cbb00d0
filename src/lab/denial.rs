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
            None => each_once(chain.closest_encloser(name, &self.apex).into_iter().flat_map(|(_, proof)| proof)),
        }
    }

    /// Proof that neither `name` nor a wildcard that would answer for it exists.
    pub(super) fn prove_no_name(&self, name: &Name, encloser: &Name) -> Vec<RrSet> {
        let wildcard = |encloser: &Name| encloser.prepend(b"*").ok();
        match &self.nsec3 {
            // RFC 5155 §7.2.2. Of the names above unsigned delegations in an opt-out span some have no record, so that
            // the encloser that can be proved lies higher.
            Some(chain) => {
                let proved = chain.closest_encloser(name, &self.apex).into_iter();
                each_once(proved.flat_map(|(encloser, proof)| {
                    let wildcard = wildcard(&encloser);
                    proof.chain(wildcard.and_then(|wildcard| chain.covering(&wildcard)))
                }))
            }
            None => {
                let wildcard = wildcard(encloser);
                each_once(
                    [Some(name), wildcard.as_ref()].into_iter().flatten().filter_map(|name| self.nsec_before(name)),
                )
            }
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
    use std::sync::Arc;

    use domain::utils::base32;
    use proptest::prelude::*;

    use super::super::files::Files;
    use super::super::load::zones;
    use super::super::zone::Found;
    use super::*;

    /// RFC 4034 §4.1.1: nothing lies between the owner and the next name.
    fn nsec_covers(set: &RrSet, name: &Name, apex: &Name) -> bool {
        let (next, _) = Name::split_first(set.rdatas.iter().next().unwrap()).unwrap();
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

    /// A zone of the lab, or one of many names where some lead to unsigned delegations alone, in an opt-out span.
    fn zone(apex: &str) -> Arc<Zone> {
        let settings = "port = 1\n\
            server = [{ name = 'a', address = '127.0.0.1', zones = ['spans'] }]\n\
            zone = [{ name = 'spans', file = 'spans', sign = { denial = 'nsec3', opt_out = true } }]";
        let mut spans =
            "@ 60 SOA a. b. 1 1 1 1 1\n@ 60 NS a.\na.b.c 60 NS a.\nd.e 60 A 192.0.2.1\nf.e 60 NS a.\n".to_owned();
        (0..60).for_each(|nth| spans += &format!("g{nth} 60 A 192.0.2.1\n"));
        let given = vec![("lab.toml".to_owned(), settings.to_owned()), ("spans".to_owned(), spans)];
        let files = if apex == "spans" { Files::Given(given) } else { Files::Embedded };
        let all = zones(&files, 0).unwrap();
        all.into_iter().map(|(_, zone)| zone).find(|zone| zone.apex == apex.parse().unwrap()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_does_not_exist_is_proved_not_to(
            apex in prop_oneof![Just("example.com"), Just("lab"), Just("example.org"), Just("net"), Just("opt-out.lab"), Just("spans")],
            below in proptest::collection::vec(proptest::collection::vec("[ -~]{1,6}", 1..4), 40),
            above in prop_oneof![Just(""), Just("c."), Just("b.c."), Just("e.")],
        ) {
            let zone = zone(apex);
            for labels in below {
                let above: Name = format!("{above}{}", zone.apex).parse().unwrap();
                let name = Name::from_labels(labels.iter().map(String::as_bytes).chain(above.labels())).unwrap();
                let Found::Missing { encloser } = zone.find(&name, RecordType::A) else { continue };
                let proof = zone.prove_no_name(&name, &encloser);
                let encloser = match &zone.nsec3 {
                    None => encloser,
                    // RFC 5155 §7.2.1: the closest one that has a record.
                    Some(chain) => (0..=encloser.label_count()).rev().map(|count| encloser.suffix(count))
                        .find(|name| chain.matching(name).is_some()).unwrap(),
                };
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
