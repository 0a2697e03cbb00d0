//! Signs zones when they are loaded, with the signer of the `domain` crate: fresh signatures, and an oracle that is
//! not our own code.

use bytes::Bytes;
use domain::base::iana::{DigestAlgorithm, Nsec3HashAlgorithm, Rtype, SecurityAlgorithm};
use domain::base::{CanonicalOrd, Record as DomainRecord, Ttl};
use domain::crypto::common::{DigestBuilder, DigestType};
use domain::crypto::sign::{GenerateParams, KeyPair, SecretKeyBytes, generate};
use domain::dnssec::sign::SigningConfig;
use domain::dnssec::sign::denial::config::DenialConfig;
use domain::dnssec::sign::denial::nsec::GenerateNsecConfig;
use domain::dnssec::sign::denial::nsec3::{GenerateNsec3Config, Nsec3Records, generate_nsec3s};
use domain::dnssec::sign::keys::SigningKey;
use domain::dnssec::sign::records::{DefaultSorter, RecordsIter, Rrset};
use domain::dnssec::sign::signatures::rrsigs::sign_rrset;
use domain::dnssec::sign::traits::SignableZoneInPlace;
use domain::rdata::dnssec::Timestamp;
use domain::rdata::nsec3::Nsec3Salt;
use domain::rdata::{A, Dnskey, Ds, Nsec3param, ZoneRecordData};

use super::LabError;
use super::defect::with_same_tag;
use super::files::Files;
use super::master::{ZoneOwner, owner_of};
use super::settings::{Algorithm, Defect, Denial, SignSettings};
use crate::wire::text::{ParsedRecord, parsed, plain};
use crate::wire::{Name, Record};

/// Zone key and secure entry point (RFC 4034 §2.1.1).
const KSK: u16 = 257;
/// Zone key.
const ZSK: u16 = 256;
/// An algorithm number that IANA has not assigned.
const UNKNOWN_ALGORITHM: u8 = 123;

/// The keys of a zone and the way it is signed.
pub(super) struct Signer {
    name: Name,
    apex: ZoneOwner,
    settings: SignSettings,
    /// The key that the DS record at the parent names.
    entry_key: SigningKey<Bytes, KeyPair>,
    /// The key that signs the rest, when it is another one.
    zone_key: Option<SigningKey<Bytes, KeyPair>>,
}

impl Signer {
    /// Makes the keys of a zone.
    pub(super) fn new(name: &Name, settings: &SignSettings) -> Result<Self, LabError> {
        let apex = owner_of(name)?;
        let key = |flags| {
            let pair = key_pair(settings.algorithm, flags).map_err(|why| LabError::Key { zone: name.clone(), why })?;
            Ok::<_, LabError>(SigningKey::new(apex.clone(), flags, pair))
        };
        let zone_key = settings.split_keys.then(|| key(ZSK)).transpose()?;
        Ok(Self { name: name.clone(), entry_key: key(KSK)?, zone_key, settings: settings.clone(), apex })
    }

    /// The DS records for the parent.
    pub(super) fn ds_set(&self, ttl_secs: u32) -> Result<Vec<Record>, LabError> {
        let real = self.ds(ttl_secs)?;
        let decoys = match self.settings.defect {
            Some(Defect::Decoys { ds, .. }) => ds,
            _ => 0,
        };
        let decoy = |nth: u8| {
            // RFC 4034 §5.1: tag, algorithm and type of the digest come before it.
            let mut rdata = real.rdata.clone();
            rdata.iter_mut().skip(4).for_each(|octet| *octet = 0);
            rdata.iter_mut().last().into_iter().for_each(|last| *last = nth);
            Record { rdata, ..real.clone() }
        };
        Ok((0..decoys).map(decoy).chain([real.clone()]).collect())
    }

    /// The DS record of the zone's key (RFC 4034 §5).
    pub(super) fn ds(&self, ttl_secs: u32) -> Result<Record, LabError> {
        let foreign;
        let mut dnskey = self.entry_key.dnskey();
        if self.settings.defect == Some(Defect::NoKey) {
            foreign = key_pair(self.settings.algorithm, KSK).map_err(|why| self.key_error(why))?;
            dnskey = SigningKey::new(self.apex.clone(), KSK, foreign).dnskey();
        }
        let digest = Bytes::copy_from_slice(&ds_digest(&self.name, &dnskey));
        let algorithm = match self.settings.defect {
            Some(Defect::UnknownAlgorithm) => SecurityAlgorithm::from_int(UNKNOWN_ALGORITHM),
            _ => dnskey.algorithm(),
        };
        let ds = Ds::new(dnskey.key_tag(), algorithm, DigestAlgorithm::SHA256, digest);
        let ds = ds.map_err(|_| self.key_error("its digest is too long"))?;
        self.ours(&record(&self.apex, Ttl::from_secs(ttl_secs), ZoneRecordData::Ds(ds)))
    }

