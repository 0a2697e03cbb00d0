//! Algorithms and digests: which are verified here, and the calls that do it.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

/// Whether signatures of this algorithm (IANA "DNS Security Algorithm Numbers") are verified.
///
/// RFC 9905 lets a validator treat the two algorithms with SHA-1 as unsupported; `sha1` says that it does not.
pub(super) fn verifies(algorithm: u8, sha1: bool) -> bool {
    match algorithm {
        5 | 7 => sha1,
        8 | 10 | 13 | 14 | 15 => true,
        _ => false,
    }
}

/// Whether DS digests of this type (IANA "Digest Algorithms") are compared.
pub(super) fn compares(digest_type: u8, sha1: bool) -> bool {
    match digest_type {
        1 => sha1,
        2 | 4 => true,
        _ => false,
    }
}

/// Whether `signature` over `data` was made with the private half of `public`. False for everything that cannot
/// be read, and for algorithms that are not verified here.
pub(super) fn holds(algorithm: u8, public: &[u8], data: &[u8], signature: &[u8]) -> bool {
    match algorithm {
        5 | 7 | 8 | 10 => rsa_holds(algorithm, public, data, signature),
        // RFC 6605 §4: the key is the uncompressed point without the octet that says so.
        13 | 14 => {
            let scheme = if algorithm == 13 { &ECDSA_P256_SHA256_FIXED } else { &ECDSA_P384_SHA384_FIXED };
            let point = [&[4], public].concat();
            UnparsedPublicKey::new(scheme, point).verify(data, signature).is_ok()
        }
        // RFC 8080 §3.
        15 => UnparsedPublicKey::new(&ED25519, public).verify(data, signature).is_ok(),
        _ => false,
    }
}

/// Whether this is an RSA key shorter than the library verifies with, which anybody can break (RFC 8624 leaves sizes
/// to the validator).
pub(super) fn is_weak(algorithm: u8, public: &[u8]) -> bool {
    let is_rsa = matches!(algorithm, 5 | 7 | 8 | 10);
    is_rsa && rsa_parts(public).is_some_and(|(_, modulus)| modulus.len() < LEAST_MODULUS)
}

/// Octets of the shortest RSA modulus.
const LEAST_MODULUS: usize = 1024 / 8;

/// Exponent and modulus (RFC 3110 §2): the length of the exponent in one octet, or a zero and two, comes first.
fn rsa_parts(public: &[u8]) -> Option<(&[u8], &[u8])> {
    match public {
        [0, high, low, rest @ ..] => rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low]))),
        [length, rest @ ..] => rest.split_at_checked(usize::from(*length)),
        [] => None,
    }
}

fn rsa_holds(algorithm: u8, public: &[u8], data: &[u8], signature: &[u8]) -> bool {
    let Some((exponent, modulus)) = rsa_parts(public) else { return false };
    // Leading zeros are not allowed, yet harmless; the library wants none.
    let bare = |octets: &[u8]| octets.iter().copied().skip_while(|octet| *octet == 0).collect::<Vec<u8>>();
    let key = RsaPublicKeyComponents { n: bare(modulus), e: bare(exponent) };
    let scheme = match algorithm {
        8 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        10 => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        _ => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    };
    key.verify(scheme, data, signature).is_ok()
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
    use data_encoding::BASE64;

    use super::*;

    /// RFC 5702 §6.1 has a key of 512 bits, §6.2 one of 1024.
    #[test]
    fn short_rsa_keys_are_weak() {
        let short = "AwEAAcFcGsaxxdgiuuGmCkVImy4h99CqT7jwY3pexPGcnUFtR2Fh36BponcwtkZ4cAgtvd4Qs8PkxUdp6p/DlUmObdk=";
        let short = BASE64.decode(short.as_bytes()).unwrap();
        assert!(is_weak(8, &short) && !is_weak(13, &short));
        let long = [&[3, 1, 0, 1][..], &[0xff; 128]].concat();
        assert!(!is_weak(8, &long) && !is_weak(8, &[]));
    }
}
