//! Servers that are slow, and questions that are answered only without a cookie.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use rootwalk::cache::Cookies;
use rootwalk::lab::Lab;
use rootwalk::trace::{Transport, Unreachable};
use rootwalk::walk::Walk;
use rootwalk::walk::ask::{Ask, Heard};
use rootwalk::walk::limits::Budget;
use rootwalk::wire::{Question, RecordType, edns};

use super::oddity::Oddity;
use super::world::{World, internet};
use super::{LAB, check, questions, story, worlds};

fn ask(name: &str) -> Question {
    Question::new(name.parse().expect("a name"), RecordType::A)
}

/// Everything is near, and nothing is validated.
fn near() -> World<'static> {
    let mut world = World::new(&LAB, 1, 0.0, 0.0);
    world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
    world.set_weather(20, 0.0);
    world
}

fn server(third: u8, last: u8) -> IpAddr {
    [127, 53, third, last].into()
}

/// Whoever carries the walk out stays awake for servers that are near, and for them alone.
#[test]
fn a_server_is_near_when_it_has_replied_at_once() {
    for (rtt_ms, replies_at_once) in [(0, true), (1, false)] {
        let (mut world, mut heard) = (near(), BTreeSet::new());
        world.set_weather(rtt_ms, 0.0);
        for nth in 0..4 {
            let mut asked = BTreeSet::new();
            world.resolve_through(&ask(&format!("n{nth}.example.com.")), |ask| {
                if heard.contains(&ask.server) {
                    assert_eq!(ask.near, replies_at_once, "{ask:?}");
                } else if asked.insert(ask.server) {
                    assert!(!ask.near, "{ask:?}");
                }
                true
            });
            heard.extend(asked);
        }
        assert!(heard.len() > 2, "{heard:?}");
    }
}

/// Clients wait 5 s, and so long servers that are slow have to answer: what was asked first is listened for until the
/// end. Where nothing came for so long, the next question fails soon.
#[test]
fn where_all_servers_are_slow_the_reply_to_the_first_try_counts() {
    let zones: [(&str, &[IpAddr]); 3] = [
        ("www.example.com.", &[server(2, 1), server(2, 2)]),
        ("www.example.net.", &[server(2, 5), server(2, 6)]),
        ("www.loop.lab.", &[server(3, 21)]),
    ];
    for (name, servers) in zones {
        let mut world = near();
        world.slow(servers, 60_000);
        for (asked, most_ms) in [(name.to_owned(), 4_500), (format!("again.{name}"), 1_300)] {
            let dead = world.resolve(&ask(&asked));
            assert!(dead.outcome.failure.is_some(), "{asked}: {}", story(&dead));
            assert!(dead.took <= Duration::from_millis(most_ms), "{asked}: {:?}\n{}", dead.took, story(&dead));
        }
        for rtt_ms in [900, 1_400, 1_700, 2_000, 2_500, 3_000, 4_000] {
            let mut world = near();
            world.slow(servers, rtt_ms);
            let ended = world.resolve(&ask(name));
            check(&world, &ask(name), &ended);
            let is_loop = name == "www.loop.lab.";
            assert_eq!(ended.outcome.failure.is_some(), is_loop, "{name} at {rtt_ms} ms: {}", story(&ended));
            assert!(!story(&ended).contains("no server of"), "{name} at {rtt_ms} ms: {}", story(&ended));
        }
    }
}

/// Some names take a server longer than others, and some it never answers. What it says about others meanwhile shows
/// nothing of how long these take.
#[test]
fn who_answers_most_names_at_once_has_a_second_for_the_others() {
    let alone = server(3, 21);
    for rtt_ms in [150, 300, 450, 700, 950] {
        let mut world = near();
        for nth in 0..200 {
            world.slow(&[alone], if nth % 20 == 19 { rtt_ms } else { 1 });
            world.resolver.servers.tcp_broken(alone, world.resolver.now);
            let is_silent = nth % 20 % 8 == 5;
            let ended = world.resolve_through(&ask(&format!("n{nth}.loop.lab.")), |ask| {
                ask.server.ip() != alone || ask.transport == Transport::Udp && !is_silent
            });
            let told = || format!("{nth} at {rtt_ms} ms, after {:?}: {}", ended.took, story(&ended));
            assert_eq!(ended.outcome.failure.is_some(), is_silent, "{}", told());
            // Longer than failures are remembered at first.
            world.resolver.now = world.resolver.now + Duration::from_secs(8);
        }
    }
}

