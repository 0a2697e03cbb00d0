//! What a zone that means harm can make us compute, and proofs that are short on purpose.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use data_encoding::BASE32HEX_NOPAD;
use rootwalk::dnssec::{Anchor, Anchors, Ds, Limits, Settings, Spent, Statement, Verdict};
use rootwalk::trace::{Bogus, Insecure, Limit};
use rootwalk::wire::{Name, Question, RecordType, RrSet};

use crate::evidence::{Facts, Heard};
use crate::signer::{ED25519, Form, Signer, with_tag};
use crate::world::NOW_UNIX_SECS;

/// One zone with a trust anchor, and nothing else in the world.
#[derive(Debug)]
pub(crate) struct Zone {
    pub(crate) keys: RrSet,
    pub(crate) anchors: Anchors,
}

impl Zone {
    /// With these keys, signed by the key of `signer`, which its last anchor names.
    pub(crate) fn new(signer: &Signer, keys: &[Vec<u8>], wrong_anchors: usize) -> Self {
        let set = RrSet::new(signer.zone.clone(), RecordType::DNSKEY, 300, keys.iter().map(Vec::as_slice));
        let data = [signer.zone.wire(), &signer.dnskey].concat();
        let mut anchors = Anchors::default();
        for nth in 0..=wrong_anchors {
            let mut hash = digest(&SHA256, &data).as_ref().to_vec();
            hash[0] ^= u8::from(nth < wrong_anchors);
            anchors.add(signer.zone.clone(), Anchor::Ds(Ds::new(signer.tag(), ED25519, 2, &hash)));
        }
        Self { keys: signer.sign(set), anchors }
    }

    pub(crate) fn judge(&self, statement: &Statement<'_>, limits: &Limits, spent: &mut Spent) -> Verdict {
        self.judge_at(NOW_UNIX_SECS, statement, limits, spent)
    }

    /// The same at another moment.
    pub(crate) fn at(&self, now_secs: u32, statement: &Statement<'_>) -> Verdict {
        self.judge_at(now_secs, statement, &Limits::default(), &mut Spent::default())
    }

    fn judge_at(&self, now_secs: u32, statement: &Statement<'_>, limits: &Limits, spent: &mut Spent) -> Verdict {
        let settings = Settings { anchors: self.anchors.clone(), ..Settings::default() };
        let keys = |question: &Question| {
            let answer = (question.qtype == RecordType::DNSKEY).then(|| self.keys.clone());
            Some(Heard { answer, ..Heard::default() })
        };
        Facts::new(keys).judge((&settings, limits), now_secs, statement, spent).0
    }

    pub(crate) fn set(&self, set: &RrSet, limits: &Limits) -> (Verdict, Spent) {
        let mut spent = Spent::default();
        (self.judge(&Statement::Set { set, proof: &[] }, limits, &mut spent), spent)
    }
}

pub(crate) fn is_secure(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Secure { .. })
}

/// What stopped the judge.
fn stopped_by(verdict: &Verdict) -> Option<Limit> {
    match verdict {
        Verdict::Bogus(Bogus::TooCostly { limit, .. }) => Some(*limit),
        _ => None,
    }
}

fn www() -> RrSet {
    RrSet::new("www.z.".parse().unwrap(), RecordType::A, 300, [&[192, 0, 2, 1][..]])
}

#[test]
fn signatures_beyond_the_limit_are_not_tried() {
    let signer = Signer::new("z.", NOW_UNIX_SECS);
    let zone = Zone::new(&signer, std::slice::from_ref(&signer.dnskey), 0);
    let right = signer.rrsig(&www(), &signer.form());
    let wrong = |nth: u8| {
        let mut sig = right.clone();
        *sig.last_mut().unwrap() ^= nth;
        sig
    };
    // What names no key of the zone costs nothing.
    let unknown = signer.rrsig(&www(), &Form { key_tag: signer.tag() ^ 1, ..signer.form() });
    let limits = Limits { failed_validations: 100, ..Limits::default() };
    for (before, secure) in [(3, true), (4, false)] {
        let mut sigs = vec![unknown.clone(); 8];
        sigs.extend((1..=before).map(wrong).chain([right.clone()]));
        let set = RrSet { sigs: sigs.iter().map(Vec::as_slice).collect(), ..www() };
        let (verdict, spent) = zone.set(&set, &limits);
        assert_eq!(is_secure(&verdict), secure, "{before} before: {verdict:?}");
        assert_eq!(spent.validations, 5 + u32::from(secure && before > 3), "with that of the keys: {spent:?}");
    }
}

