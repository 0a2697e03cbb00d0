//! The seeded simulator: the pure walk and the pure lab over virtual time. A failure prints the seed of its world;
//! `SIM_SEED=n cargo test --test sim` runs that world alone.
//!
//! A thousand worlds are in trouble by default, with servers that lie, loss up to 30 % and dead IP versions, beside
//! those that have one trouble each, and those where all servers are odd in one way and right. `SIM_WORLDS=n` makes n
//! of the thousand, and as many times more or fewer of the others. On two processors, not optimised, `SIM_WORLDS=5000
//! cargo test --test sim every_walk` takes 24 s, and without the last word, so with all others, 70 s. The number for a
//! night is 50000, a quarter of an hour.
#![expect(clippy::expect_used, reason = "a test that cannot go on should stop")]

mod blame;
mod blamed;
mod change;
mod circle;
mod crossing;
mod dead;
mod doubt;
mod explained;
mod forgery;
mod forward;
mod inferred;
mod lame;
mod limits;
mod lives;
mod moved;
mod named;
mod oddity;
mod patience;
mod policy;
mod remembered;
#[path = "../common/resolver.rs"]
mod resolver;
mod stale;
mod trouble;
mod trust;
mod unproved;
mod unsound;
mod world;
mod wrong;

use std::net::IpAddr;
use std::num::NonZero;
use std::panic::AssertUnwindSafe;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rootwalk::cache::{Cache, Shown, TtlLimits};
use rootwalk::lab::{Lab, Needs};
use rootwalk::trace::{Bogus, Entry, Event, Purpose};
use rootwalk::walk::outcome::Outcome;
use rootwalk::wire::{Name, Question, RecordType, ResponseCode, RrSet};

use oddity::{ODDITIES, Oddity};
use resolver::{Ended, NOW_UNIX_SECS};
use trouble::{TRAP, lie};
use world::{Families, World};

static LAB: LazyLock<Lab> = LazyLock::new(|| Lab::embedded(NOW_UNIX_SECS).expect("the lab that is compiled in"));

/// Worlds in trouble unless `SIM_WORLDS` says otherwise; the other tests have their number in proportion.
const IN_TROUBLE: u64 = 1_000;
/// One in this many of them validates nothing: there lies have to be seen through without signatures.
const UNVALIDATED_ONE_IN: u64 = 4;

fn worlds(usual: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..(usual * number("SIM_WORLDS").unwrap_or(IN_TROUBLE)).div_ceil(IN_TROUBLE)).collect(),
    }
}

/// What comes of each of these worlds, on all processors.
fn each<T: Send>(seeds: &[u64], world: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let some = || {
        let mine = std::iter::from_fn(|| seeds.get(next.fetch_add(1, Ordering::Relaxed)));
        let run = |seed: &u64| {
            let ended = std::panic::catch_unwind(AssertUnwindSafe(|| world(*seed)));
            ended.unwrap_or_else(|_| panic!("world {seed}: SIM_SEED={seed} runs it again"))
        };
        mine.map(run).collect::<Vec<T>>()
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no world failed")).collect()
    })
}

fn questions() -> Vec<Question> {
    let zoo = LAB.zoo().iter().filter(|entry| entry.needs != Needs::Defences).map(|entry| entry.ask.clone());
    LAB.healthy().iter().map(|sample| sample.ask.clone()).chain(zoo).collect()
}

/// What all zones together say: aliases and answer, as sets without TTL and signatures.
fn truth(question: &Question) -> (ResponseCode, Vec<RrSet>) {
    truth_in(&LAB, question)
}

/// The same in another Internet.
fn truth_in(lab: &Lab, question: &Question) -> (ResponseCode, Vec<RrSet>) {
    let (rcode, answer) = lab.truth(question);
    (rcode, answer.iter().map(bare).collect())
}

/// What a walk came to, in the same form.
fn told(outcome: &Outcome) -> (ResponseCode, Vec<RrSet>) {
    (outcome.rcode, outcome.answer.iter().map(bare).collect())
}

