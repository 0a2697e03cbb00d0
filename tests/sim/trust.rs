//! What the operator says about trust, in worlds of the simulator.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rootwalk::cache::{Rank, Security};
use rootwalk::dnssec::{Anchors, NegativeAnchor, NegativeAnchors, Place, Span};
use rootwalk::lab::Lab;
use rootwalk::time::Time;
use rootwalk::trace::{Event, Source};
use rootwalk::wire::{Name, Question, RecordType, ResponseCode, RrSet, ede};

use super::oddity::Oddity;
use super::resolver::{Ended, NOW_UNIX_SECS};
use super::trouble::Forgery;
use super::world::{World, hosted, one_server};
use super::{LAB, story, told, truth};

/// The zones whose keys were asked for.
pub(crate) fn keys_asked(ended: &Ended) -> Vec<Name> {
    let keys = |event: &Event| match event {
        Event::Goal { name, qtype: RecordType::DNSKEY, .. } => Some(name.clone()),
        _ => None,
    };
    ended.log.iter().filter_map(|entry| keys(&entry.event)).collect()
}

/// RFC 7646: under a negative trust anchor the data comes, with EDE 33 and not for longer than the anchor holds; when
/// that has ended, what is bogus is bogus again, whatever was remembered.
#[test]
fn a_negative_trust_anchor_ends() {
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    let question = Question::new("www.bogus.lab.".parse().expect("a name"), RecordType::A);
    let expires = world.resolver.now.plus_secs(60);
    let anchor = NegativeAnchor { zone: "bogus.lab.".parse().expect("a name"), expires, until_secs: None };
    world.resolver.settings.proofs.negative = NegativeAnchors::new([anchor], 0, world.resolver.now);
    let under = world.resolve(&question);
    assert_eq!(under.outcome.rcode, ResponseCode::NoError, "{}", story(&under));
    assert!(!under.outcome.secure && under.outcome.answer.iter().all(|set| set.ttl_secs <= 60));
    assert!(!keys_asked(&under).contains(&question.name.parent().expect("a zone")), "{}", story(&under));
    let codes: Vec<u16> = under.outcome.edes().iter().map(|ede| ede.code).collect();
    assert_eq!(codes, [33]);
    assert!(story(&under).contains("not to validate bogus.lab. for "), "{}", story(&under));
    let elsewhere = world.resolve(&Question::new("www.example.com.".parse().expect("a name"), RecordType::A));
    assert!(elsewhere.outcome.secure);
    // The moment comes.
    world.resolver.now = Time::from_secs(world.resolver.now.secs() + 60);
    let after = world.resolve(&question);
    assert_eq!(after.outcome.rcode, ResponseCode::ServFail, "{}", story(&after));
}

/// RFC 7646 §2: below a negative trust anchor nothing is validated, whoever signs there: it may stand at a name that is
/// no zone, and what is signed by the zone above that is let through as well. What lies beside it is validated.
#[test]
fn a_negative_trust_anchor_stands_at_any_name() {
    let name = |text: &str| text.parse::<Name>().expect("a name");
    for (asked, qtype) in [("www.bogus.lab.", RecordType::A), ("www.bogus.lab.", RecordType::MX)] {
        let mut world = World::new(&LAB, 1, 0.0, 0.0);
        let now = world.resolver.now;
        let anchor = NegativeAnchor { zone: name(asked), expires: now.plus_secs(60), until_secs: None };
        world.resolver.settings.proofs.negative = NegativeAnchors::new([anchor], 0, now);
        let under = world.resolve(&Question::new(name(asked), qtype));
        assert_eq!(under.outcome.rcode, ResponseCode::NoError, "{}", story(&under));
        assert!(!under.outcome.secure, "{}", story(&under));
        let mut all = under.outcome.answer.iter().chain(&under.outcome.authority);
        assert!(all.all(|set| set.ttl_secs <= 60), "{}", story(&under));
        let beside = world.resolve(&Question::new(name("bogus.lab."), RecordType::NS));
        assert!(beside.outcome.secure, "{}", story(&beside));
    }
}

