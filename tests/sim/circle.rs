//! Small worlds of lame servers: what they cost others, and what nobody may make of what they say.

use std::net::IpAddr;

use rootwalk::trace::{Entry, Event};
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::{Name, Question, RecordType, ResponseCode};

use super::lame::{BY, By, Lame, Made, Says, To, When, Zone, addr, lab, world};
use super::resolver::Ended;
use super::trouble::name;
use super::world::World;
use super::{story, told, truth_in};

/// The servers of the root in the smaller worlds.
const ROOT: [u8; 2] = [1, 101];

/// z. on these servers of its own, all of which are lame in this way, or all but the last.
fn zone_z(servers: u8, records: &str, says: Says, when: When, is_last_right: bool) -> Made {
    let list = |hosts: &[u8], origin: &str| hosts.iter().map(|host| (format!("n{host}.{origin}"), *host)).collect();
    let own: Vec<(String, u8)> = list(&(2..2 + servers).collect::<Vec<_>>(), "z.");
    let glue = |servers: &[(String, u8)]| -> String {
        servers.iter().map(|(server, host)| format!("{server} 3600 A 192.0.2.{host}\n")).collect()
    };
    let cut: String = own.iter().map(|(server, _)| format!("z. 3600 NS {server}\n")).collect();
    let zone = |origin: &str, servers: &[(String, u8)], records: String| {
        let (servers, records) = (servers.to_vec(), glue(servers) + &records);
        Zone { origin: origin.to_owned(), is_signed: origin == ".", servers, records }
    };
    let victim = "victim. 3600 NS n99.victim.\nn99.victim. 3600 A 192.0.2.99\n";
    let zones = [
        zone(".", &list(&ROOT, ""), format!("{victim}{cut}{}", glue(&own))),
        zone("z.", &own, records.to_owned()),
        zone("victim.", &list(&[99], "victim."), String::new()),
    ];
    let named: Vec<(Name, IpAddr)> = own.iter().map(|(server, host)| (name(server), addr(*host))).collect();
    let lame = (0..named.len() - usize::from(is_last_right))
        .map(|own| (named[own].1, Lame { says, when, zone: name("z."), servers: named.clone(), own }));
    Made { lame: lame.collect(), lab: lab(&zones), asks: Vec::new() }
}

fn lame_world(made: &Made) -> World<'_> {
    let mut world = world(made, 1);
    made.lame.iter().for_each(|(addr, lame)| world.set_twist(*addr, lame.twist()));
    world
}

/// How many queries of a walk went to these servers.
fn asked(ended: &Ended, hosts: &[u8]) -> usize {
    let is_one = |at: &IpAddr| hosts.iter().any(|host| addr(*host) == *at);
    let is_it = |entry: &&Entry| matches!(&entry.event, Event::Asked { server, .. } if is_one(&server.addr));
    ended.log.iter().filter(is_it).count()
}

/// RFC 9156 §2.3: a name may have a hundred labels, and no more of them are asked for one by one because each is said
/// to be a zone, by all servers of the one above as long as they do not see the whole name, or by one of two.
#[test]
fn a_zone_made_of_each_part_of_a_name_is_seen_through() {
    for (labels, is_last_right) in [5, 17, 34, 100].into_iter().flat_map(|labels| [(labels, false), (labels, true)]) {
        let deep: String = (0..labels).map(|nth| format!("{}.", nth % 10)).collect();
        let when = if is_last_right { When::Always } else { When::UpTo(labels - 1) };
        for by in BY {
            let records = format!("{deep}z. 300 PTR z.\n");
            let made = zone_z(2, &records, Says::Refers(To::Asked, by), when, is_last_right);
            let mut world = lame_world(&made);
            let question = Question::new(name(&format!("{deep}z.")), RecordType::PTR);
            let ended = world.resolve(&question);
            let here = || format!("{labels} {is_last_right} {by:?}\n{}", story(&ended));
            assert_eq!(told(&ended.outcome), truth_in(&made.lab, &question), "{}", here());
            let most = world.resolver.settings.limits.minimise_count + 8;
            assert!(ended.budget.queries() <= most, "{}", here());
        }
    }
}

