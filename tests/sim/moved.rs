//! Signed zones that have moved, or are gone, while those who had them go on answering: who learns of that, and what
//! it costs the others.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rootwalk::lab::Lab;
use rootwalk::trace::{Event, RouteKind, Verdict};
use rootwalk::walk::{Route, Routes};
use rootwalk::wire::{RecordType, ResponseCode};

use super::doubt::{ask, count};
use super::resolver::Ended;
use super::stale::{SAME_KEYS, SIGNED, UNSIGNED};
use super::story;
use super::trouble::{Forgery, Trouble};
use super::world::{World, hosted, internet};

/// A zone that has moved to other servers, with other keys or with its first, is proved anew: who its servers are is
/// heard with its keys, be they known from before or not.
#[test]
fn a_zone_with_other_keys_at_other_servers_is_proved_anew() {
    let at = |host: u8, sign: &str| {
        let cut = format!("zone 172800 NS ns{host}.zone\nns{host}.zone 172800 A 192.0.2.{host}\n");
        let zone = format!("www 60 A 198.51.100.{host}\nalias 60 CNAME www\n");
        hosted(&[("tld.", SIGNED, 2, &cut), ("zone.tld.", sign, host, &zone)], "tld. 172800 NS ns2.\n")
    };
    // The servers of the zone above answer for it at once, without a referral.
    let ways = [(SAME_KEYS, true, 4), (SAME_KEYS, false, 4), (UNSIGNED, true, 4), (SAME_KEYS, true, 2)];
    for ((before, checked, to), retries) in ways.into_iter().flat_map(|way| [(way, 0), (way, 3)]) {
        let (before, after) = (at(3, before), at(to, SIGNED));
        let mut world = World::new(&before, 1, 0.0, 0.0);
        world.resolver.settings.limits.bogus_retries = retries;
        let www = ask("www.zone.tld.", RecordType::A);
        let known = if checked { world.resolve(&www) } else { world.resolve_unchecked(&www) };
        assert!(known.outcome.failure.is_none(), "{}", story(&known));
        world.change(&after);
        world.leave_behind([192, 0, 2, 3].into(), &before);
        world.resolver.now = world.resolver.now.plus_secs(3_700);
        for name in ["alias.zone.tld.", "none.zone.tld."] {
            let ended = world.resolve(&ask(name, RecordType::A));
            assert!(ended.outcome.secure, "{checked} {to} {name}\n{}", story(&ended));
        }
    }
}

/// A zone that is one with the one above by now, or is gone, while those who had it go on answering, is not looked for
/// there any more once it is proved that there is none: it was not signed, and so its delegation is all that is known.
#[test]
fn a_zone_that_is_proved_to_be_none_is_left() {
    let had = "www 60 A 198.51.100.3\nalias 60 CNAME www\ndeep 172800 NS ns4.deep\nns4.deep 172800 A 192.0.2.4\n";
    let cut = "zone 172800 NS ns3.zone\nns3.zone 172800 A 192.0.2.3\n";
    for (own, is_known) in [(true, true), (true, false), (false, true), (false, false)] {
        let root = "tld. 172800 NS ns2.\n";
        let deep = "www 60 A 198.51.100.3\n";
        let zones =
            [("tld.", SAME_KEYS, 2, cut), ("zone.tld.", UNSIGNED, 3, had), ("deep.zone.tld.", UNSIGNED, 4, deep)];
        let before = hosted(&zones, root);
        let has = if own { "www.zone 60 A 198.51.100.2\n" } else { "" };
        let after = hosted(&[("tld.", SAME_KEYS, 2, has)], root);
        let mut world = World::new(&before, 1, 0.0, 0.0);
        for name in &["www.zone.tld.", "www.deep.zone.tld."][..if is_known { 2 } else { 1 }] {
            let known = world.resolve(&ask(name, RecordType::A));
            assert!(known.outcome.failure.is_none() && !known.outcome.secure, "{}", story(&known));
        }
        world.change(&after);
        [3, 4].into_iter().for_each(|nth| world.leave_behind([192, 0, 2, nth].into(), &before));
        world.resolver.now = world.resolver.now.plus_secs(3_700);
        // Who had the zone refers to those below it as ever.
        for name in ["www.deep.zone.tld.", "www.zone.tld.", "alias.zone.tld.", "none.zone.tld."] {
            let ended = world.resolve(&ask(name, RecordType::A));
            assert!(ended.outcome.secure, "{own} {is_known} {name}\n{}", story(&ended));
            let is_there = own && name == "www.zone.tld.";
            assert_eq!(ended.outcome.rcode == ResponseCode::NoError, is_there, "{}", story(&ended));
        }
    }
}