/// The queries and the verifications that `names` random names below `zone` cost, after the first.
fn flood(zone: &str, names: u32, aggressive: bool, rcode: ResponseCode) -> [u32; 2] {
    let mut world = World::new(&LAB, 3, 0.0, 0.0);
    world.resolver.settings.proofs.aggressive = aggressive;
    let mut rng = StdRng::seed_from_u64(7);
    let mut ask = |world: &mut World<'_>| {
        let name = format!("{:016x}.{}", rng.random::<u64>(), zone.trim_start_matches('.')).parse().expect("a name");
        let ended = world.resolve(&Question::new(name, RecordType::A));
        assert_eq!(ended.outcome.rcode, rcode, "{}", story(&ended));
        assert!(ended.outcome.secure, "{}", story(&ended));
        assert!(!ended.outcome.authority.is_empty());
        [ended.budget.queries(), ended.budget.validations()]
    };
    ask(&mut world);
    (0..names).map(|_| ask(&mut world)).fold([0, 0], |sum, cost| [sum[0] + cost[0], sum[1] + cost[1]])
}

/// RFC 8198 §5: a flood of random names below a signed zone costs its servers as many queries as the zone has gaps, and
/// this resolver a verification for each record that it had not seen before; a wildcard answers for all names (§5.3).
#[test]
fn a_flood_of_random_names_costs_a_few_queries() {
    let (no, yes) = (ResponseCode::NXDomain, ResponseCode::NoError);
    for (zone, most, rcode) in [
        ("example.com.", 16, no),
        ("example.org.", 40, no),
        (".", 10, no),
        ("wild.example.com.", 4, yes),
        ("wildcard.lab.", 4, yes),
    ] {
        let ([with, verified], [without, _]) = (flood(zone, 400, true, rcode), flood(zone, 400, false, rcode));
        println!(
            "400 random names below {zone}: {with} queries, {verified} verifications; {without} queries otherwise"
        );
        assert!(with <= most, "{zone}: {with}");
        assert!(verified <= 3 * most, "{zone}: {verified}");
        assert!(without >= 400, "{zone}: {without}");
    }
}

fn any_question(rng: &mut StdRng) -> Question {
    let zones = [
        "example.com.",
        "example.org.",
        "wildcard.lab.",
        "lab.",
        "opt-out.lab.",
        "com.",
        "net.",
        "shop.example.com.",
        "slow.lab.",
        "iterations.lab.",
        ".",
    ];
    let labels = [
        "www", "mail", "ns1", "nope", "a", "b", "c", "deep", "wild", "*", "old", "zz", "example", "shop", "big", "x",
        "opt-out", "wildcard", "bogus", "lab",
    ];
    let types = [
        RecordType::A,
        RecordType::TXT,
        RecordType::MX,
        RecordType::DS,
        RecordType::NS,
        RecordType::CNAME,
        RecordType::SOA,
        RecordType::AAAA,
        RecordType::NSEC,
        RecordType::DNSKEY,
    ];
    let zone: Name = zones[rng.random_range(0..zones.len())].parse().expect("a name");
    let below: Vec<&str> = (0..rng.random_range(0..4)).map(|_| labels[rng.random_range(0..labels.len())]).collect();
    let labels = below.iter().map(|label| label.as_bytes()).chain(zone.labels());
    Question::new(Name::from_labels(labels).expect("a name"), types[rng.random_range(0..types.len())])
}

