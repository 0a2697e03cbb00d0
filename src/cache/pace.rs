//! How fast servers answer, and how long to wait for them.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::ttl::back_off_secs;
use crate::time::{Time, as_us};

/// How long a thing is remembered of a server, counted from when it was last seen.
pub(super) const LIFE_SECS: u64 = 900;
/// Patience with an address of which no round trip is known: at first, and at the least once it is known how long
/// first replies take from here.
pub(super) const UNKNOWN: Duration = Duration::from_millis(400);
const UNKNOWN_LEAST: Duration = Duration::from_millis(100);
/// First replies after which it is known.
const FIRST_REPLIES: u32 = 16;
/// Patience beyond the usual round trip at the least (the G of RFC 6298 §2.3): the deviation of a steady path is next
/// to nothing, and a machine that was busy for a moment would ask everybody again.
const MARGIN: Duration = Duration::from_millis(30);
/// Least and most patience.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Silences in a row from which on an address is left alone for a while.
pub(super) const REST_AFTER: u8 = 3;
/// The same for one that has come back so often from as many silences as the others rest for: it is there, and says
/// nothing to some questions (RFC 4074 §4.1), so that what it does answer must not hang on a single packet.
const MOODY_REST_AFTER: u8 = 9;
const MOODY_AFTER: u8 = 2;
/// Failures in a row, whoever was asked, from which on an IP version is taken for dead.
const FAMILY_DEAD_AFTER: u32 = 4;

/// What a reply shows of the server that it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// How long it took.
    pub rtt: Duration,
    /// Whether it came over UDP, and not over TCP.
    pub over_udp: bool,
    /// Whether it has EDNS as the query had, and is no complaint about that.
    pub edns: bool,
    /// Whether the query had a cookie.
    pub cookie: bool,
}

/// Round trips and silences.
#[derive(Clone, Copy, Default)]
pub(super) struct Pace {
    pub(super) srtt: Option<Duration>,
    pub(super) rttvar: Duration,
    pub(super) heard_at: Time,
    pub(super) silences: u8,
    silent_at: Time,
    /// How often it has answered after silences for which others rest.
    returns: u8,
    /// Whether nobody was heard while it was silent, so that its return tells nothing of it.
    excused: bool,
    /// Whether nothing has come since somebody listened nearly as long as clients wait.
    pub(super) mute: bool,
    pub(super) rests_until: Option<Time>,
    pub(super) seen: Time,
}

impl Pace {
    pub(super) fn heard(self, rtt: Duration, now: Time) -> Self {
        let (srtt, rttvar) = match self.srtt {
            // RFC 6298 §2.2: the first measurement.
            None => (rtt, rtt / 2),
            // RFC 6298 §2.3: alpha is 1/8, beta is 1/4.
            Some(srtt) => ((7 * srtt + rtt) / 8, (3 * self.rttvar + srtt.abs_diff(rtt)) / 4),
        };
        let returns = self.returns.saturating_add(u8::from(self.silences >= REST_AFTER && !self.excused));
        Self { srtt: Some(srtt), rttvar, heard_at: now, returns, seen: now, ..Self::default() }
    }

    /// It was silent to what was `sent`, and so was everybody else where the machine is cut off.
    pub(super) fn silent(self, sent: Time, now: Time, is_cut_off: bool) -> Self {
        if self.silences > 0 && sent < self.silent_at {
            return self;
        }
        let silences = self.silences.saturating_add(1);
        let rest = |over: u8| now.plus_secs(back_off_secs(u16::from(over) + 1).into());
        let rest_after = if self.is_moody() { MOODY_REST_AFTER } else { REST_AFTER };
        let rests_until = silences.checked_sub(rest_after).map(rest);
        Self { silences, silent_at: now, excused: self.excused || is_cut_off, rests_until, seen: now, ..self }
    }

    /// Whether it is there, and silent to some questions.
    pub(super) fn is_moody(&self) -> bool {
        self.returns >= MOODY_AFTER
    }

    pub(super) fn mute(self, now: Time) -> Self {
        Self { mute: true, seen: now, ..self }
    }
}

pub(super) fn patience_after(srtt: Option<Duration>, rttvar: Duration, silences: u8, first: Duration) -> Duration {
    let (least, most) = PATIENCE;
    let calm = srtt.map_or(first, |srtt| takes(srtt, rttvar).clamp(least, most));
    calm.saturating_mul(1 << u32::from(silences).min(6)).min(most)
}

/// How long a reply takes at the most, as far as one knows (RFC 6298 §2.3).
pub(super) fn takes(srtt: Duration, rttvar: Duration) -> Duration {
    srtt + MARGIN.max(4 * rttvar)
}

/// How long addresses take that are asked for the first time: most names live on servers that were never asked before,
/// and where all of them are near, 400 ms are a long time to wait for a packet that is lost.
#[derive(Default)]
pub(super) struct FirstReplies {
    /// Microseconds: the smoothed round trip in the upper half, its mean deviation in the lower.
    pace: AtomicU64,
    count: AtomicU32,
}

impl FirstReplies {
    /// Of two threads that come at once, one may be overheard: it is an estimate.
    pub(super) fn heard(&self, rtt: Duration) {
        let rtt_us = as_us(rtt).min(10_000_000);
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let (srtt_us, var_us) = self.pace();
        // Slower than for one address (RFC 6298 §2.3): each sample is of another one.
        let (srtt_us, var_us) = match count {
            0 => (rtt_us, rtt_us / 2),
            _ => ((15 * srtt_us + rtt_us) / 16, (7 * var_us + srtt_us.abs_diff(rtt_us)) / 8),
        };
        self.pace.store(srtt_us << 32 | var_us, Ordering::Relaxed);
        if count == u32::MAX {
            self.count.store(FIRST_REPLIES, Ordering::Relaxed);
        }
    }

