//! Whether a copy of a zone is all of it and nothing else (RFC 8976).

use aws_lc_rs::digest;

use crate::trace::Bogus;
use crate::wire::{Name, Record, RecordType, RrSet};

use super::canonical::canonical;
use super::limits::{Limits, Spent};
use super::verify::Bench;
use super::{Key, Settings};

/// The type ZONEMD.
const ZONEMD: u16 = 63;
/// The one scheme (RFC 8976 §5.2).
const SIMPLE: u8 = 1;

/// The numbers of a SOA record (RFC 1035 §3.3.13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The version of the zone.
    pub serial: u32,
    /// Seconds after which a copy asks for news.
    pub refresh_secs: u32,
    /// Seconds after which it asks again when nobody answered.
    pub retry_secs: u32,
    /// Seconds after which it is of no use without news.
    pub expire_secs: u32,
}

/// Why a copy of a zone is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneFault {
    /// It has no SOA record at its apex, or several, or one that cannot be read.
    #[error("the zone has no SOA record that can be read")]
    NoSoa,
    /// It has no ZONEMD record with a digest of a kind that is computed here.
    #[error("the zone has no ZONEMD record of the SIMPLE scheme with SHA-384 or SHA-512")]
    NoDigest,
    /// Its ZONEMD records are for another version.
    #[error("the ZONEMD record is of serial {zonemd}, the zone of serial {soa}")]
    Serial {
        /// The serial of the ZONEMD record.
        zonemd: u32,
        /// That of the zone.
        soa: u32,
    },
    /// The digest is that of another zone.
    #[error("the digest of the zone is not the one in its ZONEMD record")]
    Digest,
    /// Keys, SOA or ZONEMD are not signed as a trust anchor says.
    #[error("{0}")]
    Unproved(Bogus),
}

/// Whether the digest in the ZONEMD record at `apex` is that of `records`, and whether that record is signed from a trust
/// anchor down (RFC 8976 §4). Without trust anchors nothing is signed by anybody, and the digest alone counts. Stricter
/// than §4 a zone without a digest is refused: glue and delegations are signed by nothing else.
///
/// # Errors
/// Why the copy must not be used.
pub fn verify(
    apex: &Name,
    records: &[Record],
    settings: &Settings,
    limits: &Limits,
    now_secs: u32,
) -> Result<Soa, ZoneFault> {
    let set = |rtype: RecordType| apex_set(apex, records, rtype);
    let (soa_set, zonemd) = (set(RecordType::SOA).ok_or(ZoneFault::NoSoa)?, set(RecordType::from(ZONEMD)));
    let soa = soa(&soa_set).ok_or(ZoneFault::NoSoa)?;
    let zonemd = zonemd.ok_or(ZoneFault::NoDigest)?;
    if let Some((_, anchors)) = settings.anchors.all().into_iter().find(|(zone, _)| zone == apex) {
        let mut spent = Spent::default();
        let mut bench = Bench { now_secs, accepts: settings.accepts, limits, spent: &mut spent };
        let no_keys = || Bogus::NoKeys { zone: apex.clone() };
        let keys: Result<Vec<Key>, Bogus> = set(RecordType::DNSKEY)
            .ok_or_else(no_keys)
            .and_then(|keys| bench.keys(apex, &keys, &anchors).map(|(keys, _)| keys));
        let keys = keys.map_err(ZoneFault::Unproved)?;
        for proved in [&soa_set, &zonemd] {
            bench.verify(proved, apex, &keys).map_err(ZoneFault::Unproved)?;
        }
    }
    let mut fault = ZoneFault::NoDigest;
    for rdata in zonemd.rdatas.iter() {
        let [a, b, c, d, SIMPLE, hash, wanted @ ..] = rdata else { continue };
        let Some(algorithm) = hash_of(*hash).filter(|algorithm| algorithm.output_len() == wanted.len()) else {
            continue;
        };
        let zonemd = u32::from_be_bytes([*a, *b, *c, *d]);
        if zonemd != soa.serial {
            fault = ZoneFault::Serial { zonemd, soa: soa.serial };
        } else if digest_of(apex, records, algorithm).as_ref() == wanted {
            return Ok(soa);
        } else {
            fault = ZoneFault::Digest;
        }
    }
    Err(fault)
}

/// The digest of a zone that a ZONEMD record for it would have (RFC 8976 §3.3), by SHA-384.
#[must_use]
pub fn sha384(apex: &Name, records: &[Record]) -> Vec<u8> {
    digest_of(apex, records, &digest::SHA384).as_ref().to_vec()
}

/// RFC 8976 §5.3.
fn hash_of(number: u8) -> Option<&'static digest::Algorithm> {
    match number {
        1 => Some(&digest::SHA384),
        2 => Some(&digest::SHA512),
        _ => None,
    }
}

