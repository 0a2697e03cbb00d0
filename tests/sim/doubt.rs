//! What is done when something is bogus: who is asked then, how often, and what is told.

use std::net::IpAddr;
use std::sync::Arc;

use rootwalk::cache::{DenialKind, Security};
use rootwalk::lab::Lab;
use rootwalk::trace::{Event, Limit, Verdict, Wrong};
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::{Name, Question, RecordType, ResponseCode, ede};

use super::forgery::{servers, small_lab};
use super::resolver::Ended;
use super::stale::{SAME_KEYS, SIGNED, UNSIGNED, lab};
use super::trouble::{FORGERIES, Forgery};
use super::world::{World, hosted, internet, one_server};
use super::{LAB, story, told, truth};

pub(crate) fn ask(name: &str, qtype: RecordType) -> Question {
    Question::new(name.parse().expect("a name"), qtype)
}

pub(crate) fn count(ended: &Ended, is_it: impl Fn(&Event) -> bool) -> usize {
    ended.log.iter().filter(|entry| is_it(&entry.event)).count()
}

pub(crate) fn doubted(ended: &Ended) -> usize {
    count(ended, |event| matches!(event, Event::Doubted { .. }))
}

/// RFC 4035 §4.7: where a zone has one server, that is asked again for what it said while it lied, to somebody who
/// checks for himself: be it the answer, the keys or the DS set, and whether or not they are asked for by themselves.
#[test]
fn what_nobody_checked_is_asked_for_again_where_it_came_from() {
    let asked = ask("www.zone.tld.", RecordType::A);
    for apart in [true, false] {
        let lab = lab(SIGNED, SIGNED, apart);
        let brought = [asked.clone(), ask("zone.tld.", RecordType::DNSKEY), ask("zone.tld.", RecordType::DS)];
        for brought in brought {
            for forgery in [Forgery::BrokenSignatures, Forgery::NoSignatures] {
                let mut world = World::new(&lab, 1, 0.0, 0.0);
                (1..4).for_each(|nth| world.set_forger([192, 0, 2, nth].into(), forgery));
                world.resolve_unchecked(&brought);
                world.end_forgeries();
                let ended = world.resolve(&asked);
                assert!(ended.outcome.secure, "{apart} {brought} {forgery:?}\n{}", story(&ended));
                assert_eq!(doubted(&ended), 0, "{apart} {brought} {forgery:?}\n{}", story(&ended));
            }
        }
    }
}

/// That there is no name is known of those below it as well, and may have been said by somebody who lied, or by a proof
/// that shows nothing of them: then they are asked for by themselves.
#[test]
fn what_was_said_of_a_name_above_does_not_make_those_below_bogus() {
    let lab = small_lab("a.b 60 A 198.51.100.1\n", &["ns1.root."]);
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    world.resolver.settings.minimisation = Minimisation::Strict;
    assert!(world.resolve(&ask("example.", RecordType::NS)).outcome.secure);
    world.set_forger([192, 0, 2, 1].into(), Forgery::NoSuchName);
    let lied = world.resolve_unchecked(&ask("b.example.", RecordType::A));
    assert_eq!(lied.outcome.rcode, ResponseCode::NXDomain, "{}", story(&lied));
    world.end_forgeries();
    let ended = world.resolve(&ask("a.b.example.", RecordType::A));
    assert!(ended.outcome.secure && !ended.outcome.answer.is_empty(), "{}", story(&ended));
    assert_eq!(doubted(&ended), 0, "{}", story(&ended));
}

