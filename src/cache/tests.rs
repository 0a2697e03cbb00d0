//! The cache against the RFCs, and against naive models.

use std::collections::HashMap;
use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::trace::Source;
use crate::wire::{RecordType, RrSet, Sections, Template, name};

const LIMIT: usize = 4 << 20;

fn cache() -> Cache {
    Cache::new(LIMIT, (1, 2), TtlLimits::default())
}

fn a_set(owner: &Name, ttl_secs: u32, octet: u8) -> RrSet {
    RrSet::new(owner.clone(), RecordType::A, ttl_secs, [&[192, 0, 2, octet][..]])
}

fn soa(minimum: u32) -> RrSet {
    let rdata = [&[0; 18][..], &minimum.to_be_bytes()].concat();
    RrSet::new(name("example"), RecordType::SOA, 900, [&rdata[..]])
}

fn denial(kind: DenialKind, minimum: u32) -> Denial {
    Denial::heard(kind, Some(soa(minimum)), [], Source::Local)
}

fn told_by(zone: &Name) -> Source {
    Source::server(zone.clone(), [192, 0, 2, 1].into(), None)
}

fn cut(zone: &Name, from: Source, expires: Time) -> Delegation {
    let servers =
        Arc::new([NameServer { name: name("ns.example"), addrs: [[192, 0, 2, 53].into()].into_iter().collect() }]);
    Delegation {
        zone: zone.clone(),
        servers,
        ds: None,
        proof: Box::default(),
        from,
        stored: Time::ZERO,
        requeried: Time::ZERO,
        expires,
    }
}

fn asked(name: &Name) -> AnswerKey<'_> {
    AnswerKey { qname_wire: name.wire(), qtype: 1, dnssec_ok: false, checking_disabled: false }
}

fn answer(name: &Name, ttl_secs: u32, stored: Time) -> Answer {
    let sections = Sections { answer: &[a_set(name, ttl_secs, 1)], ..Sections::default() };
    let question = Question::new(name.clone(), RecordType::A);
    let template = Template::build(&question, ResponseCode::NoError, &sections, false);
    Answer {
        template,
        edes: Box::default(),
        stored,
        expires: stored.plus_secs(ttl_secs.into()),
        secure: false,
        signed_until: 0,
        usage: Usage::default(),
    }
}

/// For what must be stored for the test to make sense.
fn store(put: Put) {
    assert_eq!(put, Put::Stored);
}

/// CD brings unproved data into the cache, and forgers try to: neither takes the place of what was proved.
#[test]
fn what_is_proved_is_not_replaced_by_what_is_not() {
    let (cache, www, at) = (cache(), name("www.example"), Time::from_secs);
    let proved = RrSet { sigs: [&b"a signature"[..]].into_iter().collect(), ..a_set(&www, 60, 1) };
    store(cache.put_set(proved.clone(), Rank::AuthAnswer, Source::Local, at(0)));
    let other = || a_set(&www, 600, 2);
    // What was not there is not proved by its name.
    cache.judged(&other(), (Security::Secure, &[]), (at(1), at(1)));
    assert_eq!(cache.set(&www, RecordType::A, at(1)).expect("fresh").security, Security::Unchecked);
    cache.judged(&RrSet { ttl_secs: 40, ..proved.clone() }, (Security::Secure, &[]), (at(1), at(1)));
    let kept = Put::KeptBetter(Rank::AuthAnswer);
    assert_eq!(cache.put_set(other(), Rank::AuthAnswer, Source::Local, at(2)), kept);
    assert_eq!(cache.put_set(a_set(&www, 0, 2), Rank::AuthAnswer, Source::Local, at(3)), Put::ZeroTtl);
    let denial = Denial::heard(DenialKind::NxDomain, None, [], Source::Local);
    assert_eq!(cache.put_denial(&www, RecordType::A, denial, at(4)).1, kept);
    let known = cache.set(&www, RecordType::A, at(40)).expect("fresh");
    assert_eq!((known.set.rdatas.clone(), known.security), (proved.rdatas.clone(), Security::Secure));
    // The signature bounds its life, and then anything may come.
    assert_eq!(cache.set(&www, RecordType::A, at(41)), None);
    store(cache.put_set(other(), Rank::AuthAnswer, Source::Local, at(41)));
    cache.disbelieve(&www, RecordType::A, at(42));
    assert_eq!(cache.set(&www, RecordType::A, at(42)), None);
}