fn bare(set: &RrSet) -> RrSet {
    let mut rdatas: Vec<&[u8]> = set.rdatas.iter().collect();
    rdatas.sort_unstable();
    RrSet::new(set.owner.clone(), set.rtype, 0, rdatas)
}

/// The TTLs of the answer, and of the SOA record of a denial.
fn lives_secs(ended: &Ended) -> Vec<u32> {
    let soa = ended.outcome.authority.iter().filter(|set| set.rtype == RecordType::SOA);
    ended.outcome.answer.iter().chain(soa).map(|set| set.ttl_secs).collect()
}

/// Whether the lab says that AD is set.
fn may_be_secure(question: &Question) -> bool {
    let healthy = LAB.healthy().iter().map(|sample| (&sample.ask, sample.ad));
    let zoo = LAB.zoo().iter().map(|entry| (&entry.ask, entry.ad));
    healthy.chain(zoo).any(|(ask, ad)| ask == question && ad)
}

/// Whether somebody who takes his time can prove the answer: what one walk proves before it ends at its limit is known
/// to the next.
fn is_provable(question: &Question) -> bool {
    may_be_secure(question) || LAB.zoo().iter().any(|entry| entry.name == "validations" && entry.ask == *question)
}

fn story(ended: &Ended) -> String {
    let lines: Vec<String> = ended.log.iter().map(|entry| entry.event.to_string()).collect();
    lines.join("\n")
}

/// The rule that holds in every world.
fn check(world: &World<'_>, question: &Question, ended: &Ended) {
    let limits = &world.resolver.settings.limits;
    assert!(ended.budget.queries() <= limits.queries, "{} queries", ended.budget.queries());
    assert!(ended.took <= limits.time, "took {:?}", ended.took);
    match &ended.outcome.failure {
        Some(failure) => {
            assert_eq!(ended.outcome.rcode, ResponseCode::ServFail);
            assert!(!failure.edes().is_empty(), "{failure} has no code");
        }
        None => {
            let is_proved = !ended.outcome.secure || is_provable(question);
            assert!(is_proved, "{question:?} was not proved\n{}", story(ended));
            assert_eq!(told(&ended.outcome), truth(question), "{question:?}\n{}", story(ended));
        }
    }
    let proofs = || ended.log.iter().map(|entry| &entry.event).filter(|event| matches!(event, Event::Proved { .. }));
    let is_told_twice = proofs().enumerate().any(|(nth, proof)| proofs().take(nth).any(|before| before == proof));
    assert!(!is_told_twice, "{question:?}: what is proved once is told once\n{}", story(ended));
    let wanted = |entry: &Entry| match &entry.event {
        Event::Goal { name, qtype, purpose: Purpose::Proof, .. } => Some((name.clone(), u16::from(*qtype))),
        _ => None,
    };
    let wanted: Vec<_> = ended.log.iter().filter_map(wanted).collect();
    let is_vain = |(name, qtype): &(Name, u16)| {
        let is_signed = || !truth(&Question::new(name.clone(), RecordType::DS)).1.is_empty();
        *qtype == u16::from(RecordType::DNSKEY) && !name.is_root() && !is_signed()
    };
    assert!(!wanted.iter().any(is_vain), "{question:?}: nobody has signed that\n{}", story(ended));
    let is_twice = wanted.iter().enumerate().any(|(nth, one)| wanted[..nth].contains(one));
    assert!(!is_twice, "{question:?}: a proof is asked for once\n{}", story(ended));
    let is_costly = |entry: &Entry| matches!(&entry.event, Event::Doubted { reason: Bogus::TooCostly { .. }, .. });
    assert!(!ended.log.iter().any(is_costly), "{question:?}: that is no server's fault\n{}", story(ended));
    let (cache, now) = (&world.resolver.cache, world.resolver.now);
    assert!(cache.set(&lie(), RecordType::A, now).is_none(), "a lie was kept");
    assert!(cache.denial(&lie(), RecordType::A, now).is_none(), "a lie was kept");
    for zone in LAB.zones() {
        let cut = cache.delegation(&zone, now);
        let addrs = cut.iter().flat_map(|cut| cut.servers.iter()).flat_map(|server| server.addrs.iter());
        assert!(!addrs.into_iter().any(|addr| *addr == IpAddr::from(TRAP)), "{zone} leads into the trap");
    }
}

