//! A signer that shares nothing with the code under test: it knows enough of RFC 4034 §3 and §6 to sign sets whose data
//! holds no names that would have to be lowered.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use rootwalk::dnssec::key_tag;
use rootwalk::wire::{Name, Rdatas, RecordType, RrSet};

use crate::world::NOW_UNIX_SECS;

const DAY_SECS: u32 = 86_400;
/// The algorithm of all its keys: Ed25519.
pub(crate) const ED25519: u8 = 15;

/// A zone with one key.
pub(crate) struct Signer {
    pub(crate) zone: Name,
    pair: Ed25519KeyPair,
}

/// What may be wrong with a signature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) labels: Option<u8>,
    pub(crate) key_tag: u16,
    pub(crate) inception: u32,
    pub(crate) expiration: u32,
}

impl Signer {
    pub(crate) fn new(zone: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { zone: zone.parse().unwrap(), pair: Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap() }
    }

    /// The data of its DNSKEY record.
    pub(crate) fn dnskey(&self) -> Vec<u8> {
        [&[1, 1, 3, ED25519][..], self.pair.public_key().as_ref()].concat()
    }

    pub(crate) fn tag(&self) -> u16 {
        key_tag(&self.dnskey())
    }

    /// How a signature of this zone is when nothing is wrong with it.
    pub(crate) fn form(&self) -> Form {
        let (inception, expiration) = (NOW_UNIX_SECS - DAY_SECS, NOW_UNIX_SECS + 9 * DAY_SECS);
        Form { labels: None, key_tag: self.tag(), inception, expiration }
    }

    /// The data of a signature over `set`.
    pub(crate) fn rrsig(&self, set: &RrSet, form: &Form) -> Vec<u8> {
        let is_wildcard = set.owner.labels().next() == Some(b"*");
        let own = u8::try_from(set.owner.label_count()).unwrap() - u8::from(is_wildcard);
        let labels = form.labels.unwrap_or(own);
        let mut rrsig = u16::from(set.rtype).to_be_bytes().to_vec();
        rrsig.extend([ED25519, labels]);
        for word in [set.ttl_secs, form.expiration, form.inception] {
            rrsig.extend(word.to_be_bytes());
        }
        rrsig.extend(form.key_tag.to_be_bytes());
        rrsig.extend(self.zone.wire());
        let owner = match labels < own {
            true => set.owner.suffix(labels.into()).prepend(b"*").unwrap(),
            false => set.owner.clone(),
        };
        let mut signed = rrsig.clone();
        let mut rdatas: Vec<&[u8]> = set.rdatas.iter().collect();
        rdatas.sort_unstable();
        for rdata in rdatas {
            signed.extend(owner.to_lower().wire());
            signed.extend(u16::from(set.rtype).to_be_bytes());
            signed.extend([0, 1]);
            signed.extend(set.ttl_secs.to_be_bytes());
            signed.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
            signed.extend(rdata);
        }
        rrsig.extend(self.pair.sign(&signed).as_ref());
        rrsig
    }

    /// The set with its signature.
    pub(crate) fn sign(&self, set: RrSet) -> RrSet {
        let rrsig = self.rrsig(&set, &self.form());
        RrSet { sigs: [&rrsig[..]].into_iter().collect::<Rdatas>(), ..set }
    }

    /// A signed set of one record.
    pub(crate) fn one(&self, owner: &str, rtype: RecordType, rdata: &[u8]) -> RrSet {
        self.sign(RrSet::new(owner.parse().unwrap(), rtype, 300, [rdata]))
    }

    /// A signed NSEC record.
    pub(crate) fn nsec(&self, owner: &str, next: &str, types: &[u16]) -> RrSet {
        let next: Name = next.parse().unwrap();
        let mut bits = [0_u8; 32];
        for rtype in types {
            bits[usize::from(rtype / 8)] |= 0x80 >> (rtype % 8);
        }
        let length = bits.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        let bitmap = [&[0, u8::try_from(length).unwrap()], &bits[..length]].concat();
        self.one(owner, RecordType::NSEC, &[next.wire(), &bitmap[..]].concat())
    }
}