#[test]
fn a_set_lives_for_its_ttl_and_not_longer_than_a_day() {
    let (cache, www, at) = (cache(), name("www.example"), Time::from_secs);
    assert_eq!(cache.put_set(a_set(&www, 60, 1), Rank::AuthAnswer, Source::Local, at(10)), Put::Stored);
    assert!(cache.set(&name("WWW.example"), RecordType::A, at(69)).is_some());
    assert_eq!(cache.set(&www, RecordType::A, at(70)), None);
    assert_eq!(cache.set(&www, RecordType::AAAA, at(10)), None);
    assert_eq!(cache.put_set(a_set(&www, u32::MAX, 1), Rank::AuthAnswer, Source::Local, at(100)), Put::Stored);
    assert!(cache.set(&www, RecordType::A, at(86_499)).is_some_and(|known| known.set.ttl_secs == 86_400));
    assert_eq!(cache.set(&www, RecordType::A, at(86_500)), None);
    assert_eq!(cache.put_set(a_set(&www, 0, 1), Rank::AuthAnswer, Source::Local, at(100_000)), Put::ZeroTtl);
    assert_eq!(cache.set(&www, RecordType::A, at(100_000)), None);
}

#[test]
fn answers_are_told_apart_by_name_type_do_and_cd() {
    let (cache, www, at) = (cache(), name("WWW.example"), Time::from_secs);
    store(cache.put_answer(&asked(&www), answer(&www, 60, at(10))).1);
    let lower = www.to_lower();
    let key = asked(&lower);
    let found = cache.ready(&key, at(69), None).and_then(Ready::written).expect("fresh");
    assert_eq!(found.template.min_ttl_secs(), 60);
    let (signed, unchecked) = (AnswerKey { dnssec_ok: true, ..key }, AnswerKey { checking_disabled: true, ..key });
    for other in [signed, unchecked, AnswerKey { qtype: 28, ..key }] {
        assert!(cache.ready(&other, at(69), None).is_none());
    }
    assert!(cache.ready(&key, at(70), None).is_none());
    assert_eq!(cache.put_answer(&key, answer(&www, 0, at(10))).1, Put::ZeroTtl);
    store(cache.put_answer(&key, answer(&www, 999_999, at(10))).1);
    assert!(cache.ready(&key, at(86_410), None).is_none());
}

/// Other settings make other answers, of the same records.
#[test]
fn what_was_made_is_forgotten_and_what_it_was_made_of_is_not() {
    let (cache, www, at, hour) = (cache(), name("www.example"), Time::from_secs, Duration::from_secs(3600));
    let (written, plain) = (name("written.example"), asked(&www));
    let question = Question::new(name("fails.example"), RecordType::A);
    let mark = |now| cache.mark_plain(&plain, &a_set(&www, 60, 1), false, now);
    let make = |now| {
        store(cache.put_answer(&asked(&written), answer(&written, 60, now)).1);
        drop(cache.put_failure(&question, ([], false), now));
    };
    store(cache.put_set(a_set(&www, 60, 1), Rank::AuthAnswer, Source::Local, at(9)));
    assert!(mark(at(9)));
    make(at(9));
    let is_there = |now| {
        let is_ready = |name| cache.ready(&asked(name), now, None).is_some();
        let is_stale = cache.stale_answer(&asked(&written), now, hour).is_some();
        [is_ready(&www), is_ready(&written), is_stale, cache.failure(&question, now).is_some()]
    };
    assert_eq!(is_there(at(10)), [true; 4]);
    cache.forget_answers(at(10));
    assert_eq!(is_there(at(10)), [false; 4]);
    assert!(cache.set(&www, RecordType::A, at(10)).is_some());
    assert!(!mark(at(11)), "an answer of its own is kept beside it until it is learned anew");
    make(at(11));
    assert_eq!(cache.failure(&question, at(11)).expect("a new one").times, 1, "the first of a row");
    store(cache.put_set(a_set(&www, 60, 2), Rank::AuthAnswer, Source::Local, at(12)));
    assert!(cache.mark_plain(&plain, &a_set(&www, 60, 2), false, at(12)));
    assert_eq!(is_there(at(12)), [true; 4]);
}

