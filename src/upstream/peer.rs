//! Servers as keys, whose hash nobody can foresee.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};

use siphasher::sip128::SipHasher13;

/// A server, as it is reached under some settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// A keyed hash of the rest: whoever chooses addresses cannot choose which of them collide.
    pub(super) hash: u64,
    settings: u64,
    pub(super) server: SocketAddr,
}

impl Peer {
    pub(super) fn new(server: SocketAddr, settings: u64, hasher: &SipHasher13) -> Self {
        let mut octets = [0; 26];
        octets[..16].copy_from_slice(&mapped(server.ip()));
        octets[16..18].copy_from_slice(&server.port().to_be_bytes());
        octets[18..].copy_from_slice(&settings.to_be_bytes());
        Self { hash: hasher.hash(&octets).h1, settings, server }
    }
}

impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// An address in sixteen octets.
pub(super) fn mapped(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}