/// A zone that has other keys than it had, or none, as one that has moved to other hands and did not wait until
/// everybody had forgotten the old ones, is proved anew, with the zone above where that has others as well: be it that
/// its keys are known, or by which keys it is, that its servers are its own or those of the zone above, and that it has
/// the name, or denies it without the old proof.
#[test]
fn a_zone_with_other_keys_is_proved_anew() {
    let zones = [SIGNED, UNSIGNED].into_iter().flat_map(|zone| [SAME_KEYS, SIGNED].map(|tld| (zone, tld)));
    let zones: Vec<_> = zones.flat_map(|(zone, tld)| [true, false].map(|apart| (zone, tld, apart))).collect();
    let names = ["alias.zone.tld.", "x.none.zone.tld."];
    for ((zone, tld, apart), name) in zones.into_iter().flat_map(|zone| names.map(|name| (zone, name))) {
        let (before, after) = (lab(SAME_KEYS, SIGNED, apart), lab(tld, zone, apart));
        let (www, ds) = (ask("www.zone.tld.", RecordType::A), ask("zone.tld.", RecordType::DS));
        for (known, proved) in [(&www, true), (&www, false), (&ds, false)] {
            let mut world = World::new(&before, 1, 0.0, 0.0);
            let is_checked = proved || known.qtype == RecordType::DS;
            let brought = if is_checked { world.resolve(known) } else { world.resolve_unchecked(known) };
            assert_eq!(brought.outcome.secure, is_checked, "{}", story(&brought));
            world.change(&after);
            if proved {
                let ended = world.resolve(&ask("none.zone.tld.", RecordType::A));
                assert!(ended.outcome.failure.is_some(), "a moment ago it was so: {}", story(&ended));
            }
            world.resolver.now = world.resolver.now.plus_secs(250);
            let (cache, now) = (&world.resolver.cache, world.resolver.now);
            if let Some(cut) = cache.delegation(&"zone.tld.".parse().expect("a name"), now).filter(|_| proved) {
                // What the zone above says of its servers may have a shorter TTL, and be heard again meanwhile.
                cache.put_delegation((*cut).clone(), now);
            }
            world.resolver.now = world.resolver.now.plus_secs(50);
            let ended = world.resolve(&ask(name, RecordType::A));
            let is_known = ended.outcome.failure.is_none() && ended.outcome.secure == (zone == SIGNED);
            assert!(is_known, "{zone} {tld} {apart} {known} {proved}\n{}", story(&ended));
            // And so it stays: what the zone above said before is given to nobody, also when the new proof is over.
            if known.qtype != RecordType::DS {
                let ds = world.resolve(&ds);
                assert_eq!(ds.outcome.answer.is_empty(), zone == UNSIGNED, "{}", story(&ds));
            }
            world.resolver.now = world.resolver.now.plus_secs(61);
            let ended = world.resolve(&ask("www.zone.tld.", RecordType::TXT));
            assert!(ended.outcome.failure.is_none(), "{zone} {tld} {apart} {known} {proved}\n{}", story(&ended));
        }
    }
}

/// Where a zone begins by now at a name that was known as an alias, its keys are asked for all the same, although it is
/// proved that the name was one: be it delegated to servers of its own or to those of the zone above.
#[test]
fn a_zone_that_takes_the_place_of_an_alias_is_found() {
    let alias = "zone 3600 CNAME host\nhost 60 A 198.51.100.2\n";
    let before = hosted(&[("tld.", SAME_KEYS, 2, alias)], "tld. 3600 NS ns2.\n");
    for host in [2, 3] {
        let cut = format!("zone 3600 NS ns{host}.\n");
        let zones = [("tld.", SAME_KEYS, 2, &cut[..]), ("zone.tld.", SIGNED, host, "www 60 A 198.51.100.1\n")];
        let after = hosted(&zones, "tld. 3600 NS ns2.\n");
        let mut world = World::new(&before, 1, 0.0, 0.0);
        let known = world.resolve(&ask("zone.tld.", RecordType::A));
        assert!(known.outcome.secure, "{}", story(&known));
        world.change(&after);
        world.resolver.now = world.resolver.now.plus_secs(70);
        let ended = world.resolve(&ask("www.zone.tld.", RecordType::A));
        assert!(ended.outcome.secure, "{host}\n{}", story(&ended));
    }
}

