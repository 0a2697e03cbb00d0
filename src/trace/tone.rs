//! What kind of news an event is.

use std::fmt;

use serde::Serialize;

use super::event::{Event, Verdict};
use super::proof::{Judged, Proof};

/// What kind of news an event is, for marks and colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Something begins.
    Heading,
    /// Somebody is asked.
    Asked,
    /// As it should be.
    Good,
    /// Known already.
    Cache,
    /// Not as it should be, and no harm done.
    Odd,
    /// This does not lead to an answer.
    Bad,
}

/// The same word as in JSON.
impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Event {
    /// What kind of news it is.
    #[must_use]
    pub fn tone(&self) -> Tone {
        match self {
            Self::Goal { .. } | Self::Refresh { .. } | Self::Detour { .. } | Self::Dns64 { .. } => Tone::Heading,
            Self::FromCache { .. } | Self::Ready { .. } | Self::Inferred { .. } => Tone::Cache,
            Self::Entered { .. } | Self::Asked { .. } | Self::Joined { .. } | Self::Routed { .. } => Tone::Asked,
            Self::Heard { verdict: Verdict::Wrong(_) | Verdict::AliasLoop { .. } | Verdict::TooLong, .. } => Tone::Bad,
            Self::Ended { edes, .. } if edes.is_empty() => Tone::Good,
            Self::LimitReached { limit, .. } if limit.is_cut() => Tone::Odd,
            Self::NotAsked { .. }
            | Self::Proved { proof: Proof::Insecure { .. } }
            | Self::Judged { judged: Judged::Insecure }
            | Self::Sentinel { .. }
            | Self::Withheld { .. }
            | Self::SetAside { .. }
            | Self::Stale { .. }
            | Self::Overdue { .. }
            | Self::Late { .. }
            | Self::Patient { .. }
            | Self::Explained { .. }
            | Self::Ignored { .. }
            | Self::Damaged { .. }
            | Self::Dropped { .. }
            | Self::FellBack { .. }
            | Self::Requeried { .. }
            | Self::LedAstray { .. }
            | Self::ListForgotten { .. }
            | Self::AskedAnew { .. }
            | Self::AskedByName { .. }
            | Self::Doubted { .. }
            | Self::NoAddress { .. } => Tone::Odd,
            Self::Heard { .. }
            | Self::LastResort { .. }
            | Self::Identified { .. }
            | Self::Proved { .. }
            | Self::Judged { judged: Judged::Secure } => Tone::Good,
            Self::Ended { .. }
            | Self::Judged { judged: Judged::Bogus { .. } }
            | Self::Lost { .. }
            | Self::Cycle { .. }
            | Self::AliasLoop { .. }
            | Self::LimitReached { .. } => Tone::Bad,
        }
    }
}
