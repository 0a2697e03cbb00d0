//! Who is told to be at fault where something is bogus or does not come, and of what, and who is not.

use std::collections::BTreeMap;
use std::net::IpAddr;

use rootwalk::lab::Lab;
use rootwalk::time::Time;
use rootwalk::trace::{ChoiceWhy, Event, Transport};
use rootwalk::wire::{Question, RecordType, ede};

use super::doubt::{ask, count, doubted};
use super::stale::{SAME_KEYS, SIGNED};
use super::story;
use super::trouble::{Forgery, Trouble};
use super::world::{World, hosted, internet};

fn addr(nth: u8) -> IpAddr {
    [192, 0, 2, nth].into()
}

/// An alias in a zone with two servers, 11 and 12, to one with one, 20.
fn crossing() -> Lab {
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let glue: String = [1, 11, 12, 20].map(|nth| format!("ns{nth}. 3600 A 192.0.2.{nth}\n")).concat();
    let cuts = "a. 3600 NS ns11.\na. 3600 NS ns12.\nb. 3600 NS ns20.\n";
    let zones = [
        (".", SIGNED, format!("{soa}@ 3600 NS ns1.\n{glue}{cuts}")),
        ("a.", SIGNED, format!("{soa}@ 3600 NS ns11.\n@ 3600 NS ns12.\nalias 60 CNAME www.b.\n")),
        ("b.", SIGNED, format!("{soa}@ 3600 NS ns20.\nwww 60 A 198.51.100.1\n")),
    ];
    let hosts = [(1, "."), (11, "a."), (12, "a."), (20, "b.")];
    internet(&zones, &hosts.map(|(nth, zone)| (format!("ns{nth}."), nth, vec![zone])))
}

/// What is bogus in another zone, or what would prove it and cannot be had, is not put down to who lied about the alias
/// that led there.
#[test]
fn what_is_bogus_elsewhere_is_no_liars_fault() {
    let lab = crossing();
    for is_mute in [false, true] {
        let mut lied = 0;
        for seed in 0..8 {
            let mut world = World::new(&lab, seed, 0.0, 0.0);
            world.set_forger(addr(11), Forgery::Invents);
            world.set_forger(addr(20), Forgery::NoSignatures);
            let ended = world.resolve_through(&ask("alias.a.", RecordType::A), |ask| {
                !is_mute || ask.server.ip() != addr(20) || ask.question.qtype != RecordType::DNSKEY
            });
            let first = ended.outcome.edes().remove(0);
            let (code, said) = if is_mute { (ede::DNSKEY_MISSING, "b. is") } else { (ede::RRSIGS_MISSING, "ns20.") };
            assert!(first.code == code && first.text.contains(said), "{seed} {first:?}\n{}", story(&ended));
            lied += doubted(&ended);
        }
        assert!(lied > 0);
    }
}

/// A walk at its limits asks nobody any more: it does not ask the zone above anew, which would keep others from that.
#[test]
fn a_walk_at_its_limits_leaves_the_zone_above_alone() {
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let glue: String = [1, 11, 12].map(|nth| format!("ns{nth}. 172800 A 192.0.2.{nth}\n")).concat();
    let ns = |owner: &str| [11, 12].map(|nth| format!("{owner} 172800 NS ns{nth}.\n")).concat();
    let zones = [
        (".", SAME_KEYS, format!("{soa}@ 172800 NS ns1.\n{glue}{}", ns("a."))),
        ("a.", SAME_KEYS, format!("{soa}{}www 60 A 198.51.100.1\nftp 60 A 198.51.100.2\n", ns("@"))),
    ];
    let lab =
        internet(&zones, &[(1, "."), (11, "a."), (12, "a.")].map(|(nth, zone)| (format!("ns{nth}."), nth, vec![zone])));
    let mut lied = 0;
    for seed in 0..8 {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        assert!(world.resolve(&ask("www.a.", RecordType::A)).outcome.secure);
        world.resolver.now = world.resolver.now.plus_secs(400);
        world.set_forger(addr(11), Forgery::NoSignatures);
        world.set_trouble(addr(12), Trouble::Silent);
        world.resolver.settings.limits.queries = 4;
        let ended = world.resolve(&ask("ftp.a.", RecordType::A));
        let cut = world.resolver.cache.delegation(&ask("a.", RecordType::NS).name, world.resolver.now);
        assert!(ended.outcome.failure.is_some(), "{seed}\n{}", story(&ended));
        assert_eq!(cut.map(|cut| cut.requeried), Some(Time::ZERO), "{seed}\n{}", story(&ended));
        assert_eq!(count(&ended, |event| matches!(event, Event::AskedAnew { .. })), 0, "{seed}\n{}", story(&ended));
        lied += doubted(&ended);
    }
    assert!(lied > 0);
}

/// Nothing listens there, which somebody says at once: that is no silence, however often it is so. It is counted as
/// often as it was, also where all of its IP version is given up.
#[test]
fn who_fails_at_once_is_not_called_silent() {
    let cut = "z. 3600 NS ns8.\nz. 3600 NS ns9.\nns8. 3600 A 192.0.2.8\nns9. 3600 A 192.0.2.9\n";
    let lab = hosted(&[("other.", "", 1, "www 60 A 198.51.100.1\n")], &format!("other. 3600 NS ns1.\n{cut}"));
    let (mut world, mut resting) = (World::new(&lab, 1, 0.0, 0.0), 0);
    world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
    let mut asked: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for nth in 0..12 {
        let question = Question::new(format!("n{nth}.z.").parse().expect("a name"), RecordType::A);
        let ended = world.resolve(&question);
        assert!(ended.outcome.failure.is_some(), "{}", story(&ended));
        for entry in &ended.log {
            let Event::Asked { server, transport, choice, .. } = &entry.event else { continue };
            assert!(!choice.to_string().contains("silent"), "{choice}\n{}", story(&ended));
            let before = asked.entry(server.addr).or_default();
            if let ChoiceWhy::Resting { silences } = choice {
                resting += 1;
                assert_eq!(usize::from(*silences), *before, "{choice}\n{}", story(&ended));
            }
            *before += usize::from(*transport == Transport::Udp);
        }
    }
    assert!(resting > 0);
}
