//! Whom is believed for how long: zones below zones, each with its own keys, and anchors for some of them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rootwalk::dnssec::{Anchors, Known as _, Statement, Verdict, key_tag};
use rootwalk::trace::{Bogus, Insecure};
use rootwalk::wire::{Question, RecordType, RrSet};

use crate::edges::name;
use crate::evidence::{Facts, Heard};
use crate::limits::{Zone, is_secure};
use crate::signer::Signer;
use crate::types::{NS, SOA};
use crate::world::{NOW_UNIX_SECS, verdict_by, verdict_on};

/// The root, and `z.` below it.
struct World {
    root: Signer,
    z: Signer,
    /// What the root says of `z.`.
    ds: Heard,
    /// The keys of `z.`.
    keys: RrSet,
    anchors: Anchors,
}

pub(crate) fn keys(signer: &Signer, ttl_secs: u32) -> RrSet {
    signer.sign(RrSet::new(signer.zone.clone(), RecordType::DNSKEY, ttl_secs, [&signer.dnskey[..]]))
}

/// The data of a DS record for the key of `signer`, its algorithm what is said.
pub(crate) fn ds(signer: &Signer, algorithm: u8, digest_type: u8) -> Vec<u8> {
    let hash = if digest_type == 1 { &SHA1_FOR_LEGACY_USE_ONLY } else { &SHA256 };
    let hash = digest(hash, &[signer.zone.wire(), &signer.dnskey].concat());
    [&signer.tag().to_be_bytes()[..], &[algorithm, digest_type], hash.as_ref()].concat()
}

impl World {
    fn new() -> Self {
        let [root, z] = [".", "z."].map(|zone| Signer::new(zone, NOW_UNIX_SECS));
        let answer = root.one("z.", RecordType::DS, &ds(&z, 15, 2));
        let anchors = Zone::new(&root, std::slice::from_ref(&root.dnskey), 0).anchors;
        let (ds, keys) = (Heard { answer: Some(answer), ..Heard::default() }, keys(&z, 300));
        Self { root, z, ds, keys, anchors }
    }

    /// The root says that `z.` is delegated and not signed.
    fn unsigned(self) -> Self {
        let nsec = self.root.one("z.", RecordType::NSEC, &[&[0][..], &crate::signer::bitmap(&[NS])].concat());
        Self { ds: Heard { proof: vec![nsec], ..Heard::default() }, ..self }
    }

    fn facts(&self) -> Facts<'_> {
        Facts::new(|question| match (question.qtype, question.name.is_root()) {
            (RecordType::DNSKEY, true) => Some(Heard { answer: Some(keys(&self.root, 300)), ..Heard::default() }),
            (RecordType::DNSKEY, false) => Some(Heard { answer: Some(self.keys.clone()), ..Heard::default() }),
            _ if question.name == name("z.") => Some(self.ds.clone()),
            _ => None,
        })
    }

    fn judge(&self, statement: &Statement<'_>) -> Verdict {
        verdict_by(&self.anchors, &mut self.facts(), statement)
    }

    fn judged(&self, set: &RrSet) -> Verdict {
        self.judge(&Statement::Set { set, proof: &[] })
    }
}

fn www() -> RrSet {
    RrSet::new(name("www.z."), RecordType::A, 300, [&[192, 0, 2, 1][..]])
}

/// RFC 4035 §5.3.3: what is known of a zone holds no longer than its keys do, nor than what its parent said of them.
#[test]
fn a_zone_is_known_as_long_as_its_keys_and_their_ds() {
    for (ds_secs, keys_secs) in [(7, 300), (300, 9), (300, 300)] {
        let mut world = World::new();
        let set = RrSet::new(name("z."), RecordType::DS, ds_secs, [&ds(&world.z, 15, 2)[..]]);
        world.ds.answer = Some(world.root.sign(set));
        world.keys = keys(&world.z, keys_secs);
        let (mut facts, set) = (world.facts(), world.z.sign(www()));
        assert!(is_secure(&verdict_on(&world.anchors, &mut facts, &set)));
        assert_eq!(facts.zone(&name("z.")).unwrap().ttl_secs, ds_secs.min(keys_secs));
    }
}

