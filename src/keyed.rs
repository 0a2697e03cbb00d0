//! Keys that are keyed hashes already, so that a map need not hash them again.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds [`Keyed`].
pub(crate) type BuildKeyed = BuildHasherDefault<Keyed>;

/// A map by such keys.
pub(crate) type Map<K, V> = std::collections::HashMap<K, V, BuildKeyed>;

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
