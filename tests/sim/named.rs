//! Zones whose servers the operator names: forwarders that know zones above as well, or take CD for an offence, and
//! fallbacks.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rootwalk::lab::{Lab, Reaction};
use rootwalk::trace::{Entry, Event, RouteKind};
use rootwalk::walk::outcome::Failure;
use rootwalk::walk::{Route, Routes, Walk};
use rootwalk::wire::{Question, RecordType, Reply, ResponseCode};

use super::resolver::{Ended, listen, query_bytes};
use super::stale::{SIGNED, UNSIGNED};
use super::story;
use super::trouble::{Trouble, rewrite};
use super::world::{World, hosted, internet, one_server};
use super::{truth_in, worlds};

fn addr(host: u8) -> IpAddr {
    [192, 0, 2, host].into()
}

fn question(name: &str, qtype: RecordType) -> Question {
    Question::new(name.parse().expect("a name"), qtype)
}

/// A world in which the operator has named these hosts for a zone.
fn world<'l>(lab: &'l Lab, kind: RouteKind, zone: &str, hosts: &[u8], fallback: bool) -> World<'l> {
    let servers: Vec<_> = hosts.iter().map(|host| (addr(*host), None)).collect();
    let route = Route { fallback, ..Route::new(kind, zone.parse().expect("a name"), &servers) };
    let mut world = World::new(lab, 1, 0.0, 0.0).with_even_paths();
    world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
    world
}

/// A forward zone need not be one that has servers: what is denied there is denied by a zone above, with its SOA record
/// and its proof, and so is what a wildcard stands before.
#[test]
fn what_a_forwarder_denies_is_denied_by_the_zone_that_has_the_name() {
    for sign in [UNSIGNED, SIGNED, ", sign = { denial = \"nsec3\" }"] {
        let records = "www.b 60 A 198.51.100.1\n*.w.b 60 A 198.51.100.2\na 60 A 198.51.100.3\nz 60 A 198.51.100.3\n";
        let lab = one_server(&[("example.", sign, records)]);
        for (name, qtype, answers) in [
            ("none.b.example.", RecordType::A, 0),
            ("www.b.example.", RecordType::TXT, 0),
            ("x.w.b.example.", RecordType::A, 1),
            ("b.example.", RecordType::A, 0),
        ] {
            let (mut here, mut direct) = (
                world(&lab, RouteKind::Forward, "b.example.", &[1], false),
                world(&lab, RouteKind::Forward, "other.", &[1], false),
            );
            let asked = question(name, qtype);
            let [here_first, direct_first] = [&mut here, &mut direct].map(|world| world.resolve(&asked));
            let told = |ended: &Ended| {
                let soa = ended.outcome.authority.iter().find(|set| set.rtype == RecordType::SOA);
                let soa = soa.map(|soa| (soa.owner.clone(), soa.ttl_secs));
                (ended.outcome.rcode, ended.outcome.answer.len(), soa, ended.outcome.secure)
            };
            let shown = || format!("{sign} {name}\n{}{}", story(&here_first), story(&direct_first));
            assert_eq!(told(&here_first).1, answers, "{}", shown());
            assert_eq!(told(&here_first), told(&direct_first), "{}", shown());
            // And is known from then on.
            here.silence();
            let again = here.resolve(&asked);
            assert_eq!(
                (told(&again).0, told(&again).3),
                (told(&direct_first).0, told(&direct_first).3),
                "{}",
                story(&again)
            );
        }
    }
}

/// RFC 6840 §5.9 has CD set towards forwarders. One that fails at that, or by then knows servers that are bogus alone,
/// has a second chance without, in which it may look further.
#[test]
fn a_forwarder_that_fails_with_cd_is_asked_without() {
    let lab = one_server(&[("z.", "", "www 60 A 198.51.100.1\n")]);
    for always in [true, false] {
        let mut world = world(&lab, RouteKind::Forward, "z.", &[1], false);
        let walk = Walk::new(question("www.z.", RecordType::A), &world.resolver.settings, world.resolver.now);
        let ended = world.resolver.finish(walk, |ask, _| {
            let reaction = lab.authority().react(ask.server.ip(), ask.transport, &query_bytes(ask, 1), 0);
            let Some(Reaction::Packets(mut packets)) = reaction else { panic!("it is there") };
            if ask.rd && (ask.cd || always) {
                let refuse = |reply: &mut Reply| (reply.rcode, reply.answer) = (ResponseCode::ServFail, Vec::new());
                packets.iter_mut().for_each(|packet| rewrite(packet, refuse));
            }
            listen(ask, 1, packets, Duration::from_millis(10))
        });
        assert_eq!(ended.outcome.failure.is_some(), always, "{}", story(&ended));
        assert!(ended.budget.queries() < 6, "{}", story(&ended));
    }
}