/// RFC 6840 appendix C.2: of anchors for a zone and for one above any will do that leads to data that is proved. That
/// the zone is unsigned as far as the one above knows is nothing to a zone with an anchor of its own.
#[test]
fn an_island_is_not_made_unsigned_from_above() {
    let own = |world: &mut World| {
        let more = Zone::new(&world.z, std::slice::from_ref(&world.z.dnskey), 0).anchors;
        world.anchors.extend([more]);
    };
    let mut world = World::new().unsigned();
    assert!(matches!(world.judged(&www()), Verdict::Insecure(Insecure::Unsigned { .. })));
    own(&mut world);
    assert!(is_secure(&world.judged(&world.z.sign(www()))) && matches!(world.judged(&www()), Verdict::Bogus(_)));
    // Its keys are of somebody else. What was learned from above meanwhile is nothing to those who ask next.
    world.keys = keys(&Signer::new("z.", NOW_UNIX_SECS), 300);
    let (mut facts, set) = (world.facts(), www());
    for _ in 0..3 {
        assert!(matches!(verdict_on(&world.anchors, &mut facts, &set), Verdict::Bogus(_)));
    }
    // The anchor is out of date, and the one above leads there.
    let mut world = World::new();
    let old = Signer::new("z.", NOW_UNIX_SECS);
    world.anchors.extend([Zone::new(&old, std::slice::from_ref(&old.dnskey), 0).anchors]);
    assert!(is_secure(&world.judged(&world.z.sign(www()))));
    // Nor has the one above the say over what is in it (RFC 4035 §5.3.1).
    let mut world = World::new();
    own(&mut world);
    assert!(matches!(world.judged(&world.root.sign(www())), Verdict::Bogus(_)));
}

/// RFC 4035 §5.2: anchors of which none can be used vouch for nothing, and what is below them counts as unsigned;
/// beside one that can be used they do no harm.
#[test]
fn anchors_of_no_use_vouch_for_nothing() {
    let mut world = World::new();
    let used = world.anchors.clone();
    let idle = "z. DS 1 253 2 00".parse::<Anchors>().unwrap();
    world.anchors = idle.clone();
    assert!(matches!(world.judged(&www()), Verdict::Insecure(Insecure::Algorithm { .. })));
    world.anchors = "z. DS 1 15 99 00".parse().unwrap();
    assert!(matches!(world.judged(&www()), Verdict::Insecure(Insecure::Digest { .. })));
    world.anchors.extend([idle, Zone::new(&world.z, std::slice::from_ref(&world.z.dnskey), 0).anchors]);
    assert!(is_secure(&world.judged(&world.z.sign(www()))) && matches!(world.judged(&www()), Verdict::Bogus(_)));
    world.anchors = used;
    assert!(is_secure(&world.judged(&world.z.sign(www()))));
}

/// A name that signs is a zone, and its zone above knows it; what it has signed does no harm beside a signature that
/// holds (RFC 6840 §5.4), on a set or on its denial.
#[test]
fn who_signs_without_being_a_zone_is_named() {
    let mut world = World::new();
    let other = Signer::new("www.z.", NOW_UNIX_SECS);
    let nsec = world.z.nsec("www.z.", "z.", &[1]);
    world.ds.proof.clear();
    let ask = |question: &Question| match question.name == name("www.z.") {
        true => Some(Heard { proof: vec![nsec.clone()], ..Heard::default() }),
        false => Some(Heard { answer: Some(world.keys.clone()), ..Heard::default() }),
    };
    let anchors = Zone::new(&world.z, std::slice::from_ref(&world.z.dnskey), 0).anchors;
    let judged = |statement: &Statement<'_>| verdict_by(&anchors, &mut Facts::new(ask), statement);
    let set = other.sign(www());
    let verdict = judged(&Statement::Set { set: &set, proof: &[] });
    assert!(matches!(verdict, Verdict::Bogus(Bogus::NotAZone { .. })), "{verdict:?}");
    let both = |set: &RrSet| {
        let (left, right) = (other.rrsig(set, &other.form()), world.z.rrsig(set, &world.z.form()));
        [[&left[..], &right], [&right, &left]].map(|sigs| RrSet { sigs: sigs.into_iter().collect(), ..set.clone() })
    };
    for set in both(&www()) {
        let verdict = judged(&Statement::Set { set: &set, proof: &[] });
        assert!(is_secure(&verdict), "{verdict:?}");
    }
    for proof in both(&nsec) {
        let question = Question::new(name("www.z."), RecordType::MX);
        let verdict = judged(&Statement::Denial { question: &question, no_name: false, soa: None, proof: &[proof] });
        assert!(is_secure(&verdict), "{verdict:?}");
    }
}

/// However many names that are no zones have signed: the way down to them is gone once.
#[test]
fn claims_below_one_zone_are_looked_into_once() {
    let world = World::new();
    let deep = |labels: usize| format!("{}z.", "a.".repeat(labels));
    let ask = |question: &Question| match question.name == name("z.") {
        true => Some(Heard { answer: Some(world.keys.clone()), ..Heard::default() }),
        false => {
            let nsec = world.z.nsec(&question.name.to_string(), "z.", &[1]);
            Some(Heard { proof: vec![nsec], ..Heard::default() })
        }
    };
    let anchors = Zone::new(&world.z, std::slice::from_ref(&world.z.dnskey), 0).anchors;
    let looks = |claims: usize| {
        let plain = RrSet { owner: name(&deep(9)), ..www() };
        let liars: Vec<_> = (0..claims).map(|nth| Signer::new(&deep(9 - nth), NOW_UNIX_SECS)).collect();
        let sigs = liars.iter().chain([&world.z]).map(|signer| signer.rrsig(&plain, &signer.form()));
        let sigs: Vec<_> = sigs.collect();
        let set = RrSet { sigs: sigs.iter().map(|sig| &sig[..]).collect(), ..plain };
        let mut facts = Facts::new(ask);
        let verdict = verdict_on(&anchors, &mut facts, &set);
        assert!(is_secure(&verdict), "{claims}: {verdict:?}");
        facts.looks.get()
    };
    assert!(looks(1) > 0);
    for claims in 2..8 {
        assert!(looks(claims) <= looks(1), "{claims}: {} and {}", looks(claims), looks(1));
    }
}

