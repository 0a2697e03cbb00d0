//! Why a question has no answer: the sentence that says who is at fault, and its extended error.

use std::fmt;

use crate::wire::{Ede, Name, ede};

use super::bogus::Bogus;
use super::limit::Limit;
use super::source::ServerAt;
use super::why::{Unreachable, Wrong};

/// Most servers that a sentence names; the trace names all.
const NAMED: usize = 3;

/// What is asked when nobody at all has answered.
const CONNECTED: &str = "; is this machine connected, and may it ask on port 53?";

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Every server of the zone misbehaved or could not be reached.
    Servers {
        /// The zone.
        zone: Name,
        /// Each server with its fault.
        problems: Vec<(ServerAt, Wrong)>,
    },
    /// No server of the zone has an address that may be asked.
    NoAddress {
        /// The zone.
        zone: Name,
        /// Its servers.
        servers: Vec<Name>,
        /// The limit at which no more of them were looked up, with its value.
        limit: Option<(Limit, u64)>,
    },
    /// The address of a server depends on itself (TsuNAME).
    Cycle {
        /// The server.
        name: Name,
        /// The zone that it should serve.
        zone: Name,
    },
    /// The walk would have cost too much.
    OutOfBudget {
        /// The limit.
        limit: Limit,
        /// Its value.
        value: u64,
        /// The servers that had still not answered, where time was the limit.
        silent: Vec<ServerAt>,
        /// Whether anything had come from anybody.
        heard: bool,
    },
    /// Aliases that lead back to themselves.
    AliasLoop {
        /// The name that came a second time.
        name: Name,
    },
    /// The program stopped working on it.
    Abandoned,
    /// Too many questions are being looked up; this one was not begun.
    Busy {
        /// How many may be.
        walks: usize,
    },
    /// The answer should be provable and is not.
    Bogus {
        /// What is wrong with it.
        reason: Bogus,
        /// Who was asked for what is wrong, if that is one server.
        from: Option<ServerAt>,
        /// Why the keys could not be had, if that is it.
        because: Vec<Ede>,
    },
    /// The question failed a moment ago and is not tried again yet (RFC 9520).
    Remembered {
        /// What it failed of then.
        edes: Vec<Ede>,
    },
}

impl Failure {
    /// The extended errors: one `match`, so that every failure has its code.
    #[must_use]
    pub fn edes(&self) -> Vec<Ede> {
        let text = self.to_string();
        match self {
            Self::Servers { problems, .. } => {
                let mut edes = vec![Ede::new(ede::NO_REACHABLE_AUTHORITY, text.as_str())];
                let silent = |wrong: &Wrong| matches!(wrong, Wrong::Unreachable { how: Unreachable::Timeout, .. });
                if problems.iter().all(|(_, wrong)| silent(wrong)) {
                    edes.push(Ede::new(ede::NETWORK_ERROR, "none of them answered in time"));
                }
                edes
            }
            Self::NoAddress { .. } | Self::Cycle { .. } | Self::OutOfBudget { limit: Limit::Time, .. } => {
                vec![Ede::new(ede::NO_REACHABLE_AUTHORITY, text.as_str())]
            }
            Self::OutOfBudget { .. } | Self::AliasLoop { .. } | Self::Abandoned | Self::Busy { .. } => {
                vec![Ede::new(ede::OTHER, text.as_str())]
            }
            Self::Bogus { reason, from, because } => {
                std::iter::once(reason.ede(from.as_ref())).chain(because.iter().cloned()).collect()
            }
            Self::Remembered { edes } => {
                let mut all = edes.clone();
                all.push(Ede::new(ede::CACHED_ERROR, text.as_str()));
                all
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers { zone, problems } => {
                write!(f, "no server of {zone} gave an answer: ")?;
                for (nth, (server, wrong)) in problems.iter().take(NAMED).enumerate() {
                    write!(f, "{}{server} {wrong}", if nth == 0 { "" } else { "; " })?;
                }
                if let more @ 1.. = problems.len().saturating_sub(NAMED) {
                    let alike = problems.windows(2).all(|pair| pair[0].1 == pair[1].1);
                    write!(f, "; and {more} more{}", if alike { " likewise" } else { "" })?;
                }
                // The servers of the root are never all down: it is nearer that something is wrong.
                let away = |(server, wrong): &(ServerAt, Wrong)| {
                    server.port.is_none() && matches!(wrong, Wrong::Unreachable { .. })
                };
                f.write_str(if zone.is_root() && problems.iter().all(away) { CONNECTED } else { "" })
            }
            Self::NoAddress { zone, servers, limit } => {
                write!(f, "no usable address is known for the servers of {zone}:")?;
                servers.iter().take(NAMED).try_for_each(|name| write!(f, " {name}"))?;
                let Some((limit, value)) = limit else { return Ok(()) };
                write!(f, "; given up at the limit of {value} {limit}")
            }
            Self::Cycle { name, zone } => write!(f, "the address of {name}, a server of {zone}, depends on itself"),
            Self::OutOfBudget { limit, value, silent, heard } => {
                write!(f, "given up at the limit of {value} {limit}")?;
                for (nth, server) in silent.iter().take(NAMED).enumerate() {
                    write!(f, "{}{server}", if nth == 0 { "; nothing came from " } else { ", " })?;
                }
                if let more @ 1.. = silent.len().saturating_sub(NAMED) {
                    write!(f, " and {more} more")?;
                }
                f.write_str(if *heard || silent.is_empty() { "" } else { CONNECTED })
            }
            Self::AliasLoop { name } => write!(f, "the aliases lead back to {name}"),
            Self::Abandoned => f.write_str("the resolver was stopped before it had an answer"),
            Self::Busy { walks } => write!(f, "{walks} questions are being looked up already; ask again"),
            Self::Bogus { reason, .. } => write!(f, "{reason}"),
            Self::Remembered { .. } => f.write_str("this failed a moment ago and is not tried again yet"),
        }
    }
}
