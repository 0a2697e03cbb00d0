//! Why a question has no answer: the sentence that says who is at fault, and its extended error.

use std::fmt;

use crate::wire::{Ede, Name, ede};

use super::bogus::Bogus;
use super::lack::Lack;
use super::limit::Limit;
use super::source::ServerAt;
use super::why::{RouteKind, Unreachable};
use super::words::Few;
use super::wrong::Wrong;

/// Most servers that a sentence names; the trace names all.
const NAMED: usize = 3;

/// Why it looks as if the Internet cannot be asked from here. It is a question, as nobody can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offline {
    /// Nothing at all came. The servers of the root are never all down.
    Silence,
    /// Who answered for servers of the root does not serve it, as a resolver that all questions are led to.
    Impostors,
}

impl fmt::Display for Offline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silence => "is this machine connected, and may it ask on port 53?",
            Self::Impostors => "does somebody on the way answer in the place of the servers of the root?",
        })
    }
}

impl Unreachable {
    /// Whether nothing was sent, for a reason that lies here: that says nothing of the server.
    #[must_use]
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Forbidden | Self::Local | Self::OutOfFiles | Self::NoPort | Self::Crowded)
    }
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Every server of the zone misbehaved or could not be reached.
    Servers {
        /// The zone.
        zone: Name,
        /// What they are, where the operator names them.
        named: Option<RouteKind>,
        /// Each server with its fault.
        problems: Vec<(ServerAt, Wrong)>,
        /// Those that could not be asked, as they have no address.
        lacking: Vec<(Name, Lack)>,
    },
    /// No server of the zone has an address that may be asked.
    NoAddress {
        /// The zone.
        zone: Name,
        /// Its servers, each with the reason.
        servers: Vec<(Name, Lack)>,
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
        /// The servers that had not answered, where time or queries to servers were the limit.
        silent: Vec<ServerAt>,
        /// What seems to be wrong with this machine's way to the servers, if it is that.
        offline: Option<Offline>,
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
        /// Whether that was what the servers say.
        is_told: bool,
    },
}

impl Failure {
    /// Whether it is what the servers say, which may be bogus: aliases that lead nowhere.
    #[must_use]
    pub fn is_told(&self) -> bool {
        matches!(self, Self::AliasLoop { .. } | Self::OutOfBudget { limit: Limit::CnameLinks, .. })
    }

    /// The same, of a failure that is remembered as well: what was told then holds for others, and is not proved again.
    #[must_use]
    pub fn was_told(&self) -> bool {
        matches!(self, Self::Remembered { is_told: true, .. }) || self.is_told()
    }

    /// Whether all servers that were asked were heard, and none has an answer: that is so whoever asks, and when.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        let is_silent = |(_, wrong): &(ServerAt, Wrong)| match wrong {
            Wrong::Unreachable { how, .. } => {
                matches!(how, Unreachable::Timeout | Unreachable::NoRoute) || how.is_ours()
            }
            _ => wrong.is_left_alone(),
        };
        matches!(self, Self::Servers { problems, .. } if !problems.is_empty() && !problems.iter().any(is_silent))
    }

    /// The extended errors: one `match`, so that every failure has its code.
    #[must_use]
    pub fn edes(&self) -> Vec<Ede> {
        let text = self.to_string();
        match self {
            Self::Servers { problems, .. } => {
                let mut edes = vec![Ede::new(ede::NO_REACHABLE_AUTHORITY, text.as_str())];
                if problems.iter().all(|(_, wrong)| wrong.is_silence()) {
                    edes.push(Ede::new(ede::NETWORK_ERROR, "none of them answered in time"));
                }
                edes
            }
            Self::NoAddress { .. } | Self::Cycle { .. } | Self::OutOfBudget { limit: Limit::Time, .. } => {
                vec![Ede::new(ede::NO_REACHABLE_AUTHORITY, text.as_str())]
            }
            Self::OutOfBudget { silent, .. } if !silent.is_empty() => {
                vec![Ede::new(ede::NO_REACHABLE_AUTHORITY, text.as_str())]
            }
            Self::OutOfBudget { .. } | Self::AliasLoop { .. } | Self::Abandoned | Self::Busy { .. } => {
                vec![Ede::new(ede::OTHER, text.as_str())]
            }
            Self::Bogus { reason, from, because } => {
                std::iter::once(reason.ede(from.as_ref())).chain(because.iter().cloned()).collect()
            }
            Self::Remembered { edes, .. } => {
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
            Self::Servers { zone, named, problems, lacking } => {
                match named {
                    Some(RouteKind::Forward) => write!(f, "no forwarder that the configuration has for {zone}")?,
                    Some(RouteKind::Stub) => write!(f, "no server that the configuration has for {zone}")?,
                    Some(RouteKind::LocalRoot) | None => write!(f, "no server of {zone}")?,
                }
                f.write_str(" gave an answer: ")?;
                let servers = by_server(problems);
                for (nth, (server, faults)) in servers.iter().take(NAMED).enumerate() {
                    write!(f, "{}{server} ", if nth == 0 { "" } else { "; " })?;
                    told(f, faults)?;
                }
                if let more @ 1.. = servers.len().saturating_sub(NAMED) {
                    let alike = servers.windows(2).all(|pair| pair[0].1 == pair[1].1);
                    write!(f, "; and {more} more{}", if alike { " likewise" } else { "" })?;
                }
                if !lacking.is_empty() {
                    write!(f, "; {}", Lacks(lacking))?;
                }
                let away = |(server, wrong): &(ServerAt, Wrong)| {
                    let away = match wrong {
                        Wrong::Unreachable { how, .. } => !how.is_ours(),
                        _ => wrong.is_left_alone(),
                    };
                    server.port.is_none() && away
                };
                match problems {
                    _ if !zone.is_root() => Ok(()),
                    all if all.iter().all(away) => write!(f, "; {}", Offline::Silence),
                    all if all.iter().any(|(_, wrong)| *wrong == Wrong::Recursive) => {
                        write!(f, "; {}", Offline::Impostors)
                    }
                    _ => Ok(()),
                }
            }
            Self::NoAddress { zone, servers, limit } => {
                write!(f, "no usable address is known for the servers of {zone}: {}", Lacks(servers))?;
                let Some((limit, value)) = limit else { return Ok(()) };
                write!(f, "; given up at the limit of {value} {limit}")
            }
            Self::Cycle { name, zone } => write!(f, "the address of {name}, a server of {zone}, depends on itself"),
            Self::OutOfBudget { limit, value, silent, offline } => {
                write!(f, "given up at the limit of {value} {limit}")?;
                if !silent.is_empty() {
                    write!(f, "; nothing came from {}", Few(silent, NAMED))?;
                }
                offline.iter().try_for_each(|offline| write!(f, "; {offline}"))
            }
            Self::AliasLoop { name } => write!(f, "the aliases lead back to {name}"),
            Self::Abandoned => f.write_str("the resolver was stopped before it had an answer"),
            Self::Busy { walks } => write!(f, "{walks} questions are being looked up already; ask again"),
            Self::Bogus { reason, .. } => write!(f, "{reason}"),
            Self::Remembered { .. } => f.write_str("this failed a moment ago and is not tried again yet"),
        }
    }
}

