//! Time as the pure half sees it: a number that somebody else read from a clock.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::Serialize;

/// A moment, in microseconds since an origin that the edge (or a simulator) chose.
///
/// The pure half never reads a clock; every function that needs the time takes a `Time`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Time(u64);

impl Time {
    /// The origin itself.
    pub const ZERO: Self = Self(0);
    /// Later than every moment that will come.
    pub const FAR: Self = Self(u64::MAX);

    /// The moment `micros` microseconds after the origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The moment `millis` milliseconds after the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis * 1000)
    }

    /// The moment `secs` seconds after the origin.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000_000)
    }

    /// Microseconds since the origin.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the origin.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// How long ago `earlier` was; zero if it has not come yet.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The moment `secs` seconds later.
    #[must_use]
    pub const fn plus_secs(self, secs: u64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1_000_000)))
    }

    /// The moment at which something ends that is learned at this one and is good for `ttl_secs`.
    ///
    /// TTLs are counted in whole seconds of the clock, as whoever compares two answers does it: a record with less than a
    /// second left shows TTL 0 and is over, and what is made of several records ends with the first of them and not
    /// part of a second later.
    #[must_use]
    pub const fn after_ttl(self, ttl_secs: u32) -> Self {
        Self::from_secs(self.secs() + ttl_secs as u64)
    }

    /// Seconds by which a TTL has gone down that was learned at `earlier`; zero if that has not come yet.
    #[must_use]
    pub fn secs_since(self, earlier: Self) -> u32 {
        u32::try_from(self.secs().saturating_sub(earlier.secs())).unwrap_or(u32::MAX)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_that_shows_0_is_over() {
        for learned_ms in [0, 1, 400, 999] {
            let learned = Time::from_millis(7000 + learned_ms);
            let ends = learned.after_ttl(60);
            for now in (7000 + learned_ms..68_000).step_by(37).map(Time::from_millis) {
                let shown = 60_u32.saturating_sub(now.secs_since(learned));
                assert_eq!(shown == 0, ends <= now, "learned at {learned:?}, {shown} at {now:?}");
                // Who learns it from us now forgets it when we do.
                assert!(shown == 0 || now.after_ttl(shown) == ends);
            }
        }
    }
}
