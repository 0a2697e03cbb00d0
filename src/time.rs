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

    /// The moment `secs` seconds later.
    #[must_use]
    pub const fn plus_secs(self, secs: u64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1_000_000)))
    }

    /// The moment at which something ends that is learned at this one and is good for `ttl_secs`.
    ///
    /// TTLs are counted in whole seconds of the clock, as whoever compares two answers does it: a record with less than
    /// a second left shows TTL 0 and is over, and what is made of several records ends with the first of them and not
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

/// Whole microseconds of a span; as many as can be counted when it has more.
#[must_use]
pub fn as_us(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Whole milliseconds of a span; as many as can be counted when it has more.
#[must_use]
pub fn as_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Year, month, day, hour, minute and second in UTC of a moment in seconds since 1970.
#[must_use]
pub const fn calendar(unix_secs: u64) -> [u64; 6] {
    // Howard Hinnant's days to civil: years begin in March, so that a leap day is the last of its year.
    let days = unix_secs / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + (month <= 2) as u64;
    [year, month, day, unix_secs / 3600 % 24, unix_secs / 60 % 60, unix_secs % 60]
}

/// A moment as ISO 8601 has it, from seconds since 1970: `2026-12-01T12:00:00Z`.
#[must_use]
pub fn iso(unix_secs: u64) -> String {
    format!("{}Z", date_and_time(unix_secs))
}

/// The same from milliseconds: `2026-12-01T12:00:00.000Z`.
#[must_use]
pub fn iso_ms(unix_ms: u64) -> String {
    format!("{}.{:03}Z", date_and_time(unix_ms / 1000), unix_ms % 1000)
}

fn date_and_time(unix_secs: u64) -> String {
    let [year, month, day, hour, minute, second] = calendar(unix_secs);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Seconds since 1970 of year, month, day, hour, minute and second in UTC; `None` when there is no such moment.
#[must_use]
pub fn unix_secs(moment: [u64; 6]) -> Option<u64> {
    let [year, month, day, hour, minute, second] = moment;
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 {
        return None;
    }
    let (year, from_march) = (year - u64::from(month <= 2), (month + 9) % 12);
    let day_of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + (153 * from_march + 2) / 5 + day - 1;
    let minutes = ((year / 400 * 146_097 + day_of_era).checked_sub(719_468)? * 24 + hour) * 60;
    let secs = minutes.checked_add(minute)?.checked_mul(60)?.checked_add(second)?;
    // The thirtieth of February is another day, and so no such moment.
    Some(secs).filter(|secs| calendar(*secs) == moment)
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(as_us(span)))
    }
}

/// How long ago `earlier` was; zero if it has not come yet.
impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_that_shows_0_is_over() {
        for learned_ms in [7000, 7001, 7400, 7999] {
            let at = |millis: u64| Time(millis * 1000);
            let learned = at(learned_ms);
            let ends = learned.after_ttl(60);
            for now in (learned_ms..68_000).step_by(37).map(at) {
                let shown = 60_u32.saturating_sub(now.secs_since(learned));
                assert_eq!(shown == 0, ends <= now, "learned at {learned:?}, {shown} at {now:?}");
                // Who learns it from us now forgets it when we do.
                assert!(shown == 0 || now.after_ttl(shown) == ends);
            }
        }
    }

    #[test]
    fn moments_are_written_with_and_without_milliseconds() {
        assert_eq!((iso(0), iso_ms(0)), ("1970-01-01T00:00:00Z".into(), "1970-01-01T00:00:00.000Z".into()));
        assert_eq!(iso_ms(1_709_251_199_999), "2024-02-29T23:59:59.999Z");
    }

    /// As `date -u +%s` has them.
    #[test]
    fn moments_are_those_of_the_calendar() {
        for (moment, secs) in [
            ([1970, 1, 1, 0, 0, 0], 0),
            ([2000, 2, 29, 23, 59, 59], 951_868_799),
            ([2026, 12, 1, 12, 0, 0], 1_796_126_400),
            ([2100, 3, 1, 0, 0, 0], 4_107_542_400),
            ([2106, 2, 7, 6, 28, 15], u32::MAX.into()),
        ] {
            assert_eq!((calendar(secs), unix_secs(moment)), (moment, Some(secs)));
        }
        for none in [[2026, 2, 29, 0, 0, 0], [2026, 13, 1, 0, 0, 0], [2026, 4, 31, 0, 0, 0], [2026, 1, 0, 0, 0, 0]] {
            assert_eq!(unix_secs(none), None, "{none:?}");
        }
        assert_eq!((unix_secs([1969, 12, 31, 0, 0, 0]), unix_secs([2026, 1, 1, 24, 0, 0])), (None, None));
        assert!((0..60_000).map(|day| day * 86_399).all(|secs| unix_secs(calendar(secs)) == Some(secs)));
    }
}