    /// The records of the signed zone. `now` is in seconds since 1970.
    pub(super) fn sign(&self, records: &[Record], now_unix_secs: u32) -> Result<Vec<Record>, LabError> {
        let read =
            |record| parsed(record).ok_or_else(|| self.sign_error("the signer does not know one of its records"));
        let mut records = records.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let ttl = soa_ttl(&records);
        unify_ttls(&mut records);
        if self.settings.defect == Some(Defect::Bogus) {
            records.iter_mut().for_each(move_address);
        }
        records.sort_by(CanonicalOrd::canonical_cmp);
        records.dedup();
        let (inception, expiration) = self.window(now_unix_secs);
        let denial = self.denial(&mut records)?;
        let config = SigningConfig::<Bytes, DefaultSorter>::new(denial, inception, expiration);
        let zone_key = self.zone_key.as_ref().unwrap_or(&self.entry_key);
        SignableZoneInPlace::<_, _, DefaultSorter>::sign_zone(&mut records, &self.apex, &config, &[zone_key])
            .map_err(|error| self.sign_error(&error.to_string()))?;
        records.extend(self.key_set(ttl, inception, expiration)?);
        if self.settings.defect == Some(Defect::Bogus) {
            records.iter_mut().for_each(move_address);
        }
        records.iter().map(|record| self.ours(record)).collect()
    }

    /// The DNSKEY record that the DS record names.
    pub(super) fn entry_dnskey(&self, ttl_secs: u32) -> Result<Record, LabError> {
        self.ours(&self.dnskey(&self.entry_key, Ttl::from_secs(ttl_secs))?)
    }

    /// A record of the signer in our own form.
    fn ours(&self, record: &ParsedRecord) -> Result<Record, LabError> {
        plain(record).ok_or_else(|| self.sign_error("a name is out of bounds"))
    }

    fn dnskey(&self, key: &SigningKey<Bytes, KeyPair>, ttl: Ttl) -> Result<ParsedRecord, LabError> {
        let key = key.dnskey();
        let public = Bytes::copy_from_slice(key.public_key());
        let dnskey = Dnskey::new(key.flags(), key.protocol(), key.algorithm(), public);
        dnskey
            .map(|key| record(&self.apex, ttl, ZoneRecordData::Dnskey(key)))
            .map_err(|_| self.key_error("it is too long"))
    }

    /// The DNSKEY set and its signature, which the signer of a zone leaves to its caller.
    fn key_set(&self, ttl: Ttl, inception: Timestamp, expiration: Timestamp) -> Result<Vec<ParsedRecord>, LabError> {
        let keys = std::iter::once(&self.entry_key).chain(&self.zone_key);
        let mut set = keys.map(|key| self.dnskey(key, ttl)).collect::<Result<Vec<_>, _>>()?;
        match self.settings.defect {
            Some(Defect::Decoys { keys, .. }) => drop(set.splice(0..0, self.decoy_keys(keys, ttl)?)),
            Some(Defect::KeyTrap { keys, .. }) => set.extend(self.decoy_keys(keys.saturating_sub(1), ttl)?),
            _ => {}
        }
        let rrset = Rrset::new_from_owned(&set).map_err(|error| self.sign_error(&error.to_string()))?;
        let signature = sign_rrset(&self.entry_key, &rrset, inception, expiration);
        let signature = signature.map_err(|error| self.sign_error(&error.to_string()))?;
        set.push(DomainRecord::from_record(signature));
        Ok(set)
    }

    /// Keys with the tag of the one that the DS record names.
    fn decoy_keys(&self, count: u8, ttl: Ttl) -> Result<Vec<ParsedRecord>, LabError> {
        let real = self.entry_key.dnskey();
        let decoy = |nth: u8| {
            let public = Bytes::from(with_same_tag(real.public_key(), usize::from(nth)));
            let key = Dnskey::new(real.flags(), real.protocol(), real.algorithm(), public);
            let key = key.map_err(|_| self.key_error("it is too long"))?;
            Ok(record(&self.apex, ttl, ZoneRecordData::Dnskey(key)))
        };
        (1..=count).map(decoy).collect()
    }