/// RFC 4035 §5.2, RFC 9905: what is not verified here makes a zone unsigned, and a DS record names a key of its own
/// algorithm only.
#[test]
fn what_a_ds_record_must_fit() {
    let with = |rdata: &[u8]| {
        let mut world = World::new();
        world.ds.answer = Some(world.root.one("z.", RecordType::DS, rdata));
        let set = world.z.sign(www());
        world.judged(&set)
    };
    let z = Signer::new("z.", NOW_UNIX_SECS);
    assert!(matches!(with(&ds(&z, 15, 1)), Verdict::Insecure(Insecure::Digest { .. })));
    for algorithm in [1, 3, 5, 6, 7, 12, 16, 17, 253, 254] {
        let verdict = with(&ds(&z, algorithm, 2));
        assert!(matches!(verdict, Verdict::Insecure(Insecure::Algorithm { .. })), "{algorithm}: {verdict:?}");
    }
    let mut world = World::new();
    world.ds.answer = Some(world.root.one("z.", RecordType::DS, &ds(&world.z, 13, 2)));
    assert!(matches!(world.judged(&world.z.sign(www())), Verdict::Bogus(Bogus::KeyMissing { .. })));
}

/// RFC 4035 §3.1.4.1, §5.4: the server of both a zone and the one above may say what each has of a name; each counts
/// where it has the say.
#[test]
fn a_server_of_two_zones_speaks_for_both() {
    let world = World::new();
    let (root_soa, z_soa) = (
        world.root.one(".", RecordType::NSEC, &[&b"\x01a\x00"[..], &crate::signer::bitmap(&[NS, SOA])].concat()),
        world.z.nsec("z.", "z.", &[NS, SOA]),
    );
    let cut = world.root.one("y.", RecordType::NSEC, &[&[0][..], &crate::signer::bitmap(&[NS])].concat());
    let denies = |asked: &str, qtype, proof: &[RrSet]| {
        let question = Question::new(name(asked), qtype);
        world.judge(&Statement::Denial { question: &question, no_name: false, soa: None, proof })
    };
    let both = [root_soa, z_soa.clone(), cut.clone()];
    assert!(is_secure(&denies("y.", RecordType::DS, &both)) && is_secure(&denies("z.", RecordType::MX, &both)));
    // What lies below an unsigned cut is not the parent's to deny, and need not be proved.
    let world = World::new().unsigned();
    let question = Question::new(name("www.z."), RecordType::A);
    let proof = [world.root.one("a.", RecordType::NSEC, &[&b"\x01b\x00"[..], &crate::signer::bitmap(&[1])].concat())];
    let statement = Statement::Denial { question: &question, no_name: true, soa: None, proof: &proof };
    let verdict = world.judge(&statement);
    assert!(matches!(verdict, Verdict::Insecure(Insecure::Unsigned { .. })), "{verdict:?}");
    // Whoever denies it in the name of the parent owes the proof, signed or not.
    let soa = |zone: &str| RrSet::new(name(zone), RecordType::SOA, 300, [&[0; 22][..]]);
    let cases = [(None, false), (Some(soa("z.")), false), (Some(soa(".")), true)];
    for (soa, owes) in cases.into_iter().chain([(Some(world.root.sign(soa("."))), true)]) {
        let statement = Statement::Denial { question: &question, no_name: true, soa: soa.as_ref(), proof: &[] };
        let mut facts = world.facts();
        let verdict = verdict_by(&world.anchors, &mut facts, &statement);
        assert!(matches!(verdict, Verdict::Insecure(Insecure::Unsigned { .. })), "{verdict:?}");
        assert_eq!(facts.unproved.is_some(), owes, "{soa:?}");
    }
}

/// RFC 4034 appendix B.1: for algorithm 1 the tag is taken from the end of the modulus.
#[test]
fn key_tags_of_algorithm_1() {
    assert_eq!(key_tag(&[1, 0, 3, 1, 1, 3, 0xaa, 0xbb, 0xcc, 0xdd]), 0xbbcc);
    assert_ne!(key_tag(&[1, 0, 3, 5, 1, 3, 0xaa, 0xbb, 0xcc, 0xdd]), 0xbbcc);
}
