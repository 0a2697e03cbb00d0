//! Algorithms and digests: which are verified here, and the calls that do it.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ED25519_PUBLIC_KEY_LEN, ParsedPublicKey,
};

use super::parsed;
use super::rsa::{self, RsaKey};

/// Which of the algorithms and keys that are verified here count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepts {
    /// Whether signatures and digests with SHA-1 do (RFC 9905 lets them be treated as unknown).
    pub sha1: bool,
    /// Bits of the shortest RSA key that does: RFC 5702 §2.1 allows 512, which is factored within hours.
    pub rsa_min_bits: u16,
}

impl Default for Accepts {
    fn default() -> Self {
        Self { sha1: false, rsa_min_bits: 1024 }
    }
}

impl Accepts {
    /// Whether signatures of this algorithm (IANA "DNS Security Algorithm Numbers") are verified.
    pub(super) fn verifies(self, algorithm: u8) -> bool {
        match algorithm {
            5 | 7 => self.sha1,
            8 | 10 | 13 | 14 | 15 => true,
            // Ed448 (16) among them: no kept library has a stable release of it.
            _ => false,
        }
    }

    /// Whether DS digests of this type (IANA "Digest Algorithms") are compared.
    pub(super) fn compares(self, digest_type: u8) -> bool {
        match digest_type {
            1 => self.sha1,
            2 | 4 => true,
            _ => false,
        }
    }

    /// Whether this is an RSA key that is too short to prove anything.
    pub(super) fn is_weak(self, algorithm: u8, public: &[u8]) -> bool {
        let least = match algorithm {
            5 | 7 | 8 => self.rsa_min_bits,
            10 => self.rsa_min_bits.max(rsa::MIN_BITS_SHA512),
            _ => return false,
        };
        RsaKey::read(public).is_some_and(|key| key.bits() < u64::from(least.max(rsa::MIN_BITS)))
    }

    /// Whether `signature` over `data` was made with the private half of `public`. False for everything that cannot
    /// be read, for algorithms that are not verified here and for keys that do not count.
    pub(super) fn holds(self, algorithm: u8, public: &[u8], data: &[u8], signature: &[u8]) -> bool {
        let (key, signed) = ((algorithm, public), (data, signature));
        match algorithm {
            5 | 7 | 8 | 10 if self.is_weak(algorithm, public) => false,
            5 | 7 | 8 | 10 => RsaKey::read(public).is_some_and(|rsa| rsa.holds(algorithm, data, signature)),
            // RFC 6605 §4: the key is the uncompressed point without the octet that says so.
            13 | 14 => parsed::holds(key, signed, || {
                let scheme = if algorithm == 13 { &ECDSA_P256_SHA256_FIXED } else { &ECDSA_P384_SHA384_FIXED };
                ParsedPublicKey::new(scheme, [&[4], public].concat()).ok()
            }),
            // RFC 8080 §3: the key in 32 octets, and in none of the other forms that the library reads.
            15 if public.len() == ED25519_PUBLIC_KEY_LEN => {
                parsed::holds(key, signed, || ParsedPublicKey::new(&ED25519, public).ok())
            }
            _ => false,
        }
    }
}

/// The digest of a DS record (RFC 4034 §5.1.4); `None` for a type that is not known.
pub(super) fn ds_digest(digest_type: u8, data: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match digest_type {
        1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        2 => &digest::SHA256,
        4 => &digest::SHA384,
        _ => return None,
    };
    Some(digest::digest(algorithm, data).as_ref().to_vec())
}

/// SHA-1 of two pieces, as NSEC3 iterates it (RFC 5155 §5).
pub(super) fn sha1(first: &[u8], second: &[u8]) -> [u8; 20] {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(first);
    context.update(second);
    let mut hash = [0; 20];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    use data_encoding::BASE64;
    use proptest::prelude::*;

    use super::*;

    /// RFC 5702 §6.1 has a key of 512 bits, which counts when the operator says so; §2.2: never for RSA/SHA-512.
    #[test]
    fn short_rsa_keys_are_weak() {
        let short = "AwEAAcFcGsaxxdgiuuGmCkVImy4h99CqT7jwY3pexPGcnUFtR2Fh36BponcwtkZ4cAgtvd4Qs8PkxUdp6p/DlUmObdk=";
        let short = BASE64.decode(short.as_bytes()).unwrap();
        let (usual, lax) = (Accepts::default(), Accepts { rsa_min_bits: 512, ..Accepts::default() });
        assert!(usual.is_weak(8, &short) && !usual.is_weak(13, &short));
        assert!(!lax.is_weak(8, &short) && lax.is_weak(10, &short));
        let long = |octets| [&[3, 1, 0, 1][..], &vec![0xff; octets]].concat();
        let none = Accepts { rsa_min_bits: 0, ..Accepts::default() };
        assert!(none.is_weak(8, &long(63)) && !none.is_weak(8, &long(64)) && none.is_weak(10, &long(64)));
        assert!(!usual.is_weak(8, &long(128)) && usual.is_weak(8, &long(127)) && !usual.is_weak(8, &[]));
    }

    /// RFC 8080 §3: 32 octets. The library reads the form that certificates have as well.
    #[test]
    fn an_ed25519_key_has_one_form() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let (public, signature) = (pair.public_key().as_ref(), pair.sign(b"data"));
        let as_certificate = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], public].concat();
        let holds = |public: &[u8]| Accepts::default().holds(15, public, b"data", signature.as_ref());
        assert!(holds(public) && !holds(&as_certificate) && holds(public));
    }

    /// Whatever keys this thread has read, and whichever go: each vouches for its own signatures, for one algorithm.
    #[test]
    fn keys_that_are_known_are_not_taken_for_others() {
        let rng = SystemRandom::new();
        let new = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let pairs: Vec<EcdsaKeyPair> = (0..100).map(|_| new()).collect();
        let accepts = Accepts::default();
        for round in 0_u8..3 {
            for (nth, pair) in pairs.iter().enumerate() {
                let signature = pair.sign(&rng, &[round]).unwrap();
                let public = |pair: &EcdsaKeyPair| pair.public_key().as_ref()[1..].to_vec();
                let holds = |algorithm, public: &[u8]| accepts.holds(algorithm, public, &[round], signature.as_ref());
                assert!(holds(13, &public(pair)) && !holds(14, &public(pair)) && !holds(15, &public(pair)));
                assert!(!holds(13, &public(&pairs[(nth + 1) % pairs.len()])));
                assert!(!accepts.holds(13, &public(pair), &[round, 0], signature.as_ref()));
            }
        }
    }

    proptest! {
        /// No key and no signature, of whatever octets, stops the program, and what chance has made holds for nothing.
        #[test]
        fn what_is_no_key_proves_nothing(
            algorithm in 0..20_u8,
            public in proptest::collection::vec(prop_oneof![Just(0), Just(0xff), any::<u8>()], 0..600),
            signature in proptest::collection::vec(prop_oneof![Just(0), Just(0xff), any::<u8>()], 0..600),
            octets in proptest::sample::select(vec![0_usize, 32, 64, 96, 256, 600]),
        ) {
            let cut = |all: &[u8]| all[..all.len().min(octets)].to_vec();
            let lax = Accepts { sha1: true, rsa_min_bits: 512 };
            prop_assert!(!lax.holds(algorithm, &public, b"data", &signature));
            prop_assert!(!lax.holds(algorithm, &cut(&public), b"data", &cut(&signature)));
        }
    }
}
