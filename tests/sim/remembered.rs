//! What is remembered of a walk that failed (RFC 9520): that the names did that were looked for to the end, and no
//! others. Whoever has names of his own chooses where a walk comes from when it meets those of somebody else.

use std::fmt::Write as _;
use std::sync::Arc;

use rootwalk::dnssec;
use rootwalk::time::Time;
use rootwalk::trace::{Event, Failure, Limit};
use rootwalk::walk::limits::Limits;
use rootwalk::walk::{Step, Walk};
use rootwalk::wire::{Name, Question, RecordType};

use super::resolver::Ended;
use super::stale::SIGNED;
use super::story;
use super::trouble::Forgery;
use super::world::{World, hosted, internet};

fn ask(name: &str) -> Question {
    Question::new(name.parse().expect("a name"), RecordType::A)
}

fn meets(ended: &Ended, limit: Limit) -> bool {
    ended.log.iter().any(|entry| matches!(&entry.event, Event::LimitReached { limit: met, .. } if *met == limit))
}

/// Zones whose servers have names in the next one, `count` of them, each with so many servers; those of the last have
/// names in `end`.
fn row(count: usize, servers: usize, end: &str) -> String {
    (0..count).fold(String::new(), |mut cuts, nth| {
        let next = if nth + 1 == count { end.to_owned() } else { format!("e{}.", nth + 1) };
        for server in 0..servers {
            let _ = writeln!(cuts, "e{nth}. 3600 NS s{server}.{next}");
        }
        cuts
    })
}

/// Whose servers have names in another zone, and that one's in a third, as is usual, is not to be had for a walk that
/// comes from far down. Others find them.
#[test]
fn who_was_met_too_far_down_has_not_failed() {
    let mut met = 0;
    for count in 1..20 {
        let cuts = "victim. 3600 NS s0.hoster.\nhoster. 3600 NS ns4.other.\nother. 3600 NS ns3.\n".to_owned();
        let zones = [
            ("other.", "", 3, "ns4 60 A 192.0.2.4\n"),
            ("hoster.", "", 4, "s0 60 A 192.0.2.5\n"),
            ("victim.", "", 5, "www 60 A 198.51.100.1\n"),
        ];
        let lab = hosted(&zones, &(cuts + &row(count, 1, "hoster.")));
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        let far = world.resolve(&ask("www.e0."));
        met += usize::from(meets(&far, Limit::Depth));
        let ended = world.resolve(&ask("www.victim."));
        assert!(ended.outcome.failure.is_none(), "{count}\n{}\n{}", story(&far), story(&ended));
    }
    assert!(met > 0, "the limit is reached");
}

/// A walk that has met all that it may, as a slow server's neighbours have led to that before it sent the alias, does
/// not look for the other server of the zone at the end, where nothing listens on the first. Others do.
#[test]
fn an_alias_that_wears_a_walk_out_is_not_held_against_its_end() {
    let evil = (0..12).fold("evil. 3600 NS ns2.\n".to_owned(), |mut evil, nth| {
        let _ = writeln!(evil, "evil. 3600 NS s{nth}.e0.");
        evil
    });
    let victim = "victim. 3600 NS ns3.\nns3. 3600 A 192.0.2.3\nvictim. 3600 NS ns4.other.\nother. 3600 NS ns5.\n";
    let zones = [
        ("evil.", "", 2, "x 60 CNAME www.victim.\n"),
        ("victim.", "", 4, "www 60 A 198.51.100.1\n"),
        ("other.", "", 5, "ns4 60 A 192.0.2.4\n"),
    ];
    let lab = hosted(&zones, &(evil + victim + &row(12, 13, "e12.")));
    let mut world = World::new(&lab, 1, 0.0, 0.0).with_even_paths();
    world.resolver.settings.proofs = dnssec::Settings::default();
    let (queries, depth, bytes) = (u32::MAX, u32::MAX, usize::MAX);
    world.resolver.settings.limits =
        Limits { queries, failed_server_lookups: u32::MAX, depth, bytes, ..Limits::default() };
    world.slow(&[[192, 0, 2, 2].into()], 2_500);
    let worn = world.resolve(&ask("x.evil."));
    let victim = ask("victim.").name;
    let is_theirs = |failure: &Failure| matches!(failure, Failure::Servers { zone, .. } if *zone == victim);
    assert!(meets(&worn, Limit::Goals) && worn.outcome.failure.as_ref().is_some_and(is_theirs), "{}", story(&worn));
    let ended = world.resolve(&ask("www.victim."));
    assert!(ended.outcome.failure.is_none(), "{}\n{}", story(&worn), story(&ended));
}