    /// How the signer is to deny; NSEC3 records are put among the sorted `records` here.
    fn denial(&self, records: &mut Vec<ParsedRecord>) -> Result<DenialConfig<Bytes, DefaultSorter>, LabError> {
        if self.settings.denial == Denial::Nsec {
            return Ok(DenialConfig::Nsec(GenerateNsecConfig::new()));
        }
        let salt = self.settings.salt.parse::<Nsec3Salt<Bytes>>();
        let salt = salt.map_err(|_| self.sign_error("the salt is not hex of at most 255 octets"))?;
        let params = Nsec3param::new(Nsec3HashAlgorithm::SHA1, 0, self.settings.iterations, salt);
        let plain = GenerateNsec3Config::<Bytes, DefaultSorter>::new(params.clone());
        let config = if self.settings.opt_out { plain.with_opt_out() } else { plain };
        let made = generate_nsec3s(&self.apex, RecordsIter::new_from_owned(records), &config);
        let Nsec3Records { nsec3s, nsec3param } = made.map_err(|error| self.sign_error(&error.to_string()))?;
        // RFC 5155 §4.1.2: the flags of NSEC3PARAM are zero. The generator copies the opt-out flag there, and
        // servers ignore such a record, so it gets the plain parameters.
        let nsec3param = record(&self.apex, nsec3param.ttl(), ZoneRecordData::Nsec3param(params));
        records.push(nsec3param);
        records.extend(nsec3s.into_iter().map(DomainRecord::from_record));
        records.sort_by(CanonicalOrd::canonical_cmp);
        Ok(DenialConfig::AlreadyPresent)
    }

    fn window(&self, now_unix_secs: u32) -> (Timestamp, Timestamp) {
        // RFC 4034 §3.1.5: times are counted modulo 2^32.
        let at = |offset: i64| {
            let secs = (i64::from(now_unix_secs) + offset).rem_euclid(1 << 32);
            Timestamp::from(u32::try_from(secs).unwrap_or_default())
        };
        (at(self.settings.inception_secs), at(self.settings.expiration_secs))
    }

    fn key_error(&self, why: &'static str) -> LabError {
        LabError::Key { zone: self.name.clone(), why }
    }

    fn sign_error(&self, why: &str) -> LabError {
        LabError::Sign { zone: self.name.clone(), why: why.to_owned() }
    }
}

/// A new key; for RSA, which the crypto library cannot generate, the one of `keys/`.
fn key_pair(algorithm: Algorithm, flags: u16) -> Result<KeyPair, &'static str> {
    let params = match algorithm {
        Algorithm::EcdsaP256Sha256 => GenerateParams::EcdsaP256Sha256,
        Algorithm::EcdsaP384Sha384 => GenerateParams::EcdsaP384Sha384,
        Algorithm::Ed25519 => GenerateParams::Ed25519,
        Algorithm::RsaSha256 => return rsa_key_pair(flags),
    };
    let (secret, public) = generate(&params, flags).map_err(|_| "it cannot be generated")?;
    KeyPair::from_bytes(&secret, &public).map_err(|_| "it cannot be used")
}

fn rsa_key_pair(flags: u16) -> Result<KeyPair, &'static str> {
    let text = Files::Embedded.read("keys/lab-only-rsa2048.private").map_err(|_| "the RSA key is missing")?;
    let secret = SecretKeyBytes::parse_from_bind(&text).map_err(|_| "the RSA key cannot be read")?;
    let SecretKeyBytes::RsaSha256(parts) = &secret else { return Err("the RSA key is of another algorithm") };
    let public = domain::crypto::common::rsa_encode(&parts.e, &parts.n);
    let public = Dnskey::new(flags, 3, SecurityAlgorithm::RSASHA256, public).map_err(|_| "the RSA key is too long")?;
    KeyPair::from_bytes(&secret, &public).map_err(|_| "the RSA key cannot be used")
}

/// RFC 4034 §5.1.4: the digest over the owner in canonical form and the DNSKEY data.
fn ds_digest(zone: &Name, key: &Dnskey<Vec<u8>>) -> Vec<u8> {
    let mut digest = DigestBuilder::new(DigestType::Sha256);
    digest.update(zone.to_lower().wire());
    digest.update(&key.flags().to_be_bytes());
    digest.update(&[key.protocol(), key.algorithm().to_int()]);
    digest.update(key.public_key());
    digest.finish().as_ref().to_vec()
}

