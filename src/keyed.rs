//! Keys that are keyed hashes already, so that a map need not hash them again.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use siphasher::sip128::SipHasher13;

/// Builds [`Keyed`].
pub(crate) type BuildKeyed = BuildHasherDefault<Keyed>;

/// A map by such keys.
pub(crate) type Map<K, V> = std::collections::HashMap<K, V, BuildKeyed>;

/// A keyed hash of 128 bits: equal keys mean equal subjects, as the head of `cache/key.rs` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64, u64);

impl Key {
    /// The key of `subject`.
    pub(crate) fn new(hasher: &SipHasher13, subject: &[u8]) -> Self {
        let hash = hasher.hash(subject);
        Self(hash.h1, hash.h2)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// Hands the bits of such a key through.
#[derive(Default)]
pub(crate) struct Keyed(u64);

impl Hasher for Keyed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        // Not used by these keys; any other type still gets a hash that depends on all octets.
        for octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }
}
