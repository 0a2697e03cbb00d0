//! How long things live: servers give each record a life of its own, and time passes. What is told is told for no
//! longer than somebody has said it, and what follows from several records for no longer than each of them.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng};
use rootwalk::trace::{Event, Purpose};
use rootwalk::wire::{Name, Question, RecordType, RrSet};

use super::resolver::Ended;
use super::stale::{SAME_KEYS, lab};
use super::trouble::Forgery;
use super::world::World;
use super::{LAB, lives_secs, questions, story, worlds};

/// TTLs count down by the second.
const SECOND: Duration = Duration::from_secs(1);

/// What a client, or the next walk, has of this answer outlives nothing that was said.
fn check(world: &World<'_>, question: &Question, ended: &Ended) -> usize {
    let now = world.resolver.now;
    let told = |owner: &Name, rtype| world.told_until(owner, rtype);
    let lives = |set: &RrSet| Some((now.plus_secs(set.ttl_secs.into()), told(&set.owner, set.rtype)?));
    let (answer, authority) = (&ended.outcome.answer, &ended.outcome.authority);
    // What a DNAME has made lives as that does, whatever the servers say of it besides.
    let is_made = |set: &RrSet| {
        let makes = |dname: &RrSet| dname.rtype == RecordType::DNAME && set.owner.is_below(&dname.owner);
        set.rtype == RecordType::CNAME && answer.iter().any(makes)
    };
    let mut held = 0;
    for set in answer.iter().chain(authority).filter(|set| !is_made(set)) {
        let is_long = lives(set).is_some_and(|(until, told)| until > told + ended.took + SECOND);
        assert!(!is_long, "{question}: {} {} {}\n{}", set.owner, set.rtype, set.ttl_secs, story(ended));
        let Some(end) = told(&set.owner, set.rtype) else { continue };
        let known = world.resolver.cache.set(&set.owner, set.rtype, end);
        assert!(known.is_none(), "{question}: {} {} after {end:?}\n{}", set.owner, set.rtype, story(ended));
        held += 1;
    }
    for zone in LAB.zones() {
        // An unsigned zone is known by what its parent says instead, which may have any name.
        let of_zone = [RecordType::DNSKEY, RecordType::DS].map(|rtype| told(&zone, rtype));
        let signed = world.resolver.cache.zone(&zone, now).is_some_and(|trust| trust.is_secure());
        let Some(end) = of_zone.into_iter().flatten().min().filter(|_| signed) else { continue };
        let known = world.resolver.cache.zone(&zone, end);
        assert!(known.is_none(), "{question}: the keys of {zone} after {end:?}\n{}", story(ended));
        held += 1;
    }
    held
}

/// RFC 4035 §5.3.3, RFC 2181 §5.2, RFC 9077 §3: in whatever order things are asked for, and by whom, nothing is served
/// or kept for longer than it was told to live, neither records nor what follows from them.
#[test]
fn nothing_outlives_what_it_follows_from() {
    let all = questions();
    let held = super::each(&worlds(60), |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::new(&LAB, seed, 0.0, 0.0).with_short_lives(seed);
        world.resolver.settings.proofs.aggressive = seed.is_multiple_of(2);
        // A few names, so that they meet again and again, and the keys of the zones that they are in.
        let few: Vec<Question> = (0..4).map(|_| all[rng.random_range(0..all.len())].clone()).collect();
        let mut held = 0;
        for _ in 0..30 {
            let wait = *[0, 1, 4, 20, 100, 1_000].choose(&mut rng).expect("one");
            world.resolver.now = world.resolver.now + Duration::from_secs(wait);
            let mut question = few[rng.random_range(0..few.len())].clone();
            if rng.random_bool(0.3) {
                let zones = (0..=question.name.label_count()).map(|count| question.name.suffix(count));
                let zones: Vec<Name> = zones.filter(|name| LAB.zones().contains(name)).collect();
                let rtype = if rng.random() { RecordType::DNSKEY } else { RecordType::DS };
                question = Question::new(zones.choose(&mut rng).expect("the root").clone(), rtype);
            }
            let unchecked = rng.random_bool(0.2);
            // For longer than a walk may take.
            let later = world.resolver.now.plus_secs(10);
            let known: Vec<Name> =
                LAB.zones().into_iter().filter(|zone| world.resolver.cache.zone(zone, later).is_some()).collect();
            let ended = if unchecked { world.resolve_unchecked(&question) } else { world.resolve(&question) };
            held += check(&world, &question, &ended);
            let asked = ended.log.iter().find(|entry| match &entry.event {
                Event::Goal { name, qtype, purpose: Purpose::Proof, .. } => {
                    *qtype == RecordType::DNSKEY && known.contains(name)
                }
                _ => false,
            });
            assert!(asked.is_none(), "{question}: its keys were known\n{}", story(&ended));
        }
        held
    });
    let held: usize = held.iter().sum();
    println!("{held} lives");
    assert!(held > 0);
}

