//! Denials: who has the say, how long they hold, and what is said of those that are none.

use rootwalk::dnssec::{Cut, Limits, Spent, Statement, Verdict};
use rootwalk::trace::{Bogus, Insecure, Limit, Proof};
use rootwalk::wire::{Question, Rdatas, RecordType, RrSet};

use crate::edges::{Kind, PLAIN, chain, denied, name, zone};
use crate::evidence::{Facts, Heard};
use crate::limits::is_secure;
use crate::signer::{Form, Signer, bitmap};
use crate::types::{A, DS, NS, NSEC, RRSIG, SOA};
use crate::world::{self, NOW_UNIX_SECS, verdict_by};

/// RFC 4035 §5.2, RFC 6840 §4.4: an apex has no say over its DS set, but for that of the root, above which nothing is.
#[test]
fn the_root_has_no_ds_set_and_says_so() {
    let (signer, zone) = zone(".");
    for (types, secure) in [(&[NS, SOA][..], true), (&[NS, SOA, DS], false)] {
        let proof = [signer.one(".", RecordType::NSEC, &[&[0][..], &bitmap(types)].concat())];
        assert_eq!(is_secure(&denied(&zone, name("."), RecordType::DS, false, &proof)), secure);
    }
}

/// RFC 4592 §3.3.1: the closest encloser of a name is above the one that comes next as well as above the one before.
#[test]
fn the_encloser_is_on_either_side() {
    let (signer, zone) = zone("z.");
    let apex = signer.nsec("z.", "a.z.", &[NS, SOA]);
    let wild = signer.nsec("*.z.", "a.z.", &[A]);
    for (gap, asked) in [(signer.nsec("a.z.", "c.b.z.", &[A]), "b.b.z."), (signer.nsec("c.b.z.", "z.", &[A]), "d.b.z.")]
    {
        let of = |no_name, proof: &[RrSet]| denied(&zone, name(asked), RecordType::MX, no_name, proof);
        // `b.z.` exists, so `*.b.z.` would have to answer, and what `*.z.` has is nothing to this name.
        let own = [signer.nsec("a.z.", "c.b.z.", &[A]), gap.clone()];
        assert!(is_secure(&of(true, &own)), "{asked}");
        assert!(!is_secure(&of(false, &[gap.clone(), wild.clone()])), "{asked}");
        assert!(!is_secure(&of(false, &[gap, wild.clone(), apex.clone()])), "{asked}");
    }
}

/// RFC 4035 §5.4: whatever is at a name is an answer to ANY, but for what every name of a signed zone has.
#[test]
fn nothing_at_all_is_there() {
    let (signer, zone) = zone("z.");
    for (types, nothing) in [(&[RRSIG, NSEC][..], true), (&[A, RRSIG, NSEC], false), (&[RRSIG, NSEC, 257], false)] {
        let bits = match types.last() {
            Some(257) => [&bitmap(&[RRSIG, NSEC])[..], &[1, 1, 0x40]].concat(),
            _ => bitmap(types),
        };
        let proof = [signer.one("a.z.", RecordType::NSEC, &[name("b.z.").wire(), &bits].concat())];
        assert_eq!(is_secure(&denied(&zone, name("a.z."), RecordType::ANY, false, &proof)), nothing, "{types:?}");
    }
}

/// RFC 8198 §5.4, RFC 9077 §3: a denial holds no longer than each of its parts.
#[test]
fn a_denial_lives_as_long_as_its_parts() {
    let (signer, zone) = zone("z.");
    for parts in [
        [signer.nsec("z.", "b.z.", &[NS, SOA]), signer.nsec("b.z.", "d.z.", &[A])].to_vec(),
        chain(&signer, &[("z.", &[NS, SOA]), ("b.z.", &[A]), ("d.z.", &[A])], PLAIN),
    ] {
        for short in 0..parts.len() {
            let mut proof = parts.clone();
            proof[short] = signer.sign(RrSet { ttl_secs: 7, sigs: Rdatas::default(), ..parts[short].clone() });
            let verdict = denied(&zone, name("c.z."), RecordType::A, true, &proof);
            assert_eq!(verdict, Verdict::Secure { ttl_secs: 7 }, "{short}");
        }
    }
}

/// RFC 2308 §5, RFC 4035 §5.3.4: nor longer than the SOA record, nor what a wildcard has made longer than its proof.
#[test]
fn soa_and_proof_bound_what_they_stand_beside() {
    let (signer, zone) = zone("z.");
    let nsec = signer.nsec("z.", "z.", &[NS, SOA]);
    let soa = RrSet::new(name("z."), RecordType::SOA, 7, [&[0; 22][..]]);
    let question = Question::new(name("c.z."), RecordType::A);
    let (soa, proof) = (signer.sign(soa), [nsec]);
    let statement = Statement::Denial { question: &question, no_name: true, soa: Some(&soa), proof: &proof };
    let verdict = zone.judge(&statement, &Limits::default(), &mut Spent::default());
    assert_eq!(verdict, Verdict::Secure { ttl_secs: 7 });
    let made = RrSet { owner: name("a.z."), ..signer.one("*.z.", RecordType::A, &[192, 0, 2, 1]) };
    let gap = signer.nsec("*.z.", "z.", &[A]);
    let gap = [signer.sign(RrSet { ttl_secs: 9, sigs: Rdatas::default(), ..gap })];
    let statement = Statement::Set { set: &made, proof: &gap };
    let verdict = zone.judge(&statement, &Limits::default(), &mut Spent::default());
    assert_eq!(verdict, Verdict::Secure { ttl_secs: 9 });
}

