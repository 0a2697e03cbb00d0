//! Signatures that were found to hold, so that they are not verified again.
//!
//! Whether a signature holds depends on nothing but its octets, and those of the key and of the data: a pure function,
//! of which this is the memory. The NSEC3 record that covers a thousand unsigned zones below a TLD is verified once and
//! not a thousand times, and an answer that is concluded from what was proved before (RFC 8198) costs no verification.
//! What is remembered is a digest: whoever wanted a false signature to count would have to find another input to
//! SHA-256 with the same 256 bits. Failures are not remembered: they are counted against the limits (KeyTrap).

use std::sync::LazyLock;

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use parking_lot::Mutex;

/// Signatures remembered, each in the place that its digest says: 2 MiB when all are in use.
const PLACES: usize = 1 << 16;

type Digest = [u8; SHA256_OUTPUT_LEN];

static HELD: LazyLock<Mutex<Box<[Digest]>>> =
    LazyLock::new(|| Mutex::new(vec![[0; SHA256_OUTPUT_LEN]; PLACES].into_boxed_slice()));

/// One signature with its key and its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim(Digest);

impl Claim {
    pub(super) fn new(algorithm: u8, public: &[u8], data: &[u8], signature: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&[algorithm]);
        // With their lengths, so that no octet can move from one part to the next.
        for part in [public, signature, data] {
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut digest = Digest::default();
        digest.copy_from_slice(context.finish().as_ref());
        Self(digest)
    }

    /// Whether it is known to hold.
    pub(super) fn is_known(&self) -> bool {
        HELD.lock()[self.place()] == self.0
    }

    /// Remembers that it holds.
    pub(super) fn holds(&self) {
        let place = self.place();
        HELD.lock()[place] = self.0;
    }

    fn place(&self) -> usize {
        usize::from(self.0[0]) << 8 | usize::from(self.0[1])
    }
}

#[cfg(test)]
mod tests {
    use super::Claim;

    #[test]
    fn what_holds_is_known_and_nothing_else_is() {
        let claim = |algorithm, parts: [&str; 3]| {
            let [public, signature, data] = parts.map(str::as_bytes);
            Claim::new(algorithm, public, data, signature)
        };
        let all = ["key of this test", "signature", "data"];
        assert!(!claim(13, all).is_known());
        claim(13, all).holds();
        assert!(claim(13, all).is_known() && !claim(14, all).is_known());
        // The same octets, parted elsewhere, and others.
        let whole = all.concat();
        for (first, second) in
            (0..=whole.len()).flat_map(|first| (first..=whole.len()).map(move |second| (first, second)))
        {
            let parts = [&whole[..first], &whole[first..second], &whole[second..]];
            assert_eq!(claim(13, parts).is_known(), parts == all, "{parts:?}");
        }
        for nth in 0..3 {
            let mut other = all;
            other[nth] = "other";
            assert!(!claim(13, other).is_known());
        }
    }
}
