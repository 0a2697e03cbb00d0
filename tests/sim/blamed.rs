//! Who is told to be at fault, and what is told to be proved, held against what was said and what the zones have.

use std::net::IpAddr;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rootwalk::dnssec::key_tag;
use rootwalk::lab::Lab;
use rootwalk::trace::{
    Cost, Entry, Event, Failure, Insecure, Judged, Lack, Limit, Proof, RouteKind, ServerAt, Told, Trace, Verdict, Wrong,
};
use rootwalk::walk::{Route, Routes};
use rootwalk::wire::{Name, Question, Record, RecordType, Reply, ResponseCode, RrSet, ede};

use super::explained::{Fate, History, Run, Said, ask_around};
use super::lame::{make, world};
use super::trouble::{FORGERIES, Trouble};
use super::world::World;
use super::{truth_in, worlds};

/// All that is told of a walk is so, in the Internet that it went through.
pub(super) fn told_truly(run: &Run, history: &History, lab: &Lab) {
    failure_is_true(run, history);
    limits_are_true(run);
    proofs_are_true(run, history, lab);
    answer_is_told(run);
    all_forms_say_the_same(run);
}

/// Each record that is told to be dropped came in that reply; what a client gets came in one, or from where it is told.
fn answer_is_told(run: &Run) {
    let replies = || run.seen.iter().filter(|seen| seen.fate == Fate::Given);
    let came = |reply: &Reply, name: &Name, of: RecordType| {
        let mut all = reply.answer.iter().chain(&reply.authority).chain(&reply.additional);
        all.any(|record| record.owner == *name && record.rtype == of)
    };
    let is_in = |nth: Option<u32>, name: &Name, of| {
        let mut replies = replies().filter(|seen| nth.is_none_or(|nth| seen.ask.id.0 == nth));
        replies.any(|seen| seen.heard.came.as_ref().is_ok_and(|answered| came(&answered.reply, name, of)))
    };
    for entry in run.log() {
        let Event::Dropped { ask, owner, rtype, .. } = &entry.event else { continue };
        assert!(is_in(Some(*ask), owner, *rtype), "{}\n{}", entry.event, run.story());
    }
    let is_known = |name: &Name, of: RecordType| {
        run.log().iter().any(|entry| match &entry.event {
            Event::FromCache { name: known, rtype, .. } => {
                known == name && *rtype == of || *rtype == RecordType::DNAME && name.is_below(known)
            }
            Event::Inferred { .. } | Event::Dns64 { .. } => true,
            _ => false,
        })
    };
    for RrSet { owner, rtype, .. } in &run.outcome().answer {
        let is_made = || {
            replies().any(|seen| {
                let came = seen.heard.came.as_ref().ok().map(|came| &came.reply.answer);
                let mut dnames = came.into_iter().flatten().filter(|record| record.rtype == RecordType::DNAME);
                dnames.any(|dname| owner.is_below(&dname.owner))
            })
        };
        assert!(is_in(None, owner, *rtype) || is_known(owner, *rtype) || is_made(), "{owner} {rtype}\n{}", run.story());
    }
}

/// The operator names two servers of a zone, as forwarders or for themselves.
fn name_servers(world: &mut World<'_>, servers: &[IpAddr], zone: Name, rng: &mut StdRng) {
    let named: Vec<_> = (0..2).map(|_| (servers[rng.random_range(0..servers.len())], None)).collect();
    let kind = [RouteKind::Forward, RouteKind::Stub][rng.random_range(0..2)];
    let (fallback, prime) = (rng.random_bool(0.5), kind == RouteKind::Stub && rng.random_bool(0.5));
    let route = Route { fallback, prime, ..Route::new(kind, zone, &named) };
    world.resolver.settings.routes = Routes(vec![Arc::new(route)]);
}

/// Whether a server has said what is wrong, and not only with the way in which it was asked.
fn is_answer(event: &Event, by: &ServerAt) -> bool {
    let Event::Heard { server, verdict: Verdict::Wrong(wrong), .. } = event else { return false };
    server == by && ![Wrong::NoEdns, Wrong::NoCookies, Wrong::BadCookie].contains(wrong)
}

