//! What an entry is filed under: a keyed hash of its name, of 128 bits, to which type and store are added.
//!
//! So a name is hashed once for all that is asked about it, and all of it lies in one shard. No name is stored or
//! compared. That is sound because SipHash with a random secret key is a pseudo-random function: whoever does not
//! know the key can only hit a collision by luck, and with 2^24 entries and 2^44 look-ups the odds of a
//! single one are about 2^-60. What is added to the hash of one name takes different types to different keys for
//! certain; of two names it makes a collision neither more nor less likely.

use std::hash::{Hash, Hasher};

use siphasher::sip128::SipHasher13;
use smallvec::SmallVec;

use crate::wire::RecordType;

/// Longest name in wire form (RFC 1035 §2.3.4).
pub(super) const MAX_NAME: usize = 255;

/// The stores share one map per shard; this octet keeps them apart.
#[derive(Clone, Copy)]
pub(super) enum Store {
    Answers = 1,
    Sets = 2,
    NoName = 3,
    NoData = 4,
    Delegations = 5,
    Failures = 6,
    Zones = 7,
    Glue = 8,
    NoCut = 9,
}

/// A keyed hash; equal keys mean equal subjects (see the head of this file).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    shard: u64,
    slot: u64,
}

impl Key {
    /// The shard for this key among `shards`, which is a power of two.
    pub(super) fn shard(self, shards: usize) -> usize {
        usize::try_from(self.shard & (shards as u64 - 1)).unwrap_or_default()
    }

    /// Where that stays which was filed here before: as if filed in the next form.
    pub(super) fn behind(self) -> Self {
        Self { slot: self.slot.wrapping_add(APART), ..self }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.slot);
    }
}

/// A name, hashed: it can be filed in every store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hashed {
    shard: u64,
    slot: u64,
}

/// Takes the tags of one name far apart; odd, so that no two of them meet.
const APART: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hashed {
    /// Hashes `name` (uncompressed wire form, any case).
    pub(super) fn new(name: &[u8], hasher: &SipHasher13) -> Self {
        let mut room = [0; MAX_NAME];
        Self::of_lower(lower(name, &mut room), hasher)
    }

    /// Hashes the name and each name above it but the root, longest first.
    pub(super) fn upward(name: &[u8], hasher: &SipHasher13) -> SmallVec<[Self; 8]> {
        let mut room = [0; MAX_NAME];
        let names = suffixes(lower(name, &mut room)).filter(|name| name.len() > 1);
        names.map(|name| Self::of_lower(name, hasher)).collect()
    }

    /// Half of the hash, by which names that were flushed are listed.
    pub(super) fn half(self) -> u64 {
        self.shard
    }

    /// The other half.
    pub(super) fn other_half(self) -> u64 {
        self.slot
    }

    /// The same name as it is filed in a later era. No two eras of a name meet, nor do their tags.
    pub(super) fn since(self, era: u32) -> Self {
        Self { slot: self.slot.wrapping_add((u64::from(era) << 32).wrapping_mul(APART)), ..self }
    }

    pub(super) fn of_lower(name: &[u8], hasher: &SipHasher13) -> Self {
        let hash = hasher.hash(name);
        Self { shard: hash.h1, slot: hash.h2 }
    }

    /// Files what concerns `rtype` at the name.
    pub(super) fn key(self, rtype: RecordType, store: Store) -> Key {
        self.filed(rtype.into(), store, 0)
    }

    /// Files what concerns the name itself, whatever the type.
    pub(super) fn name_key(self, store: Store) -> Key {
        self.filed(0, store, 0)
    }

    /// Files what concerns a type by its number, in one of several forms.
    pub(super) fn filed(self, rtype: u16, store: Store, flags: u8) -> Key {
        let tag = u64::from(rtype) << 16 | (store as u64) << 8 | u64::from(flags);
        Key { shard: self.shard, slot: self.slot.wrapping_add(tag.wrapping_mul(APART)) }
    }
}

/// The name in lower case: case does not tell names apart (RFC 4343), and length octets are below 64, so no letters.
pub(super) fn lower<'a>(name: &[u8], room: &'a mut [u8; MAX_NAME]) -> &'a [u8] {
    let lower = &mut room[..name.len().min(MAX_NAME)];
    lower.copy_from_slice(&name[..name.len().min(MAX_NAME)]);
    lower.make_ascii_lowercase();
    lower
}

/// A name in wire form and each name above it, longest first; the root comes last.
pub(super) fn suffixes(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(name), |name| {
        let label = name.first().map(|length| usize::from(*length)).filter(|length| *length != 0)?;
        name.get(label + 1..)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Name, name};

    #[test]
    fn case_does_not_matter_and_everything_else_does() {
        let hasher = SipHasher13::new_with_keys(1, 2);
        let key = |text: &str, rtype, store| Hashed::new(name(text).wire(), &hasher).key(rtype, store);
        let one = key("www.example.com", RecordType::A, Store::Sets);
        assert_eq!(one, key("WWW.Example.Com", RecordType::A, Store::Sets));
        assert_ne!(one, key("www.example.com", RecordType::AAAA, Store::Sets));
        assert_ne!(one, key("www.example.com", RecordType::A, Store::NoData));
        assert_ne!(one, key("example.com", RecordType::A, Store::Sets));
        let other = SipHasher13::new_with_keys(1, 3);
        assert_ne!(one, Hashed::new(name("www.example.com").wire(), &other).key(RecordType::A, Store::Sets));
    }

    #[test]
    fn no_two_tags_of_a_name_meet() {
        let hashed = Hashed::new(name("www.example.com").wire(), &SipHasher13::new_with_keys(1, 2));
        let stores = [Store::Answers, Store::Sets, Store::NoName, Store::NoData, Store::Delegations, Store::Failures];
        let filed =
            |rtype, era| stores.map(|store| (0..4).map(move |flags| hashed.since(era).filed(rtype, store, flags).slot));
        let all = (0..=u16::MAX).map(|rtype| (rtype, 0));
        let of_eras = [1, 2, 3, 1 << 16, 1 << 31].into_iter().flat_map(|era| [(1, era), (u16::MAX, era)]);
        let mut slots: Vec<u64> =
            all.chain(of_eras).flat_map(|(rtype, era)| filed(rtype, era).into_iter().flatten()).collect();
        let all = slots.len();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), all);
    }

    #[test]
    fn upward_gives_each_ancestor_below_the_root() {
        let hasher = SipHasher13::new_with_keys(1, 2);
        let found = Hashed::upward(name("a.B.example").wire(), &hasher);
        let want = ["a.b.example", "b.example", "example"].map(|text| Hashed::new(name(text).wire(), &hasher));
        assert_eq!(found[..], want);
        assert!(Hashed::upward(Name::root().wire(), &hasher).is_empty());
    }
}
