//! How an answer that is kept is used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use super::Answer;
use crate::time::Time;

/// What is used is fetched anew in the last of this many parts of its life.
const PARTS: u32 = 10;

/// When an answer that is used is fetched anew before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// From this many uses on.
    pub uses: u8,
    /// Not again within this time, should it fail.
    pub pause: Duration,
}

/// Counts a use of what lives for so long, and says whether this user is the one who has to fetch it anew: it is used
/// often enough, a tenth of its life at most is left, and nobody was told the same a moment ago.
pub(super) fn used(
    (uses, due_secs): (&AtomicU8, &AtomicU32),
    (stored, expires): (Time, Time),
    now: Time,
    due: Due,
) -> bool {
    let count = uses.load(Relaxed);
    if count < due.uses {
        // A store, not an atomic addition: a use that gets lost among threads is of no weight.
        uses.store(count + 1, Relaxed);
    }
    if count.saturating_add(1) < due.uses || (expires - now) * PARTS > expires - stored {
        return false;
    }
    let secs = |time: Time| u32::try_from(time.secs()).unwrap_or(u32::MAX);
    let (known, next) = (due_secs.load(Relaxed), secs(now + due.pause));
    known <= secs(now) && due_secs.compare_exchange(known, next, Relaxed, Relaxed).is_ok()
}

/// What is counted about an answer while it is kept, and whether it is the best there is.
#[derive(Debug)]
pub struct Usage {
    /// From when on, in whole seconds, somebody may fetch it anew.
    due_secs: AtomicU32,
    /// Uses so far, no more than are needed. Nothing here is exact: two threads may each miss the other.
    uses: AtomicU8,
    is_stopgap: bool,
    /// The answer in whose place it stands.
    behind: Option<Arc<Answer>>,
}

impl Default for Usage {
    /// An answer that may be fetched anew before it ends.
    fn default() -> Self {
        Self { due_secs: AtomicU32::new(0), uses: AtomicU8::new(0), is_stopgap: false, behind: None }
    }
}

impl Usage {
    /// An answer that only stands in for a better one until that is tried again: a failure, or what is served stale.
    /// What it stands in for is kept with it, for the next time.
    #[must_use]
    pub const fn stopgap(behind: Option<Arc<Answer>>) -> Self {
        Self { due_secs: AtomicU32::new(u32::MAX), uses: AtomicU8::new(0), is_stopgap: true, behind }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.behind.as_ref().map_or(0, |answer| size_of::<Answer>() + 2 * size_of::<usize>() + answer.heap_bytes())
    }
}

impl Answer {
    /// Whether it was proved, and the signatures over it hold at this moment of the calendar, which may have been set
    /// since (RFC 4035 §5.3.3).
    #[must_use]
    pub const fn is_signed(&self, unix_secs: u32) -> bool {
        self.secure && matches!(self.signed_until.wrapping_sub(unix_secs), 1..0x8000_0000)
    }

    /// Whether it only stands in for a better one.
    #[must_use]
    pub const fn is_stopgap(&self) -> bool {
        self.usage.is_stopgap
    }

    /// The last answer that was no stopgap.
    pub(super) fn regular(self: Arc<Self>) -> Option<Arc<Self>> {
        if self.is_stopgap() { self.usage.behind.clone() } else { Some(self) }
    }

    /// Seconds to take from its TTLs.
    #[must_use]
    pub fn age_secs(&self, now: Time) -> u32 {
        now.secs_since(self.stored)
    }

    /// Counts a use, and says whether this user is the one who has to fetch the answer anew.
    #[must_use]
    pub fn used(&self, now: Time, due: Due) -> bool {
        used((&self.usage.uses, &self.usage.due_secs), (self.stored, self.expires), now, due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Question, RecordType, ResponseCode, Sections, Template};

    fn answer(usage: Usage) -> Answer {
        let question = Question::new("www.example".parse().expect("a name"), RecordType::A);
        let template = Template::build(&question, ResponseCode::NoError, &Sections::default(), false);
        let (stored, expires) = (Time::from_secs(100), Time::from_secs(400));
        Answer { template, edes: Box::default(), stored, expires, secure: false, signed_until: 0, usage }
    }

    const DUE: Due = Due { uses: 2, pause: Duration::from_secs(30) };

    #[test]
    fn the_second_use_in_the_last_tenth_is_told_once_in_each_pause() {
        let answer = answer(Usage::default());
        let used = |secs| answer.used(Time::from_secs(secs), DUE);
        assert!(!used(375), "the first use");
        assert!(used(375) && !used(376));
        assert!(!used(404) && used(405) && !used(405));
    }

    #[test]
    fn before_the_last_tenth_uses_only_count() {
        let answer = answer(Usage::default());
        let used = |secs| answer.used(Time::from_secs(secs), DUE);
        assert!(!used(100) && !used(200) && !used(369));
        assert!(used(370), "300 s of life, 30 left");
    }

    #[test]
    fn a_stopgap_is_not_fetched() {
        let stopgap = answer(Usage::stopgap(None));
        assert!((0..3).all(|_| !stopgap.used(Time::from_secs(399), DUE)));
    }
}
