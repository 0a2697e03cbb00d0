//! Servers that lie about their own zones: signatures are all that there is against that.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rootwalk::trace::Event;
use rootwalk::wire::{Name, Question, RecordType};

use super::trouble::FORGERIES;
use super::world::World;
use super::{LAB, bare, may_be_secure, questions, story, truth, worlds};

fn secure_questions() -> Vec<Question> {
    questions().into_iter().filter(may_be_secure).collect()
}

/// The addresses of each zone's servers.
fn servers() -> Vec<(Name, BTreeSet<IpAddr>)> {
    let addresses = |server: Name| truth(&Question::new(server, RecordType::A)).1;
    let of = |zone: Name| {
        let ns = truth(&Question::new(zone.clone(), RecordType::NS)).1;
        let names: Vec<Name> = ns.iter().flat_map(rootwalk::wire::RrSet::targets).collect();
        let addrs = names.into_iter().flat_map(addresses).flat_map(|set| set.addresses().collect::<Vec<_>>());
        (zone, addrs.collect())
    };
    LAB.zones().into_iter().map(of).collect()
}

/// Whatever half of all servers say: who asks for what is signed gets the truth, proved, or a failure with a name.
#[test]
fn nothing_bogus_is_served() {
    let questions = secure_questions();
    let (mut asked, mut answered) = (0, 0);
    for seed in worlds(300) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::new(&LAB, seed, 0.0, 0.0);
        for addr in LAB.authority().addresses() {
            if rng.random_bool(0.5) {
                world.set_forger(addr, FORGERIES[rng.random_range(0..FORGERIES.len())]);
            }
        }
        for _ in 0..5 {
            let question = &questions[rng.random_range(0..questions.len())];
            let ended = world.resolve(question);
            asked += 1;
            if ended.outcome.failure.is_none() {
                answered += 1;
                assert!(ended.outcome.secure, "world {seed}: {question} is not proved\n{}", story(&ended));
                let told = (ended.outcome.rcode, ended.outcome.answer.iter().map(bare).collect());
                assert_eq!(told, truth(question), "world {seed}: {question}\n{}", story(&ended));
            }
        }
    }
    println!("{asked} questions, {answered} answers");
    assert!(answered * 4 > asked, "{answered} answers to {asked} questions");
}

/// One forger does no harm where each zone that he serves has another server.
#[test]
fn nothing_secure_is_refused() {
    let (questions, servers) = (secure_questions(), servers());
    let spare = |addr: &IpAddr| servers.iter().all(|(_, addrs)| !addrs.contains(addr) || addrs.len() > 1);
    let forgers: Vec<IpAddr> = LAB.authority().addresses().filter(spare).collect();
    assert!(forgers.len() > 2, "{forgers:?}");
    let mut doubted = 0;
    for seed in worlds(40) {
        for (nth, forger) in forgers.iter().enumerate() {
            let mut rng = StdRng::seed_from_u64(seed);
            let forgery = FORGERIES[(usize::try_from(seed).expect("small") + nth) % FORGERIES.len()];
            let mut world = World::new(&LAB, seed, 0.0, 0.0);
            world.set_forger(*forger, forgery);
            for _ in 0..4 {
                let question = &questions[rng.random_range(0..questions.len())];
                let ended = world.resolve(question);
                let told = (ended.outcome.rcode, ended.outcome.answer.iter().map(bare).collect());
                let here = format!("world {seed}, {forger} {forgery:?}: {question}");
                assert_eq!(told, truth(question), "{here}\n{}", story(&ended));
                assert!(ended.outcome.secure, "{here}\n{}", story(&ended));
                doubted += ended.log.iter().filter(|entry| matches!(entry.event, Event::Doubted { .. })).count();
            }
        }
    }
    println!("{doubted} times a server was not believed");
    assert!(doubted > 100, "{doubted}");
}
