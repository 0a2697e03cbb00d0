//! Limits that are reached: what a walk may cost when they are small, and what is left when all others are large.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rootwalk::cache::{Cache, TtlLimits};
use rootwalk::dnssec;
use rootwalk::trace::{Event, Failure, Limit, RouteKind};
use rootwalk::walk::limits::Limits;
use rootwalk::walk::{Route, Routes};
use rootwalk::wire::{Question, RecordType};

use super::trouble::Trouble;
use super::world::{Families, World, hosted, internet};
use super::{LAB, check, questions, story, worlds};

/// In whatever trouble servers are: no query leaves once one of the limits of the whole walk is reached, and the client
/// learns which it was.
#[test]
fn nothing_is_asked_beyond_the_budget() {
    let all = questions();
    let reached = super::each(&worlds(150), |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::new(&LAB, seed, rng.random_range(0.0..0.4), 0.1);
        let usual = Limits::default();
        let (limit, limits) = match seed % 3 {
            0 => (Limit::Queries, Limits { queries: rng.random_range(0..12), ..usual }),
            1 => (Limit::Bytes, Limits { bytes: rng.random_range(0..4_000), ..usual }),
            _ => (Limit::Time, Limits { time: Duration::from_millis(rng.random_range(0..400)), ..usual }),
        };
        world.resolver.settings.limits = limits.clone();
        let mut reached = None;
        for _ in 0..4 {
            let question = &all[rng.random_range(0..all.len())];
            let ended = world.resolve(question);
            check(&world, question, &ended);
            let (mut queries, mut bytes) = (0, 0);
            for entry in &ended.log {
                match &entry.event {
                    Event::Asked { .. } => {
                        let within = queries < limits.queries
                            && bytes < limits.bytes
                            && u128::from(entry.at_us) < limits.time.as_micros();
                        assert!(within, "{limits:?}\n{}", story(&ended));
                        queries += 1;
                    }
                    Event::Heard { bytes: more, .. } => bytes += more,
                    _ => {}
                }
            }
            assert_eq!(queries, ended.budget.queries(), "{}", story(&ended));
            // What a guess was mixed with is counted as well, and not told.
            assert!(bytes <= ended.budget.bytes(), "{}", story(&ended));
            let over = ended
                .outcome
                .failure
                .filter(|failure| matches!(failure, Failure::OutOfBudget { limit: told, .. } if *told == limit));
            reached = over.map(|_| limit.to_string()).or(reached);
        }
        reached
    });
    let reached: BTreeSet<String> = reached.into_iter().flatten().collect();
    assert_eq!(reached.len(), 3, "{reached:?}");
}

/// Once the last query has left, what is on its way still counts, and the walk ends when nothing is any more.
#[test]
fn at_the_limit_of_queries_who_was_asked_last_is_heard_out() {
    let head = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let cut = "z. 3600 NS a.z.\nz. 3600 NS b.z.\na.z. 3600 A 192.0.2.2\nb.z. 3600 A 192.0.2.3\n";
    let zones = [
        (".", ", sign = {}", format!("{head}@ 3600 NS ns1.\nns1. 3600 A 192.0.2.1\n{cut}")),
        ("z.", "", format!("{head}{cut}*.w 60 A 198.51.100.1\n")),
    ];
    let lab = internet(&zones, &[("ns1.", 1, vec!["."]), ("a.z.", 2, vec!["z."]), ("b.z.", 3, vec!["z."])]);
    let named = [2, 3].map(|host| (IpAddr::from([192, 0, 2, host]), None));
    let stub = Route { fallback: true, ..Route::new(RouteKind::Stub, "z.".parse().expect("a name"), &named) };
    for (most, routes) in (1..=6).flat_map(|most| [vec![], vec![Arc::new(stub.clone())]].map(|routes| (most, routes))) {
        for answers in 0..=most {
            let mut world = World::new(&lab, u64::from(most), 0.0, 0.0).with_even_paths();
            world.resolver.settings.proofs = dnssec::Settings::default();
            world.resolver.settings.routes = Routes(routes.clone());
            let ask = |name: &str| Question::new(name.parse().expect("a name"), RecordType::A);
            assert!(world.resolve(&ask("a.w.z.")).outcome.failure.is_none());
            world.resolver.settings.limits.queries = most;
            let mut asked = 0;
            let ended = world.resolve_through(&ask("b.w.z."), |_| {
                asked += 1;
                asked == answers
            });
            assert_eq!(ended.outcome.failure.is_some(), answers == 0, "{answers} of {most}\n{}", story(&ended));
            assert!(ended.took < Duration::from_millis(4_600), "{answers} of {most}\n{}", story(&ended));
        }
    }
}

