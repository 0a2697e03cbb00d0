//! Forwarders that are silent, slow, or answer over TCP alone: one, two and three of them.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rootwalk::lab::{Lab, Reaction};
use rootwalk::trace::{Event, RouteKind, Transport};
use rootwalk::walk::{Route, Routes, Walk};
use rootwalk::wire::{Question, RecordType, Reply, ResponseCode};

use super::patience::eight_servers;
use super::resolver::{Ended, Resolver, listen, query_bytes, settings};
use super::stale::{SIGNED, UNSIGNED};
use super::story;
use super::trouble::{Forgery, rewrite};
use super::world::{World, hosted, internet, one_server};

/// What a forwarder is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Silent,
    /// It takes so many milliseconds: it looks the name up itself.
    Slow(u64),
    /// Nothing comes over UDP.
    TcpAlone,
    /// The same, and it is slow.
    SlowOverTcp(u64),
    /// Nothing comes over TCP, and over UDP it is slow.
    SlowOverUdp(u64),
    /// The same, and that is known.
    SlowUdpOnly(u64),
}

use Kind::{Silent, Slow, SlowOverTcp, SlowOverUdp, SlowUdpOnly, TcpAlone};

/// Before clients give up, which they do after 5 s.
const IN_TIME: Duration = Duration::from_millis(4500);

/// A world in which the questions for a zone go to forwarders.
fn world(count: usize, fallback: bool, seed: u64) -> World<'static> {
    static SERVERS: LazyLock<Lab> = LazyLock::new(eight_servers);
    let mut world = World::new(&SERVERS, seed, 0.0, 0.0);
    world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
    world.set_weather(20, 0.0);
    let addrs: Vec<_> = (0..count).map(|nth| (addr(nth), None)).collect();
    let mut route = Route::new(RouteKind::Forward, "zone.".parse().expect("a name"), &addrs);
    route.fallback = fallback;
    world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
    world
}

fn addr(nth: usize) -> IpAddr {
    [192, 0, 2, u8::try_from(nth + 1).expect("few")].into()
}

/// Asks forwarders of these kinds about a name.
fn resolve(world: &mut World<'_>, kinds: &[Kind], name: &str) -> Ended {
    for (nth, kind) in kinds.iter().enumerate() {
        match kind {
            Slow(rtt_ms) | SlowOverUdp(rtt_ms) | SlowUdpOnly(rtt_ms) => world.slow(&[addr(nth)], *rtt_ms),
            // The handshake takes a round trip of its own.
            SlowOverTcp(rtt_ms) => world.slow(&[addr(nth)], rtt_ms / 2),
            Silent | TcpAlone => {}
        }
        if matches!(kind, SlowUdpOnly(_)) {
            world.resolver.servers.tcp_broken(addr(nth), world.resolver.now);
        }
    }
    world.resolve_through(&Question::new(name.parse().expect("a name"), RecordType::A), |ask| {
        match (0..kinds.len()).find(|nth| addr(*nth) == ask.server.ip()).map(|nth| kinds[nth]) {
            // What it is asked in a fallback is asked of it as a server of the zone.
            Some(Silent) => !ask.rd,
            Some(TcpAlone | SlowOverTcp(_)) => ask.transport == Transport::Tcp,
            Some(SlowOverUdp(_) | SlowUdpOnly(_)) => ask.transport == Transport::Udp,
            Some(Slow(_)) | None => true,
        }
    })
}

/// Questions to forwarders, which `then` are of another kind, one after the other: so many before that and after it.
fn ask((kinds, then): (&[Kind], &[Kind]), fallback: bool, seed: u64, questions: usize) -> Vec<Ended> {
    let mut world = world(kinds.len(), fallback, seed);
    let mut ended = Vec::new();
    for nth in 0..2 * questions {
        let kinds = if nth < questions { kinds } else { then };
        ended.push(resolve(&mut world, kinds, &format!("n{nth}.w.zone.")));
        // Long enough that no failure is remembered, and nobody rests.
        world.resolver.now = world.resolver.now + Duration::from_secs(if nth % 2 == 0 { 1 } else { 20 });
    }
    ended
}

