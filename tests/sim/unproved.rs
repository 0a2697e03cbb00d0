//! What a signed zone says of the unsigned ones below it without the proof that it owes, and from whom the proofs are
//! had.

use std::net::IpAddr;
use std::time::Duration;

use rootwalk::dnssec::{NegativeAnchor, NegativeAnchors};
use rootwalk::lab::Lab;
use rootwalk::trace::{Event, Verdict, Wrong};
use rootwalk::walk::minimise::Minimisation;
use rootwalk::wire::{RecordType, ResponseCode};

use super::doubt::{ask, count, doubted};
use super::forgery::small_lab;
use super::oddity::Oddity;
use super::story;
use super::trouble::{Denies, Forgery, Trouble};
use super::world::{World, internet};

/// A zone whose server is none.
const DEAD: &str = "dead. 3600 NS ns.dead.\nns.dead. 3600 A 192.0.2.99\n";

/// A signed zone with three servers, and an unsigned one below it that these serve.
fn with_unsigned_cut(servers: &[u8]) -> Lab {
    with_unsigned_cut_at(&[(11, 11), (12, 12), (13, 13)], servers)
}

/// The same, the signed one having these servers: the number of the name, and that of an address.
fn with_unsigned_cut_at(own: &[(u8, u8)], servers: &[u8]) -> Lab {
    let host = |host: u8| format!("ns{host}.");
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let ns =
        |at: &str, hosts: &[u8]| hosts.iter().map(|nth| format!("{at} 3600 NS {}\n", host(*nth))).collect::<String>();
    let addrs = own.iter().copied().chain([(1, 1), (20, 20)]);
    let glue: String = addrs.clone().map(|(nth, addr)| format!("{} 3600 A 192.0.2.{addr}\n", host(nth))).collect();
    let mut own: Vec<u8> = own.iter().map(|(nth, _)| *nth).collect();
    own.dedup();
    let signed = ", sign = {}";
    let zones = [
        (
            ".",
            signed,
            format!("{soa}{}{glue}{}{DEAD}alias 60 CNAME www.uns.example.\n", ns("@", &[1]), ns("example.", &own)),
        ),
        ("example.", signed, format!("{soa}{}{}", ns("@", &own), ns("uns", servers))),
        ("uns.example.", "", format!("{soa}{}www 60 A 198.51.100.1\naway 60 CNAME www.dead.\n", ns("@", servers))),
    ];
    let zones_of = |nth: u8| {
        let has = [(".", nth == 1), ("example.", own.contains(&nth)), ("uns.example.", servers.contains(&nth))];
        has.into_iter().filter(|(_, has)| *has).map(|(zone, _)| zone).collect()
    };
    let hosts = addrs.map(|(nth, addr)| (format!("host{addr}."), addr, zones_of(nth)));
    internet(&zones, &hosts.collect::<Vec<_>>())
}

/// From now on nothing is validated at and below `zone` (RFC 7646).
fn set_exempt(world: &mut World<'_>, zone: &str) {
    let now = world.resolver.now;
    let anchor = NegativeAnchor { zone: zone.parse().expect("a name"), expires: now.plus_secs(60), until_secs: None };
    world.resolver.settings.proofs.negative = NegativeAnchors::new([anchor], 0, now);
}