    pub(super) fn patience(&self) -> Option<Duration> {
        let (srtt_us, var_us) = self.pace();
        let known = self.count.load(Ordering::Relaxed) >= FIRST_REPLIES;
        known.then(|| Duration::from_micros(srtt_us + 4 * var_us).clamp(UNKNOWN_LEAST, UNKNOWN))
    }

    fn pace(&self) -> (u64, u64) {
        let pace = self.pace.load(Ordering::Relaxed);
        (pace >> 32, pace & u64::from(u32::MAX))
    }
}

/// How it goes over one IP version, whoever is asked.
#[derive(Default)]
pub(super) struct Family {
    /// Exchanges in a row that failed.
    failures: AtomicU32,
    /// Whether anything has ever come.
    has_worked: AtomicBool,
}

impl Family {
    pub(super) fn heard(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.has_worked.store(true, Ordering::Relaxed);
    }

    pub(super) fn silent(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether nothing has come for a while.
    pub(super) fn fails(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= FAMILY_DEAD_AFTER
    }

    pub(super) fn has_worked(&self) -> bool {
        self.has_worked.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::cache::Servers;

    const ADDR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn silences_back_off_and_lead_to_a_rest() {
        let servers = Servers::new((1, 2));
        let mut now = Time::from_secs(1);
        let (mut patience, mut rests) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            now = now + servers.state(ADDR, now).patience();
            servers.silent(ADDR, now, now);
            let state = servers.state(ADDR, now);
            patience.push(state.patience().as_millis());
            rests.push(state.rests_until.map_or(0, |until| (until - now).as_secs()));
        }
        assert_eq!(patience[..4], [800, 1600, 2000, 2000]);
        assert_eq!(rests, [0, 0, 5, 10, 20, 40, 80, 160, 300, 300]);
        let resting = |secs| servers.state(ADDR, now.plus_secs(secs)).resting(now.plus_secs(secs));
        assert!(resting(299) && !resting(300));
        let heard = Shown { rtt: Duration::from_millis(10), over_udp: true, edns: false, cookie: false };
        servers.heard(ADDR, heard, now);
        assert!(!servers.state(ADDR, now).resting(now));
    }

    #[test]
    fn who_comes_back_again_and_again_is_left_alone_later() {
        let (servers, mut now) = (Servers::new((1, 2)), Time::from_secs(1));
        let heard = Shown { rtt: Duration::from_millis(10), over_udp: true, edns: false, cookie: false };
        let mut silences_until_rest = || {
            servers.heard(ADDR, heard, now);
            let rests = |_: &u32| {
                now = now.plus_secs(1);
                servers.silent(ADDR, now, now);
                servers.state(ADDR, now).resting(now)
            };
            (1..).find(rests)
        };
        assert_eq!([(); 5].map(|()| silences_until_rest()), [3, 3, 9, 9, 9].map(Some));
        let patience = servers.state(ADDR, now).patience();
        assert!(patience < Duration::from_millis(400), "what it does answer comes as soon as before: {patience:?}");
        // That nobody is heard for a while is no mood of anybody.
        let (servers, mut now) = (Servers::new((1, 2)), Time::from_secs(1));
        for _ in 0..4 {
            servers.heard(ADDR, heard, now);
            for _ in 0..9 {
                now = now.plus_secs(1);
                servers.silent(ADDR, now, now);
            }
        }
        assert!(!servers.state(ADDR, now).moody);
    }

    #[test]
    fn who_was_waited_for_in_vain_is_mute_until_it_speaks() {
        let (servers, now, secs) = (Servers::new((1, 2)), Time::from_secs(10_000), Duration::from_secs);
        let state = |now| servers.state(ADDR, now);
        let may_be_slow = |since| state(now).may_be_slow(now, now + secs(since));
        assert!(may_be_slow(4), "nobody has listened for longer yet");
        servers.mute(ADDR, now);
        assert!(!may_be_slow(1));
        servers.heard(ADDR, Shown { rtt: secs(3), over_udp: true, edns: false, cookie: false }, now);
        assert!(may_be_slow(10), "it has spoken, and may have become slower");
        let before = now.plus_secs(1);
        assert!(state(now).may_be_slow(before, before + secs(10)), "since then nobody has heard of it");
        let earlier = Time::from_secs(9_999);
        assert!(state(now).may_be_slow(earlier, earlier + secs(8)), "it takes three seconds, perhaps more");
        assert!(!state(now).may_be_slow(earlier, earlier + secs(10)), "it has answered others, and not this");
        servers.mute(ADDR, now);
        assert!(may_be_slow(4) && !may_be_slow(10), "it takes three seconds");
    }

    #[test]
    fn how_long_unknown_servers_get_follows_the_first_replies_of_others() {
        let ms = Duration::from_millis;
        let patience = |rtts_ms: &[u64]| {
            let servers = Servers::new((1, 2));
            for (nth, rtt) in (0_u32..).zip(rtts_ms.iter().cycle().take(64)) {
                let shown = Shown { rtt: ms(*rtt), over_udp: true, edns: false, cookie: false };
                servers.heard(IpAddr::V4((nth / 2).into()), shown, Time::ZERO);
            }
            servers.state(ADDR, Time::ZERO).patience()
        };
        assert_eq!(patience(&[20]), ms(100), "everything is near");
        assert!((ms(150)..ms(400)).contains(&patience(&[60, 60, 100, 100])), "{:?}", patience(&[60, 60, 100, 100]));
        assert_eq!(patience(&[5, 5, 300, 300]), ms(400), "there is far and near");
        assert_eq!(patience(&[3000]), ms(400));
    }
}
