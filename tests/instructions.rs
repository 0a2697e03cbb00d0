//! What a hit and a walk cost in instructions, which repeat exactly where times do not: callgrind counts them.
//!
//! The count is that of this (unoptimised) build and toolchain; it is here to show what a change does to these
//! paths, not how fast the program is (docs/performance.md).
#![expect(clippy::expect_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "of the simulator a count of instructions needs the calm part")]
#[path = "sim/oddity.rs"]
mod oddity;
#[expect(dead_code, reason = "of the simulator this needs the calm part")]
#[path = "common/resolver.rs"]
mod resolver;
#[expect(dead_code, reason = "of the simulator a count of instructions needs the calm part")]
#[path = "sim/trouble.rs"]
mod trouble;
#[expect(dead_code, reason = "of the simulator this needs the calm part")]
#[path = "sim/world.rs"]
mod world;

use std::process::Command;

use rootwalk::cache::{AnswerKey, Cache, Put, Rank, Ready, TtlLimits};
use rootwalk::lab::Lab;
use rootwalk::time::Time;
use rootwalk::trace::Source;
use rootwalk::wire::{
    Edns, Extras, Flags, PlainAnswer, QueryView, Question, RecordType, ResponseCode, RrSet, write_query,
};

use world::World;

/// Instructions for one hit. When a change makes fewer, the number goes down with it; a new compiler may move it.
const HIT: u64 = 10_870;

/// Instructions for one walk from the root through three zones that are not known, the lab's own servers and the making
/// of an empty cache included. Nothing is validated: that would be the instructions of a signature.
const WALK: u64 = 2_800_000;

/// Says how often the loop runs, in the process that callgrind watches.
const TIMES: &str = "ROOTWALK_TIMES";

fn times() -> u32 {
    std::env::var(TIMES).map_or(1, |times| times.parse().expect("a number"))
}

/// Reads, finds and writes as often as it is told to; without being told, once.
#[test]
fn hits() {
    let question = Question::new("www.example.com".parse().expect("a name"), RecordType::A);
    let set = RrSet::new(question.name.clone(), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
    assert_eq!(cache.put_set(set.clone(), Rank::AuthAnswer, Source::Local, Time::ZERO), Put::Stored);
    let key = AnswerKey { qname_wire: question.name.wire(), qtype: 1, dnssec_ok: true, checking_disabled: false };
    assert!(cache.mark_plain(&key, &set, false, Time::ZERO));
    let (mut bytes, mut out) = (Vec::new(), Vec::with_capacity(512));
    write_query(7, &question, Flags::default().with_rd(true), Some(&Edns::new(1232, true)), &mut bytes);
    for _ in 0..times() {
        out.clear();
        let query = QueryView::read(&bytes).expect("a good query");
        let key = AnswerKey { qname_wire: query.qname_wire(), ..key };
        let plain = cache.ready(&key, Time::from_secs(1), None).and_then(Ready::plain).expect("a fresh answer");
        let answer = PlainAnswer { ttl_secs: plain.ttl_secs, rdatas: plain.data(), sigs: plain.sigs.block() };
        answer.respond(&query, &Extras { udp_size: 1232, ..Extras::default() }, query.udp_limit(), &mut out);
    }
    assert_eq!(out.len(), 60);
}

/// Walks as often as it is told to, each time in a world of which nothing is known.
#[test]
fn walks() {
    let lab = Lab::embedded(1_790_000_000).expect("the lab that is compiled in");
    let question = Question::new("www.example.com".parse().expect("a name"), RecordType::A);
    for _ in 0..times() {
        let mut world = World::new(&lab, 1, 0.0, 0.0);
        world.resolver.settings.proofs.anchors = Default::default();
        assert_eq!(world.resolve(&question).outcome.rcode, ResponseCode::NoError);
    }
}

/// Instructions of the whole process when the loop of `test` runs so often.
fn instructions(test: &str, times: u32) -> u64 {
    let program = std::env::current_exe().expect("this test");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--exact", test, "--test-threads=1"])
        .env(TIMES, times.to_string())
        .output()
        .expect("valgrind is there: ./test installs it");
    let told = String::from_utf8_lossy(&output.stderr);
    let count = told.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count.trim().parse());
    count.unwrap_or_else(|| panic!("callgrind counts: {told}")).expect("a number")
}

#[test]
fn a_hit_takes_no_more_instructions_than_it_did() {
    let (few, many) = (instructions("hits", 1000), instructions("hits", 3000));
    let hit = (many - few) / 2000;
    println!("{hit} instructions");
    assert!(hit <= HIT + HIT / 20, "{hit} instructions instead of {HIT}");
}

#[test]
fn a_walk_takes_no_more_instructions_than_it_did() {
    let (few, many) = (instructions("walks", 2), instructions("walks", 12));
    let walk = (many - few) / 10;
    println!("{walk} instructions");
    assert!(walk <= WALK + WALK / 20, "{walk} instructions instead of {WALK}");
}
