//! What is deliberately wrong with signed zones, applied after signing. The two defects that concern the data before
//! signing (`bogus`) and the parent (`no_key`, `unknown_algorithm`) are made by the signer, as are decoys that it
//! signs.

use super::settings::Defect;
use super::zone::Zone;
use crate::wire::{Rdatas, RecordType, RrSet};

/// Spoils a signed zone.
pub(super) fn apply(defect: Defect, zone: &mut Zone) {
    match defect {
        Defect::Bogus | Defect::NoKey | Defect::UnknownAlgorithm => {}
        Defect::Decoys { signatures, .. } => zone.each_set_mut(|set| {
            if set.rtype == RecordType::A {
                let decoys = wrong_signatures(set, usize::from(signatures));
                set.sigs = decoys.iter().chain(set.sigs.iter()).collect();
            }
        }),
        Defect::NoSignatures => zone.each_set_mut(|set| {
            if set.rtype != RecordType::DNSKEY {
                set.sigs = Rdatas::default();
            }
        }),
        Defect::NoDenial => {
            zone.nsec3 = None;
            zone.nodes.values_mut().for_each(|node| node.sets.retain(|set| set.rtype != RecordType::NSEC));
        }
        Defect::KeyTrap { signatures, .. } => zone.each_set_mut(|set| {
            if set.rtype != RecordType::DNSKEY {
                set.sigs = wrong_signatures(set, usize::from(signatures));
            }
        }),
    }
}

/// An RSA key with the tag of another; number 0 is that key.
///
/// RFC 4034 appendix B: the tag is a sum over 16-bit words, so words of the modulus can change places without
/// changing it.
pub(super) fn with_same_tag(public: &[u8], nth: usize) -> Vec<u8> {
    // The exponent and its length (RFC 3110 §2).
    const EXPONENT: usize = 4;
    let mut key = public.to_vec();
    let (this, next) = (EXPONENT + 2 * nth, EXPONENT + 2 * nth + 2);
    if nth > 0 && key.len() > next + 1 {
        key.swap(this, next);
        key.swap(this + 1, next + 1);
    }
    key
}

/// So many signatures like the first of the set, none of which fits.
fn wrong_signatures(set: &RrSet, count: usize) -> Rdatas {
    let Some(real) = set.sigs.iter().next() else { return Rdatas::default() };
    let broken = (1..=count).map(|nth| {
        let mut sig = real.to_vec();
        if let Some(last) = sig.last_mut() {
            *last ^= u8::try_from(nth).unwrap_or(1);
        }
        sig
    });
    let all: Vec<Vec<u8>> = broken.collect();
    all.iter().map(Vec::as_slice).collect()
}
