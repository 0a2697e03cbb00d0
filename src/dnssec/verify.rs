//! Whether the signatures over a set hold, and which keys of a zone are trusted.

use crate::trace::{Bogus, Insecure, Limit, Proof};
use crate::wire::{Name, RecordType, RrSet};

use super::key::{Ds, Key};
use super::limits::{Limits, Spent};
use super::memo::Claim;
use super::rrsig::Rrsig;
use super::{Accepts, Anchor};

/// What verification needs besides the records.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    /// Seconds since 1970, modulo 2^32.
    pub(super) now_secs: u32,
    /// Which algorithms and keys count.
    pub(super) accepts: Accepts,
    pub(super) limits: &'a Limits,
    pub(super) spent: &'a mut Spent,
}

/// A signature that holds.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    pub(super) key_tag: u16,
    pub(super) algorithm: u8,
    /// For how long the set may be used: no longer than its TTL was when it was signed, and no longer than the
    /// signature is valid (RFC 4035 §5.3.3).
    pub(super) ttl_secs: u32,
    /// Seconds until the signature ends.
    pub(super) left_secs: u32,
    /// The name below which a wildcard stood for the owner.
    pub(super) encloser: Option<Name>,
}

impl Verified {
    pub(super) fn proof(&self, set: &RrSet, zone: &Name) -> Proof {
        Proof::Signature {
            owner: set.owner.clone(),
            rtype: set.rtype,
            zone: zone.clone(),
            key_tag: self.key_tag,
            algorithm: self.algorithm,
            left_secs: self.left_secs,
        }
    }
}

