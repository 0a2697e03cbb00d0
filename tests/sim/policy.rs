//! What the operator decides: where not to ask, and which addresses no name may have.

use rootwalk::trace::{Avoided, Event};
use rootwalk::walk::{Avoid, Private};
use rootwalk::wire::{Question, RecordType, ResponseCode, ede};

use super::world::{Ended, World};
use super::{LAB, truth};

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
    world.settings.private = Private { nets: nets.to_vec(), domains: Vec::new() };
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
    world.settings.private.nets = vec!["192.168.0.0/16".parse().expect("a net")];
    let part = world.resolve(&rebind).outcome;
    assert_eq!((part.answer[0].rdatas.len(), part.answer[0].sigs.len()), (1, 0));
    // Other names of the lab are not concerned, and a private domain may have such addresses.
    let www = question("www.example.com.", RecordType::A);
    assert_eq!(codes(&world.resolve(&www)), [0; 0]);
    world.settings.private.domains = vec!["rebind.lab.".parse().expect("a name")];
    let allowed = world.resolve(&rebind);
    assert_eq!((allowed.outcome.answer[0].rdatas.len(), codes(&allowed).len()), (2, 0));
}

#[test]
fn servers_at_avoided_addresses_are_not_asked_and_named() {
    let www = question("www.example.com.", RecordType::A);
    let listed = |world: &World<'_>| world.settings.avoid.nets.clone();
    let mut world = calm();
    world.settings.avoid = Avoid { nets: vec!["127.53.2.0/24".parse().expect("a net")], ..Avoid::default() };
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
    world.settings.avoid = Avoid { loopback: true, ..Avoid::default() };
    let ended = world.resolve(&www);
    assert_eq!(ended.budget.queries(), 0);
    assert!(ended.log.iter().any(|entry| matches!(entry.event, Event::NotAsked { why: Avoided::Loopback, .. })));
}
