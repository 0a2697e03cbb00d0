//! Keys, and what names them: algorithms beside each other, keys and signatures of the wrong length, keys that sign no
//! zones; and cuts that the parent has no record of.

use std::cell::Cell;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use num_bigint::BigUint;
use rootwalk::dnssec::{Anchor, Anchors, Cut, Ds, Known as _, Limits, Spent, Statement, Verdict, key_tag};
use rootwalk::trace::{Bogus, Insecure};
use rootwalk::wire::{Question, Rdatas, RecordType, RrSet};

use crate::edges::{Kind, PLAIN, chain, name, zone};
use crate::evidence::{Facts, Heard};
use crate::limits::{Zone, is_secure};
use crate::signer::{Form, Pair, Signer};
use crate::types::{A, DS, NS, SOA};
use crate::world::{NOW_UNIX_SECS, verdict_on};

/// Somebody with a key of P-256.
fn p256(zone: &str) -> Signer {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
    let dnskey = [&[1, 0, 3, 13][..], &pair.public_key().as_ref()[1..]].concat();
    Signer { zone: name(zone), now_secs: NOW_UNIX_SECS, dnskey, pair: Pair::Ecdsa(pair) }
}

/// Somebody with an RSA key whose private half is one: the message is the signature, and so is anything that is the
/// same number. No such key proves anything.
fn rsa_of_one(zone: &str, octets: usize, exponent: &[u8]) -> Signer {
    let modulus = vec![0xff; octets];
    let dnskey = [&[1, 1, 3, 8, u8::try_from(exponent.len()).unwrap()][..], exponent, &modulus].concat();
    let pair = Pair::Rsa { modulus: BigUint::from_bytes_be(&modulus), private: BigUint::from(1_u8) };
    Signer { zone: name(zone), now_secs: NOW_UNIX_SECS, dnskey, pair }
}

fn ds(signer: &Signer, dnskey: &[u8]) -> Anchor {
    let digest = digest(&SHA256, &[signer.zone.wire(), dnskey].concat());
    Anchor::Ds(Ds::new(key_tag(dnskey), dnskey[3], 2, digest.as_ref()))
}

/// A zone with these keys, signed by those, and with an anchor for each of the latter.
fn zone_of(keys: &[&[u8]], signers: &[&Signer]) -> Zone {
    let zone = signers[0].zone.clone();
    let set = RrSet::new(zone.clone(), RecordType::DNSKEY, 300, keys.iter().copied());
    let sigs: Vec<Vec<u8>> = signers.iter().map(|signer| signer.rrsig(&set, &signer.form())).collect();
    let mut anchors = Anchors::default();
    signers.iter().for_each(|signer| anchors.add(zone.clone(), ds(signer, &signer.dnskey)));
    Zone { keys: RrSet { sigs: sigs.iter().map(Vec::as_slice).collect(), ..set }, anchors }
}

fn www() -> RrSet {
    RrSet::new(name("www.z."), RecordType::A, 300, [&[192, 0, 2, 1][..]])
}

fn judged(zone: &Zone, set: &RrSet) -> Verdict {
    zone.set(set, &Limits::default()).0
}

/// RFC 6840 §5.11: one algorithm is enough, whichever, on the keys and on the data; RFC 4035 §2.2 binds signers alone.
/// RFC 4034 §2.1.1: the SEP flag means nothing to a validator.
#[test]
fn one_of_several_algorithms_is_enough() {
    let (one, two) = (Signer::new("z.", NOW_UNIX_SECS), p256("z."));
    let keys = [&one.dnskey[..], &two.dnskey];
    for signers in [&[&one, &two][..], &[&one], &[&two]] {
        let zone = zone_of(&keys, signers);
        for data in [&one, &two] {
            assert!(is_secure(&judged(&zone, &data.sign(www()))));
        }
        let both = [one.rrsig(&www(), &one.form()), two.rrsig(&www(), &two.form())];
        // A broken one beside a good one does no harm (RFC 6840 §5.4).
        for broken in 0..2 {
            let mut sigs = both.clone();
            *sigs[broken].last_mut().unwrap() ^= 1;
            let set = RrSet { sigs: sigs.iter().map(Vec::as_slice).collect(), ..www() };
            assert!(is_secure(&judged(&zone, &set)));
        }
    }
    // The anchor names a key whose signature over the keys is missing.
    let mut zone = zone_of(&keys, &[&one]);
    zone.anchors = Anchors::default();
    zone.anchors.add(name("z."), ds(&two, &two.dnskey));
    assert!(matches!(judged(&zone, &one.sign(www())), Verdict::Bogus(_)));
}

