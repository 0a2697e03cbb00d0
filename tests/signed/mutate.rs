//! One thing changed in what servers say: it is found out, or what is believed is true all the same.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rootwalk::dnssec::{Spent, Verdict};
use rootwalk::run;
use rootwalk::wire::{Name, Question, Rdatas, RecordType, RrSet};

use crate::attack::{ATTACKS, Scene};
use crate::judged::{Chain, Said, Servers};
use crate::model::{Denial, Signing};
use crate::surety::Surety;
use crate::truth::Found;
use crate::world::World;
use crate::{change, namespace, oracle, pens, seeds};

/// Changes to each world, and as many attacks, unless `SIGNED_CASES` says otherwise.
const CASES: u64 = 3_000;

/// Whether what is said is what the zones have.
fn is_true(world: &World, said: &Said, verdict: &Verdict) -> bool {
    let (name, rtype) = said.about();
    let at = world.zone_of(name, rtype);
    let found = world.find(at, name, rtype);
    let secure = world.surety(at) == Surety::Secure;
    // RFC 2308 section 5, RFC 9077.
    let longest_secs = world.data[at].at(&world.zones[at].name, RecordType::SOA).unwrap().ttl_secs;
    match (said, verdict) {
        (Said::Set { set, .. }, Verdict::Secure { ttl_secs }) => {
            let Found::Set { set: known, expanded } = found else { return false };
            let own = expanded || known.owner == set.owner;
            secure && own && known.rtype == rtype && is_same(known, set) && *ttl_secs <= known.ttl_secs
        }
        (Said::Denial { no_name: true, .. }, Verdict::Secure { ttl_secs }) => {
            secure && matches!(found, Found::NoName) && *ttl_secs <= longest_secs
        }
        (_, Verdict::Secure { ttl_secs } | Verdict::NoData { ttl_secs }) => {
            secure && matches!(found, Found::NoData { .. }) && *ttl_secs <= longest_secs
        }
        (_, Verdict::Insecure(_)) => may_be_insecure(world, at, name),
        _ => true,
    }
}

