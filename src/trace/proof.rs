//! What DNSSEC has shown, and why something counts as insecure.

use std::fmt;

use serde::Serialize;

use crate::wire::text::type_name;
use crate::wire::{Ede, Name, RecordType, ede};

use super::bogus::Bogus;
use super::limit::Limit;
use super::words::{List, Span, type_text};

/// What validation came to (RFC 4035 §4.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "security", rename_all = "snake_case")]
pub enum Judged {
    /// Everything in the answer is proved.
    Secure,
    /// Some of it cannot be proved, and need not be.
    Insecure,
    /// Some of it should be provable and is not.
    Bogus {
        /// Why.
        reason: Bogus,
    },
}

impl Judged {
    /// In one word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Secure => "secure",
            Self::Insecure => "insecure",
            Self::Bogus { .. } => "bogus",
        }
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secure => f.write_str("secure: everything in the answer is proved"),
            Self::Insecure => f.write_str("insecure: not all of the answer can be proved, and it need not be"),
            Self::Bogus { reason } => write!(f, "bogus: {reason}"),
        }
    }
}

/// One thing that was proved on the way from a trust anchor to an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Proof {
    /// The key set of a zone is trusted.
    Keys {
        /// The zone.
        zone: Name,
        /// The key by whose signature.
        key_tag: u16,
        /// Its algorithm.
        algorithm: u8,
        /// Whether a trust anchor names that key; otherwise the DS set at the parent does.
        anchor: bool,
        /// How many keys the set has.
        keys: usize,
    },
    /// A signature holds.
    Signature {
        /// The owner of the set.
        owner: Name,
        /// Its type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// The zone that signed.
        zone: Name,
        /// With which key.
        key_tag: u16,
        /// Its algorithm.
        algorithm: u8,
        /// Seconds for which the signature stays valid.
        left_secs: u32,
    },
    /// The set was proved before and is still fresh.
    Known {
        /// The owner of the set.
        owner: Name,
        /// Its type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
    },
    /// A wildcard may answer for the name, which itself does not exist.
    Wildcard {
        /// The name.
        name: Name,
        /// The closest name above it that exists; the wildcard is its child.
        encloser: Name,
    },
    /// Records show that a name does not exist.
    NoName {
        /// The name.
        name: Name,
        /// NSEC or NSEC3.
        #[serde(serialize_with = "type_text")]
        by: RecordType,
    },
    /// Records show that a name has no records of a type.
    NoData {
        /// The name.
        name: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// NSEC or NSEC3.
        #[serde(serialize_with = "type_text")]
        by: RecordType,
    },
    /// From here on nothing can be proved, and that itself is proved or set.
    Insecure {
        /// Why.
        insecure: Insecure,
    },
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys { zone, key_tag, algorithm, anchor, keys } => {
                match anchor {
                    true => f.write_str("a trust anchor")?,
                    false => write!(f, "the DS set of {zone}")?,
                }
                write!(f, " names key {key_tag} of {zone} (algorithm {algorithm}), which signs ")?;
                if *keys == 1 { f.write_str("itself") } else { write!(f, "all {keys} keys there") }
            }
            Self::Signature { owner, rtype, zone, key_tag, left_secs, .. } => {
                let (rtype, left) = (type_name(*rtype), Span(*left_secs));
                write!(f, "key {key_tag} of {zone} signs {owner} {rtype}, for {left} more")
            }
            Self::Known { owner, rtype } => write!(f, "{owner} {} was proved before", type_name(*rtype)),
            Self::Wildcard { name, encloser } => {
                write!(f, "{name} does not exist, so the wildcard below {encloser} answers for it")
            }
            Self::NoData { name, rtype, by } => {
                write!(f, "{} records show that {name} has no {} records", type_name(*by), type_name(*rtype))
            }
            Self::NoName { name, by } => {
                write!(f, "{} records show that {name} does not exist", type_name(*by))
            }
            Self::Insecure { insecure } => write!(f, "insecure: {insecure}"),
        }
    }
}