/// One of the servers that a zone had goes on answering, and the others are gone, with it or before: what is bogus is
/// asked of them, in vain, and then of whoever has the zone by now, be that one of them with other keys.
#[test]
fn a_zone_that_has_moved_is_found_when_one_of_its_old_servers_is_left() {
    let at = |hosts: &[u8], sign| {
        let ns = |owner: &str| hosts.iter().map(|nth| format!("{owner} 172800 NS ns{nth}.\n")).collect::<String>();
        let glue: String = [1, 2, 3, 4, 5].map(|nth| format!("ns{nth}. 172800 A 192.0.2.{nth}\n")).concat();
        let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
        let own = "www 60 A 198.51.100.1\nalias 60 CNAME www\n";
        let zones = [
            (".", SAME_KEYS, format!("{soa}@ 172800 NS ns1.\n{glue}tld. 172800 NS ns2.\n")),
            ("tld.", SAME_KEYS, format!("{soa}@ 172800 NS ns2.\n{}", ns("zone"))),
            ("zone.tld.", sign, format!("{soa}{}{own}", ns("@"))),
        ];
        let servers = [1, 2, 3, 4, 5].map(|nth| {
            let has = [nth == 1, nth == 2, hosts.contains(&nth)];
            (format!("ns{nth}."), nth, zones.iter().zip(has).filter(|(_, has)| *has).map(|(zone, _)| zone.0).collect())
        });
        internet(&zones[..if hosts.is_empty() { 2 } else { 3 }], &servers)
    };
    let ways: [(_, &[u8], _); 6] = [
        (SAME_KEYS, &[4], SIGNED),
        (SAME_KEYS, &[4], UNSIGNED),
        (SAME_KEYS, &[], ""),
        (UNSIGNED, &[4], SIGNED),
        (UNSIGNED, &[], ""),
        (SIGNED, &[3, 5], SIGNED),
    ];
    let troubles = [Trouble::Silent, Trouble::Refuses, Trouble::Fails];
    for ((before, to, sign), trouble) in ways.into_iter().flat_map(|way| troubles.map(|trouble| (way, trouble))) {
        let (before, after) = (at(&[3, 5], before), at(to, sign));
        for seed in 0..4 {
            let mut world = World::new(&before, seed, 0.0, 0.0);
            assert!(world.resolve(&ask("www.zone.tld.", RecordType::A)).outcome.failure.is_none());
            world.change(&after);
            if !to.contains(&3) {
                world.leave_behind([192, 0, 2, 3].into(), &before);
                world.set_forger([192, 0, 2, 3].into(), Forgery::NoSignatures);
            }
            world.set_trouble([192, 0, 2, 5].into(), trouble);
            world.resolver.now = world.resolver.now.plus_secs(3_700);
            let ended = world.resolve(&ask("alias.zone.tld.", RecordType::A));
            let told = format!("{to:?} {sign} {trouble:?} {seed}\n{}", story(&ended));
            assert!(
                ended.outcome.failure.is_none() && ended.outcome.secure == (sign == SIGNED || to.is_empty()),
                "{told}"
            );
        }
    }
}

