//! What clients are told over hours in which a server answers, changes its mind and fails, by rule: in worlds made by
//! chance, each from a seed. `SEEDS=0..3000 cargo test --test serve seasons` runs so many of them, in some minutes.

use std::collections::HashMap;
use std::rc::Rc;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng};
use rootwalk::serve::Resolver;
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::{Name, ResponseCode, ede};

use super::mock::{Got, Mock, Mood, Query, later};
use super::worker::on_a_worker;

const MAX_STALE_SECS: u32 = 500;
const STALE_TTL_SECS: u32 = 30;
const NAMES: [&str; 3] = ["www.example", "one.example", "two.example"];
/// As real time passes as well.
const SLACK_SECS: u64 = 3;

/// A name, in one form, and where so many aliases have led.
type Way = (&'static str, bool, usize, Name);

struct World {
    mock: Rc<Mock>,
    resolver: Resolver,
    rng: StdRng,
    now: u64,
    /// Of each version of the data, which ends its addresses: its TTL, and when it was told for the last time.
    versions: Vec<(u32, u64)>,
    /// What was told last: the version, the TTL of the first record, and how often the server had been asked.
    last: HashMap<Way, (u8, u32, usize)>,
    story: Vec<String>,
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mock = Mock::begin(Mood::Fails).await;
        let (recheck_secs, prefetch) = (*[1, 30, 300].choose(&mut rng).unwrap(), rng.random());
        let timeout_ms = *[0, 1800].choose(&mut rng).unwrap();
        let resolver = mock.resolver(|settings| {
            settings.resolver.qname_minimisation = Minimisation::Off;
            settings.cache.max_stale_secs = MAX_STALE_SECS;
            settings.cache.stale_recheck_secs = recheck_secs;
            settings.cache.prefetch = prefetch;
            settings.cache.stale_client_timeout_ms = timeout_ms;
        });
        let story = vec![format!("SEEDS={seed}..{}: {recheck_secs} {prefetch} {timeout_ms}", seed + 1)];
        Self { mock, resolver, rng, now: 0, versions: Vec::new(), last: HashMap::new(), story }
    }

    /// From now on the server says something else.
    fn change(&mut self) {
        let ttl_secs = *[1, 20, 60, 200].choose(&mut self.rng).unwrap();
        if let Some((_, last)) = self.versions.last_mut() {
            *last = self.now;
        }
        let version = u8::try_from(self.versions.len()).unwrap();
        let mood = match self.rng.random_range(0..10) {
            0..=2 => Mood::Answers(version, ttl_secs),
            3..=4 => Mood::Aliases(version, ttl_secs),
            5 => Mood::LeadsTo("two.example", ttl_secs),
            6 => Mood::Denies(ttl_secs),
            7 => Mood::GoesRoundBy("one.example"),
            _ => Mood::Fails,
        };
        self.versions.push((ttl_secs, u64::MAX));
        self.story.push(format!("{} s: {mood:?}", self.now));
        self.mock.mood.set(mood);
    }

    async fn step(&mut self) {
        if self.rng.random_bool(0.25) {
            self.change();
        }
        if self.rng.random_bool(0.7) {
            let secs = *[1, 2, 9, 20, 31, 100, 300, 600].choose(&mut self.rng).unwrap();
            self.now += secs;
            self.resolver = later(&self.resolver, secs);
        }
        let name = *NAMES.choose(&mut self.rng).unwrap();
        let query = Query { dnssec_ok: self.rng.random_bool(0.3), cd: self.rng.random_bool(0.1), ..Query::of(name) };
        // What is fetched for this answer may come for the next one.
        let asked = self.asked();
        let got = query.ask(&self.resolver).await;
        self.story.push(format!("{} s: {name} {} {} {got:?}", self.now, query.dnssec_ok, query.cd));
        if got.rcode == ResponseCode::NoError {
            self.check((name, query), asked, &got);
        }
    }

    fn asked(&self) -> usize {
        NAMES.iter().map(|name| self.mock.asked(name)).sum()
    }

    fn check(&mut self, (name, query): (&'static str, Query<'_>), asked: usize, got: &Got) {
        let told = || self.story.join("\n");
        let (Some((version, ttl_secs)), Some(end)) = (got.addresses.last().copied(), got.end.clone()) else {
            panic!("nothing\n{}", told())
        };
        let is_stale = got.codes().contains(&ede::STALE_ANSWER);
        let (most_secs, last) = self.versions[usize::from(version)];
        let over_secs = if is_stale { most_secs + MAX_STALE_SECS } else { most_secs };
        assert!(self.now <= last.saturating_add(u64::from(over_secs) + SLACK_SECS), "too old\n{}", told());
        assert!(is_stale || ttl_secs <= most_secs, "longer than it was told\n{}", told());
        // What was told to somebody who checks for himself is nothing to the others.
        if query.cd {
            return;
        }
        // What stands behind it may be known by its own name as well, and be told anew there.
        let first_secs = got.addresses[0].1;
        let key = (name, query.dnssec_ok, got.addresses.len(), end);
        if let Some((before, before_secs, before_asked)) = self.last.get(&key).copied() {
            // Of aliases one may be over for good before the rest is.
            assert!(version >= before || !is_stale || got.addresses.len() > 1, "older than before\n{}", told());
            let grows = first_secs > before_secs && before_asked == self.asked();
            assert!(!grows || is_stale && first_secs == STALE_TTL_SECS, "a TTL has grown\n{}", told());
        }
        self.last.insert(key, (version, first_secs, asked));
    }
}

/// RFC 8767 §4, §5: nothing is served beyond its last time, what is stale is the last that was known, and TTLs go down
/// until somebody is asked, but for the one that stale records have.
#[test]
fn over_hours_clients_are_told_what_was_told_last() {
    let seeds = std::env::var("SEEDS").map_or(0..40, |text| {
        let (from, to) = text.split_once("..").unwrap();
        from.parse().unwrap()..to.parse().unwrap()
    });
    on_a_worker(async move {
        for seed in seeds {
            let mut world = World::new(seed).await;
            for _ in 0..60 {
                world.step().await;
            }
        }
    });
}
