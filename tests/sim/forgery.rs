//! Servers that lie about their own zones: signatures are all that there is against that.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng};
use rootwalk::cache::Security;
use rootwalk::lab::Lab;
use rootwalk::trace::Event;
use rootwalk::walk::minimise::Minimisation;
use rootwalk::walk::stale::StaleView;
use rootwalk::wire::{Name, Question, RecordType, ResponseCode, RrSet};

use super::oddity::Oddity;
use super::stale::{known, view};
use super::trouble::{FORGERIES, Forgery, name};
use super::world::{World, hosted, internet};
use super::{LAB, NOW_UNIX_SECS, may_be_secure, questions, story, told, truth, truth_in, worlds};

fn secure_questions() -> Vec<Question> {
    questions().into_iter().filter(may_be_secure).collect()
}

/// The addresses of each zone's servers.
pub(crate) fn servers() -> Vec<(Name, BTreeSet<IpAddr>)> {
    let addresses = |server: Name| truth(&Question::new(server, RecordType::A)).1;
    let of = |zone: Name| {
        let ns = truth(&Question::new(zone.clone(), RecordType::NS)).1;
        let names: Vec<Name> = ns.iter().flat_map(RrSet::targets).collect();
        let addrs = names.into_iter().flat_map(addresses).flat_map(|set| set.addresses().collect::<Vec<_>>());
        (zone, addrs.collect())
    };
    LAB.zones().into_iter().map(of).collect()
}

/// Whatever half of all servers say: who asks for what is signed gets the truth, proved, or a failure with a name.
#[test]
fn nothing_bogus_is_served() {
    let questions = secure_questions();
    let (mut asked, mut answered) = (0, 0);
    for seed in worlds(300) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::new(&LAB, seed, 0.0, 0.0);
        for addr in LAB.authority().addresses() {
            if rng.random_bool(0.5) {
                world.set_forger(addr, FORGERIES[rng.random_range(0..FORGERIES.len())]);
            }
        }
        for _ in 0..5 {
            let question = &questions[rng.random_range(0..questions.len())];
            let ended = world.resolve(question);
            asked += 1;
            if ended.outcome.failure.is_none() {
                answered += 1;
                assert!(ended.outcome.secure, "world {seed}: {question} is not proved\n{}", story(&ended));
                assert_eq!(told(&ended.outcome), truth(question), "world {seed}: {question}\n{}", story(&ended));
                // RFC 4035 §5.3.3: nothing lives longer than what was signed.
                let signed_secs = |sig: &[u8]| u32::from_be_bytes([sig[4], sig[5], sig[6], sig[7]]);
                let is_long = |set: &RrSet| set.sigs.iter().any(|sig| set.ttl_secs > signed_secs(sig));
                let mut all = ended.outcome.answer.iter().chain(&ended.outcome.authority);
                assert!(!all.any(is_long), "world {seed}: {question}\n{}", story(&ended));
                // RFC 4035 §3.2.3: AD speaks for the authority section as well.
                let invented = |set: &RrSet| set.owner.labels().next() == Some(b"!") || set.sigs.is_empty();
                assert!(!ended.outcome.authority.iter().any(invented), "world {seed}: {question}\n{}", story(&ended));
            }
        }
    }
    println!("{asked} questions, {answered} answers");
    assert!(answered * 4 > asked, "{answered} answers to {asked} questions");
}

/// Whatever was said at whatever time, to those who check for themselves and to those who do not, while servers lied
/// and while they did not: who asks for what is signed gets the truth, proved, or a failure with a name, and in its
/// place nothing but what was proved before.
#[test]
fn nothing_bogus_comes_back_later() {
    let (questions, servers) = (secure_questions(), servers());
    let addresses: Vec<IpAddr> = LAB.authority().addresses().collect();
    let counts = super::each(&worlds(40), |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::new(&LAB, seed, 0.0, 0.0);
        // A few names, so that they meet again and again.
        let few: Vec<&Question> = (0..4).map(|_| &questions[rng.random_range(0..questions.len())]).collect();
        let (mut answered, mut stale_ones) = (0, 0);
        for nth in 0..24 {
            if rng.random_bool(0.3) {
                world.end_forgeries();
            }
            for _ in 0..rng.random_range(0..4) {
                let zone = &servers[rng.random_range(0..servers.len())].1;
                let all = if rng.random_bool(0.5) { zone.iter().copied().collect() } else { addresses.clone() };
                let forgery = FORGERIES[rng.random_range(0..FORGERIES.len())];
                all.into_iter().filter(|_| rng.random_bool(0.5)).for_each(|addr| world.set_forger(addr, forgery));
            }
            world.resolver.now =
                world.resolver.now.plus_secs(*[0, 1, 6, 70, 400, 4_000].choose(&mut rng).expect("one"));
            let question = few[rng.random_range(0..few.len())];
            if rng.random_bool(0.3) {
                world.resolve_unchecked(question);
                continue;
            }
            let ended = world.resolve(question);
            let here = || format!("world {seed}, {nth}: {question}\n{}", story(&ended));
            if ended.outcome.failure.is_none() {
                answered += 1;
                assert_eq!((told(&ended.outcome), ended.outcome.secure), (truth(question), true), "{}", here());
                continue;
            }
            if let Some(old) = known(&world, question) {
                stale_ones += 1;
                assert_eq!((told(&old), old.secure), (truth(question), true), "{}", here());
            }
        }
        (answered, stale_ones)
    });
    let (answered, stale_ones) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    println!("{answered} answers, {stale_ones} stale ones");
    assert!(answered > 5 * counts.len() && stale_ones > 0, "{answered} answers, {stale_ones} stale ones");
}