/// What is fetched anew before it ends lives on after that, also where it follows from what was proved for other
/// questions: that would end with it.
#[test]
fn what_is_fetched_anew_lives_on() {
    let mut would_follow = 0;
    for question in questions() {
        let mut world = World::new(&LAB, 1, 0.0, 0.0);
        let Some(life_secs) = lives_secs(&world.resolve(&question)).into_iter().min().filter(|secs| *secs >= 20) else {
            continue;
        };
        let is_inferred = |ended: &Ended| ended.log.iter().any(|entry| matches!(entry.event, Event::Inferred { .. }));
        let left_secs = life_secs / 20;
        world.resolver.now = world.resolver.now.plus_secs((life_secs - left_secs).into());
        let anew = world.refresh(&question, Duration::from_secs(left_secs.into()));
        assert!(anew.outcome.failure.is_none(), "{question}\n{}", story(&anew));
        let lives_on = lives_secs(&anew).into_iter().all(|secs| secs > left_secs);
        assert!(lives_on && anew.budget.queries() > 0 && !is_inferred(&anew), "{question}\n{}", story(&anew));
        world.resolver.cache.disbelieve(&question.name, question.qtype, world.resolver.now);
        would_follow += usize::from(is_inferred(&world.resolve(&question)));
    }
    assert!(would_follow > 0);
}

/// So does what has other signatures each time, as its server signs while it answers: whoever asks next, in whatever
/// way, finds it.
#[test]
fn what_is_signed_anew_is_fetched_anew() {
    const SIGNED_ANEW: &str = ", sign = { algorithm = \"rsasha256\", inception_secs = -7200 }";
    let (before, after) = (lab(SAME_KEYS, SAME_KEYS, true), lab(SAME_KEYS, SIGNED_ANEW, true));
    for name in ["www.zone.tld.", "alias.zone.tld."] {
        let asked = Question::new(name.parse().expect("a name"), RecordType::A);
        let mut world = World::new(&before, 1, 0.0, 0.0);
        assert!(world.resolve(&asked).outcome.secure);
        world.change(&after);
        world.resolver.now = world.resolver.now.plus_secs(57);
        let anew = world.refresh(&asked, Duration::from_secs(3));
        assert!(anew.outcome.secure && lives_secs(&anew).into_iter().all(|secs| secs > 50), "{}", story(&anew));
        world.resolver.now = world.resolver.now.plus_secs(10);
        let ended = world.resolve(&asked);
        assert!(ended.outcome.secure && ended.budget.queries() == 0, "{}", story(&ended));
    }
}

/// RFC 4035 §5.3.3: whatever TTL somebody has written there, what is proved ends when it was signed to, however often
/// it is found in the cache meanwhile, be it what a wildcard made or not.
#[test]
fn what_is_proved_ends_when_it_was_signed_to() {
    let mut proved = 0;
    for question in questions() {
        let mut world = World::new(&LAB, 1, 0.0, 0.0);
        LAB.authority().addresses().for_each(|addr| world.set_forger(addr, Forgery::LongTtls));
        let first = world.resolve(&question);
        if !first.outcome.secure || first.outcome.answer.is_empty() {
            continue;
        }
        let life_secs = lives_secs(&first).into_iter().min().unwrap_or_default();
        let end = world.resolver.now.plus_secs(life_secs.into());
        for part in [3, 2] {
            world.resolver.now = world.resolver.now.plus_secs(u64::from(life_secs) / part);
            let again = world.resolve(&question);
            assert!(again.outcome.secure, "{question}\n{}", story(&again));
            let left_secs = lives_secs(&again).into_iter().min().unwrap_or_default();
            assert!(world.resolver.now.plus_secs(left_secs.into()) <= end + SECOND, "{question}\n{}", story(&again));
        }
        let known = |set: &RrSet| world.resolver.cache.set(&set.owner, set.rtype, end + SECOND).is_some();
        assert!(!first.outcome.answer.iter().all(known), "{question}\n{}", story(&first));
        proved += 1;
    }
    assert!(proved > 5, "{proved}");
}