#[test]
fn oversized_things_are_refused_with_the_reason() {
    let (cache, www) = (cache(), name("www.example"));
    let put = |count: usize, octets: usize| {
        let rdata = vec![0; octets];
        let set = RrSet::new(www.clone(), RecordType::TXT, 60, std::iter::repeat_n(&rdata[..], count));
        cache.put_set(set, Rank::AuthAnswer, Source::Local, Time::ZERO)
    };
    assert_eq!(put(256, 4), Put::Stored);
    assert_eq!(put(257, 4), Put::TooManyRecords(257));
    assert_eq!(put(1, 16_000), Put::Stored);
    assert!(matches!(put(2, 8_192), Put::TooLarge(16_384..=16_500)));
    let proof: Vec<RrSet> = (0..20).map(|_| RrSet::new(www.clone(), RecordType::NSEC, 60, [&[0; 1000][..]])).collect();
    let huge = Denial::heard(DenialKind::NxDomain, Some(soa(60)), proof, Source::Local);
    assert!(matches!(cache.put_denial(&www, RecordType::A, huge, Time::ZERO).1, Put::TooLarge(_)));
}

#[test]
fn denials_of_rfc_2308() {
    let (cache, www, at) = (cache(), name("www.example"), Time::from_secs);
    assert_eq!(cache.put_denial(&www, RecordType::A, denial(DenialKind::NoData, 300), at(0)).1, Put::Stored);
    let found = cache.denial(&www, RecordType::A, at(299)).expect("fresh");
    assert_eq!(found.soa.as_ref().map(|soa| soa.ttl_secs), Some(300));
    assert_eq!(cache.denial(&www, RecordType::AAAA, at(299)), None);
    assert_eq!(cache.denial(&www, RecordType::A, at(300)), None);
    // RFC 2308 §5: NXDOMAIN is for every type.
    assert_eq!(cache.put_denial(&www, RecordType::A, denial(DenialKind::NxDomain, 300), at(0)).1, Put::Stored);
    let found = cache.denial(&www, RecordType::MX, at(1)).expect("fresh");
    assert_eq!(found.kind, DenialKind::NxDomain);
    assert_eq!(cache.denial(&name("a.www.example"), RecordType::A, at(1)), None);
    assert_eq!(cache.put_denial(&www, RecordType::A, denial(DenialKind::NxDomain, 0), at(0)).1, Put::ZeroTtl);
}

#[test]
fn a_denial_without_soa_is_kept_for_seconds() {
    let (cache, www, at) = (cache(), name("www.example"), Time::from_secs);
    let bare = Denial::heard(DenialKind::NoData, None, [], Source::Local);
    assert_eq!(cache.put_denial(&www, RecordType::A, bare, at(0)).1, Put::Stored);
    assert!(cache.denial(&www, RecordType::A, at(4)).is_some());
    assert!(cache.denial(&www, RecordType::A, at(5)).is_none());
}