fn each(most: usize, with: &[Kind]) -> Vec<Vec<Kind>> {
    (0..most).fold(vec![Vec::new()], |lists, _| {
        lists.iter().flat_map(|list| with.iter().map(|kind| [&list[..], &[*kind]].concat())).collect()
    })
}

/// Clients learn why there is no answer, and not that there is nobody: each forwarder was asked over UDP and TCP by
/// then.
#[test]
fn silent_forwarders_are_given_up_before_clients_give_up() {
    for (count, seed) in [1, 2, 3].into_iter().flat_map(|count| (0..20).map(move |seed| (count, seed))) {
        let silent = vec![Silent; count];
        for (nth, ended) in ask((&silent, &silent), false, seed, 3).iter().enumerate() {
            let told = || format!("{count} forwarders, question {nth} after {:?}\n{}", ended.took, story(ended));
            assert!(ended.outcome.failure.is_some() && ended.took <= IN_TIME, "{}", told());
            let over = |transport: Transport| {
                let asked = ended.log.iter().filter_map(|entry| match &entry.event {
                    Event::Asked { server, transport: over, .. } if *over == transport => Some(server.addr),
                    _ => None,
                });
                asked.collect::<std::collections::BTreeSet<_>>().len()
            };
            assert!(nth > 0 || over(Transport::Udp) == count && over(Transport::Tcp) == count, "{}", told());
        }
        for kind in [Slow(20), Slow(500), Slow(1_700), Slow(3_000), TcpAlone, SlowOverTcp(1_500)] {
            for ended in &ask((&vec![kind; count], &silent), false, seed, 3)[3..] {
                let told = || format!("{count} times {kind:?} before, after {:?}\n{}", ended.took, story(ended));
                assert!(ended.outcome.failure.is_some() && ended.took <= IN_TIME, "{}", told());
            }
        }
        let ended = &ask((&silent, &silent), true, seed, 1)[0];
        assert!(ended.outcome.failure.is_none() && ended.took < IN_TIME, "{:?}\n{}", ended.took, story(ended));
    }
}

/// That another one is asked, or it once more, does not mean that it is not listened to.
#[test]
fn the_one_forwarder_that_works_is_used() {
    let works = |kind: &Kind| *kind != Silent;
    let all = [Silent, Slow(1_000), Slow(1_700), Slow(3_000), TcpAlone, SlowOverTcp(1_500)];
    for kinds in [1, 2, 3].into_iter().flat_map(|count| each(count, &all)).filter(|kinds| kinds.iter().any(works)) {
        for seed in 0..4 {
            for (nth, ended) in ask((&kinds, &kinds), false, seed, 3).iter().enumerate() {
                let told = || format!("{kinds:?}, question {nth} after {:?}\n{}", ended.took, story(ended));
                assert!(ended.outcome.failure.is_none() && ended.took <= IN_TIME, "{}", told());
                if let ([Slow(rtt_ms)], 0) = (&kinds[..], nth) {
                    assert_eq!(ended.took, Duration::from_millis(*rtt_ms), "{}", told());
                }
            }
        }
    }
}

/// That it answers others meanwhile from what it knows says nothing of how long it takes to look this name up.
#[test]
fn a_forwarder_that_answers_others_meanwhile_is_waited_for() {
    for (rtt_ms, talks) in [2_900, 3_100, 3_500, 4_200, 4_400].into_iter().flat_map(|ms| [(ms, true), (ms, false)]) {
        for (kind, count) in [Slow, SlowOverUdp, SlowUdpOnly].into_iter().flat_map(|kind| [(kind, 1), (kind, 2)]) {
            let (kinds, mut world) = (vec![kind(rtt_ms); count], world(count, false, rtt_ms));
            world.resolver.talk.extend((0..count).filter(|_| talks).map(addr));
            for nth in 0..8 {
                let ended = resolve(&mut world, &kinds, &format!("n{nth}.w.zone."));
                let told = || format!("{kinds:?}, question {nth} after {:?}\n{}", ended.took, story(&ended));
                assert!(ended.outcome.failure.is_none(), "{}", told());
                assert!(ended.took <= Duration::from_millis(rtt_ms), "{}", told());
            }
            // Nor does it that one name is never found.
            let ended = resolve(&mut world, &vec![SlowUdpOnly(6_000); count], "never.w.zone.");
            assert!(ended.outcome.failure.is_some() && ended.took <= IN_TIME, "{:?}\n{}", ended.took, story(&ended));
            world.resolver.talk.retain(|_| false);
            let ended = resolve(&mut world, &kinds, "last.w.zone.");
            assert!(ended.outcome.failure.is_none() || !talks, "{kinds:?} after {:?}\n{}", ended.took, story(&ended));
        }
    }
}

