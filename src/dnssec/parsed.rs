//! Public keys as the library of primitives has them, so that those that vouch for much are read once.
//!
//! To read a key takes a fortieth of a verification with ECDSA, and an eighth of one with RSA, whose arithmetic has to
//! be prepared for each modulus.

use std::cell::RefCell;
use std::num::NonZeroUsize;

use aws_lc_rs::signature::ParsedPublicKey;
use lru::LruCache;

/// Keys that each thread has: those of the root and of the top-level domains, which are used for every name below them,
/// beside those of the zones that are looked at just now. A kilobyte each.
const MOST: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// By their octets, with the algorithm that they were read for.
type Keys = LruCache<Box<[u8]>, (u8, ParsedPublicKey)>;

thread_local! {
    static READ: RefCell<Keys> = RefCell::new(LruCache::new(MOST));
}

/// Whether `signature` over `data` was made with the private half of the key `public` of this `algorithm`, which `read`
/// reads unless this thread has it.
pub(super) fn holds(
    (algorithm, public): (u8, &[u8]),
    (data, signature): (&[u8], &[u8]),
    read: impl FnOnce() -> Option<ParsedPublicKey>,
) -> bool {
    READ.with_borrow_mut(|known| {
        if let Some((_, key)) = known.get(public).filter(|(of, _)| *of == algorithm) {
            return key.verify_sig(data, signature).is_ok();
        }
        let Some(key) = read() else { return false };
        let holds = key.verify_sig(data, signature).is_ok();
        // What was never used well is not worth a place.
        if holds {
            known.put(public.into(), (algorithm, key));
        }
        holds
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _};

    use super::*;

    /// A key that was used well is read once, for its algorithm; one that was not has no place.
    #[test]
    fn a_key_is_read_once() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[21; 32]).unwrap();
        let (public, signature) = (pair.public_key().as_ref(), pair.sign(b"data"));
        let mut reads = 0;
        let mut tried = |algorithm, data: &[u8]| {
            let read = || {
                reads += 1;
                ParsedPublicKey::new(&ED25519, public).ok()
            };
            (holds((algorithm, public), (data, signature.as_ref()), read), reads)
        };
        assert_eq!([tried(15, b"other"), tried(15, b"data")], [(false, 1), (true, 2)]);
        assert_eq!([tried(15, b"data"), tried(15, b"other")], [(true, 2), (false, 2)]);
        assert_eq!(tried(16, b"data"), (true, 3));
    }
}