/// What is inferred is what the zones would have said, whatever was asked before, and is proved as that would be.
#[test]
fn what_is_inferred_is_the_truth() {
    let mut inferred = [0; 3];
    for seed in super::worlds(12) {
        let mut world = World::new(&LAB, seed, 0.0, 0.0);
        let mut rng = StdRng::seed_from_u64(!seed);
        for _ in 0..250 {
            let question = any_question(&mut rng);
            let ended = world.resolve(&question);
            let shows = ended.log.iter().find_map(|entry| match &entry.event {
                Event::Inferred { inferred } if inferred.name == question.name => Some(inferred.shows),
                _ => None,
            });
            let Some(shows) = shows else { continue };
            inferred[shows as usize] += 1;
            assert_eq!(told(&ended.outcome), truth(&question), "world {seed}: {question}\n{}", story(&ended));
            assert!(ended.outcome.secure, "world {seed}: {question}\n{}", story(&ended));
            let ttls = ended.outcome.authority.iter().map(|set| set.ttl_secs);
            assert!(ttls.max().unwrap_or_default() <= 3600, "RFC 8198 §5.4");
        }
    }
    println!("inferred: {} names, {} types, {} by wildcards", inferred[0], inferred[1], inferred[2]);
    assert!(inferred.iter().all(|count| *count > 5), "{inferred:?}");
}

/// RFC 8509 §3, §4: which of three names resolve says which key is trusted.
#[test]
fn the_sentinel_tells_which_key_is_trusted() {
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    world.resolver.settings.proofs.sentinel = true;
    let tag = world.resolver.settings.proofs.anchors.tags(&Name::root())[0];
    let mut rcode = |label: String, qtype, zone: &str| {
        let ended = world.resolve(&Question::new(format!("{label}.{zone}").parse().expect("a name"), qtype));
        (ended.outcome.rcode, story(&ended))
    };
    let (yes, no) = (ResponseCode::NoError, ResponseCode::ServFail);
    for (tag, is, not) in [(tag, yes, no), (tag.wrapping_add(1), no, yes)] {
        for (sense, wanted) in [("is", is), ("not", not)] {
            let label = format!("root-key-sentinel-{sense}-ta-{tag:05}");
            let (got, story) = rcode(label.clone(), RecordType::A, "wildcard.lab.");
            assert_eq!(got, wanted, "{label}\n{story}");
            assert!(story.contains("is to resolve where key"), "{story}");
            assert_eq!(rcode(label.clone(), RecordType::TXT, "wildcard.lab.").0, yes, "no address was asked for");
            // In a zone that is not signed, whoever answers could say anything.
            assert_eq!(rcode(label, RecordType::A, "example.net.").0, ResponseCode::NXDomain);
        }
    }
}

/// A zone, signed or not, with a DNAME into a signed one, which leads back with an alias.
fn there_and_back(signed: bool) -> Lab {
    let sign = if signed { ", sign = {}" } else { "" };
    let back = ("b.", ", sign = {}", 1, "x 60 CNAME y.a.\ny 60 A 192.0.2.80\n");
    hosted(&[("a.", sign, 2, "@ 3600 DNAME b.\n"), back], "a. 3600 NS ns2.\nb. 3600 NS ns1.\n")
}

/// A CNAME that a DNAME has made is as sure as that DNAME, whatever signed alias stands between them.
#[test]
fn what_a_dname_has_made_is_as_sure_as_the_dname() {
    let lab = there_and_back(false);
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    let name = |text: &str| text.parse::<Name>().expect("a name");
    // Its servers sent it without the DNAME before.
    let made = RrSet::new(name("y.a."), RecordType::CNAME, 3600, [name("y.b.").wire()]);
    let _ = world.resolver.cache.put_set(made, Rank::AuthAnswer, Source::Local, world.resolver.now);
    let ended = world.resolve(&Question::new(name("x.a."), RecordType::A));
    let owners: Vec<String> = ended.outcome.answer.iter().map(|set| set.owner.to_string()).collect();
    assert_eq!(owners, ["a.", "x.a.", "x.b.", "y.a.", "y.b."], "{}", story(&ended));
    assert!(!ended.outcome.secure, "{}", story(&ended));
    let known = world.resolver.cache.set(&name("y.a."), RecordType::CNAME, world.resolver.now);
    assert_eq!(known.map(|known| known.security), Some(Security::Insecure), "{}", story(&ended));
    let alias = world.resolver.cache.set(&name("x.b."), RecordType::CNAME, world.resolver.now);
    assert_eq!(alias.map(|known| known.security), Some(Security::Secure), "{}", story(&ended));
    let dname = world.resolver.cache.set(&name("a."), RecordType::DNAME, world.resolver.now);
    assert!(dname.is_none_or(|known| known.security < Security::Secure), "{}", story(&ended));
    for qtype in [RecordType::A, RecordType::CNAME] {
        let again = world.resolve(&Question::new(name("y.a."), qtype));
        assert!(!again.outcome.secure && !again.outcome.answer.is_empty(), "{}", story(&again));
    }
}

