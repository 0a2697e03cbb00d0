//! What was seen of a server, and for how long that counts.

use super::pace::LIFE_SECS;
use crate::time::Time;

/// Whether a server understands something, as far as it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Support {
    /// Not seen within the last 15 minutes.
    #[default]
    Unknown,
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// What was seen, and when; the default of `T` is that nothing was.
#[derive(Clone, Default)]
pub(super) struct Seen<T> {
    what: T,
    at: Time,
}

impl<T: Clone + Default> Seen<T> {
    pub(super) fn new(what: T, at: Time) -> Self {
        Self { what, at }
    }

    /// What of it still counts.
    pub(super) fn at(&self, now: Time) -> T {
        if now < self.at.plus_secs(LIFE_SECS) { self.what.clone() } else { T::default() }
    }
}