/// Nor is who was silent to one name, and was asked nothing else since: that one may have been hard to find.
#[test]
fn after_a_name_that_is_not_found_the_next_one_is_waited_for() {
    for (rtt_ms, count) in [1_600, 2_500, 3_500, 4_200].into_iter().flat_map(|ms| [(ms, 1), (ms, 2)]) {
        for kind in [Slow, SlowOverUdp, SlowUdpOnly] {
            let mut world = world(count, false, rtt_ms);
            resolve(&mut world, &vec![Slow(20); count], "first.w.zone.");
            assert!(resolve(&mut world, &vec![Silent; count], "never.w.zone.").outcome.failure.is_some());
            let ended = resolve(&mut world, &vec![kind(rtt_ms); count], "next.w.zone.");
            let took = ended.took;
            assert!(ended.outcome.failure.is_none(), "{:?} after {took:?}\n{}", kind(rtt_ms), story(&ended));
            assert!(took <= Duration::from_millis(rtt_ms), "{:?} after {took:?}\n{}", kind(rtt_ms), story(&ended));
        }
    }
}

/// Who takes long, as is known, has its time also for what is asked late: an alias leads to an alias.
#[test]
fn a_forwarder_known_to_be_slow_is_not_given_up_before_its_reply() {
    for (rtt_ms, before) in [1_000, 1_200, 1_600, 2_000, 2_300].into_iter().flat_map(|ms| [(ms, 0), (ms, 2), (ms, 30)])
    {
        // Of two, both have to be known.
        let two = (before > 2).then(|| vec![Slow(rtt_ms); 2]);
        for kinds in [vec![Slow(rtt_ms)], vec![SlowUdpOnly(rtt_ms)]].into_iter().chain(two) {
            let mut world = world(kinds.len(), false, rtt_ms + before);
            for nth in 0..before {
                resolve(&mut world, &kinds, &format!("n{nth}.w.zone."));
            }
            let ended = resolve(&mut world, &kinds, "a.zone.");
            let told = || format!("{kinds:?}, {before} before, after {:?}\n{}", ended.took, story(&ended));
            assert!(ended.outcome.failure.is_none(), "{}", told());
            assert_eq!(ended.took, Duration::from_millis(3 * rtt_ms), "{}", told());
        }
    }
}

/// Where servers are is believed for all zones when referrals to two zones agree on it; but not on the word of servers
/// that the operator has named for one zone.
#[test]
fn what_a_stub_zone_says_of_servers_is_for_that_zone() {
    let zone = "sub1 3600 NS ns.hoster\nsub2 3600 NS ns.hoster\nns.hoster 3600 A 192.0.2.3\n";
    let lab = hosted(
        &[("zone.", "", 2, zone), ("sub1.zone.", "", 3, "@ A 192.0.2.9\n"), ("sub2.zone.", "", 3, "@ A 192.0.2.9\n")],
        "zone. 3600 NS ns2.\n",
    );
    for is_stub in [false, true] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
        let named = [(IpAddr::from([192, 0, 2, 2]), None)];
        let route = Route::new(RouteKind::Stub, "zone.".parse().expect("a name"), &named);
        world.resolver.settings.routes = Routes(is_stub.then(|| Arc::new(route)).into_iter().collect());
        for name in ["sub1.zone.", "sub2.zone."] {
            let ended = world.resolve(&Question::new(name.parse().expect("a name"), RecordType::A));
            assert!(ended.outcome.failure.is_none(), "{}", story(&ended));
        }
        let server = "ns.hoster.zone.".parse().expect("a name");
        let believed = world.resolver.cache.glue(&server, world.resolver.now);
        assert_eq!(believed.is_empty(), is_stub, "{believed:?}");
    }
}