/// RFC 4035 §5.4: who denies in the name of a signed zone has to prove it, also where the name turns out to lie in an
/// unsigned one below. Of servers that do not, another is heard first, and the second that says the same is believed;
/// whoever has both zones speaks for the lower one by its SOA record, and is believed at once.
#[test]
fn who_denies_an_unsigned_cut_in_the_name_of_a_signed_zone_is_not_believed_alone() {
    let asked = ask("www.uns.example.", RecordType::A);
    let lab = with_unsigned_cut(&[20]);
    let ways = [Denies::NameBare, Denies::Name, Denies::TypeBare, Denies::Type].into_iter();
    let ways = ways.flat_map(|denies| [Minimisation::Off, Minimisation::Relaxed].map(|shown| (denies, shown)));
    for (denies, minimisation) in ways {
        for (seed, liars) in (0..8).flat_map(|seed| [(seed, 1), (seed, 3)]) {
            let mut world = World::new(&lab, seed, 0.0, 0.0);
            world.resolver.settings.minimisation = minimisation;
            (11..11 + liars).for_each(|nth| world.set_forger([192, 0, 2, nth].into(), Forgery::DeniesCuts(denies)));
            // What was told to somebody who checks for himself keeps nobody from the truth.
            if seed % 2 == 0 {
                world.resolve_unchecked(&asked);
            }
            let ended = world.resolve(&asked);
            let told = format!("{denies:?} {minimisation:?} {liars} {seed}\n{}", story(&ended));
            assert!(ended.outcome.failure.is_none() && !ended.outcome.secure, "{told}");
            assert_eq!(ended.outcome.answer.len(), usize::from(liars == 1), "{told}");
            let is_bare = |event: &Event| matches!(event, Event::Heard { verdict: Verdict::Wrong(Wrong::Bare), .. });
            assert!(doubted(&ended) <= 1 && count(&ended, is_bare) <= 3, "{told}");
            let is_asked = |event: &Event| matches!(event, Event::Asked { .. });
            // What was believed is so for its time, whoever asks, and for what.
            if liars == 3 && matches!(denies, Denies::Name | Denies::NameBare) {
                let other = world.resolve(&ask("www.uns.example.", RecordType::AAAA));
                assert_eq!(
                    (other.outcome.rcode, count(&other, is_asked)),
                    (ResponseCode::NXDomain, 0),
                    "{}",
                    story(&other)
                );
            }
        }
    }
    // Where nothing is to be proved, the first is believed.
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    assert!(world.resolve(&ask("example.", RecordType::NS)).outcome.secure);
    set_exempt(&mut world, "uns.example.");
    (11..14).for_each(|nth| world.set_forger([192, 0, 2, nth].into(), Forgery::DeniesCuts(Denies::Name)));
    let ended = world.resolve(&asked);
    assert_eq!((ended.outcome.rcode, doubted(&ended)), (ResponseCode::NXDomain, 0), "{}", story(&ended));
    let lab = with_unsigned_cut(&[11, 12, 13]);
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    world.resolver.settings.minimisation = Minimisation::Off;
    let ended = world.resolve(&ask("none.uns.example.", RecordType::A));
    assert_eq!((ended.outcome.rcode, doubted(&ended)), (ResponseCode::NXDomain, 0), "{}", story(&ended));
    assert!(ended.outcome.failure.is_none() && !ended.outcome.secure, "{}", story(&ended));
}

/// Two addresses of a server do not agree with each other, as one that is out of date has the same to say at both.
#[test]
fn one_server_with_two_addresses_is_not_believed_alone_either() {
    let lab = with_unsigned_cut_at(&[(11, 11), (11, 12), (13, 13)], &[20]);
    for (denies, seed) in
        [Denies::Name, Denies::Type].into_iter().flat_map(|denies| (0..40).map(move |seed| (denies, seed)))
    {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        world.resolver.settings.minimisation = Minimisation::Off;
        (11..13).for_each(|nth| world.set_forger([192, 0, 2, nth].into(), Forgery::DeniesCuts(denies)));
        let ended = world.resolve(&ask("www.uns.example.", RecordType::A));
        assert_eq!(ended.outcome.answer.len(), 1, "{denies:?} {seed}\n{}", story(&ended));
    }
}

/// Where the others have nothing to say, what is denied so is the answer.
#[test]
fn who_owes_a_proof_is_believed_when_nobody_else_is_heard() {
    let lab = with_unsigned_cut(&[20]);
    let (zone, asked) = (ask("example.", RecordType::NS), ask("www.uns.example.", RecordType::A));
    for trouble in [Trouble::Silent, Trouble::Refuses, Trouble::Fails, Trouble::Lame] {
        for (denies, seed) in [Denies::Name, Denies::Type].into_iter().flat_map(|denies| [(denies, 0), (denies, 1)]) {
            let mut world = World::new(&lab, seed, 0.0, 0.0);
            world.resolver.settings.minimisation = Minimisation::Off;
            assert!(world.resolve(&zone).outcome.secure);
            world.set_forger([192, 0, 2, 11].into(), Forgery::DeniesCuts(denies));
            (12..14).for_each(|nth| world.set_trouble([192, 0, 2, nth].into(), trouble));
            let ended = world.resolve(&asked);
            let rcode = if denies == Denies::Name { ResponseCode::NXDomain } else { ResponseCode::NoError };
            assert!(ended.outcome.failure.is_none() && !ended.outcome.secure, "{trouble:?}\n{}", story(&ended));
            assert_eq!((ended.outcome.rcode, ended.outcome.answer.len()), (rcode, 0), "{}", story(&ended));
            // Once: nobody who was silent is asked again for it.
            assert_eq!(doubted(&ended), 1, "{}", story(&ended));
            let (no_name, liar) = (denies == Denies::Name, IpAddr::from([192, 0, 2, 11]));
            let said = if no_name { Verdict::NxDomain } else { Verdict::NoData };
            let is_it = |event: &Event| matches!(event, Event::LastResort { server, verdict, .. } if server.addr == liar && *verdict == said);
            assert_eq!(count(&ended, is_it), 1, "{}", story(&ended));
        }
    }
}