/// A zone that has moved is found out by what its old servers do not show of an unsigned one below, too: although its
/// old keys were proved just now, by a DS set that is known since long ago.
#[test]
fn a_zone_that_has_moved_is_found_by_what_is_not_proved_of_one_below() {
    let at = |host: u8| {
        let deep = ("zone.tld.", UNSIGNED, 3, "www 60 A 198.51.100.1\nalias 60 CNAME www\n");
        hosted(&[("tld.", SAME_KEYS, host, "zone 172800 NS ns3.\n"), deep], &format!("tld. 172800 NS ns{host}.\n"))
    };
    let (before, after) = (at(2), at(4));
    for retries in [0, 3] {
        let mut world = World::new(&before, 1, 0.0, 0.0);
        world.resolver.settings.limits.bogus_retries = retries;
        assert!(world.resolve(&ask("www.zone.tld.", RecordType::A)).outcome.failure.is_none());
        world.change(&after);
        world.leave_behind([192, 0, 2, 2].into(), &before);
        world.set_forger([192, 0, 2, 2].into(), Forgery::NoProofs);
        world.resolver.now = world.resolver.now.plus_secs(3_700);
        let ended = world.resolve(&ask("alias.zone.tld.", RecordType::A));
        assert!(ended.outcome.failure.is_none(), "{retries}\n{}", story(&ended));
    }
}

/// Keys that were told by who had a zone until the zone above has named others are asked for anew, although the zone
/// above was asked just now: be it in this walk or before, also where nobody else is asked for what is bogus.
#[test]
fn keys_of_who_had_a_zone_are_asked_for_anew() {
    let at = |host: u8, sign: &str| {
        let deep = ("zone.tld.", SAME_KEYS, 3, "www 60 A 198.51.100.1\nalias 60 CNAME www\n");
        hosted(&[("tld.", sign, host, "zone 172800 NS ns3.\n"), deep], &format!("tld. 172800 NS ns{host}.\n"))
    };
    let (before, after, tld) = (at(2, SAME_KEYS), at(4, SIGNED), ask("tld.", RecordType::DNSKEY));
    for (in_this, retries) in [(true, 0), (false, 0), (true, 3), (false, 3)] {
        let mut world = World::new(&before, 1, 0.0, 0.0);
        world.resolver.settings.limits.bogus_retries = retries;
        assert!(world.resolve(&ask("none.tld.", RecordType::A)).outcome.secure);
        world.change(&after);
        world.leave_behind([192, 0, 2, 2].into(), &before);
        world.set_forger([192, 0, 2, 2].into(), Forgery::NoDs);
        world.resolver.now = world.resolver.now.plus_secs(3_700);
        if !in_this {
            world.resolve_unchecked(&tld);
            world.resolve_unchecked(&ask("alias.zone.tld.", RecordType::A));
        }
        let ended = world.resolve(&ask("alias.zone.tld.", RecordType::A));
        assert!(ended.outcome.secure, "{in_this} {retries}\n{}", story(&ended));
        let is_blamed = |event: &Event| matches!(event, Event::Doubted { .. });
        assert_eq!(count(&ended, is_blamed), 0, "{in_this} {retries}\n{}", story(&ended));
    }
}

