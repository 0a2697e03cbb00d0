//! What a hit costs in instructions, which repeat exactly where times do not: callgrind counts them.
//!
//! The count is that of this (unoptimised) build and toolchain; it is here to show what a change does to the hot path,
//! not how fast the program is (docs/performance.md).
#![expect(clippy::expect_used, reason = "a test that cannot go on should stop")]

use std::process::Command;

use rootwalk::cache::{AnswerKey, Cache, Put, Rank, TtlLimits};
use rootwalk::time::Time;
use rootwalk::trace::Source;
use rootwalk::wire::{Edns, Extras, Flags, PlainAnswer, QueryView, Question, RecordType, RrSet, write_query};

/// Instructions for one hit. When a change makes fewer, the number goes down with it; a new compiler may move it.
const HIT: u64 = 10_680;

/// Says how often the loop runs, in the process that callgrind watches.
const TIMES: &str = "ROOTWALK_HITS";

/// Reads, finds and writes as often as it is told to; without being told, once.
#[test]
fn hits() {
    let times: u32 = std::env::var(TIMES).map_or(1, |times| times.parse().expect("a number"));
    let question = Question::new("www.example.com".parse().expect("a name"), RecordType::A);
    let set = RrSet::new(question.name.clone(), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    let cache = Cache::new(1 << 20, (1, 2), TtlLimits::default());
    assert_eq!(cache.put_set(set.clone(), Rank::AuthAnswer, Source::Local, Time::ZERO), Put::Stored);
    let key = AnswerKey { qname_wire: question.name.wire(), qtype: 1, dnssec_ok: true, checking_disabled: false };
    assert!(cache.mark_plain(&key, &set, false, Time::ZERO));
    let (mut bytes, mut out) = (Vec::new(), Vec::with_capacity(512));
    write_query(7, &question, Flags::default().with_rd(true), Some(&Edns::new(1232, true)), &mut bytes);
    for _ in 0..times {
        out.clear();
        let query = QueryView::read(&bytes).expect("a good query");
        let key = AnswerKey { qname_wire: query.qname_wire(), ..key };
        let plain = cache.plain(&key, Time::from_secs(1), None).expect("a fresh answer");
        let answer = PlainAnswer { ttl_secs: plain.ttl_secs, rdatas: plain.data(), sigs: plain.sigs.block() };
        answer.respond(&query, &Extras { udp_size: 1232, ..Extras::default() }, query.udp_limit(), &mut out);
    }
    assert_eq!(out.len(), 60);
}

/// Instructions of the whole process when the loop runs so often.
fn instructions(times: u32) -> u64 {
    let program = std::env::current_exe().expect("this test");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--exact", "hits", "--test-threads=1"])
        .env(TIMES, times.to_string())
        .output()
        .expect("valgrind is there: ./test installs it");
    let told = String::from_utf8_lossy(&output.stderr);
    let count = told.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, count)| count.trim().parse());
    count.unwrap_or_else(|| panic!("callgrind counts: {told}")).expect("a number")
}

#[test]
fn a_hit_takes_no_more_instructions_than_it_did() {
    let (few, many) = (instructions(1000), instructions(3000));
    let hit = (many - few) / 2000;
    println!("{hit} instructions");
    assert!(hit <= HIT + HIT / 20, "{hit} instructions instead of {HIT}");
}
