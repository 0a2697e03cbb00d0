//! Forwarders that are silent, slow, or answer over TCP alone: one, two and three of them.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rootwalk::lab::Lab;
use rootwalk::trace::{Event, RouteKind, Transport};
use rootwalk::walk::{Route, Routes};
use rootwalk::wire::{Question, RecordType};

use super::patience::eight_servers;
use super::resolver::Ended;
use super::story;
use super::world::World;

/// What a forwarder is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Silent,
    /// It takes so many milliseconds: it looks the name up itself.
    Slow(u64),
    /// Nothing comes over UDP.
    TcpAlone,
    /// The same, and it is slow.
    SlowOverTcp(u64),
}

use Kind::{Silent, Slow, SlowOverTcp, TcpAlone};

/// Before clients give up, which they do after 5 s.
const IN_TIME: Duration = Duration::from_millis(4500);

/// A world in which the questions for a zone go to these forwarders, which `then` are of another kind, and questions to
/// it, one after the other: so many before that and after it.
fn ask((kinds, then): (&[Kind], &[Kind]), fallback: bool, seed: u64, questions: usize) -> Vec<Ended> {
    static SERVERS: LazyLock<Lab> = LazyLock::new(eight_servers);
    let mut world = World::new(&SERVERS, seed, 0.0, 0.0);
    world.resolver.settings.proofs = rootwalk::dnssec::Settings::default();
    world.set_weather(20, 0.0);
    let addr = |nth: usize| IpAddr::from([192, 0, 2, u8::try_from(nth + 1).expect("few")]);
    let addrs: Vec<_> = (0..kinds.len()).map(|nth| (addr(nth), None)).collect();
    let mut route = Route::new(RouteKind::Forward, "zone.".parse().expect("a name"), &addrs);
    route.fallback = fallback;
    world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
    let question = |nth| Question::new(format!("n{nth}.w.zone.").parse().expect("a name"), RecordType::A);
    let mut ended = Vec::new();
    for nth in 0..2 * questions {
        let kinds = if nth < questions { kinds } else { then };
        for (nth, kind) in kinds.iter().enumerate() {
            match kind {
                Slow(rtt_ms) => world.slow(&[addr(nth)], *rtt_ms),
                // The handshake takes a round trip of its own.
                SlowOverTcp(rtt_ms) => world.slow(&[addr(nth)], rtt_ms / 2),
                Silent | TcpAlone => {}
            }
        }
        ended.push(world.resolve_through(&question(nth), |ask| {
            match (0..kinds.len()).find(|nth| addr(*nth) == ask.server.ip()).map(|nth| kinds[nth]) {
                Some(Silent) => fallback && !ask.rd,
                Some(TcpAlone | SlowOverTcp(_)) => ask.transport == Transport::Tcp,
                Some(Slow(_)) | None => true,
            }
        }));
        // Long enough that no failure is remembered, and nobody rests.
        world.resolver.now = world.resolver.now + Duration::from_secs(if nth % 2 == 0 { 1 } else { 20 });
    }
    ended
}

fn each(most: usize, with: &[Kind]) -> Vec<Vec<Kind>> {
    (0..most).fold(vec![Vec::new()], |lists, _| {
        lists.iter().flat_map(|list| with.iter().map(|kind| [&list[..], &[*kind]].concat())).collect()
    })
}

/// Clients learn why there is no answer, and not that there is nobody: each forwarder was asked over UDP and TCP by
/// then.
#[test]
fn silent_forwarders_are_given_up_before_clients_give_up() {
    for (count, seed) in [1, 2, 3].into_iter().flat_map(|count| (0..20).map(move |seed| (count, seed))) {
        let silent = vec![Silent; count];
        for (nth, ended) in ask((&silent, &silent), false, seed, 3).iter().enumerate() {
            let told = || format!("{count} forwarders, question {nth} after {:?}\n{}", ended.took, story(ended));
            assert!(ended.outcome.failure.is_some() && ended.took <= IN_TIME, "{}", told());
            let over = |transport: Transport| {
                let asked = ended.log.iter().filter_map(|entry| match &entry.event {
                    Event::Asked { server, transport: over, .. } if *over == transport => Some(server.addr),
                    _ => None,
                });
                asked.collect::<std::collections::BTreeSet<_>>().len()
            };
            assert!(nth > 0 || over(Transport::Udp) == count && over(Transport::Tcp) == count, "{}", told());
        }
        for kind in [Slow(20), Slow(500), Slow(1_700), Slow(3_000), TcpAlone, SlowOverTcp(1_500)] {
            for ended in &ask((&vec![kind; count], &silent), false, seed, 3)[3..] {
                let told = || format!("{count} times {kind:?} before, after {:?}\n{}", ended.took, story(ended));
                assert!(ended.outcome.failure.is_some() && ended.took <= IN_TIME, "{}", told());
            }
        }
        let ended = &ask((&silent, &silent), true, seed, 1)[0];
        assert!(ended.outcome.failure.is_none() && ended.took < IN_TIME, "{:?}\n{}", ended.took, story(ended));
    }
}

/// That another one is asked, or it once more, does not mean that it is not listened to.
#[test]
fn the_one_forwarder_that_works_is_used() {
    let works = |kind: &Kind| *kind != Silent;
    let all = [Silent, Slow(1_000), Slow(1_700), Slow(3_000), TcpAlone, SlowOverTcp(1_500)];
    for kinds in [1, 2, 3].into_iter().flat_map(|count| each(count, &all)).filter(|kinds| kinds.iter().any(works)) {
        for seed in 0..4 {
            for (nth, ended) in ask((&kinds, &kinds), false, seed, 3).iter().enumerate() {
                let told = || format!("{kinds:?}, question {nth} after {:?}\n{}", ended.took, story(ended));
                assert!(ended.outcome.failure.is_none() && ended.took <= IN_TIME, "{}", told());
                if let ([Slow(rtt_ms)], 0) = (&kinds[..], nth) {
                    assert_eq!(ended.took, Duration::from_millis(*rtt_ms), "{}", told());
                }
            }
        }
    }
}