/// Whoever has a zone may sign in it as a zone above would: that costs nobody else what is known of the zones between,
/// nor of the one above.
#[test]
fn what_is_signed_in_the_name_of_a_zone_above_says_nothing_of_that_one() {
    let zones = [
        ("tld.", SIGNED, 2, "co 172800 NS ns3.\n"),
        ("co.tld.", SIGNED, 3, "host 172800 NS ns6.\n"),
        ("host.co.tld.", SIGNED, 6, "evil 172800 NS ns4.\nvictim 172800 NS ns5.\n"),
        ("evil.host.co.tld.", UNSIGNED, 4, "www 60 A 198.51.100.1\n"),
        ("victim.host.co.tld.", SIGNED, 5, "* 60 A 198.51.100.2\n"),
    ];
    let lab = hosted(&zones, "tld. 172800 NS ns2.\n");
    // By one that is known, and by one that is not.
    for algorithm in [13, 1] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        for name in ["a.victim.host.co.tld.", "none.evil.host.co.tld."] {
            assert!(world.resolve(&ask(name, RecordType::A)).outcome.failure.is_none());
        }
        world.resolver.now = world.resolver.now.plus_secs(400);
        [1, 2, 3].into_iter().for_each(|nth| world.set_trouble([192, 0, 2, nth].into(), Trouble::Silent));
        world.set_forger([192, 0, 2, 4].into(), Forgery::SignsForAbove(3, algorithm));
        let evil = world.resolve(&ask("www.evil.host.co.tld.", RecordType::A));
        assert!(evil.outcome.failure.is_some(), "{}", story(&evil));
        let keys =
            world.resolver.cache.set(&ask("co.tld.", RecordType::A).name, RecordType::DNSKEY, world.resolver.now);
        assert!(keys.is_some(), "{algorithm}\n{}", story(&evil));
        let ended = world.resolve(&ask("b.victim.host.co.tld.", RecordType::A));
        assert!(ended.outcome.failure.is_none(), "{algorithm}\n{}\n{}", story(&evil), story(&ended));
    }
}

/// A zone with a name that is bogus stays to be had where those above it are not.
#[test]
fn what_is_bogus_in_a_zone_does_not_make_the_zone_wait_for_the_one_above() {
    let zones = [
        ("tld.", SAME_KEYS, 2, "zone 172800 NS ns3.\n"),
        ("zone.tld.", SAME_KEYS, 3, "www 60 A 198.51.100.1\nalias 60 CNAME www\n"),
    ];
    let lab = hosted(&zones, "tld. 172800 NS ns2.\n");
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    assert!(world.resolve(&ask("www.zone.tld.", RecordType::A)).outcome.secure);
    world.resolver.now = world.resolver.now.plus_secs(400);
    [1, 2].into_iter().for_each(|nth| world.set_trouble([192, 0, 2, nth].into(), Trouble::Silent));
    world.set_forger([192, 0, 2, 3].into(), Forgery::NoSignatures);
    let bad = world.resolve(&ask("alias.zone.tld.", RecordType::A));
    assert!(bad.outcome.failure.is_some(), "{}", story(&bad));
    world.end_forgeries();
    let ended = world.resolve(&ask("www.zone.tld.", RecordType::A));
    assert!(ended.outcome.secure, "{}\n{}", story(&bad), story(&ended));
}

/// The DS set of a zone is that of the zone above: that it is told says nothing of who has the zone, which stays to be
/// had where nothing else is heard from above.
#[test]
fn a_ds_set_does_not_end_a_delegation() {
    let cut = "zone 172800 NS ns3.zone\nns3.zone 172800 A 192.0.2.3\n";
    let own = "www 60 A 198.51.100.1\nalias 60 CNAME www\n";
    let lab = hosted(&[("tld.", SAME_KEYS, 2, cut), ("zone.tld.", SAME_KEYS, 3, own)], "tld. 172800 NS ns2.\n");
    let (mut world, zone) = (World::new(&lab, 1, 0.0, 0.0), ask("zone.tld.", RecordType::DS));
    assert!(world.resolve(&ask("www.zone.tld.", RecordType::A)).outcome.secure);
    for later_secs in [400, 3_700] {
        world.resolver.now = world.resolver.now.plus_secs(later_secs);
        assert!(world.resolve(&zone).outcome.secure);
        world.set_forger([192, 0, 2, 3].into(), Forgery::NoSignatures);
        let bad = world.resolve_through(&ask("alias.zone.tld.", RecordType::A), |ask| {
            let is_above = ask.server.ip() != IpAddr::from([192, 0, 2, 3]);
            !is_above || ask.question.name.label_count() < 2 || ask.question.qtype == RecordType::DS
        });
        assert!(bad.outcome.failure.is_some(), "{}", story(&bad));
        world.end_forgeries();
        let is_there = world.resolver.cache.delegation(&zone.name, world.resolver.now).is_some();
        assert!(is_there, "{later_secs}\n{}", story(&bad));
    }
}

