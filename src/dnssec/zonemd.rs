//! Whether a copy of a zone is all of it and nothing else (RFC 8976).

use std::collections::BTreeSet;

use aws_lc_rs::digest;

use crate::trace::Bogus;
use crate::wire::{Name, Record, RecordType, RrSet, Soa};

use super::canonical::canonical;
use super::limits::{Limits, Spent};
use super::verify::Bench;
use super::{Key, Settings};

/// The type ZONEMD.
const ZONEMD: u16 = 63;
/// The one scheme (RFC 8976 §5.2).
const SIMPLE: u8 = 1;

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
    /// Two digests are of the same kind.
    #[error("the zone has several ZONEMD records of the same scheme and algorithm, of which none counts")]
    Repeated,
    /// The digest is that of another zone.
    #[error("the digest of the zone is not the one in its ZONEMD record")]
    Digest,
    /// Keys, SOA or ZONEMD are not signed as a trust anchor says.
    #[error("{0}")]
    Unproved(Bogus),
}

/// A copy of a zone that is what its owner published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proved {
    /// Its version and times.
    pub soa: Soa,
    /// By which algorithm its digest was computed.
    pub hash: &'static str,
    /// The key that signs the digest; `None` without trust anchors.
    pub key_tag: Option<u16>,
    /// Seconds for which the signatures over SOA and ZONEMD records hold; the most there is without trust anchors.
    pub left_secs: u32,
}

/// Whether the digest in a ZONEMD record at `apex` is that of `records`, and whether that record is signed from a trust
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
) -> Result<Proved, ZoneFault> {
    let set = |rtype: RecordType| apex_set(apex, records, rtype);
    let (soa_set, zonemd) = (set(RecordType::SOA).ok_or(ZoneFault::NoSoa)?, set(RecordType::from(ZONEMD)));
    let alone = soa_set.rdatas.iter().next().filter(|_| soa_set.rdatas.len() == 1);
    let soa = alone.and_then(Soa::read).ok_or(ZoneFault::NoSoa)?;
    let zonemd = zonemd.ok_or(ZoneFault::NoDigest)?;
    let (mut key_tag, mut left_secs) = (None, u32::MAX);
    if let Some((_, anchors)) = settings.anchors.all().into_iter().find(|(zone, _)| zone == apex) {
        let mut spent = Spent::default();
        let mut bench = Bench { now_secs, accepts: settings.accepts, limits, spent: &mut spent };
        let no_keys = || Bogus::NoKeys { zone: apex.clone() };
        let keys: Result<Vec<Key>, Bogus> = set(RecordType::DNSKEY)
            .ok_or_else(no_keys)
            .and_then(|keys| bench.keys(apex, &keys, &anchors).map(|(keys, _)| keys));
        let keys = keys.map_err(ZoneFault::Unproved)?;
        for proved in [&soa_set, &zonemd] {
            let verified = bench.verify(proved, apex, &keys).map_err(ZoneFault::Unproved)?;
            (key_tag, left_secs) = (Some(verified.key_tag), left_secs.min(verified.left_secs));
        }
    }
    let hash = matching(apex, records, &soa, &zonemd)?;
    Ok(Proved { soa, hash, key_tag, left_secs })
}

/// The algorithm of the first of the digests that is that of the zone; one is enough (RFC 8976 §4).
fn matching(apex: &Name, records: &[Record], soa: &Soa, zonemd: &RrSet) -> Result<&'static str, ZoneFault> {
    let kind = |rdata: &[u8]| rdata.get(4..6).map(<[u8]>::to_vec);
    let mut fault = ZoneFault::NoDigest;
    for rdata in zonemd.rdatas.iter() {
        let [a, b, c, d, SIMPLE, number, wanted @ ..] = rdata else { continue };
        let Some((hash, algorithm)) = hash_of(*number).filter(|(_, known)| known.output_len() == wanted.len()) else {
            continue;
        };
        // RFC 8976 §4 step 5: of two digests of one kind neither counts.
        if zonemd.rdatas.iter().filter(|other| kind(other) == kind(rdata)).count() > 1 {
            fault = ZoneFault::Repeated;
            continue;
        }
        let serial = u32::from_be_bytes([*a, *b, *c, *d]);
        if serial != soa.serial {
            fault = ZoneFault::Serial { zonemd: serial, soa: soa.serial };
        } else if digest_of(apex, records, algorithm).as_ref() == wanted {
            return Ok(hash);
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
fn hash_of(number: u8) -> Option<(&'static str, &'static digest::Algorithm)> {
    match number {
        1 => Some(("SHA-384", &digest::SHA384)),
        2 => Some(("SHA-512", &digest::SHA512)),
        _ => None,
    }
}

/// RFC 8976 §3.3.1: everything in canonical form and order, each record once, but for the ZONEMD set at the apex and
/// the signatures over it.
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

/// The set of a type at the apex, each record once, its signatures beside it.
fn apex_set(apex: &Name, records: &[Record], rtype: RecordType) -> Option<RrSet> {
    let here = || records.iter().filter(|record| record.owner == *apex);
    let members: Vec<&Record> = here().filter(|record| record.rtype == rtype).collect();
    let ttl_secs = members.iter().map(|record| record.ttl_secs).min()?;
    let rdatas: BTreeSet<&[u8]> = members.iter().map(|record| &*record.rdata).collect();
    let mut set = RrSet::new(apex.clone(), rtype, ttl_secs, rdatas);
    set.sigs = here().filter(|record| record.covers() == Some(rtype)).map(|record| &*record.rdata).collect();
    Some(set)
}
