//! RSA signatures, also those that the library of primitives does not take: with a modulus of fewer than 1024 bits.
//!
//! RFC 5702 §2.1 allows moduli of 512 to 4096 bits. Verification handles nothing secret, so it may be plain arithmetic.

use aws_lc_rs::digest::{self, Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RsaPublicKeyComponents,
};
use num_bigint::BigUint;

use super::parsed;
#[cfg(test)]
pub(super) use tests::{pair, sign};

/// Shortest modulus (RFC 5702 §2.1).
pub(super) const MIN_BITS: u16 = 512;
/// Longest modulus (RFC 3110 §2): what a verification costs grows with its square.
const MAX_BITS: u64 = 4096;
/// Shortest modulus for RSA/SHA-512 (RFC 5702 §2.2).
pub(super) const MIN_BITS_SHA512: u16 = 1024;
/// Bits of the longest exponent: what a verification costs grows with its length. Some zones have had 2^32 + 1, and
/// the library takes no longer ones either.
const MAX_EXPONENT_BITS: u64 = 33;
/// The library takes moduli from this many bits on.
const LIBRARY_BITS: u64 = 1024;

/// A public key.
pub(super) struct RsaKey {
    exponent: Vec<u8>,
    modulus: Vec<u8>,
}

impl RsaKey {
    /// Reads a key (RFC 3110 §2): the length of the exponent in one octet, or a zero and two, comes first.
    pub(super) fn read(public: &[u8]) -> Option<Self> {
        let (exponent, modulus) = match public {
            [0, high, low, rest @ ..] => rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?,
            [length, rest @ ..] => rest.split_at_checked(usize::from(*length))?,
            [] => return None,
        };
        // Leading zeros are not allowed, yet harmless.
        let bare = |octets: &[u8]| octets.iter().copied().skip_while(|octet| *octet == 0).collect::<Vec<u8>>();
        Some(Self { exponent: bare(exponent), modulus: bare(modulus) })
    }

    /// The length of the modulus.
    pub(super) fn bits(&self) -> u64 {
        bits(&self.modulus)
    }

    /// Whether `signature` over `data` was made with the private half of this key (RFC 3110 §3, RFC 5702 §3).
    pub(super) fn holds(&self, algorithm: u8, data: &[u8], signature: &[u8]) -> bool {
        if self.bits() > MAX_BITS || bits(&self.exponent) > MAX_EXPONENT_BITS {
            return false;
        }
        if self.bits() < LIBRARY_BITS {
            return self.holds_here(algorithm, data, signature);
        }
        let scheme = match algorithm {
            8 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            10 => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
            _ => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        };
        let key = RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent };
        parsed::holds((algorithm, &self.octets()), (data, signature), || key.to_parsed_public_key(scheme).ok())
    }

    /// Both numbers, where one ends and the other begins included.
    fn octets(&self) -> Vec<u8> {
        [&self.exponent.len().to_be_bytes()[..], &self.exponent, &self.modulus].concat()
    }

    /// RFC 8017 §8.2.2: the encoded message is made anew and compared as a whole, so that no octet of it is free
    /// (Bleichenbacher's forgery, CVE-2006-4339).
    fn holds_here(&self, algorithm: u8, data: &[u8], signature: &[u8]) -> bool {
        let (modulus, exponent) = (BigUint::from_bytes_be(&self.modulus), BigUint::from_bytes_be(&self.exponent));
        let sound = modulus.bit(0) && exponent.bit(0) && exponent.bits() > 1;
        let number = BigUint::from_bytes_be(signature);
        if !sound || self.bits() < u64::from(MIN_BITS) || signature.len() != self.modulus.len() || number >= modulus {
            return false;
        }
        let opened = number.modpow(&exponent, &modulus);
        encoded(algorithm, data, self.modulus.len()).is_some_and(|wanted| opened == BigUint::from_bytes_be(&wanted))
    }
}

