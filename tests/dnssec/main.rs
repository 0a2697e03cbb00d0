//! The judge of signatures against zones that another library signed: what is right is proved, what is wrong is not.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod blame;
mod cuts;
mod denials;
mod edges;
#[path = "../common/evidence.rs"]
mod evidence;
mod keys;
mod limits;
mod referrals;
#[path = "../common/signer.rs"]
mod signer;
mod sigs;
mod trust;
mod types;
mod vectors;
mod world;

use proptest::prelude::*;
use rootwalk::dnssec::{Spent, Statement, Verdict, is_expanded};
use rootwalk::lab::Needs;
use rootwalk::trace::{Insecure, Proof};
use rootwalk::wire::{Name, Question, Rdatas, RecordType, ResponseCode, RrSet};

use world::{Denial, Evidence, facts, gather, judge, judge_all, lab};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Every sample of the healthy part has the security that its row says.
#[test]
fn the_healthy_part() {
    for sample in lab().healthy() {
        let evidence = gather(&sample.ask);
        let (verdict, notes) = judge_all(&evidence);
        assert!(sample.rcodes.contains(&evidence.rcode), "{}", sample.ask);
        match verdict {
            Verdict::Secure { ttl_secs } => assert!(sample.ad && ttl_secs > 0, "{}: {notes:#?}", sample.ask),
            Verdict::Insecure(why) => assert!(!sample.ad, "{}: {why}", sample.ask),
            other => panic!("{}: {other:?} {notes:#?}", sample.ask),
        }
    }
}

/// Every row of the zoo that is about signatures has the verdict that its row says.
#[test]
fn the_zoo() {
    for row in lab().zoo().iter().filter(|row| row.needs == Needs::Validation) {
        let (verdict, notes) = judge_all(&gather(&row.ask));
        let (rcode_fits, ede) = match &verdict {
            Verdict::Secure { .. } | Verdict::NoData { .. } => (row.ad, None),
            Verdict::Insecure(why) => (!row.ad && !row.rcodes.contains(&ResponseCode::ServFail), why.ede()),
            Verdict::Bogus(why) => (row.rcodes == [ResponseCode::ServFail], Some(why.ede(None))),
            Verdict::Needs(_) => (false, None),
        };
        assert!(rcode_fits, "{}: {verdict:?} {notes:#?}", row.name);
        let code = ede.map(|ede| ede.code);
        assert!(row.ede.iter().all(|wanted| code == Some(*wanted)), "{}: {verdict:?}", row.name);
    }
}

/// What leads to a verdict is told from the trust anchor down, with nothing left out: the keys of each zone that signs
/// something, the DS set of each whose keys no anchor names, what the verdict is about and what shows it, or why
/// nothing more can be shown.
#[test]
fn a_proof_is_told_from_the_anchor_down() {
    let rows = lab().zoo().iter().filter(|row| row.needs == Needs::Validation).map(|row| &row.ask);
    for ask in lab().healthy().iter().map(|sample| &sample.ask).chain(rows) {
        let evidence = gather(ask);
        let (verdict, notes) = judge_all(&evidence);
        let is_told = |of: &dyn Fn(&Proof) -> bool| assert!(notes.iter().any(of), "{ask}: {verdict:?} {notes:#?}");
        let signed = |name: &Name, types: &[RecordType]| {
            is_told(
                &|note| matches!(note, Proof::Signature { owner, rtype, .. } if owner == name && types.contains(rtype)),
            );
        };
        for note in &notes {
            match note {
                Proof::Signature { zone, .. } => {
                    is_told(&|keys| matches!(keys, Proof::Keys { zone: of, .. } if of == zone));
                }
                Proof::Keys { zone, anchor, .. } if !anchor => signed(zone, &[RecordType::DS]),
                _ => {}
            }
        }
        match &verdict {
            Verdict::Insecure(why) => {
                is_told(&|note| matches!(note, Proof::Insecure { insecure } if insecure == why));
                if let Insecure::Unsigned { parent, .. } | Insecure::OptOut { zone: parent, .. } = why {
                    let denials = [RecordType::NSEC, RecordType::NSEC3];
                    is_told(&|note| match note {
                        Proof::Signature { zone, rtype, .. } => zone == parent && denials.contains(rtype),
                        _ => false,
                    });
                }
            }
            Verdict::Secure { .. } => {
                for (set, proof) in &evidence.sets {
                    signed(&set.owner, &[set.rtype]);
                    if is_expanded(set) {
                        is_told(&|note| matches!(note, Proof::Wildcard { name, .. } if *name == set.owner));
                        proof.iter().for_each(|by| signed(&by.owner, &[by.rtype]));
                    }
                }
                if let Some(Denial { question, no_name, soa, proof }) = &evidence.denial {
                    is_told(&|note| match note {
                        Proof::NoName { name, .. } => *no_name && *name == question.name,
                        Proof::NoData { name, rtype, .. } => {
                            !no_name && (name, *rtype) == (&question.name, question.qtype)
                        }
                        _ => false,
                    });
                    soa.iter().chain(proof).for_each(|set| signed(&set.owner, &[set.rtype]));
                }
            }
            _ => {}
        }
    }
}