/// One forger does no harm where each zone that he serves has another server.
#[test]
fn nothing_secure_is_refused() {
    let (questions, servers) = (secure_questions(), servers());
    let spare = |addr: &IpAddr| servers.iter().all(|(_, addrs)| !addrs.contains(addr) || addrs.len() > 1);
    let forgers: Vec<IpAddr> = LAB.authority().addresses().filter(spare).collect();
    assert!(forgers.len() > 2, "{forgers:?}");
    let mut doubted = 0;
    for seed in worlds(40) {
        for (nth, forger) in forgers.iter().enumerate() {
            let mut rng = StdRng::seed_from_u64(seed);
            let forgery = FORGERIES[(usize::try_from(seed).expect("small") + nth) % FORGERIES.len()];
            let mut world = World::new(&LAB, seed, 0.0, 0.0);
            world.set_forger(*forger, forgery);
            for _ in 0..4 {
                let question = &questions[rng.random_range(0..questions.len())];
                let ended = world.resolve(question);
                let here = format!("world {seed}, {forger} {forgery:?}: {question}");
                assert_eq!(told(&ended.outcome), truth(question), "{here}\n{}", story(&ended));
                assert!(ended.outcome.secure, "{here}\n{}", story(&ended));
                doubted += ended.log.iter().filter(|entry| matches!(entry.event, Event::Doubted { .. })).count();
            }
        }
    }
    println!("{doubted} times a server was not believed");
    assert!(doubted > 60, "{doubted}");
}

/// An Internet of the root and `example.`, both signed and on the same servers: as many as there are names for.
pub(crate) fn small_lab(records: &str, servers: &[&str]) -> Lab {
    let head = servers
        .iter()
        .fold("@ 3600 SOA h. a. 1 1 1 1 60\n".to_owned(), |head, server| format!("{head}@ 3600 NS {server}\n"));
    let named = || (1..).zip(servers);
    let cut = |(nth, server): (u8, _)| format!("{server} 3600 A 192.0.2.{nth}\nexample. 3600 NS {server}\n");
    let root = head.clone() + &named().map(cut).collect::<String>();
    let zones = [(".", ", sign = {}", root), ("example.", ", sign = {}", head + records)];
    internet(&zones, &named().map(|(nth, server)| (server, nth, vec![".", "example."])).collect::<Vec<_>>())
}

/// What comes along behind an alias and is bogus counts for nothing: it is asked for by its own name.
#[test]
fn what_comes_with_an_alias_and_is_bogus_is_asked_for() {
    let links = "old 60 CNAME older\nolder 60 CNAME www\nwww 60 A 198.51.100.1\nnone 60 CNAME nowhere\n";
    let lab = small_lab(links, &["ns.root."]);
    for forgery in [Forgery::UnsignedTargets, Forgery::OtherTargets] {
        for asked in ["old.example.", "older.example.", "none.example."] {
            let asked = Question::new(name(asked), RecordType::A);
            let mut world = World::new(&lab, 1, 0.0, 0.0);
            // What is known of it is proved for what it is, and for nothing that comes in its place.
            let known = asked.name == name("older.example.");
            if known {
                let _ = world.resolve(&Question::new(name("www.example."), RecordType::A));
            }
            world.set_forger([192, 0, 2, 1].into(), forgery);
            let ended = world.resolve(&asked);
            assert!(ended.outcome.answer.iter().all(|set| !set.sigs.is_empty()), "{forgery:?}\n{}", story(&ended));
            assert_eq!(told(&ended.outcome), truth_in(&lab, &asked), "{forgery:?}\n{}", story(&ended));
            assert!(ended.outcome.secure && ended.budget.queries() < 16, "{forgery:?}\n{}", story(&ended));
        }
    }
}

