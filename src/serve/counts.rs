//! What the resolver has done since it began, in numbers.
//!
//! Each thread counts for itself, in a place that no other thread writes to, so that counting costs next to nothing;
//! whoever wants to know adds them up.

use std::cell::Cell;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::Resolver;
use crate::time::as_us;
use crate::trace::Cost;

/// Places to count in, a power of two; more threads than that share them.
const PLACES: usize = 64;
/// Servers that are listed.
const SLOWEST: usize = 10;

/// The upper ends of the spans into which waiting is sorted, in microseconds; what is longer comes last.
pub const SPANS_US: [u64; 12] =
    [1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000];

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    /// A query was answered from the cache, at once.
    Hit,
    /// A query was answered by policy: local data, special names, refusals.
    Local,
    /// A query could not be read.
    Unreadable,
    /// A query has to wait for a walk.
    Miss,
    /// A walk ended with an answer.
    Walk,
    /// A walk ended without one.
    FailedWalk,
    /// Questions sent to servers.
    Asked,
    /// Octets received from servers.
    Received,
    /// Microseconds that clients waited for walks.
    WaitedMicros,
}

const COUNTS: usize = Count::WaitedMicros as usize + 1;

/// The numbers of one thread, on cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
struct Place {
    counts: [AtomicU64; COUNTS],
    waits: [AtomicU64; SPANS_US.len() + 1],
}

/// The numbers of all threads.
#[derive(Debug)]
pub(super) struct Counts(Box<[Place]>);

impl Counts {
    pub(super) fn new() -> Self {
        let place = |_| Place { counts: Default::default(), waits: Default::default() };
        Self((0..PLACES).map(place).collect())
    }

    /// One more.
    pub(super) fn one(&self, what: Count) {
        self.add(what, 1);
    }

    fn add(&self, what: Count, number: u64) {
        self.place().counts[what as usize].fetch_add(number, Ordering::Relaxed);
    }

    /// A client has waited for a walk.
    pub(super) fn waited(&self, time: Duration) {
        let micros = as_us(time);
        self.add(Count::WaitedMicros, micros);
        let span = SPANS_US.partition_point(|end| *end < micros);
        self.place().waits[span].fetch_add(1, Ordering::Relaxed);
    }

    /// A walk has ended.
    pub(super) fn walked(&self, cost: &Cost, failed: bool) {
        self.one(if failed { Count::FailedWalk } else { Count::Walk });
        self.add(Count::Asked, cost.queries.into());
        self.add(Count::Received, cost.bytes as u64);
    }

    fn place(&self) -> &Place {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static MINE: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % PLACES));
        &self.0[MINE.get()]
    }

    fn total(&self, what: Count) -> u64 {
        self.0.iter().map(|place| place.counts[what as usize].load(Ordering::Relaxed)).sum()
    }
}

/// What the resolver has done since it began, and what it holds.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Microseconds since it began.
    pub up_us: u64,
    /// Queries answered from the cache, at once.
    pub hits: u64,
    /// Queries that had to wait for a walk.
    pub misses: u64,
    /// Queries answered by policy: local data, special names, refusals.
    pub local: u64,
    /// Queries that could not be read.
    pub unreadable: u64,
    /// Walks that ended with an answer.
    pub walks: u64,
    /// Walks that ended without one.
    pub failed_walks: u64,
    /// Questions sent to servers.
    pub asked: u64,
    /// Octets received from servers.
    pub received_bytes: u64,
    /// Microseconds that clients waited for walks, all together.
    pub waited_us: u64,
    /// The upper ends of the spans, in microseconds.
    pub spans_us: [u64; SPANS_US.len()],
    /// How many waits fell into each span; those beyond the last come last.
    pub waits: [u64; SPANS_US.len() + 1],
    /// Octets in the cache.
    pub cache_bytes: usize,
    /// Octets that it may take.
    pub cache_limit_bytes: usize,
    /// Entries in it.
    pub cache_entries: usize,
    /// Past walks that are kept.
    pub past_kept: usize,
    /// Octets that they take.
    pub past_bytes: usize,
    /// Servers that are known.
    pub servers_known: usize,
    /// The slowest of them.
    pub slowest: Vec<Slow>,
}

/// A server and how it answers.
#[derive(Clone, Debug, Serialize)]
pub struct Slow {
    /// Its address.
    pub addr: IpAddr,
    /// Its smoothed round-trip time in microseconds; nothing when it never answered.
    pub srtt_us: Option<u64>,
    /// Times in a row that it stayed silent.
    pub silences: u8,
}

impl Resolver {
    /// What it has done since it began, and what it holds.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let (world, counts) = (&self.0.world, &self.0.counts);
        let now = world.clock.now();
        let waits =
            std::array::from_fn(|span| counts.0.iter().map(|place| place.waits[span].load(Ordering::Relaxed)).sum());
        let slow = |(addr, srtt, silences): (IpAddr, Option<Duration>, u8)| {
            let srtt_us = srtt.map(as_us);
            Slow { addr, srtt_us, silences }
        };
        Figures {
            up_us: now.micros(),
            hits: counts.total(Count::Hit),
            misses: counts.total(Count::Miss),
            local: counts.total(Count::Local),
            unreadable: counts.total(Count::Unreadable),
            walks: counts.total(Count::Walk),
            failed_walks: counts.total(Count::FailedWalk),
            asked: counts.total(Count::Asked),
            received_bytes: counts.total(Count::Received),
            waited_us: counts.total(Count::WaitedMicros),
            spans_us: SPANS_US,
            waits,
            cache_bytes: world.cache.bytes(),
            cache_limit_bytes: world.cache.limit_bytes(),
            cache_entries: world.cache.entries(),
            past_kept: self.0.past.count(),
            past_bytes: self.0.past.bytes(),
            servers_known: world.servers.count(),
            slowest: world.servers.slowest(SLOWEST, now).into_iter().map(slow).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_threads_count_adds_up() {
        let counts = Counts::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for micros in 0..1000 {
                        counts.one(Count::Hit);
                        counts.waited(Duration::from_micros(micros * 10_000));
                    }
                });
            }
        });
        assert_eq!(counts.total(Count::Hit), 8000);
        assert_eq!(counts.total(Count::WaitedMicros), 8 * 499_500 * 10_000);
        let waits =
            |span: usize| -> u64 { counts.0.iter().map(|place| place.waits[span].load(Ordering::Relaxed)).sum() };
        // A span holds its upper end: 0; 10 ms; 20 ms; 30, 40 and 50 ms; ...; what is over 5 s.
        assert_eq!((waits(0), waits(3), waits(4), waits(5)), (8, 8, 8, 24));
        assert_eq!(waits(SPANS_US.len()), 8 * 499);
        assert_eq!((0..=SPANS_US.len()).map(waits).sum::<u64>(), 8000);
    }
}