/// RFC 5155 §8.4: that there is no such name needs the wildcard denied as well, also in an opt-out span, whether or not
/// the name may be an unsigned cut: one answer with a false code would else deny all that the wildcard makes of it.
#[test]
fn opt_out_does_not_stand_for_the_wildcard() {
    let (signer, zone) = zone("z.");
    let names: [(&str, &[u16]); 3] = [("z.", &[NS, SOA]), ("*.z.", &[A]), ("ns.z.", &[A])];
    let with = chain(&signer, &names, Kind { flags: 1, ..PLAIN });
    let without = chain(&signer, &[names[0], names[2]], Kind { flags: 1, ..PLAIN });
    for referred in [false, true] {
        let denied = |proof: &[RrSet]| {
            let mut facts = Facts::new(|question: &Question| {
                let answer = (question.qtype == RecordType::DNSKEY).then(|| zone.keys.clone());
                Some(Heard { answer, ..Heard::default() })
            });
            if referred {
                facts.refer(name("c.z."), Cut { proof: proof.to_vec(), ..Cut::default() });
            }
            let question = Question::new(name("c.z."), RecordType::MX);
            let statement = Statement::Denial { question: &question, no_name: true, soa: None, proof };
            verdict_by(&zone.anchors, &mut facts, &statement)
        };
        let verdict = denied(&with);
        assert!(matches!(verdict, Verdict::Bogus(Bogus::DenialMissing { .. })), "{referred}: {verdict:?}");
        let verdict = denied(&without);
        assert!(matches!(verdict, Verdict::Insecure(Insecure::OptOut { .. })), "{referred}: {verdict:?}");
    }
}

/// RFC 5155 §5: the salt is a part of what is hashed, also when the same name was hashed a moment ago.
#[test]
fn one_name_with_two_salts() {
    let (signer, zone) = zone("z.");
    let question = Question::new(name("c.z."), RecordType::A);
    let mut spent = Spent::default();
    for salt in [0, 7] {
        let proof = chain(&signer, &[("z.", &[NS, SOA]), ("b.z.", &[A]), ("d.z.", &[A])], Kind { salt, ..PLAIN });
        let statement = Statement::Denial { question: &question, no_name: true, soa: None, proof: &proof };
        let verdict = zone.judge(&statement, &Limits::default(), &mut spent);
        assert!(is_secure(&verdict), "{salt}: {verdict:?}");
    }
}

/// Who reads the reason is told what is wrong with the zone's own part of a proof, and nothing about those of others.
#[test]
fn the_reason_is_the_zones_own() {
    let (signer, zone) = zone("z.");
    let (good, other) = (signer.nsec("k.z.", "z.", &[A]), Signer::new("k.z.", NOW_UNIX_SECS));
    let bare = RrSet { sigs: Rdatas::default(), ..good.clone() };
    let foreign = RrSet { sigs: other.nsec("k.z.", "k.z.", &[A]).sigs, ..bare.clone() };
    let apex = |next: &str| signer.nsec("z.", next, &[NS, SOA]);
    let verdict = |apex: RrSet, proof: RrSet| denied(&zone, name("m.z."), RecordType::A, true, &[apex, proof]);
    let missing = verdict(apex("k.z."), bare);
    assert!(matches!(&missing, Verdict::Bogus(Bogus::SignatureMissing { rtype: RecordType::NSEC, .. })), "{missing:?}");
    for (less, next) in [(good, "*.z."), (foreign, "k.z.")] {
        let verdict = verdict(apex(next), less);
        assert!(matches!(&verdict, Verdict::Bogus(Bogus::DenialMissing { .. })), "{verdict:?}");
    }
}

