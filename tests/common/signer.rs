//! A signer that shares nothing with the code under test: it knows enough of RFC 4034 §3 and §6 to sign sets whose data
//! holds no names in upper case.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use num_bigint::BigUint;
use rootwalk::dnssec::key_tag;
use rootwalk::wire::{Name, Rdatas, RecordType, RrSet};

const DAY_SECS: u32 = 86_400;
/// RFC 8080.
pub(crate) const ED25519: u8 = 15;

/// The private half of a key.
pub(crate) enum Pair {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
    Rsa { modulus: BigUint, private: BigUint },
}

impl Pair {
    fn sign(&self, algorithm: u8, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(pair) => pair.sign(data).as_ref().to_vec(),
            Self::Ecdsa(pair) => pair.sign(&SystemRandom::new(), data).unwrap().as_ref().to_vec(),
            Self::Rsa { modulus, private } => {
                // RFC 8017 §9.2: the digest behind the name of its algorithm.
                let (name, hash) = match algorithm {
                    8 => {
                        (&b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"[..], &SHA256)
                    }
                    _ => {
                        (&b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"[..], &SHA512)
                    }
                };
                let info = [name, digest(hash, data).as_ref()].concat();
                let octets = usize::try_from(modulus.bits().div_ceil(8)).unwrap();
                let message = [&[0, 1][..], &vec![0xff; octets - info.len() - 3], &[0], &info].concat();
                let signature = BigUint::from_bytes_be(&message).modpow(private, modulus).to_bytes_be();
                [vec![0; octets - signature.len()], signature].concat()
            }
        }
    }
}

/// Somebody with a key who says that it is one of this zone.
pub(crate) struct Signer {
    pub(crate) zone: Name,
    pub(crate) now_secs: u32,
    /// The data of its DNSKEY record.
    pub(crate) dnskey: Vec<u8>,
    pub(crate) pair: Pair,
}

/// What may be wrong with a signature.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) covered: Option<RecordType>,
    pub(crate) labels: Option<u8>,
    pub(crate) original_ttl_secs: Option<u32>,
    pub(crate) inception: u32,
    pub(crate) expiration: u32,
    pub(crate) key_tag: u16,
    pub(crate) signer: Name,
}

impl Signer {
    /// With a new key.
    pub(crate) fn new(zone: &str, now_secs: u32) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let dnskey = [&[1, 1, 3, ED25519][..], pair.public_key().as_ref()].concat();
        Self { zone: zone.parse().unwrap(), now_secs, dnskey, pair: Pair::Ed25519(pair) }
    }

    pub(crate) fn tag(&self) -> u16 {
        key_tag(&self.dnskey)
    }

    /// How a signature of this zone is when nothing is wrong with it.
    pub(crate) fn form(&self) -> Form {
        Form {
            covered: None,
            labels: None,
            original_ttl_secs: None,
            inception: self.now_secs.wrapping_sub(DAY_SECS),
            expiration: self.now_secs.wrapping_add(9 * DAY_SECS),
            key_tag: self.tag(),
            signer: self.zone.clone(),
        }
    }

    /// The data of a signature over `set`.
    pub(crate) fn rrsig(&self, set: &RrSet, form: &Form) -> Vec<u8> {
        let is_wildcard = set.owner.labels().next() == Some(b"*");
        let own = u8::try_from(set.owner.label_count()).unwrap() - u8::from(is_wildcard);
        let (labels, algorithm) = (form.labels.unwrap_or(own), self.dnskey[3]);
        let ttl_secs = form.original_ttl_secs.unwrap_or(set.ttl_secs).to_be_bytes();
        let mut rrsig = u16::from(form.covered.unwrap_or(set.rtype)).to_be_bytes().to_vec();
        rrsig.extend([algorithm, labels]);
        rrsig.extend(ttl_secs);
        rrsig.extend(form.expiration.to_be_bytes());
        rrsig.extend(form.inception.to_be_bytes());
        rrsig.extend(form.key_tag.to_be_bytes());
        rrsig.extend(form.signer.to_lower().wire());
        let owner = match labels < own {
            true => set.owner.suffix(labels.into()).prepend(b"*").unwrap(),
            false => set.owner.clone(),
        };
        let mut signed = rrsig.clone();
        let mut rdatas: Vec<&[u8]> = set.rdatas.iter().collect();
        rdatas.sort_unstable();
        rdatas.dedup();
        for rdata in rdatas {
            signed.extend(owner.to_lower().wire());
            signed.extend(u16::from(set.rtype).to_be_bytes());
            signed.extend([0, 1]);
            signed.extend(ttl_secs);
            signed.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
            signed.extend(rdata);
        }
        rrsig.extend(self.pair.sign(algorithm, &signed));
        rrsig
    }

    /// The set with its signature.
    pub(crate) fn sign(&self, set: RrSet) -> RrSet {
        self.sign_as(set, &self.form())
    }

    /// The set with a signature of this form.
    pub(crate) fn sign_as(&self, set: RrSet, form: &Form) -> RrSet {
        let rrsig = self.rrsig(&set, form);
        RrSet { sigs: [&rrsig[..]].into_iter().collect::<Rdatas>(), ..set }
    }

    /// A signed set of one record.
    pub(crate) fn one(&self, owner: &str, rtype: RecordType, rdata: &[u8]) -> RrSet {
        self.sign(RrSet::new(owner.parse().unwrap(), rtype, 300, [rdata]))
    }

    /// A signed NSEC record.
    pub(crate) fn nsec(&self, owner: &str, next: &str, types: &[u16]) -> RrSet {
        let next: Name = next.parse().unwrap();
        self.one(owner, RecordType::NSEC, &[next.wire(), &bitmap(types)].concat())
    }
}

/// The bitmap of types of the first window (RFC 4034 §4.1.2).
pub(crate) fn bitmap(types: &[u16]) -> Vec<u8> {
    let mut bits = [0_u8; 32];
    for rtype in types {
        bits[usize::from(rtype / 8)] |= 0x80 >> (rtype % 8);
    }
    let length = bits.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    [&[0, u8::try_from(length).unwrap()], &bits[..length]].concat()
}

/// The same public key with another tag, if the flags can make up for the rest: most of their bits mean nothing (RFC
/// 4034 §2.1.1), and all of them count (appendix B).
pub(crate) fn with_tag(dnskey: &[u8], tag: u16) -> Option<Vec<u8>> {
    let with_flags = |flags: u16| [&flags.to_be_bytes(), &dnskey[2..]].concat();
    let wanted = tag.wrapping_sub(key_tag(&with_flags(0)));
    // What is carried may add one.
    let flags = [wanted, wanted.wrapping_sub(1)].into_iter().filter(|flags| flags & 0x0180 == 0x0100);
    flags.map(with_flags).find(|dnskey| key_tag(dnskey) == tag)
}
