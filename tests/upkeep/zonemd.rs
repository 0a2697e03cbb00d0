//! The digests of zones: the examples of RFC 8976 appendix A, and what §4 makes of several, unknown and repeated ones.

use rootwalk::dnssec::zonemd::{Proved, ZoneFault, verify};
use rootwalk::dnssec::{Limits, Settings};
use rootwalk::lab::read_records;
use rootwalk::trace::Bogus;
use rootwalk::wire::{Name, Record, RecordType};

use super::signed_root::name;

/// When the signatures of URI.ARPA in appendix A.4 held: the middle of January 2021.
const THEN: u32 = 1_611_500_000;

fn zone(text: &str, apex: &str) -> (Name, Vec<Record>) {
    (name(apex), read_records("example", text, &name(apex)).unwrap())
}

fn check(apex: &Name, records: &[Record], settings: &Settings) -> Result<Proved, ZoneFault> {
    verify(apex, records, settings, &Limits::default(), THEN)
}

fn unsigned(apex: &Name, records: &[Record]) -> Result<&'static str, ZoneFault> {
    check(apex, records, &Settings::default()).map(|proved| proved.hash)
}

fn zonemds(records: &mut [Record]) -> impl Iterator<Item = &mut Record> {
    records.iter_mut().filter(|record| record.rtype == RecordType::from(63))
}

#[test]
fn the_examples_of_rfc_8976() {
    for (text, apex, serial) in [
        (include_str!("rfc8976/simple.zone"), "example.", 2_018_031_900),
        (include_str!("rfc8976/complex.zone"), "example.", 2_018_031_900),
        (include_str!("rfc8976/multiple.zone"), "example.", 2_018_031_900),
        (include_str!("rfc8976/uri-arpa.zone"), "uri.arpa.", 2_018_100_702),
        (include_str!("rfc8976/root-servers.zone"), "root-servers.net.", 2_018_091_100),
    ] {
        let (apex, records) = zone(text, apex);
        let proved = check(&apex, &records, &Settings::default()).unwrap();
        assert_eq!((proved.soa.serial, proved.key_tag), (serial, None), "{apex}");
        // Order, case and repetition do not matter; everything else in the zone does.
        let mut turned: Vec<Record> = records.iter().rev().chain(&records).cloned().collect();
        turned[0].owner = turned[0].owner.to_string().to_uppercase().parse().unwrap();
        assert!(check(&apex, &turned, &Settings::default()).is_ok(), "{apex}");
        for nth in 0..records.len() {
            let about = |record: &Record| {
                let zonemd = RecordType::from(63);
                record.owner == apex && (record.rtype == zonemd || record.covers() == Some(zonemd))
            };
            let repeated = records.iter().filter(|record| **record == records[nth]).count() > 1;
            if about(&records[nth]) || repeated || !records[nth].owner.is_within(&apex) {
                continue;
            }
            let (mut less, mut other) = (records.clone(), records.clone());
            less.remove(nth);
            other[nth].ttl_secs += 1;
            for changed in [less, other] {
                let fault = check(&apex, &changed, &Settings::default()).unwrap_err();
                assert!(matches!(fault, ZoneFault::Digest | ZoneFault::NoSoa), "{apex} {nth}: {fault}");
            }
        }
    }
}

/// Appendix A.3: SHA-384, SHA-512, an algorithm and a scheme for private use; any that fits is enough.
#[test]
fn one_digest_of_several_is_enough() {
    let (apex, records) = zone(include_str!("rfc8976/multiple.zone"), "example.");
    let without = |gone: &[(u8, u8)]| {
        let mut records = records.clone();
        let kind = |record: &Record| (record.rdata[4], record.rdata[5]);
        records.retain(|record| record.rtype != RecordType::from(63) || !gone.contains(&kind(record)));
        unsigned(&apex, &records)
    };
    assert_eq!(without(&[]), Ok("SHA-384"));
    assert_eq!(without(&[(1, 1)]), Ok("SHA-512"));
    assert_eq!(without(&[(1, 1), (1, 2)]), Err(ZoneFault::NoDigest), "what is unknown proves nothing");
    // A wrong one beside a good one does no harm, nor does one of another serial.
    for at in [3, 10] {
        let mut records = records.clone();
        let first = zonemds(&mut records).find(|record| record.rdata[4..6] == [1, 1]).unwrap();
        first.rdata[at] ^= 1;
        assert_eq!(unsigned(&apex, &records), Ok("SHA-512"), "octet {at}");
    }
}