#[test]
fn a_calm_world_answers_everything_as_the_lab_says() {
    for seed in worlds(3) {
        for question in questions() {
            let mut world = World::new(&LAB, seed, 0.0, 0.0);
            let ended = world.resolve(&question);
            check(&world, &question, &ended);
            assert_eq!(ended.outcome.secure, may_be_secure(&question), "{question:?}\n{}", story(&ended));
            // Referrals bring what proves them, be it a DS set or that there is none (RFC 4035 §3.1.4.1).
            let is_ds = |entry: &Entry| matches!(entry.event, Event::Goal { qtype: RecordType::DS, .. });
            let is_asked = ended.outcome.failure.is_none() && ended.log.iter().any(is_ds);
            assert!(!is_asked, "{question:?}\n{}", story(&ended));
            // What was proved is not proved again.
            let again = world.resolve(&question);
            let is_known = again.outcome.secure && again.budget.queries() == 0;
            assert!(!is_known || again.budget.validations() == 0, "{question:?}\n{}", story(&again));
            let samples = LAB.healthy().iter().map(|sample| (&sample.ask, &sample.rcodes));
            let zoo = LAB.zoo().iter().map(|entry| (&entry.ask, &entry.rcodes));
            let expected = samples.chain(zoo).find(|(ask, _)| **ask == question).expect("it came from there").1;
            assert!(expected.contains(&ended.outcome.rcode), "{question:?}\n{}", story(&ended));
        }
    }
}

#[test]
fn every_walk_ends_within_its_limits_with_the_truth_or_a_named_failure() {
    const QUESTIONS: usize = 6;
    let questions = questions();
    let failed = each(&worlds(IN_TROUBLE), |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let (trouble, loss) = (rng.random_range(0.0..0.5), rng.random_range(0.0..0.3));
        let families = [Families::Four, Families::Four, Families::Both, Families::SixDead][rng.random_range(0..4)];
        let mut world = World::with_families(&LAB, seed, trouble, loss, families);
        if seed.is_multiple_of(UNVALIDATED_ONE_IN) {
            world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
        }
        let mut picks = StdRng::seed_from_u64(!seed);
        let mut failed = 0;
        for _ in 0..QUESTIONS {
            let question = &questions[picks.random_range(0..questions.len())];
            let ended = world.resolve(question);
            check(&world, question, &ended);
            failed += usize::from(ended.outcome.failure.is_some());
        }
        failed
    });
    let (asked, failed) = (failed.len() * QUESTIONS, failed.iter().sum::<usize>());
    println!("{asked} questions, {failed} named failures");
    assert!(failed < asked, "not one answer in {asked}");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in worlds(20) {
        let tell = || {
            let mut world = World::new(&LAB, seed, 0.3, 0.2);
            let questions = questions();
            let stories = questions.iter().map(|question| world.resolve(question).log);
            stories.collect::<Vec<_>>()
        };
        assert_eq!(tell(), tell(), "world {seed}");
    }
}

#[test]
fn a_dead_family_loses_no_answer() {
    let healthy: Vec<Question> = LAB.healthy().iter().map(|sample| sample.ask.clone()).collect();
    for seed in worlds(20) {
        for families in [Families::Both, Families::SixDead] {
            let mut world = World::with_families(&LAB, seed, 0.0, 0.0, families);
            for question in &healthy {
                let ended = world.resolve(question);
                check(&world, question, &ended);
                assert!(ended.outcome.failure.is_none(), "world {seed}, {families:?}: {question:?}");
            }
        }
    }
}

