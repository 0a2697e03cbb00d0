//! Chance as a parameter: seeded by the caller, so that the same seed gives the same walk.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::wire::Question;

/// A cryptographically strong generator (it also chooses the case of names, which a forger must not guess).
#[derive(Debug)]
pub struct Dice(StdRng);

impl Dice {
    /// For tests and the simulator: the same seed gives the same throws.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// With 32 octets of entropy, from the operating system in production.
    #[must_use]
    pub fn from_entropy(seed: [u8; 32]) -> Self {
        Self(StdRng::from_seed(seed))
    }

    /// A number from 0 to `limit` - 1; 0 when `limit` is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { self.0.random_range(0..limit) }
    }

    /// True in one of `n` throws.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.0.random_range(0..n.max(1)) == 0
    }

    /// The question in a case that nobody can guess.
    pub(super) fn mix_case(&mut self, question: &Question) -> Question {
        Question { name: question.name.with_case(self.bits()), ..question.clone() }
    }

    /// 128 random bits.
    pub fn bits(&mut self) -> u128 {
        self.0.random()
    }
}
