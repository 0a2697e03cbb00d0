//! The changes.

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::{IndexedMutRandom as _, IndexedRandom as _, SliceRandom as _};
use rootwalk::wire::{Name, Question, RecordType, RrSet};

use crate::judged::{Chain, Said};
use crate::mutate::{other_question, pack};

/// Another moment: days before, days after, and half the circle of serial numbers away.
pub(crate) fn time(now_secs: u32, dice: &mut StdRng) -> u32 {
    let by = *[86_400, 40 * 86_400, 1 << 31, (1 << 31) - 1].choose(dice).unwrap();
    if dice.random() { now_secs.wrapping_add(by) } else { now_secs.wrapping_sub(by) }
}

fn flip(octets: &mut [u8], dice: &mut StdRng) {
    if let Some(octet) = (!octets.is_empty()).then(|| dice.random_range(0..octets.len())) {
        octets[octet] ^= 1 << dice.random_range(0..8);
    }
}

/// A name beside, above or below another, or of another statement.
fn other_name(name: &Name, pool: &[Said], dice: &mut StdRng) -> Name {
    let label: &[u8] = [&b"q"[..], b"*", b"\0", b"www"].choose(dice).unwrap();
    let parent = name.parent().unwrap_or_default();
    match dice.random_range(0..5) {
        0 => parent,
        1 => name.prepend(label).unwrap_or(parent),
        2 => parent.prepend(label).unwrap_or_default(),
        3 => name.with_case(dice.random()),
        _ => other_question(pool, dice).name,
    }
}

/// A set of another statement.
fn other_set(pool: &[Said], dice: &mut StdRng) -> RrSet {
    loop {
        match pool.choose(dice).unwrap() {
            Said::Set { set, .. } => return set.clone(),
            Said::Denial { soa: Some(soa), .. } if dice.random_bool(0.1) => return soa.clone(),
            Said::Denial { .. } => {}
        }
    }
}

/// One field of a signature (RFC 4034 section 3.1).
fn field(sig: &mut Vec<u8>, dice: &mut StdRng) -> &'static str {
    let by: u8 = *[1, 255, 2].choose(dice).unwrap();
    match dice.random_range(0..8) {
        0 => sig[1] = sig[1].wrapping_add(by),
        1 => sig[2] = *[8, 10, 13, 14, 15, 16, 253].choose(dice).unwrap(),
        2 => sig[3] = sig[3].wrapping_add(by),
        3 => sig[4..8].copy_from_slice(&dice.random::<u32>().to_be_bytes()),
        4 => sig[8..12].copy_from_slice(&dice.random::<u32>().to_be_bytes()),
        5 => sig[12..16].copy_from_slice(&dice.random::<u32>().to_be_bytes()),
        6 => sig[17] = sig[17].wrapping_add(by),
        _ => {
            // The zone above, or one below that there is not.
            let first = usize::from(sig[18]);
            if first == 0 || dice.random() {
                sig.splice(18..18, [1, b'q']);
            } else {
                sig.drain(18..19 + first);
            }
        }
    }
    "a field of a signature"
}

fn set(set: &mut RrSet, pool: &[Said], dice: &mut StdRng) -> &'static str {
    let mut rdatas: Vec<Vec<u8>> = set.rdatas.iter().map(<[u8]>::to_vec).collect();
    let mut sigs: Vec<Vec<u8>> = set.sigs.iter().map(<[u8]>::to_vec).collect();
    let what = match dice.random_range(0..14) {
        0 | 1 => {
            flip(rdatas.choose_mut(dice).map_or(&mut [][..], |rdata| rdata), dice);
            "a bit of a record"
        }
        2 => {
            flip(sigs.choose_mut(dice).map_or(&mut [][..], |sig| sig), dice);
            "a bit of a signature"
        }
        3 | 4 => sigs.iter_mut().map(|sig| field(sig, dice)).last().unwrap_or("nothing"),
        5 if rdatas.len() > 1 => {
            rdatas.remove(dice.random_range(0..rdatas.len()));
            "a record less"
        }
        6 => {
            rdatas.extend(rdatas.first().cloned());
            rdatas.shuffle(dice);
            sigs.shuffle(dice);
            "order, and a record twice"
        }
        7 => {
            let mut more = rdatas.first().cloned().unwrap_or_default();
            flip(&mut more, dice);
            rdatas.push(more);
            "a record more"
        }
        8 => {
            sigs.clear();
            "no signature"
        }
        9 => {
            set.owner = other_name(&set.owner, pool, dice);
            "the owner"
        }
        10 => {
            set.rtype = *[RecordType::A, RecordType::TXT, RecordType::NS, RecordType::DS].choose(dice).unwrap();
            "the type"
        }
        11 => {
            set.ttl_secs = dice.random();
            "the TTL"
        }
        12 => {
            sigs = other_set(pool, dice).sigs.iter().map(<[u8]>::to_vec).collect();
            "another set's signatures"
        }
        _ => {
            let other = other_set(pool, dice);
            let owner = if dice.random() { set.owner.clone() } else { other.owner.clone() };
            *set = RrSet { owner, ..other };
            return "another set";
        }
    };
    (set.rdatas, set.sigs) = (pack(&rdatas), pack(&sigs));
    what
}