/// At 30 % loss, over TCP as well, servers that are asked for the first time and those that are known. Most of the
/// zones have two servers or one.
#[test]
fn loss_alone_loses_no_answer() {
    let healthy: Vec<Question> = LAB.healthy().iter().map(|sample| sample.ask.clone()).collect();
    let lost = each(&worlds(100), |seed| {
        let mut world = World::new(&LAB, seed, 0.0, 0.3);
        let mut lost = Vec::new();
        for _ in 0..2 {
            for question in &healthy {
                let ended = world.resolve(question);
                check(&world, question, &ended);
                let told = |failure| format!("world {seed}: {question} after {:?}: {failure}", ended.took);
                lost.extend(ended.outcome.failure.as_ref().map(told));
            }
            // The names are forgotten, and the servers are not.
            world.resolver.cache = Cache::new(8 << 20, (seed, 1), TtlLimits::default());
        }
        lost
    });
    let (asked, lost) = (lost.len() * healthy.len() * 2, lost.concat());
    println!("{asked} questions at 30 % loss, {} without an answer\n{}", lost.len(), lost.join("\n"));
    assert!(lost.len() * 1000 <= asked, "{} of {asked} lost at 30 % loss", lost.len());
}

/// In whatever order names and types are asked for: what is known by then finds the same as a walk from nothing, and
/// lets nobody keep it for longer.
#[test]
fn what_is_known_changes_no_answer() {
    const TYPES: [u16; 18] = [1, 2, 5, 6, 12, 15, 16, 25, 28, 33, 39, 43, 46, 47, 48, 51, 65, 255];
    // What gets lost, and what is found up to a limit, is found in pieces.
    const VARY: [&str; 3] = ["lossy", "validations", "chain"];
    let zoo = LAB.zoo().iter().filter(|entry| !VARY.contains(&entry.name.as_str()));
    let zoo = zoo.map(|entry| entry.ask.name.clone());
    let healthy = LAB.healthy().iter().map(|sample| sample.ask.name.clone()).chain(zoo);
    let around = |name: Name| {
        let below = ["a", "*", "www"].map(|label| name.prepend(label.as_bytes()).expect("short enough"));
        name.parent().into_iter().chain(below).chain([name.clone()])
    };
    let names: Vec<Name> = healthy.flat_map(around).collect();
    let questions = each(&worlds(60), |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let new = |seed: u64| {
            let mut world = World::new(&LAB, seed, 0.0, 0.0);
            world.resolver.settings.proofs.aggressive = seed & 1 == 0;
            if seed & 2 == 0 {
                world.resolver.settings.proofs.anchors = rootwalk::dnssec::Settings::default().anchors;
            }
            world
        };
        let told = |ended: &Ended| (told(&ended.outcome), ended.outcome.secure);
        // A few names, so that they meet again and again.
        let few: Vec<Name> = (0..8).map(|_| names[rng.random_range(0..names.len())].clone()).collect();
        let mut warm = new(seed);
        for nth in 0..60 {
            let name = few[rng.random_range(0..few.len())].clone();
            let question = Question::new(name, TYPES[rng.random_range(0..TYPES.len())].into());
            let mut cold = new(seed);
            warm.resolver.now =
                warm.resolver.now + Duration::from_secs(rng.random_range(0..200) * rng.random_range(0..2));
            let (known, cold) = match rng.random_bool(0.7) {
                true => (warm.resolve(&question), cold.resolve(&question)),
                false => (warm.resolve_unchecked(&question), cold.resolve_unchecked(&question)),
            };
            let stories = || format!("{nth}: {question}\n{}\n--\n{}", story(&known), story(&cold));
            assert_eq!(told(&known), told(&cold), "{}", stories());
            let (known_secs, cold_secs) = (lives_secs(&known), lives_secs(&cold));
            let is_shorter = known_secs.iter().zip(&cold_secs).all(|(known, cold)| known <= cold);
            assert!(is_shorter && known_secs.len() == cold_secs.len(), "{known_secs:?} {cold_secs:?} {}", stories());
        }
        60
    });
    println!("{} questions", questions.iter().sum::<usize>());
}