/// RFC 9520 §3.3: a zone that is bogus for good, by its keys, by what they sign, or by what it does not prove, costs
/// the one above a question in five minutes, whether or not it was proved before and has servers of its own.
#[test]
fn a_zone_that_stays_bogus_is_seldom_proved_anew() {
    let forgeries = [Forgery::OtherKeys, Forgery::BrokenSignatures, Forgery::NoSignatures, Forgery::NoProofs];
    let ways = [(true, true), (true, false), (false, true)];
    for ((apart, proved), forgery) in ways.into_iter().flat_map(|way| forgeries.map(|forgery| (way, forgery))) {
        if proved && forgery == Forgery::OtherKeys {
            // Nobody asks for those: the old ones are known.
            continue;
        }
        let lab = lab(SAME_KEYS, SIGNED, apart);
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        world.resolver.settings.proofs.aggressive = false;
        let (zone, www) = (ask("zone.tld.", RecordType::DS).name, ask("www.zone.tld.", RecordType::A));
        let brought = if proved { world.resolve(&www) } else { world.resolve_unchecked(&www) };
        assert!(brought.outcome.failure.is_none() && brought.outcome.secure == proved);
        world.set_forger([192, 0, 2, if apart { 3 } else { 1 }].into(), forgery);
        let mut asked = 0;
        for nth in 0..100 {
            world.resolver.now = world.resolver.now.plus_secs(10);
            let ended = world.resolve(&ask(&format!("n{nth}.zone.tld."), RecordType::A));
            assert!(ended.outcome.failure.is_some(), "{forgery:?} {}", story(&ended));
            let is_asked =
                |event: &Event| matches!(event, Event::Asked { qtype: RecordType::DS, name, .. } if *name == zone);
            asked += count(&ended, is_asked);
        }
        assert!((1..=3).contains(&asked), "{forgery:?} {apart} {proved}: {asked}");
    }
}

/// Of several servers that say what is bogus the client is told of the first, and what was wrong there.
#[test]
fn the_first_that_was_wrong_is_told() {
    let lab = small_lab("www 60 A 198.51.100.1\n", &["ns1.root.", "ns2.root.", "ns3.root."]);
    let mut codes = [0; 2];
    for seed in 0..8 {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        assert!(world.resolve(&ask("example.", RecordType::NS)).outcome.secure);
        world.set_forger([192, 0, 2, 1].into(), Forgery::OtherAddresses);
        world.set_forger([192, 0, 2, 2].into(), Forgery::NoSignatures);
        world.set_forger([192, 0, 2, 3].into(), Forgery::OtherAddresses);
        let ended = world.resolve(&ask("www.example.", RecordType::A));
        let first = ended.outcome.edes().remove(0);
        let is_first = usize::from(first.code == ede::RRSIGS_MISSING);
        assert!(is_first == 1 || first.code == ede::DNSSEC_BOGUS, "{first:?}\n{}", story(&ended));
        let liars: &[&str] = if is_first == 1 { &["ns2.root."] } else { &["ns1.root.", "ns3.root."] };
        assert!(liars.iter().any(|liar| first.text.contains(liar)), "{first:?}\n{}", story(&ended));
        codes[is_first] += 1;
    }
    assert!(codes.iter().all(|count| *count > 0), "{codes:?}");
}

/// What fails for another reason, in another zone, is not put down to who lied about the alias that led there.
#[test]
fn what_fails_elsewhere_is_no_liars_fault() {
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let glue: String = [1, 11, 12, 20].map(|nth| format!("ns{nth}. 3600 A 192.0.2.{nth}\n")).concat();
    let cuts = "a. 3600 NS ns11.\na. 3600 NS ns12.\nb. 3600 NS ns20.\n";
    let zones = [
        (".", SIGNED, format!("{soa}@ 3600 NS ns1.\n{glue}{cuts}")),
        ("a.", SIGNED, format!("{soa}@ 3600 NS ns11.\n@ 3600 NS ns12.\nalias 60 CNAME www.b.\n")),
    ];
    let hosts = [(1, vec!["."]), (11, vec!["a."]), (12, vec!["a."]), (20, vec![])];
    let lab = internet(&zones, &hosts.map(|(nth, zones)| (format!("ns{nth}."), nth, zones)));
    let mut lied = 0;
    for seed in 0..8 {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        world.set_forger([192, 0, 2, 11].into(), Forgery::Invents);
        let ended = world.resolve(&ask("alias.a.", RecordType::A));
        let first = ended.outcome.edes().remove(0);
        assert_eq!(first.code, ede::NO_REACHABLE_AUTHORITY, "{seed} {first:?}\n{}", story(&ended));
        lied += doubted(&ended);
    }
    assert!(lied > 0);
}