/// RFC 8976 §4 step 5: of two of one kind neither counts, even if one is right.
#[test]
fn a_digest_that_is_there_twice_does_not_count() {
    let (apex, mut records) = zone(include_str!("rfc8976/simple.zone"), "example.");
    let mut twin = zonemds(&mut records).next().unwrap().clone();
    records.push(twin.clone());
    assert_eq!(unsigned(&apex, &records), Ok("SHA-384"), "the same record again is the same record");
    *twin.rdata.last_mut().unwrap() ^= 1;
    records.push(twin);
    assert_eq!(unsigned(&apex, &records), Err(ZoneFault::Repeated));
}

#[test]
fn what_is_wrong_is_told() {
    let (apex, records) = zone(include_str!("rfc8976/simple.zone"), "example.");
    let with = |change: fn(&mut Vec<Record>)| {
        let mut records = records.clone();
        change(&mut records);
        unsigned(&apex, &records).unwrap_err()
    };
    let serial = with(|records| zonemds(records).for_each(|record| record.rdata[3] ^= 1));
    assert_eq!(serial, ZoneFault::Serial { zonemd: 2_018_031_901, soa: 2_018_031_900 });
    assert_eq!(with(|records| zonemds(records).for_each(|record| record.rdata[4] = 2)), ZoneFault::NoDigest);
    assert_eq!(with(|records| zonemds(records).for_each(|record| record.rdata[5] = 3)), ZoneFault::NoDigest);
    // RFC 8976 §2.2.4: the length is that of the algorithm.
    let short = |records: &mut Vec<Record>| {
        zonemds(records).for_each(|record| record.rdata = record.rdata[..20].into());
    };
    assert_eq!(with(short), ZoneFault::NoDigest);
    assert_eq!(with(|records| records.retain(|record| record.rtype != RecordType::SOA)), ZoneFault::NoSoa);
    let two = |records: &mut Vec<Record>| {
        let mut soa = records[0].clone();
        *soa.rdata.last_mut().unwrap() ^= 1;
        records.push(soa);
    };
    assert_eq!(with(two), ZoneFault::NoSoa, "two versions are none");
}

/// RFC 8976 §4 steps 3 and 4, with the keys and signatures of appendix A.4.
#[test]
fn with_a_trust_anchor_the_digest_must_be_signed() {
    let (apex, records) = zone(include_str!("rfc8976/uri-arpa.zone"), "uri.arpa.");
    let text = include_str!("rfc8976/uri-arpa.zone");
    let key = text.lines().find(|line| line.contains("DNSKEY 257")).unwrap();
    let settings = Settings { anchors: key.parse().unwrap(), ..Settings::default() };
    let proved = check(&apex, &records, &settings).unwrap();
    assert_eq!((proved.key_tag, proved.left_secs), (Some(37444), 1_613_604_280 - THEN));
    let unproved =
        |records: &[Record], now_secs: u32| match verify(&apex, records, &settings, &Limits::default(), now_secs) {
            Err(ZoneFault::Unproved(why)) => why,
            other => panic!("{other:?}"),
        };
    assert!(matches!(unproved(&records, 1_613_604_280 + 7200), Bogus::Expired { late_secs: 7200, .. }));
    for covered in [63, 6] {
        let mut bare = records.clone();
        bare.retain(|record| record.covers() != Some(RecordType::from(covered)));
        assert!(matches!(unproved(&bare, THEN), Bogus::SignatureMissing { .. }), "TYPE{covered}");
    }
    // Nobody's word but that of the key counts, however well the digest fits.
    let settings = Settings { anchors: "uri.arpa. DS 1 13 2 00".parse().unwrap(), ..Settings::default() };
    assert!(matches!(check(&apex, &records, &settings), Err(ZoneFault::Unproved(_))));
}