#[test]
fn keys_with_one_tag_beyond_the_limit_are_not_tried() {
    let signer = Signer::new("z.", NOW_UNIX_SECS);
    let set = signer.sign(www());
    // A key of another algorithm is none of them.
    for (before, algorithm, secure) in [(1, ED25519, true), (2, ED25519, false), (4, ED25519 - 2, true)] {
        let any = (0..=u8::MAX).map(|salt| [&signer.dnskey[..3], &[algorithm], &[salt; 32]].concat());
        let same = any.filter_map(|key| with_tag(&key, signer.tag()));
        let mut keys: Vec<Vec<u8>> = same.take(before).collect();
        keys.push(signer.dnskey.clone());
        // The anchor is the key itself, so that its digest need not be searched for among them.
        let mut zone = Zone::new(&signer, &keys, 0);
        let text = format!("z. DNSKEY 257 3 15 {}", data_encoding::BASE64.encode(&signer.dnskey[4..]));
        zone.anchors = text.parse().unwrap();
        let (verdict, spent) = zone.set(&set, &Limits::default());
        assert_eq!(is_secure(&verdict), secure, "{before} of {algorithm} before: {verdict:?}");
        // What holds with another key of the same tag is nobody's fault.
        assert_eq!(spent.failed_validations, if secure { 0 } else { 2 });
    }
}

/// What ended the search is named where a limit did, and nowhere else: among keys of one tag, where no signature holds
/// or the digest is that of the last one; and among digests that fit no key.
#[test]
fn a_limit_is_named_where_it_ended_the_search() {
    let signer = Signer::new("z.", NOW_UNIX_SECS);
    let mut set = signer.sign(www());
    let (right, mut sig) = (set.clone(), set.sigs.iter().next().unwrap().to_vec());
    *sig.last_mut().unwrap() ^= 1;
    set.sigs = [&sig[..]].into_iter().collect();
    let is_limit = |verdict: &Verdict| matches!(verdict, Verdict::Bogus(Bogus::NotFound { .. }));
    let limits = Limits::default();
    for before in 0..4 {
        let any = (0..=u8::MAX).map(|salt| [&signer.dnskey[..4], &[salt; 32]].concat());
        let same = any.filter_map(|key| with_tag(&key, signer.tag()));
        let mut keys: Vec<Vec<u8>> = vec![signer.dnskey.clone()];
        keys.extend(same.take(before));
        let first = Zone::new(&signer, &keys, 0).set(&set, &limits).0;
        assert_eq!(is_limit(&first), before >= limits.keys_per_tag, "{before}: {first:?}");
        // Its digest is that of the last.
        keys.reverse();
        let zone = Zone::new(&signer, &keys, 0);
        let last = zone.set(&right, &limits).0;
        let is_found = before < limits.keys_per_tag;
        let by_keys = matches!(last, Verdict::Bogus(Bogus::NotFound { rtype: RecordType::DNSKEY, .. }));
        assert_eq!((is_secure(&last), by_keys), (is_found, !is_found), "{before}: {last:?}");
    }
    // As many digests as are looked at, and one more; and keys of other tags are not what ended it.
    let others = (0..4).map(|_| Signer::new("z.", NOW_UNIX_SECS).dnskey);
    let keys: Vec<Vec<u8>> = others.chain([signer.dnskey.clone()]).collect();
    for wrong in [1, limits.ds_per_zone, limits.ds_per_zone + 1] {
        let zone = Zone::new(&signer, &keys, wrong);
        let mut anchors = zone.anchors.all();
        anchors[0].1.pop();
        zone.anchors.replace(anchors);
        let verdict = zone.set(&right, &limits).0;
        assert_eq!(is_limit(&verdict), wrong > limits.ds_per_zone, "{wrong}: {verdict:?}");
    }
}

#[test]
fn ds_records_beyond_the_limit_are_not_looked_at() {
    let signer = Signer::new("z.", NOW_UNIX_SECS);
    let set = signer.sign(www());
    for (before, secure) in [(7, true), (8, false)] {
        let (verdict, _) =
            Zone::new(&signer, std::slice::from_ref(&signer.dnskey), before).set(&set, &Limits::default());
        assert_eq!(is_secure(&verdict), secure, "{before} before: {verdict:?}");
    }
}

/// A zone of many keys, each with digests of several kinds, some of keys that are gone or yet to come.
#[test]
fn ds_records_of_keys_that_are_not_there_do_not_count() {
    let signer = Signer::new("z.", NOW_UNIX_SECS);
    let mut zone = Zone::new(&signer, std::slice::from_ref(&signer.dnskey), 0);
    let right = std::mem::take(&mut zone.anchors);
    let gone = |nth: u16| Anchor::Ds(Ds::new(signer.tag() ^ nth, ED25519, 2, &[0x77; 32]));
    let limits = Limits::default();
    let others = 2 * u16::try_from(limits.ds_per_zone).unwrap();
    (1..=others).for_each(|nth| zone.anchors.add(signer.zone.clone(), gone(nth)));
    assert!(matches!(zone.set(&signer.sign(www()), &limits).0, Verdict::Bogus(Bogus::KeyMissing { .. })));
    zone.anchors.extend([right]);
    let (verdict, _) = zone.set(&signer.sign(www()), &limits);
    assert!(is_secure(&verdict), "{verdict:?}");
}

