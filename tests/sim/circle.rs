//! Small worlds of lame servers: what they cost others, and what nobody may make of what they say.

use std::net::IpAddr;
use std::sync::Arc;

use rootwalk::lab::{Lab, Packet};
use rootwalk::trace::{Entry, Event, RouteKind, ServerAt, Wrong};
use rootwalk::walk::ask::Ask;
use rootwalk::walk::minimise::Minimisation;
use rootwalk::walk::outcome::Failure;
use rootwalk::walk::{Route, Routes};
use rootwalk::wire::{Flags, Name, Question, RecordType, ResponseCode};

use super::lame::{BY, By, Lame, Made, Says, To, When, Zone, addr, lab, world};
use super::resolver::Ended;
use super::trouble::{Trouble, message, name};
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

/// Zones on these servers, whose names and addresses the root knows and signs.
fn on_hosts(zones: &[(&str, &[u8], &str)]) -> Lab {
    let glue: String = (1..=5).map(|host| format!("n{host}. 3600 A 192.0.2.{host}\n")).collect();
    let zones = zones.iter().map(|(origin, hosts, records)| Zone {
        origin: (*origin).to_owned(),
        is_signed: *origin == ".",
        servers: hosts.iter().map(|host| (format!("n{host}."), *host)).collect(),
        records: if *origin == "." { format!("{glue}{records}") } else { (*records).to_owned() },
    });
    lab(&zones.collect::<Vec<_>>())
}

/// How often a walk was led in a circle.
fn led_astray(ended: &Ended) -> usize {
    ended.log.iter().filter(|entry| matches!(entry.event, Event::LedAstray { .. })).count()
}

/// The first server of z., on n2 and n3, makes zones of the names that it is asked for.
fn maker(to: To) -> Lame {
    let servers = [2, 3].map(|host| (name(&format!("n{host}.")), addr(host))).to_vec();
    Lame { says: Says::Refers(to, By::Itself), when: When::Always, zone: name("z."), servers, own: 0 }
}

/// What the zone above has said of a zone holds for others until it says something else: a name for which there is no
/// answer takes the zone, and those below it, from nobody, also where the servers of the zone above are silent. Of the
/// servers of sub.z. one has nothing of it.
#[test]
fn a_name_without_an_answer_takes_nothing_from_others() {
    let lab = on_hosts(&[
        (".", &[1], "z. 3600 NS n2.\nz. 3600 NS n3.\n"),
        ("z.", &[2, 3], "sub 3600 NS n3.\nsub 3600 NS n4.\n"),
        ("sub.z.", &[4], "* 300 TXT x\ndeep 3600 NS n5.\n"),
        ("deep.sub.z.", &[5], "* 300 TXT x\n"),
    ]);
    let txt = |text: &str| Question::new(name(text), RecordType::TXT);
    let ways = [true, false].into_iter().flat_map(|is_silent| ["sub.z.", "deep.sub.z."].map(|zone| (is_silent, zone)));
    for ((is_silent, zone), seed) in ways.flat_map(|way| (0..8).map(move |seed| (way, seed))) {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        let known = world.resolve(&txt(&format!("a.{zone}")));
        assert!(known.outcome.failure.is_none(), "{}", story(&known));
        if is_silent {
            [1, 2, 3].into_iter().for_each(|host| world.set_trouble(addr(host), Trouble::Silent));
        }
        let fails = |ask: &Ask, id, packets: &mut Vec<Packet>| {
            if ask.question.name == name("bad.sub.z.") {
                *packets = vec![message(id, Flags::default(), ResponseCode::ServFail, &ask.question, &[])];
            }
        };
        world.set_twist(addr(4), Box::new(fails));
        let bad = world.resolve(&txt("bad.sub.z."));
        assert!(bad.outcome.failure.is_some() && led_astray(&bad) == 1, "{}", story(&bad));
        let ended = world.resolve(&txt(&format!("b.{zone}")));
        let here = || format!("{is_silent} {zone} {seed}\n{}\n{}", story(&bad), story(&ended));
        assert!(ended.outcome.failure.is_none(), "{}", here());
        assert_eq!(asked(&ended, &[1, 2]), 0, "{}", here());
    }
}

/// A zone that there is not is forgotten once another server of the zone above has referred past it, to one below it or
/// to one between.
#[test]
fn a_zone_past_which_others_refer_is_forgotten() {
    let lab = on_hosts(&[
        (".", &[1], "z. 3600 NS n2.\nz. 3600 NS n3.\n"),
        ("z.", &[2, 3], "r.x 3600 NS n5.\n"),
        ("r.x.z.", &[5], "a 300 TXT x\n"),
    ]);
    let question = Question::new(name("a.r.x.z."), RecordType::TXT);
    for (to, made_up) in [(To::Next, "x.z."), (To::Asked, "a.r.x.z.")] {
        let (lame, mut met) = (maker(to), 0);
        for seed in 0..8 {
            let mut world = World::new(&lab, seed, 0.0, 0.0);
            world.resolver.settings.minimisation = Minimisation::Off;
            world.set_twist(addr(2), lame.twist());
            let ended = world.resolve(&question);
            assert_eq!(told(&ended.outcome), truth_in(&lab, &question), "{made_up} {seed}\n{}", story(&ended));
            let known = world.resolver.cache.delegation(&name(made_up), world.resolver.now);
            assert!(known.is_none(), "{made_up} {seed}\n{}", story(&ended));
            met += led_astray(&ended);
        }
        assert!(met > 0, "{made_up}");
    }
}