/// RFC 9609 §6: nothing proves who the root's servers are. Where those in its list lie, it is forgotten, and the hints
/// are asked, whatever the age of the list; what the liars said of servers below goes with it.
#[test]
fn a_list_of_root_servers_who_lie_is_forgotten() {
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let glue: String = [1, 2, 9].map(|nth| format!("ns{nth}. 3600 A 192.0.2.{nth}\n")).concat();
    let zones = [
        (".", SIGNED, format!("{soa}@ 3600 NS ns9.\n{glue}example. 3600 NS ns2.\nmail 60 A 198.51.100.2\n")),
        ("example.", SIGNED, format!("{soa}@ 3600 NS ns2.\nwww 60 A 198.51.100.1\n")),
    ];
    let hosts = [("ns1.", 1, "."), ("ns9.", 9, "."), ("ns2.", 2, "example.")];
    let lab = internet(&zones, &hosts.map(|(name, nth, zone)| (name, nth, vec![zone])));
    let forgeries = [Forgery::NoSignatures, Forgery::BrokenSignatures, Forgery::Invents, Forgery::Delegates];
    for (forgery, name) in forgeries.into_iter().flat_map(|forgery| [(forgery, "mail."), (forgery, "www.example.")]) {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        let hints = Arc::make_mut(&mut world.resolver.settings.hints);
        hints.servers = hints.servers.iter().filter(|server| server.name.to_string() == "ns1.").cloned().collect();
        world.set_forger([192, 0, 2, 9].into(), forgery);
        let ended = world.resolve(&ask(name, RecordType::A));
        assert!(ended.outcome.secure && !ended.outcome.answer.is_empty(), "{forgery:?}\n{}", story(&ended));
    }
}

/// RFC 6672 §2.2: a DNAME that is bogus was said by who was asked for a name below it, and not by who told, in the name
/// of the same zone, what it leads to.
#[test]
fn who_said_a_dname_is_doubted_for_it() {
    let head = "@ 3600 SOA h. a. 1 1 1 1 60\n@ 3600 NS ns1.root.\n@ 3600 NS ns2.root.\n";
    let glue = "ns1.root. 3600 A 192.0.2.1\nns2.root. 3600 A 192.0.2.2\n";
    let cuts = "example. 3600 NS ns1.root.\nexample. 3600 NS ns2.root.\n";
    let zones = [
        (".", ", sign = {}", format!("{head}{glue}{cuts}")),
        ("example.", ", sign = {}", format!("{head}d 60 DNAME sub\nsub 3600 NS ns2.root.\n")),
        ("sub.example.", ", sign = {}", format!("{head}www 60 A 198.51.100.1\n")),
    ];
    let (ns1, ns2) = (vec![".", "example."], vec![".", "example.", "sub.example."]);
    let lab = internet(&zones, &[("ns1.root.", 1, ns1), ("ns2.root.", 2, ns2)]);
    for seed in 0..16 {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        assert!(world.resolve(&ask("example.", RecordType::NS)).outcome.secure);
        world.set_forger([192, 0, 2, 1].into(), Forgery::NoSignatures);
        let ended = world.resolve(&ask("www.d.example.", RecordType::A));
        assert!(ended.outcome.secure, "{seed}\n{}", story(&ended));
    }
}

/// Where all of a zone's servers lie, some of them are asked, and not all: what is bogus at four is so at the others.
#[test]
fn not_all_servers_are_asked_for_what_is_bogus() {
    let names = ["ns1.root.", "ns2.root.", "ns3.root.", "ns4.root.", "ns5.root.", "ns6.root."];
    let lab = small_lab("www 60 A 198.51.100.1\n", &names);
    for forgery in [Forgery::OtherAddresses, Forgery::NoSignatures] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        (1..7).for_each(|nth| world.set_forger([192, 0, 2, nth].into(), forgery));
        let ended = world.resolve(&ask("www.example.", RecordType::A));
        let most = world.resolver.settings.limits.bogus_retries as usize;
        assert!(ended.outcome.failure.is_some() && doubted(&ended) == most, "{}", story(&ended));
    }
}