/// The codes fit, and what is said with them was heard.
fn failure_is_true(run: &Run, history: &History) {
    let Some(failure) = &run.outcome().failure else { return };
    // Behind them stands what was wrong with those whom the operator has named, where there is a fallback.
    let edes = failure.edes();
    let here = || format!("{edes:?}\n{}", run.story());
    let codes: Vec<u16> = edes.iter().map(|ede| ede.code).collect();
    let said = |what: &dyn Fn(&Said) -> bool| history.said.iter().any(what);
    match failure {
        Failure::Servers { problems, lacking, .. } => {
            let is_silent = problems.iter().all(|(_, wrong)| wrong.is_silence());
            let want = [ede::NO_REACHABLE_AUTHORITY, ede::NETWORK_ERROR];
            assert_eq!(codes, want[..1 + usize::from(is_silent)], "{}", here());
            let heard = |by: &ServerAt| run.log().iter().any(|entry| entry.goal.0 == 0 && is_answer(&entry.event, by));
            let is_heard = problems.iter().any(|(by, _)| heard(by));
            assert!(!is_silent || !is_heard, "{}", here());
            lacking.iter().for_each(|(name, lack)| lack_is_true(name, lack, run, history));
        }
        Failure::NoAddress { servers, .. } => {
            assert_eq!(codes, [ede::NO_REACHABLE_AUTHORITY], "{}", here());
            servers.iter().for_each(|(name, lack)| lack_is_true(name, lack, run, history));
        }
        Failure::OutOfBudget { limit, value, silent, .. } => {
            let is_reached = |entry: &Entry| matches!(&entry.event, Event::LimitReached { limit: which, value: most } if (which, most) == (limit, value));
            assert!(run.log().iter().any(is_reached), "{}", here());
            for server in silent {
                let mut asked = run.seen.iter().filter(|seen| seen.ask.server.ip() == server.addr);
                assert!(asked.any(|seen| seen.fate != Fate::Given), "{server}: {}", here());
            }
        }
        Failure::Bogus { reason, from: Some(from), .. } => {
            let by = |said: &Said| said.by == from.addr;
            let has = |records: &[Record], owner: &Name, rtype| {
                records.iter().any(|record| record.owner == *owner && record.rtype == rtype)
            };
            let Some((owner, rtype)) = reason.set() else { return assert!(said(&by), "{}", here()) };
            let is_about = |said: &Said| {
                let reply = &said.reply;
                by(said)
                    && (has(&reply.answer, owner, rtype)
                        || has(&reply.authority, owner, rtype)
                        || said.asked.name.is_within(owner)
                        || owner.is_within(&said.zone))
            };
            assert!(said(&is_about), "{from}: {}", here());
        }
        _ => {}
    }
}

/// A server lacks an address for the reason that is told.
fn lack_is_true(name: &Name, lack: &Lack, run: &Run, history: &History) {
    let about = |said: &&Said| said.at <= run.ended && name.is_within(&said.asked.name) && !said.asked.name.is_root();
    let mut said = history.said.iter().filter(about);
    let whole = |said: &Said| said.asked.name == *name;
    let is_true = match lack {
        Lack::NoName => said.any(|said| said.reply.rcode == ResponseCode::NXDomain) || is_inferred(run),
        Lack::NoAddress(_) => said.any(whole) || is_inferred(run),
        Lack::Alias => said.any(|said| whole(said) && !said.reply.answer.is_empty()) || is_inferred(run),
        Lack::NoGlue | Lack::NoAnswer(_) | Lack::OtherVersion | Lack::Untried => true,
    };
    assert!(is_true, "{name} {lack}\n{}", run.story());
}

fn is_inferred(run: &Run) -> bool {
    run.log().iter().any(|entry| matches!(entry.event, Event::Inferred { .. }))
}

/// A limit that is told was reached.
fn limits_are_true(run: &Run) {
    for entry in run.log() {
        let Event::LimitReached { limit, value } = &entry.event else { continue };
        let spent = match limit {
            // Some that were to be sent in its last step were not.
            Limit::Queries => u64::from(run.budget().queries()) + 8,
            Limit::Bytes => run.budget().bytes() as u64,
            Limit::Time => entry.at_us / 1_000,
            _ => continue,
        };
        assert!(spent >= *value, "{limit} {spent}\n{}", run.story());
    }
}