impl Bench<'_> {
    /// Looks for a signature of `zone` over `set` that one of `keys` made, all of which sign zones.
    ///
    /// RFC 6840 §5.11, §5.12: one that holds is enough, whatever else is there. The error is that of the
    /// signature that came closest.
    pub(super) fn verify(&mut self, set: &RrSet, zone: &Name, keys: &[Key]) -> Result<Verified, Bogus> {
        let (owner, rtype) = (&set.owner, set.rtype);
        let mut closest = Bogus::SignatureMissing { owner: owner.clone(), rtype, zone: zone.clone() };
        let read = set.sigs.iter().filter_map(Rrsig::read);
        let ours = read.filter(|sig| sig.signer == *zone && self.accepts.verifies(sig.algorithm));
        let mut ours: Vec<Rrsig<'_>> = ours.collect();
        // RFC 4035 §5.3.4: one of a wildcard needs a proof besides, so one of the very name comes first.
        ours.sort_by_key(|sig| sig.is_of_wildcard(owner));
        let mut tried = 0;
        for sig in ours {
            if let Err(unfit) = sig.accept(set, self.now_secs) {
                closest = closer(closest, unfit);
                continue;
            }
            let named = |key: &&Key| key.tag == sig.tag && key.algorithm == sig.algorithm;
            let most_keys = self.limits.keys_per_tag;
            let mut fitting: Vec<&Key> = keys.iter().filter(named).take(most_keys + 1).collect();
            let more_keys = fitting.len() > most_keys;
            fitting.truncate(most_keys);
            if fitting.is_empty() {
                let unknown = Bogus::KeyUnknown { owner: owner.clone(), rtype, zone: zone.clone(), key_tag: sig.tag };
                closest = closer(closest, unknown);
                continue;
            }
            if tried == self.limits.signatures_per_set {
                return Err(not_found(set, Limit::SignaturesPerSet, tried));
            }
            tried += 1;
            let (data, failed) = (sig.signed_data(set), self.spent.failed_validations);
            for key in fitting {
                let claim = Claim::new(sig.algorithm, key.public(), &data, sig.signature);
                if self.holds_within_limits(set, &sig, key, &data, &claim)? {
                    // That another key has the same tag is nobody's fault (RFC 4034 §5.1.4 has it happen).
                    self.spent.failed_validations = failed;
                    return Ok(self.verified(set, &sig));
                }
            }
            let (zone, key_tag, algorithm) = (zone.clone(), sig.tag, sig.algorithm);
            let wrong = Bogus::SignatureWrong { owner: owner.clone(), rtype, zone, key_tag, algorithm };
            closest = closer(closest, if more_keys { not_found(set, Limit::KeysPerTag, most_keys) } else { wrong });
        }
        Err(closest)
    }

    /// Whether the signature is good; what this question has tried before is not paid for again, as the judge looks at
    /// the same records anew after each question that has to be asked. What comes along with many answers, or is what a
    /// wildcard makes for many names, is verified once; everything else is kept with what was found.
    fn holds_within_limits(
        &mut self,
        set: &RrSet,
        sig: &Rrsig<'_>,
        key: &Key,
        data: &[u8],
        claim: &Claim,
    ) -> Result<bool, Bogus> {
        if let Some(held) = self.spent.tried(claim) {
            return Ok(held);
        }
        let is_denial = matches!(set.rtype, RecordType::NSEC | RecordType::NSEC3 | RecordType::SOA);
        let is_shared = is_denial || sig.is_of_wildcard(&set.owner);
        let holds = if is_shared && claim.is_known() && !self.accepts.is_weak(sig.algorithm, key.public()) {
            true
        } else {
            self.spent.validate(self.limits, &set.owner)?;
            self.accepts.holds(sig.algorithm, key.public(), data, sig.signature)
        };
        if holds && is_shared {
            claim.holds();
        }
        self.spent.note(claim, holds);
        Ok(holds)
    }

    fn verified(&self, set: &RrSet, sig: &Rrsig<'_>) -> Verified {
        let left_secs = sig.left_secs(self.now_secs);
        let ttl_secs = set.ttl_secs.min(sig.original_ttl_secs).min(left_secs);
        let encloser = sig.encloser(&set.owner);
        Verified { key_tag: sig.tag, algorithm: sig.algorithm, ttl_secs, left_secs, encloser }
    }

    /// Whether every one of `anchors` names a key that is there and too short to prove anything. The set is not proved
    /// yet: an anchor without a key may be one of a long key, which somebody has left out.
    pub(super) fn only_weak(&self, zone: &Name, set: &RrSet, anchors: &[Anchor]) -> bool {
        let all: Vec<Key> = set.rdatas.iter().filter_map(Key::read).collect();
        let names_weak = |anchor: &Anchor| {
            let named = self.named(zone, &all, anchor);
            !named.is_empty() && named.iter().all(|key| self.accepts.is_weak(key.algorithm, key.public()))
        };
        anchors.len() <= self.limits.ds_per_zone && anchors.iter().all(names_weak)
    }

    /// Those of `keys` that `anchor` names.
    fn named<'k>(&self, zone: &Name, keys: &'k [Key], anchor: &Anchor) -> Vec<&'k Key> {
        match anchor {
            Anchor::Ds(ds) => {
                let same_tag = keys.iter().filter(|key| ds.may_name(key)).take(self.limits.keys_per_tag);
                same_tag.filter(|key| ds.names(zone, key)).collect()
            }
            Anchor::Key(anchor) => keys.iter().filter(|key| *key == anchor).collect(),
        }
    }

    /// The keys of `zone`, when one that `anchors` name signs the set (RFC 4035 §5.2).
    pub(super) fn keys(&mut self, zone: &Name, set: &RrSet, anchors: &[Anchor]) -> Result<(Vec<Key>, Verified), Bogus> {
        let all: Vec<Key> = set.rdatas.iter().filter_map(Key::read).collect();
        let mut failed = None;
        // A DS record of a key that is gone or yet to come is told by its tag alone, and does not count.
        let fits = |anchor: &&Anchor| !matches!(anchor, Anchor::Ds(ds) if !all.iter().any(|key| ds.may_name(key)));
        let mut fitting: Vec<&Anchor> = anchors.iter().filter(fits).take(self.limits.ds_per_zone + 1).collect();
        let more_anchors = fitting.len() > self.limits.ds_per_zone;
        fitting.truncate(self.limits.ds_per_zone);
        for anchor in fitting {
            for key in self.named(zone, &all, anchor) {
                if !key.signs_zones() {
                    let (zone, key_tag) = (zone.clone(), key.tag);
                    failed = Some(match key.is_revoked() {
                        true => Bogus::KeyRevoked { zone, key_tag },
                        false => Bogus::NotZoneKey { zone, key_tag },
                    });
                    continue;
                }
                match self.verify(set, zone, std::slice::from_ref(key)) {
                    Ok(verified) => {
                        let usable = all.iter().filter(|key| key.signs_zones()).cloned();
                        return Ok((usable.collect(), verified));
                    }
                    Err(limit @ Bogus::TooCostly { .. }) => return Err(limit),
                    Err(why) => failed = Some(failed.map_or(why.clone(), |known| closer(known, why))),
                }
            }
        }
        if more_anchors {
            return Err(not_found(set, Limit::DsPerZone, self.limits.ds_per_zone));
        }
        let most_keys = self.limits.keys_per_tag;
        let has_more = |ds: &Ds| all.iter().filter(|key| ds.may_name(key)).nth(most_keys).is_some();
        if failed.is_none() && anchors.iter().any(|anchor| matches!(anchor, Anchor::Ds(ds) if has_more(ds))) {
            return Err(not_found(set, Limit::KeysPerTag, most_keys));
        }
        let key_tags = || anchors.iter().map(Anchor::tag).collect();
        Err(failed.unwrap_or_else(|| Bogus::KeyMissing { zone: zone.clone(), key_tags: key_tags() }))
    }

    /// The DS records that can be used; when there are none, what stands in the way.
    ///
    /// RFC 4035 §5.2, RFC 6840 §5.2: a zone whose DS records are all unknown counts as unsigned. RFC 4509 §3:
    /// SHA-1 digests do not count beside better ones.
    pub(super) fn usable(&self, set: &RrSet) -> Result<Vec<Anchor>, Unusable> {
        let all: Vec<Anchor> = set.rdatas.iter().filter_map(Ds::read).map(Anchor::Ds).collect();
        let mut usable = self.usable_anchors(&all)?;
        let is_sha1 = |anchor: &Anchor| matches!(anchor, Anchor::Ds(ds) if ds.digest_type == 1);
        if !usable.iter().all(is_sha1) {
            usable.retain(|anchor| !is_sha1(anchor));
        }
        Ok(usable)
    }

    /// The trust anchors that can be used; when there are none, what stands in the way.
    pub(super) fn usable_anchors(&self, anchors: &[Anchor]) -> Result<Vec<Anchor>, Unusable> {
        let (mut usable, mut unusable) = (Vec::new(), Unusable::default());
        for anchor in anchors {
            match anchor {
                _ if !self.accepts.verifies(anchor.algorithm()) => unusable.algorithms.push(anchor.algorithm()),
                Anchor::Ds(ds) if !self.accepts.compares(ds.digest_type) => unusable.digests.push(ds.digest_type),
                _ => usable.push(anchor.clone()),
            }
        }
        if usable.is_empty() { Err(unusable) } else { Ok(usable) }
    }
}