/// RFC 8976 §3.3.1: everything in canonical form and order, each record once, but for the ZONEMD set at the apex and the
/// signatures over it.
fn digest_of(apex: &Name, records: &[Record], algorithm: &'static digest::Algorithm) -> digest::Digest {
    let zonemd = RecordType::from(ZONEMD);
    let is_in = |record: &&Record| {
        let about = record.rtype == zonemd || record.covers() == Some(zonemd);
        record.owner.is_within(apex) && !(about && record.owner == *apex)
    };
    let form = |record: &Record| {
        let data = canonical(record.rtype, &record.rdata);
        (record.owner.to_lower(), u16::from(record.rtype), data, record.ttl_secs)
    };
    let mut all: Vec<_> = records.iter().filter(is_in).map(form).collect();
    all.sort_unstable();
    all.dedup_by(|one, other| (&one.0, one.1, &one.2) == (&other.0, other.1, &other.2));
    let mut context = digest::Context::new(algorithm);
    for (owner, rtype, data, ttl_secs) in all {
        context.update(owner.wire());
        context.update(&rtype.to_be_bytes());
        context.update(&1_u16.to_be_bytes());
        context.update(&ttl_secs.to_be_bytes());
        context.update(&u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
        context.update(&data);
    }
    context.finish()
}

/// The set of a type at the apex, its signatures beside it.
fn apex_set(apex: &Name, records: &[Record], rtype: RecordType) -> Option<RrSet> {
    let here: Vec<&Record> = records.iter().filter(|record| record.owner == *apex).collect();
    let of = |record: &&&Record| record.rtype == rtype;
    let ttl_secs = here.iter().filter(of).map(|record| record.ttl_secs).min()?;
    let mut set = RrSet::new(apex.clone(), rtype, ttl_secs, here.iter().filter(of).map(|record| &*record.rdata));
    set.sigs = here.iter().filter(|record| record.covers() == Some(rtype)).map(|record| &*record.rdata).collect();
    Some(set)
}

fn soa(set: &RrSet) -> Option<Soa> {
    let rdata = set.rdatas.iter().next().filter(|rdata| set.rdatas.len() == 1 && rdata.len() >= 22)?;
    let numbers = rdata.last_chunk::<20>()?;
    let number = |at: usize| u32::from_be_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]]);
    Some(Soa { serial: number(0), refresh_secs: number(4), retry_secs: number(8), expire_secs: number(12) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::text::parse_record;

    /// RFC 8976 appendix A.1: a simple zone.
    const SIMPLE_ZONE: &[&str] = &[
        "example. 86400 IN SOA ns1.example. admin.example. 2018031900 1800 900 604800 86400",
        "example. 86400 IN NS ns1.example.",
        "example. 86400 IN NS ns2.example.",
        "ns1.example. 3600 IN A 203.0.113.63",
        "ns2.example. 3600 IN AAAA 2001:db8::63",
    ];
    const DIGEST: &str =
        "c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c";

    fn zone(digest: &str, serial: u32) -> Vec<Record> {
        let mut records: Vec<Record> = SIMPLE_ZONE.iter().map(|line| parse_record(line).unwrap()).collect();
        let digest = data_encoding::HEXLOWER.decode(digest.as_bytes()).unwrap();
        let rdata = [&serial.to_be_bytes()[..], &[SIMPLE, 1], &digest].concat();
        let owner: Name = "example.".parse().unwrap();
        let (rtype, class) = (RecordType::from(ZONEMD), records[0].class);
        records.push(Record { owner, rtype, class, ttl_secs: 86_400, rdata: rdata.into() });
        records
    }

    fn check(records: &[Record]) -> Result<Soa, ZoneFault> {
        verify(&"example.".parse().unwrap(), records, &Settings::default(), &Limits::default(), 0)
    }

    #[test]
    fn the_simple_zone_of_rfc_8976() {
        let good = zone(DIGEST, 2_018_031_900);
        let soa = check(&good).unwrap();
        assert_eq!(
            (soa.serial, soa.refresh_secs, soa.retry_secs, soa.expire_secs),
            (2_018_031_900, 1800, 900, 604_800)
        );
        // Order, case and repetition do not matter; everything else does.
        let mut turned: Vec<Record> = good.iter().rev().cloned().collect();
        turned[2].owner = "NS1.Example.".parse().unwrap();
        turned.push(turned[1].clone());
        assert!(check(&turned).is_ok());
        for nth in 1..SIMPLE_ZONE.len() {
            let mut less = good.clone();
            less.remove(nth);
            assert_eq!(check(&less), Err(ZoneFault::Digest));
            let mut other = good.clone();
            other[nth].ttl_secs += 1;
            assert_eq!(check(&other), Err(ZoneFault::Digest));
        }
        assert_eq!(check(&zone(DIGEST, 1)), Err(ZoneFault::Serial { zonemd: 1, soa: 2_018_031_900 }));
        assert_eq!(check(&good[..5]), Err(ZoneFault::NoDigest));
        assert_eq!(check(&good[1..]), Err(ZoneFault::NoSoa));
    }

    /// RFC 8976 §4: with a trust anchor the digest alone is nobody's word.
    #[test]
    fn a_digest_that_nobody_signed_is_refused() {
        let anchors = "example. DS 1 13 2 00".parse().unwrap();
        let settings = Settings { anchors, ..Settings::default() };
        let records = zone(DIGEST, 2_018_031_900);
        let refused = verify(&"example.".parse().unwrap(), &records, &settings, &Limits::default(), 0);
        assert!(matches!(refused, Err(ZoneFault::Unproved(_))), "{refused:?}");
    }
}