/// All servers are odd in one way, below the root: the answer is there, and is found, whichever way it is.
#[test]
fn what_is_odd_and_right_loses_no_answer() {
    let healthy: Vec<Question> = LAB.healthy().iter().map(|sample| sample.ask.clone()).collect();
    let (mut asked, mut lost) = (0, Vec::new());
    for seed in worlds(3) {
        for oddity in ODDITIES.into_iter().filter(|oddity| oddity.answers()) {
            let mut world = World::new(&LAB, seed, 0.0, 0.0).with_oddity(oddity);
            world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
            for question in healthy
                .iter()
                .filter(|ask| !oddity.denies_nothing() || truth(ask).1.iter().any(|set| set.rtype == ask.qtype))
            {
                let ended = world.resolve(question);
                check(&world, question, &ended);
                asked += 1;
                // What does not fit into UDP is nowhere without TCP.
                let fits = oddity != Oddity::UdpOnly || !story(&ended).contains("truncated");
                if ended.outcome.failure.is_some() && fits {
                    lost.push(format!("world {seed}, {oddity:?}: {question}\n{}", story(&ended)));
                    println!("world {seed}, {oddity:?}: {question} after {:?}", ended.took);
                }
            }
        }
    }
    println!("{asked} questions to odd servers");
    assert!(lost.is_empty(), "{} of {asked} lost; the first: {}", lost.len(), lost[0]);
}

/// Names on servers that were never asked, below top-level domains whose servers are known, 20 ms away: how long the
/// slowest hundredth takes when packets get lost.
#[test]
fn what_gets_lost_costs_little() {
    let ask = |name: &str| Question::new(name.parse().expect("a name"), RecordType::A);
    let took = |seed, name: &str, loss| {
        let mut world = World::new(&LAB, seed, 0.0, 0.0);
        world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
        world.set_weather(20, 0.0);
        for host in 0..64 {
            let near = Shown { rtt: Duration::from_millis(20), over_udp: true, edns: false, cookie: true };
            world.resolver.servers.heard([10, 0, 0, host].into(), near, world.resolver.now);
        }
        ["com.", "org.", "net."].iter().for_each(|zone| drop(world.resolve(&ask(&format!("no-such-zone.{zone}")))));
        world.set_weather(20, loss);
        let ended = world.resolve(&ask(name));
        assert!(ended.outcome.failure.is_none(), "{}", story(&ended));
        (ended.took, ended.budget.queries())
    };
    for (loss, most_ms) in [(0.0, 80), (0.1, 350), (0.3, 700)] {
        let (mut all, mut queries) = (Vec::new(), 0);
        for seed in worlds(200) {
            // Two of five zones have servers of their own, two those of somebody else, one those of a zone elsewhere.
            for name in
                ["www.example.com.", "www.example.com.", "www.example.org.", "www.example.org.", "www.example.net."]
            {
                let (took, asked) = took(seed, name, loss);
                all.push(took);
                queries += asked;
            }
        }
        all.sort_unstable();
        let part = |of_hundred: usize| all[(all.len() * of_hundred / 100).min(all.len() - 1)];
        let each = f64::from(queries) / all.len() as f64;
        println!(
            "loss {loss}: p50 {:?}, p95 {:?}, p99 {:?}, most {:?}, {each:.2} queries",
            part(50),
            part(95),
            part(99),
            part(100)
        );
        assert!(part(99) <= Duration::from_millis(most_ms), "{:?} at {loss}", part(99));
    }
}