/// The algorithms and digest types because of which none of the keys that are named can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unusable {
    algorithms: Vec<u8>,
    digests: Vec<u8>,
}

impl Unusable {
    pub(super) fn insecure(self, zone: &Name) -> Insecure {
        match self {
            Self { algorithms, digests } if digests.is_empty() => {
                Insecure::Algorithm { zone: zone.clone(), algorithms }
            }
            Self { digests, .. } => Insecure::Digest { zone: zone.clone(), digests },
        }
    }
}

/// What signs `set` may be among what was not tried.
fn not_found(set: &RrSet, limit: Limit, value: usize) -> Bogus {
    Bogus::NotFound { owner: set.owner.clone(), rtype: set.rtype, limit, value }
}

/// Of two reasons the one that says more: a signature that was there and tried over one that was not.
fn closer(known: Bogus, new: Bogus) -> Bogus {
    let weight = |why: &Bogus| match why {
        Bogus::NotFound { .. } => 5,
        Bogus::SignatureWrong { .. } => 4,
        Bogus::Expired { .. } | Bogus::NotYetValid { .. } | Bogus::ExpiredBeforeValid { .. } => 3,
        Bogus::KeyUnknown { .. } => 2,
        Bogus::SignatureMissing { .. } => 0,
        _ => 1,
    };
    if weight(&new) > weight(&known) { new } else { known }
}

