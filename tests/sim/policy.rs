//! What the operator decides: where not to ask, and which addresses no name may have.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rootwalk::dnssec::{Anchor, Key};
use rootwalk::trace::{AskWhy, Avoided, Event, GoalId, RouteKind};
use rootwalk::walk::{Around, Avoid, Dice, Private, Route, Routes, SpecialZone, Step, Walk};
use rootwalk::wire::{Ede, Name, Question, RecordType, ResponseCode, RrSet, ede};

use super::resolver::Ended;
use super::trouble::Trouble;
use super::trust::keys_asked;
use super::world::{World, hosted, internet};
use super::{LAB, story, told, truth};

fn question(name: &str, qtype: RecordType) -> Question {
    Question::new(name.parse().expect("a name"), qtype)
}

fn calm() -> World<'static> {
    World::new(&LAB, 7, 0.0, 0.0)
}

fn codes(ended: &Ended) -> Vec<u16> {
    ended.outcome.edes().iter().map(|ede| ede.code).collect()
}

#[test]
fn a_name_cannot_be_rebound_to_this_network() {
    let rebind = question("www.rebind.lab.", RecordType::A);
    let nets = ["127.0.0.0/16", "192.168.0.0/16"].map(|net| net.parse().expect("a net"));
    let mut world = calm();
    world.resolver.settings.private = Private { nets: nets.to_vec(), ..Private::default() };
    // The second time the cache answers: what it holds is filtered as well, and said as well.
    for queries in [true, false] {
        let ended = world.resolve(&rebind);
        assert_eq!(ended.budget.queries() > 0, queries);
        assert_eq!((ended.outcome.rcode, ended.outcome.answer.len()), (ResponseCode::NoError, 0));
        assert_eq!(codes(&ended), [ede::FILTERED]);
        let withheld = ended.log.iter().find_map(|entry| match &entry.event {
            Event::Withheld { addrs, .. } => Some(addrs.len()),
            _ => None,
        });
        assert_eq!(withheld, Some(truth(&rebind).1[0].rdatas.len()));
    }
    // Part of a set is kept, without the signatures over the whole.
    world.resolver.settings.private.nets = vec!["192.168.0.0/16".parse().expect("a net")];
    let part = world.resolve(&rebind).outcome;
    assert_eq!((part.answer[0].rdatas.len(), part.answer[0].sigs.len()), (1, 0));
    // Other names of the lab are not concerned, and a private domain may have such addresses.
    let www = question("www.example.com.", RecordType::A);
    assert_eq!(codes(&world.resolve(&www)), [0; 0]);
    world.resolver.settings.private.domains = vec!["rebind.lab.".parse().expect("a name")];
    let allowed = world.resolve(&rebind);
    assert_eq!((allowed.outcome.answer[0].rdatas.len(), codes(&allowed).len()), (2, 0));
}

/// The alias is proved, and what is said here of its target nobody has signed; the servers of the target are not asked,
/// also when the alias is known.
#[test]
fn who_is_led_to_a_special_name_is_told_that_it_does_not_exist() {
    let (alias, zone) =
        (question("alias.example.com.", RecordType::A), "example.net.".parse::<Name>().expect("a name"));
    let soa = RrSet::new(zone.clone(), RecordType::SOA, 60, [&[0; 22][..]]);
    let special = SpecialZone { soa: soa.clone(), why: Ede::new(ede::SYNTHESIZED, "special"), exists: [false; 2] };
    let mut world = calm();
    world.resolver.settings.special = [(zone.clone(), Arc::new(special))].into();
    for _ in 0..2 {
        let ended = world.resolve(&alias);
        let outcome = &ended.outcome;
        assert_eq!(
            (outcome.rcode, outcome.secure, &outcome.authority[..]),
            (ResponseCode::NXDomain, false, &[soa.clone()][..])
        );
        assert_eq!(
            (outcome.answer.len(), outcome.answer[0].rtype, codes(&ended)),
            (1, RecordType::CNAME, vec![ede::SYNTHESIZED])
        );
        assert!(!outcome.answer[0].sigs.is_empty());
        let of_zone = |event: &Event| matches!(event, Event::Asked { name, .. } if name.is_within(&zone));
        assert!(!ended.log.iter().any(|entry| of_zone(&entry.event)), "{}", story(&ended));
    }
    // Who is to look it up, after all, has decided so before; and servers that the operator names are asked.
    assert_eq!(world.resolve(&question("www.example.net.", RecordType::A)).outcome.rcode, ResponseCode::NoError);
    let route = Route::new(RouteKind::Stub, zone, &[([127, 53, 2, 5].into(), None)]);
    world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
    assert_eq!(world.resolve(&alias).outcome.rcode, ResponseCode::NoError);
}