#[test]
fn sets_and_denials_end_each_other() {
    let (cache, www, now) = (cache(), name("www.example"), Time::ZERO);
    for kind in [DenialKind::NoData, DenialKind::NxDomain] {
        store(cache.put_denial(&www, RecordType::A, denial(kind, 300), now).1);
        store(cache.put_set(a_set(&www, 60, 1), Rank::NonAuthAnswer, Source::Local, now));
        assert!(cache.denial(&www, RecordType::A, now).is_some(), "who has no authority does not end a denial");
        store(cache.put_set(a_set(&www, 60, 1), Rank::AuthAnswer, Source::Local, now));
        assert_eq!(cache.denial(&www, RecordType::A, now), None);
        store(cache.put_denial(&www, RecordType::A, denial(kind, 300), now).1);
        assert_eq!(cache.set(&www, RecordType::A, now), None);
    }
}

#[test]
fn failures_back_off_and_are_explained_again() {
    let (cache, at) = (cache(), Time::from_secs);
    let question = Question::new(name("Broken.example"), RecordType::A);
    let ede = Ede { code: 22, text: "every server was silent".into() };
    let first = cache.put_failure(&question, ([ede.clone()], false), at(0));
    assert_eq!((first.times, first.expires), (1, at(5)));
    let same = Question::new(name("broken.EXAMPLE"), RecordType::A);
    assert_eq!(cache.failure(&same, at(4)).map(|known| known.edes.to_vec()), Some(vec![ede]));
    assert_eq!(cache.failure(&Question::new(name("broken.example"), RecordType::MX), at(4)), None);
    assert_eq!(cache.failure(&question, at(5)), None);
    assert_eq!(cache.put_failure(&question, ([], false), at(9)).expires, at(19));
    assert_eq!(cache.put_failure(&question, ([], false), at(38)).times, 1, "no longer in a row");
    cache.put_failure(&question, ([], false), at(44));
    let _ = cache.put_answer(&asked(&question.name), answer(&question.name, 0, at(44)));
    assert_eq!(cache.failure(&question, at(44)), None, "an answer ends the row");
    assert_eq!(cache.put_failure(&question, ([], false), at(45)).times, 1);
}

#[test]
fn delegations_have_a_floor_and_a_cap_and_are_not_sets() {
    let (cache, zone, at) = (cache(), name("example"), Time::from_secs);
    store(cache.put_delegation(cut(&zone, told_by(&Name::root()), at(5)), at(0)).1);
    assert!(cache.delegation(&zone, at(59)).is_some());
    assert!(cache.delegation(&zone, at(60)).is_none());
    store(cache.put_delegation(cut(&zone, told_by(&Name::root()), Time::FAR), at(100)).1);
    assert!(cache.delegation(&name("EXAMPLE"), at(86_499)).is_some());
    assert!(cache.delegation(&zone, at(86_500)).is_none());
    // The child's own NS set is no delegation.
    let ns = RrSet::new(zone.clone(), RecordType::NS, 999_999, [zone.wire()]);
    store(cache.put_set(ns, Rank::AuthAnswer, Source::Local, at(86_499)));
    assert!(cache.deepest(&name("www.example"), at(86_500)).is_none());
}

#[test]
fn a_cut_that_expired_takes_its_children_along() {
    let (cache, at) = (cache(), Time::from_secs);
    let (tld, zone, child) = (name("example"), name("evil.example"), name("sub.evil.example"));
    let leaf = name("www.sub.evil.example");
    store(cache.put_delegation(cut(&Name::root(), Source::Hints, Time::FAR), at(0)).1);
    store(cache.put_delegation(cut(&tld, told_by(&Name::root()), at(80_000)), at(0)).1);
    store(cache.put_delegation(cut(&zone, told_by(&tld), at(1000)), at(0)).1);
    // The servers of the zone promise a long life just before the zone ends, and once more after it.
    store(cache.put_delegation(cut(&child, told_by(&zone), at(80_000)), at(999)).1);
    assert_eq!(cache.deepest(&leaf, at(999)).map(|found| found.zone.clone()), Some(child.clone()));
    assert_eq!(cache.deepest(&leaf, at(1000)).map(|found| found.zone.clone()), Some(tld.clone()));
    assert_eq!(cache.put_delegation(cut(&child, told_by(&zone), at(80_000)), at(1000)).1, Put::ParentExpired);
    // What was told from above the dead cut is good: the zone may have lost its cut.
    assert_eq!(cache.put_delegation(cut(&child, told_by(&tld), at(5000)), at(1001)).1, Put::Stored);
    assert_eq!(cache.deepest(&leaf, at(1001)).map(|found| found.zone.clone()), Some(child));
    // The root expires without taking anything along.
    assert_eq!(cache.deepest(&leaf, at(79_999)).map(|found| found.zone.clone()), Some(tld));
}