/// What the zone above has said of the keys of a zone holds for as long as it said so, where it says nothing else: also
/// when something in the zone is bogus, and what was proved of it is over.
#[test]
fn what_is_bogus_in_a_zone_does_not_end_its_ds_set() {
    let cut = "zone 172800 NS ns3.zone\nns3.zone 172800 A 192.0.2.3\n";
    let own = "www 60 A 198.51.100.1\nalias 60 CNAME www\n";
    let lab = hosted(&[("tld.", SAME_KEYS, 2, cut), ("zone.tld.", SAME_KEYS, 3, own)], "tld. 172800 NS ns2.\n");
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    let above = |world: &mut World<'_>, trouble| {
        [1, 2].into_iter().for_each(|nth| world.set_trouble([192, 0, 2, nth].into(), trouble));
    };
    assert!(world.resolve(&ask("www.zone.tld.", RecordType::A)).outcome.secure);
    world.resolver.now = world.resolver.now.plus_secs(400);
    above(&mut world, Trouble::Silent);
    world.set_forger([192, 0, 2, 3].into(), Forgery::NoSignatures);
    let bad = world.resolve(&ask("alias.zone.tld.", RecordType::A));
    assert!(bad.outcome.failure.is_some(), "{}", story(&bad));
    world.end_forgeries();
    world.resolver.now = world.resolver.now.plus_secs(3_600);
    // What is known of the zones above is fetched anew, and they are gone again.
    above(&mut world, Trouble::None);
    assert!(world.resolve(&ask("none.tld.", RecordType::TXT)).outcome.secure);
    above(&mut world, Trouble::Silent);
    let ended = world.resolve(&ask("www.zone.tld.", RecordType::A));
    assert!(ended.outcome.secure, "{}\n{}", story(&bad), story(&ended));
}

/// A zone between two others is gone, and the upper one refers to the lower one by itself, as the servers of the one
/// that is gone go on doing.
#[test]
fn a_zone_is_found_when_the_one_above_it_is_gone() {
    let deep = "deep 172800 NS ns4.deep\nns4.deep 172800 A 192.0.2.4\n";
    let cut = "zone 172800 NS ns3.zone\nns3.zone 172800 A 192.0.2.3\n";
    let ways = [UNSIGNED, SIGNED].into_iter().flat_map(|lower| [(lower, 4), (lower, 5)]);
    for ((lower, to), retries) in ways.flat_map(|way| [(way, 0), (way, 3)]) {
        let at = |host: u8, direct: Option<&str>| {
            let zone = [("zone.tld.", UNSIGNED, 3, deep)];
            let www = format!("www 60 A 198.51.100.{host}\n");
            let deep = [("tld.", SAME_KEYS, 2, direct.unwrap_or(cut)), ("deep.zone.tld.", lower, host, &www[..])];
            let zones: Vec<_> = deep.into_iter().chain(zone.into_iter().filter(|_| direct.is_none())).collect();
            hosted(&zones, "tld. 172800 NS ns2.\n")
        };
        let direct = format!("deep.zone 172800 NS ns{to}.deep.zone\nns{to}.deep.zone 172800 A 192.0.2.{to}\n");
        let (before, after) = (at(4, None), at(to, Some(&direct)));
        let mut world = World::new(&before, 1, 0.0, 0.0);
        world.resolver.settings.limits.bogus_retries = retries;
        for name in ["www.deep.zone.tld.", "none.zone.tld."] {
            assert!(world.resolve(&ask(name, RecordType::A)).outcome.failure.is_none());
        }
        world.change(&after);
        [3, 4]
            .into_iter()
            .filter(|nth| *nth != to)
            .for_each(|nth| world.leave_behind([192, 0, 2, nth].into(), &before));
        world.resolver.now = world.resolver.now.plus_secs(3_700);
        if lower == UNSIGNED {
            // As long as nothing is proved the one between may be there: that is asked once.
            [4, 5].into_iter().for_each(|nth| world.set_forger([192, 0, 2, nth].into(), Forgery::SignsForAbove(3, 13)));
            let bad = world.resolve(&ask("www.deep.zone.tld.", RecordType::A));
            assert!(bad.outcome.failure.is_some() && bad.budget.queries() < 10, "{}", story(&bad));
            world.end_forgeries();
            world.resolver.now = world.resolver.now.plus_secs(10);
        }
        for name in ["www.deep.zone.tld.", "none.zone.tld.", "none.deep.zone.tld."] {
            let ended = world.resolve(&ask(name, RecordType::A));
            assert!(ended.outcome.failure.is_none(), "{lower} {to} {name}\n{}", story(&ended));
            let is_proved = lower == SIGNED || name == "none.zone.tld.";
            assert_eq!(ended.outcome.secure, is_proved, "{lower} {to} {name}\n{}", story(&ended));
        }
    }
}