/// Where the others of a zone's servers must not be asked, nobody is doubted and nothing begun anew.
#[test]
fn who_must_not_be_asked_is_nobody_else() {
    let lab = small_lab("www 60 A 198.51.100.1\n", &["ns1.root.", "ns2.root."]);
    let mut queries = Vec::new();
    for avoided in [false, true] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        let nets = ["192.0.2.2/32".parse().expect("a network")];
        world.resolver.settings.avoid.nets.extend(nets.iter().filter(|_| avoided));
        (1..3).for_each(|nth| world.set_forger([192, 0, 2, nth].into(), Forgery::OtherAddresses));
        let ended = world.resolve(&ask("www.example.", RecordType::A));
        assert!(ended.outcome.failure.is_some() && (doubted(&ended) == 0) == avoided, "{}", story(&ended));
        queries.push(ended.budget.queries());
    }
    assert!(queries[1] < queries[0], "{queries:?}");
}

/// What was asked for by its own name is not asked for once more because an alias led there, be it the keys of its zone
/// that are bogus or itself.
#[test]
fn what_was_asked_for_by_its_name_is_not_asked_for_so_again() {
    let asked = ask("shop.example.net.", RecordType::A);
    for forgery in [Forgery::BrokenSignatures, Forgery::OtherAddresses] {
        let mut world = World::new(&LAB, 1, 0.0, 0.0);
        let shop: Name = "shop.example.com.".parse().expect("a name");
        let (_, addrs) = servers().into_iter().find(|(zone, _)| *zone == shop).expect("it is there");
        addrs.into_iter().for_each(|addr: IpAddr| world.set_forger(addr, forgery));
        let ended = world.resolve(&asked);
        assert!(ended.outcome.failure.is_some(), "{}", story(&ended));
        assert_eq!(count(&ended, |event| matches!(event, Event::AskedByName { .. })), 0, "{}", story(&ended));
    }
}

/// RFC 8020 is believed of what is proved alone: for those who check for themselves the whole name is asked for,
/// whatever is said of a part of it.
#[test]
fn what_is_said_of_a_part_of_a_name_is_not_believed_unchecked() {
    let asked = ask("www.i.h.g.f.e.d.c.b.a.twelve.example.com.", RecordType::A);
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    LAB.authority().addresses().for_each(|addr| world.set_forger(addr, Forgery::NoSuchName));
    let ended = world.resolve_unchecked(&asked);
    assert_eq!(told(&ended.outcome), truth(&asked), "{}", story(&ended));
}

/// The names of servers are not proved, so that of a part of one nothing is believed either.
#[test]
fn what_is_said_of_a_part_of_the_name_of_a_server_is_not_believed() {
    let lab = served_by(&[("ns.of.many.prov.", &[11])], false);
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    world.set_forger([192, 0, 2, 9].into(), Forgery::NoSuchName);
    let ended = world.resolve(&ask("www.example.", RecordType::A));
    assert!(ended.outcome.secure && !ended.outcome.answer.is_empty(), "{}", story(&ended));
}

/// Who leaves out all signatures, those of the answer and those of what shows that no zone begins on the way to it, is
/// one liar, and is left out once.
#[test]
fn one_liar_is_left_out_once() {
    let records = "www.a.b.c 60 A 198.51.100.1\nold.a.b.c 60 CNAME www.a.b.c\n";
    let lab = small_lab(records, &["ns1.root.", "ns2.root."]);
    for asked in ["www.a.b.c.example.", "old.a.b.c.example."].map(|name| ask(name, RecordType::A)) {
        let mut times = 0;
        for seed in 0..8 {
            let mut world = World::new(&lab, seed, 0.0, 0.0);
            assert!(world.resolve(&ask("example.", RecordType::NS)).outcome.secure);
            world.set_forger([192, 0, 2, 1].into(), Forgery::NoSignatures);
            let ended = world.resolve(&asked);
            assert!(ended.outcome.secure && doubted(&ended) <= 1, "{}", story(&ended));
            times += doubted(&ended);
        }
        assert!(times > 0, "it was asked for {}", asked.name);
    }
}