/// Below a trust anchor everything is signed or bogus: no DNAME above it, signed or not, makes an alias there, whether
/// it comes from the servers or out of the cache.
#[test]
fn no_dname_leads_out_of_an_island_of_security() {
    let name = |text: &str| text.parse::<Name>().expect("a name");
    for signed in [false, true] {
        let lab = there_and_back(signed);
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        let mut ask = |asked: &str, anchored: bool| {
            if anchored {
                let island = "i.a. DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
                world.resolver.settings.proofs.anchors.extend([island.parse::<Anchors>().expect("an anchor")]);
            }
            let ended = world.resolve(&Question::new(name(asked), RecordType::CNAME));
            (ended.outcome.rcode, ended.outcome.secure, story(&ended))
        };
        let (rcode, secure, story) = ask("x.i.a.", false);
        assert!(rcode == ResponseCode::NoError && secure == signed, "{story}");
        for asked in ["y.i.a.", "z.i.a."] {
            let (rcode, _, story) = ask(asked, true);
            assert_eq!(rcode, ResponseCode::ServFail, "{story}");
        }
        let (rcode, secure, story) = ask("x.j.a.", true);
        assert!(rcode == ResponseCode::NoError && secure == signed, "{story}");
    }
}

/// A CNAME that a DNAME would not have made is a statement of its own, and wants a signature.
#[test]
fn a_false_alias_below_a_dname_is_not_believed() {
    let lab = there_and_back(true);
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    let name = |text: &str| text.parse::<Name>().expect("a name");
    let question = Question::new(name("x.a."), RecordType::A);
    let forged = RrSet::new(name("y.a."), RecordType::CNAME, 3600, [name("ns.").wire()]);
    let _ = world.resolver.cache.put_set(forged, Rank::AuthAnswer, Source::Local, world.resolver.now);
    // The first two are answered by what the server of both zones says, the third out of the cache.
    for _ in 0..3 {
        let ended = world.resolve(&question);
        let last = ended.outcome.answer.last().map(|set| set.owner.clone());
        let told = (ended.outcome.rcode, ended.outcome.secure, last);
        let truth = (ResponseCode::NoError, true, Some(name("y.b.")));
        let refused = (ResponseCode::ServFail, false, None);
        assert!(told == truth || told == refused, "{}", story(&ended));
    }
    // A failure is remembered for a moment (RFC 9520 §3.2), what was not believed is not.
    world.resolver.now = world.resolver.now.plus_secs(6);
    let ended = world.resolve(&question);
    assert!(ended.outcome.secure, "{}", story(&ended));
}

/// A DNAME out of the cache whose time ends while the walk goes on is over: that it was proved once more does not bring
/// it back.
#[test]
fn a_slow_walk_brings_no_dname_back() {
    let lab = there_and_back(true);
    let name = |text: &str| text.parse::<Name>().expect("a name");
    let ask = |asked: &str| Question::new(name(asked), RecordType::A);
    let known = |world: &World<'_>, ahead_secs| {
        let now = world.resolver.now.plus_secs(ahead_secs);
        world.resolver.cache.set(&name("a."), RecordType::DNAME, now)
    };
    for left_secs in [1, 5] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        world.set_weather(600, 0.0);
        let begun = world.resolver.now;
        let first = world.resolve(&ask("x.a."));
        assert!(first.outcome.secure && first.took > Duration::from_secs(2), "{}", story(&first));
        let end = known(&world, 0).expect("it was proved").expires;
        assert!(end <= begun.after_ttl(3600), "{}", story(&first));
        world.resolver.now = Time::from_secs(end.secs() - left_secs);
        let slow = world.resolve(&ask("y.a."));
        assert!(slow.outcome.secure && slow.took > Duration::from_secs(1), "{:?}\n{}", slow.took, story(&slow));
        assert!(story(&slow).contains("a. DNAME"), "{}", story(&slow));
        let left = known(&world, 0).map(|known| known.expires.secs());
        assert_eq!(left, (left_secs > 1).then_some(end.secs()), "{}", story(&slow));
        assert!(known(&world, left_secs).is_none(), "{}", story(&slow));
    }
}

