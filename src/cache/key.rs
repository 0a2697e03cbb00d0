//! What an entry is filed under: one keyed hash of 128 bits, computed once per look-up.
//!
//! The bits choose the shard and serve as the key of the map inside it; no name is stored or compared.
//! That is sound because SipHash with a random secret key is a pseudo-random function: whoever does not
//! know the key can only hit a collision by luck, and with 2^24 entries and 2^44 look-ups the odds of a
//! single one are about 2^-60.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use siphasher::sip128::SipHasher13;

use crate::wire::{Name, RecordType};

/// Longest name in wire form (RFC 1035 §2.3.4).
const MAX_NAME: usize = 255;
/// What follows the name: type, store, flags.
const TAG: usize = 4;

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
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.slot);
    }
}

/// Hands the bits of a [`Key`] through: they are a keyed hash already.
#[derive(Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        // Not used by `Key`; any other key type still gets a hash that depends on all octets.
        for octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }
}

/// Builds [`Identity`].
pub(super) type BuildIdentity = BuildHasherDefault<Identity>;

/// A name in lower case with the tag behind it, ready to be hashed as a whole or from any label on.
pub(super) struct Subject {
    octets: [u8; MAX_NAME + TAG],
    len: usize,
}

impl Subject {
    /// Files `name` (uncompressed wire form, any case) with `rtype` in `store`.
    pub(super) fn new(name: &[u8], rtype: u16, store: Store, flags: u8) -> Self {
        let name = &name[..name.len().min(MAX_NAME)];
        let mut octets = [0; MAX_NAME + TAG];
        octets[..name.len()].copy_from_slice(name);
        // RFC 4343: case does not tell names apart. Length octets are below 64, so no letters.
        octets[..name.len()].make_ascii_lowercase();
        let [high, low] = rtype.to_be_bytes();
        octets[name.len()..name.len() + TAG].copy_from_slice(&[high, low, store as u8, flags]);
        Self { octets, len: name.len() + TAG }
    }

    pub(super) fn of(name: &Name, rtype: RecordType, store: Store) -> Self {
        Self::new(name.wire(), u16::from(rtype), store, 0)
    }

    /// Files `name` itself, whatever the type.
    pub(super) fn of_name(name: &Name, store: Store) -> Self {
        Self::new(name.wire(), 0, store, 0)
    }

    pub(super) fn key(&self, hasher: &SipHasher13) -> Key {
        self.key_from(0, hasher)
    }

    /// The keys of the name and of each name above it but the root, longest first.
    pub(super) fn keys_upward<'a>(&'a self, hasher: &'a SipHasher13) -> impl Iterator<Item = Key> + 'a {
        let mut at = 0;
        std::iter::from_fn(move || {
            let label = usize::from(self.octets[at]);
            let key = (label != 0).then(|| self.key_from(at, hasher));
            at = (at + label + usize::from(label != 0)).min(self.len - TAG);
            key
        })
    }

    fn key_from(&self, at: usize, hasher: &SipHasher13) -> Key {
        let hash = hasher.hash(&self.octets[at..self.len]);
        Key { shard: hash.h1, slot: hash.h2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    #[test]
    fn case_does_not_matter_and_everything_else_does() {
        let hasher = SipHasher13::new_with_keys(1, 2);
        let key = |text: &str, rtype, store| Subject::of(&name(text), rtype, store).key(&hasher);
        let one = key("www.example.com", RecordType::A, Store::Sets);
        assert_eq!(one, key("WWW.Example.Com", RecordType::A, Store::Sets));
        assert_ne!(one, key("www.example.com", RecordType::AAAA, Store::Sets));
        assert_ne!(one, key("www.example.com", RecordType::A, Store::NoData));
        assert_ne!(one, key("example.com", RecordType::A, Store::Sets));
        let other = SipHasher13::new_with_keys(1, 3);
        assert_ne!(one, Subject::of(&name("www.example.com"), RecordType::A, Store::Sets).key(&other));
    }

    #[test]
    fn upward_gives_each_ancestor_below_the_root() {
        let hasher = SipHasher13::new_with_keys(1, 2);
        let subject = Subject::of_name(&name("a.B.example"), Store::Delegations);
        let found: Vec<_> = subject.keys_upward(&hasher).collect();
        let want = ["a.b.example", "b.example", "example"]
            .map(|text| Subject::of_name(&name(text), Store::Delegations).key(&hasher));
        assert_eq!(found, want);
        let root = Subject::of_name(&Name::root(), Store::Delegations);
        assert_eq!(root.keys_upward(&hasher).count(), 0);
    }
}
