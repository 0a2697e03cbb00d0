//! Where in a zone a proof stands: at a name, or at the hash of one.

use crate::wire::Name;

use super::algorithm::sha1;

/// The hash of a name (RFC 5155 §5).
pub type Hash = [u8; 20];

/// The hash of a name (RFC 5155 §5).
pub(super) fn hash(name: &Name, salt: &[u8], iterations: u16) -> Hash {
    let mut hash = sha1(name.to_lower().wire(), salt);
    for _ in 0..iterations {
        hash = sha1(&hash, salt);
    }
    hash
}

/// What a set that is worth keeping is about, in the order in which a zone has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The SOA set, which goes with every denial.
    Soa,
    /// A set of this type at a wildcard.
    Wildcard(Name, u16),
    /// An NSEC record, at its owner.
    Nsec(Name),
    /// An NSEC3 record, at its hash in the chain with these parameters.
    Nsec3(Nsec3Params, Hash),
}

/// The parameters of a chain of NSEC3 records (RFC 5155 §4.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nsec3Params {
    /// Additional iterations.
    pub iterations: u16,
    /// The salt.
    pub salt: Box<[u8]>,
}