/// A DNAME that is proved is kept under its own name, as what the servers of its zone said; what it has made is not
/// kept at all (RFC 6672 §3.4).
#[test]
fn of_a_dname_and_what_it_makes_the_dname_is_kept() {
    let lab = there_and_back(true);
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    let name = |text: &str| text.parse::<Name>().expect("a name");
    let ended = world.resolve(&Question::new(name("x.b."), RecordType::A));
    let (cache, now) = (&world.resolver.cache, world.resolver.now);
    let dname = cache.set(&name("a."), RecordType::DNAME, now).expect("it was proved");
    assert_eq!(dname.from.informant().map(|from| &from.zone), Some(&name("a.")), "{}", story(&ended));
    assert!(cache.set(&name("y.a."), RecordType::CNAME, now).is_none(), "{}", story(&ended));
}

/// RFC 7646 §2: what has to validate before a negative trust anchor is lifted is what clients asked for, and not where
/// the aliases have led.
#[test]
fn what_an_anchor_let_through_is_what_was_asked() {
    let lab = there_and_back(true);
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    let name = |text: &str| text.parse::<Name>().expect("a name");
    let now = world.resolver.now;
    let anchor = NegativeAnchor { zone: name("b."), expires: now.plus_secs(3600), until_secs: None };
    world.resolver.settings.proofs.negative = NegativeAnchors::new([anchor], 300, now);
    let asked = Question::new(name("x.a."), RecordType::A);
    let ended = world.resolve(&asked);
    let tries = world.resolver.settings.proofs.negative.look((now.plus_secs(300), NOW_UNIX_SECS + 300)).tries;
    let soa = Question::new(name("b."), RecordType::SOA);
    assert_eq!(tries, [(name("b."), vec![asked, soa])], "{}", story(&ended));
}

/// Where a proof cannot be had because nobody answers, the client is told that, and what it would have proved is not
/// forgotten: it may be as true as it was.
#[test]
fn a_proof_that_cannot_be_had_is_a_failure_of_the_network() {
    let lab = there_and_back(true);
    let asked = Question::new("y.b.".parse().expect("a name"), RecordType::A);
    for qtype in [RecordType::DS, RecordType::DNSKEY] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        world.set_unanswered(qtype);
        let failed = world.resolve(&asked);
        let codes: Vec<u16> = failed.outcome.edes().iter().map(|ede| ede.code).collect();
        assert_eq!(failed.outcome.rcode, ResponseCode::ServFail, "{qtype}\n{}", story(&failed));
        assert!(codes.contains(&ede::NO_REACHABLE_AUTHORITY), "{qtype} {codes:?}\n{}", story(&failed));
        let known = world.resolver.cache.set(&asked.name, asked.qtype, world.resolver.now);
        assert!(known.is_some(), "{qtype}\n{}", story(&failed));
    }
}

/// Each part of an answer is known for what it is, although keys had to be asked for between them.
#[test]
fn what_an_unsigned_alias_leads_to_is_proved_by_itself() {
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    let ended = world.resolve(&Question::new("shop.example.net.".parse().expect("a name"), RecordType::A));
    let (cache, now) = (&world.resolver.cache, world.resolver.now);
    let over = (Duration::ZERO, Security::Unchecked);
    let known = |set: &RrSet| cache.stale_set(&set.owner, set.rtype, now, over).map(|known| known.security);
    let all: Vec<_> = ended.outcome.answer.iter().map(known).collect();
    assert_eq!(all, [Some(Security::Insecure), Some(Security::Secure)], "{}", story(&ended));
}