/// Of several sets with which something is wrong the one is named without which nothing is shown: not one that says
/// nothing of the question, in whatever order they come. When all of them together would not do, the proof is missing.
#[test]
fn the_reason_is_the_set_that_was_needed() {
    let (signer, zone) = zone("z.");
    let old = Form { expiration: NOW_UNIX_SECS - 86_400, ..signer.form() };
    let bare = |set: RrSet| RrSet { sigs: Rdatas::default(), ..set };
    let expired = |set: RrSet| signer.sign_as(bare(set), &old);
    let apex = signer.nsec("z.", "b.z.", &[NS, SOA]);
    let (needed, foreign) = (signer.nsec("b.z.", "d.z.", &[A]), signer.nsec("x.z.", "y.z.", &[A]));
    let why = |proof: &[RrSet]| match denied(&zone, name("c.z."), RecordType::A, true, proof) {
        Verdict::Bogus(why) => why,
        other => panic!("{other:?}"),
    };
    for nth in 0..3 {
        let mut proof = vec![apex.clone(), bare(foreign.clone())];
        proof.insert(nth, expired(needed.clone()));
        let decided = why(&proof);
        assert!(matches!(&decided, Bogus::Expired { owner, .. } if *owner == name("b.z.")), "{nth}: {decided}");
        proof.remove(nth);
        let missing = why(&proof);
        assert!(matches!(missing, Bogus::DenialMissing { .. }), "{missing}");
    }
    // However many are looked for, the reasons leave half of what a better proof may cost.
    let hashed = chain(&signer, &[("z.", &[NS, SOA]), ("b.z.", &[A]), ("d.z.", &[A])], PLAIN);
    let proof: Vec<RrSet> = hashed.into_iter().map(bare).collect();
    let soa = signer.one("z.", RecordType::SOA, &[0; 22]);
    let (limits, mut spent) = (Limits::default(), Spent::default());
    for nth in 0..100 {
        let question = Question::new(name(&format!("f{nth}.e.c.z.")), RecordType::A);
        let statement = Statement::Denial { question: &question, no_name: true, soa: Some(&soa), proof: &proof };
        let verdict = zone.judge(&statement, &limits, &mut spent);
        assert!(matches!(verdict, Verdict::Bogus(Bogus::SignatureMissing { .. } | Bogus::DenialMissing { .. })));
    }
    assert_eq!(spent.nsec3_hashes, limits.nsec3_hashes / 2);
}

/// What a limit has ended is not told as a proof that is missing.
#[test]
fn a_limit_inside_a_proof_is_named() {
    let (signer, zone) = zone("z.");
    let proof = [signer.nsec("z.", "b.z.", &[NS, SOA]), signer.nsec("b.z.", "d.z.", &[A])];
    let question = Question::new(name("c.z."), RecordType::A);
    let statement = Statement::Denial { question: &question, no_name: true, soa: None, proof: &proof };
    for validations in 1..=3 {
        let limits = Limits { validations, ..Limits::default() };
        match zone.judge(&statement, &limits, &mut Spent::default()) {
            Verdict::Secure { .. } => assert_eq!(validations, 3, "the keys and two records"),
            Verdict::Bogus(Bogus::TooCostly { limit: Limit::Validations, value, .. }) => assert_eq!(value, validations),
            other => panic!("{other:?}"),
        }
    }
}

/// A proof is looked at as far as an honest one can be long: 16 sets. What was verified before costs nothing, so the
/// limits on signatures do not bound it.
#[test]
fn a_proof_is_looked_at_as_far_as_an_honest_one_is_long() {
    let (signer, zone) = zone("z.");
    for (useless, secure) in [(15, true), (16, false)] {
        let useless = (0..useless).map(|nth| signer.nsec(&format!("x{nth}.z."), &format!("x{nth}a.z."), &[A]));
        let proof: Vec<RrSet> = useless.chain([signer.nsec("a.z.", "b.z.", &[A])]).collect();
        let verdict = denied(&zone, name("a.z."), RecordType::MX, false, &proof);
        assert_eq!(is_secure(&verdict), secure, "{} sets: {verdict:?}", proof.len());
    }
}

/// RFC 4035 §3.2.3: what came along from another zone and is needed for nothing is shown as far as it can be verified.
#[test]
fn what_other_zones_say_is_verified_too() {
    let denied = |text: &str| world::gather(&Question::new(name(text), RecordType::A)).denial.expect("a denial");
    let (here, there) = (denied("nope.example.com."), denied("nope.example.org."));
    let flipped = |set: &RrSet| {
        let rdatas = set.rdatas.iter().map(|rdata| [&rdata[..rdata.len() - 1], &[rdata[rdata.len() - 1] ^ 1]].concat());
        RrSet { rdatas: rdatas.collect::<Vec<_>>().iter().map(Vec::as_slice).collect(), ..set.clone() }
    };
    let forged: Vec<RrSet> = there.proof.iter().map(flipped).collect();
    let (mut facts, mut spent) = (world::facts(), Spent::default());
    let mut shown = |facts: &mut Facts<'_>, told: &[RrSet]| {
        facts.tell(told.to_vec());
        let (verdict, notes) = world::judge(facts, &here.statement(), &mut spent);
        assert!(is_secure(&verdict), "{verdict:?}");
        let of = |note: &Proof| matches!(note, Proof::Signature { zone, .. } if *zone == name("example.org."));
        let there: Vec<RrSet> = std::mem::take(&mut facts.shown);
        let there = there.iter().filter(|set| set.owner.is_within(&name("example.org."))).count();
        assert_eq!(notes.iter().filter(|note| of(note)).count(), there);
        there
    };
    assert_eq!(shown(&mut facts, &there.proof), 0, "nobody has asked for the keys of that zone");
    assert!(is_secure(&world::judge(&mut facts, &there.statement(), &mut Spent::default()).0));
    facts.shown.clear();
    assert_eq!(shown(&mut facts, &there.proof), there.proof.len());
    assert_eq!(shown(&mut facts, &forged), 0);
}