/// Servers without an address, those first that were tried.
struct Lacks<'a>(&'a [(Name, Lack)]);

impl fmt::Display for Lacks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (untried, tried): (Vec<_>, Vec<_>) = self.0.iter().partition(|(_, lack)| *lack == Lack::Untried);
        for (nth, (name, lack)) in tried.iter().chain(&untried).take(NAMED).enumerate() {
            write!(f, "{}{name} {lack}", if nth == 0 { "" } else { "; " })?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Each server once, with all its faults.
fn by_server(problems: &[(ServerAt, Wrong)]) -> Vec<(&ServerAt, Vec<&Wrong>)> {
    let mut servers: Vec<(&ServerAt, Vec<&Wrong>)> = Vec::new();
    for (server, wrong) in problems {
        match servers.iter_mut().find(|(known, _)| *known == server) {
            Some((_, faults)) if faults.contains(&wrong) => {}
            Some((_, faults)) => faults.push(wrong),
            None => servers.push((server, vec![wrong])),
        }
    }
    servers
}

/// The faults of one server in words.
fn told(f: &mut fmt::Formatter<'_>, faults: &[&Wrong]) -> fmt::Result {
    match faults {
        [Wrong::Unreachable { how, transport }, Wrong::Unreachable { how: again, transport: other }]
            if how == again =>
        {
            write!(f, "failed over {transport} and {other}: {how}")
        }
        [fault, more @ ..] => {
            write!(f, "{fault}")?;
            more.iter().try_for_each(|fault| write!(f, ", and {fault}"))
        }
        [] => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Transport::{self, Tcp, Udp};

    fn server(nth: u8) -> ServerAt {
        ServerAt::new(None, [192, 0, 2, nth].into(), None)
    }

    fn failed(nth: u8, transport: Transport, how: Unreachable) -> (ServerAt, Wrong) {
        (server(nth), Wrong::Unreachable { how, transport })
    }

    fn text(problems: Vec<(ServerAt, Wrong)>) -> String {
        let text = Failure::Servers { zone: "example.".parse().unwrap(), named: None, problems, lacking: Vec::new() }
            .to_string();
        text.strip_prefix("no server of example. gave an answer: ").unwrap().to_owned()
    }

    /// Only what servers have said is held against a name to which others lead.
    #[test]
    fn who_could_not_be_reached_was_not_heard() {
        use Unreachable::{NoRoute, Refused, Timeout};
        let said = || (server(1), Wrong::Rcode { rcode: "REFUSED".to_owned(), said: None });
        for (problems, is_heard) in [
            (vec![said()], true),
            (vec![said(), failed(2, Udp, Refused)], true),
            (vec![said(), failed(2, Udp, Timeout)], false),
            (vec![said(), failed(2, Udp, NoRoute)], false),
            (vec![failed(1, Udp, NoRoute)], false),
            (vec![], false),
        ] {
            let told = format!("{problems:?}");
            let failed =
                Failure::Servers { zone: "example.".parse().unwrap(), named: None, problems, lacking: Vec::new() };
            assert_eq!(failed.is_heard(), is_heard, "{told}");
        }
    }

    #[test]
    fn each_server_is_named_once_with_all_its_faults() {
        use Unreachable::{Refused, Timeout};
        let silent = |nth| [failed(nth, Udp, Timeout), failed(nth, Tcp, Timeout)];
        let mixed =
            [failed(1, Udp, Timeout), failed(2, Udp, Timeout), failed(1, Tcp, Timeout), failed(2, Tcp, Refused)];
        assert_eq!(
            text(mixed.to_vec()),
            "192.0.2.1 failed over UDP and TCP: it did not answer in time; 192.0.2.2 failed over UDP: it did not \
             answer in time, and failed over TCP: nothing listens there"
        );
        let all = text((1..=5).flat_map(silent).collect());
        assert!(
            all.ends_with("192.0.2.3 failed over UDP and TCP: it did not answer in time; and 2 more likewise"),
            "{all}"
        );
        let twice = text(vec![failed(1, Udp, Timeout), failed(1, Udp, Timeout)]);
        assert_eq!(twice, "192.0.2.1 failed over UDP: it did not answer in time");
    }
}
