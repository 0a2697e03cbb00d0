//! Which server of a zone is asked next.

use std::net::IpAddr;
use std::time::Duration;

use crate::trace::{ChoiceWhy, ServerAt};

use super::Dice;

/// Servers whose round-trip time is within this of the best share the questions (as Unbound does).
const BAND: Duration = Duration::from_millis(400);
/// One in this many choices looks outside the band, to notice servers that have become better.
const EXPLORE_ONE_IN: u32 = 20;

/// A server that may be asked.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The server.
    pub(super) server: ServerAt,
    /// Smoothed round-trip time; `None` when it was not asked before.
    pub(super) srtt: Option<Duration>,
    /// How often in a row it was silent.
    pub(super) silences: u8,
    /// How often it was tried for this question.
    pub(super) tries: u32,
}

impl Candidate {
    /// What the round trip will probably cost. A server that was silent counts as slow.
    fn cost(&self) -> Duration {
        let known = self.srtt.unwrap_or_default();
        match self.silences {
            0 => known,
            n => known.max(BAND) + BAND * u32::from(n.min(8)),
        }
    }
}

/// Picks one of `candidates`: those tried least, among them at random inside the band of the best, the
/// faster ones more often.
pub(super) fn choose(candidates: &[Candidate], dice: &mut Dice) -> Option<(usize, ChoiceWhy)> {
    let least = candidates.iter().map(|candidate| candidate.tries).min()?;
    let fresh: Vec<usize> = (0..candidates.len()).filter(|at| candidates[*at].tries == least).collect();
    if let [only] = fresh[..] {
        let why = if candidates.len() == 1 { ChoiceWhy::Only } else { why_in_band(&candidates[only], 1) };
        return Some((only, why));
    }
    let best = fresh.iter().map(|at| candidates[*at].cost()).min()?;
    let (band, rest): (Vec<usize>, Vec<usize>) = fresh.iter().partition(|at| candidates[**at].cost() <= best + BAND);
    if !rest.is_empty() && dice.one_in(EXPLORE_ONE_IN) {
        return Some((rest[dice.below(rest.len())], ChoiceWhy::Explored));
    }
    // A weight of 1/(cost + 10 ms): fast servers get most questions, slow ones stay measured.
    let weights: Vec<usize> = band.iter().map(|at| weight(candidates[*at].cost())).collect();
    let mut left = dice.below(weights.iter().sum());
    for (at, weight) in band.iter().zip(&weights) {
        if left < *weight {
            return Some((*at, why_in_band(&candidates[*at], band.len())));
        }
        left -= weight;
    }
    None
}

fn weight(cost: Duration) -> usize {
    let millis = usize::try_from(cost.as_millis()).unwrap_or(usize::MAX).min(100_000);
    1_000_000 / (millis + 10)
}

fn why_in_band(candidate: &Candidate, band: usize) -> ChoiceWhy {
    match candidate.srtt {
        Some(srtt) => ChoiceWhy::InBand { srtt_us: u64::try_from(srtt.as_micros()).unwrap_or(u64::MAX), band },
        None => ChoiceWhy::Unknown { band },
    }
}

/// Whether an address can belong to a server at all. Glue may name any address; these are never asked,
/// loopback only where a lab allows it (CVE-2026-50251).
#[must_use]
pub fn may_be_asked(addr: IpAddr, loopback: bool) -> bool {
    match addr {
        IpAddr::V4(v4) => {
            let octets = v4.octets();
            !(octets[0] == 0 || v4.is_multicast() || octets[0] >= 240 || (v4.is_loopback() && !loopback))
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => may_be_asked(v4.into(), loopback),
            None => !(v6.is_unspecified() || v6.is_multicast() || (v6.is_loopback() && !loopback)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(last: u8, srtt_ms: Option<u64>, silences: u8, tries: u32) -> Candidate {
        let server = ServerAt { name: None, addr: IpAddr::from([192, 0, 2, last]) };
        Candidate { server, srtt: srtt_ms.map(Duration::from_millis), silences, tries }
    }

    fn shares(candidates: &[Candidate]) -> Vec<usize> {
        let mut dice = Dice::seeded(7);
        let mut shares = vec![0; candidates.len()];
        for _ in 0..10_000 {
            shares[choose(candidates, &mut dice).expect("a choice").0] += 1;
        }
        shares
    }

    #[test]
    fn the_fast_are_asked_most_and_the_slow_now_and_then() {
        let shares =
            shares(&[candidate(1, Some(10), 0, 0), candidate(2, Some(100), 0, 0), candidate(3, Some(900), 0, 0)]);
        assert!(shares[0] > 7_000 && shares[1] > 800, "{shares:?}");
        assert!((300..700).contains(&shares[2]), "5 % explore: {shares:?}");
    }

    #[test]
    fn the_silent_and_the_tried_wait() {
        assert!(shares(&[candidate(1, Some(10), 2, 0), candidate(2, Some(100), 0, 0)])[0] < 700);
        assert_eq!(shares(&[candidate(1, Some(10), 0, 1), candidate(2, Some(2000), 3, 0)])[0], 0);
    }

    #[test]
    fn special_addresses_are_never_asked() {
        for bad in ["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:0.0.0.0"] {
            assert!(!may_be_asked(bad.parse().expect("an address"), true), "{bad}");
        }
        for loopback in ["127.0.0.1", "127.53.0.1", "::1", "::ffff:127.0.0.1"] {
            let addr = loopback.parse().expect("an address");
            assert!(may_be_asked(addr, true) && !may_be_asked(addr, false), "{loopback}");
        }
        assert!(may_be_asked("198.41.0.4".parse().expect("an address"), false));
    }
}