/// Zones whose servers have names in the next one, which end nowhere: each server is a question of its own. Where no
/// other limit ends that, the number of questions does, as each of them costs memory.
#[test]
fn questions_for_one_client_are_counted_whatever_they_cost() {
    const MOST_GOALS: usize = 128;
    /// For two servers at once, in both versions of IP, nobody looks between.
    const AT_ONCE: usize = 4;
    const ZONES: usize = 12;
    let cuts = (0..ZONES).fold(String::new(), |mut cuts, zone| {
        for server in 0..13 {
            let _ = writeln!(cuts, "z{zone}. 3600 NS s{server}.z{}.", zone + 1);
        }
        cuts
    });
    let lab = hosted(&[("other.", "", 1, "@ A 192.0.2.1\n")], &format!("other. 3600 NS ns1.\n{cuts}"));
    let mut world = World::with_families(&lab, 1, 0.0, 0.0, Families::Both);
    world.resolver.settings.proofs = dnssec::Settings::default();
    world.resolver.settings.limits = Limits {
        queries: u32::MAX,
        queries_per_step: u32::MAX,
        bytes: usize::MAX,
        time: Duration::from_hours(1),
        failed_server_lookups: u32::MAX,
        depth: u32::MAX,
        referrals: u32::MAX,
        ..Limits::default()
    };
    let question = Question::new("www.z0.".parse().expect("a name"), RecordType::A);
    let ended = world.resolve(&question);
    assert!(ended.outcome.failure.is_some(), "{}", story(&ended));
    let goals = ended.log.iter().filter(|entry| matches!(entry.event, Event::Goal { .. })).count();
    assert!((MOST_GOALS..MOST_GOALS + AT_ONCE).contains(&goals), "{goals}: {}", story(&ended));
    let is_told = |event: &Event| matches!(event, Event::LimitReached { limit: Limit::Goals, .. });
    assert!(ended.log.iter().any(|entry| is_told(&entry.event)), "{}", story(&ended));
}

/// Servers whose names lie in zones whose servers have names in the next one, two each: whoever is asked for in the
/// last is waited for in as many ways as there are from the first. When nobody waits there any more, it is seen at once
/// that nobody does: it took billions of steps.
#[test]
fn who_is_not_wanted_any_more_is_not_looked_for_in_all_ways() {
    const ZONES: usize = 16;
    let cuts = "v. 3600 NS ns2.\nw. 3600 NS ns3.\nv. 3600 NS a.z0.\nv. 3600 NS b.z0.\n".to_owned();
    let cuts = (1..ZONES).fold(cuts, |mut cuts, next| {
        for server in ["a", "b"] {
            let _ = writeln!(cuts, "z{}. 3600 NS {server}.z{next}.", next - 1);
        }
        cuts
    });
    let zones = [
        ("v.", "", 2, "www CNAME www.w.\n"),
        ("w.", "", 3, "www A 198.51.100.1\n"),
        ("z15.", "", 4, "a A 198.51.100.2\nb A 198.51.100.2\n"),
    ];
    let lab = hosted(&zones, &(cuts + "z15. 3600 NS ns4.\n"));
    let mut world = World::with_families(&lab, 1, 0.0, 0.0, Families::Both).with_even_paths();
    world.resolver.settings.proofs = dnssec::Settings::default();
    world.slow(&[[192, 0, 2, 2].into()], 1_500);
    world.slow(&[[192, 0, 2, 3].into()], 2_000);
    world.set_trouble([192, 0, 2, 4].into(), Trouble::Silent);
    let ended = world.resolve(&Question::new("www.v.".parse().expect("a name"), RecordType::A));
    assert_eq!(ended.outcome.answer.len(), 2, "{}", story(&ended));
    let is_last = |event: &Event| matches!(event, Event::Asked { zone, .. } if zone.to_string() == "z15.");
    assert!(ended.log.iter().any(|entry| is_last(&entry.event)), "{}", story(&ended));
}

/// What is told to live for long is served and kept for as long as the settings say, by whomever it was told and as
/// part of whatever.
#[test]
fn no_life_is_longer_than_the_settings_allow() {
    const MOST_SECS: u32 = 47;
    let limits = TtlLimits {
        positive_max_secs: MOST_SECS,
        negative_max_secs: MOST_SECS,
        delegation_min_secs: 0,
        delegation_max_secs: MOST_SECS,
        ..TtlLimits::default()
    };
    for seed in worlds(2) {
        let mut world = World::new(&LAB, seed, 0.0, 0.0);
        world.resolver.cache = Cache::new(8 << 20, (seed, 1), limits);
        for question in questions() {
            for _ in 0..2 {
                let ended = world.resolve(&question);
                let sets = ended.outcome.answer.iter().chain(&ended.outcome.authority);
                let longest = sets.max_by_key(|set| set.ttl_secs);
                assert!(longest.is_none_or(|set| set.ttl_secs <= MOST_SECS), "{longest:?}\n{}", story(&ended));
            }
            let over = world.resolver.now.plus_secs(MOST_SECS.into());
            let (cache, asked) = (&world.resolver.cache, (&question.name, question.qtype));
            assert!(cache.set(asked.0, asked.1, over).is_none() && cache.denial(asked.0, asked.1, over).is_none());
            let is_known = |zone| cache.delegation(zone, over).is_some() || cache.zone(zone, over).is_some();
            assert!(!LAB.zones().iter().any(is_known), "{question}");
        }
    }
}