/// Whoever finds out that a zone has moved, or is gone, does so for all: nobody asks its old servers any more.
#[test]
fn that_a_zone_is_elsewhere_is_found_out_once() {
    let cut = |host: u8| format!("zone 172800 NS ns{host}.zone\nns{host}.zone 172800 A 192.0.2.{host}\n");
    let at = |host: Option<u8>, sign| {
        let (cut, zone) = (host.map(cut).unwrap_or_default(), "www 60 A 198.51.100.1\nalias 60 CNAME www\n");
        let zones = [("tld.", SAME_KEYS, 2, &cut[..]), ("zone.tld.", sign, host.unwrap_or_default(), zone)];
        hosted(&zones[..if host.is_some() { 2 } else { 1 }], "tld. 172800 NS ns2.\n")
    };
    // How often the zone above is asked.
    let ways = [(SAME_KEYS, Some(4), 2), (SAME_KEYS, Some(2), 4), (UNSIGNED, Some(4), 3), (UNSIGNED, None, 3)];
    for (before, to, most) in ways {
        let (before, after) = (at(Some(3), before), at(to, SIGNED));
        let mut world = World::new(&before, 1, 0.0, 0.0);
        world.resolver.settings.proofs.aggressive = false;
        assert!(world.resolve(&ask("www.zone.tld.", RecordType::A)).outcome.failure.is_none());
        world.change(&after);
        world.leave_behind([192, 0, 2, 3].into(), &before);
        world.set_forger([192, 0, 2, 3].into(), Forgery::NoSignatures);
        world.resolver.now = world.resolver.now.plus_secs(400);
        let first = world.resolve(&ask("alias.zone.tld.", RecordType::A));
        let asked = |ended: &Ended, host: u8| {
            let addr = IpAddr::from([192, 0, 2, host]);
            count(ended, |event| matches!(event, Event::Asked { server, .. } if server.addr == addr))
        };
        assert!(asked(&first, 2) <= most, "{to:?} {}\n{}", asked(&first, 2), story(&first));
        assert!(first.outcome.secure, "{to:?}\n{}", story(&first));
        let is_there = world.resolver.cache.delegation(&ask("zone.tld.", RecordType::A).name, world.resolver.now);
        assert_eq!(is_there.is_some(), to == Some(4), "{to:?}\n{}", story(&first));
        let ended = world.resolve(&ask("www.zone.tld.", RecordType::TXT));
        assert!(ended.outcome.secure && asked(&ended, 3) == 0, "{to:?}\n{}", story(&ended));
    }
}

/// A zone whose servers the operator names: at 192.0.2.5.
fn with_stub<'l>(lab: &'l Lab, zone: &str, prime: bool) -> World<'l> {
    let mut world = World::new(lab, 1, 0.0, 0.0);
    let route = Route::new(RouteKind::Stub, ask(zone, RecordType::A).name, &[([192, 0, 2, 5].into(), None)]);
    world.resolver.settings.routes = Routes(vec![Arc::new(Route { prime, ..route })]);
    world
}

