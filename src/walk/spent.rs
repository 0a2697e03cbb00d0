//! What becomes of a walk, or of one of its goals, at a limit.

use std::net::IpAddr;

use crate::trace::{Event, GoalId, Limit, Offline, ServerAt};

use super::goal::State;
use super::outcome::Failure;
use super::pending::Pending;
use super::{CLIENT, Turn, Walk};

impl Walk {
    /// Takes a query out of the budget; false where it may not leave. What is on its way may still bring the answer.
    pub(super) fn spend_query(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        match self.budget.spend_query(&turn.around.settings.limits, turn.now) {
            Ok(()) => return true,
            Err(Limit::Queries) => self.starved = true,
            Err(limit) => self.over_limit(CLIENT, limit, turn),
        }
        false
    }

    /// A limit ends a goal; at that of queries to one zone a fallback is gone to where there is one.
    pub(super) fn over_limit(&mut self, id: GoalId, limit: Limit, turn: &mut Turn<'_, '_>) {
        let value = turn.around.settings.limits.value(limit);
        if !matches!(self.goal(id).state, State::Done(_)) {
            self.note(turn, id, Event::LimitReached { limit, value });
            if limit == Limit::QueriesPerStep && self.has_fallback(id, turn) {
                return self.no_server_left(id, turn);
            }
            self.learn_dead(id, turn);
            let mut silent: Vec<ServerAt> = Vec::new();
            let waits = |pending: &&Pending| match limit {
                Limit::Time | Limit::Queries => true,
                Limit::QueriesPerStep => pending.serves(id),
                _ => false,
            };
            for pending in self.pending.iter().filter(waits) {
                if !silent.contains(&pending.server) {
                    silent.push(pending.server.clone());
                }
            }
            let offline = if self.budget.bytes() == 0 && !silent.is_empty() {
                Some(Offline::Silence)
            } else {
                self.meets_impostors(id, turn).then_some(Offline::Impostors)
            };
            self.fail(id, Failure::OutOfBudget { limit, value, silent, offline }, turn);
        }
    }

    /// Whether it asks the root, and a server of the root did not serve it.
    fn meets_impostors(&mut self, id: GoalId, turn: &Turn<'_, '_>) -> bool {
        let Some(at) = self.goal(id).at().filter(|at| at.cut.zone.is_root() && at.route.is_none()) else {
            return false;
        };
        let lame = |addr: &IpAddr| turn.around.servers.state(*addr, turn.now).lame_for(&at.cut.zone);
        at.cut.servers.iter().any(|server| server.addrs.iter().any(lame))
    }
}
