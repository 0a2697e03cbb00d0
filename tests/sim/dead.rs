//! Zones whose servers are dead, or some of them, or were: what each new name costs, and when they are back.

use std::net::IpAddr;
use std::time::Duration;

use rootwalk::trace::{Avoided, Entry, Event};
use rootwalk::walk::ask::Ask;
use rootwalk::walk::{Step, Walk};
use rootwalk::wire::{Question, RecordType, ede};

use super::resolver::Ended;
use super::trouble::Trouble;
use super::world::{Families, World, hosted};
use super::{LAB, check, story, worlds};

const SECOND: Duration = Duration::from_secs(1);
/// What it may take to see whether somebody near is back: two tries, with 400 and 800 ms, and the way there.
const LOOK: Duration = Duration::from_millis(1_250);
/// As long as clients wait: for somebody who may be slow, at first and now and then.
const LONG_LOOK: Duration = Duration::from_millis(4_550);

fn ask(name: &str) -> Question {
    Question::new(name.parse().expect("a name"), RecordType::A)
}

fn server(third: u8, last: u8) -> IpAddr {
    [127, 53, third, last].into()
}

/// Zones and their servers: two with addresses of their own, and one alone.
fn zones() -> [(&'static str, Vec<IpAddr>); 3] {
    [
        ("example.com.", vec![server(2, 1), server(2, 2)]),
        ("example.net.", vec![server(2, 5), server(2, 6)]),
        ("loop.lab.", vec![server(3, 21)]),
    ]
}

/// Everything is near, and nothing is validated.
fn near(seed: u64) -> World<'static> {
    let mut world = World::new(&LAB, seed, 0.0, 0.0);
    world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
    world.set_weather(20, 0.0);
    world
}

/// A new name of a zone whose servers are dead.
fn ask_dead(world: &mut World<'_>, nth: usize, (zone, servers): (&str, &[IpAddr])) -> Ended {
    ask_counted(world, nth, (zone, servers)).0
}

/// The same, and how many queries were sent to them.
fn ask_counted(world: &mut World<'_>, nth: usize, (zone, servers): (&str, &[IpAddr])) -> (Ended, u32) {
    let mut queries = 0;
    let ended = world.resolve_through(&ask(&format!("n{nth}.{zone}")), |ask| {
        let is_dead = servers.contains(&ask.server.ip());
        queries += u32::from(is_dead);
        !is_dead
    });
    (ended, queries)
}

/// Whether nobody has asked the servers of a zone. Who they are, and where, is asked for anew now and then.
fn is_left_alone(ended: &Ended) -> bool {
    let is_alone = |entry: &Entry| matches!(entry.event, Event::NotAsked { why: Avoided::Dead { .. }, .. });
    let is_asked = |entry: &Entry| matches!(entry.event, Event::Late { .. });
    let is_alone = ended.log.iter().any(is_alone) && !ended.log.iter().any(is_asked);
    assert!(!is_alone || ended.took < SECOND / 10 && ended.budget.queries() <= 3, "{}", story(ended));
    is_alone
}