#[test]
fn the_least_recently_used_goes_first() {
    let cache = Cache::new(200_000, (1, 2), TtlLimits::default());
    let (www, now) = (name("www.example"), Time::ZERO);
    store(cache.put_set(a_set(&www, 60, 1), Rank::AuthAnswer, Source::Local, now));
    for nth in 0..3000 {
        store(cache.put_set(a_set(&name(&format!("n{nth}.example")), 60, 1), Rank::AuthAnswer, Source::Local, now));
        assert!(cache.set(&www, RecordType::A, now).is_some());
    }
    assert!(cache.set(&name("n2999.example"), RecordType::A, now).is_some());
    assert!(cache.set(&name("n0.example"), RecordType::A, now).is_none());
    assert!((150_000..=200_000).contains(&cache.bytes()), "{}", cache.bytes());
}

#[test]
fn a_name_is_new_until_something_is_known_of_it() {
    let (www, now) = (name("www.example"), Time::ZERO);
    let question = Question::new(www.clone(), RecordType::A);
    let alias = || RrSet::new(www.clone(), RecordType::CNAME, 60, [&b"\x01x\x00"[..]]);
    let denial = |kind| Denial::heard(kind, None, [], Source::Local);
    let kinds: [&dyn Fn(&Cache); 5] = [
        &|cache| store(cache.put_set(a_set(&www, 60, 1), Rank::AuthAnswer, Source::Local, now)),
        &|cache| store(cache.put_set(alias(), Rank::AuthAnswer, Source::Local, now)),
        &|cache| store(cache.put_denial(&www, RecordType::AAAA, denial(DenialKind::NxDomain), now).1),
        &|cache| store(cache.put_denial(&www, RecordType::A, denial(DenialKind::NoData), now).1),
        &|cache| drop(cache.put_failure(&question, ([], false), now)),
    ];
    for (nth, put) in kinds.into_iter().enumerate() {
        let cache = cache();
        assert!(cache.about(&www).is_new(RecordType::A));
        put(&cache);
        assert!(!cache.about(&www).is_new(RecordType::A), "kind {nth}");
        assert!(cache.about(&name("example")).is_new(RecordType::A));
    }
}

/// Names of up to four labels over a small alphabet, so that they meet.
fn some_name() -> impl Strategy<Value = Name> {
    vec(prop::sample::select(&["a", "b", "c", "B"][..]), 0..4)
        .prop_map(|labels| Name::from_labels(labels.iter().map(|label| label.as_bytes())).expect("a name"))
}

#[derive(Clone, Debug)]
enum Op {
    Put(Name, u32, u8, Rank),
    Get(Name),
    Wait(u64),
}

fn some_op() -> impl Strategy<Value = Op> {
    let ranks = [Rank::NonAuthAnswer, Rank::AuthAnswer];
    prop_oneof![
        (some_name(), 0_u32..50, any::<u8>(), prop::sample::select(ranks.to_vec()))
            .prop_map(|(owner, ttl, octet, rank)| Op::Put(owner, ttl, octet, rank)),
        some_name().prop_map(Op::Get),
        (0_u64..20).prop_map(Op::Wait),
    ]
}