/// Keys are asked for while the question itself is under way.
#[test]
fn validation_costs_no_round_trip() {
    for name in ["www.example.com.", "www.shop.example.com.", "www.example.org.", "anything.wildcard.lab."] {
        let question = Question::new(name.parse().expect("a name"), RecordType::A);
        let took = |validates: bool| {
            let mut world = World::new(&LAB, 5, 0.0, 0.0).with_even_paths();
            if !validates {
                world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
            }
            let ended = world.resolve(&question);
            assert_eq!(ended.outcome.secure, validates, "{}", story(&ended));
            (ended.took, ended.budget.queries())
        };
        let ((with, more), (without, fewer)) = (took(true), took(false));
        println!("{name}: {with:?}, {more} queries with validation, {without:?}, {fewer} queries without");
        assert_eq!(with, without, "{name}");
        // One for the root's own list, then one for each zone down to the answer.
        let zones = match name {
            "www.example.com." => 3,
            "www.shop.example.com." => 4,
            _ => continue,
        };
        assert_eq!(with, Duration::from_millis(10) * (1 + zones), "{name}: round trips of 10 ms");
    }
}

/// RFC 8020: what is below a name that was proved not to exist does not exist either. An unsigned zone's word for it
/// is not enough: its servers may deny names that have others below them.
#[test]
fn nothing_is_below_a_name_that_was_proved_not_to_exist() {
    let ask = |name: &str| Question::new(name.parse().expect("a name"), RecordType::A);
    for (zone, signed) in [("example.com.", true), ("example.org.", true), ("example.net.", false)] {
        let mut world = World::new(&LAB, 3, 0.0, 0.0);
        world.resolver.settings.proofs.aggressive = false;
        assert_eq!(world.resolve(&ask(&format!("nope.{zone}"))).outcome.rcode, ResponseCode::NXDomain);
        for below in ["a.nope.", "c.b.nope."] {
            let ended = world.resolve(&ask(&format!("{below}{zone}")));
            let told = (ended.outcome.rcode, ended.outcome.secure, ended.budget.queries() == 0);
            assert_eq!(told, (ResponseCode::NXDomain, signed, signed), "{below}{zone}\n{}", story(&ended));
        }
        // A name beside it, or one that ends in the same letters, is another one.
        for beside in ["anope.", "www."] {
            assert!(world.resolve(&ask(&format!("{beside}{zone}"))).budget.queries() > 0, "{beside}{zone}");
        }
    }
}

#[test]
fn a_second_question_costs_less() {
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    let www = Question::new("www.example.com.".parse().expect("a name"), RecordType::A);
    let cold = world.resolve(&www);
    assert!(cold.log.iter().any(|entry| matches!(entry.event, Event::Asked { .. })));
    let warm = world.resolve(&www);
    assert_eq!(warm.budget.queries(), 0);
    let mail = Question::new("mail.example.com.".parse().expect("a name"), RecordType::A);
    assert_eq!(world.resolve(&mail).budget.queries(), 1, "the zone's servers are known");
    let deep =
        |host: &str| Question::new(format!("{host}.wild.example.com.").parse().expect("a name"), RecordType::TXT);
    world.resolver.settings.proofs.aggressive = false;
    assert_eq!(world.resolve(&deep("one")).budget.queries(), 2, "whether a zone begins at wild is asked");
    assert_eq!(world.resolve(&deep("two")).budget.queries(), 1, "none begins there");
}

/// RFC 5001: servers say who they are where they are asked for it, and in no other case.
#[test]
fn servers_say_who_they_are_when_asked() {
    for nsid in [false, true] {
        let mut world = World::new(&LAB, 1, 0.0, 0.0);
        world.resolver.settings.nsid = nsid;
        let ended = world.resolve(&Question::new("www.example.com.".parse().expect("a name"), RecordType::A));
        let heard = ended.log.iter().filter(|entry| matches!(entry.event, Event::Heard { .. })).count();
        let said = ended.log.iter().filter_map(|entry| match &entry.event {
            Event::Identified { server, identity, .. } => Some((server.name.as_ref()?.to_string(), identity.clone())),
            _ => None,
        });
        let said: Vec<_> = said.collect();
        assert_eq!(said.len(), if nsid { heard } else { 0 }, "{}", story(&ended));
        assert!(said.iter().all(|(name, identity)| name == identity), "{said:?}");
    }
}
