//! DNSKEY and DS records (RFC 4034 §2, §5), and how one names the other.

use crate::wire::Name;

use super::algorithm;

/// The zone-key flag (RFC 4034 §2.1.1).
const ZONE_KEY: u16 = 0x0100;
/// The secure entry point flag (RFC 4034 §2.1.1).
const SEP: u16 = 0x0001;
/// The REVOKE flag (RFC 5011 §7).
const REVOKE: u16 = 0x0080;

/// A DNSKEY record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    flags: u16,
    protocol: u8,
    /// The algorithm.
    pub algorithm: u8,
    /// The key tag (RFC 4034 appendix B).
    pub tag: u16,
    rdata: Box<[u8]>,
}

impl Key {
    /// Reads the data of a DNSKEY record; `None` when it is too short.
    #[must_use]
    pub fn read(rdata: &[u8]) -> Option<Self> {
        let [high, low, protocol, algorithm, ..] = *rdata else { return None };
        let flags = u16::from_be_bytes([high, low]);
        Some(Self { flags, protocol, algorithm, tag: key_tag(rdata), rdata: rdata.into() })
    }

    /// Whether signatures of this key count: a zone key of protocol 3 that is not revoked (RFC 4035 §5.3.1,
    /// RFC 5011 §2.1).
    #[must_use]
    pub fn signs_zones(&self) -> bool {
        self.flags & ZONE_KEY != 0 && self.protocol == 3 && self.flags & REVOKE == 0
    }

    /// Whether its owner has revoked it (RFC 5011 §7).
    pub(super) fn is_revoked(&self) -> bool {
        self.flags & REVOKE != 0
    }

    /// Whether it is a zone key with the SEP flag, as those are that trust anchors are made of (RFC 5011 §3).
    pub(super) fn is_entry_point(&self) -> bool {
        self.flags & ZONE_KEY != 0 && self.flags & SEP != 0 && self.protocol == 3
    }

    /// Whether both are the same key, revoked or not.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.public() == other.public()
    }

    /// The key as it was before it was revoked: its tag was another one then.
    pub(super) fn without_revoke(&self) -> Self {
        let [high, low] = (self.flags & !REVOKE).to_be_bytes();
        let mut rdata = self.rdata.clone();
        (rdata[0], rdata[1]) = (high, low);
        Self { flags: self.flags & !REVOKE, tag: key_tag(&rdata), rdata, ..*self }
    }

    /// The key under its present tag, as one whose signatures count: a revoked key signs its own revocation.
    pub(super) fn as_if_valid(&self) -> Self {
        Self { flags: self.flags & !REVOKE, ..self.clone() }
    }

    /// The whole record data.
    #[must_use]
    pub fn rdata(&self) -> &[u8] {
        &self.rdata
    }

    /// The public key itself.
    pub(super) fn public(&self) -> &[u8] {
        &self.rdata[4..]
    }

    /// Octets on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.rdata.len()
    }
}

/// The key tag of a DNSKEY record (RFC 4034 appendix B).
#[must_use]
pub fn key_tag(rdata: &[u8]) -> u16 {
    // Appendix B.1: for algorithm 1 it is taken from the modulus.
    if let ([_, _, _, 1, ..], [.., high, low, _]) = (rdata, rdata) {
        return u16::from_be_bytes([*high, *low]);
    }
    let mut sum: u32 = 0;
    for (nth, octet) in rdata.iter().enumerate() {
        let octet = u32::from(*octet);
        sum = sum.wrapping_add(if nth % 2 == 0 { octet << 8 } else { octet });
    }
    let folded = sum.wrapping_add(sum >> 16 & 0xffff);
    u16::try_from(folded & 0xffff).unwrap_or_default()
}

/// A DS record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ds {
    /// The tag of the key.
    pub tag: u16,
    /// Its algorithm.
    pub algorithm: u8,
    /// How the digest was made.
    pub digest_type: u8,
    digest: Box<[u8]>,
}

impl Ds {
    /// Reads the data of a DS record; `None` when it is too short.
    #[must_use]
    pub fn read(rdata: &[u8]) -> Option<Self> {
        let [high, low, algorithm, digest_type, digest @ ..] = rdata else { return None };
        let tag = u16::from_be_bytes([*high, *low]);
        Some(Self { tag, algorithm: *algorithm, digest_type: *digest_type, digest: digest.into() })
    }

    /// A DS record from its fields.
    #[must_use]
    pub fn new(tag: u16, algorithm: u8, digest_type: u8, digest: &[u8]) -> Self {
        Self { tag, algorithm, digest_type, digest: digest.into() }
    }

