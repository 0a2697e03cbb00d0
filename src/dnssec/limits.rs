//! What proving one answer may cost, and what it has cost so far.

use crate::trace::{Bogus, Limit};
use crate::wire::Name;

use super::memo::Claim;
use super::place::{self, Hash};

/// The limits of validation, each with the attack that it answers. Each has a row of the lab's zoo that reaches it;
/// what one question then takes of the processor, all in all and optimised: `validations` 10 ms, `hashes` 4 ms,
/// `iterations` 3 ms, `keytrap`, `signatures`, `ds` and `keys` 2 ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Signatures verified for one client query (KeyTrap, CVE-2023-50387).
    pub validations: u32,
    /// Signatures that may turn out not to hold (KeyTrap: each combination of key and signature costs one), but for
    /// those that hold with another key of the same tag.
    pub failed_validations: u32,
    /// Signatures over one set that are verified until one holds; what names no key of the zone or is out of its time
    /// costs nothing and is not counted.
    pub signatures_per_set: usize,
    /// Keys of one zone with the same tag and algorithm that are tried.
    pub keys_per_tag: usize,
    /// DS records of one zone that are compared with the keys whose tag and algorithm they have; those of other keys
    /// cost nothing and are not counted.
    pub ds_per_zone: usize,
    /// NSEC3 iterations up to which denials are proved; above they are insecure (RFC 9276 §3.2).
    pub nsec3_iterations: u16,
    /// NSEC3 hashes computed for one client query (CVE-2023-50868).
    pub nsec3_hashes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A name four zones deep needs 9 when nothing is known (the keys of each zone and a DS set for each but the
            // root, the set itself), and each alias into another signed zone up to 5 more, 6 with the proof of a
            // wildcard: with the 16 of others, two aliases into other zones would fail. An attacker chooses what each
            // costs, and those that hold count as well: P-384 is the dearest with 160 µs (RSA with 4096 bits and the
            // longest exponent 125, P-256 46, measured in an optimized build). All of them together are 7.5 ms, a
            // seventh of what one question may cost.
            validations: 48,
            failed_validations: 4,
            signatures_per_set: 4,
            keys_per_tag: 2,
            ds_per_zone: 8,
            nsec3_iterations: 50,
            // A proof takes as many as its closest encloser has labels below the zone, and two more: 34 for the reverse
            // of an IPv6 address, 3 for nearly all others, however long the name that is asked for (`Chain::around`).
            // All of them with all iterations are 5,100 rounds of SHA-1: 0.4 ms, 1.0 ms with the longest salt. Those
            // who allow hundreds pause after each 8, so that other questions have their turn; 8 are 80 µs here, half of
            // one signature that cannot be divided, and all that one question can hold up the others of its worker is
            // the 8.5 ms of both limits. So there is no pause.
            nsec3_hashes: 100,
        }
    }
}

/// What one client query has cost so far. Nothing resets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Signatures verified.
    pub validations: u32,
    /// Those that did not hold, nor with another key of the same tag.
    pub failed_validations: u32,
    /// NSEC3 hashes computed.
    pub nsec3_hashes: u32,
    /// Signatures that were tried, and whether they held.
    tried: Vec<(Claim, bool)>,
    /// What was hashed.
    hashed: Vec<Hashed>,
}

/// An NSEC3 hash with all that it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hashed {
    name: Name,
    salt: Box<[u8]>,
    iterations: u16,
    hash: Hash,
}

impl Spent {
    /// Whether a signature held, if it was tried before.
    pub(super) fn tried(&self, claim: &Claim) -> Option<bool> {
        self.tried.iter().find(|(known, _)| known == claim).map(|(_, held)| *held)
    }

    /// Notes whether a signature holds.
    pub(super) fn note(&mut self, claim: &Claim, holds: bool) {
        self.tried.push((claim.clone(), holds));
        self.failed_validations += u32::from(!holds);
    }

    /// Takes one verification out of the budget, for a set at `owner`.
    pub(super) fn validate(&mut self, limits: &Limits, owner: &Name) -> Result<(), Bogus> {
        if self.failed_validations >= limits.failed_validations {
            return Err(over(Limit::FailedValidations, limits.failed_validations, owner));
        }
        if self.validations >= limits.validations {
            return Err(over(Limit::Validations, limits.validations, owner));
        }
        self.validations += 1;
        Ok(())
    }

    /// The NSEC3 hash of a name, taken out of the budget when it is computed for the first time: the judge looks at the
    /// same records anew after each question that has to be asked.
    pub(super) fn hash(&mut self, limits: &Limits, name: &Name, salt: &[u8], iterations: u16) -> Result<Hash, Bogus> {
        let is_it = |known: &&Hashed| known.iterations == iterations && *known.salt == *salt && known.name == *name;
        if let Some(known) = self.hashed.iter().find(is_it) {
            return Ok(known.hash);
        }
        if self.nsec3_hashes >= limits.nsec3_hashes {
            return Err(over(Limit::Nsec3Hashes, limits.nsec3_hashes, name));
        }
        self.nsec3_hashes += 1;
        let hash = place::hash(name, salt, iterations);
        self.hashed.push(Hashed { name: name.clone(), salt: salt.into(), iterations, hash });
        Ok(hash)
    }
}

fn over(limit: Limit, value: u32, owner: &Name) -> Bogus {
    Bogus::TooCostly { limit, value, owner: owner.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was hashed before is known again by all that its hash depends on, and is paid for once (RFC 5155 §5).
    #[test]
    fn a_hash_is_that_of_its_name_salt_and_iterations() {
        let (limits, mut spent) = (Limits { nsec3_hashes: 8, ..Limits::default() }, Spent::default());
        let names = ["a.example", "b.example"].map(|name| name.parse::<Name>().expect("a name"));
        for _ in 0..2 {
            for (name, salt, iterations) in names
                .iter()
                .flat_map(|name| [&b"salt"[..], b""].map(|salt| (name, salt)))
                .flat_map(|(name, salt)| [0, 3].map(|iterations| (name, salt, iterations)))
            {
                let known = spent.hash(&limits, name, salt, iterations);
                assert_eq!(known, Ok(place::hash(name, salt, iterations)), "{name} {salt:?} {iterations}");
            }
        }
        let another = "c.example".parse().expect("a name");
        assert!(matches!(spent.hash(&limits, &another, b"", 0), Err(Bogus::TooCostly { .. })));
    }
}
