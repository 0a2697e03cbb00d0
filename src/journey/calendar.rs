//! Moments as ISO 8601 has them.

use crate::time::calendar;

/// A moment as `2026-11-21T03:00:00.000Z`, from milliseconds since 1970.
#[must_use]
pub fn iso(unix_ms: u64) -> String {
    let [year, month, day, hour, minute, second] = calendar(unix_ms / 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", unix_ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_milliseconds() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(1_709_251_199_999), "2024-02-29T23:59:59.999Z");
    }
}