/// Of several reasons for which nothing can be proved the client is told the first of which there is something to tell.
#[test]
fn the_first_reason_of_which_there_is_something_to_tell_is_told() {
    let zones = [
        ("plain.", "", "a 60 CNAME a.odd.\nb 60 CNAME nothing.many.\nc 60 A 192.0.2.80\n"),
        ("odd.", ", sign = { defect = \"unknown_algorithm\" }", "a 60 CNAME nothing.many.\nb 60 CNAME c.plain.\n"),
        ("many.", ", sign = { denial = \"nsec3\", iterations = 500 }", "a 60 CNAME b.odd.\n"),
    ];
    let lab = one_server(&zones);
    let (algorithm, iterations) = (ede::UNSUPPORTED_DNSKEY_ALGORITHM, ede::UNSUPPORTED_NSEC3_ITERATIONS);
    for (asked, code) in
        [("a.plain.", algorithm), ("b.plain.", iterations), ("a.odd.", algorithm), ("b.odd.", algorithm)]
    {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        let ended = world.resolve(&Question::new(asked.parse().expect("a name"), RecordType::A));
        let codes: Vec<u16> = ended.outcome.edes().iter().map(|ede| ede.code).collect();
        assert_eq!(codes, [code], "{asked}\n{}", story(&ended));
    }
}

/// RFC 4035 §3.1.3.3, §3.2.3: the proof that a wildcard may have made an alias goes with the denial to which that leads
/// in another zone, proved as that is, and for no longer than its own signatures allow.
#[test]
fn the_proof_of_an_alias_goes_with_the_denial_behind_it() {
    let lab = one_server(&[
        ("a.", ", sign = {}", "*.w 300 CNAME nope.b.\n"),
        ("b.", ", sign = {}", "www 300 A 192.0.2.80\n"),
    ]);
    let asked = Question::new("q.w.a.".parse().expect("a name"), RecordType::A);
    for forgery in [None, Some(Forgery::LongTtls), Some(Forgery::MoreProofs)] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        forgery.into_iter().for_each(|forgery| world.set_forger([192, 0, 2, 1].into(), forgery));
        for _ in 0..2 {
            let ended = world.resolve(&asked);
            assert_eq!(ended.outcome.rcode, ResponseCode::NXDomain, "{}", story(&ended));
            let zones = ["a.", "b."].map(|zone| zone.parse::<Name>().expect("a name"));
            let all = &ended.outcome.authority;
            let of = |zone: &Name| all.iter().any(|set| set.rtype == RecordType::NSEC && set.owner.is_within(zone));
            assert!(ended.outcome.secure && zones.iter().all(of), "{forgery:?}\n{}", story(&ended));
            assert!(all.iter().all(|set| set.ttl_secs <= 3600), "{forgery:?}\n{}", story(&ended));
        }
    }
}

/// RFC 4035 §3.2.2: who checks for himself (CD) gets what the servers say, and nothing that was inferred.
#[test]
fn nothing_is_inferred_for_those_who_check_for_themselves() {
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    let ask = |nth: u32| Question::new(format!("nope{nth}.example.com.").parse().expect("a name"), RecordType::A);
    let inferred = |ended: &Ended| ended.log.iter().any(|entry| matches!(entry.event, Event::Inferred { .. }));
    let told: Vec<bool> = (0..40).map(|nth| inferred(&world.resolve(&ask(nth)))).collect();
    assert!(told.iter().filter(|told| **told).count() > 30, "{told:?}");
    for nth in 40..60 {
        let ended = world.resolve_unchecked(&ask(nth));
        assert!(!inferred(&ended) && ended.outcome.rcode == ResponseCode::NXDomain, "{}", story(&ended));
    }
}