/// RFC 4034 §2.1.1, §2.1.2, RFC 5011 §2.1: a key that the parent names and that signs no zones leads to nothing, and is
/// passed over beside another.
#[test]
fn an_entry_point_must_sign_zones() {
    for (flags, protocol) in [(0_u16, 3), (1, 3), (0x0180, 3), (0x0181, 3), (0x0101, 0), (0x0101, 4)] {
        let (mut wrong, right) = (Signer::new("z.", NOW_UNIX_SECS), Signer::new("z.", NOW_UNIX_SECS));
        wrong.dnskey = [&flags.to_be_bytes()[..], &[protocol], &wrong.dnskey[3..]].concat();
        let keys = [&wrong.dnskey[..], &right.dnskey];
        let alone = judged(&zone_of(&keys, &[&wrong]), &wrong.sign(www()));
        let is_named = match flags & 0x80 {
            0 => matches!(alone, Verdict::Bogus(Bogus::NotZoneKey { .. })),
            _ => matches!(alone, Verdict::Bogus(Bogus::KeyRevoked { .. })),
        };
        assert!(is_named, "{flags:#x} {protocol}: {alone:?}");
        let zone = zone_of(&keys, &[&wrong, &right]);
        assert!(is_secure(&judged(&zone, &right.sign(www()))), "{flags:#x} {protocol}");
        assert!(matches!(judged(&zone, &wrong.sign(www())), Verdict::Bogus(Bogus::KeyUnknown { .. })));
    }
}

/// RFC 6605 §4, RFC 8080 §3: keys and signatures have one length, and what has another one is no key and no signature.
#[test]
fn lengths_that_are_none() {
    for signer in [Signer::new("z.", NOW_UNIX_SECS), p256("z.")] {
        let good = signer.sign(www());
        let head = good.sigs.iter().next().unwrap().len() - 64;
        let own = zone_of(&[&signer.dnskey], &[&signer]);
        assert!(is_secure(&judged(&own, &good)));
        for octets in [0, 1, 32, 63, 65, 96, 128] {
            // What is missing is cut off, what is too much is there twice.
            let again = |all: &[u8], head: usize| -> Vec<u8> {
                all[..head].iter().chain(all[head..].iter().cycle().take(octets)).copied().collect()
            };
            let sig = again(good.sigs.iter().next().unwrap(), head);
            let set = RrSet { sigs: [&sig[..]].into_iter().collect(), ..good.clone() };
            assert!(matches!(judged(&own, &set), Verdict::Bogus(_)), "a signature of {octets} octets");
            if octets + 4 == signer.dnskey.len() {
                continue;
            }
            let damaged = Signer { dnskey: again(&signer.dnskey, 4), ..damageable(&signer) };
            let keys = [&damaged.dnskey[..], &signer.dnskey];
            assert!(is_secure(&judged(&zone_of(&keys, &[&signer]), &good)), "beside a key of {octets} octets");
            let verdict = judged(&zone_of(&keys, &[&damaged]), &damaged.sign(www()));
            assert!(matches!(verdict, Verdict::Bogus(_)), "a key of {octets} octets: {verdict:?}");
        }
    }
}

/// Another key of the same algorithm: with what is no key it does not matter which.
fn damageable(signer: &Signer) -> Signer {
    if signer.dnskey[3] == 13 { p256("z.") } else { Signer::new("z.", NOW_UNIX_SECS) }
}

/// RFC 3110 §2, RFC 5702 §2.1: an exponent of one or of nothing makes everybody a signer, and a modulus of nothing is
/// none.
#[test]
fn rsa_keys_at_the_edges() {
    for octets in [0, 1, 63, 64, 128, 256, 512, 513, 1000] {
        for exponent in [&[][..], &[0], &[1], &[0, 0, 1], &[2], &[0xff; 255]] {
            if octets < 64 {
                let dnskey = [&[1, 1, 3, 8, 1, 3][..], &vec![0xff; octets]].concat();
                let signer = Signer { dnskey, ..rsa_of_one("z.", 128, &[1]) };
                assert!(!is_secure(&judged(&zone_of(&[&signer.dnskey], &[&signer]), &signer.sign(www()))));
                continue;
            }
            let signer = rsa_of_one("z.", octets, exponent);
            let verdict = judged(&zone_of(&[&signer.dnskey], &[&signer]), &signer.sign(www()));
            assert!(!is_secure(&verdict), "{octets} octets, exponent {exponent:?}: {verdict:?}");
        }
    }
}