#[test]
fn a_dead_ip_version_is_noticed_and_forgiven() {
    let servers = Servers::new((1, 2));
    let after = |rtt| Shown { rtt, over_udp: true, edns: false, cookie: false };
    let v4 = |last: u8| IpAddr::from([192, 0, 2, last]);
    let v6 = |last: u8| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()]);
    for last in 0..4 {
        assert!(!servers.family_is_dead(v6(9)), "after {last} failures");
        servers.silent(v6(last), Time::ZERO, Time::ZERO);
        servers.heard(v4(1), after(Duration::from_millis(9)), Time::ZERO);
    }
    assert!(servers.family_is_dead(v6(9)) && !servers.family_is_dead(v4(9)));
    servers.heard(v6(1), after(Duration::from_millis(9)), Time::ZERO);
    assert!(!servers.family_is_dead(v6(9)));
    (0..9).for_each(|last| servers.silent(v4(last), Time::ZERO, Time::ZERO));
    (0..9).for_each(|last| servers.silent(v6(last), Time::ZERO, Time::ZERO));
    assert!(!servers.family_is_dead(v6(9)) && !servers.family_is_dead(v4(9)), "no network at all is no family's fault");
    assert!(servers.is_cut_off());
    servers.heard(v4(1), after(Duration::from_millis(9)), Time::ZERO);
    assert!(!servers.is_cut_off());
}

