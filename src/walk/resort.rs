//! What is left when no server of a zone has given an answer that could be used: other ways to ask them, and replies
//! with a fault for want of a better one.

use std::net::IpAddr;
use std::time::Duration;

use smallvec::SmallVec;

use crate::cache::{Doubt, Rank, Support};
use crate::time::as_ms;
use crate::trace::{AskWhy, ChoiceWhy, Event, GoalId, Lack, Limit, Purpose, ServerAt, Transport, Unreachable, Wrong};
use crate::wire::RecordType;

use super::at_zone::{AtZone, LastResort};
use super::dead::may_come;
use super::goal::{Goal, State};
use super::outcome::Failure;
use super::pending::{How, Pending};
use super::{CLIENT, Turn, Walk};

/// Servers of a zone that get a second chance after SERVFAIL or the end of a connection (after REFUSED one does):
/// enough for a moment's trouble; where a zone is broken for good, every question of a client costs its servers so many
/// more packets.
const SECOND_CHANCES: usize = 3;
/// How often those who listen to servers that may be slow look whether these have answered something else.
const LOOK_AGAIN: Duration = Duration::from_millis(400);
/// Servers that are asked over TCP at once when all were silent over UDP.
const TCP_AT_ONCE: usize = 3;

impl Walk {
    /// Nobody is left who could be asked as others are.
    pub(super) fn resort(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) {
        if !self.ask_failed(id, turn) && !self.ask_all_silent(id, turn) && !self.ask_plainly(id, turn) {
            self.no_server_left(id, turn);
        }
    }

