//! Cookies towards servers (RFC 7873): what we show them, and what they have given us to show.

use std::net::IpAddr;

use siphasher::sip::SipHasher24;
use smallvec::SmallVec;

use super::pace::LIFE_SECS;
use crate::time::Time;
use crate::wire::cookie::CLIENT;

/// What is known of a server's cookies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cookies {
    /// It gave none, or none within the last 15 minutes.
    #[default]
    Unknown,
    /// Its own part, to be shown with the next question.
    Given(SmallVec<[u8; 32]>),
    /// It cannot cope with questions that have one.
    Refused,
}

/// That of one address, and when it was seen.
#[derive(Clone, Default)]
pub(super) struct Seen {
    what: Cookies,
    at: Time,
}

impl Seen {
    pub(super) fn new(what: Cookies, at: Time) -> Self {
        Self { what, at }
    }

    pub(super) fn at(&self, now: Time) -> Cookies {
        if now < self.at.plus_secs(LIFE_SECS) { self.what.clone() } else { Cookies::Unknown }
    }
}

/// Our part of the cookie for the server at `addr`: nobody else can know it, and no two servers see the same
/// (RFC 9018 §3). `key` is drawn at each start.
pub(super) fn client(addr: IpAddr, key: (u64, u64)) -> [u8; CLIENT] {
    let hasher = SipHasher24::new_with_keys(key.0, key.1);
    let hash = match addr {
        IpAddr::V4(v4) => hasher.hash(&v4.octets()),
        IpAddr::V6(v6) => hasher.hash(&v6.octets()),
    };
    hash.to_be_bytes()
}