/// Where a limit ends the search for the key that signs the others, that is the reason, and not what was tried before.
#[test]
fn a_limit_among_the_keys_is_named() {
    let limits = Limits::default();
    let signers: Vec<Signer> = (0..=limits.failed_validations).map(|_| Signer::new("z.", NOW_UNIX_SECS)).collect();
    let dnskeys: Vec<Vec<u8>> = signers.iter().map(|signer| signer.dnskey.clone()).collect();
    let mut zone = Zone::new(&signers[0], &dnskeys, 0);
    let wrong = |signer: &Signer| {
        let mut sig = signer.rrsig(&zone.keys, &signer.form());
        *sig.last_mut().unwrap() ^= 1;
        sig
    };
    let sigs: Vec<Vec<u8>> = signers.iter().map(wrong).collect();
    zone.keys.sigs = sigs.iter().map(Vec::as_slice).collect();
    zone.anchors.extend(signers[1..].iter().map(|signer| Zone::new(signer, &dnskeys, 0).anchors));
    let (verdict, spent) = zone.set(&signers[0].sign(www()), &limits);
    assert_eq!(stopped_by(&verdict), Some(Limit::FailedValidations), "{verdict:?}");
    assert_eq!(spent.failed_validations, limits.failed_validations);
}

#[test]
fn signatures_cost_until_the_budget_is_spent() {
    let signer = Signer::new("z.", NOW_UNIX_SECS);
    let zone = Zone::new(&signer, std::slice::from_ref(&signer.dnskey), 0);
    let (limits, mut spent) = (Limits::default(), Spent::default());
    let mut judge = |nth: u32| {
        let set = signer.one(&format!("{nth}.z."), RecordType::A, &nth.to_be_bytes());
        let statement = Statement::Set { set: &set, proof: &[] };
        // The second time is free, as are the keys of the zone.
        (zone.judge(&statement, &limits, &mut spent), zone.judge(&statement, &limits, &mut spent), spent.validations)
    };
    for nth in 1..limits.validations {
        let (first, second, validations) = judge(nth);
        assert!(is_secure(&first) && is_secure(&second), "{first:?}");
        assert_eq!(validations, nth + 1);
    }
    let (last, _, validations) = judge(limits.validations);
    assert_eq!((stopped_by(&last), validations), (Some(Limit::Validations), limits.validations));
}

/// An NSEC3 record that matches nothing, with as many iterations.
fn nsec3(signer: &Signer, iterations: u16) -> RrSet {
    let rdata = [&[1, 0][..], &iterations.to_be_bytes(), &[0, 20], &[0x77; 20], &[0, 1, 0x40]].concat();
    signer.one("0000000000000000000000000000000a.z.", RecordType::NSEC3, &rdata)
}

/// CVE-2023-50868: long names, each label of which has to be hashed to find what encloses the name.
#[test]
fn hashes_cost_until_the_budget_is_spent() {
    let signer = Signer::new("z.", NOW_UNIX_SECS);
    let zone = Zone::new(&signer, std::slice::from_ref(&signer.dnskey), 0);
    let limits = Limits { validations: 1000, ..Limits::default() };
    let proof = [nsec3(&signer, limits.nsec3_iterations)];
    let mut spent = Spent::default();
    for nth in 0..10 {
        let name = format!("{}{nth}.z.", "a.".repeat(120));
        let question = Question::new(name.parse().unwrap(), RecordType::A);
        let statement = Statement::Denial { question: &question, no_name: true, soa: None, proof: &proof };
        let verdict = zone.judge(&statement, &limits, &mut spent);
        assert!(matches!(verdict, Verdict::Bogus(_)), "{verdict:?}");
        if stopped_by(&verdict) == Some(Limit::Nsec3Hashes) {
            assert_eq!(spent.nsec3_hashes, limits.nsec3_hashes);
            return;
        }
    }
    panic!("nothing stops it: {spent:?}");
}

/// RFC 5155 §5, without salt and iterations.
fn hash(name: &Name) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, name.to_lower().wire()).as_ref().to_vec()
}