/// Whoever wants no recursion is told what is known, and nobody is asked for him: that a zone's delegation was asked
/// for anew is not so then, and does not keep others from that.
#[test]
fn who_asks_nobody_has_not_asked_for_a_delegation_anew() {
    let lab = hosted(&[("z.", "", 2, "www 60 A 198.51.100.1\n")], "z. 3600 NS ns2.\n");
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    assert!(world.resolve(&ask("www.z.")).outcome.failure.is_none());
    let (server, zone) = ([192, 0, 2, 2].into(), ask("z.").name);
    world.resolver.now = world.resolver.now.plus_secs(400);
    for (name, secs) in [("a.z.", 0), ("b.z.", 1)] {
        let now = world.resolver.now.plus_secs(secs);
        world.resolver.servers.died(server, &zone, &ask(name), now, now);
    }
    world.resolver.now = world.resolver.now.plus_secs(2);
    let now = world.resolver.now;
    for asks_nobody in [true, false] {
        let walk = Walk::new(ask("c.z."), &world.resolver.settings, now);
        let mut walk = if asks_nobody { walk.asking_nobody() } else { walk };
        let around = &mut world.resolver.around();
        assert!(matches!(walk.step(now, None, around), Step::Wait { .. }));
        let requeried = around.cache.delegation(&zone, now).map(|cut| cut.requeried);
        assert_eq!(requeried, Some(if asks_nobody { Time::ZERO } else { now }));
    }
}

/// Nor for the keys of a zone, although the cache has something that does not fit those that are known.
#[test]
fn who_asks_nobody_leaves_what_is_known_of_keys() {
    let cut = "zone 172800 NS ns3.\n";
    let zones = [("tld.", SIGNED, 2, cut), ("zone.tld.", SIGNED, 3, "www 60 A 198.51.100.1\nftp 600 A 198.51.100.2\n")];
    let lab = hosted(&zones, "tld. 172800 NS ns2.\n");
    let (mut world, ftp) = (World::new(&lab, 1, 0.0, 0.0), ask("ftp.zone.tld."));
    world.resolver.settings.limits.bogus_retries = 0;
    assert!(world.resolve(&ask("www.zone.tld.")).outcome.secure);
    world.resolver.now = world.resolver.now.plus_secs(400);
    world.set_forger([192, 0, 2, 3].into(), Forgery::BrokenSignatures);
    world.resolve_unchecked(&ftp);
    let (now, zone) = (world.resolver.now, ask("zone.tld.").name);
    for asks_nobody in [true, false] {
        let walk = Walk::new(ftp.clone(), &world.resolver.settings, now);
        let mut walk = if asks_nobody { walk.asking_nobody() } else { walk };
        let around = &mut world.resolver.around();
        // Without the set there would be nothing that does not fit.
        let known = around.cache.set(&ftp.name, ftp.qtype, now).map(|known| (known.set, known.rank, known.from));
        assert!(matches!(walk.step(now, None, around), Step::Wait { .. }));
        let requeried = around.cache.delegation(&zone, now).map(|cut| cut.requeried);
        assert_eq!(requeried, Some(if asks_nobody { Time::ZERO } else { now }));
        known.map(|(set, rank, from)| around.cache.put_set(set, rank, from, now));
    }
}

