//! What was seen of a server, and for how long that counts.

use serde::Serialize;

use super::pace::LIFE_SECS;
use crate::time::Time;

/// Whether a server understands something, as far as it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Support {
    /// Not seen within the last 15 minutes.
    #[default]
    Unknown,
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// Whether something worked, and when that was seen.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen(Option<(bool, Time)>);

impl Seen {
    pub(super) fn new(works: bool, now: Time) -> Self {
        Self(Some((works, now)))
    }

    pub(super) fn at(self, now: Time) -> Support {
        match self.0 {
            Some((true, seen)) if now < seen.plus_secs(LIFE_SECS) => Support::Yes,
            Some((false, seen)) if now < seen.plus_secs(LIFE_SECS) => Support::No,
            _ => Support::Unknown,
        }
    }
}