#[test]
fn servers_at_avoided_addresses_are_not_asked_and_named() {
    let www = question("www.example.com.", RecordType::A);
    let listed = |world: &World<'_>| world.resolver.settings.avoid.nets.clone();
    let mut world = calm();
    world.resolver.settings.avoid = Avoid { nets: vec!["127.53.2.0/24".parse().expect("a net")], ..Avoid::default() };
    let ended = world.resolve(&www);
    let net = listed(&world)[0];
    let failure = ended.outcome.failure.as_ref().expect("nobody may be asked").to_string();
    assert!(failure.contains("do_not_query lists 127.53.2.0/24"), "{failure}");
    assert_eq!(codes(&ended)[0], ede::NO_REACHABLE_AUTHORITY);
    for entry in &ended.log {
        match &entry.event {
            Event::Asked { server, .. } => assert!(!net.contains(&server.addr), "{server} was asked"),
            Event::NotAsked { why, .. } => assert_eq!(*why, Avoided::Listed { net }),
            _ => {}
        }
    }
    // With loopback off not even the root can be asked.
    let mut world = calm();
    world.resolver.settings.avoid = Avoid { loopback: true, ..Avoid::default() };
    let ended = world.resolve(&www);
    assert_eq!(ended.budget.queries(), 0);
    assert!(ended.log.iter().any(|entry| matches!(entry.event, Event::NotAsked { why: Avoided::Loopback, .. })));
}

/// A server of example.com in the lab, one that is silent, and an address where nobody is.
const SERVER: [u8; 4] = [127, 53, 2, 1];
const SILENT: [u8; 4] = [127, 53, 3, 5];
const NOBODY: [u8; 4] = [127, 53, 99, 99];

fn routed(kind: RouteKind, zone: &str, server: [u8; 4], change: impl FnOnce(&mut Route)) -> World<'static> {
    let mut world = calm();
    let mut route = Route::new(kind, zone.parse().expect("a name"), &[(server.into(), None)]);
    change(&mut route);
    world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
    world
}

/// The same without validation, which asks the zones above as well.
fn unproved(kind: RouteKind, zone: &str, server: [u8; 4], change: impl FnOnce(&mut Route)) -> World<'static> {
    let mut world = routed(kind, zone, server, change);
    world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
    world
}

fn asked(ended: &Ended) -> Vec<(IpAddr, AskWhy)> {
    let each = ended.log.iter().filter_map(|entry| match &entry.event {
        Event::Asked { server, why, .. } => Some((server.addr, *why)),
        _ => None,
    });
    each.collect()
}

fn is_true(question: &Question, ended: &Ended) {
    assert_eq!(told(&ended.outcome), truth(question), "{:?}", ended.outcome.failure);
}

#[test]
fn a_forwarder_gets_the_whole_question_and_nobody_else_is_asked() {
    let mut world = unproved(RouteKind::Forward, "example.com.", SERVER, |_| ());
    for name in ["www.example.com.", "a.b.c.deep.example.com.", "nowhere.example.com."] {
        let question = question(name, RecordType::A);
        let ended = world.resolve(&question);
        is_true(&question, &ended);
        assert_eq!(asked(&ended), [(SERVER.into(), AskWhy::Forwarded)], "{name}");
        assert!(ended.log.iter().any(|entry| matches!(entry.event, Event::Routed { kind: RouteKind::Forward, .. })));
    }
    // An alias that leads out of the zone is followed from the root: the forwarder is not believed about it.
    let alias = question("alias.example.com.", RecordType::A);
    let ended = world.resolve(&alias);
    is_true(&alias, &ended);
    assert_eq!(asked(&ended).iter().filter(|(addr, _)| *addr == IpAddr::from(SERVER)).count(), 1);
    // A referral is no answer from somebody who was asked to do the looking up.
    let below = question("www.shop.example.com.", RecordType::A);
    let ended = world.resolve(&below);
    let failure = ended.outcome.failure.as_ref().expect("only a referral is to be had").to_string();
    assert!(failure.contains("is no forwarder"), "{failure}");
    assert_eq!(codes(&ended), [ede::NO_REACHABLE_AUTHORITY]);
}