/// Who is dead beside one that owes a proof is not waited for until clients have given up, which they do after 5 s.
#[test]
fn what_is_denied_without_proof_comes_before_the_client_is_gone() {
    let lab = with_unsigned_cut_at(&[(11, 11), (12, 12)], &[20]);
    for seed in 0..8 {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        assert!(world.resolve(&ask("example.", RecordType::NS)).outcome.secure);
        world.set_forger([192, 0, 2, 11].into(), Forgery::DeniesCuts(Denies::Name));
        world.set_trouble([192, 0, 2, 12].into(), Trouble::Silent);
        let ended = world.resolve(&ask("www.uns.example.", RecordType::A));
        assert_eq!((ended.outcome.rcode, doubted(&ended)), (ResponseCode::NXDomain, 1), "{}", story(&ended));
        assert!(ended.took <= Duration::from_millis(4500), "{:?}\n{}", ended.took, story(&ended));
    }
}

/// What one server denies without proof is no last word where another has shown by a referral that there is more, and
/// who could tell is not to be had, nor where there is an alias: be it denied now, or to somebody before who checks for
/// himself.
#[test]
fn what_is_denied_without_proof_is_nothing_where_others_refer() {
    let lab = with_unsigned_cut(&[20]);
    let ways = ["www", "away"].into_iter().flat_map(|label| [(label, false), (label, true)]);
    for (seed, (label, is_known)) in ways.flat_map(|way| (0..8).map(move |seed| (seed, way))) {
        let asked = ask(&format!("{label}.uns.example."), RecordType::A);
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        assert!(world.resolve(&ask("example.", RecordType::NS)).outcome.secure);
        let liars = if is_known { 11..14 } else { 11..12 };
        liars.for_each(|nth| world.set_forger([192, 0, 2, nth].into(), Forgery::DeniesCuts(Denies::Name)));
        if is_known {
            world.resolve_unchecked(&asked);
            world.end_forgeries();
        }
        if label == "www" {
            world.set_trouble([192, 0, 2, 20].into(), Trouble::Silent);
        }
        let ended = world.resolve(&asked);
        assert_eq!(ended.outcome.rcode, ResponseCode::ServFail, "{seed}\n{}", story(&ended));
    }
}

/// Nor does it say anything against it that the alias that led there cannot be had any more, which lies in another zone
/// below.
#[test]
fn what_is_denied_without_proof_counts_although_the_alias_is_gone() {
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let glue: String = [1, 11, 12, 20].map(|nth| format!("ns{nth}. 3600 A 192.0.2.{nth}\n")).concat();
    let own = "@ 3600 NS ns11.\n@ 3600 NS ns12.\nuns 3600 NS ns1.\nsub 3600 NS ns20.\n";
    let zones = [
        (".", ", sign = {}", format!("{soa}@ 3600 NS ns1.\n{glue}example. 3600 NS ns11.\nexample. 3600 NS ns12.\n")),
        ("example.", ", sign = {}", format!("{soa}{own}")),
        ("sub.example.", "", format!("{soa}@ 3600 NS ns20.\nalias 0 CNAME www.uns.example.\n")),
    ];
    let hosts = [(1, "."), (11, "example."), (12, "example."), (20, "sub.example.")];
    let lab = internet(&zones, &hosts.map(|(nth, zone)| (format!("ns{nth}."), nth, vec![zone])));
    let sub = IpAddr::from([192, 0, 2, 20]);
    for seed in 0..8 {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        assert!(world.resolve(&ask("alias.sub.example.", RecordType::CNAME)).outcome.failure.is_none());
        [11, 12]
            .into_iter()
            .for_each(|nth| world.set_forger([192, 0, 2, nth].into(), Forgery::DeniesCuts(Denies::Name)));
        let mut asked = 0;
        let ended = world.resolve_through(&ask("alias.sub.example.", RecordType::A), |ask| {
            asked += u32::from(ask.server.ip() == sub);
            ask.server.ip() != sub || asked < 2
        });
        assert_eq!((ended.outcome.rcode, doubted(&ended)), (ResponseCode::NXDomain, 1), "{}", story(&ended));
    }
}

