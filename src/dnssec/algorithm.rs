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

/// RFC 3110 §2: the length of the exponent in one octet, or a zero and two; the exponent; the modulus.
fn rsa_holds(algorithm: u8, public: &[u8], data: &[u8], signature: &[u8]) -> bool {
    let split = match public {
        [0, high, low, rest @ ..] => rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low]))),
        [length, rest @ ..] => rest.split_at_checked(usize::from(*length)),
        [] => None,
    };
    let Some((exponent, modulus)) = split else { return false };
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