/// KeyTrap: 24 keys times 24 signatures on each set, and four attempts are all that it gets.
#[test]
fn keytrap_costs_four_verifications() {
    let evidence = gather(&Question::new(name("www.keytrap.lab."), RecordType::A));
    let (mut facts, mut spent) = (facts(), Spent::default());
    let (set, proof) = &evidence.sets[0];
    let (verdict, _) = judge(&mut facts, &Statement::Set { set, proof }, &mut spent);
    assert!(matches!(verdict, Verdict::Bogus(_)), "{verdict:?}");
    assert_eq!(spent.failed_validations, 4);
    assert!(spent.validations < 12, "{spent:?}");
}

/// Names for questions about signed zones.
fn questions() -> impl Strategy<Value = Question> {
    let zones = ["example.com.", "example.org.", "wildcard.lab.", "lab.", "opt-out.lab.", "com.", "net.", "."];
    let labels =
        ["www", "mail", "ns1", "nope", "a", "b", "c", "deep", "wild", "*", "old", "zz", "example", "shop", "big"];
    let types = [RecordType::A, RecordType::TXT, RecordType::MX, RecordType::DS, RecordType::NS, RecordType::CNAME];
    let below = proptest::collection::vec(proptest::sample::select(labels.to_vec()), 0..4);
    (proptest::sample::select(zones.to_vec()), below, proptest::sample::select(types.to_vec())).prop_map(
        |(zone, below, qtype)| {
            let zone = name(zone);
            let labels = below.iter().map(|label| label.as_bytes());
            Question::new(Name::from_labels(labels.chain(zone.labels())).unwrap(), qtype)
        },
    )
}

/// One change to one set.
#[derive(Clone, Debug)]
enum Change {
    Data { record: prop::sample::Index, octet: prop::sample::Index, mask: u8 },
    Signature { octet: prop::sample::Index, mask: u8 },
    Owner(&'static str),
    Add(Vec<u8>),
    Remove(prop::sample::Index),
    NoSignature,
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..=255_u8)
            .prop_map(|(record, octet, mask)| Change::Data { record, octet, mask }),
        (any::<prop::sample::Index>(), 1..=255_u8).prop_map(|(octet, mask)| Change::Signature { octet, mask }),
        proptest::sample::select(vec!["other", "*", "www"]).prop_map(Change::Owner),
        proptest::collection::vec(any::<u8>(), 4..20).prop_map(Change::Add),
        any::<prop::sample::Index>().prop_map(Change::Remove),
        Just(Change::NoSignature),
    ]
}

/// The set with the change; `None` when nothing that counts has changed.
fn changed(set: &RrSet, change: &Change) -> Option<RrSet> {
    let mut rdatas: Vec<Vec<u8>> = set.rdatas.iter().map(<[u8]>::to_vec).collect();
    let mut sigs: Vec<Vec<u8>> = set.sigs.iter().map(<[u8]>::to_vec).collect();
    let mut owner = set.owner.clone();
    match change {
        Change::Data { record, octet, mask } => {
            let record = record.index(rdatas.len());
            let octet = octet.index(rdatas[record].len().max(1));
            *rdatas[record].get_mut(octet)? ^= mask;
        }
        Change::Signature { octet, mask } => {
            for sig in &mut sigs {
                let octet = octet.index(sig.len());
                sig[octet] ^= mask;
            }
        }
        Change::Owner(label) => owner = owner.parent()?.prepend(label.as_bytes()).ok()?,
        Change::Add(data) => rdatas.push(data.clone()),
        Change::Remove(record) if rdatas.len() > 1 => drop(rdatas.remove(record.index(rdatas.len()))),
        Change::Remove(_) => return None,
        Change::NoSignature => sigs.clear(),
    }
    let pack = |all: &[Vec<u8>]| all.iter().map(Vec::as_slice).collect::<Rdatas>();
    let new = RrSet { owner, rdatas: pack(&rdatas), sigs: pack(&sigs), ..set.clone() };
    // The case of a name is not signed; and a wildcard is the same set under any name that it stands for.
    let lower = |set: &RrSet| {
        let all = set.rdatas.iter().chain(set.sigs.iter());
        all.map(<[u8]>::to_ascii_lowercase).collect::<Vec<_>>()
    };
    let same = lower(&new) == lower(set) && (new.owner == set.owner || is_wildcard(set));
    (!same).then_some(new)
}