/// Why data cannot be proved, although nothing is wrong with it (RFC 4035 §4.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Insecure {
    /// The parent proves that the zone has no DS set.
    Unsigned {
        /// The zone.
        zone: Name,
        /// The zone that proves it.
        parent: Name,
    },
    /// The parent leaves unsigned delegations out of its proofs (RFC 5155 §6).
    OptOut {
        /// The name inside the span.
        name: Name,
        /// The zone with the span.
        zone: Name,
    },
    /// No DS record has an algorithm that is known and allowed here.
    Algorithm {
        /// The zone.
        zone: Name,
        /// The algorithms.
        algorithms: Vec<u8>,
    },
    /// The keys that the DS records name are RSA keys too short to prove anything.
    WeakKeys {
        /// The zone.
        zone: Name,
    },
    /// No DS record has a digest type that is known and allowed here.
    Digest {
        /// The zone.
        zone: Name,
        /// The digest types.
        digests: Vec<u8>,
    },
    /// More NSEC3 iterations than are computed here (RFC 9276 §3.2).
    Iterations {
        /// The zone.
        zone: Name,
        /// How many.
        iterations: u16,
        /// How many are computed at most.
        most: u16,
    },
    /// The configuration says not to validate there (RFC 7646).
    NegativeAnchor {
        /// The name of the negative trust anchor.
        zone: Name,
        /// Seconds for which it still holds.
        left_secs: u32,
        /// Seconds until it is tried whether it is still needed; null when nobody tries.
        look_secs: Option<u32>,
        /// Why it was needed when that was last tried.
        because: Option<Box<Bogus>>,
    },
    /// The operator names the servers of the zone, and no trust anchor of its own.
    OwnServers {
        /// The zone.
        zone: Name,
    },
    /// No trust anchor stands at or above the name.
    NoAnchor {
        /// The name.
        name: Name,
    },
}

impl Insecure {
    /// The extended error that goes with the answer, if one does: an unsigned zone is nothing to tell.
    #[must_use]
    pub fn ede(&self) -> Option<Ede> {
        let code = match self {
            Self::Unsigned { .. } | Self::OptOut { .. } | Self::OwnServers { .. } | Self::NoAnchor { .. } => {
                return None;
            }
            Self::Algorithm { .. } | Self::WeakKeys { .. } => ede::UNSUPPORTED_DNSKEY_ALGORITHM,
            Self::Digest { .. } => ede::UNSUPPORTED_DS_DIGEST_TYPE,
            Self::Iterations { .. } => ede::UNSUPPORTED_NSEC3_ITERATIONS,
            Self::NegativeAnchor { .. } => ede::NEGATIVE_TRUST_ANCHOR,
        };
        Some(Ede::new(code, self.to_string()))
    }

    /// Seconds for which this is a reason, where that ends by itself.
    #[must_use]
    pub fn left_secs(&self) -> Option<u32> {
        match self {
            // What was let through must be gone soon after the zone validates again.
            Self::NegativeAnchor { left_secs, look_secs, .. } => Some(look_secs.unwrap_or(*left_secs).min(*left_secs)),
            _ => None,
        }
    }
}

impl fmt::Display for Insecure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned { zone, parent } => write!(f, "{parent} proves that its delegation of {zone} is unsigned"),
            Self::OptOut { name, zone } => {
                write!(
                    f,
                    "{name} falls into an opt-out span of {zone}, which proves nothing of unsigned delegations in it"
                )
            }
            Self::Algorithm { zone, algorithms } => {
                write!(f, "{zone} is signed with algorithms that are not verified here: {}", List(algorithms))
            }
            Self::WeakKeys { zone } => write!(f, "the keys of {zone} are RSA keys too short to prove anything"),
            Self::Digest { zone, digests } => {
                write!(f, "the DS records of {zone} have digests that are not verified here: {}", List(digests))
            }
            Self::Iterations { zone, iterations, most } => {
                let limit = Limit::Nsec3Iterations;
                write!(f, "the NSEC3 records of {zone} ask for {iterations}, and the limit is {most} {limit}")
            }
            Self::NegativeAnchor { zone, left_secs, look_secs, because } => {
                write!(f, "the configuration says not to validate {zone} for {} more", Span(*left_secs))?;
                if let Some(because) = because {
                    write!(f, ", and when that was last tried {because}")?;
                }
                look_secs.iter().try_for_each(|secs| write!(f, "; it is tried again in {}", Span(*secs)))
            }
            Self::OwnServers { zone } => {
                write!(f, "the configuration names the servers of {zone} and no trust anchor for it")
            }
            Self::NoAnchor { name } => write!(f, "no trust anchor stands above {name}"),
        }
    }
}
