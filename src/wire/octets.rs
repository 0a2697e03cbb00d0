//! Octets of names and of the data of records: in place while they are few, as they mostly are, so that to keep them
//! asks nobody for memory and to clone them is to copy a fixed number of octets. More than that are shared by their
//! clones.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Octets that fit in place. With two more the whole takes 32: a walk holds dozens of names, and a thousand walks that
/// are under way share the processor's cache.
const FEW: usize = 30;

/// Any number of octets.
#[derive(Clone)]
pub struct Octets(Room);

#[derive(Clone)]
enum Room {
    Few { len: u8, room: [u8; FEW] },
    Many(Arc<[u8]>),
}

impl Octets {
    /// Octets on the heap, with the two counters of those that are shared.
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Room::Few { .. } => 0,
            Room::Many(octets) => octets.len() + 2 * size_of::<usize>(),
        }
    }
}

impl From<&[u8]> for Octets {
    fn from(octets: &[u8]) -> Self {
        let mut few = [0; FEW];
        let (Some(room), Ok(len)) = (few.get_mut(..octets.len()), u8::try_from(octets.len())) else {
            return Self(Room::Many(octets.into()));
        };
        room.copy_from_slice(octets);
        Self(Room::Few { len, room: few })
    }
}

/// None.
impl Default for Octets {
    fn default() -> Self {
        Self::from([])
    }
}

impl<const N: usize> From<[u8; N]> for Octets {
    fn from(octets: [u8; N]) -> Self {
        Self::from(&octets[..])
    }
}

/// The data of an A or AAAA record (RFC 1035 §3.4.1, RFC 3596 §2.2).
impl From<IpAddr> for Octets {
    fn from(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(v4) => Self::from(v4.octets()),
            IpAddr::V6(v6) => Self::from(v6.octets()),
        }
    }
}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Self {
        Self::from(&octets[..])
    }
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Room::Few { len, room } => &room[..usize::from(*len)],
            Room::Many(octets) => octets,
        }
    }
}

impl DerefMut for Octets {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Room::Few { len, room } => &mut room[..usize::from(*len)],
            Room::Many(octets) => Arc::make_mut(octets),
        }
    }
}

impl PartialEq for Octets {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Octets {}

impl Hash for Octets {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self[..].hash(state);
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self[..], f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_however_long() {
        let all: Vec<u8> = (0..=254).collect();
        for len in 0..=all.len() {
            let octets = Octets::from(&all[..len]);
            assert_eq!(octets[..], all[..len]);
            assert_eq!(octets.heap_bytes() > 0, len > FEW);
            assert_eq!(octets.clone(), octets);
            assert_eq!(Octets::from(all[..len].to_vec()), octets);
        }
        assert_eq!((size_of::<Octets>(), size_of::<Option<Octets>>()), (32, 32));
    }
}