/// RFC 9520 §3.2: once two questions have come to nothing, a new name fails at once and says why, but for one question
/// when a rest is over. The rests are twice as long each time, and five minutes at most.
#[test]
fn new_names_of_a_dead_zone_fail_at_once() {
    for (zone, servers) in zones() {
        for (is_known, gap_ms) in
            [false, true].into_iter().flat_map(|known| [100, 1_000, 30_000].map(|gap| (known, gap)))
        {
            let mut world = near(1);
            if is_known {
                world.resolve(&ask(&format!("www.{zone}")));
            }
            let began = world.resolver.now;
            let (mut spent, mut queries, mut looks, mut long) = (Duration::ZERO, 0, 0_u32, 0_u32);
            for nth in 0..200 {
                let (ended, sent) = ask_counted(&mut world, nth, (zone, &servers));
                let told = || format!("{zone} {is_known} {gap_ms}, {nth}: {:?}\n{}", ended.took, story(&ended));
                let codes: Vec<u16> = ended.outcome.edes().iter().map(|ede| ede.code).collect();
                assert_eq!(codes, [ede::NO_REACHABLE_AUTHORITY, ede::NETWORK_ERROR], "{}", told());
                assert!(ended.took <= LONG_LOOK, "{}", told());
                looks += u32::from(!is_left_alone(&ended));
                long += u32::from(ended.took > LOOK);
                spent += ended.took;
                queries += sent;
                world.resolver.now = world.resolver.now + Duration::from_millis(gap_ms);
            }
            // Rests of 5, 10, 20, 40, 80, 160 and then 300 seconds. Where nobody but them was asked for a while, this
            // machine may have been cut off, so that one look more is due.
            let secs = (world.resolver.now - began).as_secs();
            let rests = (secs / 5 + 1).ilog2().min(7) + u32::try_from(secs / 300).expect("few") + 1;
            let most_looks = 1 + rests + rests / 2;
            assert!(looks <= 1 + most_looks, "{zone}: {looks} looks in {secs} s");
            let most_long = 1 + most_looks / 3;
            assert!(long <= most_long, "{zone}: {long} long looks in {secs} s");
            let most = LONG_LOOK * most_long + LOOK * most_looks + SECOND / 10 * most_looks;
            assert!(spent <= most, "{zone}: {spent:?} in {secs} s");
            let most_queries = 11 + 2 * most_looks * u32::try_from(servers.len()).expect("few");
            assert!(queries <= most_queries, "{zone}: {queries} queries in {secs} s");
        }
    }
}

/// What the trace says of a server that is left alone is so: since when nothing has come, and when it is asked again.
#[test]
fn who_is_left_alone_is_asked_again_when_the_trace_says() {
    let [(zone, servers), ..] = zones();
    let mut world = near(1);
    let began = world.resolver.now;
    // For less than five minutes: then the zone above is asked, and that it answers shows that this machine, which has
    // heard nobody else meanwhile, is not cut off.
    let mut nth = 0;
    while world.resolver.now - began < SECOND * 120 {
        nth += 1;
        let asked = world.resolver.now;
        let ended = ask_dead(&mut world, nth, (zone, &servers));
        let alone = ended.log.iter().find_map(|entry| match entry.event {
            Event::NotAsked { why: Avoided::Dead { silent_secs, left_secs }, .. } => Some((silent_secs, left_secs)),
            _ => None,
        });
        assert_eq!(alone.is_some(), is_left_alone(&ended), "{}", story(&ended));
        let Some((silent_secs, left_secs)) = alone else { continue };
        let text = ended.outcome.edes()[0].text.to_string();
        let told = format!("it has been silent for {silent_secs} s, and is asked again in {left_secs} s");
        assert!(text.contains(&told), "{text}");
        assert!((world.resolver.now - began).as_secs().abs_diff(silent_secs) <= 1, "{silent_secs}");
        assert!((1..=300).contains(&left_secs), "RFC 9520 §3.2: {left_secs}");
        if left_secs > 1 {
            world.resolver.now = asked.plus_secs(left_secs - 1);
            let before = ask_dead(&mut world, 100 + nth, (zone, &servers));
            assert!(is_left_alone(&before), "{nth}, {left_secs} s: a second before: {}", story(&before));
        }
        world.resolver.now = asked.plus_secs(left_secs);
        let then = ask_dead(&mut world, 200 + nth, (zone, &servers));
        assert!(!is_left_alone(&then), "{nth}, {left_secs} s: then: {}", story(&then));
    }
}