/// One server that is lame for two zones, one above the other, and says the same for both is no second one that says
/// so: the others of the lower one are asked as well.
#[test]
fn who_says_the_same_for_two_zones_is_one() {
    let lab = on_hosts(&[
        (".", &[1], "z. 3600 NS n2.\nz. 3600 NS n3.\n"),
        ("z.", &[2, 3], "y 3600 NS n2.\ny 3600 NS n4.\n"),
        ("y.z.", &[2, 4], "a 300 TXT x\n"),
    ]);
    let (lame, question) = (maker(To::Asked), Question::new(name("a.y.z."), RecordType::TXT));
    let ended = (0..16).map(|seed| {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        world.resolver.settings.minimisation = Minimisation::Off;
        world.set_twist(addr(2), lame.twist());
        let ended = world.resolve(&question);
        assert_eq!(told(&ended.outcome), truth_in(&lab, &question), "{seed}\n{}", story(&ended));
        led_astray(&ended)
    });
    assert_eq!(ended.max(), Some(2), "for either zone");
}

/// Who makes a zone of each part of a name is told as a server of the one for which it was asked last, and not of the
/// one that leads back to others.
#[test]
fn who_gave_no_answer_is_named_with_its_zone() {
    let made = zone_z(2, "", Says::Refers(To::Asked, By::Itself), When::Always, true);
    let mut world = lame_world(&made);
    world.set_trouble(addr(3), Trouble::Silent);
    let ended = world.resolve(&Question::new(name("c.b.a.z."), RecordType::TXT));
    assert!(led_astray(&ended) > 0, "{}", story(&ended));
    let Some(Failure::Servers { zone, problems, .. }) = &ended.outcome.failure else { panic!("{}", story(&ended)) };
    let of = |(server, _): &(ServerAt, Wrong)| {
        let asked =
            |event: &Event| matches!(event, Event::Asked { zone: of, server: at, .. } if of == zone && at == server);
        ended.log.iter().any(|entry| asked(&entry.event))
    };
    let refers = |(_, wrong): &(ServerAt, Wrong)| matches!(wrong, Wrong::UpwardReferral { to } if to == zone);
    assert!(problems.iter().all(|problem| of(problem) && refers(problem)), "{}", story(&ended));
}

/// The servers of a stub zone, of which no delegation is known, are no exception: neither by their own addresses nor by
/// those of others of them.
#[test]
fn a_stub_zone_is_looked_up_beside_who_is_lame() {
    let records = "a.b 300 TXT x\n";
    let question = Question::new(name("a.b.z."), RecordType::TXT);
    for (by, to) in BY.into_iter().flat_map(|by| [To::Asked, To::Next].map(|to| (by, to))) {
        let made = zone_z(2, records, Says::Refers(to, by), When::Always, true);
        for seed in 0..8 {
            let mut world = world(&made, seed);
            made.lame.iter().for_each(|(addr, lame)| world.set_twist(*addr, lame.twist()));
            let route = Route::new(RouteKind::Stub, name("z."), &[(addr(2), None), (addr(3), None)]);
            world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
            let ended = world.resolve(&question);
            assert_eq!(told(&ended.outcome), truth_in(&made.lab, &question), "{by:?} {to:?} {seed}\n{}", story(&ended));
        }
    }
}

/// Where it is said that others are asked, somebody is: once all servers of a zone have led in a circle, none is left.
#[test]
fn who_is_said_to_be_asked_is_asked() {
    for (servers, by) in [2, 3, 4].into_iter().flat_map(|servers| BY.map(|by| (servers, by))) {
        let made = zone_z(servers, "", Says::Refers(To::Asked, by), When::Always, false);
        let ended = lame_world(&made).resolve(&Question::new(name("b.a.z."), RecordType::TXT));
        assert!(ended.outcome.failure.is_some() && led_astray(&ended) > 0, "{}", story(&ended));
        for (nth, led) in
            ended.log.iter().enumerate().filter(|(_, entry)| matches!(entry.event, Event::LedAstray { .. }))
        {
            let is_next = |entry: &&Entry| {
                entry.goal == led.goal && matches!(entry.event, Event::Asked { .. } | Event::Joined { .. })
            };
            assert!(ended.log[nth..].iter().any(|entry| is_next(&entry)), "{servers} {by:?}\n{}", story(&ended));
        }
    }
}