#[test]
fn a_stub_zone_needs_no_root_and_what_it_delegates_is_followed() {
    for prime in [false, true] {
        let mut world = unproved(RouteKind::Stub, "example.com.", SERVER, |route| route.prime = prime);
        for name in ["www.example.com.", "www.shop.example.com.", "a.www.shop.example.com."] {
            let question = question(name, RecordType::A);
            let ended = world.resolve(&question);
            is_true(&question, &ended);
            let above =
                asked(&ended).into_iter().filter(|(addr, _)| matches!(addr, IpAddr::V4(v4) if v4.octets()[2] < 2));
            assert_eq!(above.collect::<Vec<_>>(), [], "{name}: no server of the root or of com is asked");
        }
        let primings = world.resolve(&question("mail.example.com.", RecordType::MX)).log;
        let again = primings.iter().any(|entry| matches!(entry.event, Event::Asked { why: AskWhy::Priming, .. }));
        assert!(!again, "the list of servers lasts");
        // DS lives above the cut (RFC 4035 §3.1.4.1), where the stub zone's servers have no say.
        let ds = question("example.com.", RecordType::DS);
        let ended = world.resolve(&ds);
        is_true(&ds, &ended);
        assert!(asked(&ended).iter().all(|(addr, _)| *addr != IpAddr::from(SERVER)));
    }
}

#[test]
fn servers_that_the_operator_names_fail_alone_unless_there_is_a_fallback() {
    let www = question("www.example.com.", RecordType::A);
    for kind in [RouteKind::Forward, RouteKind::Stub] {
        let mut world = unproved(kind, "example.com.", NOBODY, |_| ());
        let ended = world.resolve(&www);
        assert_eq!(codes(&ended)[0], ede::NO_REACHABLE_AUTHORITY);
        assert!(asked(&ended).iter().all(|(addr, _)| *addr == IpAddr::from(NOBODY)));
        let mut world = unproved(kind, "example.com.", NOBODY, |route| route.fallback = true);
        let ended = world.resolve(&www);
        is_true(&www, &ended);
        assert!(ended.log.iter().any(|entry| matches!(entry.event, Event::FellBack { .. })));
        assert!(asked(&ended).iter().any(|(_, why)| *why == AskWhy::Minimised), "the root sees no more than before");
    }
    // All of the Internet from one place, which is of no use.
    let mut world = unproved(RouteKind::Forward, ".", NOBODY, |_| ());
    assert!(world.resolve(&www).outcome.failure.is_some());
    // The operator's own servers may be on any address.
    let mut world = unproved(RouteKind::Stub, "example.com.", SERVER, |_| ());
    world.resolver.settings.avoid = Avoid { loopback: true, ..Avoid::default() };
    is_true(&www, &world.resolve(&www));
}