/// Where nothing is validated here, a forwarder may do it for all: what it lets through for one who sets CD would be
/// known to the others, and what it keeps from those, to that one.
#[test]
fn what_a_forwarder_checks_is_checked_for_all_where_nobody_does_it_here() {
    let lab = one_server(&[("z.", "", "www 60 A 198.51.100.1\n")]);
    let question = Question::new("www.z.".parse().expect("a name"), RecordType::A);
    for order in [[true, false], [false, true]] {
        let mut resolver = Resolver::new(settings(lab.root_hints(), 53), 1);
        let route = Route::new(RouteKind::Forward, "z.".parse().expect("a name"), &[(addr(0), None)]);
        resolver.settings.routes = Routes(vec![Arc::new(route)]);
        for is_checked in order {
            let walk = Walk::new(question.clone(), &resolver.settings, resolver.now);
            let walk = if is_checked { walk } else { walk.unchecked() };
            let ended = resolver.finish(walk, |ask, _| {
                let reaction = lab.authority().react(ask.server.ip(), ask.transport, &query_bytes(ask, 1), 0);
                let Some(Reaction::Packets(mut packets)) = reaction else { panic!("it is there") };
                if !ask.cd {
                    let refuse = |reply: &mut Reply| (reply.rcode, reply.answer) = (ResponseCode::ServFail, Vec::new());
                    packets.iter_mut().for_each(|packet| rewrite(packet, refuse));
                }
                listen(ask, 1, packets, Duration::from_millis(10))
            });
            assert!(ended.outcome.failure.is_some(), "{order:?} {is_checked}\n{}", story(&ended));
        }
    }
}

/// A forwarder that passes no signatures on hides that a zone below its own is not signed: another one has the proof,
/// and what is in that zone is not bogus. It is for another zone that it was asked, not for its own.
#[test]
fn another_forwarder_is_asked_for_the_proof_that_one_hides() {
    let head = "@ 3600 SOA h. a. 1 1 1 1 60\n@ 3600 NS ns1.root.\n";
    let glue = "ns1.root. 3600 A 192.0.2.1\nzone. 3600 NS ns1.root.\n";
    let zones = [
        (".", SIGNED, format!("{head}{glue}")),
        ("zone.", SIGNED, format!("{head}www 60 A 198.51.100.2\nu 3600 NS ns1.root.\n")),
        ("u.zone.", UNSIGNED, format!("{head}www 60 A 198.51.100.1\n")),
    ];
    let all = || zones.iter().map(|(zone, ..)| *zone).collect();
    let lab = internet(&zones, &[("ns1.root.", 1, all()), ("ns2.root.", 2, all()), ("ns3.root.", 3, all())]);
    let forwarders = [2, 3].map(|nth: u8| (IpAddr::from([192, 0, 2, nth]), None));
    for (seed, forgery) in (0..16).flat_map(|seed| [Forgery::NoSignatures, Forgery::NoProofs].map(|how| (seed, how))) {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        let route = Route::new(RouteKind::Forward, "zone.".parse().expect("a name"), &forwarders);
        world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
        world.set_forger(forwarders[1].0, forgery);
        for name in ["www.u.zone.", "www.zone.", "x.u.zone."] {
            let ended = world.resolve(&Question::new(name.parse().expect("a name"), RecordType::A));
            assert!(ended.outcome.failure.is_none(), "{seed} {forgery:?}\n{}", story(&ended));
            assert_eq!(ended.outcome.secure, name == "www.zone.", "{seed} {forgery:?}\n{}", story(&ended));
        }
    }
}