/// RFC 5452 §4: what stands behind an alias is read on where the letters of the question are hard to guess. One that
/// was sent in lower case, to a server that has failed, is as easy to answer as its number and port: the alias is the
/// answer, and what it leads to is asked for.
#[test]
fn what_comes_with_an_alias_in_lower_case_is_asked_for() {
    let zone = ("unsigned.", "", 2, "www 60 CNAME host\nhost 60 A 198.51.100.1\n");
    let lab = hosted(&[zone], "unsigned. 3600 NS ns2.\n");
    for (oddity, queries) in [(None, 1), (Some(Oddity::FailsFirst), 3)] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        (world.resolver.settings.minimisation, world.resolver.settings.cookies) = (Minimisation::Off, false);
        oddity.into_iter().for_each(|oddity| world.set_odd([192, 0, 2, 2].into(), oddity));
        let ended = world.resolve(&Question::new(name("www.unsigned."), RecordType::A));
        assert_eq!(ended.outcome.answer.len(), 2, "{}", story(&ended));
        let is_asked = |event: &Event| matches!(event, Event::Asked { zone, .. } if *zone == name("unsigned."));
        let asked = ended.log.iter().filter(|entry| is_asked(&entry.event)).count();
        assert_eq!(asked, queries, "{}", story(&ended));
    }
}

/// A DNAME that makes a name too long (RFC 6672 §2.2), with signatures that do not hold: another server is asked.
#[test]
fn what_makes_a_name_too_long_is_proved_by_somebody_else() {
    let long = "a".repeat(60);
    let lab = small_lab(&format!("d 60 DNAME {long}.{long}.{long}\n"), &["ns1.root.", "ns2.root."]);
    let asked = Question::new(name(&format!("www.{long}.d.example.")), RecordType::A);
    for seed in 0..8 {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        world.set_forger([192, 0, 2, 2].into(), Forgery::BrokenSignatures);
        let ended = world.resolve(&asked);
        assert_eq!(ended.outcome.rcode, ResponseCode::YXDomain, "world {seed}\n{}", story(&ended));
        assert!(ended.outcome.secure, "world {seed}\n{}", story(&ended));
    }
}

/// RFC 4035 §5.3.3, RFC 6672 §5.3.1: what a DNAME has made lives no longer than the DNAME was signed to live, whether
/// it is asked for by itself or leads on, and whatever TTL somebody has written there.
#[test]
fn what_a_dname_has_made_lives_no_longer_than_it() {
    let lab = small_lab("d 60 DNAME e\nx.e 3600 A 198.51.100.1\n", &["ns.root."]);
    for qtype in [RecordType::CNAME, RecordType::A] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        world.set_forger([192, 0, 2, 1].into(), Forgery::LongTtls);
        let ended = world.resolve(&Question::new(name("x.d.example."), qtype));
        let made = ended.outcome.answer.iter().filter(|set| set.rtype != RecordType::A);
        let ttls: Vec<u32> = made.map(|set| set.ttl_secs).collect();
        assert_eq!((ttls, ended.outcome.secure), (vec![60, 60], true), "{}", story(&ended));
    }
}

/// RFC 4035 §5.3.3, RFC 8198 §5.4: what says something of other questions does so for no longer than it was signed to,
/// whatever TTL somebody has written there: the zone is asked again.
#[test]
fn nothing_is_inferred_for_longer_than_was_signed() {
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    LAB.authority().addresses().for_each(|addr| world.set_forger(addr, Forgery::LongTtls));
    let mut inferred = |label: &str, after_secs| {
        world.resolver.now = world.resolver.now.plus_secs(after_secs);
        let ended = world.resolve(&Question::new(name(&format!("{label}.wildcard.lab.")), RecordType::A));
        assert!(ended.outcome.secure, "{}", story(&ended));
        ended.log.iter().any(|entry| matches!(entry.event, Event::Inferred { .. }))
    };
    let early = ["a", "b", "c", "d", "e"].map(|label| inferred(label, 0));
    assert!(early.contains(&true), "{early:?}");
    assert!(!inferred("z", 400), "the zone says 300 s");
}

/// Whether a zone cut explains a missing signature is found out with a question for each label, and not with as many
/// for each as there are labels above it.
#[test]
fn an_unsigned_answer_for_a_deep_name_costs_a_question_per_label() {
    let asked = Question::new(name("www.i.h.g.f.e.d.c.b.a.twelve.example.com."), RecordType::A);
    let (_, addrs) = servers().into_iter().find(|(zone, _)| *zone == name("example.com.")).expect("it is there");
    let forger = *addrs.first().expect("a server");
    let mut doubted = 0;
    for seed in 0..8 {
        let mut world = World::new(&LAB, seed, 0.0, 0.0);
        assert!(world.resolve(&Question::new(name("www.example.com."), RecordType::A)).outcome.secure);
        world.set_forger(forger, Forgery::Invents);
        let ended = world.resolve(&asked);
        assert!(ended.outcome.secure && ended.budget.queries() < 60, "world {seed}\n{}", story(&ended));
        doubted += ended.log.iter().filter(|entry| matches!(entry.event, Event::Doubted { .. })).count();
    }
    assert!(doubted > 0, "nobody asked the forger for the answer itself");
}

