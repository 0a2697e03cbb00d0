//! What a walk sees of one server address.

use std::time::Duration;

use smallvec::SmallVec;

use super::cookies::Cookies;
use super::pace::{REST_AFTER, UNKNOWN, patience_after, takes};
use super::seen::Support;
use crate::time::Time;
use crate::wire::Name;

/// Silences of a moody server that lengthen the patience with it.
const MOODY_SILENCES: u8 = 2;

/// How likely it is that nothing will come from a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// It answers, as far as one knows.
    #[default]
    None,
    /// It was silent several times in a row: others are asked beside it.
    Silent,
    /// It is probably dead: to ask it briefly shows whether it is back.
    Dead,
}

/// What was remembered about one address at the time of asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerState {
    /// Smoothed round trip time (RFC 6298 §2); `None` when it never answered.
    pub srtt: Option<Duration>,
    /// Its mean deviation.
    pub rttvar: Duration,
    /// When it was last heard from; the origin of time where it never was.
    pub heard_at: Time,
    /// Times in a row that it stayed silent.
    pub silences: u8,
    /// Whether it has not answered since somebody listened for it nearly as long as clients wait.
    pub mute: bool,
    /// Whether it is silent to some questions again and again and answers others.
    pub moody: bool,
    /// Until when it is better left alone, after several silences in a row.
    pub rests_until: Option<Time>,
    /// Whether it answers queries with EDNS (RFC 6891).
    pub edns: Support,
    /// Whether it answers over TCP (RFC 7766).
    pub tcp: Support,
    /// Whether it answers over UDP; `No` when TCP alone has brought an answer.
    pub udp: Support,
    /// What it has to do with cookies (RFC 7873).
    pub cookies: Cookies,
    /// Zones for which it was found lame.
    pub(crate) lame: SmallVec<[Name; 1]>,
    /// How long addresses that were asked for the first time took to reply, as far as that is known.
    pub(crate) first: Option<Duration>,
}

impl ServerState {
    /// How long to wait for an answer: srtt + 4 × deviation (RFC 6298 §2.3), doubled for each silence in a row
    /// (§5.5), from 50 ms to 2 s. An address that never answered gets 400 ms, or less where first replies are known
    /// to come sooner.
    #[must_use]
    pub fn patience(&self) -> Duration {
        // Silence to some questions says little of how long the others take.
        let silences = if self.moody { self.silences.min(MOODY_SILENCES) } else { self.silences };
        patience_after(self.srtt, self.rttvar, silences, self.first.unwrap_or(UNKNOWN))
    }

    /// How long to wait for one that is probably dead: those that are back answer as fast as they did before, or as
    /// others do. The second try gets twice as long as the first.
    #[must_use]
    pub fn short_patience(&self, nth: u32) -> Duration {
        patience_after(self.srtt, self.rttvar, 0, UNKNOWN).max(UNKNOWN) * nth.clamp(1, 2)
    }

    /// Whether a reply to what was `sent` may still come: it takes as long, as far as one knows, or nobody has listened
    /// for longer yet. Who was fast may have become slow, unless it has answered others since.
    #[must_use]
    pub fn may_be_slow(&self, sent: Time, now: Time) -> bool {
        !self.mute && !self.moody && self.heard_at <= sent || self.is_slow(sent, now)
    }

    /// Whether it takes as long as this, as far as one knows.
    #[must_use]
    pub fn is_slow(&self, sent: Time, now: Time) -> bool {
        self.takes().is_some_and(|takes| now - sent < takes)
    }

    /// By when a reply has come, as far as one knows.
    #[must_use]
    pub fn takes(&self) -> Option<Duration> {
        self.srtt.map(|srtt| takes(srtt, self.rttvar))
    }

    /// How likely it is that nothing will come from it.
    #[must_use]
    pub fn doubt(&self) -> Doubt {
        match self.silences {
            // Silence to some questions says little of the others.
            _ if self.moody => Doubt::None,
            REST_AFTER.. if self.mute => Doubt::Dead,
            REST_AFTER.. => Doubt::Silent,
            _ => Doubt::None,
        }
    }

    /// Whether it was found lame for `zone`: asked for a name of the zone, it did not know the zone.
    #[must_use]
    pub fn lame_for(&self, zone: &Name) -> bool {
        self.lame.contains(zone)
    }

    /// Whether it was silent so often in a row that others should be asked first.
    #[must_use]
    pub fn resting(&self, now: Time) -> bool {
        self.rests_until.is_some_and(|until| until > now)
    }
}
