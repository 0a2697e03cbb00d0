//! Name by name, this program and Unbound say the same, and `delv` of some of them.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rootwalk::wire::text::type_name;
use rootwalk::wire::{Name, Question, RecordType, ResponseCode};

use crate::peers::{Said, ask, both};
use crate::truth::Found;
use crate::world::World;
use crate::{delv, namespace, seeds};

/// Asked whether or not the name has such data.
const TYPES: &[RecordType] = &[
    RecordType::A,
    RecordType::AAAA,
    RecordType::MX,
    RecordType::TXT,
    RecordType::NS,
    RecordType::SOA,
    RecordType::CNAME,
    RecordType::DNAME,
    RecordType::DS,
    RecordType::DNSKEY,
    RecordType::NSEC,
    RecordType::Unknown(65_280),
];

/// Unbound is held to the limit of RFC 9276 section 3.2 that is in force here, and asks instead of inferring, so that
/// what is inferred here is compared with what the servers say.
const UNBOUND: &str = " val-nsec3-keysize-iterations: \"1024 50 2048 50 4096 50\"\n aggressive-nsec: no\n";

/// Where Unbound may differ from what the zones come to, and the sentence by which it is wrong.
struct Difference {
    is: fn(&World, &Question, &Said, &Said) -> bool,
    why: &'static str,
}

const EXPLAINED: &[Difference] = &[
    Difference {
        is: |_, question, _, _| question.qtype == RecordType::NSEC,
        why: "RFC 4592 section 4.8 and RFC 4035 section 2.5: who asks for NSEC by name gets the one that a wildcard makes, \
              and the one beside a CNAME; Unbound gives nothing, or what the CNAME leads to",
    },
    Difference {
        is: |_, question, truth, _| {
            matches!(question.qtype, RecordType::CNAME | RecordType::DNAME)
                && truth.answer.iter().any(|line| line.contains(" dname "))
        },
        why: "RFC 6672 section 3.1: below a DNAME every name is an alias, also for who asks for CNAME or DNAME; Unbound \
              takes the answer for one without data",
    },
    Difference {
        is: |world, question, _, _| {
            let (at, qtype) = (world.zone_of(&question.name, question.qtype), question.qtype);
            let made = matches!(world.find(at, &question.name, qtype), Found::Set { expanded: true, .. });
            made && matches!(qtype, RecordType::DS | RecordType::DNSKEY)
        },
        why: "RFC 4592 section 3.3.1: the CNAME of a wildcard stands for DS and DNSKEY as for any type; Unbound takes what \
              it found when it looked for a zone cut there",
    },
    Difference {
        is: |_, question, truth, theirs| {
            let same = (question.qtype, &theirs.answer) == (RecordType::CNAME, &truth.answer);
            same && !truth.answer.is_empty() && theirs.rcode == ResponseCode::NXDomain
        },
        why: "RFC 1034 section 4.3.2 step 3a: who asks for CNAME has the answer, wherever it leads; Unbound takes the \
              response code of what it leads to",
    },
    Difference {
        is: |world, question, _, _| world.is_opted_out(&question.name),
        why: "RFC 5155 section 7.1 and erratum 3441: in an opt-out zone a name that only leads to unsigned cuts may have no \
              record, and the closest encloser that can be proved is the one above it; Unbound insists on the other",
    },
    Difference {
        is: |world, question, _, _| world.ends_at_empty_wildcard(question),
        why: "RFC 4592 section 2.2.2: a wildcard that has nothing but names below it exists, and so do the names that it \
              stands for, without data; Unbound finds no such proof in an NSEC record",
    },
];

/// Questions about all names of a world, the names between and below them, and the names of which they end.
pub(crate) fn questions(world: &World, seed: u64) -> Vec<Question> {
    let mut dice = StdRng::seed_from_u64(seed);
    let names = world.names();
    let mut all: BTreeMap<Name, Vec<RecordType>> = names.clone();
    for name in names.keys() {
        let mut more = vec![name.with_case(dice.random())];
        // Empty non-terminals.
        more.extend((1..name.label_count()).map(|count| name.suffix(count)));
        // Below, and before and after in the order of the zone.
        more.extend([&b"q"[..], b"*", b"\0"].iter().filter_map(|label| name.prepend(label).ok()));
        more.extend(name.prepend(b"q").and_then(|name| name.prepend(b"q")));
        if let (Some(above), Some(label)) = (name.parent(), name.labels().next()) {
            let mut before = label.to_vec();
            *before.last_mut().unwrap() = before.last().unwrap().wrapping_sub(1);
            more.extend(above.prepend(&before));
            more.extend(above.prepend(&[label, b"\0"].concat()));
        }
        for name in more {
            all.entry(name).or_default();
        }
    }
    let mut asked = Vec::new();
    for (name, mut types) in all {
        for _ in 0..if types.is_empty() { 1 } else { 2 } {
            types.push(*TYPES.choose(&mut dice).unwrap());
        }
        types.sort_unstable_by_key(|rtype| u16::from(*rtype));
        types.dedup();
        asked.extend(types.into_iter().map(|rtype| Question::new(name.clone(), rtype)));
    }
    asked
}

/// One world; what is wrong.
fn compare(seed: u64, wrong: &mut Vec<String>) {
    let world = World::new(seed);
    let told = world.told();
    let (here, there) = (told.ours(), told.unbound(UNBOUND));
    let questions = questions(&world, seed);
    let (mut known, mut different) = (0, 0);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut said = Vec::new();
    for (question, mut ours, theirs) in both(&questions, here.addr, there.addr) {
        // A machine with too much to do is no reason to be wrong: the question is asked again when that is forgotten.
        if ours.edes.iter().any(|ede| ede.contains("milliseconds for one question")) {
            std::thread::sleep(Duration::from_secs(6));
            ours = ask(here.addr, &question).as_ref().map(Said::of).expect("an answer");
        }
        said.push((question.clone(), ours.clone()));
        let again = |line: &String| format!("world {seed}: {question} has twice: {line}");
        wrong.extend(ours.again.iter().map(again));
        let truth = world.truth(&question);
        known += usize::from(truth.is_some());
        let truth = truth.unwrap_or_else(|| ours.clone());
        different += usize::from(!theirs.is_same(&truth));
        let explained = EXPLAINED.iter().find(|difference| (difference.is)(&world, &question, &truth, &theirs));
        match explained {
            _ if ours.is_same(&truth) && theirs.is_same(&truth) => {}
            Some(difference) if ours.is_same(&truth) => *counts.entry(difference.why).or_default() += 1,
            _ => wrong.push(format!(
                "world {seed}: {} {} ({:?})\n   here:    {ours}\n   unbound: {theirs}\n   truth:   {truth}",
                question.name,
                type_name(question.qtype),
                world.zones[world.zone_of(&question.name, question.qtype)].signing,
            )),
        }
    }
    println!(
        "world {seed}: {} zones, {} questions, {known} of them with a known answer; Unbound differs in {different}; CPU here \
         {:?}, there {:?}",
        world.zones.len(),
        questions.len(),
        here.program.cpu(),
        there.program.cpu(),
    );
    counts.iter().for_each(|(why, count)| println!("{count:4}  {why}"));
    delv::compare(&world, seed, here.addr, &said, wrong);
}

#[test]
fn unbound_and_the_zones_say_the_same() {
    namespace::within("oracle::unbound_and_the_zones_say_the_same", || {
        let mut wrong = Vec::new();
        seeds(&[1, 2]).into_iter().for_each(|seed| compare(seed, &mut wrong));
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    });
}