/// A packet that is lost is no reason to look a private name up in public; neither is a stub zone's own list of servers
/// that cannot be had. Only servers that are gone are, and then soon.
#[test]
fn a_stub_zone_falls_back_when_its_servers_are_gone() {
    let www = question("www.example.com.", RecordType::A);
    for prime in [false, true] {
        let with_fallback = |server| {
            unproved(RouteKind::Stub, "example.com.", server, |route| (route.prime, route.fallback) = (prime, true))
        };
        for seed in 0..50 {
            let routes = with_fallback(SERVER).resolver.settings.routes;
            let mut world = World::new(&LAB, seed, 0.0, 0.1);
            world.resolver.settings.routes = routes;
            let ended = world.resolve(&www);
            is_true(&www, &ended);
            assert!(!ended.log.iter().any(|entry| matches!(entry.event, Event::FellBack { .. })), "{}", story(&ended));
        }
        for (server, most) in [(SILENT, 4), (NOBODY, 1)] {
            let mut world = with_fallback(server);
            let ended = world.resolve(&www);
            is_true(&www, &ended);
            assert!(ended.took < Duration::from_secs(most), "{prime}, after {:?}:\n{}", ended.took, story(&ended));
            let list = question("example.com.", RecordType::NS);
            is_true(&list, &world.resolve(&list));
        }
        // Nor do several of them take all the queries that one zone may cost.
        let mut world = with_fallback(SILENT);
        world.resolver.settings.limits.queries_per_step = 8;
        let dead = [3, 5, 6].map(|last| ([127, 53, 3, last].into(), None));
        let route = Route::new(RouteKind::Stub, "example.com.".parse().expect("a name"), &dead);
        let route = Route { fallback: true, prime, ..route };
        world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
        is_true(&www, &world.resolve(&www));
    }
}

/// So it does when they have given the zone's own list before, with nobody else in it.
#[test]
fn a_stub_zone_falls_back_when_the_servers_that_it_has_listed_are_gone() {
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let glue = "ns1. 3600 A 192.0.2.1\nns6. 3600 A 192.0.2.6\n";
    let own = [5, 7, 8].map(|nth| format!("@ 3600 NS ns{nth}\nns{nth} 3600 A 192.0.2.{nth}\n")).concat();
    let zones = [
        (".", ", sign = {}", format!("{soa}@ 3600 NS ns1.\n{glue}corp. 3600 NS ns6.\n")),
        ("corp.", "", format!("{soa}{own}www 60 A 198.51.100.1\nftp 60 A 198.51.100.2\n")),
    ];
    let hosts = [1, 5, 6, 7, 8].map(|nth| (format!("host{nth}."), nth, vec![if nth == 1 { "." } else { "corp." }]));
    let lab = internet(&zones, &hosts);
    for (trouble, most_secs) in [(Trouble::Silent, 4), (Trouble::Refuses, 1)] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        let route = Route::new(RouteKind::Stub, "corp.".parse().expect("a name"), &[([192, 0, 2, 5].into(), None)]);
        world.resolver.settings.routes = Routes(vec![Arc::new(Route { prime: true, fallback: true, ..route })]);
        world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
        assert!(world.resolve(&question("www.corp.", RecordType::A)).outcome.failure.is_none());
        world.resolver.settings.limits.queries_per_step = 8;
        [5, 7, 8].into_iter().for_each(|nth| world.set_trouble([192, 0, 2, nth].into(), trouble));
        let ended = world.resolve(&question("ftp.corp.", RecordType::A));
        assert_eq!(ended.outcome.answer.len(), 1, "{}", story(&ended));
        assert!(ended.took < Duration::from_secs(most_secs), "after {:?}:\n{}", ended.took, story(&ended));
    }
}

#[test]
fn a_silent_forwarder_is_waited_for_longer_than_a_server_and_leaves_time_for_the_fallback() {
    let www = question("www.example.com.", RecordType::A);
    let mut world = unproved(RouteKind::Forward, "example.com.", SILENT, |_| ());
    let ended = world.resolve(&www);
    assert!(ended.outcome.failure.is_some() && ended.took > Duration::from_secs(4), "after {:?}", ended.took);
    let mut world = unproved(RouteKind::Forward, "example.com.", SILENT, |route| route.fallback = true);
    let ended = world.resolve(&www);
    is_true(&www, &ended);
    assert!(ended.took < Duration::from_secs(3), "after {:?}", ended.took);
}

/// A zone is what it is in the tree, whoever is asked about it: its keys are proved from the root.
#[test]
fn what_servers_named_by_the_operator_say_is_proved() {
    let www = question("www.example.com.", RecordType::A);
    for kind in [RouteKind::Forward, RouteKind::Stub] {
        for zone in ["example.com.", "www.example.com."] {
            let mut world = routed(kind, zone, SERVER, |_| ());
            let ended = world.resolve(&www);
            is_true(&www, &ended);
            assert!(ended.outcome.secure, "{kind} {zone}");
        }
        // With nobody to ask for the keys, nothing is taken for granted.
        let mut world = routed(kind, "example.com.", SERVER, |_| ());
        world.resolver.settings.avoid = Avoid { loopback: true, ..Avoid::default() };
        assert_eq!(codes(&world.resolve(&www))[0], ede::DNSKEY_MISSING);
    }
}