/// Who answers for a zone that is not signed is no liar, though his answer is not either: whoever hides on the way
/// there that the zone is not signed is left out, and another one asked.
#[test]
fn who_hides_that_a_zone_is_unsigned_is_the_liar() {
    let (asked, net) = (ask("www.example.net.", RecordType::A), ask("net.", RecordType::NS).name);
    let (_, addrs) = servers().into_iter().find(|(zone, _)| *zone == net).expect("it is there");
    let (liar, mut times) = (*addrs.first().expect("it has servers"), 0);
    for seed in 0..8 {
        let mut world = World::new(&LAB, seed, 0.0, 0.0);
        world.set_forger(liar, Forgery::NoProofs);
        let ended = world.resolve(&asked);
        assert_eq!(told(&ended.outcome), truth(&asked), "{}", story(&ended));
        let is_liar = |event: &Event| matches!(event, Event::Doubted { server, .. } if server.addr == liar);
        assert!(!ended.outcome.secure && doubted(&ended) == count(&ended, is_liar), "{}", story(&ended));
        let is_passed_over = |event: &Event| matches!(event, Event::Heard { server, verdict: Verdict::Wrong(Wrong::Unproved { .. }), .. } if server.addr == liar);
        times += count(&ended, is_liar) + count(&ended, is_passed_over);
    }
    assert!(times > 0, "it was asked");
}

/// The response code is not signed: where it says that a name does not exist that has others below it, the proof
/// counts, and what is kept is what was proved. It is found again without a question, and says nothing of the names
/// below.
#[test]
fn what_is_kept_of_a_denial_is_what_was_proved() {
    let (part, below) = (ask("c.b.a.twelve.example.com.", RecordType::A), "www.i.h.g.f.e.d.c.b.a.twelve.example.com.");
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    world.resolver.settings.proofs.aggressive = false;
    LAB.authority().addresses().for_each(|addr| world.set_forger(addr, Forgery::NoSuchName));
    for queries in [100, 0] {
        let ended = world.resolve(&part);
        assert!(ended.outcome.secure && ended.budget.queries() <= queries, "{}", story(&ended));
        assert_eq!((ended.outcome.rcode, ended.outcome.answer.len()), (ResponseCode::NoError, 0), "{}", story(&ended));
        let known = world.resolver.cache.denial(&part.name, part.qtype, world.resolver.now);
        let known = known.unwrap_or_else(|| panic!("it was proved\n{}", story(&ended)));
        assert_eq!((known.kind, known.security), (DenialKind::NoData, Security::Secure), "{}", story(&ended));
    }
    let asked = ask(below, RecordType::A);
    let ended = world.resolve(&asked);
    assert_eq!(told(&ended.outcome), truth(&asked), "{}", story(&ended));
}

/// A signed zone whose servers have these addresses, told by the root as glue, or by the zone of their names alone.
fn served_by(servers: &[(&str, &[u8])], glue: bool) -> Lab {
    let lines = |line: &dyn Fn(&str, &[u8]) -> String| servers.iter().map(|(name, addrs)| line(name, addrs)).collect();
    let cuts: String = lines(&|name, _| format!("example. 3600 NS {name}\n"));
    let addrs: String =
        lines(&|name, addrs| addrs.iter().map(|addr| format!("{name} 3600 A 192.0.2.{addr}\n")).collect::<String>());
    let own: String = lines(&|name, _| format!("@ 3600 NS {name}\n"));
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let (in_root, in_prov) = if glue { (&addrs[..], "") } else { ("prov. 3600 NS ns9.\n", &addrs[..]) };
    let signed = |zone, text| (zone, ", sign = {}", text);
    let zones = [
        signed(".", format!("{soa}@ 3600 NS ns1.\nns1. 3600 A 192.0.2.1\nns9. 3600 A 192.0.2.9\n{cuts}{in_root}")),
        signed("prov.", format!("{soa}@ 3600 NS ns9.\n{in_prov}")),
        signed("example.", format!("{soa}{own}www 60 A 198.51.100.1\n")),
    ];
    let own = servers.iter().flat_map(|(_, addrs)| *addrs).map(|addr| (*addr, "example."));
    let hosts = [(1, "."), (9, "prov.")].into_iter().chain(own);
    internet(&zones, &hosts.map(|(addr, zone)| (format!("host{addr}."), addr, vec![zone])).collect::<Vec<_>>())
}