/// A zone with eight servers, all with glue. Its aliases have names so short that each is asked about by itself.
pub(crate) fn eight_servers() -> Lab {
    let ns: String =
        (1..=8).map(|nth| format!("zone. 3600 NS ns{nth}.zone.\nns{nth}.zone. 3600 A 192.0.2.{nth}\n")).collect();
    let soa = "@ 30 SOA h. a. 1 1 1 1 60\n";
    let root = format!("{soa}@ 3600 NS ns9.\nns9. 3600 A 192.0.2.9\n{ns}");
    let zone = format!("{soa}{ns}*.w 300 A 192.0.2.80\na 300 CNAME b\nb 300 CNAME c.w\n");
    let servers = (1..=8).map(|nth| (format!("ns{nth}.zone."), nth, vec!["zone."]));
    let servers: Vec<_> = servers.chain([("ns9.".to_owned(), 9, vec!["."])]).collect();
    internet(&[(".", ", sign = {}", root), ("zone.", ", sign = {}", zone)], &servers)
}

/// The one server that is alive takes 3.4 s, and may have its turn so late that a question is over before it answers.
/// That is not held against it: after a few questions its turn is early enough, and from then on all have answers.
#[test]
fn a_slow_server_that_had_its_turn_late_is_not_given_up() {
    let lab = eight_servers();
    for (slow, seed) in (1..=8_u8).flat_map(|slow| (1..=10).map(move |seed| (slow, seed))) {
        let mut world = World::new(&lab, seed, 0.0, 0.0);
        world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
        world.set_weather(20, 0.0);
        for nth in 1..=8_u8 {
            world.slow(&[[192, 0, 2, nth].into()], if nth == slow { 3_400 } else { 60_000 });
        }
        for nth in 0..6 {
            let ended = world.resolve(&ask(&format!("n{nth}.w.zone.")));
            let told = || format!("ns{slow}, seed {seed}, question {nth}: {}", story(&ended));
            assert!(nth < 3 || ended.outcome.failure.is_none(), "{}", told());
        }
    }
}

/// One of a zone's two servers truncates what it says, and is silent over TCP: that is found out, and whoever meets it
/// from then on is not held up.
#[test]
fn a_server_that_truncates_and_does_without_tcp_holds_nobody_up_for_long() {
    for seed in 0..20 {
        let mut world = World::new(&LAB, seed, 0.0, 0.0);
        world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
        world.set_weather(20, 0.0);
        world.set_odd(server(2, 1), Oddity::TruncatesSilent);
        let mut took = Vec::new();
        for nth in 0..20 {
            let ended = world.resolve(&ask(&format!("n{nth}.example.com.")));
            assert!(ended.outcome.failure.is_none(), "{}", story(&ended));
            took.push(ended.took.as_millis());
        }
        // Three silences in a row are believed (RFC 9520 §3.1).
        let slow = took.iter().filter(|took| **took > 150).count();
        assert!(slow <= 3 && took.iter().all(|took| *took < 550), "{seed}: {took:?}");
    }
}