/// The zones that say they signed `set`, of those that could have (RFC 4035 §5.3.1).
pub(super) fn signers(set: &RrSet, limits: &Limits) -> Vec<Name> {
    // DS sets are signed by the parent; for the root nothing lies above.
    let fits = |signer: &Name| match set.rtype {
        RecordType::DS => set.owner.is_below(signer),
        _ => set.owner.is_within(signer),
    };
    let read = set.sigs.iter().filter_map(Rrsig::read).take(limits.signatures_per_set * 4);
    read.map(|sig| sig.signer).filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use data_encoding::BASE64;
    use num_bigint::BigUint;

    use super::super::rsa;
    use super::*;

    fn key(flags: u16, algorithm: u8, public: &str) -> Key {
        let head = [&flags.to_be_bytes()[..], &[3, algorithm]].concat();
        Key::read(&[head, BASE64.decode(public.as_bytes()).unwrap()].concat()).unwrap()
    }

    fn signed(set: &RrSet, signer: &Name, head: (u8, u8, u32, u32, u16), signature: &str) -> RrSet {
        let (algorithm, labels, expiration, inception, tag) = head;
        let mut sig = u16::from(set.rtype).to_be_bytes().to_vec();
        sig.extend([algorithm, labels]);
        for number in [set.ttl_secs, expiration, inception] {
            sig.extend(number.to_be_bytes());
        }
        sig.extend(tag.to_be_bytes());
        sig.extend(signer.wire());
        sig.extend(BASE64.decode(signature.as_bytes()).unwrap());
        RrSet { sigs: [&sig[..]].into_iter().collect(), ..set.clone() }
    }

    fn verify(set: &RrSet, zone: &Name, key: Key, now_secs: u32) -> Result<Verified, Bogus> {
        let (limits, mut spent) = (Limits::default(), Spent::default());
        Bench { now_secs, accepts: Accepts::default(), limits: &limits, spent: &mut spent }.verify(set, zone, &[key])
    }

    /// RFC 8080 §6.1.
    #[test]
    fn ed25519_of_rfc_8080() {
        let zone: Name = "example.com.".parse().unwrap();
        let mx = [&[0, 10][..], b"\x04MAIL\x07example\x03com\x00"].concat();
        let set = RrSet::new(zone.clone(), RecordType::MX, 3600, [&mx[..], &mx[..]]);
        let signature = "oL9krJun7xfBOIWcGHi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg==";
        let set = signed(&set, &zone, (15, 2, 1_440_021_600, 1_438_207_200, 3613), signature);
        let key = || key(257, 15, "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=");
        let good = verify(&set, &zone, key(), 1_440_021_000).unwrap();
        assert_eq!((good.ttl_secs, good.encloser), (600, None));
        // A tenth of its life would be two days; an hour is granted.
        assert_eq!(verify(&set, &zone, key(), 1_440_021_600 + 3600).unwrap().ttl_secs, 0);
        let late = verify(&set, &zone, key(), 1_440_021_600 + 3601).unwrap_err();
        assert!(matches!(late, Bogus::Expired { late_secs: 3601, key_tag: 3613, .. }), "{late}");
        let early = verify(&set, &zone, key(), 1_438_207_200 - 3601).unwrap_err();
        assert!(matches!(early, Bogus::NotYetValid { early_secs: 3601, .. }), "{early}");
        let other = RrSet { owner: "www.example.com.".parse().unwrap(), ..set };
        assert!(verify(&other, &zone, key(), 1_440_021_000).is_err());
    }

    /// RFC 4035 §5.2, RFC 6840 §5.2: a DS set with Ed448 alone makes the zone insecure; beside another it is passed
    /// over.
    #[test]
    fn ed448_counts_as_unknown() {
        let ds = |algorithm: u8| [&[1, 2, algorithm, 2][..], &[0; 32]].concat();
        let usable = |algorithms: &[u8]| {
            let rdatas: Vec<Vec<u8>> = algorithms.iter().map(|algorithm| ds(*algorithm)).collect();
            let rdatas = rdatas.iter().map(Vec::as_slice);
            let set = RrSet::new("example.".parse().unwrap(), RecordType::DS, 60, rdatas);
            let (limits, mut spent) = (Limits::default(), Spent::default());
            let bench = Bench { now_secs: 0, accepts: Accepts::default(), limits: &limits, spent: &mut spent };
            bench.usable(&set).map(|anchors| anchors.len()).map_err(|unusable| unusable.algorithms)
        };
        assert_eq!(usable(&[16]), Err(vec![16]));
        assert_eq!(usable(&[16, 15]), Ok(1));
    }

    /// RFC 6605 §6.1 and §6.2.
    #[test]
    fn ecdsa_of_rfc_6605() {
        let zone: Name = "example.net.".parse().unwrap();
        let set = RrSet::new("WWW.example.net.".parse().unwrap(), RecordType::A, 3600, [&[192, 0, 2, 1][..]]);
        let p256 = signed(
            &set,
            &zone,
            (13, 3, 1_284_026_679, 1_281_607_479, 55648),
            "qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==",
        );
        let public = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==";
        assert!(verify(&p256, &zone, key(257, 13, public), 1_284_000_000).is_ok());
        let revoked = verify(&p256, &zone, key(257 | 0x80, 13, public), 1_284_000_000).unwrap_err();
        assert!(matches!(revoked, Bogus::KeyUnknown { key_tag: 55648, .. }), "{revoked}");
        let p384 = signed(
            &set,
            &zone,
            (14, 3, 1_284_027_625, 1_281_608_425, 10771),
            "/L5hDKIvGDyI1fcARX3z65qrmPsVz73QD1Mr5CEqOiLP95hxQouuroGCeZOvzFaxsT8Glr74hbavRKayJNuydCuzWTSSPdz7\
             wnqXL5bdcJzusdnI0RSMROxxwGipWcJm",
        );
        let public = "xKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1w/egsXvSADtNJhyem5RCOpgQ6K8X1DRSEkrbYQ+OB+v8/uX45NBw\
                      Y8rp65F6Glur8I/mlVNgF6W/qTI37m40";
        assert!(verify(&p384, &zone, key(257, 14, public), 1_284_000_000).is_ok());
    }

    type Sign = dyn Fn(&[u8]) -> Vec<u8>;

    /// A key with its private half.
    struct Pen {
        key: Key,
        sign: Box<Sign>,
    }

    fn ed25519() -> Pen {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        let key = Key::read(&[&[1, 1, 3, 15][..], pair.public_key().as_ref()].concat()).unwrap();
        Pen { key, sign: Box::new(move |data| pair.sign(data).as_ref().to_vec()) }
    }

    /// RSA with 512 bits, for this algorithm.
    fn rsa(algorithm: u8) -> Pen {
        let (_, modulus, private) = rsa::pair(b"pen", 512, &BigUint::from(3_u8));
        let key = Key::read(&[&[1, 1, 3, algorithm, 1, 3][..], &modulus.to_bytes_be()].concat()).unwrap();
        Pen { key, sign: Box::new(move |data| rsa::sign(algorithm, data, &modulus, &private)) }
    }

    /// The set with a right signature that says these things of itself.
    fn penned(pen: &Pen, set: &RrSet, signer: &Name, labels: u8, tag: u16) -> RrSet {
        let head = (pen.key.algorithm, labels, 2000, 1000, tag);
        let blank = signed(set, signer, head, "");
        let data = Rrsig::read(blank.sigs.iter().next().unwrap()).unwrap().signed_data(set);
        signed(set, signer, head, &BASE64.encode(&(pen.sign)(&data)))
    }

    /// What becomes of a set now, for a question of its own, and how many signatures that takes.
    fn tried(accepts: Accepts, pen: &Pen, set: &RrSet) -> (Result<Verified, Bogus>, u32) {
        let (limits, mut spent) = (Limits::default(), Spent::default());
        let mut bench = Bench { now_secs: 1500, accepts, limits: &limits, spent: &mut spent };
        let verified = bench.verify(set, &"z.".parse().unwrap(), std::slice::from_ref(&pen.key));
        (verified, spent.validations)
    }

    /// RFC 4035 §5.3.1: a signature counts when its signer is the zone and its tag that of the key, and no signature by
    /// SHA-1 or by a short key does for those who do not want them, however right it is.
    #[test]
    fn a_right_signature_counts_where_all_of_it_fits() {
        let owner: Name = "a.w.z.".parse().unwrap();
        let set = RrSet::new(owner, RecordType::A, 300, [&[192, 0, 2, 1][..]]);
        for pen in [ed25519(), rsa(5), rsa(7), rsa(8)] {
            for (sha1, rsa_min_bits) in [(false, 1024), (false, 512), (true, 1024), (true, 512)] {
                let counts = match pen.key.algorithm {
                    15 => true,
                    8 => rsa_min_bits == 512,
                    _ => sha1 && rsa_min_bits == 512,
                };
                for (signer, off) in ["z.", ".", "w.z.", "y."].into_iter().flat_map(|signer| [(signer, 0), (signer, 1)])
                {
                    let signed = penned(&pen, &set, &signer.parse().unwrap(), 3, pen.key.tag ^ off);
                    let holds = tried(Accepts { sha1, rsa_min_bits }, &pen, &signed).0.is_ok();
                    assert_eq!(holds, counts && signer == "z." && off == 0, "{:?} {sha1} {signer} {off}", pen.key);
                }
            }
        }
    }

    /// What comes along with many answers, or is made from a wildcard, is verified once, everything else each time; a
    /// signature that does not hold never does; and who wants longer keys does not profit from what was verified for
    /// others.
    #[test]
    fn what_is_shared_is_verified_once_and_what_is_wrong_never_holds() {
        let (zone, lax): (Name, Accepts) = ("z.".parse().unwrap(), Accepts { sha1: false, rsa_min_bits: 512 });
        let (denials, all) = ([RecordType::NSEC, RecordType::NSEC3, RecordType::SOA], [1, 2]);
        for (rtype, labels) in
            denials.into_iter().chain([RecordType::A]).flat_map(|rtype| all.map(|labels| (rtype, labels)))
        {
            let set = RrSet::new("memo.z.".parse().unwrap(), rtype, 300, [&b"data of this test"[..]]);
            let is_shared = denials.contains(&rtype) || labels == 1;
            for (pen, wrong) in [(ed25519(), 0), (ed25519(), 1), (rsa(8), 0), (rsa(8), 1)] {
                let mut signed = penned(&pen, &set, &zone, labels, pen.key.tag);
                let mut sig = signed.sigs.iter().next().unwrap().to_vec();
                *sig.last_mut().unwrap() ^= wrong;
                signed.sigs = [&sig[..]].into_iter().collect();
                let read = Rrsig::read(&sig).unwrap();
                let claim = Claim::new(read.algorithm, pen.key.public(), &read.signed_data(&set), read.signature);
                for before in 0..3 {
                    let (verified, cost) = tried(lax, &pen, &signed);
                    let is_known = is_shared && wrong == 0;
                    assert_eq!(
                        (verified.is_ok(), claim.is_known()),
                        (wrong == 0, is_known),
                        "{rtype} {labels} {before}"
                    );
                    assert_eq!(cost, u32::from(before == 0 || !is_known), "{rtype} {labels} {before}");
                }
                let strict = tried(Accepts::default(), &pen, &signed).0;
                assert_eq!(strict.is_ok(), wrong == 0 && pen.key.algorithm == 15, "{rtype} {labels}");
            }
        }
    }

    /// RFC 4035 §5.3.1: a zone that does not hold the owner signs nothing there, and of many claims a few are looked
    /// into.
    #[test]
    fn who_may_have_signed() {
        let set = |rtype| RrSet::new("a.w.z.".parse().unwrap(), rtype, 300, [&[192, 0, 2, 1][..]]);
        for (signer, holds, holds_ds) in [
            ("a.w.z.", true, false),
            ("w.z.", true, true),
            (".", true, true),
            ("b.z.", false, false),
            ("x.a.w.z.", false, false),
        ] {
            let signer: Name = signer.parse().unwrap();
            for (rtype, holds) in [(RecordType::A, holds), (RecordType::DS, holds_ds)] {
                let mut set = signed(&set(rtype), &signer, (15, 3, 2000, 1000, 1), "");
                let sig = set.sigs.iter().next().unwrap().to_vec();
                assert_eq!(
                    Rrsig::read(&sig).unwrap().accept(&set, 1500).is_ok(),
                    holds || rtype == RecordType::DS && signer == set.owner,
                    "{signer}"
                );
                set.sigs = std::iter::repeat_n(&sig[..], 100).collect();
                assert_eq!(signers(&set, &Limits::default()), vec![signer.clone(); if holds { 16 } else { 0 }]);
            }
        }
    }
}