/// However many labels a name has that is not there, its proof costs what there is of it: here nothing but the zone.
#[test]
fn long_names_cost_few_hashes() {
    let signer = Signer::new("z.", NOW_UNIX_SECS);
    let zone = Zone::new(&signer, std::slice::from_ref(&signer.dnskey), 0);
    // One record, whose span is everything but the zone itself.
    let apex = hash(&signer.zone);
    let rdata = [&[1, 0, 0, 0, 0, 20][..], &apex, &[0, 1, 0x02]].concat();
    let owner = format!("{}.z.", BASE32HEX_NOPAD.encode(&apex));
    let proof = [signer.one(&owner, RecordType::NSEC3, &rdata)];
    for labels in [1, 34, 120] {
        let question = Question::new(format!("{}z.", "a.".repeat(labels)).parse().unwrap(), RecordType::A);
        let statement = Statement::Denial { question: &question, no_name: true, soa: None, proof: &proof };
        let mut spent = Spent::default();
        let verdict = zone.judge(&statement, &Limits::default(), &mut spent);
        assert!(is_secure(&verdict), "{labels}: {verdict:?}");
        // The name, the zone, the name below it, the wildcard.
        assert!(spent.nsec3_hashes <= 4, "{labels}: {spent:?}");
    }
}

/// RFC 9276 §3.2: above the limit nothing is hashed at all, also where a delegation is denied (CVE-2026-1519).
#[test]
fn too_many_iterations_cost_nothing() {
    let signer = Signer::new("z.", NOW_UNIX_SECS);
    let zone = Zone::new(&signer, std::slice::from_ref(&signer.dnskey), 0);
    let proof = [nsec3(&signer, 51)];
    for (qtype, no_name) in [(RecordType::A, true), (RecordType::DS, false)] {
        let question = Question::new("nope.z.".parse().unwrap(), qtype);
        let statement = Statement::Denial { question: &question, no_name, soa: None, proof: &proof };
        let mut spent = Spent::default();
        let verdict = zone.judge(&statement, &Limits::default(), &mut spent);
        assert!(matches!(verdict, Verdict::Insecure(Insecure::Iterations { iterations: 51, .. })), "{verdict:?}");
        assert_eq!(spent.nsec3_hashes, 0);
    }
    // Nor where it came with an answer that may lie below a cut.
    let settings = Settings { anchors: zone.anchors.clone(), ..Settings::default() };
    let mut facts = Facts::new(|question: &Question| {
        let answer = (question.qtype == RecordType::DNSKEY).then(|| zone.keys.clone());
        Some(Heard { answer, ..Heard::default() })
    });
    facts.tell(proof.to_vec());
    let (set, mut spent) = (RrSet { owner: "www.cut.z.".parse().unwrap(), ..www() }, Spent::default());
    let statement = Statement::Set { set: &set, proof: &[] };
    let verdict = facts.judge((&settings, &Limits::default()), NOW_UNIX_SECS, &statement, &mut spent).0;
    assert!(matches!(verdict, Verdict::Bogus(_)), "{verdict:?}");
    assert_eq!(spent.nsec3_hashes, 0);
}

/// RFC 9824 §3: one NSEC record at the name itself is the whole proof; NXNAME in it says that there is no such name.
#[test]
fn compact_denials_of_rfc_9824() {
    const NXNAME: u16 = 128;
    let signer = Signer::new("z.", NOW_UNIX_SECS);
    let zone = Zone::new(&signer, std::slice::from_ref(&signer.dnskey), 0);
    let (a, txt) = (RecordType::A, RecordType::TXT);
    let verdict = |nsec: &RrSet, name: &str, qtype, no_name| {
        let question = Question::new(name.parse().unwrap(), qtype);
        let proof = [nsec.clone()];
        let statement = Statement::Denial { question: &question, no_name, soa: None, proof: &proof };
        zone.judge(&statement, &Limits::default(), &mut Spent::default())
    };
    let missing = signer.nsec("nope.z.", "\\000.nope.z.", &[46, 47, NXNAME]);
    let present = signer.nsec("www.z.", "\\000.www.z.", &[1, 46, 47]);
    let empty = signer.nsec("ent.z.", "\\000.ent.z.", &[46, 47]);
    // §3.1: NODATA on the wire, for every type.
    assert!(is_secure(&verdict(&missing, "nope.z.", a, false)) && is_secure(&verdict(&missing, "nope.z.", txt, false)));
    // §5.1: NXDOMAIN where the server may say so.
    assert!(is_secure(&verdict(&missing, "nope.z.", a, true)));
    // §3.2, §3.3: a name with other types, and one with nothing but names below it.
    assert!(is_secure(&verdict(&present, "www.z.", txt, false)) && is_secure(&verdict(&empty, "ent.z.", a, false)));
    // The type that is there, another name, and a name that exists.
    assert!(matches!(verdict(&present, "www.z.", a, false), Verdict::Bogus(_)));
    assert!(matches!(verdict(&missing, "other.z.", a, true), Verdict::Bogus(_)));
    for (nsec, name) in [(&present, "www.z."), (&empty, "ent.z.")] {
        // The response code is not signed; the proof is of a name without the type.
        let told = verdict(nsec, name, txt, true);
        assert!(matches!(told, Verdict::NoData { .. }), "{name}: {told:?}");
    }
}