fn record(owner: &ZoneOwner, ttl: Ttl, data: ZoneRecordData<Bytes, ZoneOwner>) -> ParsedRecord {
    DomainRecord::new(owner.clone(), domain::base::iana::Class::IN, ttl, data)
}

fn soa_ttl(records: &[ParsedRecord]) -> Ttl {
    records.iter().find(|record| record.rtype() == Rtype::SOA).map_or(Ttl::HOUR, DomainRecord::ttl)
}

/// RFC 2181 §5.2: the records of a set have one TTL, the least of those given. The signer insists on it.
fn unify_ttls(records: &mut [ParsedRecord]) {
    records.sort_by(|a, b| {
        CanonicalOrd::canonical_cmp(a.owner(), b.owner()).then(a.rtype().cmp(&b.rtype())).then(a.ttl().cmp(&b.ttl()))
    });
    for at in 1..records.len() {
        let (before, rest) = records.split_at_mut(at);
        let (last, this) = (&before[at - 1], &mut rest[0]);
        if last.rtype() == this.rtype() && last.owner() == this.owner() {
            this.set_ttl(last.ttl());
        }
    }
}

/// Another address for an A record; twice is the first again.
fn move_address(record: &mut ParsedRecord) {
    if let ZoneRecordData::A(a) = record.data() {
        let [high, second, third, low] = a.addr().octets();
        *record.data_mut() = ZoneRecordData::A(A::from_octets(high, second, third, low ^ 1));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::crypto::common::PublicKey;

    use super::super::load::zones;
    use super::super::nsec3::Nsec3Chain;
    use super::super::settings::ZoneSettings;
    use super::super::zone::Zone;
    use super::*;
    use crate::wire::{RecordType, RrSet};

    const NOW_UNIX_SECS: u32 = 1_795_219_200;

    /// Whether one signature of a set fits under one key: RFC 4034 §3.1.8.1, written down once more.
    fn fits(set: &RrSet, sig: &[u8], keys: &[Dnskey<Vec<u8>>]) -> bool {
        let signer_len = 18 + sig[18..].iter().position(|octet| *octet == 0).unwrap() + 1;
        let labels = usize::from(sig[3]);
        let owner = set.owner.to_lower();
        let owner = if labels < owner.label_count() { owner.suffix(labels).prepend(b"*").unwrap() } else { owner };
        let mut signed = sig[..signer_len].to_vec();
        let members: BTreeSet<&[u8]> = set.rdatas.iter().collect();
        for rdata in members {
            signed.extend_from_slice(owner.wire());
            signed.extend_from_slice(&u16::from(set.rtype).to_be_bytes());
            signed.extend_from_slice(&[0, 1]);
            signed.extend_from_slice(&sig[4..8]);
            signed.extend_from_slice(&u16::try_from(rdata.len()).unwrap().to_be_bytes());
            signed.extend_from_slice(rdata);
        }
        let tag = u16::from_be_bytes([sig[16], sig[17]]);
        let tried = keys.iter().filter(|key| key.key_tag() == tag);
        tried.map(|key| PublicKey::from_dnskey(key).unwrap()).any(|key| key.verify(&signed, &sig[signer_len..]).is_ok())
    }

    fn dnskeys(zone: &Zone) -> Vec<Dnskey<Vec<u8>>> {
        let set = zone.set(&zone.apex, RecordType::DNSKEY).unwrap();
        let key = |rdata: &[u8]| {
            let flags = u16::from_be_bytes([rdata[0], rdata[1]]);
            Dnskey::new(flags, rdata[2], SecurityAlgorithm::from_int(rdata[3]), rdata[4..].to_vec()).unwrap()
        };
        set.rdatas.iter().map(key).collect()
    }

    /// The sets that must be signed: everything but delegations and glue (RFC 4035 §2.2).
    fn authoritative(zone: &Zone) -> Vec<&RrSet> {
        let is_cut = |owner: &Name| *owner != zone.apex && zone.set(owner, RecordType::NS).is_some();
        let below_cut = |owner: &Name| {
            let above = (zone.apex.label_count() + 1..owner.label_count()).map(|count| owner.suffix(count));
            above.into_iter().any(|above| is_cut(&above))
        };
        let all = zone.nodes.values().flat_map(|node| &node.sets).chain(zone.nsec3.iter().flat_map(Nsec3Chain::sets));
        let at_cut = [RecordType::DS, RecordType::NSEC];
        all.filter(|set| !below_cut(&set.owner) && (!is_cut(&set.owner) || at_cut.contains(&set.rtype))).collect()
    }

    fn each_signed_zone(mut check: impl FnMut(&ZoneSettings, &Zone)) {
        for (settings, zone) in zones(&Files::Embedded, NOW_UNIX_SECS).unwrap() {
            if settings.sign.is_some() {
                check(&settings, &zone);
            }
        }
    }

    #[test]
    fn signatures_fit_unless_a_defect_says_otherwise() {
        each_signed_zone(|settings, zone| {
            let (keys, defect) = (dnskeys(zone), settings.sign.as_ref().and_then(|sign| sign.defect));
            for set in authoritative(zone) {
                let good = set.sigs.iter().filter(|sig| fits(set, sig, &keys)).count();
                let expected = match defect {
                    Some(Defect::Bogus) => usize::from(set.rtype != RecordType::A),
                    Some(Defect::NoSignatures | Defect::KeyTrap { .. }) => usize::from(set.rtype == RecordType::DNSKEY),
                    _ => 1,
                };
                assert_eq!(good, expected, "{} {}", set.owner, set.rtype);
            }
        });
    }

    #[test]
    fn windows_are_where_the_settings_put_them() {
        each_signed_zone(|settings, zone| {
            let sign = settings.sign.as_ref().unwrap();
            for sig in authoritative(zone).iter().flat_map(|set| set.sigs.iter()) {
                let at = |from: usize| i64::from(u32::from_be_bytes(sig[from..from + 4].try_into().unwrap()));
                assert_eq!(at(8), i64::from(NOW_UNIX_SECS) + sign.expiration_secs, "{}", zone.apex);
                assert_eq!(at(12), i64::from(NOW_UNIX_SECS) + sign.inception_secs, "{}", zone.apex);
            }
        });
    }

    #[test]
    fn the_keys_of_a_key_trap_share_one_tag_and_differ() {
        let mut traps = 0;
        each_signed_zone(|settings, zone| {
            let sign = settings.sign.as_ref().unwrap();
            let Some(Defect::KeyTrap { keys, signatures }) = sign.defect else { return };
            let soa = zone.set(&zone.apex, RecordType::SOA).unwrap();
            let (set, found) = (zone.set(&zone.apex, RecordType::DNSKEY).unwrap(), dnskeys(zone));
            let tags: BTreeSet<u16> = found.iter().map(Dnskey::key_tag).collect();
            let different: BTreeSet<&[u8]> = set.rdatas.iter().collect();
            assert_eq!((tags.len(), different.len(), found.len()), (1, usize::from(keys), usize::from(keys)));
            assert_eq!(soa.sigs.len(), usize::from(signatures));
            traps += 1;
        });
        assert_eq!(traps, 1);
    }

    #[test]
    fn parents_vouch_for_children_unless_a_defect_says_otherwise() {
        let all = zones(&Files::Embedded, NOW_UNIX_SECS).unwrap();
        let ds_sets = all.iter().flat_map(|(_, zone)| zone.nodes.values()).filter_map(|node| node.set(RecordType::DS));
        let ds_sets: Vec<&RrSet> = ds_sets.collect();
        for (settings, zone) in &all {
            let ds = ds_sets.iter().find(|set| set.owner == zone.apex);
            assert_eq!(ds.is_some(), settings.sign.is_some() && !zone.apex.is_root(), "{}", zone.apex);
            let Some(ds) = ds else { continue };
            let defect = settings.sign.as_ref().and_then(|sign| sign.defect);
            let keys = dnskeys(zone);
            let fits = |ds: &[u8], key| ds_digest(&zone.apex, key) == ds[4..] && key.algorithm().to_int() == ds[2];
            let named = ds.rdatas.iter().filter(|ds| keys.iter().any(|key| fits(ds, key))).count();
            let expected = usize::from(!matches!(defect, Some(Defect::NoKey | Defect::UnknownAlgorithm)));
            assert_eq!(named, expected, "{}", zone.apex);
            if let Some(Defect::Decoys { ds: decoys, .. }) = defect {
                assert_eq!(ds.rdatas.len(), 1 + usize::from(decoys), "{}", zone.apex);
            }
        }
    }
}