/// A zone is away for as long again as it was dead, and no longer than five minutes; with the first answer all of it is
/// back, the names among it that nobody was asked for.
#[test]
fn a_zone_that_is_back_is_noticed() {
    for (nth, (zone, servers)) in zones().into_iter().enumerate() {
        for dead_secs in [1, 7, 60, 600, 4_000] {
            let mut world = near(1);
            if nth == 0 {
                // Its keys are asked for beside the name.
                world.resolver.settings.proofs = World::new(&LAB, 1, 0.0, 0.0).resolver.settings.proofs;
            }
            let died = world.resolver.now;
            let mut nth = 0;
            let mut alone = Vec::new();
            while world.resolver.now - died < SECOND * dead_secs {
                if is_left_alone(&ask_dead(&mut world, nth, (zone, &servers))) {
                    alone.push(nth);
                }
                nth += 1;
                world.resolver.now = world.resolver.now + SECOND * 3;
            }
            let back = world.resolver.now;
            let most = (back - died + SECOND * 10).min(SECOND * 300);
            while world.resolve(&ask(&format!("n{nth}.{zone}"))).outcome.failure.is_some() {
                nth += 1;
                world.resolver.now = world.resolver.now + SECOND;
                assert!(world.resolver.now - back <= most, "{zone} after {dead_secs} s");
            }
            for nth in alone.into_iter().chain(nth..nth + 20) {
                let ended = world.resolve(&ask(&format!("n{nth}.{zone}")));
                assert!(ended.outcome.failure.is_none() && ended.took < LOOK, "{}", story(&ended));
            }
        }
    }
}

/// While one question sees whether a zone is back, others do not; one that is looked up in what is known and not asked
/// holds nobody up.
#[test]
fn one_question_at_a_time_sees_whether_a_zone_is_back() {
    let [(zone, servers), ..] = zones();
    for asks_nobody in [false, true] {
        let mut world = near(1);
        (0..4).for_each(|nth| drop(ask_dead(&mut world, nth, (zone, &servers))));
        world.resolver.now = world.resolver.now + SECOND * 20;
        let now = world.resolver.now;
        let mut around = world.resolver.around();
        let mut begin = |name: &str| {
            let walk = Walk::new(ask(&format!("{name}.{zone}")), around.settings, now);
            let mut walk = if asks_nobody { walk.asking_nobody() } else { walk };
            match walk.step(now, None, &mut around) {
                Step::Wait { asks, .. } => asks.len(),
                Step::Done(_) => 0,
            }
        };
        assert_eq!(begin("a"), servers.len(), "side by side");
        assert_eq!([begin("b"), begin("c")], [if asks_nobody { servers.len() } else { 0 }; 2]);
    }
}

/// RFC 4074 §4.1: who is silent to one type answers the others, also after many questions for the one alone.
#[test]
fn silence_to_one_type_says_nothing_of_the_others() {
    for (zone, servers) in zones() {
        let mut world = near(1);
        let passes = |ask: &Ask| ask.question.qtype != RecordType::AAAA || !servers.contains(&ask.server.ip());
        for nth in 0..12 {
            let aaaa = Question::new(format!("n{nth}.{zone}").parse().expect("a name"), RecordType::AAAA);
            assert!(world.resolve_through(&aaaa, passes).outcome.failure.is_some());
            world.resolver.now = world.resolver.now + SECOND;
        }
        for nth in 0..12 {
            let ended = world.resolve_through(&ask(&format!("n{nth}.{zone}")), passes);
            assert!(ended.outcome.failure.is_none() && ended.took < SECOND / 2, "{nth}: {}", story(&ended));
        }
    }
}

/// Asks for names at the same moment, from whose servers nothing comes; others ask for more meanwhile, and get it.
fn ask_in_vain_together(world: &mut World<'_>, names: &[String], meanwhile: Option<&str>) {
    let (settings, now) = (&world.resolver.settings, world.resolver.now);
    let mut walks: Vec<Walk> = names.iter().map(|name| Walk::new(ask(name), settings, now)).collect();
    while !walks.is_empty() {
        let (now, mut next) = (world.resolver.now, None);
        let mut around = world.resolver.around();
        walks.retain_mut(|walk| match walk.step(now, None, &mut around) {
            Step::Wait { wake, .. } => {
                next = Some(next.map_or(wake, |next| wake.min(next)));
                true
            }
            Step::Done(outcome) => {
                assert!(outcome.failure.is_some());
                false
            }
        });
        if let Some(zone) = meanwhile {
            let ended = world.resolve(&ask(&format!("m{}.{zone}", now.micros())));
            assert!(ended.outcome.failure.is_none() && !is_left_alone(&ended), "{}", story(&ended));
        }
        world.resolver.now = next.unwrap_or_default().max(world.resolver.now);
    }
}

