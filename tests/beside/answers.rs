//! The same questions, the same answers.

use std::collections::{BTreeMap, HashSet};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt, SeedableRng};
use rootwalk::wire::text::type_name;
use rootwalk::wire::{Name, Question, RecordType, ResponseCode, text};

use super::lab::{LAB, Servers};
use super::namespace;
use super::peers::{Said, both};

const QUESTIONS: usize = 5_000;

/// Asked whether or not the name has such data.
const TYPES: &[RecordType] = &[
    RecordType::A,
    RecordType::AAAA,
    RecordType::MX,
    RecordType::TXT,
    RecordType::NS,
    RecordType::SOA,
    RecordType::CNAME,
    RecordType::DS,
    RecordType::DNSKEY,
    RecordType::PTR,
    RecordType::SRV,
    RecordType::HTTPS,
    RecordType::Unknown(65_280),
];

/// Zones whose servers cost seconds a question or do not do the same twice: `costs` has some of them.
const LEFT_OUT: &[&str] = &[
    "slow.lab.",
    "lossy.lab.",
    "halfdead.lab.",
    "dead.lab.",
    "refused.lab.",
    "servfail.lab.",
    "lame.lab.",
    "truncated.lab.",
    "notcp.lab.",
    "wrongid.lab.",
    "wrongquestion.lab.",
    "nxns.lab.",
    "keytrap.lab.",
    "hashes.lab.",
    "signatures.lab.",
    "keys.lab.",
    "ds.lab.",
    "validations.lab.",
    "selfglue.lab.",
    "upward.lab.",
    "cyclea.lab.",
    "cycleb.lab.",
    "case.lab.",
];

/// Where the two may differ, and which sentence says who is right.
const EXPLAINED: &[Difference] = &[
    Difference {
        zone: "chain.lab.",
        ours: ResponseCode::ServFail,
        theirs: ResponseCode::NoError,
        why: "RFC 1034 section 5.2.2 leaves the length of a chain of aliases open: 11 links are followed here; Unbound \
              counts anew from what it has in its cache",
    },
    Difference {
        zone: "bogus.lab.",
        ours: ResponseCode::NoError,
        theirs: ResponseCode::ServFail,
        why: "RFC 4035 section 5.5 calls the set bogus that does not verify; Unbound keeps away from the servers that \
              sent one, and then has nobody to ask for the sets of that zone that do verify",
    },
    Difference {
        zone: "old.example.com.",
        ours: ResponseCode::NoError,
        theirs: ResponseCode::ServFail,
        why: "RFC 6672 section 5.3.1 takes the signature of the DNAME record as proof of the CNAME record that follows \
              from it; Unbound, asked for that CNAME record before it knows the DNAME record, looks for a DS set at \
              its name",
    },
];

struct Difference {
    /// The zone below which it is seen.
    zone: &'static str,
    ours: ResponseCode,
    theirs: ResponseCode,
    /// The sentence.
    why: &'static str,
}

/// Every name of every zone of the lab, in canonical order, and the types that it has.
fn names() -> Vec<(Name, Vec<RecordType>)> {
    let mut names: BTreeMap<Name, Vec<RecordType>> = BTreeMap::new();
    for zone in LAB.zones() {
        for line in LAB.authority().master_file(&zone).unwrap().lines() {
            let Ok(record) = text::parse_record(line) else { panic!("{zone}: {line}") };
            if !matches!(record.rtype, RecordType::RRSIG | RecordType::NSEC | RecordType::NSEC3) {
                names.entry(record.owner).or_default().push(record.rtype);
            }
        }
    }
    let left_out = |name: &Name| LEFT_OUT.iter().any(|zone| within(name, zone));
    names.into_iter().filter(|(name, _)| !left_out(name)).collect()
}

fn within(name: &Name, zone: &str) -> bool {
    let zone: Name = zone.parse().unwrap();
    *name == zone || name.is_below(&zone)
}

fn questions() -> Vec<Question> {
    let names = names();
    let mut rng = StdRng::seed_from_u64(9499);
    let mut random_label = |name: &Name| {
        let label: String = (0..4).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect();
        name.prepend(label.as_bytes()).unwrap_or_else(|_| name.clone())
    };
    let mut asked: Vec<Question> = Vec::new();
    for (name, types) in &names {
        let types: HashSet<_> = types.iter().collect();
        asked.extend(types.into_iter().map(|rtype| Question::new(name.clone(), *rtype)));
    }
    let below: Vec<Name> = names.iter().map(|(name, _)| random_label(name)).collect();
    let deep: Vec<Name> = below.iter().map(&mut random_label).collect();
    let all: Vec<&Name> = names.iter().map(|(name, _)| name).chain(&below).chain(&deep).collect();
    let mut rng = StdRng::seed_from_u64(1034);
    while asked.len() < QUESTIONS {
        let name = all.choose(&mut rng).unwrap();
        let rtype = TYPES.choose(&mut rng).unwrap();
        asked.push(Question::new((*name).clone(), *rtype));
    }
    asked
}

fn told(question: &Question, ours: &Said, theirs: &Said) -> String {
    format!("{} {}\n   here:    {ours}\n   unbound: {theirs}", question.name, type_name(question.qtype))
}

#[test]
fn unbound_says_the_same() {
    namespace::within("answers::unbound_says_the_same", || {
        let servers = Servers::start();
        let (here, there) = (servers.ours(), servers.unbound());
        let questions = questions();
        let mut different = both(&questions, here.addr, there.addr);
        for (question, ours, _) in &different {
            assert!(ours.again.is_empty(), "{question} has twice: {}", ours.again.join("\n"));
        }
        different.retain(|(_, ours, theirs)| !ours.is_same(theirs));
        let explained = |question: &Question, ours: &Said, theirs: &Said| {
            EXPLAINED.iter().find(|difference| {
                within(&question.name, difference.zone)
                    && (difference.ours, difference.theirs) == (ours.rcode, theirs.rcode)
            })
        };
        let mut unexplained = Vec::new();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (question, ours, theirs) in &different {
            match explained(question, ours, theirs) {
                Some(difference) => *counts.entry(difference.why).or_default() += 1,
                None => unexplained.push(told(question, ours, theirs)),
            }
        }
        println!("{} questions, {} answered differently", questions.len(), different.len());
        counts.iter().for_each(|(why, count)| println!("{count:4}  {why}"));
        assert!(unexplained.is_empty(), "{} not explained:\n{}", unexplained.len(), unexplained.join("\n"));
    });
}