/// What is inferred is judged as what servers say is: where the records that it follows from do not hold, because they
/// were never true or are not any more, it is taken back and the servers are asked.
#[test]
fn what_was_inferred_and_does_not_stand_is_taken_back() {
    let name = |text: &str| text.parse::<Name>().expect("a name");
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    let asked = Question::new(name("www.example.com."), RecordType::A);
    let zone = name("example.com.");
    let rdata = [zone.wire(), &[0, 1, 0x40]].concat();
    let nsec = RrSet::new(zone.clone(), RecordType::NSEC, 3600, [&rdata[..]]);
    let soa = RrSet::new(zone.clone(), RecordType::SOA, 3600, [&[0; 22][..]]);
    for (place, set) in [(Place::Nsec(zone.clone()), nsec), (Place::Soa, soa)] {
        world.resolver.cache.put_span(Span { zone: zone.clone(), place, set }, world.resolver.now);
    }
    let ended = world.resolve(&asked);
    assert!(ended.log.iter().any(|entry| matches!(entry.event, Event::Inferred { .. })), "{}", story(&ended));
    assert_eq!(told(&ended.outcome), truth(&asked), "{}", story(&ended));
    assert!(ended.outcome.secure, "{}", story(&ended));
}

/// RFC 4035 §3.2.3, §5.3.4: what a wildcard made keeps the proof that it may stand there, also out of the cache; and
/// signatures, which nobody signs, are given without AD.
#[test]
fn what_stands_for_an_answer_comes_along() {
    let ask = |world: &mut World<'_>, asked: &str, qtype| {
        let ended = world.resolve(&Question::new(asked.parse().expect("a name"), qtype));
        assert_eq!(ended.outcome.rcode, ResponseCode::NoError, "{}", story(&ended));
        ended
    };
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    world.resolver.settings.proofs.aggressive = false;
    for queries in [100, 0] {
        let made = ask(&mut world, "any.wildcard.lab.", RecordType::A);
        let proof = made.outcome.authority.iter().filter(|set| set.rtype != RecordType::SOA).count();
        assert!(made.outcome.secure && proof > 0 && made.budget.queries() <= queries, "{}", story(&made));
    }
    // RFC 4035 §3.1.3.3: signatures that a wildcard made are no different, but that nobody signs them.
    for _ in 0..2 {
        let made = ask(&mut world, "any.wildcard.lab.", RecordType::RRSIG);
        let proof = made.outcome.authority.iter().filter(|set| set.rtype != RecordType::SOA).count();
        assert!(!made.outcome.secure && !made.outcome.answer.is_empty() && proof > 0, "{}", story(&made));
    }
    let sigs = ask(&mut world, "www.example.com.", RecordType::RRSIG);
    assert!(!sigs.outcome.secure && !sigs.outcome.answer.is_empty(), "{}", story(&sigs));
}

/// Servers without EDNS have nothing to say of a signed zone that could be proved, nor of where servers are in it,
/// which others may want to see proved. Under a negative trust anchor nothing is.
#[test]
fn what_is_not_to_be_proved_is_asked_without_edns() {
    let zones = [("h.", ", sign = {}", 2, "s A 192.0.2.3\n"), ("z.", ", sign = {}", 3, "www A 192.0.2.80\n")];
    let lab = hosted(&zones, "h. 3600 NS ns2.\nz. 3600 NS s.h.\n");
    let name = |text: &str| text.parse::<Name>().expect("a name");
    for oddity in [Oddity::NoEdns, Oddity::EchoesEdns, Oddity::BadVersion] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        world.set_odd([192, 0, 2, 2].into(), oddity);
        let address = Question::new(name("s.h."), RecordType::A);
        let unproved = world.resolve(&address);
        assert_eq!(unproved.outcome.rcode, ResponseCode::ServFail, "{}", story(&unproved));
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        world.set_odd([192, 0, 2, 2].into(), oddity);
        let anchor = NegativeAnchor { zone: name("h."), expires: world.resolver.now.plus_secs(60), until_secs: None };
        world.resolver.settings.proofs.negative = NegativeAnchors::new([anchor], 0, world.resolver.now);
        let exempt = world.resolve(&address);
        assert_eq!(exempt.outcome.answer.len(), 1, "{}", story(&exempt));
        let found = world.resolve(&Question::new(name("www.z."), RecordType::A));
        assert!(found.outcome.secure && !found.outcome.answer.is_empty(), "{}", story(&found));
    }
}