/// Some servers drop what is asked of some names, or too much at once. Whoever answers the others is not dead: neither
/// when two such names are asked at the same moment, nor when others are answered between them.
#[test]
fn who_is_silent_to_some_names_alone_is_not_dead() {
    for (zone, servers) in zones() {
        for (at_once, is_busy) in [1, 2, 5].into_iter().flat_map(|at_once| [false, true].map(|busy| (at_once, busy))) {
            let mut world = near(1);
            assert!(world.resolve(&ask(&format!("n.{zone}"))).outcome.failure.is_none());
            for nth in 0..8 {
                let dropped: Vec<String> = (0..at_once).map(|other| format!("d{nth}x{other}.{zone}")).collect();
                ask_in_vain_together(&mut world, &dropped, is_busy.then_some(zone));
                // Each of them answers something.
                for (other, server) in servers.iter().enumerate() {
                    let name = format!("n{nth}x{other}.{zone}");
                    let passes = |ask: &Ask| !servers.contains(&ask.server.ip()) || ask.server.ip() == *server;
                    let ended = world.resolve_through(&ask(&name), passes);
                    let told = || format!("{at_once} at once, {nth}: {}", story(&ended));
                    assert!(ended.outcome.failure.is_none() && !is_left_alone(&ended), "{}", told());
                }
                world.resolver.now = world.resolver.now + SECOND;
            }
        }
    }
}

/// Some servers drop what they are asked of zones that they do not have. Whoever delegates such a zone to them does not
/// make them look dead to the zones that they do have.
#[test]
fn who_is_dead_to_one_zone_is_alive_to_another() {
    let text = "* 300 A 192.0.2.80\n";
    let zones = [("good.", "", 2, text), ("dropped.", "", 2, text)];
    let lab = hosted(&zones, "good. 3600 NS ns2.\ndropped. 3600 NS ns2.\n");
    let mut world = World::new(&lab, 1, 0.0, 0.0);
    world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
    let dropped = "dropped.".parse().expect("a name");
    let passes = |ask: &Ask| ask.server.ip() != IpAddr::from([192, 0, 2, 2]) || !ask.question.name.is_within(&dropped);
    for nth in 0..8 {
        for other in 0..4 {
            let lost = world.resolve_through(&ask(&format!("n{nth}x{other}.dropped.")), passes);
            assert!(lost.outcome.failure.is_some());
        }
        let ended = world.resolve_through(&ask(&format!("n{nth}.good.")), passes);
        assert!(ended.outcome.failure.is_none() && ended.took < SECOND, "{nth}: {}", story(&ended));
        world.resolver.now = world.resolver.now + SECOND;
    }
}

/// This machine was cut off for a while: when it is not any more, all zones that were asked meanwhile are back within
/// seconds, and with the first answer at once.
#[test]
fn an_outage_of_this_machine_leaves_no_zone_alone() {
    for outage_secs in [5, 60, 1_000] {
        let mut world = near(1);
        zones().iter().for_each(|(zone, _)| drop(world.resolve(&ask(&format!("www.{zone}")))));
        let began = world.resolver.now;
        let mut nth = 0;
        while world.resolver.now - began < SECOND * outage_secs {
            for (zone, _) in zones() {
                world.resolve_through(&ask(&format!("n{nth}.{zone}")), |_| false);
            }
            nth += 1;
            world.resolver.now = world.resolver.now + SECOND;
        }
        let back = world.resolver.now;
        for (nth, (zone, _)) in zones().iter().enumerate() {
            for name in 0.. {
                let ended = world.resolve(&ask(&format!("back{name}.{zone}")));
                if ended.outcome.failure.is_none() {
                    break;
                }
                // What is known of servers ends with the first answer; that the address of a server could not be found,
                // after five seconds.
                let is_address = story(&ended).contains("recent failure ns");
                let told = || format!("{zone} after {outage_secs} s: {}", story(&ended));
                assert!(world.resolver.now - back <= SECOND * 5 && (nth == 0 || is_address), "{}", told());
                world.resolver.now = world.resolver.now + SECOND / 4;
            }
        }
    }
}