proptest! {
    /// As long as nothing is evicted, the cache is a map with expiry in which rank is never lowered.
    #[test]
    fn sets_follow_the_model(ops in vec(some_op(), 1..200)) {
        let cache = cache();
        let mut model: HashMap<Name, (u8, Rank, Time)> = HashMap::new();
        let mut now = Time::from_secs(1);
        for op in ops {
            match op {
                Op::Wait(secs) => now = now.plus_secs(secs),
                Op::Get(owner) => {
                    let want = model.get(&owner).filter(|(_, _, expires)| *expires > now);
                    let got = cache.set(&owner, RecordType::A, now);
                    let got = got.map(|known| (known.set.rdatas.iter().next().map_or(0, |rdata| rdata[3]), known.rank, known.expires));
                    prop_assert_eq!(got.as_ref(), want);
                }
                Op::Put(owner, ttl_secs, octet, rank) => {
                    let better = model.get(&owner).filter(|(_, old, expires)| *expires > now && *old > rank);
                    let want = match better {
                        _ if ttl_secs == 0 => Put::ZeroTtl,
                        Some((_, old, _)) => Put::KeptBetter(*old),
                        None => Put::Stored,
                    };
                    if want == Put::ZeroTtl && model.get(&owner).is_some_and(|(_, old, _)| *old <= rank) {
                        model.remove(&owner);
                    }
                    if want == Put::Stored {
                        model.insert(owner.clone(), (octet, rank, now.plus_secs(ttl_secs.into())));
                    }
                    prop_assert_eq!(cache.put_set(a_set(&owner, ttl_secs, octet), rank, Source::Local, now), want);
                }
            }
        }
    }

    /// `deepest` finds what a look at every delegation finds.
    #[test]
    fn deepest_follows_the_model(
        cuts in vec((some_name(), 0_usize..4, 1_u64..300, 0_u64..60), 0..25),
        asked in vec(some_name(), 1..10),
    ) {
        let cache = cache();
        let mut model: HashMap<Name, (Time, Time)> = HashMap::new();
        let mut now = Time::from_secs(1);
        for (zone, up, life, wait) in cuts {
            now = now.plus_secs(wait);
            let teller = zone.suffix(zone.label_count().saturating_sub(up + 1));
            let mut expires = now.plus_secs(life.max(60));
            if let Some((_, parent)) = model.get(&teller).filter(|_| !teller.is_root()) {
                expires = expires.min(*parent);
            }
            let put = cache.put_delegation(cut(&zone, told_by(&teller), now.plus_secs(life)), now).1;
            prop_assert_eq!(put == Put::Stored, expires > now);
            if expires > now {
                model.insert(zone, (now, expires));
            }
            for name in &asked {
                let dead = |zone: &Name, stored: Time| model.iter().any(|(above, (_, expires))| {
                    !above.is_root() && zone.is_below(above) && *expires <= now && stored < *expires
                });
                let usable = model.iter().filter(|(zone, (stored, expires))| {
                    name.is_within(zone) && *expires > now && !dead(zone, *stored)
                });
                let want = usable.max_by_key(|(zone, _)| zone.label_count()).map(|(zone, _)| zone.clone());
                prop_assert_eq!(cache.deepest(name, now).map(|found| found.zone.clone()), want);
            }
        }
    }

    /// A zone that its parent no longer delegates is gone when its delegation ends, whatever its servers said.
    #[test]
    fn nothing_below_outlives_a_delegation(
        said in vec((some_name(), some_name(), 1_u64..100_000, 0_u64..400), 0..40),
    ) {
        let (cache, zone) = (cache(), name("evil.example"));
        let end = Time::from_secs(3600);
        store(cache.put_delegation(cut(&zone, told_by(&Name::root()), end), Time::ZERO).1);
        let under = |name: &Name| name.replace_tail(&Name::root(), &zone).expect("a short name");
        let mut now = Time::ZERO;
        for (child, teller, life, wait) in said {
            now = now.plus_secs(wait);
            let (child, teller) = (under(&child), under(&teller));
            if child.is_below(&teller) && (teller == zone || cache.delegation(&teller, now).is_some()) {
                let _ = cache.put_delegation(cut(&child, told_by(&teller), now.plus_secs(life)), now).1;
            }
            let found = cache.deepest(&child, now.max(end));
            prop_assert!(found.is_none(), "{found:?}");
        }
    }

    /// The budget holds after every single step, and what was just put is there.
    #[test]
    fn the_budget_is_never_exceeded(
        limit in 20_000_usize..2_000_000,
        entries in vec((vec(any::<u8>(), 1..60), 0_u8..5, 1_usize..2000), 1..300),
    ) {
        let cache = Cache::new(limit, (5, 6), TtlLimits::default());
        prop_assert!((limit - 1024..=limit).contains(&cache.limit_bytes()), "{} of {}", cache.limit_bytes(), limit);
        let now = Time::from_secs(1);
        for (label, kind, octets) in entries {
            let owner = Name::from_labels([&label[..], b"example"]).expect("a name");
            let rdata = vec![7; octets];
            let put = match kind {
                0 => cache.put_set(RrSet::new(owner.clone(), RecordType::TXT, 9, [&rdata[..]]), Rank::AuthAnswer, told_by(&owner), now),
                1 => {
                    let proof = [RrSet::new(owner.clone(), RecordType::NSEC, 9, [&rdata[..]])];
                    cache.put_denial(&owner, RecordType::TXT, Denial::heard(DenialKind::NoData, Some(soa(9)), proof, Source::Local), now).1
                }
                2 => cache.put_delegation(cut(&owner, told_by(&name("example")), Time::FAR), now).1,
                3 => cache.put_answer(&asked(&owner), answer(&owner, 9, now)).1,
                _ => {
                    let question = Question::new(owner.clone(), RecordType::TXT);
                    let text = "x".repeat(octets);
                    cache.put_failure(&question, ([Ede { code: 0, text: text.into() }], false), now);
                    prop_assert!(cache.failure(&question, now).is_some());
                    Put::Stored
                }
            };
            prop_assert_eq!(put, Put::Stored);
            prop_assert!(cache.bytes() <= limit, "{} of {}", cache.bytes(), limit);
            prop_assert!(cache.entries() > 0 && cache.bytes() > cache.entries() * 100);
            let found = match kind {
                0 => cache.set(&owner, RecordType::TXT, now).is_some(),
                1 => cache.denial(&owner, RecordType::TXT, now).is_some(),
                2 => cache.delegation(&owner, now).is_some(),
                3 => cache.ready(&asked(&owner), now, None).is_some(),
                _ => true,
            };
            prop_assert!(found);
        }
    }
}