fn proof(proof: &mut Vec<RrSet>, pool: &[Said], dice: &mut StdRng) -> &'static str {
    let other = pool.choose(dice).unwrap();
    let (Said::Set { proof: other, .. } | Said::Denial { proof: other, .. }) = other;
    match dice.random_range(0..6) {
        0 if !proof.is_empty() => {
            proof.remove(dice.random_range(0..proof.len()));
            "a proof with a record less"
        }
        1 => {
            proof.extend(other.iter().cloned());
            "a proof with those of another"
        }
        2 => {
            proof.clone_from(other);
            "another proof"
        }
        3 if !proof.is_empty() && !other.is_empty() => {
            *proof.choose_mut(dice).unwrap() = other.choose(dice).unwrap().clone();
            "a proof with one of another"
        }
        _ => match proof.choose_mut(dice) {
            Some(one) => {
                set(one, pool, dice);
                "a record of a proof"
            }
            None => "nothing",
        },
    }
}

/// Changes one thing in a statement, and says what.
pub(crate) fn said(said: &mut Said, pool: &[Said], dice: &mut StdRng) -> &'static str {
    match said {
        Said::Set { set: one, proof: all } => {
            if !all.is_empty() && dice.random_bool(0.3) {
                proof(all, pool, dice)
            } else {
                set(one, pool, dice)
            }
        }
        Said::Denial { question, no_name, soa, proof: all } => match dice.random_range(0..10) {
            0 => {
                *no_name = !*no_name;
                "that there is a name"
            }
            1 => {
                *soa = None;
                "no SOA"
            }
            2 => soa.as_mut().map_or("nothing", |soa| set(soa, pool, dice)),
            3 => {
                question.name = other_name(&question.name, pool, dice);
                "a denial of another name"
            }
            4 => {
                *question = other_question(pool, dice);
                "a denial of another question"
            }
            5 => {
                let types = [RecordType::A, RecordType::DS, RecordType::NS, RecordType::SOA, RecordType::CNAME];
                question.qtype = *types.choose(dice).unwrap();
                "a denial of another type"
            }
            _ => proof(all, pool, dice),
        },
    }
}

/// Changes what is said of the keys of a zone on the way to a statement, and says what.
pub(crate) fn chain(chain: &mut Chain<'_, '_>, pool: &[Said], said: &Said, dice: &mut StdRng) -> &'static str {
    let world = chain.servers.world;
    let (name, rtype) = said.about();
    let zones = world.above(world.zone_of(name, rtype));
    let zone = &world.zones[*zones.choose(dice).unwrap()].name;
    let of_keys = zone.is_root() || dice.random();
    let question = Question::new(zone.clone(), if of_keys { RecordType::DNSKEY } else { RecordType::DS });
    let mut heard = chain.servers.hear(&question);
    let what = match dice.random_range(0..6) {
        0 => {
            heard.answer = None;
            if of_keys { "no keys" } else { "no DS records" }
        }
        1 if !of_keys => {
            heard.answer = None;
            proof(&mut heard.proof, pool, dice);
            "no DS records, with another proof"
        }
        2 => {
            let other = world.zones.choose(dice).unwrap().name.clone();
            let other = chain.servers.hear(&Question::new(other, question.qtype)).answer;
            heard.answer = other.map(|set| if dice.random() { RrSet { owner: zone.clone(), ..set } } else { set });
            "the keys of another zone"
        }
        _ => match &mut heard.answer {
            Some(one) => {
                set(one, pool, dice);
                if of_keys { "the keys" } else { "the DS records" }
            }
            None => "nothing",
        },
    };
    chain.replace(zone, question.qtype, heard);
    what
}
