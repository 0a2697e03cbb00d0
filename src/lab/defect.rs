//! What is deliberately wrong with signed zones, applied after signing. The two defects that concern the data before
//! signing (`bogus`) and the parent (`no_key`, `unknown_algorithm`) are made by the signer.

use super::settings::Defect;
use super::zone::Zone;
use crate::wire::{Rdatas, RecordType, RrSet};

/// Spoils a signed zone.
pub(super) fn apply(defect: Defect, zone: &mut Zone) {
    match defect {
        Defect::Bogus | Defect::NoKey | Defect::UnknownAlgorithm => {}
        Defect::NoSignatures => zone.each_set_mut(|set| {
            if set.rtype != RecordType::DNSKEY {
                set.sigs = Rdatas::default();
            }
        }),
        Defect::NoDenial => {
            zone.nsec3 = None;
            zone.nodes.values_mut().for_each(|node| node.sets.retain(|set| set.rtype != RecordType::NSEC));
        }
        Defect::KeyTrap { keys, signatures } => zone.each_set_mut(|set| {
            if set.rtype == RecordType::DNSKEY {
                set.rdatas = colliding_keys(set, usize::from(keys));
            }
            set.sigs = wrong_signatures(set, usize::from(signatures));
        }),
    }
}

/// The first key of a set and others with the same tag.
///
/// RFC 4034 appendix B: the tag is a sum over 16-bit words, so words of the modulus can change places without
/// changing it.
fn colliding_keys(set: &RrSet, count: usize) -> Rdatas {
    // Flags, protocol and algorithm take 4 octets, exponent and its length (RFC 3110 §2) 4 more.
    const MODULUS: usize = 8;
    let Some(real) = set.rdatas.iter().next() else { return Rdatas::default() };
    let swapped = (1..count).map(|nth| {
        let mut key = real.to_vec();
        let (this, next) = (MODULUS + 2 * nth, MODULUS + 2 * nth + 2);
        if key.len() > next + 1 {
            key.swap(this, next);
            key.swap(this + 1, next + 1);
        }
        key
    });
    let all: Vec<Vec<u8>> = std::iter::once(real.to_vec()).chain(swapped).collect();
    all.iter().map(Vec::as_slice).collect()
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
