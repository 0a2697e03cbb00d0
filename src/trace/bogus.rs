//! Why an answer must not be believed.

use std::fmt;

use serde::Serialize;

use crate::wire::text::type_name;
use crate::wire::{Ede, Name, RecordType, ede};

use super::limit::Limit;
use super::source::ServerAt;
use super::words::{List, Span, type_text};

/// Why data must not be believed (RFC 4035 §4.3). Every variant names the record set or the zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Bogus {
    /// The zone is signed, the set is not.
    SignatureMissing {
        /// The owner.
        owner: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// The zone.
        zone: Name,
    },
    /// The signature was made over other data, or with another key.
    SignatureWrong {
        /// The owner.
        owner: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// The zone.
        zone: Name,
        /// The key that it names.
        key_tag: u16,
        /// Its algorithm.
        algorithm: u8,
    },
    /// The signature is past its time.
    Expired {
        /// The owner.
        owner: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// The key that it names.
        key_tag: u16,
        /// Seconds since then.
        late_secs: u32,
    },
    /// The time of the signature has not come.
    NotYetValid {
        /// The owner.
        owner: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// The key that it names.
        key_tag: u16,
        /// Seconds until then.
        early_secs: u32,
    },
    /// The signature ends before it begins.
    ExpiredBeforeValid {
        /// The owner.
        owner: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// The key that it names.
        key_tag: u16,
    },
    /// The signature breaks a rule of RFC 4035 §5.3.1: signer, labels, or fields that cannot be read.
    SignatureUnfit {
        /// The owner.
        owner: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// The key that it names.
        key_tag: u16,
    },
    /// The signature names a key that the zone does not have.
    KeyUnknown {
        /// The owner.
        owner: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// The zone.
        zone: Name,
        /// The key.
        key_tag: u16,
    },
    /// No key of the zone is the one that its parent, or a trust anchor, names.
    KeyMissing {
        /// The zone.
        zone: Name,
        /// The tags that were looked for.
        key_tags: Vec<u16>,
    },
    /// The keys of the zone cannot be had.
    NoKeys {
        /// The zone.
        zone: Name,
    },
    /// The key that the parent names is no zone key (RFC 4034 §2.1.1).
    NotZoneKey {
        /// The zone.
        zone: Name,
        /// The key.
        key_tag: u16,
    },
    /// The key that the parent names is revoked (RFC 5011 §2.1).
    KeyRevoked {
        /// The zone.
        zone: Name,
        /// The key.
        key_tag: u16,
    },
    /// The signature names a zone that is none.
    NotAZone {
        /// The name.
        zone: Name,
        /// The zone that it belongs to.
        within: Name,
    },
    /// What is said not to exist is not proved not to.
    DenialMissing {
        /// The name.
        name: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// The zone.
        zone: Name,
    },
    /// Nothing that signs the set was found up to a limit, and there is more that was not tried (KeyTrap).
    NotFound {
        /// The owner.
        owner: Name,
        /// The type.
        #[serde(rename = "type", serialize_with = "type_text")]
        rtype: RecordType,
        /// The limit.
        limit: Limit,
        /// Its value.
        value: usize,
    },
    /// Proving it would cost too much (KeyTrap, CVE-2023-50387).
    TooCostly {
        /// The limit.
        limit: Limit,
        /// Its value.
        value: u32,
        /// The owner of the set at which it was reached.
        owner: Name,
    },
}

impl Bogus {
    /// The owner and the type of the set that is not proved, or of what is not proved to be absent; `None` where it is
    /// a zone that is at fault, or a limit.
    #[must_use]
    pub fn set(&self) -> Option<(&Name, RecordType)> {
        match self {
            Self::SignatureMissing { owner, rtype, .. }
            | Self::SignatureWrong { owner, rtype, .. }
            | Self::Expired { owner, rtype, .. }
            | Self::NotYetValid { owner, rtype, .. }
            | Self::ExpiredBeforeValid { owner, rtype, .. }
            | Self::SignatureUnfit { owner, rtype, .. }
            | Self::KeyUnknown { owner, rtype, .. }
            | Self::NotFound { owner, rtype, .. }
            | Self::DenialMissing { name: owner, rtype, .. } => Some((owner, *rtype)),
            Self::KeyMissing { .. }
            | Self::NoKeys { .. }
            | Self::NotZoneKey { .. }
            | Self::KeyRevoked { .. }
            | Self::NotAZone { .. }
            | Self::TooCostly { .. } => None,
        }
    }

    /// The zone whose keys, as far as they are known, do not fit what was said, or left unproved.
    #[must_use]
    pub fn misfit(&self) -> Option<&Name> {
        match self {
            Self::SignatureMissing { zone, .. }
            | Self::SignatureWrong { zone, .. }
            | Self::KeyUnknown { zone, .. }
            | Self::KeyMissing { zone, .. }
            | Self::DenialMissing { zone, .. }
            | Self::NoKeys { zone } => Some(zone),
            _ => None,
        }
    }