/// The same data; the case of the names in it is not signed (RFC 4034 section 6.2).
fn is_same(known: &RrSet, set: &RrSet) -> bool {
    let lower = !matches!(known.rtype, RecordType::TXT | RecordType::HINFO | RecordType::CAA | RecordType::NSEC);
    let data = |set: &RrSet| {
        let form = |rdata: &[u8]| if lower { rdata.to_ascii_lowercase() } else { rdata.to_vec() };
        let mut all: Vec<Vec<u8>> = set.rdatas.iter().map(form).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    data(known) == data(set)
}

/// Whether a validator may not be able to tell what is at `name`.
fn may_be_insecure(world: &World, at: usize, name: &Name) -> bool {
    if world.surety(at) == Surety::Insecure {
        return true;
    }
    let iterates = |at: usize| {
        let signing = world.zones[at].signing.as_ref();
        matches!(signing, Some(Signing { denial: Denial::Nsec3 { iterations: 51.., .. }, .. }))
    };
    if world.above(at).into_iter().any(iterates) {
        return true;
    }
    let opts_out =
        matches!(&world.zones[at].signing, Some(Signing { denial: Denial::Nsec3 { opt_out: true, .. }, .. }));
    opts_out && !world.data[at].has_record(name)
}

/// What the changes came to.
#[derive(Default)]
struct Tally {
    found_out: BTreeMap<&'static str, usize>,
    harmless: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

impl Tally {
    fn count(&mut self, what: &'static str, verdict: &Verdict) {
        let counts = if matches!(verdict, Verdict::Bogus(_)) { &mut self.found_out } else { &mut self.harmless };
        *counts.entry(what).or_default() += 1;
    }
}

fn run_case(servers: &Servers<'_>, pool: &[Said], seed: u64, nth: u64, tally: &mut Tally) {
    let mut dice = StdRng::seed_from_u64(seed << 32 | nth);
    let said = pool.choose(&mut dice).unwrap();
    let now_secs = run::unix_secs();
    let mut chain = Chain::new(servers);
    let (what, said, now_secs) = match dice.random_range(0..20) {
        0 => ("the time", said.clone(), change::time(now_secs, &mut dice)),
        1..=6 => {
            let what = change::chain(&mut chain, pool, said, &mut dice);
            (what, said.clone(), now_secs)
        }
        _ => {
            let mut said = said.clone();
            (change::said(&mut said, pool, &mut dice), said, now_secs)
        }
    };
    let verdict = chain.judge(&said, now_secs, &mut Spent::default());
    // Signatures are good for thirty days from an hour ago.
    let age_secs = now_secs.wrapping_sub(run::unix_secs() - 2 * 3600);
    let outside = age_secs > 31 * 86_400;
    let out_of_time = outside && matches!(verdict, Verdict::Secure { .. } | Verdict::NoData { .. });
    if out_of_time || !is_true(servers.world, &said, &verdict) {
        tally.wrong.push(format!("world {seed}, change {nth}, {what}: {verdict:?}\n   {said:?}"));
    }
    tally.count(what, &verdict);
}

fn run_attack(scene: &Scene<'_, '_>, seed: u64, nth: u64, tally: &mut Tally) {
    let mut dice = StdRng::seed_from_u64(seed << 32 | nth);
    let (what, is_none, attack) = ATTACKS.choose(&mut dice).unwrap();
    let mut chain = Chain::new(scene.servers);
    let Some(said) = attack(scene, &mut chain, &mut dice) else { return };
    let verdict = chain.judge(&said, run::unix_secs(), &mut Spent::default());
    let refused = *is_none && !matches!(verdict, Verdict::Secure { .. });
    if refused || !is_true(scene.servers.world, &said, &verdict) {
        let instead = &chain.instead;
        tally.wrong.push(format!("world {seed}, attack {nth}, {what}: {verdict:?}\n   {said:?}\n   {instead:?}"));
    }
    tally.count(what, &verdict);
}

/// What is said of the names of a world where it can be proved, the judge having nothing to say against it.
fn statements(servers: &Servers<'_>, seed: u64) -> Vec<Said> {
    let world = servers.world;
    let (mut most, mut pool) = (Spent::default(), Vec::new());
    for question in oracle::questions(world, seed) {
        let at = world.zone_of(&question.name, question.qtype);
        if world.surety(at) != Surety::Secure || world.truth(&question).is_none() {
            continue;
        }
        let Some(said) = servers.say(&question) else { continue };
        let mut spent = Spent::default();
        let verdict = Chain::new(servers).judge(&said, run::unix_secs(), &mut spent);
        assert!(!matches!(verdict, Verdict::Bogus(_)), "world {seed}: {question}: {verdict:?}");
        assert!(is_true(world, &said, &verdict), "world {seed}: {question}: {verdict:?}");
        most.validations = most.validations.max(spent.validations);
        most.nsec3_hashes = most.nsec3_hashes.max(spent.nsec3_hashes);
        pool.push(said);
    }
    println!(
        "world {seed}: {} statements, the dearest with {} signatures, the dearest with {} hashes",
        pool.len(),
        most.validations,
        most.nsec3_hashes
    );
    pool
}

#[test]
fn no_change_is_believed() {
    namespace::within("mutate::no_change_is_believed", || {
        let cases =
            std::env::var("SIGNED_CASES").map_or(CASES, |cases| cases.parse().expect("SIGNED_CASES is a number"));
        let mut tally = Tally::default();
        for seed in seeds(&[3, 4]) {
            let world = World::new(seed);
            let servers = Servers::new(&world);
            let pool = statements(&servers, seed);
            (0..cases).for_each(|nth| run_case(&servers, &pool, seed, nth, &mut tally));
            let questions = oracle::questions(&world, seed);
            let (pens, strangers) = pens::all(&world.told().folder);
            let scene = Scene { servers: &servers, pool: &pool, questions: &questions, pens, strangers };
            (0..cases).for_each(|nth| run_attack(&scene, seed, nth, &mut tally));
        }
        let kinds: std::collections::BTreeSet<_> = tally.found_out.keys().chain(tally.harmless.keys()).collect();
        for kind in kinds {
            let count = |counts: &BTreeMap<&str, usize>| counts.get(*kind).copied().unwrap_or_default();
            println!("{:6} found out, {:6} harmless: {kind}", count(&tally.found_out), count(&tally.harmless));
        }
        for (what, ..) in ATTACKS {
            assert!(tally.found_out.contains_key(what) || tally.harmless.contains_key(what), "never tried: {what}");
        }
        let wrong = &tally.wrong;
        assert!(wrong.is_empty(), "{} believed, of them:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
    });
}

/// A question of which nobody has asked.
pub(crate) fn other_question(pool: &[Said], dice: &mut StdRng) -> Question {
    let (name, rtype) = pool.choose(dice).unwrap().about();
    Question::new(name.clone(), rtype)
}

/// All octets of a list, for a change.
pub(crate) fn pack(all: &[Vec<u8>]) -> Rdatas {
    all.iter().map(Vec::as_slice).collect()
}
