//! Delegations that change while they are known: a zone moves, or is taken away, and those who served it go on as if
//! nothing had happened. They give long lives to everything they say about themselves, and are asked all the time.
//! Whatever they do, they are not believed for longer than the parent's TTL and that of what was learned within it
//! (ghost domains, CVE-2012-1033; phoenix domains, CVE-2022-30698). Where they are gone, the parent is asked where the
//! zone is before its TTL is over.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng};
use rootwalk::lab::{Lab, Reaction};
use rootwalk::time::Time;
use rootwalk::wire::{Question, RecordType, ResponseCode};

use super::resolver::{Resolver, listen, query_bytes, refused, settings};
use super::world::internet;
use super::{story, told, truth_in, worlds};

const ROOT: u8 = 1;
const PARENT: u8 = 2;
/// Who serves the zone at first, and who later.
const OLD: [u8; 2] = [10, 11];
const NEW: [u8; 2] = [20, 21];

/// TTLs of one world, in seconds.
struct Lives {
    /// The NS set at the parent.
    cut: u32,
    /// Data of the zone.
    data: u32,
    /// What the zone says about its own servers: as long as it likes.
    own: u32,
}

fn addr(host: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, host).into()
}

/// The zone `moved.test.` on these servers; nowhere when there is none.
fn lab(hosts: &[u8], lives: &Lives) -> Lab {
    let Lives { cut, data, own } = lives;
    let mut root = "@ 3600 SOA h. a. 1 1 1 1 60\n@ 3600 NS ns.root.\n".to_owned();
    let _ = writeln!(root, "ns.root. 3600 A {}\ntest. 3600 NS ns.test.\nns.test. 3600 A {}", addr(ROOT), addr(PARENT));
    let mut parent = "@ 3600 SOA h. a. 1 1 1 1 60\n@ 3600 NS ns.test.\n".to_owned();
    let _ = writeln!(parent, "ns.test. 3600 A {}", addr(PARENT));
    let mut child = format!("@ {data} SOA h. a. 1 1 1 1 60\n");
    let mut servers = vec![("ns.root.".to_owned(), ROOT, vec!["."]), ("ns.test.".to_owned(), PARENT, vec!["test."])];
    for host in hosts {
        let _ = writeln!(parent, "moved {cut} NS ns{host}.moved\nns{host}.moved {cut} A {}", addr(*host));
        let _ =
            writeln!(child, "@ {own} NS ns{host}\nns{host} {own} A {}\nwww {data} A 198.51.100.{host}", addr(*host));
        let _ = writeln!(child, "deep.er {data} TXT \"{host}\"");
        servers.push((format!("ns{host}.moved.test."), *host, vec!["moved.test."]));
    }
    let _ = writeln!(child, "alias {data} CNAME www");
    let zones = [(".", "", root), ("test.", "", parent), ("moved.test.", "", child)];
    internet(&zones[..if hosts.is_empty() { 2 } else { 3 }], &servers)
}

fn questions() -> Vec<Question> {
    let ask = |(name, qtype): (&str, _)| Question::new(name.parse().expect("a name"), qtype);
    let types = [RecordType::A, RecordType::TXT, RecordType::NS];
    let names = ["www.moved.test.", "alias.moved.test.", "deep.er.moved.test.", "moved.test.", "none.moved.test."];
    let servers = [10, 11, 20, 21].map(|host| format!("ns{host}.moved.test."));
    let of_zone = names.iter().flat_map(|name| types.map(|qtype| ask((name, qtype))));
    of_zone.chain(servers.iter().map(|name| ask((name, RecordType::A)))).collect()
}

/// What those do who served the zone.
#[derive(Clone, Copy, PartialEq)]
enum Old {
    /// They answer for ever.
    Stay,
    /// They are not there any more.
    Leave,
}

/// One world: `before`, and from some moment on `after`. Says how many answers were held against what is then true.
fn world(seed: u64, moves: bool, old: Old) -> usize {
    let mut rng = StdRng::seed_from_u64(seed);
    let lives = Lives {
        cut: *[30, 300, 3_600].choose(&mut rng).expect("one of them"),
        data: *[1, 60, 600].choose(&mut rng).expect("one of them"),
        own: *[5, 3_600, 604_800].choose(&mut rng).expect("one of them"),
    };
    let (before, after) = (lab(&OLD, &lives), lab(if moves { &NEW } else { &[] }, &lives));
    let mut resolver = Resolver::new(settings(before.root_hints(), 53), seed);
    resolver.settings.minimisation = if seed.is_multiple_of(2) {
        rootwalk::walk::minimise::Minimisation::Off
    } else {
        rootwalk::walk::minimise::Minimisation::Relaxed
    };
    let change = Time::from_secs(rng.random_range(1..100));
    // The addresses of servers are data of their own zone, so they may live for as long as it says, a day at most.
    let longest = |question: &Question| {
        let of_server = question.name.to_string().starts_with("ns") || question.qtype == RecordType::NS;
        Duration::from_secs(if of_server { lives.own.clamp(300, 86_400) } else { lives.data.max(60) }.into())
    };
    let all = questions();
    let mut held = 0;
    for _ in 0..300 {
        let step = *[0, 1, 7, 40, 200, 2_000].choose(&mut rng).expect("one of them");
        resolver.now = resolver.now + Duration::from_secs(step);
        let question = all.choose(&mut rng).expect("a question");
        let began = resolver.now;
        let ended = resolver.resolve(question, |ask, now| {
            let path = Duration::from_millis(10);
            let query = query_bytes(ask, 1);
            let now_there = if now >= change { &after } else { &before };
            let react = |lab: &Lab| lab.authority().react(ask.server.ip(), ask.transport, &query, 0);
            match react(now_there).or_else(|| (old == Old::Stay).then(|| react(&before)).flatten()) {
                Some(Reaction::Packets(packets)) => listen(ask, 1, packets, path),
                None | Some(Reaction::Refused) => refused(ask, path),
            }
        });
        // Where nobody answers any more, the parent is asked anew when it was last asked five minutes ago, by a walk
        // that is made when the failure of the one before is forgotten.
        let cut = if old == Old::Stay { lives.cut } else { lives.cut.min(600) };
        if began < change + Duration::from_secs(cut.into()) + longest(question) + Duration::from_secs(10) {
            continue;
        }
        held += 1;
        let truth = truth_in(&after, question);
        assert_eq!(told(&ended.outcome), truth, "world {seed}: {question:?}\n{}", story(&ended));
        assert!(moves || truth.0 == ResponseCode::NXDomain, "nothing is left of the zone");
    }
    held
}

#[test]
fn a_zone_that_moved_is_followed_and_one_that_is_gone_is_forgotten() {
    let mut held = 0;
    for seed in worlds(30) {
        for old in [Old::Stay, Old::Leave] {
            held += world(seed, true, old) + world(seed, false, old);
        }
    }
    println!("{held} answers after the change");
    assert!(held > 0 || std::env::var_os("SIM_SEED").is_some(), "no world lasts long enough");
}