/// A stub zone stays with the operator's servers when the zone above it has moved, of which nobody else knows.
#[test]
fn a_stub_zone_below_a_zone_that_has_moved_stays_where_it_is() {
    let at = |host: u8, sign| {
        let cut = format!("zone 172800 NS ns{host}.zone\nns{host}.zone 172800 A 192.0.2.{host}\n");
        let corp = "@ 172800 NS ns5\nns5 172800 A 192.0.2.5\nwww 60 A 198.51.100.1\n";
        let zone = ("zone.tld.", sign, host, "alias 60 CNAME www.corp\n");
        hosted(
            &[("tld.", SAME_KEYS, 2, &cut[..]), zone, ("corp.zone.tld.", UNSIGNED, 5, corp)],
            "tld. 172800 NS ns2.\n",
        )
    };
    let (before, after) = (at(3, SAME_KEYS), at(4, SIGNED));
    let mut world = with_stub(&before, "corp.zone.tld.", true);
    for name in ["alias.zone.tld.", "www.corp.zone.tld."] {
        assert!(world.resolve(&ask(name, RecordType::A)).outcome.failure.is_none());
    }
    world.change(&after);
    world.leave_behind([192, 0, 2, 3].into(), &before);
    world.set_forger([192, 0, 2, 3].into(), Forgery::NoSignatures);
    world.resolver.now = world.resolver.now.plus_secs(400);
    let ended = world.resolve(&ask("alias.zone.tld.", RecordType::A));
    assert_eq!(ended.outcome.answer.len(), 2, "{}", story(&ended));
}

/// And when an answer is fetched anew while the list of its servers, or a delegation by these, is about to end.
#[test]
fn a_stub_zone_stays_where_it_is_when_what_it_says_of_servers_is_about_to_end() {
    let own =
        "@ 3600 NS ns5\nns5 3600 A 192.0.2.5\nwww 300 A 198.51.100.1\nsub 3600 NS ns6.sub\nns6.sub 3600 A 192.0.2.6\n";
    let (stub, sub) = (("corp.tld.", UNSIGNED, 5, own), ("sub.corp.tld.", UNSIGNED, 6, "www 300 A 198.51.100.1\n"));
    let lab = hosted(&[("tld.", SIGNED, 2, ""), stub, sub], "tld. 172800 NS ns2.\n");
    for (name, prime) in
        ["www.corp.tld.", "www.sub.corp.tld."].into_iter().flat_map(|name| [(name, true), (name, false)])
    {
        let (mut world, www) = (with_stub(&lab, "corp.tld.", prime), ask(name, RecordType::A));
        for later_secs in [3_310, 275] {
            assert!(world.resolve(&www).outcome.failure.is_none());
            world.resolver.now = world.resolver.now.plus_secs(later_secs);
        }
        let ended = world.refresh(&www, Duration::from_secs(25));
        assert_eq!(ended.outcome.answer.len(), 1, "{prime}\n{}", story(&ended));
    }
}