/// Nor for a list of root servers none of whom is there, or for what of it does not fit the keys.
#[test]
fn who_asks_nobody_leaves_the_list_of_the_root() {
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let root = format!("{soa}@ 3600 NS ns9.\nns9. 3600 A 192.0.2.9\nwww. 600 A 198.51.100.1\nns1. 3600 A 192.0.2.1\n");
    let lab = internet(&[(".", SIGNED, root)], &[("ns1.", 1, vec!["."]), ("ns9.", 9, vec!["."])]);
    for is_dead in [true, false] {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        let hints = Arc::make_mut(&mut world.resolver.settings.hints);
        hints.servers = hints.servers.iter().filter(|server| server.name == ask("ns1.").name).cloned().collect();
        world.resolver.settings.limits.bogus_retries = 0;
        let (www, root, liar) = (ask("www."), Name::root(), [192, 0, 2, 9].into());
        world.set_forger(liar, Forgery::BrokenSignatures);
        for asked in [&www, &Question::new(Name::root(), RecordType::DNSKEY)] {
            assert!(world.resolve_unchecked(asked).outcome.failure.is_none());
        }
        let mut now = world.resolver.now;
        for (name, secs) in [("a.", 0), ("b.", 1)].into_iter().filter(|_| is_dead) {
            now = now.plus_secs(secs);
            world.resolver.servers.died(liar, &root, &ask(name), now, now);
        }
        for asks_nobody in [true, false] {
            let walk = Walk::new(if is_dead { ask("c.") } else { www.clone() }, &world.resolver.settings, now);
            let mut walk = if asks_nobody { walk.asking_nobody() } else { walk };
            let around = &mut world.resolver.around();
            assert!(matches!(walk.step(now, None, around), Step::Wait { .. }));
            let is_known = around.cache.set(&www.name, www.qtype, now).is_some();
            assert_eq!(
                (around.cache.delegation(&root, now).is_some(), is_known),
                (asks_nobody, asks_nobody || is_dead)
            );
        }
    }
}

/// A walk that has met its limits on one side has looked for what failed on the other side to the end.
#[test]
fn what_failed_beside_a_limit_is_remembered() {
    let cuts = "v. 3600 NS a.e0.\nv. 3600 NS a.gone.\ngone. 3600 NS ns9.\nns9. 3600 A 192.0.2.9\n".to_owned();
    let lab = hosted(&[("end.", "", 3, "s0 60 A 192.0.2.5\n")], &(cuts + &row(17, 1, "end.")));
    let mut world = World::new(&lab, 1, 0.0, 0.0).with_even_paths();
    world.slow(&[[192, 0, 2, 9].into()], 300);
    let ended = world.resolve(&ask("www.v."));
    assert!(meets(&ended, Limit::Depth), "{}", story(&ended));
    let now = world.resolver.now;
    assert!(world.resolver.cache.failure(&ask("a.e0."), now).is_none(), "{}", story(&ended));
    assert!(world.resolver.cache.failure(&ask("a.gone."), now).is_some(), "{}", story(&ended));
}

/// Two zones whose servers have names in each other, one of which has a server elsewhere as well: on the way from one
/// the address of its own server leads back to where the walk comes from. From elsewhere it does not.
#[test]
fn what_led_back_to_where_a_walk_came_from_has_not_failed() {
    let soa = "@ 3600 SOA h. a. 1 1 1 1 60\n";
    let cuts = "a. 3600 NS ns.b.\na. 3600 NS ns.c.\nb. 3600 NS ns.a.\nc. 3600 NS ns6.\nns6. 3600 A 192.0.2.6\n";
    let zones = [
        (".", ", sign = {}", format!("{soa}@ 3600 NS ns1.\nns1. 3600 A 192.0.2.1\n{cuts}")),
        ("a.", "", format!("{soa}@ 3600 NS ns.b.\n@ 3600 NS ns.c.\nns 3600 A 192.0.2.3\n")),
        ("b.", "", format!("{soa}@ 3600 NS ns.a.\nns 3600 A 192.0.2.2\nwww 60 A 198.51.100.1\n")),
        ("c.", "", format!("{soa}@ 3600 NS ns6.\nns 3600 A 192.0.2.4\n")),
    ];
    let hosts = [("ns1.", 1, "."), ("ns.b.", 2, "a."), ("ns.a.", 3, "b."), ("ns.c.", 4, "a."), ("ns6.", 6, "c.")];
    let lab = internet(&zones, &hosts.map(|(name, host, zone)| (name, host, vec![zone])));
    for seed in 0..8 {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        let first = world.resolve(&ask("www.b."));
        assert!(first.outcome.failure.is_none(), "{}", story(&first));
        let ended = world.resolve(&ask("ns.b."));
        assert!(ended.outcome.failure.is_none(), "{}\n{}", story(&first), story(&ended));
    }
}