#[test]
fn forwarders_are_asked_for_recursion_and_servers_are_not() {
    let www = question("www.example.com.", RecordType::A);
    for (kind, is_forward) in [(RouteKind::Forward, true), (RouteKind::Stub, false)] {
        let world = routed(kind, "example.com.", SERVER, |_| ()).resolver;
        for (checked, cd) in [(true, !world.settings.proofs.anchors.is_empty()), (false, true)] {
            let walk = Walk::new(www.clone(), &world.settings, world.now);
            let mut walk = if checked { walk } else { walk.unchecked() };
            let mut around = Around {
                cache: &world.cache,
                servers: &world.servers,
                settings: &world.settings,
                dice: &mut Dice::seeded(1),
                unix_secs: 0,
            };
            let Step::Wait { asks, .. } = walk.step(world.now, None, &mut around) else { panic!("it has to ask") };
            let first = asks.iter().find(|ask| ask.question.name == www.name).expect("the question");
            // RFC 6840 §5.9: nobody else's check stands between the data and ours.
            assert_eq!((first.rd, first.cd), (is_forward, is_forward && cd), "{kind}, checked: {checked}");
        }
    }
}

/// Of a zone that the operator names and the world does not know nothing is proved, nor of those below it, so their
/// keys are not asked for. With a trust anchor they are, and while the question itself is under way.
#[test]
fn keys_of_a_zone_of_the_operators_are_asked_for_where_they_prove_something() {
    let sign = ", sign = {}";
    let (outer, inner) = ("s 3600 NS ns3.\nwww 60 A 192.0.2.80\n", "www 60 A 192.0.2.81\n");
    let lab = hosted(&[("priv.", sign, 2, outer), ("s.priv.", sign, 3, inner)], "");
    let keys = question("priv.", RecordType::DNSKEY);
    let zones = ["priv.", "s.priv."].map(|zone| zone.parse::<Name>().expect("a name"));
    for (zone, anchored) in zones.iter().flat_map(|zone| [(zone, false), (zone, true)]) {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        let route = Route::new(RouteKind::Stub, keys.name.clone(), &[([192, 0, 2, 2].into(), None)]);
        world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
        if anchored {
            for key in lab.truth(&keys).1.iter().flat_map(|set| set.rdatas.iter()).filter_map(Key::read) {
                world.resolver.settings.proofs.anchors.add(keys.name.clone(), Anchor::Key(key));
            }
        }
        // RFC 8198: what the root proves of names around it is nothing to it.
        assert!(world.resolve(&question("q.", RecordType::A)).outcome.secure);
        let asked = Question::new(zone.prepend(b"www").expect("a name"), RecordType::A);
        let ended = world.resolve(&asked);
        assert_eq!((ended.outcome.answer.len(), ended.outcome.secure), (1, anchored), "{asked}\n{}", story(&ended));
        let wanted = zones.iter().filter(|known| anchored && zone.is_within(known)).cloned().collect::<Vec<_>>();
        let of_ours: Vec<_> = keys_asked(&ended).into_iter().filter(|name| name.is_within(&keys.name)).collect();
        assert_eq!(of_ours, wanted, "{asked}\n{}", story(&ended));
        let heard = |event: &Event| matches!(event, Event::Heard { .. });
        let answered = ended.log.iter().rposition(|entry| entry.goal == GoalId(0) && heard(&entry.event));
        let is_ours =
            |event: &Event| matches!(event, Event::Goal { name, qtype: RecordType::DNSKEY, .. } if *name == keys.name);
        let fetched = ended.log.iter().position(|entry| is_ours(&entry.event));
        assert!(fetched.is_none() || fetched < answered, "{asked}\n{}", story(&ended));
    }
}