/// That somebody has lied on the way, about an alias, does not keep the zone to which it leads from being found.
#[test]
fn a_zone_that_has_moved_is_found_behind_an_alias_about_which_somebody_lied() {
    let at = |host: u8| {
        let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
        let glue: String = [1, 11, 12, host].map(|nth| format!("ns{nth}. 3600 A 192.0.2.{nth}\n")).concat();
        let cuts = format!("a. 172800 NS ns11.\na. 172800 NS ns12.\nmoved. 172800 NS ns{host}.\n");
        let own = "@ 3600 NS ns11.\n@ 3600 NS ns12.\nalias 60 CNAME www.moved.\n";
        let zones = [
            (".", SAME_KEYS, format!("{soa}@ 3600 NS ns1.\n{glue}{cuts}")),
            ("a.", SAME_KEYS, format!("{soa}{own}")),
            ("moved.", UNSIGNED, format!("{soa}@ 3600 NS ns{host}.\nwww 60 A 198.51.100.1\n")),
        ];
        let zone_of = |nth| {
            vec![if nth == 1 {
                "."
            } else if nth == host {
                "moved."
            } else {
                "a."
            }]
        };
        internet(&zones, &[1, 11, 12, host].map(|nth| (format!("ns{nth}."), nth, zone_of(nth))))
    };
    let (before, after) = (at(20), at(21));
    for seed in 0..8 {
        let mut world = World::new(&before, seed, 0.0, 0.0);
        assert!(world.resolve(&ask("alias.a.", RecordType::A)).outcome.failure.is_none());
        world.change(&after);
        world.resolver.now = world.resolver.now.plus_secs(400);
        world.set_forger([192, 0, 2, 11].into(), Forgery::Invents);
        let ended = world.resolve(&ask("alias.a.", RecordType::A));
        assert!(ended.outcome.failure.is_none(), "{seed}\n{}", story(&ended));
    }
}

/// A server of the zone above that has the zone as well, and answers for it, takes back no delegation that another one
/// has told since it was asked for anew.
#[test]
fn what_is_told_anew_is_not_ended_by_who_answers_next() {
    let at = |host: u8, sign: &str, fourth: &[&'static str]| {
        let glue: String = (1..=5).map(|nth| format!("ns{nth}. 172800 A 192.0.2.{nth}\n")).collect();
        let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
        let tld = "tld. 172800 NS ns2.\ntld. 172800 NS ns4.\n";
        let zones = [
            (".", SAME_KEYS, format!("{soa}@ 172800 NS ns1.\n{glue}{tld}")),
            ("tld.", SAME_KEYS, format!("{soa}{tld}zone 172800 NS ns{host}.\n")),
            ("zone.tld.", sign, format!("{soa}@ 172800 NS ns{host}.\nwww 60 A 198.51.100.1\nalias 60 CNAME www\n")),
        ];
        let has = [(1, vec!["."]), (2, vec!["tld."]), (host, vec!["zone.tld."]), (4, fourth.to_vec())];
        internet(&zones, &has.map(|(nth, has)| (format!("ns{nth}."), nth, has)))
    };
    let (before, after) = (at(3, SAME_KEYS, &["tld."]), at(5, SIGNED, &["tld.", "zone.tld."]));
    let (zone, mut met) = (ask("zone.tld.", RecordType::DNSKEY).name, 0);
    for seed in 0..32 {
        let mut world = World::new(&before, seed, 0.0, 0.0);
        assert!(world.resolve(&ask("www.zone.tld.", RecordType::A)).outcome.secure);
        world.change(&after);
        world.leave_behind([192, 0, 2, 3].into(), &before);
        world.set_forger([192, 0, 2, 3].into(), Forgery::NoSignatures);
        // So that it answers after the other one has referred.
        world.slow(&[[192, 0, 2, 2].into()], 50);
        world.slow(&[[192, 0, 2, 4].into()], 60);
        world.resolver.now = world.resolver.now.plus_secs(3_700);
        let ended = world.resolve(&ask("alias.zone.tld.", RecordType::A));
        assert!(ended.outcome.secure, "{seed}\n{}", story(&ended));
        let last = |host: u8, is_it: fn(&Verdict) -> bool| {
            let heard = |event: &Event| match event {
                Event::Heard { server, verdict, .. } => {
                    server.addr == IpAddr::from([192, 0, 2, host]) && is_it(verdict)
                }
                _ => false,
            };
            ended.log.iter().rposition(|entry| heard(&entry.event))
        };
        let told = last(2, |verdict| matches!(verdict, Verdict::Referral { .. }));
        let answered = last(4, |verdict| matches!(verdict, Verdict::Answer { .. }));
        if told.is_some() && told < answered {
            met += 1;
            assert!(world.resolver.cache.delegation(&zone, world.resolver.now).is_some(), "{seed}\n{}", story(&ended));
        }
    }
    assert!(met > 0);
}