/// RFC 4035 §3.1.4: of two servers of a signed zone one knows a zone two steps below without the proof, which the one
/// between need not have, and the other one says without any that there is nothing: the first one knows more.
#[test]
fn who_knows_a_zone_cut_knows_more_than_who_knows_nothing() {
    let servers = |hosts: &[u8]| hosts.iter().map(|host| (format!("n{host}."), *host)).collect::<Vec<_>>();
    let glue: String = [1, 2, 3, 9].map(|host| format!("n{host}. 3600 A 192.0.2.{host}\n")).concat();
    let zones = [
        (".", true, [1, 1], format!("{glue}z. 3600 NS n2.\nz. 3600 NS n3.\n")),
        ("z.", true, [2, 3], "u 3600 NS n2.\nu 3600 NS n3.\n".to_owned()),
        ("u.z.", false, [2, 3], "c 3600 NS n9.\n".to_owned()),
        ("c.u.z.", false, [9, 9], "a.b.c.d 300 TXT x\n".to_owned()),
    ]
    .map(|(origin, is_signed, [first, second], records)| {
        let hosts = if first == second { vec![first] } else { vec![first, second] };
        Zone { origin: origin.to_owned(), is_signed, servers: servers(&hosts), records }
    });
    let lab = lab(&zones);
    let question = Question::new(name("a.b.c.d.c.u.z."), RecordType::TXT);
    let says = Says::Empty { aa: true };
    let lame = Lame { says, when: When::Always, zone: name("z."), servers: Vec::new(), own: 0 };
    for seed in 0..20 {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        world.set_twist(addr(2), lame.twist());
        if seed.is_multiple_of(2) {
            world.resolver.settings.minimisation = Minimisation::Off;
        }
        let ended = world.resolve(&question);
        assert_eq!(told(&ended.outcome), truth_in(&lab, &question), "world {seed}\n{}", story(&ended));
    }
}

/// What is of another class answers nothing, and denies nothing either: nobody is told, nor remembers, that there is no
/// such record.
#[test]
fn another_class_is_no_denial() {
    let question = Question::new(name("www.z."), RecordType::A);
    for (class, is_last_right) in [3, 4, 254, 255].into_iter().flat_map(|class| [(class, false), (class, true)]) {
        let made = zone_z(2, "www 300 A 198.51.100.1\n", Says::Class(class), When::Always, is_last_right);
        for seed in 0..8 {
            let mut world = lame_world(&made);
            world.set_weather(10 + seed, 0.0);
            let ended = world.resolve(&question);
            let right =
                if is_last_right { truth_in(&made.lab, &question) } else { (ResponseCode::ServFail, Vec::new()) };
            assert_eq!(told(&ended.outcome), right, "{class}\n{}", story(&ended));
            let known = world.resolver.cache.denial(&question.name, question.qtype, world.resolver.now);
            assert!(known.is_none(), "{class}\n{}", story(&ended));
        }
    }
}

/// RFC 4697 §2.1: where a zone's servers give no answer, those of the zone above, who are others, are not asked for
/// them once more.
#[test]
fn who_tells_of_others_is_spared() {
    for says in [Says::Code(5, true), Says::Code(2, true), Says::Refers(To::ItsZone, By::All), Says::Nothing] {
        let made = zone_z(2, "", says, When::Always, false);
        let mut world = lame_world(&made);
        let above: Vec<usize> = ["a.z.", "b.z.", "c.z."]
            .iter()
            .map(|asked_for| asked(&world.resolve(&Question::new(name(asked_for), RecordType::TXT)), &ROOT))
            .collect();
        assert_eq!(above, [3, 0, 0], "{says:?}: its list, its keys, and the referral");
    }
}

/// A zone that is said to be on the servers of the zone above, and is not there, costs these one question more, once in
/// five minutes.
#[test]
fn a_zone_that_leads_in_a_circle_is_looked_for_once() {
    let made = zone_z(2, "sub 3600 NS n2\nsub 3600 NS n3\n", Says::NoAa, When::Always, false);
    let mut world = lame_world(&made);
    let costs: Vec<usize> = (0..6)
        .map(|nth| {
            let ended = world.resolve(&Question::new(name(&format!("n{nth}.sub.z.")), RecordType::A));
            assert!(ended.outcome.failure.is_some(), "{}", story(&ended));
            world.resolver.now = world.resolver.now.plus_secs(20);
            asked(&ended, &[2, 3])
        })
        .collect();
    assert_eq!(costs, [6, 2, 2, 2, 2, 2], "a referral, two in vain and their addresses, and the other one's referral");
}

/// The servers of others that a referral names are looked for no more often because several say so, each of others.
#[test]
fn who_leads_in_a_circle_gets_no_more_looked_for() {
    let victims = |servers: u8| {
        let made = zone_z(servers, "", Says::Refers(To::Asked, By::Crowd), When::Always, false);
        let ended = lame_world(&made).resolve(&Question::new(name("www.a.z."), RecordType::A));
        assert!(ended.outcome.failure.is_some(), "{}", story(&ended));
        asked(&ended, &[99])
    };
    let alone = victims(1);
    for servers in 2..=9 {
        let looked_for = victims(servers);
        assert!(looked_for <= 2 * alone + 1, "{servers}: {looked_for} and {alone}");
    }
}