/// The length of a number without leading zero octets.
fn bits(octets: &[u8]) -> u64 {
    octets.len() as u64 * 8 - octets.first().map_or(0, |first| u64::from(first.leading_zeros()))
}

/// The message as it is signed (RFC 8017 §9.2): `00 01`, octets `ff`, `00`, and the digest behind the name of its
/// algorithm. Keys that count are long enough for the eight octets `ff` that there must be.
fn encoded(algorithm: u8, data: &[u8], octets: usize) -> Option<Vec<u8>> {
    /// An object identifier in DER, and the way to the digest.
    const SHA1: &[u8] = b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14";
    const SHA256_: &[u8] = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    const SHA512_: &[u8] = b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40";
    let (name, hash): (&[u8], &'static Algorithm) = match algorithm {
        8 => (SHA256_, &SHA256),
        10 => (SHA512_, &SHA512),
        _ => (SHA1, &SHA1_FOR_LEGACY_USE_ONLY),
    };
    let digest = digest::digest(hash, data);
    let fill = octets.checked_sub(name.len() + digest.as_ref().len() + 3)?;
    Some([&[0, 1][..], &vec![0xff; fill], &[0], name, digest.as_ref()].concat())
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::{self, KeyPair as _};
    use data_encoding::BASE64;
    use proptest::prelude::*;

    use super::*;

    fn key(modulus: &BigUint, exponent: &BigUint) -> RsaKey {
        RsaKey { exponent: exponent.to_bytes_be(), modulus: modulus.to_bytes_be() }
    }

    /// The least prime above `from` for which `exponent` has an inverse, by Fermat's test with a few bases.
    fn prime(from: BigUint, exponent: &BigUint) -> BigUint {
        let one = BigUint::from(1_u8);
        let mut candidate = from | &one;
        loop {
            let less = &candidate - &one;
            let passes = |base: u8| BigUint::from(base).modpow(&less, &candidate) == one;
            if [2, 3, 5, 7].into_iter().all(passes) && exponent.modinv(&less).is_some() {
                return candidate;
            }
            candidate += 2_u8;
        }
    }

    /// A key of `bits` and its private exponent, both from `seed`.
    pub(in super::super) fn pair(seed: &[u8], bits: u64, exponent: &BigUint) -> (RsaKey, BigUint, BigUint) {
        let one = BigUint::from(1_u8);
        let half = |salt: u8| {
            let digests = (0..8).map(|nth| digest::digest(&SHA512, &[seed, &[salt, nth]].concat()));
            let octets: Vec<u8> = digests.flat_map(|digest| digest.as_ref().to_vec()).collect();
            let half_bits = bits / 2;
            // The two upper bits make the product as long as wanted.
            let upper = BigUint::from(3_u8) << (half_bits - 2);
            prime((BigUint::from_bytes_be(&octets) & ((&one << (half_bits - 2)) - &one)) | upper, exponent)
        };
        let (p, q) = (half(1), half(2));
        let private = exponent.modinv(&((&p - &one) * (&q - &one))).expect("both have an inverse");
        let modulus = p * q;
        (key(&modulus, exponent), modulus, private)
    }

    pub(in super::super) fn sign(algorithm: u8, data: &[u8], modulus: &BigUint, private: &BigUint) -> Vec<u8> {
        let octets = usize::try_from(modulus.bits().div_ceil(8)).expect("small");
        let message = BigUint::from_bytes_be(&encoded(algorithm, data, octets).expect("room"));
        let signature = message.modpow(private, modulus).to_bytes_be();
        [vec![0; octets - signature.len()], signature].concat()
    }

    /// A key of the library, for all cases.
    fn theirs() -> &'static (KeyPair, RsaKey) {
        static PAIR: OnceLock<(KeyPair, RsaKey)> = OnceLock::new();
        PAIR.get_or_init(|| {
            let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
            // DER: a sequence of two integers, the first with a leading zero.
            let der = pair.public_key().as_ref();
            let (modulus, exponent) = (der[9..265].to_vec(), der[267..].to_vec());
            assert_eq!((&der[4..9], &der[265..267]), (&b"\x02\x82\x01\x01\x00"[..], &b"\x02\x03"[..]));
            (pair, RsaKey { exponent, modulus })
        })
    }

    /// RFC 5702 §6.1: a key of 512 bits.
    #[test]
    fn sha256_of_rfc_5702() {
        let public = "AwEAAcFcGsaxxdgiuuGmCkVImy4h99CqT7jwY3pexPGcnUFtR2Fh36BponcwtkZ4cAgtvd4Qs8PkxUdp6p/DlUmObdk=";
        let key = RsaKey::read(&BASE64.decode(public.as_bytes()).expect("base64")).expect("a key");
        assert_eq!(key.bits(), 512);
        let signature = "kRCOH6u7l0QGy9qpC9l1sLncJcOKFLJ7GhiUOibu4teYp5VE9RncriShZNz85mwlMgNEacFYK/lPtPiVYP4bwg==";
        let signature = BASE64.decode(signature.as_bytes()).expect("base64");
        // A 8 3 3600 20300101000000 20000101000000 9033 example.net., then www.example.net. 3600 IN A 192.0.2.91
        let head = b"\x00\x01\x08\x03\x00\x00\x0e\x10\x70\xdb\xd8\x80\x38\x6d\x43\x80\x23\x49\x07example\x03net\x00";
        let record = b"\x03www\x07example\x03net\x00\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\xc0\x00\x02\x5b";
        let data = [&head[..], record].concat();
        assert!(key.holds(8, &data, &signature));
        assert!(!key.holds(5, &data, &signature) && !key.holds(10, &data, &signature));
    }

    #[test]
    fn keys_outside_the_bounds_prove_nothing() {
        let exponent = BigUint::from(65_537_u32);
        let (short, modulus, private) = pair(b"short", 496, &exponent);
        assert!(short.bits() < 512 && !short.holds(5, b"data", &sign(5, b"data", &modulus, &private)));
        let exponent = BigUint::from(0x2_0000_0001_u64);
        let (wide, modulus, private) = pair(b"wide", 512, &exponent);
        assert!(!wide.holds(5, b"data", &sign(5, b"data", &modulus, &private)));
        // Exponent 1: the signature is the message.
        let (_, modulus, _) = pair(b"one", 512, &BigUint::from(3_u8));
        let plain = sign(8, b"data", &modulus, &BigUint::from(1_u8));
        assert!(!key(&modulus, &BigUint::from(1_u8)).holds(8, b"data", &plain));
        for damaged in [&[][..], &[0], &[0, 0], &[0, 1, 0, 7], &[200, 1, 2], &[0, 0, 0], &[1, 3]] {
            let holds = RsaKey::read(damaged).is_some_and(|key| key.holds(8, b"data", &[1; 64]));
            assert!(!holds, "{damaged:?}");
        }
    }

    /// A modulus is odd, and so is an exponent: for this one every number is a signature, be it known how to divide it
    /// or not, and of others none holds. RFC 3110 §2: leading zeros change nothing; and 4096 bits are the most.
    #[test]
    fn numbers_that_make_no_key_prove_nothing() {
        for (octets, exponent, odd) in
            [(64, 2_u8, true), (64, 3, true), (64, 3, false), (64, 4, true), (512, 3, true), (513, 3, true)]
        {
            let wanted = BigUint::from_bytes_be(&encoded(8, b"data", octets).expect("room"));
            // What is left of a power when the message is taken off is a modulus for which the root is a signature.
            let least = ((BigUint::from(1_u8) << (octets * 8)) - 1_u8).nth_root(exponent.into()) - 1_u8;
            let root = if least.bit(0) == (wanted.bit(0) != odd) { least } else { least - 1_u8 };
            let modulus: BigUint = root.pow(exponent.into()) - &wanted;
            assert_eq!((modulus.bits(), modulus.bit(0)), (octets as u64 * 8, odd));
            let signature = root.to_bytes_be();
            let signature = [vec![0; octets - signature.len()], signature].concat();
            let plain = [&[1, exponent][..], &modulus.to_bytes_be()].concat();
            let padded = [&[3, 0, 0, exponent, 0, 0][..], &modulus.to_bytes_be()].concat();
            for public in [plain, padded] {
                let holds = RsaKey::read(&public).expect("a key").holds(8, b"data", &signature);
                assert_eq!(holds, odd && exponent % 2 == 1 && octets <= 512, "{octets} {exponent} {odd}");
            }
        }
    }

    /// What an exponent of three would let pass if padding or digest were looked at in part only.
    #[test]
    fn a_cube_root_is_no_signature() {
        // The forger needs no private key, so any odd number serves as the modulus.
        let key = RsaKey { exponent: vec![3], modulus: vec![0xff; 256] };
        let octets = key.modulus.len();
        let whole = encoded(8, b"data", octets).expect("room");
        let digest_info = &whole[octets - 51..];
        // The digest moved to the left, with anything behind it: the root of that is found without the key.
        let forged = [&[0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0][..], digest_info].concat();
        let forged = [&forged[..], &vec![0xff; octets - forged.len()]].concat();
        let root = BigUint::from_bytes_be(&forged).cbrt();
        assert_eq!((&root * &root * &root).to_bytes_be()[..60], forged[1..61], "begins as wanted");
        let signature = [vec![0; octets - root.to_bytes_be().len()], root.to_bytes_be()].concat();
        assert!(!key.holds_here(8, b"data", &signature));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        /// Short keys, and those with the longest exponent of both kinds.
        #[test]
        fn what_was_signed_holds_and_nothing_else(
            seed in any::<u64>(),
            long in any::<bool>(),
            algorithm in proptest::sample::select(vec![5_u8, 7, 8]),
            data in proptest::collection::vec(any::<u8>(), 0..80),
            octet in any::<prop::sample::Index>(),
            mask in 1..=255_u8,
        ) {
            let bits = if long { 1024 } else { 512 + seed % 63 * 8 };
            let exponent = if seed % 3 == 0 { 0x1_0000_0001_u64 } else { 3 + seed % 7 * 2 };
            let exponent = BigUint::from(exponent);
            let (key, modulus, private) = pair(&seed.to_be_bytes(), bits, &exponent);
            let signature = sign(algorithm, &data, &modulus, &private);
            prop_assert!(key.holds(algorithm, &data, &signature));
            let mut bad = signature.clone();
            bad[octet.index(signature.len())] ^= mask;
            prop_assert!(!key.holds(algorithm, &data, &bad));
            prop_assert!(!key.holds(algorithm, &[&data[..], &[mask]].concat(), &signature));
            let other = if algorithm == 8 { 5 } else { 8 };
            prop_assert!(!key.holds(other, &data, &signature));
            // The same number in more octets, and another number with the same rest.
            prop_assert!(!key.holds(algorithm, &data, &[&[0][..], &signature].concat()));
            let next = (BigUint::from_bytes_be(&signature) + &modulus).to_bytes_be();
            prop_assert!(!key.holds(algorithm, &data, &next));
        }

        /// For keys that both take, this code and the library agree.
        #[test]
        fn the_library_agrees(
            data in proptest::collection::vec(any::<u8>(), 0..80),
            wide in any::<bool>(),
            octet in any::<prop::sample::Index>(),
            mask in any::<u8>(),
        ) {
            let (pair, key) = theirs();
            let (padding, algorithm) =
                if wide { (&signature::RSA_PKCS1_SHA512, 10) } else { (&signature::RSA_PKCS1_SHA256, 8) };
            let mut made = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &SystemRandom::new(), &data, &mut made).expect("signed");
            made[octet.index(256)] ^= mask;
            prop_assert_eq!(key.holds(algorithm, &data, &made), mask == 0);
            prop_assert_eq!(key.holds_here(algorithm, &data, &made), mask == 0);
        }
    }
}