/// Who cannot reach the root either has to know that it is the operator's forwarders that are dead.
#[test]
fn a_fallback_that_fails_names_those_who_were_asked_before_it() {
    let lab = hosted(&[("z.", "", 2, "www 60 A 198.51.100.1\n")], "z. 3600 NS ns2.\n");
    for (kind, zone) in [RouteKind::Forward, RouteKind::Stub].into_iter().flat_map(|kind| [(kind, "."), (kind, "z.")]) {
        let mut world = world(&lab, kind, zone, &[77], true);
        world.silence();
        let asked = question("www.z.", RecordType::A);
        for nth in 0..2 {
            let ended = world.resolve(&asked);
            let edes: Vec<String> = ended.outcome.edes().iter().map(ToString::to_string).collect();
            for server in ["192.0.2.77 ", "ns1. (192.0.2.1)"] {
                assert!(
                    edes.iter().any(|ede| ede.contains(server)),
                    "{kind:?} {zone} {nth} {edes:?}\n{}",
                    story(&ended)
                );
            }
        }
    }
}

/// Clients get the fallback's answer in time, however many servers are dead; and whoever is alive has a second try.
#[test]
fn a_fallback_comes_before_clients_give_up_and_not_after_one_lost_packet() {
    const DEAD: u8 = 70;
    let lab = hosted(&[("z.", "", 2, "www 60 A 198.51.100.1\nw 60 A 198.51.100.1\n")], "z. 3600 NS ns2.\n");
    let www = question("www.z.", RecordType::A);
    let has_fallen = |ended: &Ended| ended.log.iter().any(|entry| matches!(entry.event, Event::FellBack { .. }));
    for (count, prime) in (1..=8).flat_map(|count| [(count, false), (count, true)]) {
        let dead: Vec<u8> = (DEAD..DEAD + count).collect();
        for (kind, alive) in [(RouteKind::Stub, false), (RouteKind::Stub, true), (RouteKind::Forward, false)] {
            // The one that is alive may be any of them.
            let hosts = if alive { [&dead[1..], &[2]].concat() } else { dead.clone() };
            let mut world = world(&lab, kind, "z.", &hosts, true);
            let route = Route { prime, ..(*world.resolver.settings.routes.0[0]).clone() };
            world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
            let mut lost = false;
            let ended = world.resolve_through(&www, |ask| {
                let is_stub = ask.server.ip() == addr(2);
                let passes = ask.server.ip() < addr(DEAD) && (!alive || !is_stub || lost);
                lost |= is_stub;
                passes
            });
            let told = || format!("{count} {kind:?} {alive} {prime} {:?}\n{}", ended.took, story(&ended));
            assert!(ended.outcome.failure.is_none() && has_fallen(&ended) != alive, "{}", told());
            let most_ms = match kind {
                RouteKind::Forward => 3_100,
                _ if prime => 3_300,
                _ => 2_100,
            };
            assert!(ended.took <= Duration::from_millis(most_ms), "{}", told());
            let asked = |host: u8| {
                let of_host = |entry: &&Entry| match &entry.event {
                    Event::Asked { server, .. } => server.addr == addr(host),
                    _ => false,
                };
                ended.log.iter().filter(of_host).count()
            };
            assert!(kind == RouteKind::Forward || alive || dead.iter().all(|host| asked(*host) > 1), "{}", told());
        }
    }
}

