//! What was seen of a server, and for how long that counts.

use super::pace::LIFE_SECS;
use crate::time::Time;

/// Whether a server understands something, as far as it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Support {
    /// Not seen within the last 15 minutes.
    #[default]
    Unknown,
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// What was seen, and when; the default of `T` is that nothing was.
#[derive(Clone, Default)]
pub(super) struct Seen<T> {
    what: T,
    at: Time,
}

impl<T: Clone + Default> Seen<T> {
    pub(super) fn new(what: T, at: Time) -> Self {
        Self { what, at }
    }

    /// What of it still counts.
    pub(super) fn at(&self, now: Time) -> T {
        if now < self.at.plus_secs(LIFE_SECS) { self.what.clone() } else { T::default() }
    }
}

/// Silences over TCP in a row that are believed of a server that is alive.
const TCP_SILENCES: u8 = 3;

/// Whether a server answers over TCP (RFC 7766).
#[derive(Default)]
pub(super) struct OverTcp {
    seen: Seen<Support>,
    /// How often in a row it was silent, and when it was the last time.
    silences: u8,
    silent_at: Time,
}

impl OverTcp {
    /// It does.
    pub(super) fn works(now: Time) -> Self {
        Self { seen: Seen::new(Support::Yes, now), ..Self::default() }
    }

    /// It does not.
    pub(super) fn broken(now: Time) -> Self {
        Self { seen: Seen::new(Support::No, now), ..Self::default() }
    }

    /// It was silent to what was `sent`. Packets get lost there too: that a server which is alive does without TCP is
    /// believed after three tries in a row (RFC 9520 §3.1), of one of which nothing has come for a while at once. Asks
    /// that were under way together are silent together.
    pub(super) fn silent(&mut self, is_alive: bool, sent: Time, now: Time) {
        if self.silences > 0 && sent < self.silent_at {
            return;
        }
        let before = if now < self.silent_at.plus_secs(LIFE_SECS) { self.silences } else { 0 };
        (self.silences, self.silent_at) = (before.saturating_add(1), now);
        if self.silences >= TCP_SILENCES || !is_alive {
            self.seen = Seen::new(Support::No, now);
        }
    }

    /// What of that still counts.
    pub(super) fn at(&self, now: Time) -> Support {
        self.seen.at(now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::*;
    use crate::cache::{Servers, Shown};

    const ADDR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn three_silences_over_tcp_are_believed_of_who_is_alive_and_one_of_who_may_be_dead() {
        let servers = Servers::new((1, 2));
        let silent = |times| {
            (0..times).for_each(|_| servers.silent_over_tcp(ADDR, Time::ZERO, Time::ZERO));
            servers.state(ADDR, Time::ZERO).tcp
        };
        assert_eq!(silent(1), Support::No);
        servers.heard(ADDR, Shown { rtt: Duration::ZERO, over_udp: true, edns: false, cookie: false }, Time::ZERO);
        assert_eq!(silent(2), Support::Unknown, "it was not there before");
        servers.tcp_works(ADDR, Time::ZERO);
        assert_eq!(silent(2), Support::Yes, "in a row");
        assert_eq!(silent(1), Support::No);
        servers.tcp_works(ADDR, Time::ZERO);
        servers.tcp_broken(ADDR, Time::ZERO);
        assert_eq!(servers.state(ADDR, Time::ZERO).tcp, Support::No, "a refusal is said once");
        servers.tcp_works(ADDR, Time::ZERO);
        let at = |secs| Time::ZERO.plus_secs(secs);
        (1..=3).for_each(|now| servers.silent_over_tcp(ADDR, at(0), at(now)));
        assert_eq!(servers.state(ADDR, at(3)).tcp, Support::Yes, "what was under way together is silent together");
        servers.heard(ADDR, Shown { rtt: Duration::ZERO, over_udp: true, edns: false, cookie: false }, at(850));
        (1000..1002).for_each(|now| servers.silent_over_tcp(ADDR, at(now), at(now)));
        assert_eq!(servers.state(ADDR, at(1002)).tcp, Support::Unknown, "and what is long ago does not count");
    }
}