/// That somebody has lied about a zone above says nothing against it.
#[test]
fn what_is_denied_without_proof_counts_although_another_has_lied_before() {
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let glue: String = [1, 2, 11, 12].map(|nth| format!("ns{nth}. 3600 A 192.0.2.{nth}\n")).concat();
    let cuts = "example. 3600 NS ns11.\nexample. 3600 NS ns12.\nalias 60 CNAME www.uns.example.\n";
    let own = "@ 3600 NS ns11.\n@ 3600 NS ns12.\nuns 3600 NS ns11.\n";
    let zones = [
        (".", ", sign = {}", format!("{soa}@ 3600 NS ns1.\n@ 3600 NS ns2.\n{glue}{cuts}")),
        ("example.", ", sign = {}", format!("{soa}{own}")),
    ];
    let hosts = [1, 2, 11, 12].map(|nth| (format!("ns{nth}."), nth, vec![if nth < 10 { "." } else { "example." }]));
    let lab = internet(&zones, &hosts);
    let mut lied = 0;
    for seed in 0..16 {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        assert!(world.resolve(&ask("example.", RecordType::NS)).outcome.secure);
        world.set_forger([192, 0, 2, 1].into(), Forgery::BrokenSignatures);
        world.set_forger([192, 0, 2, 11].into(), Forgery::DeniesCuts(Denies::Name));
        world.set_trouble([192, 0, 2, 12].into(), Trouble::Silent);
        let ended = world.resolve(&ask("alias.", RecordType::A));
        assert_eq!(ended.outcome.rcode, ResponseCode::NXDomain, "{seed}\n{}", story(&ended));
        lied += doubted(&ended) - 1;
    }
    assert!(lied > 0);
}

/// What the cache had, and counts when nobody is heard, is not told as what somebody has said who was asked for the
/// alias that led there.
#[test]
fn what_the_cache_denied_is_not_told_as_what_was_heard() {
    let lab = with_unsigned_cut(&[20]);
    let mut world = World::new(&lab, 0, 0.0, 0.0);
    world.resolver.settings.minimisation = Minimisation::Off;
    (11..14).for_each(|nth| world.set_forger([192, 0, 2, nth].into(), Forgery::DeniesCuts(Denies::Name)));
    world.resolve_unchecked(&ask("www.uns.example.", RecordType::A));
    world.end_forgeries();
    assert!(world.resolve(&ask("uns.example.", RecordType::DS)).outcome.secure);
    [11, 12, 13, 20].into_iter().for_each(|nth| world.set_trouble([192, 0, 2, nth].into(), Trouble::Silent));
    let ended = world.resolve(&ask("alias.", RecordType::A));
    assert_eq!(ended.outcome.rcode, ResponseCode::NXDomain, "{}", story(&ended));
    assert_eq!(count(&ended, |event| matches!(event, Event::LastResort { .. })), 0, "{}", story(&ended));
}

/// A zone may have no server that proves its unsigned cuts. The second that says the same is believed, none is shown
/// more of the name for it, and where nothing is to be proved (RFC 7646) the first is.
#[test]
fn cuts_that_no_server_proves_cost_a_zone_one_question_more() {
    let lab = with_unsigned_cut(&[20]);
    let asked = ask("www.uns.example.", RecordType::A);
    for (seed, exempt) in (0..8).flat_map(|seed| [(seed, false), (seed, true)]) {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        if exempt {
            set_exempt(&mut world, "example.");
        }
        for nth in [11, 12, 13] {
            world.set_forger([192, 0, 2, nth].into(), Forgery::BareReferrals);
        }
        let ended = if exempt { world.resolve(&asked) } else { world.resolve_unchecked(&asked) };
        assert_eq!((ended.outcome.rcode, ended.outcome.answer.len()), (ResponseCode::NoError, 1), "{}", story(&ended));
        let is_unproved =
            |event: &Event| matches!(event, Event::Heard { verdict: Verdict::Wrong(Wrong::Unproved { .. }), .. });
        assert_eq!(count(&ended, is_unproved), if exempt { 0 } else { 2 }, "{}", story(&ended));
        let shows = |event: &Event| match event {
            Event::Asked { name, zone, .. } => *name == asked.name && zone.label_count() < 2,
            _ => false,
        };
        assert_eq!(count(&ended, shows), 0, "{}", story(&ended));
    }
}

/// Without EDNS a signed zone has nothing to say that could be proved: who does not understand a question with a cookie
/// is asked with EDNS and without the cookie, be that complaint in a reply with EDNS or in none.
#[test]
fn a_signed_zone_is_had_from_who_fails_at_cookies() {
    let lab = small_lab("www 60 A 198.51.100.1\n", &["ns1.root."]);
    let asked = ask("www.example.", RecordType::A);
    for (oddity, is_had) in
        [(Oddity::FormErrToCookies, true), (Oddity::BareFormErrToCookies, true), (Oddity::NoEdns, false)]
    {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        world.set_odd([192, 0, 2, 1].into(), oddity);
        let ended = world.resolve(&asked);
        assert_eq!(ended.outcome.secure && !ended.outcome.answer.is_empty(), is_had, "{}", story(&ended));
    }
}