/// RFC 9520 §3.2, §3.3: the zone above a dead one is asked for its delegation anew once in five minutes, also where it
/// gives no answer itself, and whatever is asked.
#[test]
fn the_zone_above_a_dead_one_is_spared() {
    let [(zone, servers), ..] = zones();
    for trouble in [Trouble::None, Trouble::Fails, Trouble::Refuses] {
        for is_new in [false, true] {
            let mut world = near(1);
            world.resolve(&ask(&format!("www.{zone}")));
            let com: Vec<IpAddr> = (1..20).map(|last| server(1, last)).collect();
            com.iter().for_each(|addr| world.set_trouble(*addr, trouble));
            world.resolver.now = world.resolver.now + SECOND * 400;
            let began = world.resolver.now;
            let mut above = Vec::new();
            for nth in 0..40 {
                let name = if is_new { format!("n{nth}.{zone}") } else { format!("n.{zone}") };
                let mut queries = 0;
                world.resolve_through(&ask(&name), |ask| {
                    queries += u32::from(com.contains(&ask.server.ip()));
                    !servers.contains(&ask.server.ip())
                });
                above.push(queries);
                world.resolver.now = world.resolver.now + SECOND * 5;
            }
            assert!(world.resolver.now - began < SECOND * 300);
            let asked = above.iter().filter(|queries| **queries > 0).count();
            assert_eq!(asked, 1, "{trouble:?} {is_new}: {above:?}");
        }
    }
}

/// One of two servers is dead and the other one of no use: the dead one is not waited for at each new name.
#[test]
fn who_is_dead_beside_who_is_lame_holds_nobody_up() {
    let [(zone, servers), ..] = zones();
    for trouble in [Trouble::Fails, Trouble::Lame, Trouble::Refuses, Trouble::Sideways] {
        let mut world = near(1);
        world.set_trouble(servers[0], trouble);
        let mut slow = 0;
        for nth in 0..60 {
            let ended = ask_dead(&mut world, nth, (zone, &servers[1..]));
            assert!(ended.outcome.failure.is_some());
            slow += usize::from(ended.took > SECOND / 5);
            world.resolver.now = world.resolver.now + SECOND;
        }
        assert!(slow <= 6, "{trouble:?}: {slow} of 60 took long");
    }
}

/// One of two servers dies: who is alive is asked beside it, so that only the first questions take longer.
#[test]
fn who_is_dead_beside_who_is_alive_holds_nobody_up() {
    let [(zone, servers), ..] = zones();
    for seed in 0..8 {
        for is_known in [false, true] {
            let mut world = near(seed);
            if is_known {
                world.resolve(&ask(&format!("www.{zone}")));
            }
            let mut slow = 0;
            // Within the quarter of an hour for which the silences are remembered.
            for nth in 0..250 {
                let ended = ask_dead(&mut world, nth, (zone, &servers[..1]));
                check(&world, &ask(&format!("n{nth}.{zone}")), &ended);
                assert!(ended.outcome.failure.is_none() && ended.took < SECOND / 2, "{}", story(&ended));
                slow += usize::from(ended.took > SECOND / 10);
                world.resolver.now = world.resolver.now + SECOND * 3;
            }
            assert!(slow <= 3, "{seed} {is_known}: {slow} of 250 took long");
        }
    }
}

