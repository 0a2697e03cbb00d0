//! The example responses of the RFCs, signed by their authors.

use std::sync::Arc;

use rootwalk::dnssec::{Accepts, Anchors, Key, Limits, Settings, Spent, Statement, Status, Verdict, ZoneTrust};
use rootwalk::wire::text::{parse_record, parse_type};
use rootwalk::wire::{Question, Record, RecordType, RrSet};

use crate::evidence::{Facts, Heard, sets};

/// One example: the question, what the reply says, and what that comes to.
struct Vector {
    title: String,
    question: Question,
    expected: Vec<String>,
    sets: Vec<RrSet>,
}

fn vectors(text: &str) -> Vec<Vector> {
    let mut all: Vec<(String, Vec<Record>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("== ") {
            Some(title) => all.push((title.to_owned(), Vec::new())),
            None => all.last_mut().unwrap().1.push(parse_record(line).unwrap()),
        }
    }
    let vector = |(title, records): (String, Vec<Record>)| {
        let (_, question) = title.split_once(": ").unwrap();
        let words: Vec<&str> = question.split(' ').collect();
        let question = Question::new(words[0].parse().unwrap(), parse_type(words[1]).unwrap());
        let expected = words[2..].iter().map(|&word| word.to_owned()).collect();
        Vector { title: title.clone(), question, expected, sets: sets(&records) }
    };
    all.into_iter().map(vector).collect()
}

fn check(text: &str, anchor: &str, now_secs: u32) {
    let mut vectors = vectors(text);
    let keys = vectors.remove(0);
    let zone = keys.question.name.clone();
    let trusted = keys.expected == ["trusted"];
    let status = Status::Secure(keys.sets[0].rdatas.iter().filter_map(Key::read).collect());
    let trust = Arc::new(ZoneTrust { zone, status, ttl_secs: 3600 });
    let ask = |question: &Question| {
        let answer = (question.qtype == RecordType::DNSKEY).then(|| keys.sets[0].clone());
        Some(Heard { answer, ..Heard::default() })
    };
    let accepts = Accepts { sha1: true, rsa_min_bits: 512 };
    let settings = Settings { anchors: anchor.parse::<Anchors>().unwrap(), accepts, ..Settings::default() };
    assert!(!vectors.is_empty());
    for Vector { title, question, expected, sets } in &vectors {
        let denies = expected.len() == 2;
        let soa = sets.iter().find(|set| set.rtype == RecordType::SOA && denies);
        let proof: Vec<RrSet> =
            sets.iter().filter(|set| matches!(set.rtype, RecordType::NSEC | RecordType::NSEC3)).cloned().collect();
        let statement = match denies {
            true => Statement::Denial { question, no_name: expected[0] == "no-name", soa, proof: &proof },
            false => Statement::Set { set: &sets[0], proof: &proof },
        };
        let mut facts = Facts::new(ask);
        if trusted {
            facts.trust(Arc::clone(&trust));
        }
        let verdict = facts.judge((&settings, &Limits::default()), now_secs, &statement, &mut Spent::default()).0;
        let told = match &verdict {
            Verdict::Secure { .. } | Verdict::NoData { .. } => "secure",
            Verdict::Insecure(_) => "insecure",
            Verdict::Bogus(_) => "bogus",
            Verdict::Needs(_) => "unknown",
        };
        assert_eq!(Some(told), expected.last().map(String::as_str), "{title}: {verdict:?}");
    }
}

/// RFC 4035 appendix B; 1 May 2004.
#[test]
fn responses_of_rfc_4035() {
    check(include_str!("vectors/rfc4035.txt"), "example. DS 38519 5 1 00", 1_083_412_800);
}

/// RFC 5155 appendix B; 20 April 2012. The keys have 512 bits.
#[test]
fn responses_of_rfc_5155() {
    let anchor = "example. DNSKEY 257 3 7 AwEAAcUlFV1vhmqx6NSOUOq2R/dsR7Xm3upJj7IommWSpJABVfW8Q0rOvXdM6kzt+TAu92L9\
                  AbsUdblMFin8CVF3n4s=";
    check(include_str!("vectors/rfc5155.txt"), anchor, 1_334_966_399);
}
