//! Another validator over the same data: `delv` asks this program with CD and judges by itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rootwalk::wire::text::type_name;
use rootwalk::wire::{Question, RecordType, ResponseCode};

use crate::model::Denial;
use crate::peers::Said;
use crate::records;
use crate::surety::{Surety, by_delv};
use crate::world::World;

/// Questions of each world, unless `SIGNED_DELV` says otherwise: each costs a process.
const QUESTIONS: usize = 120;

/// Where `delv` may differ, and the sentence by which it does.
struct Difference {
    is: fn(&World, &Question, Surety, Surety) -> bool,
    why: &'static str,
}

const EXPLAINED: &[Difference] = &[
    Difference {
        is: |world, question, here, there| {
            let opts_out = |at: &usize| matches!(denial(world, *at), Some(Denial::Nsec3 { opt_out: true, .. }));
            (here, there) == (Surety::Insecure, Surety::Secure) && world.zones_on_the_way(question).iter().any(opts_out)
        },
        why: "RFC 5155 section 9.2: nothing is said for certain of a name in an opt-out span; delv sees a valid signature and \
              looks no further",
    },
    Difference {
        is: |world, question, here, there| {
            let iterates = |at: &usize| matches!(denial(world, *at), Some(Denial::Nsec3 { iterations: 51.., .. }));
            (here, there) == (Surety::Insecure, Surety::Secure) && world.zones_on_the_way(question).iter().any(iterates)
        },
        why: "RFC 9276 section 3.2: above how many iterations a denial is insecure is for each to choose, 50 here and 150 in \
              delv",
    },
    Difference {
        is: |world, question, here, there| {
            (here, there) == (Surety::Bogus, Surety::Secure) && world.ends_at_empty_wildcard(question)
        },
        why: "RFC 4035 section 3.1.3.4: BIND leaves out the proof that a wildcard has nothing; until delv asks, it may have \
              come with the answer to another question (RFC 8198)",
    },
    Difference {
        is: |_, question, _, _| question.qtype == RecordType::NSEC,
        why: "RFC 4035 section 2.5, RFC 5155 section 8.5: who asks for the NSEC record beside a CNAME may get either, and a \
              denial whose record has the CNAME bit is none; delv takes the CNAME for an error of format, and what an \
              unsigned alias leads to for unsigned",
    },
];

fn denial(world: &World, at: usize) -> Option<&Denial> {
    world.zones[at].signing.as_ref().map(|signing| &signing.denial)
}

/// How sure this program is.
fn here(said: &Said) -> Surety {
    match said.rcode {
        ResponseCode::ServFail => Surety::Bogus,
        _ if said.secure => Surety::Secure,
        _ => Surety::Insecure,
    }
}

/// Compares some of what this program has said; what is wrong.
pub(crate) fn compare(
    world: &World,
    seed: u64,
    resolver: SocketAddr,
    said: &[(Question, Said)],
    wrong: &mut Vec<String>,
) {
    let count = std::env::var("SIGNED_DELV").map_or(QUESTIONS, |count| count.parse().expect("SIGNED_DELV is a number"));
    let told = world.told();
    let mut text = "trust-anchors {\n".to_owned();
    for line in &told.anchors {
        let fields: Vec<&str> = line.split_whitespace().skip_while(|field| *field != "DS").skip(1).collect();
        // Others it does not take.
        if matches!(fields[2], "2" | "4") {
            let _ =
                writeln!(text, " . static-ds {} {} {} \"{}\";", fields[0], fields[1], fields[2], fields[3..].concat());
        }
    }
    let keys = told.folder.join("delv.keys");
    std::fs::write(&keys, text + "};\n").unwrap();
    let keys = keys.to_str().unwrap();
    let chosen: Vec<_> = said.sample(&mut StdRng::seed_from_u64(seed), count).collect();
    let judged = std::thread::scope(|scope| {
        let shares = chosen.chunks(chosen.len().div_ceil(4));
        let judge = |(question, _): &&(Question, Said)| {
            by_delv(resolver, keys, &records::text(&question.name), &type_name(question.qtype))
        };
        let threads: Vec<_> =
            shares.map(|share| scope.spawn(move || share.iter().map(judge).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for ((question, said), (there, text)) in chosen.iter().zip(judged) {
        let here = here(said);
        match EXPLAINED.iter().find(|difference| (difference.is)(world, question, here, there)) {
            _ if here == there => {}
            Some(difference) => *counts.entry(difference.why).or_default() += 1,
            None => wrong.push(format!(
                "world {seed}: {} {} ({:?}): {here:?} here, {there:?} by delv\n   here:    {said}\n{text}",
                question.name,
                type_name(question.qtype),
                world.zones[world.zone_of(&question.name, question.qtype)].signing,
            )),
        }
    }
    println!("world {seed}: {} questions to delv", chosen.len());
    counts.iter().for_each(|(why, count)| println!("{count:4}  {why}"));
}
