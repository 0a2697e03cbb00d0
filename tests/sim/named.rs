//! Zones whose servers the operator names: forwarders that know zones above as well, or take CD for an offence.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rootwalk::lab::{Lab, Reaction};
use rootwalk::trace::RouteKind;
use rootwalk::walk::{Route, Routes, Walk};
use rootwalk::wire::{Question, RecordType, Reply, ResponseCode};

use super::resolver::{Ended, listen, query_bytes};
use super::stale::{SIGNED, UNSIGNED};
use super::story;
use super::trouble::rewrite;
use super::world::{World, one_server};

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