/// What is proved was signed so, and where it ends a chain has no link.
fn proofs_are_true(run: &Run, history: &History, lab: &Lab) {
    let records = || history.said.iter().flat_map(|said| said.reply.answer.iter().chain(&said.reply.authority));
    let none = |name: &Name, rtype| truth_in(lab, &Question::new(name.clone(), rtype)).1.is_empty();
    let mut is_insecure = false;
    for entry in run.log() {
        let here = || format!("{}\n{}", entry.event, run.story());
        let Event::Proved { proof } = &entry.event else { continue };
        match proof {
            Proof::Signature { owner, rtype, zone, key_tag: tag, .. } => {
                assert!(owner.is_within(zone), "{}", here());
                let signs = |record: &Record| {
                    let (head, name) = record.rdata.split_at_checked(18).unwrap_or_default();
                    record.rtype == RecordType::RRSIG
                        && record.owner == *owner
                        && record.covers() == Some(*rtype)
                        && head.ends_with(&tag.to_be_bytes())
                        && name.len() > zone.wire().len()
                };
                assert!(records().any(signs), "{}", here());
                has_key(lab, zone, *tag, &here);
            }
            Proof::Keys { zone, key_tag, keys, .. } => {
                has_key(lab, zone, *key_tag, &here);
                assert!(*keys > 0, "{}", here());
            }
            Proof::Insecure { insecure } => {
                is_insecure = true;
                if let Insecure::Unsigned { zone, parent } = insecure {
                    assert!(zone.is_below(parent) && none(zone, RecordType::DS), "{}", here());
                    assert!(!none(parent, RecordType::DNSKEY), "{}", here());
                }
            }
            _ => {}
        }
    }
    let judged = run.log().iter().rev().find_map(|entry| match &entry.event {
        Event::Judged { judged } => Some(judged),
        _ => None,
    });
    assert!(judged != Some(&Judged::Insecure) || is_insecure || is_special(run), "{}", run.story());
}

/// Where nothing of an answer is a record, nothing is said of a chain.
fn is_special(run: &Run) -> bool {
    run.question.qtype == RecordType::RRSIG
}

fn has_key(lab: &Lab, zone: &Name, tag: u16, here: &dyn Fn() -> String) {
    let keys = truth_in(lab, &Question::new(zone.clone(), RecordType::DNSKEY)).1;
    let is_there = keys.iter().flat_map(|set| set.rdatas.iter()).any(|rdata| key_tag(rdata) == tag);
    assert!(is_there, "key {tag} of {zone}: {}", here());
}

/// JSON, text, pictures and lines: none of them leaves out a query or says anything that a terminal or a browser takes
/// for its own.
fn all_forms_say_the_same(run: &Run) {
    let outcome = run.outcome();
    let edes = outcome.edes();
    let told = Told { rcode: outcome.rcode, answer: &outcome.answer, authority: &outcome.authority, edes: &edes };
    let cost = Cost::new(run.budget().queries(), run.budget().bytes(), run.began, run.ended);
    let trace = Trace::new(&run.question, &told, cost, run.log().to_vec());
    let json = serde_json::to_value(&trace).expect("JSON");
    let steps = json["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), run.log().len());
    for (step, entry) in steps.iter().zip(run.log()) {
        assert_eq!(step["text"], entry.event.to_string());
    }
    let plain = trace.to_text(rootwalk::trace::Paint::Plain);
    let is_fit = |text: &str| text.chars().all(|letter| letter == '\n' || !letter.is_control() && letter <= 'µ');
    assert!(is_fit(&plain), "{plain}");
    let asked = |mark: char| move |line: &&str| line.contains(&format!(" {mark} ")) && line.contains('#');
    let queries = run.budget().queries() as usize;
    assert!(plain.lines().filter(asked('>')).count() >= queries, "{plain}");
    for line in trace.lines() {
        assert!(is_fit(&line.text), "{}", line.text);
    }
    let picture = trace.to_svg();
    assert!(
        is_fit(&picture.replace('…', "")) && picture.matches('<').count() == picture.matches('>').count(),
        "{picture}"
    );
}

/// Servers of made Internets that are lame, in trouble, or lie, and packets that get lost.
#[test]
fn who_is_told_to_be_at_fault_is_and_what_is_proved_is_so() {
    // In the last one a walk is led past where it was in vain, to others who are of no use either.
    let seeds: Vec<u64> = worlds(100).into_iter().chain([591]).collect();
    let walks = super::each(&seeds, |seed| {
        let mut rng = StdRng::seed_from_u64(!seed);
        let made = make(seed);
        let mut world = world(&made, seed);
        for (addr, lame) in &made.lame {
            world.set_twist(*addr, lame.twist());
        }
        let servers: Vec<IpAddr> = made.lab.authority().addresses().collect();
        let share = rng.random_range(0.0..0.5);
        if seed % 3 == 0 {
            let asked = &made.asks[0].name;
            let zone = asked.suffix(rng.random_range(0..=asked.label_count().min(4)));
            name_servers(&mut world, &servers, zone, &mut rng);
        }
        for addr in servers {
            match rng.random_range(0.0..1.0) / share {
                0.0..0.3 => world.set_forger(addr, FORGERIES[rng.random_range(0..FORGERIES.len())]),
                0.3..1.0 => world.set_trouble(addr, Trouble::any(&mut rng)),
                _ => {}
            }
        }
        ask_around(&mut world, &made.asks, &made.lab, &mut rng)
    });
    println!("{} walks", walks.iter().sum::<usize>());
}
