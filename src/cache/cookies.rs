//! Cookies towards servers (RFC 7873): what we show them, and what they have given us to show.

use std::net::IpAddr;

use siphasher::sip::SipHasher24;
use smallvec::SmallVec;

use crate::wire::Octets;
use crate::wire::cookie::CLIENT;

/// What is known of a server's cookies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cookies {
    /// It gave none, or none within the last 15 minutes.
    #[default]
    Unknown,
    /// Its own part, to be shown with the next question.
    Given(SmallVec<[u8; 32]>),
    /// It was silent to questions with one and answered one without, once: packets get lost.
    Doubted,
    /// It cannot cope with questions that have one.
    Refused,
}

/// Our part of the cookie for the server at `addr`: nobody else can know it, and no two servers see the same
/// (RFC 9018 §3). `key` is drawn at each start.
pub(super) fn client(addr: IpAddr, key: (u64, u64)) -> [u8; CLIENT] {
    let hasher = SipHasher24::new_with_keys(key.0, key.1);
    hasher.hash(&Octets::from(addr)).to_be_bytes()
}