/// RFC 4074 §4.1: the one server of a zone says nothing to questions for AAAA. What it does answer does not hang on a
/// single packet because of that: of ten, one gets lost. For the rest nobody waits as for somebody who is slow.
#[test]
fn a_server_that_is_silent_about_a_type_answers_for_the_others() {
    let (mut asked, mut lost, mut slow) = (0, 0, 0);
    for seed in 0..40 {
        let mut world = World::new(&LAB, seed, 0.0, 0.0);
        world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
        world.set_weather(20, 0.1);
        for nth in 0..16 {
            for qtype in [RecordType::AAAA, RecordType::A] {
                let question = Question::new(format!("n{nth}.loop.lab.").parse().expect("a name"), qtype);
                let passes = |ask: &Ask| ask.question.qtype != RecordType::AAAA || ask.server.ip() != server(3, 21);
                let ended = world.resolve_through(&question, passes);
                // The first questions show how it is.
                let counts = nth >= 4 && qtype == RecordType::A;
                slow += usize::from(nth >= 4 && ended.took > Duration::from_secs(4));
                asked += usize::from(counts);
                lost += usize::from(counts && ended.outcome.failure.is_some());
            }
        }
    }
    assert!(lost * 200 <= asked && slow * 50 <= asked, "of {asked} {lost} are lost, and {slow} took long");
}

/// One of two servers of each top-level domain leaves out glue: the other one has it, and is asked for it.
#[test]
fn a_server_that_leaves_out_glue_does_not_speak_for_the_others() {
    for seed in 0..8_u8 {
        let mut world = World::new(&LAB, seed.into(), 0.0, 0.0);
        (1..=10).filter(|last| last % 2 == seed % 2).for_each(|last| world.set_odd(server(1, last), Oddity::NoGlue));
        for sample in LAB.healthy() {
            let ended = world.resolve(&sample.ask);
            check(&world, &sample.ask, &ended);
            assert!(ended.outcome.failure.is_none(), "{}", story(&ended));
        }
    }
}

fn has_cookie(ask: &Ask) -> bool {
    ask.edns.as_ref().is_some_and(|edns| edns.option(edns::COOKIE).is_some())
}

/// Two packets that get lost look like a server that is silent to cookies. It is shown one the next time, and so are
/// all others.
#[test]
fn two_lost_packets_are_no_reason_to_do_without_cookies() {
    for (nsid, only) in [(false, server(3, 23)), (true, server(3, 23)), (false, server(3, 24))] {
        let mut world = near();
        world.resolver.settings.nsid = nsid;
        let mut asks: BTreeMap<IpAddr, Vec<bool>> = BTreeMap::new();
        let mut unadorned = 0;
        let ended = world.resolve_through(&ask("www.chain8.lab."), |ask| {
            if ask.transport == Transport::Udp {
                asks.entry(ask.server.ip()).or_default().push(has_cookie(ask));
                unadorned += usize::from(ask.edns.as_ref().is_some_and(|edns| edns.options.is_empty()));
            }
            ask.server.ip() != only || asks[&only].len() > 2
        });
        assert!(ended.outcome.failure.is_none(), "{}", story(&ended));
        let shown = asks.remove(&only).expect("it was asked");
        assert_eq!(shown[..3], [true, true, false], "the third try is without");
        assert!(shown.len() > 3 && shown[3..].iter().all(|shown| *shown), "and those after it are not: {shown:?}");
        assert!(asks.len() > 5 && asks.values().flatten().all(|shown| *shown), "{asks:?}");
        assert_eq!(unadorned, 1, "without any option");
    }
}

/// That a server which is silent over UDP answers over TCP says nothing of its cookies: there it is shown them as well.
#[test]
fn silence_over_udp_is_no_reason_to_do_without_cookies() {
    let mut world = near();
    let zone = [server(2, 1), server(2, 2)];
    let mut tcp = Vec::new();
    for nth in 0..3 {
        let ended = world.resolve_through(&ask(&format!("n{nth}.example.com.")), |ask| {
            let over_tcp = ask.transport == Transport::Tcp;
            tcp.extend(over_tcp.then(|| has_cookie(ask)));
            over_tcp || !zone.contains(&ask.server.ip())
        });
        assert!(ended.outcome.failure.is_none(), "{}", story(&ended));
    }
    assert!(tcp.len() >= 3 && tcp.iter().all(|shown| *shown), "{tcp:?}");
    for addr in zone {
        assert_eq!(world.resolver.servers.state(addr, world.resolver.now).cookies, Cookies::Unknown, "{addr}");
    }
}