/// A server that was dead and has come back slow, as over another path, is found and then waited for.
#[test]
fn who_comes_back_slow_is_noticed() {
    let [(zone, servers), ..] = zones();
    for rtt_ms in [1_000, 2_000, 3_000, 4_000] {
        let mut world = near(1);
        (0..40).for_each(|nth| {
            ask_dead(&mut world, nth, (zone, &servers));
            world.resolver.now = world.resolver.now + SECOND * 5;
        });
        world.slow(&servers, rtt_ms);
        let back = world.resolver.now;
        let mut nth = 40;
        while world.resolve(&ask(&format!("n{nth}.{zone}"))).outcome.failure.is_some() {
            nth += 1;
            world.resolver.now = world.resolver.now + SECOND * 5;
            assert!(world.resolver.now - back <= SECOND * 1_300, "{rtt_ms} ms");
        }
        for nth in nth..nth + 10 {
            let ended = world.resolve(&ask(&format!("n{nth}.{zone}")));
            assert!(ended.outcome.failure.is_none(), "{rtt_ms} ms: {}", story(&ended));
        }
    }
}

/// Nobody knows yet that an IP version leads nowhere: a walk that has waited for it in vain does not wait for it again,
/// not even where it looks whether somebody is better than was thought.
#[test]
fn an_ip_version_that_leads_nowhere_costs_a_walk_one_patience() {
    let healthy: Vec<Question> = LAB.healthy().iter().map(|sample| sample.ask.clone()).collect();
    let mut again = 0;
    for seed in worlds(10) {
        for question in &healthy {
            let mut world = World::with_families(&LAB, seed, 0.0, 0.0, Families::SixDead).with_even_paths();
            let ended = world.resolve(question);
            let over = |entry: &Entry, six: bool| match &entry.event {
                Event::Asked { server, .. } => server.addr.is_ipv6() == six,
                _ => false,
            };
            let is_silence =
                |entry: &&Entry| matches!(&entry.event, Event::Late { server, .. } if server.addr.is_ipv6());
            let Some(first) = ended.log.iter().find(is_silence) else { continue };
            for later in ended.log.iter().filter(|entry| entry.at_us >= first.at_us && over(entry, true)) {
                let beside =
                    |other: &&Entry| over(other, false) && (other.at_us, other.goal) == (later.at_us, later.goal);
                assert!(ended.log.iter().any(|other| beside(&other)), "world {seed}: {}", story(&ended));
                again += 1;
            }
        }
    }
    assert!(again > 0, "nobody has looked a second time");
}

/// Once an IP version is known to lead nowhere, who is asked over it now and then, to see whether it does again, is
/// asked beside somebody who can be reached: that costs one query and no time. When it leads somewhere again, that is
/// seen.
#[test]
fn nobody_waits_for_an_ip_version_that_leads_nowhere() {
    const RTT: Duration = Duration::from_millis(10);
    let (mut tried, mut asked) = (0, 0);
    for seed in worlds(10) {
        let mut world = World::with_families(&LAB, seed, 0.0, 0.0, Families::SixDead).with_even_paths();
        world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
        let is_known = |world: &World<'_>| world.resolver.servers.family_is_given_up(IpAddr::from([0; 16]));
        let resolve = |world: &mut World<'_>, nth: usize| world.resolve(&ask(&format!("n{nth}.example.com.")));
        let is_found = (0..1_000).any(|nth| {
            resolve(&mut world, nth);
            is_known(&world)
        });
        assert!(is_found, "world {seed}");
        for nth in 1_000..1_100 {
            let ended = resolve(&mut world, nth);
            let over_six =
                |entry: &&Entry| matches!(&entry.event, Event::Asked { server, .. } if server.addr.is_ipv6());
            let over_six = u32::try_from(ended.log.iter().filter(over_six).count()).expect("few");
            assert_eq!((ended.took, ended.budget.queries()), (RTT, 1 + over_six), "{}", story(&ended));
            (tried, asked) = (tried + over_six, asked + 1);
        }
        world.end_silence();
        let is_seen = (2_000..2_400).any(|nth| {
            resolve(&mut world, nth);
            !is_known(&world)
        });
        assert!(is_seen, "world {seed}: nobody learns that it leads somewhere again");
    }
    assert!(tried > 0 && tried < asked / 10, "{tried} looks, {asked} questions");
}