    /// Asks a server that answered SERVFAIL or REFUSED, or ended the connection, once more; false if there is none.
    /// That may be a moment's trouble (RFC 9520 §3.1 leaves up to three tries); of forwarders, which have tried much by
    /// then, one is asked, and none where there is a fallback.
    fn ask_failed(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> bool {
        let most = if self.goal(id).is_forwarded() { 1 } else { SECOND_CHANCES };
        let settings = turn.around.settings;
        let tries = |at: &AtZone| at.most_tries(&settings.routes, settings.limits.tries_per_address);
        let forgives = |at: &mut AtZone| !at.is_asked_once() && at.forgive(most, tries(at));
        let forgiven = self.goal(id).at().is_some_and(forgives);
        forgiven && self.ask_best(id, |_| true, turn).is_some()
    }

    /// Asks servers that were silent over UDP once more, over TCP; false if there is none. Several at once: where all
    /// are dead nobody waits for one after the other, and where packets get lost the first connection that stands
    /// counts. All of them where a fallback waits: nobody does for a second round.
    pub(super) fn ask_all_silent(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> bool {
        let (mut asked, has_fallback) = (0, self.has_fallback(id, turn));
        while !self.starved
            && (asked < TCP_AT_ONCE || has_fallback)
            && let Some(server) = self.silent(id, turn)
        {
            self.ask_silent(id, server, turn);
            asked += 1;
        }
        asked > 0
    }

    /// A server that was silent over UDP and may be asked over TCP: each has one try, and of those that are alive one
    /// may have up to three, while there are no more in all.
    pub(super) fn silent(&mut self, id: GoalId, turn: &Turn<'_, '_>) -> Option<ServerAt> {
        let no_way_out = self.no_way_out(turn);
        let in_time = |pending: &&Pending| pending.goal == id && !pending.late && !pending.how.over_udp();
        let waiting: SmallVec<[IpAddr; 4]> = self.pending.iter().filter(in_time).map(|ask| ask.server.addr).collect();
        let (servers, most) = (turn.around.servers, turn.around.settings.limits.tries_per_address);
        let has_fallback = self.has_fallback(id, turn);
        let at = self.goal(id).at()?;
        let tries = |server: &ServerAt| {
            let state = servers.state(server.addr, turn.now);
            let is_cut_off = no_way_out[usize::from(server.addr.is_ipv6())] || waiting.contains(&server.addr);
            match (state.tcp, state.srtt) {
                (Support::No, _) => 0,
                _ if is_cut_off => 0,
                _ if has_fallback => 1,
                (_, Some(_)) if at.over_tcp() < most => most,
                _ => 1,
            }
        };
        // Where there is a fallback, it comes sooner than what may only be slow.
        at.silent_over_udp(tries).filter(|_| !at.is_asked_once())
    }

    /// Asks a server over TCP that was silent over UDP.
    pub(super) fn ask_silent(&mut self, id: GoalId, server: ServerAt, turn: &mut Turn<'_, '_>) {
        let how = How { transport: Transport::Tcp, edns: true, cookie: true, why: AskWhy::TcpAfterSilence };
        let state = turn.around.servers.state(server.addr, turn.now);
        self.send(id, (server, &state), how, ChoiceWhy::Same, turn);
    }

    /// Asks a server that has complained of a query with EDNS, in a reply with EDNS, without; false if there is none.
    /// Some that do not know it send all of the query back (RFC 8906 §8.2.1); in a signed zone there is none of them.
    fn ask_plainly(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> bool {
        if self.needs_edns(id, turn) {
            return false;
        }
        let Some(server) = self.goal(id).at().and_then(AtZone::complaining) else { return false };
        let state = turn.around.servers.state(server.addr, turn.now);
        let how = How { transport: Transport::Udp, edns: false, cookie: false, why: AskWhy::WithoutEdns };
        self.send(id, (server, &state), how, ChoiceWhy::Same, turn);
        true
    }

    /// Takes a faulty reply for want of a better one; false if there is none.
    pub(super) fn take_last_resort(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> bool {
        let Some(last) = self.goal(id).at().and_then(|at| at.last_resort.take()) else { return false };
        if last.wrong == Wrong::Empty && !self.has_told(id, turn) {
            return false;
        }
        let LastResort { pending, clean, verdict, .. } = *last;
        let event = Event::LastResort { ask: pending.id.0, server: pending.server.clone(), verdict: verdict.clone() };
        self.note(turn, id, event);
        self.apply(&pending, clean, verdict, turn);
        true
    }

    /// Whether one of those who said nothing has told an address of the name that they were asked for, with authority:
    /// then it has the zone, and means that there is nothing else, as some balancers do for AAAA. Else it may be lame.
    fn has_told(&mut self, id: GoalId, turn: &Turn<'_, '_>) -> bool {
        let name = self.goal(id).current.name.clone();
        let Some(at) = self.goal(id).at() else { return false };
        let about = turn.around.cache.about(&name);
        let mut known = [RecordType::A, RecordType::AAAA].into_iter().filter_map(|rtype| about.set(rtype, turn.now));
        known.any(|known| {
            let from = known.from.informant().filter(|from| known.rank == Rank::AuthAnswer && from.zone == at.cut.zone);
            from.is_some_and(|from| {
                at.problems.iter().any(|(server, wrong)| *wrong == Wrong::Empty && server.addr == from.addr)
            })
        })
    }

    /// Listens on to those who were silent and may be slow, for as long as the client waits; false if that is in vain.
    ///
    /// What was asked for another question meanwhile may show that they are not slow but have nothing to say to this
    /// one. The addresses of a zone's servers are not waited for in this way, as there may be others.
    fn listen_on(&mut self, id: GoalId, turn: &Turn<'_, '_>) -> bool {
        let (until, servers, no_way_out) = (self.budget.patient_until(), turn.around.servers, self.no_way_out(turn));
        let goal = &self.goals[id.0 as usize];
        let wanted = matches!(goal.purpose, Purpose::Client | Purpose::Proof);
        if turn.now >= until || !wanted || self.has_fallback(id, turn) {
            return false;
        }
        let mut slow: Vec<ServerAt> = Vec::new();
        for pending in self.pending.iter().filter(|pending| pending.serves(id)) {
            let addr = pending.server.addr;
            let may_be = may_come(pending, goal.current.qtype, servers, turn.now);
            if may_be && pending.doubt == Doubt::Dead {
                servers.tried(addr, &pending.zone, until);
            }
            if may_be && !no_way_out[usize::from(addr.is_ipv6())] && !slow.contains(&pending.server) {
                slow.push(pending.server.clone());
            }
        }
        if slow.is_empty() {
            return false;
        }
        let next = until.min(turn.now + LOOK_AGAIN);
        self.look_again = Some(self.look_again.map_or(next, |at| at.min(next)));
        let begins = self.goal(id).at().is_some_and(|at| !std::mem::replace(&mut at.listens, true));
        if begins {
            let most_ms = as_ms(until - turn.now);
            self.note(turn, id, Event::Patient { servers: slow, most_ms });
        }
        true
    }

    /// Has those who listen look whether there is still hope, when it is time for that.
    pub(super) fn look_again(&mut self, turn: &mut Turn<'_, '_>) {
        if self.look_again.is_none_or(|at| at > turn.now) {
            return;
        }
        // Clients wait no longer for anything better than what is there.
        let (until, is_owed) = (self.budget.patient_until(), self.is_owed());
        self.look_again = Some(until).filter(|until| is_owed && *until > turn.now);
        if is_owed && turn.now >= until && self.goal(CLIENT).at().is_some() {
            self.no_server_left(CLIENT, turn);
        }
        let listens = |(nth, goal): (u32, &Goal)| match &goal.state {
            State::At(at) if at.listens => Some(GoalId(nth)),
            _ => None,
        };
        turn.ready.extend((0..).zip(&self.goals).filter_map(listens));
    }

    /// Nobody is left to ask: says who was at fault.
    pub(super) fn no_server_left(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) {
        if self.asks_nobody {
            return;
        }
        let is_heard_out = !self.pending.iter().any(|pending| pending.serves(id));
        if is_heard_out && self.requery(id, turn) || self.take_last_resort(id, turn) || self.listen_on(id, turn) {
            return;
        }
        self.learn_dead(id, turn);
        let silent = |pending: &Pending| {
            let wrong = Wrong::Unreachable { how: Unreachable::Timeout, transport: pending.how.transport };
            (pending.server.clone(), wrong)
        };
        let silent: Vec<_> = self.pending.iter().filter(|pending| pending.goal == id).map(silent).collect();
        if let Some(at) = self.goal(id).at() {
            silent.into_iter().for_each(|(server, wrong)| at.problem(&server, wrong, false));
        }
        if self.requery(id, turn) || self.fall_back(id, turn) || self.come_back(id, turn) {
            return;
        }
        if let Some(failure) = self.failure_at(id, turn) {
            self.fail(id, failure, turn);
        }
    }

    /// Why nobody of the zone that a goal is at has given an answer.
    pub(super) fn failure_at(&mut self, id: GoalId, turn: &Turn<'_, '_>) -> Option<Failure> {
        let limits = &turn.around.settings.limits;
        let mut lacking = self.lacking(id, turn);
        let at = self.goal(id).at()?;
        let (zone, named) = (at.cut.zone.clone(), at.route.as_ref().map(|route| route.kind));
        let over = (at.failed_lookups >= limits.failed_server_lookups).then_some(Limit::FailedServerLookups);
        Some(match at.cycle.take() {
            _ if !at.problems.is_empty() => {
                lacking.retain(|(_, lack)| *lack != Lack::Untried);
                Failure::Servers { zone, named, problems: std::mem::take(&mut at.problems), lacking }
            }
            Some((name, zone)) => Failure::Cycle { name, zone },
            None => {
                let limit = over.map(|limit| (limit, limits.value(limit)));
                Failure::NoAddress { zone, servers: lacking, limit }
            }
        })
    }
}