/// What a client who checks for himself (CD) has brought in is nothing to those who do not: they get it proved, or not
/// at all.
#[test]
fn what_nobody_checked_is_checked_before_it_is_served() {
    let asked = Question::new(name("www.example.com."), RecordType::A);
    for forgery in [Forgery::OtherAddresses, Forgery::BrokenSignatures, Forgery::Invents] {
        let mut world = World::new(&LAB, 3, 0.0, 0.0);
        // All servers of the zone lie at first.
        let forgers: Vec<IpAddr> = servers()
            .into_iter()
            .find(|(zone, _)| *zone == name("example.com."))
            .into_iter()
            .flat_map(|(_, addrs)| addrs)
            .collect();
        forgers.iter().for_each(|forger| world.set_forger(*forger, forgery));
        let unchecked = world.resolve_unchecked(&asked);
        assert!(unchecked.outcome.failure.is_none() && !unchecked.outcome.secure, "{}", story(&unchecked));
        let checked = world.resolve(&asked);
        assert!(checked.outcome.failure.is_some(), "{forgery:?}\n{}", story(&checked));
        // Nor is it served when its time is over and nobody can be asked.
        assert!(world.resolver.cache.set(&asked.name, asked.qtype, world.resolver.now).is_none(), "{forgery:?}");
        let later = world.resolver.now + std::time::Duration::from_secs(3600);
        let over = std::time::Duration::from_secs(86_400);
        assert!(
            world.resolver.cache.stale_set(&asked.name, asked.qtype, later, (over, Security::Insecure)).is_none(),
            "{forgery:?}"
        );
    }
}

/// Nor does it keep them from what the servers say by now (RFC 4035 §4.7): be it the answer, the keys or the DS set
/// that somebody has brought in while the servers lied.
#[test]
fn what_nobody_checked_keeps_nobody_from_the_truth() {
    let asked = Question::new(name("www.example.com."), RecordType::A);
    let zone = name("example.com.");
    for (brought, liars) in [
        (asked.clone(), "example.com."),
        (Question::new(zone.clone(), RecordType::DNSKEY), "example.com."),
        (Question::new(zone, RecordType::DS), "com."),
    ] {
        for forgery in [Forgery::OtherAddresses, Forgery::BrokenSignatures, Forgery::Invents] {
            let mut world = World::new(&LAB, 5, 0.0, 0.0);
            let liars = servers().into_iter().filter(|(zone, _)| *zone == name(liars)).flat_map(|(_, addrs)| addrs);
            liars.for_each(|liar| world.set_forger(liar, forgery));
            world.resolve_unchecked(&brought);
            world.end_forgeries();
            let ended = world.resolve(&asked);
            assert!(ended.outcome.secure, "{brought:?} {forgery:?}\n{}", story(&ended));
            assert_eq!(told(&ended.outcome), truth(&asked));
        }
    }
}

/// What was proved stays although somebody brings in other data unchecked; served past its time, it has AD for as long
/// as its signatures hold.
#[test]
fn what_is_proved_outlives_lies_and_keeps_ad_with_its_signatures() {
    let asked = Question::new(name("www.example.com."), RecordType::A);
    let mut world = World::new(&LAB, 4, 0.0, 0.0);
    assert!(world.resolve(&asked).outcome.secure);
    let (_, addrs) = servers().into_iter().find(|(zone, _)| *zone == name("example.com.")).expect("it is there");
    addrs.iter().for_each(|forger| world.set_forger(*forger, Forgery::OtherAddresses));
    world.resolve_unchecked(&asked);
    let again = world.resolve(&asked);
    assert!(again.outcome.secure && again.budget.queries() == 0, "{}", story(&again));
    let later = world.resolver.now + std::time::Duration::from_secs(40_000);
    for (unix_secs, holds) in [(NOW_UNIX_SECS + 40_000, true), (NOW_UNIX_SECS + 10_000_000, false)] {
        let view = StaleView { moment: (later, unix_secs), ..view(&world, true) };
        let stale = view.answer(&asked).answer.expect("it is known");
        assert!(stale.expired.is_some() && stale.outcome.secure == holds, "{unix_secs}");
        assert_eq!(told(&stale.outcome), truth(&asked));
    }
}
