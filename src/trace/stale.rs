//! Why an answer is served although its time is over (RFC 8767).

use std::fmt;

use serde::Serialize;

/// What was served stale, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stale {
    /// Seconds since its time was over.
    pub expired_secs: u64,
    /// Why there was no better answer.
    pub why: StaleWhy,
}

/// Why an answer was served although its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StaleWhy {
    /// No new one could be had.
    Failed {
        /// Seconds until that is tried again.
        again_secs: u64,
    },
    /// The new one cannot be believed, and the old one could when it was learned.
    Bogus {
        /// Seconds until that is tried again.
        again_secs: u64,
    },
    /// The client has waited long enough; the search goes on.
    Slow {
        /// Milliseconds after which nobody is kept waiting.
        after_ms: u64,
    },
    /// Nobody is kept waiting; the search has begun.
    AtOnce,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.expired_secs;
        match self.why {
            StaleWhy::Failed { again_secs } => {
                write!(f, "expired {secs} s before no new answer could be had, tried again after {again_secs} s")
            }
            StaleWhy::Bogus { again_secs } => {
                write!(
                    f,
                    "expired {secs} s before the new answer turned out to be bogus, tried again after {again_secs} s"
                )
            }
            StaleWhy::Slow { after_ms } => {
                write!(f, "expired {secs} s ago, a new answer takes longer than {after_ms} ms and is still looked for")
            }
            StaleWhy::AtOnce => write!(f, "expired {secs} s ago, a new answer is being looked for"),
        }
    }
}