/// A list that a stub zone has given of itself may have more addresses than are asked: at the limit of queries the
/// fallback comes, as it does where nobody is left.
#[test]
fn a_fallback_comes_at_the_limit_of_queries_to_one_zone() {
    let head = "@ 3600 SOA h. a. 1 1 1 1 60\n".to_owned();
    let glue: String = (1..=3).map(|host| format!("ns{host}. 3600 A 192.0.2.{host}\n")).collect();
    for count in 1..=13 {
        let list = (1..=count).map(|nth| {
            let [first, second] = [100 + 2 * nth, 101 + 2 * nth].map(|host| format!("m{nth} 3600 A 192.0.2.{host}\n"));
            format!("@ 3600 NS m{nth}\n{first}{second}")
        });
        let zone = format!("{head}{}www 60 A 198.51.100.1\n", list.collect::<String>());
        let root = format!("{head}@ 3600 NS ns1.\n{glue}z. 3600 NS ns2.\n");
        let lab = internet(
            &[(".", SIGNED, root), ("z.", UNSIGNED, zone)],
            &[("ns1.", 1, vec!["."]), ("ns2.", 2, vec!["z."]), ("ns3.", 3, vec!["z."])],
        );
        let mut world = world(&lab, RouteKind::Stub, "z.", &[3], true);
        let route = Route { prime: true, ..(*world.resolver.settings.routes.0[0]).clone() };
        world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
        let ended = world.resolve_through(&question("www.z.", RecordType::A), |ask| {
            ask.server.ip() < addr(3) || ask.question.qtype == RecordType::NS
        });
        let told = || format!("{count} {:?}\n{}", ended.took, story(&ended));
        assert!(ended.outcome.failure.is_none() && ended.took <= Duration::from_millis(4_500), "{}", told());
        let is_limit = |entry: &Entry| matches!(entry.event, Event::LimitReached { .. });
        assert_eq!(ended.log.iter().any(is_limit), count >= 8, "{}", told());
    }
}

/// One of two servers, both known, fails at once, and the other falls silent: clients, who wait for five seconds, learn
/// that, be they named or found, and a fallback has the answer before.
#[test]
fn where_one_fails_and_the_other_is_silent_clients_learn_it_in_time() {
    let root = "z. 3600 NS ns4.\nr. 3600 NS ns2.\nr. 3600 NS ns3.\n";
    let glue: String = (1..=4).map(|host| format!("ns{host}. 3600 A 192.0.2.{host}\n")).collect();
    let zone = |ns: &str| format!("@ 3600 SOA h. a. 1 1 1 1 60\n@ 3600 NS {ns}\n");
    let both = zone("ns2.") + "@ 3600 NS ns3.\n*.w 60 A 198.51.100.1\n";
    let lab = internet(
        &[(".", SIGNED, zone("ns1.") + &glue + root), ("z.", UNSIGNED, both.clone()), ("r.", UNSIGNED, both)],
        &[
            ("ns1.", 1, vec!["."]),
            ("ns2.", 2, vec!["z.", "r."]),
            ("ns3.", 3, vec!["z.", "r."]),
            ("ns4.", 4, vec!["z."]),
        ],
    );
    let ways =
        [("r.", false, false), ("z.", false, false), ("z.", false, true), ("z.", true, false), ("z.", true, true)];
    for ((place, fallback, prime), trouble) in
        ways.into_iter().flat_map(|way| [Trouble::Fails, Trouble::Refuses].map(|trouble| (way, trouble)))
    {
        for seed in 0..8 {
            let servers = [2, 3].map(|host| (addr(host), None));
            let route =
                Route { fallback, prime, ..Route::new(RouteKind::Stub, "z.".parse().expect("a name"), &servers) };
            let mut world = World::new(&lab, seed, 0.0, 0.0).with_even_paths();
            world.set_weather(150, 0.0);
            world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
            for nth in 0..6 {
                world.resolve(&question(&format!("k{nth}.w.{place}"), RecordType::A));
            }
            world.set_trouble(addr(2), trouble);
            world.set_trouble(addr(3), Trouble::Silent);
            let ended = world.resolve(&question(&format!("n.w.{place}"), RecordType::A));
            let told = || format!("{place} {fallback} {prime} {:?}\n{}", ended.took, story(&ended));
            // With `prime` they are asked twice.
            let most_ms = if fallback { 3_600 } else { 4_500 } + if prime { 1_000 } else { 0 };
            assert_eq!(ended.outcome.failure.is_some(), !fallback, "{}", told());
            assert!(ended.took <= Duration::from_millis(most_ms), "{}", told());
        }
    }
}