/// That a zone has nothing but keys that are too short is known for no longer than the records last that say so: its
/// keys and its DS set.
#[test]
fn keys_that_are_too_short_are_known_for_as_long_as_they_last() {
    let ((signer, zone), short) = (zone("z."), rsa_of_one("cut.z.", 64, &[3]));
    let digest = digest(&SHA256, &[short.zone.wire(), &short.dnskey].concat());
    let data = [&key_tag(&short.dnskey).to_be_bytes()[..], &[8, 2], digest.as_ref()].concat();
    for (keys_secs, ds_secs) in [(60, 300), (300, 60)] {
        let set = |rtype, ttl_secs, rdata: &[u8]| RrSet::new(name("cut.z."), rtype, ttl_secs, [rdata]);
        let keys = set(RecordType::DNSKEY, keys_secs, &short.dnskey);
        let ds = signer.sign(set(RecordType::DS, ds_secs, &data));
        let mut facts = Facts::new(|question: &Question| {
            let answer = match (question.qtype, question.name == name("cut.z.")) {
                (RecordType::DNSKEY, true) => keys.clone(),
                (RecordType::DNSKEY, false) => zone.keys.clone(),
                _ => ds.clone(),
            };
            Some(Heard { answer: Some(answer), ..Heard::default() })
        });
        let set = RrSet { owner: name("cut.z."), ..www() };
        let verdict = verdict_on(&zone.anchors, &mut facts, &set);
        assert!(matches!(verdict, Verdict::Insecure(Insecure::WeakKeys { .. })), "{verdict:?}");
        assert_eq!(facts.zone(&name("cut.z.")).unwrap().ttl_secs, 60);
    }
}

/// A zone counts as unsigned for keys that are too short only when all that its parent names are: whoever leaves the
/// long one out of the key set, which nobody has proved yet, must not get that far (RFC 4035 §2.4, §5.2).
#[test]
fn a_long_key_that_was_left_out_does_not_make_a_zone_unsigned() {
    let (short, long) = (rsa_of_one("z.", 64, &[3]), Signer::new("z.", NOW_UNIX_SECS));
    let forged = RrSet { sigs: Rdatas::default(), ..www() };
    let weak = |verdict| matches!(verdict, Verdict::Insecure(Insecure::WeakKeys { .. }));
    let alone = zone_of(&[&short.dnskey], &[&short]);
    assert!(weak(judged(&alone, &forged)));
    let both = [&short, &long];
    let whole = zone_of(&[&short.dnskey, &long.dnskey], &both);
    assert!(is_secure(&judged(&whole, &long.sign(www()))));
    assert!(matches!(judged(&whole, &forged), Verdict::Bogus(_)));
    for signers in [both, [&long, &short]] {
        let stripped = Zone { anchors: zone_of(&[], &signers).anchors, ..zone_of(&[&short.dnskey], &[&short]) };
        let verdict = judged(&stripped, &forged);
        assert!(matches!(verdict, Verdict::Bogus(_)), "{verdict:?}");
    }
    // More than are looked at.
    assert!(weak(judged(&zone_of(&[&short.dnskey], &[&short; 8]), &forged)));
    assert!(matches!(judged(&zone_of(&[&short.dnskey], &[&short; 9]), &forged), Verdict::Bogus(_)));
}