    /// Whether the digest is at least as long as those of its type are. A longer one was not cut short; it fits no key,
    /// and nothing below it is believed.
    pub(super) fn is_whole(&self) -> bool {
        match self.digest_type {
            // RFC 4034 §5.1.4, RFC 4509 §2.2, RFC 6605 §2.
            1 => self.digest.len() >= 20,
            2 => self.digest.len() >= 32,
            4 => self.digest.len() >= 48,
            _ => !self.digest.is_empty(),
        }
    }

    /// Whether this names `key` of `zone` by tag and algorithm, its digest not yet looked at.
    pub(super) fn may_name(&self, key: &Key) -> bool {
        self.tag == key.tag && self.algorithm == key.algorithm
    }

    /// Whether the digest is that of `key` of `zone` (RFC 4034 §5.1.4).
    pub(super) fn names(&self, zone: &Name, key: &Key) -> bool {
        let data = [zone.to_lower().wire(), key.rdata()].concat();
        algorithm::ds_digest(self.digest_type, &data).is_some_and(|digest| *digest == *self.digest)
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, HEXUPPER};

    use super::*;

    fn key(flags: u16, algorithm: u8, public: &str) -> Key {
        let mut rdata = flags.to_be_bytes().to_vec();
        rdata.extend([3, algorithm]);
        rdata.extend(BASE64.decode(public.as_bytes()).unwrap());
        Key::read(&rdata).unwrap()
    }

    /// RFC 4034 §5.1.4, RFC 4509 §2.2, RFC 6605 §2: digests have one length; of unknown types it is not known.
    #[test]
    fn digests_that_were_cut_short_are_not_whole() {
        for (digest_type, octets) in [(1, 20), (2, 32), (4, 48), (3, 1), (99, 1)] {
            let is_whole = |octets| Ds::new(1, 15, digest_type, &vec![7; octets]).is_whole();
            assert_eq!([octets - 1, octets, octets + 1].map(is_whole), [false, true, true], "{digest_type}");
        }
    }

    /// RFC 4034 §5.4, RFC 4509 §2.3.
    #[test]
    fn ds_of_rfc_4034() {
        let key = key(
            256,
            5,
            "AQOeiiR0GOMYkDshWoSKz9XzfwJr1AYtsmx3TGkJaNXVbfi/2pHm822aJ5iI9BMzNXxeYCmZDRD99WYwYqUSdjMmmAphXdvx\
             egXd/M5+X7OrzKBaMbCVdFLUUh6DhweJBjEVv5f2wwjM9XzcnOf+EPbtG9DMBmADjFDc2w/rljwvFw==",
        );
        assert_eq!(key.tag, 60485);
        let zone: Name = "dskey.example.com.".parse().unwrap();
        let sha1 = HEXUPPER.decode(b"2BB183AF5F22588179A53B0A98631FAD1A292118").unwrap();
        for zone in [&zone, &"DSKEY.Example.COM.".parse().unwrap()] {
            assert!(Ds::new(60485, 5, 1, &sha1).names(zone, &key), "RFC 4034 §6.2: in any case");
        }
        let sha256 = b"D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A";
        assert!(Ds::new(60485, 5, 2, &HEXUPPER.decode(sha256).unwrap()).names(&zone, &key));
        assert!(!Ds::new(60485, 5, 1, &sha1).names(&"example.com.".parse().unwrap(), &key));
    }

    /// RFC 6605 §6.1 (P-256) and §6.2 (P-384), RFC 8080 §6.1 (Ed25519).
    #[test]
    fn ds_of_newer_algorithms() {
        let zone: Name = "example.net.".parse().unwrap();
        let p256 =
            key(257, 13, "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==");
        let digest = b"B4C8C1FE2E7477127B27115656AD6256F424625BF5C1E2770CE6D6E37DF61D17";
        assert!(Ds::new(55648, 13, 2, &HEXUPPER.decode(digest).unwrap()).names(&zone, &p256));
        assert_eq!(p256.tag, 55648);
        let p384 = key(
            257,
            14,
            "xKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1w/egsXvSADtNJhyem5RCOpgQ6K8X1DRSEkrbYQ+OB+v8/uX45NBw\
             Y8rp65F6Glur8I/mlVNgF6W/qTI37m40",
        );
        let digest =
            b"72D7B62976CE06438E9C0BF319013CF801F09ECC84B8D7E9495F27E305C6A9B0563A9B5F4D288405C3008A946DF983D6";
        assert_eq!(p384.tag, 10771);
        assert!(Ds::new(10771, 14, 4, &HEXUPPER.decode(digest).unwrap()).names(&zone, &p384));
        let ed25519 = key(257, 15, "l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=");
        assert_eq!(ed25519.tag, 3613);
        let digest = b"3AA5AB37EFCE57F737FC1627013FEE07BDF241BD10F3B1964AB55C78E79A304B";
        let zone: Name = "example.com.".parse().unwrap();
        assert!(Ds::new(3613, 15, 2, &HEXUPPER.decode(digest).unwrap()).names(&zone, &ed25519));
    }
}