    /// The extended error: the code and the sentence, with the server that was asked if it is known.
    #[must_use]
    pub fn ede(&self, from: Option<&ServerAt>) -> Ede {
        let code = match self {
            Self::SignatureWrong { .. }
            | Self::SignatureUnfit { .. }
            | Self::NotAZone { .. }
            | Self::NotFound { .. }
            | Self::TooCostly { .. } => ede::DNSSEC_BOGUS,
            Self::Expired { .. } => ede::SIGNATURE_EXPIRED,
            Self::NotYetValid { .. } => ede::SIGNATURE_NOT_YET_VALID,
            Self::ExpiredBeforeValid { .. } => ede::SIGNATURE_EXPIRED_BEFORE_VALID,
            Self::KeyUnknown { .. } | Self::KeyMissing { .. } | Self::NoKeys { .. } | Self::KeyRevoked { .. } => {
                ede::DNSKEY_MISSING
            }
            Self::SignatureMissing { .. } => ede::RRSIGS_MISSING,
            Self::NotZoneKey { .. } => ede::NO_ZONE_KEY_BIT_SET,
            Self::DenialMissing { .. } => ede::NSEC_MISSING,
        };
        let text = self.to_string();
        Ede::new(code, from.map_or_else(|| text.clone(), |server| format!("{text}; it was {server} that was asked")))
    }
}

impl fmt::Display for Bogus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |owner: &Name, rtype: &RecordType| format!("{owner} {}", type_name(*rtype));
        // The root signs in time: it is nearer that this machine does not know what day it is.
        let clock = |owner: &Name| if owner.is_root() { "; is the clock of this machine right?" } else { "" };
        match self {
            Self::SignatureMissing { owner, rtype, zone } => {
                write!(f, "{zone} is signed, but {} came without a signature", set(owner, rtype))
            }
            Self::SignatureWrong { owner, rtype, zone, key_tag, .. } => {
                write!(f, "the signature over {} is not what key {key_tag} of {zone} signed", set(owner, rtype))
            }
            Self::Expired { owner, rtype, key_tag, late_secs } => {
                let late = Span(*late_secs);
                let ours = clock(owner);
                write!(f, "the signature over {} with key {key_tag} expired {late} ago{ours}", set(owner, rtype))
            }
            Self::NotYetValid { owner, rtype, key_tag, early_secs } => {
                let early = Span(*early_secs);
                let ours = clock(owner);
                write!(f, "the signature over {} with key {key_tag} is valid only in {early}{ours}", set(owner, rtype))
            }
            Self::ExpiredBeforeValid { owner, rtype, key_tag } => {
                write!(f, "the signature over {} with key {key_tag} ends before it begins", set(owner, rtype))
            }
            Self::SignatureUnfit { owner, rtype, key_tag } => {
                write!(f, "the signature over {} with key {key_tag} cannot be one for it", set(owner, rtype))
            }
            Self::KeyUnknown { owner, rtype, zone, key_tag } => {
                write!(f, "the signature over {} names key {key_tag}, which {zone} does not have", set(owner, rtype))
            }
            Self::KeyMissing { zone, key_tags } => {
                write!(f, "{zone} does not have the key that its parent or a trust anchor names: {}", List(key_tags))
            }
            Self::NoKeys { zone } => write!(f, "{zone} is signed, but its keys cannot be had"),
            Self::NotZoneKey { zone, key_tag } => write!(f, "key {key_tag} of {zone} is named above but no zone key"),
            Self::KeyRevoked { zone, key_tag } => write!(f, "key {key_tag} of {zone} is named above but revoked"),
            Self::NotAZone { zone, within } => {
                write!(f, "a signature names {zone} as its zone, which is only a name in {within}")
            }
            Self::DenialMissing { name, rtype, zone } => {
                write!(f, "{zone} is signed, but does not prove that there is no {}", set(name, rtype))
            }
            Self::NotFound { owner, rtype, limit, value } => {
                write!(
                    f,
                    "nothing signs {} up to the limit of {value} {limit}, and no more are tried",
                    set(owner, rtype)
                )
            }
            Self::TooCostly { limit, value, owner } => {
                write!(f, "given up at the limit of {value} {limit}, at {owner}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_the_times_of_the_root_the_clock_is_to_blame() {
        let said = |owner: &str| {
            let owner = owner.parse().unwrap();
            Bogus::NotYetValid { owner, rtype: RecordType::DNSKEY, key_tag: 7, early_secs: 86_400 * 9 }.to_string()
        };
        assert!(said(".").ends_with("with key 7 is valid only in 9 d; is the clock of this machine right?"));
        assert!(said("example.").ends_with("with key 7 is valid only in 9 d"));
    }
}
