//! RRSIG records (RFC 4034 §3): which may be used for a set, and the data that they sign.

use crate::trace::Bogus;
use crate::wire::{Name, RecordType, RrSet};

use super::canonical;

/// Most seconds by which a clock may be off, theirs or ours.
const MAX_SKEW_SECS: u32 = 3600;

/// An RRSIG record.
#[derive(Clone, Debug)]
pub(super) struct Rrsig<'a> {
    covered: RecordType,
    pub(super) algorithm: u8,
    labels: u8,
    pub(super) original_ttl_secs: u32,
    expiration: u32,
    inception: u32,
    pub(super) tag: u16,
    pub(super) signer: Name,
    pub(super) signature: &'a [u8],
    /// The fields before the signer.
    head: &'a [u8],
}

impl<'a> Rrsig<'a> {
    /// Reads the data of an RRSIG record.
    pub(super) fn read(rdata: &'a [u8]) -> Option<Self> {
        let (head, rest) = rdata.split_first_chunk::<18>()?;
        let (signer, signature) = Name::split_first(rest)?;
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        Some(Self {
            covered: RecordType::from(u16::from_be_bytes([head[0], head[1]])),
            algorithm: head[2],
            labels: head[3],
            original_ttl_secs: word(4),
            expiration: word(8),
            inception: word(12),
            tag: u16::from_be_bytes([head[16], head[17]]),
            signer,
            signature,
            head,
        })
    }

    /// Whether this may be a signature over `set` at all, and is in its time (RFC 4035 §5.3.1).
    pub(super) fn accept(&self, set: &RrSet, now_secs: u32) -> Result<(), Bogus> {
        let (owner, rtype, key_tag) = (set.owner.clone(), set.rtype, self.tag);
        let labels = usize::from(self.labels);
        // The labels of a signature lie between those of its zone and those of the owner (CVE-2026-44690).
        let fits = label_count(&self.signer)..=label_count(&owner);
        if self.covered != rtype || !owner.is_within(&self.signer) || !fits.contains(&labels) {
            return Err(Bogus::SignatureUnfit { owner, rtype, key_tag });
        }
        // RFC 4034 §3.1.5: times are on a circle. The end that is nearer is the one that is missed, and no sum of times
        // is compared: a life of nearly half the circle and what is granted to clocks may be more than half.
        let after = |a: u32, b: u32| a.wrapping_sub(b);
        let life_secs = after(self.expiration, self.inception);
        if life_secs >= 1 << 31 {
            return Err(Bogus::ExpiredBeforeValid { owner, rtype, key_tag });
        }
        let skew_secs = (life_secs / 10).min(MAX_SKEW_SECS);
        let (late_secs, early_secs) = (after(now_secs, self.expiration), after(self.inception, now_secs));
        if after(now_secs, self.inception) <= life_secs || late_secs.min(early_secs) <= skew_secs {
            return Ok(());
        }
        Err(if late_secs <= early_secs {
            Bogus::Expired { owner, rtype, key_tag, late_secs }
        } else {
            Bogus::NotYetValid { owner, rtype, key_tag, early_secs }
        })
    }

    /// Seconds until the signature ends; 0 in the time that is granted to clocks that are off.
    pub(super) fn left_secs(&self, now_secs: u32) -> u32 {
        let left = self.expiration.wrapping_sub(now_secs);
        if left < 1 << 31 { left } else { 0 }
    }

    /// Whether it was made for a wildcard above `owner`, and not for the set under its own name (RFC 4035 §5.3.4).
    pub(super) fn is_of_wildcard(&self, owner: &Name) -> bool {
        usize::from(self.labels) < label_count(owner)
    }

    /// The name above `owner` below which the wildcard stands that the set was made from, if one was.
    pub(super) fn encloser(&self, owner: &Name) -> Option<Name> {
        self.is_of_wildcard(owner).then(|| owner.suffix(self.labels.into()))
    }

    /// The data that was signed (RFC 4034 §3.1.8.1, RFC 4035 §5.3.2).
    pub(super) fn signed_data(&self, set: &RrSet) -> Vec<u8> {
        let mut data = Vec::with_capacity(512);
        data.extend_from_slice(self.head);
        data.extend_from_slice(self.signer.to_lower().wire());
        let source = self.encloser(&set.owner).and_then(|encloser| encloser.prepend(b"*").ok());
        canonical::append(set, source.as_ref().unwrap_or(&set.owner), self.original_ttl_secs, &mut data);
        data
    }
}

/// The labels of a name as the labels field counts them: without the root and without a leading asterisk
/// (RFC 4034 §3.1.3).
fn label_count(name: &Name) -> usize {
    name.label_count() - usize::from(name.labels().next() == Some(b"*"))
}