/// As long as one address of a zone's servers tells the truth, it is found, whether the addresses are known from the
/// referral or were looked up, and whatever names they have; where all lie, nobody is looked for after the last.
#[test]
fn one_address_that_tells_the_truth_is_enough() {
    let asked = ask("www.example.", RecordType::A);
    let all: [&[(&str, &[u8])]; 4] = [
        &[("ns.prov.", &[11])],
        &[("ns.prov.", &[11, 12])],
        &[("ns.prov.", &[11]), ("nt.prov.", &[12])],
        &[("ns.prov.", &[11, 12]), ("nt.prov.", &[13])],
    ];
    for (servers, glue) in all.into_iter().flat_map(|servers| [(servers, false), (servers, true)]) {
        let lab = served_by(servers, glue);
        let addrs: Vec<u8> = servers.iter().flat_map(|(_, addrs)| *addrs).copied().collect();
        for (seed, liars) in (0..4).flat_map(|seed| (0..1_u32 << addrs.len()).map(move |liars| (seed, liars))) {
            let mut world = World::new(&lab, seed, 0.0, 0.0);
            let lies = |nth: usize| liars >> nth & 1 == 1;
            for (_, addr) in addrs.iter().enumerate().filter(|(nth, _)| lies(*nth)) {
                world.set_forger([192, 0, 2, *addr].into(), Forgery::BrokenSignatures);
            }
            let ended = world.resolve(&asked);
            let true_one = (0..addrs.len()).any(|nth| !lies(nth));
            assert_eq!(ended.outcome.secure, true_one, "{servers:?} {glue} {liars:b}\n{}", story(&ended));
            let left_out = addrs.iter().filter(|addr| {
                let is_it = |event: &Event| matches!(event, Event::Doubted { server, .. } if server.addr == IpAddr::from([192, 0, 2, **addr]));
                count(&ended, is_it) > 0
            });
            assert!(left_out.count() < addrs.len(), "{servers:?} {glue} {liars:b}\n{}", story(&ended));
        }
    }
}

/// Two addresses of one server are no two that agree: what this one alone says of cuts is not believed as long as
/// another has better.
#[test]
fn a_server_with_two_addresses_does_not_agree_with_itself() {
    let lab = served_by(&[("ns.prov.", &[11, 12]), ("nt.prov.", &[13])], true);
    for seed in 0..16 {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        (11..13).for_each(|liar| world.set_forger([192, 0, 2, liar].into(), Forgery::Delegates));
        let ended = world.resolve(&ask("www.example.", RecordType::A));
        assert!(ended.outcome.secure && !ended.outcome.answer.is_empty(), "{}", story(&ended));
    }
}

/// Keys that somebody asks for prove themselves: where one server denies them, or has false ones, they are taken from
/// another, for the answer and for its proof.
#[test]
fn keys_that_are_asked_for_are_found_elsewhere() {
    let lab = served_by(&[("ns.prov.", &[11, 12])], true);
    for (seed, forgery) in (0..8).flat_map(|seed| FORGERIES.map(|forgery| (seed, forgery))) {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        world.set_forger([192, 0, 2, 11].into(), forgery);
        let ended = world.resolve(&ask("example.", RecordType::DNSKEY));
        assert!(ended.outcome.secure && !ended.outcome.answer.is_empty(), "{forgery:?}\n{}", story(&ended));
    }
}

/// What is asked for to prove an answer has a limit of its own: the cache may know it all, and each costs memory.
#[test]
fn proofs_that_the_cache_knows_are_bounded_as_well() {
    for (labels, fits) in [(40, true), (70, false)] {
        let deep = |top: &str| format!("{}{top}.", "a.".repeat(labels));
        let (first, second) = (deep("b"), deep("c"));
        let alias = format!("www 60 CNAME www.{second}\n");
        let lab = one_server(&[(&first, "", &alias), (&second, "", "www 60 A 192.0.2.80\n")]);
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        world.set_weather(1, 0.0);
        for nth in 0..labels {
            world.resolve(&ask(&format!("{}c.", "a.".repeat(nth)), RecordType::DS));
        }
        let ended = world.resolve(&ask(&format!("www.{first}"), RecordType::A));
        let goals = count(&ended, |event| matches!(event, Event::Goal { .. }));
        assert!(goals <= 128 && ended.budget.queries() < 100, "{goals}\n{}", story(&ended));
        let limits = count(&ended, |event| matches!(event, Event::LimitReached { limit: Limit::Goals, .. }));
        assert_eq!((limits == 0, ended.outcome.failure.is_none()), (fits, fits), "{goals}\n{}", story(&ended));
    }
}
