//! How long things may be kept.

use crate::time::Time;
use crate::wire::{RrSet, Soa};

/// RFC 2308 §5: a denial without SOA should not be cached, since two caches could hand it to each other for
/// ever. This cache gives it these few seconds all the same, as to a failure (RFC 9520 §3.2), so that a
/// broken server is not asked for every query; nothing but a new reply of that server renews it, and
/// what is served has no SOA, so that nobody behind us keeps it.
const NO_SOA_SECS: u32 = 5;

/// The first and the longest time for which a failure is remembered, and a server rests (RFC 9520 §3.2: 1 s to 5
/// minutes).
const FAILURE_SECS: (u32, u32) = (5, 300);

/// Bounds on the time for which things are kept, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtlLimits {
    /// Longest life of a record set (RFC 2181 §8 lets a cache choose).
    pub positive_max_secs: u32,
    /// Shortest life of a record set, also of one with TTL 0: whoever raises this wants not to ask again.
    pub positive_min_secs: u32,
    /// Longest life of a denial (RFC 2308 §5 recommends one to three hours).
    pub negative_max_secs: u32,
    /// Shortest life of a denial that came with a SOA.
    pub negative_min_secs: u32,
    /// Shortest life of a delegation: a lower TTL at the parent would make every query start above.
    pub delegation_min_secs: u32,
    /// Longest life of a delegation: when the parent is asked again at the latest.
    pub delegation_max_secs: u32,
}

impl Default for TtlLimits {
    fn default() -> Self {
        Self {
            positive_max_secs: 86_400,
            positive_min_secs: 0,
            negative_max_secs: 3600,
            negative_min_secs: 0,
            delegation_min_secs: 60,
            delegation_max_secs: 86_400,
        }
    }
}

impl TtlLimits {
    /// The TTL at which a record set is kept and served. Without a least TTL 0 stays 0: "only for the
    /// transaction in progress" (RFC 1035 §3.2.1).
    #[must_use]
    pub fn positive(&self, ttl_secs: u32) -> u32 {
        ttl_secs.max(self.positive_min_secs).min(self.positive_max_secs)
    }

    /// The TTL at which a denial is kept: the least of the SOA's TTL and its MINIMUM (RFC 2308 §5) and of
    /// the TTLs of the proof (RFC 9077 §3), within the bounds.
    pub(super) fn negative(&self, soa: Option<&RrSet>, proof: &[RrSet]) -> u32 {
        let by_soa = soa.and_then(|soa| Some(soa.ttl_secs.min(soa_minimum(soa)?)));
        let least = by_soa.map_or(0, |_| self.negative_min_secs);
        let said = proof.iter().map(|set| set.ttl_secs).fold(by_soa.unwrap_or(NO_SOA_SECS), u32::min);
        said.max(least).min(self.negative_max_secs)
    }

    /// The life of a delegation that the parent gave until `expires`.
    pub(super) fn delegation(&self, now: Time, expires: Time) -> Time {
        let floor = now.after_ttl(self.delegation_min_secs);
        expires.max(floor).min(now.after_ttl(self.delegation_max_secs))
    }
}

/// For how long the `nth` failure in a row is remembered, and how long the `nth` rest in a row is, counted from 1 (RFC
/// 9520 §3.2: exponential back-off).
pub(super) fn back_off_secs(nth: u16) -> u32 {
    let (first, longest) = FAILURE_SECS;
    (first << u32::from(nth.saturating_sub(1)).min(8)).min(longest)
}

/// The MINIMUM field of a SOA set.
fn soa_minimum(soa: &RrSet) -> Option<u32> {
    soa.rdatas.iter().next().and_then(Soa::read).map(|soa| soa.minimum_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Name, RecordType};

    pub(super) fn soa(ttl_secs: u32, minimum: u32) -> RrSet {
        let rdata = [&[0; 18][..], &minimum.to_be_bytes()].concat();
        RrSet::new(Name::root(), RecordType::SOA, ttl_secs, [&rdata[..]])
    }

    #[test]
    fn negative_ttl_of_rfc_2308() {
        let limits = TtlLimits::default();
        assert_eq!(limits.negative(Some(&soa(900, 300)), &[]), 300);
        assert_eq!(limits.negative(Some(&soa(200, 300)), &[]), 200);
        assert_eq!(limits.negative(Some(&soa(90_000, 90_000)), &[]), 3600);
        assert_eq!(limits.negative(Some(&soa(900, 0)), &[]), 0);
        assert_eq!(limits.negative(None, &[]), NO_SOA_SECS);
        assert_eq!(limits.negative(Some(&soa(900, 300)), &[soa(30, 0)]), 30);
        let damaged = RrSet::new(Name::root(), RecordType::SOA, 900, [&[0; 21][..]]);
        assert_eq!(limits.negative(Some(&damaged), &[]), NO_SOA_SECS);
        let raised = TtlLimits { negative_min_secs: 60, negative_max_secs: 600, ..limits };
        assert_eq!(raised.negative(Some(&soa(900, 0)), &[]), 60);
        assert_eq!(raised.negative(Some(&soa(900, 300)), &[soa(30, 0)]), 60);
        assert_eq!(raised.negative(Some(&soa(900, 900)), &[]), 600);
        assert_eq!(raised.negative(None, &[]), NO_SOA_SECS, "nothing lets a denial without SOA live long");
    }

    #[test]
    fn failures_back_off_from_5_to_300_seconds() {
        let all: Vec<u32> = (1..=9).map(back_off_secs).collect();
        assert_eq!(all, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(back_off_secs(u16::MAX), 300);
    }

    #[test]
    fn positive_and_delegation_bounds() {
        let limits = TtlLimits { positive_min_secs: 5, ..TtlLimits::default() };
        assert_eq!([0, 1, 60, u32::MAX].map(|ttl| limits.positive(ttl)), [5, 5, 60, 86_400]);
        assert_eq!(TtlLimits::default().positive(0), 0, "RFC 1035 §3.2.1");
        let now = Time::from_secs(100);
        let life = |secs| (limits.delegation(now, now.plus_secs(secs)) - now).as_secs();
        assert_eq!([0, 61, 900_000].map(life), [60, 61, 86_400]);
    }
}
