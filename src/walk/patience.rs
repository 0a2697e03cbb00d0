//! How long servers and forwarders may take before somebody else is asked as well, or they are in another way.

use std::time::Duration;

use crate::cache::{Doubt, ServerState, Support};
use crate::trace::{AskWhy, GoalId, ServerAt, Transport};

use super::at_zone::Attempt;
use super::limits::CLIENT_PATIENCE;
use super::pending::How;
use super::{Turn, Walk};

/// A TCP connection takes a round trip more, somebody on the way may be slow to refuse it, and when its first segment
/// is lost the system sends another one after a second (RFC 6298 §2.1).
const TCP_LEAST: Duration = Duration::from_millis(1200);
/// The longest patience over TCP.
const TCP_MOST: Duration = Duration::from_secs(3);
/// The longest patience with a server that has never answered: its replies still count when they are late.
const NEVER_HEARD_MOST: Duration = Duration::from_millis(400);
/// Silent asks in a row, of any of a zone's servers, from which on one of them is asked over TCP beside those that go
/// on over UDP: with thirteen servers the time is over before each had its three tries (RFC 9520 §3.1).
const SILENCES: u32 = 3;
/// The least patience with a forwarder: it may have to ask several servers itself, and then be as slow as all of them.
/// It need not be more: who is asked once more, or beside it, takes nothing from it, as its reply is used until the
/// client's patience is over. By then all of them have to have had their tries, and those who answer over TCP alone the
/// time to look the name up.
const FORWARD_LEAST: Duration = Duration::from_secs(1);
/// The most patience over UDP with one that has several tries, where something has come from it over UDP and is known
/// to take longer. It is also the least with one that gets a single try: nobody listens to it any more once the
/// fallback is asked in its place, or once it was silent so often before.
const FORWARD_LONG: Duration = Duration::from_millis(1500);
/// Silent asks in a row from which on forwarders are asked over TCP as well, all at once: that is when each was asked,
/// or the only one twice.
const FORWARD_SILENCES: u32 = 2;

impl Walk {
    /// How long a server may take before another one is asked as well. The silence of forwarders ends when the client's
    /// patience does, or, for those who are asked late, when a reply would have come as far as one knows.
    pub(super) fn patience_with(
        &mut self,
        id: GoalId,
        server: &ServerAt,
        state: &ServerState,
        how: How,
        attempt: Attempt,
        turn: &Turn<'_, '_>,
    ) -> Duration {
        // Who is late is heard all the same: where all others have failed outright, nobody gains by longer waits.
        let is_last = self.goal(id).at().is_some_and(|at| at.is_last(server));
        let calm = is_last.then(|| ServerState { silences: 0, ..state.clone() });
        let state = calm.as_ref().unwrap_or(state);
        let usual = usual_patience(state, how, attempt);
        if !self.goal(id).is_forwarded() {
            // Who has been silent is waited for longer each time, but not while there is a fallback.
            let most = match how.transport {
                Transport::Udp => NEVER_HEARD_MOST.max(3 * state.srtt.unwrap_or_default()),
                Transport::Tcp => TCP_LEAST,
            };
            return if self.has_fallback(id, turn) { usual.min(most) } else { usual };
        }
        let (once, rested) =
            self.goal(id).at().map_or((false, false), |at| (at.is_asked_once(), at.tried(server).rested));
        let patience = match (how.transport, state.udp) {
            _ if once || rested => usual.max(FORWARD_LONG),
            (Transport::Tcp, _) => usual.max(FORWARD_LEAST),
            (Transport::Udp, Support::Yes) => usual.clamp(FORWARD_LEAST, FORWARD_LONG),
            (Transport::Udp, _) => FORWARD_LEAST,
        };
        let (now, until) = (turn.now, self.budget.patient_until());
        // Whoever is asked in another way because of what came is not silent.
        let is_silent = matches!(how.why, AskWhy::Forwarded | AskWhy::TcpAfterSilence | AskWhy::TcpAsBefore);
        if !is_silent || now + patience < until {
            return patience;
        }
        if once {
            return if until > now { until - now } else { patience };
        }
        // Nobody is asked after this one, so it takes nothing from anybody to hear out who was asked first.
        let asked = self.pending.iter().filter(|pending| pending.serves(id)).min_by_key(|pending| pending.sent);
        let (addr, sent) = asked.map_or((server.addr, now), |asked| (asked.server.addr, asked.sent));
        let takes = turn.around.servers.state(addr, now).takes().unwrap_or_default();
        let until = until.max(sent + takes.clamp(FORWARD_LEAST, CLIENT_PATIENCE));
        if until > now { until - now } else { patience }
    }

    /// Whether forwarders have been silent for as long as the client waits: what is asked from now on is nothing to it.
    pub(super) fn is_too_late(&self, id: GoalId, turn: &Turn<'_, '_>) -> bool {
        let is_asked = || self.pending.iter().any(|pending| pending.serves(id));
        turn.now >= self.budget.patient_until() && self.goals[id.0 as usize].is_forwarded() && is_asked()
    }

    /// Whether so many asks in a row were silent that servers are asked over TCP as well.
    pub(super) fn is_time_for_tcp(&mut self, id: GoalId, turn: &Turn<'_, '_>) -> bool {
        let hurries = self.goal(id).is_forwarded() || self.has_fallback(id, turn);
        let most = if hurries { FORWARD_SILENCES } else { SILENCES };
        self.goal(id).at().is_some_and(|at| at.silences() >= most)
    }
}

/// The same of a server that is no forwarder.
fn usual_patience(state: &ServerState, how: How, Attempt { nth, doubt, has_more }: Attempt) -> Duration {
    match (state.srtt, how.transport) {
        (_, Transport::Udp) if doubt == Doubt::Dead => state.short_patience(nth),
        (Some(_), Transport::Udp) => state.patience(),
        // It was not to be had over TCP a while ago, so that little hope is left. A connection takes a round trip more.
        (Some(srtt), Transport::Tcp) if state.tcp == Support::No => {
            (state.patience() * 2).min((TCP_LEAST / 3).max(3 * srtt))
        }
        // Packets get lost: a new connection is sooner there than what the system repeats, unless it is the last.
        (Some(_), Transport::Tcp) if has_more => (state.patience() * 2).clamp(TCP_LEAST / 3, TCP_MOST / 2),
        (Some(_), Transport::Tcp) if how.why == AskWhy::TcpAfterSilence => TCP_LEAST,
        (Some(_), Transport::Tcp) => (state.patience() * 3).clamp(TCP_LEAST, TCP_MOST),
        // A server that never answered is probably dead: clients wait 5 s, so all of a zone's servers have to
        // have had their turns by then.
        (None, Transport::Udp) => state.patience().min(NEVER_HEARD_MOST),
        (None, Transport::Tcp) => TCP_LEAST,
    }
}