/// Whether the signature of a set counts fewer labels than its owner has (RFC 4034 §3.1.3).
fn is_wildcard(set: &RrSet) -> bool {
    set.owner.labels().next() == Some(b"*") || set.sigs.iter().any(|sig| usize::from(sig[3]) < set.owner.label_count())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// A change to a set that is proved makes it one that is not.
    #[test]
    fn nothing_that_was_changed_is_secure(question in questions(), nth in any::<prop::sample::Index>(), change in changes()) {
        let evidence = gather(&question);
        if !matches!(judge_all(&evidence).0, Verdict::Secure { .. }) {
            return Ok(());
        }
        let mut bad = Evidence { rcode: evidence.rcode, sets: evidence.sets.clone(), denial: evidence.denial.clone() };
        let sets = bad.sets.len();
        let proofs = bad.denial.as_ref().map_or(0, |denial| denial.proof.len() + 1);
        let nth = nth.index(sets + proofs);
        let slot = if nth < sets {
            &mut bad.sets[nth].0
        } else {
            let denial = bad.denial.as_mut().unwrap();
            let slot = (nth - sets).checked_sub(1);
            match slot {
                Some(slot) => &mut denial.proof[slot],
                None => denial.soa.as_mut().unwrap(),
            }
        };
        let Some(new) = changed(slot, &change) else { return Ok(()) };
        *slot = new;
        let (verdict, notes) = judge_all(&bad);
        // Of a proof that shows more than is needed, a piece may be missing.
        let harmless = nth > sets && matches!(verdict, Verdict::Secure { .. }) && {
            let mut less = bad.denial.clone().unwrap();
            less.proof.remove(nth - sets - 1);
            matches!(judge(&mut facts(), &less.statement(), &mut Spent::default()).0, Verdict::Secure { .. })
        };
        prop_assert!(harmless || !matches!(verdict, Verdict::Secure { .. }), "{question} {change:?}: {notes:#?}");
    }

    /// The truth is proved and nothing else: a denial holds if and only if the zone's data says so, whatever
    /// pieces of other proofs are put beside the right ones.
    #[test]
    fn denials_are_true(question in questions(), claimed in questions(), no_name in any::<bool>()) {
        let proof_of = |question: &Question| gather(question).denial.map(|denial| (denial.soa, denial.proof));
        let Some((soa, mut proof)) = proof_of(&question) else { return Ok(()) };
        proof.extend(proof_of(&claimed).into_iter().flat_map(|(_, proof)| proof));
        let denial = Denial { question: claimed.clone(), no_name, soa, proof };
        let (verdict, notes) = judge(&mut facts(), &denial.statement(), &mut Spent::default());
        let (rcode, answer) = lab().truth(&claimed);
        let holds = match no_name {
            true => rcode == ResponseCode::NXDomain && answer.is_empty(),
            // A name that does not exist has no data either, yet its proof is another one.
            false => rcode == ResponseCode::NoError && answer.is_empty(),
        };
        prop_assert!(holds || !matches!(verdict, Verdict::Secure { .. }), "{claimed} {no_name}: {notes:#?}");
    }

    /// What the servers say of signed zones is proved.
    #[test]
    fn what_servers_say_is_proved(question in questions()) {
        let evidence = gather(&question);
        let (verdict, notes) = judge_all(&evidence);
        prop_assert!(!matches!(verdict, Verdict::Bogus(_) | Verdict::Needs(_)), "{question}: {verdict:?} {notes:#?}");
    }
}
