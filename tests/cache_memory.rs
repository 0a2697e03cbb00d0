//! The byte budget is honest: the process grows by little more than what the cache counts.
//!
//! Alone in its file, so that no other test runs in the same process.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a test that cannot go on should stop")]

use rootwalk::cache::{
    Answer, AnswerKey, Cache, Delegation, Denial, DenialKind, NameServer, Put, Rank, TtlLimits, Usage,
};
use rootwalk::dnssec::{Place, Span};
use rootwalk::time::Time;
use rootwalk::trace::Source;
use rootwalk::wire::{Name, Question, RecordType, ResponseCode, RrSet, Sections, Template};

const LIMIT: usize = 24 << 20;

/// Resident octets of this process, from the line `VmRSS:  1234 kB` (proc(5)).
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    let kib: usize = line.split_whitespace().next().and_then(|field| field.parse().ok()).expect("a number");
    kib * 1024
}

fn put(cache: &Cache, nth: usize, now: Time) -> Put {
    let name: Name = format!("host{nth}.zone{}.example", nth % 97).parse().expect("a name");
    let from = Source::server(name.suffix(2), [192, 0, 2, 1].into(), name.prepend(b"ns").ok());
    let set = RrSet::new(name.clone(), RecordType::A, 300, [&[192, 0, 2, 1][..]]);
    match nth % 5 {
        0 => {
            let sections = Sections { answer: &[set], ..Sections::default() };
            let question = Question::new(name.clone(), RecordType::A);
            let template = Template::build(&question, ResponseCode::NoError, &sections, false);
            let key = AnswerKey { qname_wire: name.wire(), qtype: 1, dnssec_ok: false, checking_disabled: false };
            let expires = now.plus_secs(300);
            cache
                .put_answer(
                    &key,
                    Answer {
                        template,
                        edes: Box::default(),
                        stored: now,
                        expires,
                        secure: false,
                        signed_until: 0,
                        usage: Usage::default(),
                    },
                )
                .1
        }
        1 => cache.put_set(set, Rank::AuthAnswer, from, now),
        2 => {
            let soa = RrSet::new(name.suffix(2), RecordType::SOA, 300, [&[1; 60][..]]);
            let denial = Denial::heard(DenialKind::NxDomain, Some(soa), [], from);
            cache.put_denial(&name, RecordType::A, denial, now).1
        }
        3 => {
            let place = Place::Nsec(name.clone());
            let sigs = [&[2; 280][..]].into_iter().collect();
            let set = RrSet { rtype: RecordType::NSEC, sigs, ..set };
            cache.put_span(Span { zone: name.suffix(2), place, set }, now);
            Put::Stored
        }
        _ => {
            let server = NameServer { name: name.clone(), addrs: [[192, 0, 2, 2].into()].into_iter().collect() };
            let (servers, proof) = (vec![server; 2].into(), Box::default());
            let expires = now.plus_secs(300);
            cache
                .put_delegation(
                    Delegation { zone: name, servers, ds: None, proof, from, stored: now, requeried: now, expires },
                    now,
                )
                .1
        }
    }
}

#[test]
fn the_process_grows_by_what_is_counted() {
    let before = resident();
    let cache = Cache::new(LIMIT, (1, 2), TtlLimits::default());
    let mut now = Time::ZERO;
    for nth in 0..200_000 {
        now = now + std::time::Duration::from_millis(1);
        assert_eq!(put(&cache, nth, now), Put::Stored);
    }
    let (counted, grown) = (cache.bytes(), resident() - before);
    assert!((LIMIT * 95 / 100..=LIMIT).contains(&counted), "counted {counted}");
    // A quarter more at most: the allocator's fragments and its own books.
    assert!((counted * 3 / 4..=counted * 5 / 4).contains(&grown), "counted {counted}, grown {grown}");
}
