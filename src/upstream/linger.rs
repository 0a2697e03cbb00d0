//! Whether a thread looks for a reply again and again, or sleeps until it comes.
//!
//! A thread that sleeps has to be woken, and finds its code and data gone from the processor. Where the reply of a
//! server nearby is there before that is over, who stays awake has it sooner, and the server need not wake anybody.
//! It is awaited so for [`NEAR`] at most.

use std::time::Duration;

use tokio::time::Instant;

use crate::walk::ask::NEAR;

/// After so many times in a row without a reply there is a rest: near servers may be gone, or need the processor on
/// which this thread keeps awake.
const IN_VAIN: u32 = 4;
/// How long the rest is.
const REST: Duration = Duration::from_secs(1);

/// What one thread awaits awake.
#[derive(Default)]
pub(super) struct Linger {
    /// How many replies of near servers are awaited, of this round.
    awaited: usize,
    /// A round ends when it was in vain: what is awaited still is late, and no reason to stay awake any more.
    round: u32,
    /// Until when this thread stays awake for them.
    until: Option<Instant>,
    /// How often that has just been in vain.
    in_vain: u32,
    rests_until: Option<Instant>,
}

/// The reply of a near server, which is awaited.
pub(super) struct Awaited {
    round: u32,
}

impl Linger {
    /// The reply of a near server is awaited from now on.
    pub(super) fn begin(&mut self) -> Awaited {
        self.awaited += 1;
        Awaited { round: self.round }
    }

    /// Such a reply has come.
    pub(super) fn came(&mut self) {
        if self.until.is_some() {
            self.in_vain = 0;
        }
    }

    /// It was taken, or nobody waits for it any more.
    pub(super) fn end(&mut self, awaited: &Awaited) {
        if awaited.round == self.round {
            self.awaited -= 1;
        }
        if self.awaited == 0 {
            self.until = None;
        }
    }

    /// A query to a near server leaves `now`.
    pub(super) fn sent(&mut self, now: Instant) {
        if self.awaited > 0 && self.rests_until.is_none_or(|until| until <= now) {
            self.until = Some(now + NEAR);
        }
    }

    /// Whether this thread stays awake.
    pub(super) fn is_on(&mut self) -> bool {
        self.until.is_some() && self.is_on_at(Instant::now())
    }

    fn is_on_at(&mut self, now: Instant) -> bool {
        if self.until.is_none_or(|until| now < until) {
            return self.until.is_some();
        }
        (self.until, self.awaited) = (None, 0);
        (self.round, self.in_vain) = (self.round.wrapping_add(1), self.in_vain + 1);
        if self.in_vain == IN_VAIN {
            (self.in_vain, self.rests_until) = (0, Some(now + REST));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_micros(50);

    /// Asks a near server, which replies after `takes`; how long the thread stayed awake.
    fn ask(linger: &mut Linger, now: &mut Instant, takes: Duration) -> Duration {
        let awaited = linger.begin();
        linger.sent(*now);
        let (asked, mut awake) = (*now, Duration::ZERO);
        while *now < asked + takes {
            if linger.is_on_at(*now) {
                awake += STEP;
            }
            *now += STEP;
        }
        linger.came();
        linger.end(&awaited);
        assert!(!linger.is_on_at(*now), "nothing is awaited");
        awake
    }

    #[test]
    fn what_is_near_is_awaited_awake_and_nothing_else() {
        let (mut linger, mut now) = (Linger::default(), Instant::now());
        linger.sent(now);
        assert!(!linger.is_on_at(now), "nobody waits any more for what has just left");
        for takes in [1, 2, 3].map(|steps| STEP * steps) {
            assert_eq!(ask(&mut linger, &mut now, takes), takes);
        }
        assert_eq!(ask(&mut linger, &mut now, NEAR * 50), NEAR);
    }

    #[test]
    fn as_long_as_one_of_several_is_awaited() {
        let (mut linger, now) = (Linger::default(), Instant::now());
        let [one, other, last] = [(); 3].map(|()| linger.begin());
        linger.sent(now);
        linger.end(&one);
        linger.end(&other);
        assert!(linger.is_on_at(now + STEP));
        linger.sent(now + 3 * STEP);
        assert!(linger.is_on_at(now + 5 * STEP), "one left later than the others");
        linger.end(&last);
        assert!(!linger.is_on_at(now + 5 * STEP));
    }

    #[test]
    fn who_lingers_in_vain_rests_for_a_second() {
        let (mut linger, began) = (Linger::default(), Instant::now());
        let (mut now, mut awake) = (began, Duration::ZERO);
        while now - began < Duration::from_secs(10) {
            awake += ask(&mut linger, &mut now, Duration::from_millis(1));
        }
        assert!((NEAR * IN_VAIN * 9..=NEAR * IN_VAIN * 10).contains(&awake), "{awake:?}");
        // One that comes in time between the others keeps it going.
        now += REST;
        for _ in 0..100 {
            for _ in 1..IN_VAIN {
                assert_eq!(ask(&mut linger, &mut now, NEAR * 2), NEAR);
            }
            assert_eq!(ask(&mut linger, &mut now, STEP), STEP);
        }
    }

    #[test]
    fn one_that_is_lost_keeps_nobody_awake_for_the_others() {
        let (mut linger, mut now) = (Linger::default(), Instant::now());
        let lost = linger.begin();
        linger.sent(now);
        now += NEAR;
        assert!(!linger.is_on_at(now));
        for _ in 0..100 {
            assert_eq!(ask(&mut linger, &mut now, STEP), STEP);
        }
        linger.end(&lost);
        assert_eq!(ask(&mut linger, &mut now, STEP), STEP);
    }
}