/// RFC 3110 §2: a modulus has at most 4096 bits. These are Mersenne primes, so that who knows the key knows both halves
/// of it, and each signature is a right one.
#[test]
fn rsa_keys_of_more_than_4096_bits_prove_nothing() {
    let (one, exponent) = (BigUint::from(1_u8), BigUint::from(65_537_u32));
    for (bits, secure) in [(1279_u32, true), (3217, true), (4253, false)] {
        let modulus: BigUint = (&one << bits) - &one;
        let private = exponent.modinv(&(&modulus - &one)).unwrap();
        let dnskey = [&[1, 1, 3, 8, 3, 1, 0, 1][..], &modulus.to_bytes_be()].concat();
        let signer = Signer { dnskey, pair: Pair::Rsa { modulus, private }, ..Signer::new("z.", NOW_UNIX_SECS) };
        let verdict = judged(&zone_of(&[&signer.dnskey], &[&signer]), &signer.sign(www()));
        assert_eq!(is_secure(&verdict), secure, "{bits}: {verdict:?}");
    }
}

/// RFC 5155 §7.1, erratum 3441: of an unsigned cut in an opt-out span the empty names above it have no record either,
/// and some servers prove nothing about those. What came with the referral to the cut shows all of it.
#[test]
fn an_unsigned_cut_below_an_empty_name_without_record() {
    const OPT_OUT: Kind = Kind { flags: 1, ..PLAIN };
    let (signer, zone) = zone("z.");
    let apex: &[(&str, &[u16])] = &[("z.", &[NS, SOA])];
    let (mut out, not) = (chain(&signer, apex, OPT_OUT), chain(&signer, apex, PLAIN));
    let asked = Cell::new(false);
    let judged = |proof: Option<&[RrSet]>| {
        asked.set(false);
        let ask = |question: &Question| {
            let answer = (question.qtype == RecordType::DNSKEY).then(|| zone.keys.clone());
            asked.set(asked.get() || answer.is_none());
            Some(Heard { answer, ..Heard::default() })
        };
        let mut facts = Facts::new(ask);
        if let Some(proof) = proof {
            facts.refer(name("cut.empty.z."), Cut { proof: proof.to_vec(), ..Cut::default() });
        }
        let set = RrSet { owner: name("www.cut.empty.z."), ..www() };
        verdict_on(&zone.anchors, &mut facts, &set)
    };
    let opted_out = judged(Some(&out));
    assert!(matches!(&opted_out, Verdict::Insecure(Insecure::OptOut { .. })), "{opted_out:?}");
    assert!(!asked.get(), "for what the referral has shown");
    // Without the referral, without opt-out, and by somebody else's hand.
    let forged = chain(&Signer::new("z.", NOW_UNIX_SECS), apex, OPT_OUT);
    for proof in [None, Some(&not[..]), Some(&forged)] {
        let verdict = judged(proof);
        assert!(matches!(verdict, Verdict::Bogus(_)), "{verdict:?}");
    }
    out[0].sigs = signer.sign_as(out[0].clone(), &Form { labels: Some(1), ..signer.form() }).sigs;
    assert!(matches!(judged(Some(&out)), Verdict::Bogus(_)), "made from a wildcard");
}

/// RFC 5155 §8.6, §8.9: the DS set of a name in an opt-out span is not there, and whether the name is delegated cannot
/// be told; outside of such a span it is the parent's to say, and the child says nothing.
#[test]
fn ds_sets_under_opt_out() {
    const OPT_OUT: Kind = Kind { flags: 1, ..PLAIN };
    let (signer, zone) = zone("z.");
    let asked = |asked: &str, proof: &[RrSet]| {
        let question = Question::new(name(asked), RecordType::DS);
        let statement = Statement::Denial { question: &question, no_name: false, soa: None, proof };
        zone.judge(&statement, &Limits::default(), &mut Spent::default())
    };
    let names: &[(&str, &[u16])] = &[("z.", &[NS, SOA]), ("signed.z.", &[NS, DS]), ("www.z.", &[A])];
    let (out, not) = (chain(&signer, names, OPT_OUT), chain(&signer, names, PLAIN));
    assert!(matches!(asked("cut.z.", &out), Verdict::Insecure(Insecure::OptOut { .. })));
    assert!(matches!(asked("a.b.z.", &out), Verdict::Insecure(Insecure::OptOut { .. })));
    assert!(matches!(asked("cut.z.", &not), Verdict::Bogus(_)));
    for chain in [&out, &not] {
        assert!(is_secure(&asked("www.z.", chain)));
        assert!(matches!(asked("signed.z.", chain), Verdict::Bogus(_)));
        // At the apex of the zone that speaks.
        assert!(!is_secure(&asked("z.", chain)));
    }
}