/// In worlds by chance, with loss: what is said is so, and where one of those who are named is alive, or there is a
/// fallback, there is an answer.
#[test]
fn whoever_is_named_what_is_said_is_true() {
    let head = |ns: &str| format!("@ 3600 SOA h. a. 1 1 1 1 60\n@ 3600 NS {ns}\n");
    let glue: String = (1..=5).map(|host| format!("ns{host}. 3600 A 192.0.2.{host}\n")).collect();
    let labs = [UNSIGNED, SIGNED, ", sign = { denial = \"nsec3\" }"].map(|sign| {
        let example = "sub 3600 NS ns5.\nwww.b 60 A 198.51.100.1\n*.w.b 60 A 198.51.100.2\nc.b 60 CNAME www.sub\n";
        let zones = [
            (".", SIGNED, head("ns1.") + &glue + "example. 3600 NS ns5.\n"),
            ("example.", sign, head("ns5.") + example),
            ("sub.example.", sign, head("ns5.") + "www 60 A 198.51.100.3\n"),
        ];
        let servers: Vec<_> =
            (2..=5_u8).map(|host| (format!("ns{host}."), host, vec!["example.", "sub.example."])).collect();
        let root = ("ns1.".to_owned(), 1, vec!["."]);
        internet(&zones, &[vec![root], servers].concat())
    });
    super::each(&worlds(400), |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let lab = &labs[rng.random_range(0..3)];
        let kind = if rng.random() { RouteKind::Forward } else { RouteKind::Stub };
        let zones = ["example.", "b.example.", "sub.example."];
        let zone = zones[rng.random_range(0..if kind == RouteKind::Stub { 1 } else { 3 })];
        let (fallback, prime): (bool, bool) = (rng.random(), kind == RouteKind::Stub && rng.random());
        let hosts = &[[2, 3, 4], [3, 4, 2], [4, 2, 3]][rng.random_range(0..3)][..rng.random_range(1..=3)];
        let mut world = world(lab, kind, zone, hosts, fallback);
        let route = Route { prime, ..(*world.resolver.settings.routes.0[0]).clone() };
        world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
        let loss = [0.0, 0.0, 0.1, 0.3][rng.random_range(0..4)];
        world.set_weather([5, 40, 150][rng.random_range(0..3)], loss);
        let mut story = vec![format!("{kind:?} {zone} {hosts:?} fallback {fallback} prime {prime} loss {loss}")];
        for _ in 0..10 {
            let troubles = [Trouble::None, Trouble::None, Trouble::Silent, Trouble::Fails, Trouble::Refuses];
            let mut works = false;
            for host in hosts {
                let trouble = troubles[rng.random_range(0..troubles.len())];
                world.set_trouble(addr(*host), trouble);
                works |= trouble == Trouble::None;
                story.push(format!("{host} {trouble:?}"));
            }
            let names = ["www.b", "none.b", "x.w.b", "y.w.b", "c.b", "www.sub", "none.sub", "b"];
            let (name, qtypes) = (names[rng.random_range(0..names.len())], [RecordType::A, RecordType::TXT]);
            let asked = question(&format!("{name}.example."), qtypes[rng.random_range(0..2)]);
            let ended = world.resolve(&asked);
            story.push(format!("{asked} {:?} {}", ended.took, ended.outcome.rcode));
            let told = || format!("{}\n{}", story.join("\n"), super::story(&ended));
            let in_time = Duration::from_millis(4_600);
            assert!(!fallback || loss > 0.0 || ended.took <= in_time, "too late\n{}", told());
            match ended.outcome.failure {
                Some(Failure::Remembered { .. }) => {}
                None => assert_eq!(super::told(&ended.outcome), truth_in(lab, &asked), "{}", told()),
                Some(_) => assert!(loss > 0.0 || !works && !fallback, "{}", told()),
            }
            let has_fallen = ended.log.iter().any(|entry| matches!(entry.event, Event::FellBack { .. }));
            assert!(!has_fallen || !works || loss > 0.0, "fell back\n{}", told());
            // Nobody rests any more.
            world.resolver.now = world.resolver.now.plus_secs([20, 70, 1_000][rng.random_range(0..3)]);
        }
    });
}