/// Where nothing with a cookie comes through, that is noticed, of each server and of all that are new.
#[test]
fn where_cookies_are_lost_questions_do_without() {
    for transports in [&[Transport::Udp][..], &[Transport::Udp, Transport::Tcp]] {
        let mut world = near();
        let passes = |ask: &Ask| !has_cookie(ask) || !transports.contains(&ask.transport);
        let mut took = Vec::new();
        for nth in 0..12 {
            let ended = world.resolve_through(&ask(&format!("n{nth}.example.com.")), passes);
            took.push((ended.took, ended.budget.queries()));
            assert!(ended.outcome.failure.is_none(), "{}", story(&ended));
        }
        println!("{transports:?}: {took:?}");
        // It is believed of each of the two servers the second time.
        let slow = took[1..].iter().filter(|(took, _)| *took > Duration::from_millis(100));
        assert!(slow.count() <= 4, "{took:?}");
    }
}

/// What this machine cannot send says nothing of those to whom it was to go: once it can, all is as it was before.
#[test]
fn what_this_machine_cannot_send_is_held_against_nobody() {
    let (asked, later) = (ask("www.example.com."), ask("mail.example.com."));
    let usual = near().resolve(&later);
    for why in
        [Unreachable::Local, Unreachable::OutOfFiles, Unreachable::NoPort, Unreachable::Forbidden, Unreachable::Crowded]
    {
        let mut world = near();
        for _ in 0..8 {
            let nothing = |ask: &Ask, _| (Duration::ZERO, Heard::nothing(ask.id, why));
            let ended = world.resolver.resolve(&asked, nothing);
            assert!(ended.outcome.failure.is_some(), "{}", story(&ended));
            // The failure itself is remembered for minutes at most.
            world.resolver.now = world.resolver.now.plus_secs(301);
        }
        for addr in LAB.authority().addresses() {
            let state = world.resolver.servers.state(addr, world.resolver.now);
            assert_eq!((state.silences, state.srtt), (0, None), "{why:?}: {addr}");
        }
        let ended = world.resolve(&later);
        let told = (ended.took, ended.budget.queries());
        assert_eq!(told, (usual.took, usual.budget.queries()), "{why:?}: {}", story(&ended));
    }
}

/// Where the settings want none, nobody is shown a cookie, whatever happens; and what happens then says nothing of
/// those that servers are shown when the settings are others.
#[test]
fn no_cookie_is_shown_where_none_is_wanted() {
    for seed in worlds(4) {
        let mut world = World::new(&LAB, seed, 0.3, 0.3);
        world.resolver.settings.cookies = false;
        for question in questions() {
            world.resolve_through(&question, |ask| {
                assert!(!has_cookie(ask), "{ask:?}");
                true
            });
        }
        for addr in LAB.authority().addresses() {
            let known = world.resolver.servers.state(addr, world.resolver.now).cookies;
            assert_eq!(known, Cookies::Unknown, "{addr}");
        }
    }
}

/// A second look for the same client (DNS64) may find nothing left to spend: that is no failure of what it looks for.
#[test]
fn a_walk_that_inherits_a_spent_budget_remembers_no_failure() {
    let mut world = near();
    let asked = ask("www.example.com.");
    let spent = Budget::new(&world.resolver.settings.limits, world.resolver.now);
    world.resolver.now = spent.deadline();
    let second = Walk::new(asked.clone(), &world.resolver.settings, world.resolver.now).on_budget(&spent);
    let ended = world.resolver.finish(second, |ask, _| panic!("there is nothing left for {ask:?}"));
    assert!(ended.outcome.failure.is_some());
    let ended = world.resolve(&ask("www.example.com."));
    assert!(ended.outcome.failure.is_none(), "{}", story(&ended));
}
