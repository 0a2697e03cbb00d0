//! Servers from which nothing comes: what a walk leaves behind about them, and what it makes of what others have.

use std::net::IpAddr;
use std::time::Duration;

use smallvec::SmallVec;

use crate::cache::{Dead, Doubt, Servers};
use crate::time::Time;
use crate::trace::{Avoided, Event, GoalId, ServerAt, Wrong};
use crate::wire::RecordType;

use super::at_zone::Tried;
use super::goal::State;
use super::pending::Pending;
use super::{Turn, Walk};

/// Who was listened to for so long in vain is not waited for once more until it speaks: that is as long as a client
/// waits, but for a second on the way to the zone and to the second or third of its servers.
const LONG: Duration = Duration::from_millis(3500);

/// Who is not thought silent is listened to for so long at least: it may have an answer to make, whatever it says to
/// others meanwhile (BIND waits 0.8 s for a reply before it turns elsewhere).
const HEARD_LEAST: Duration = Duration::from_secs(1);

/// Servers that are not asked, each with its reason.
pub(super) type LeftOut = SmallVec<[(ServerAt, Avoided); 2]>;

impl Walk {
    /// Whether a server that may be `dead` is left alone by a goal, and why. Not by the goals of the walk that sees
    /// whether it is back, nor where somebody else has just fallen silent: then it may be the only one that is left.
    pub(super) fn leaves_alone(&self, id: GoalId, addr: IpAddr, dead: Option<Dead>, now: Time) -> Option<Avoided> {
        let Dead { since, rests_until, .. } = dead?;
        let until = rests_until?;
        let is_tried = |pending: &Pending| pending.server.addr == addr;
        let falls_silent = |pending: &Pending| pending.goal == id && pending.late && pending.doubt < Doubt::Dead;
        let may_ask = self.pending.iter().any(|pending| is_tried(pending) || falls_silent(pending));
        // Rounded up: who reads it and waits for so long is not too early.
        let left_secs = (until - now).as_millis().div_ceil(1000);
        let left_secs = u64::try_from(left_secs).unwrap_or(u64::MAX);
        (!may_ask).then(|| Avoided::Dead { silent_secs: (now - since).as_secs(), left_secs })
    }

    /// Says which servers are not asked, once each.
    pub(super) fn leave_out(&mut self, id: GoalId, left_out: LeftOut, turn: &Turn<'_, '_>) {
        for (server, why) in left_out {
            let Some(at) = self.goal(id).at() else { return };
            let wrong = Wrong::Avoided { why };
            let is_said = |(known, wrong): &(ServerAt, Wrong)| known.addr == server.addr && wrong.is_left_alone();
            if at.problems.iter().any(is_said) {
                continue;
            }
            // Who is left alone may have its turn yet.
            let is_out = !wrong.is_left_alone();
            at.problem(&server, wrong, is_out);
            let zone = at.cut.zone.clone();
            self.note(turn, id, Event::NotAsked { zone, server, why });
        }
    }

    /// A goal has failed: remembers from whom nothing has come although it was listened to for long enough. What a
    /// forwarder does not answer says nothing of what else it knows.
    pub(super) fn learn_dead(&mut self, id: GoalId, turn: &Turn<'_, '_>) {
        let (servers, now) = (turn.around.servers, turn.now);
        let question = self.goal(id).current.clone();
        let state = &self.goals[id.0 as usize].state;
        let rests = |addr| matches!(state, State::At(at) if at.rests(addr) == Some(true));
        for pending in self.pending.iter().filter(|pending| pending.serves(id)) {
            let (addr, is_long) = (pending.server.addr, now - pending.sent >= LONG);
            let is_heard_out = is_long
                || pending.late
                    && (pending.doubt == Doubt::Dead || !servers.state(addr, now).may_be_slow(pending.sent, now));
            // One name may be hard to find: of a forwarder it says nothing, unless it was silent to others before.
            let is_there = servers.state(addr, now).heard_at > pending.sent || !rests(addr);
            if is_long && !(pending.forwarded && is_there) {
                servers.mute(addr, now);
            }
            if is_heard_out && !pending.forwarded {
                servers.died(addr, &pending.zone, &question, pending.sent, now);
            }
        }
    }

    /// A server has answered: it is there, and for its zone it is not dead.
    pub(super) fn meet_again(&mut self, pending: &Pending, turn: &Turn<'_, '_>) {
        let (goal, addr) = (self.goal(pending.goal), pending.server.addr);
        let qtype = goal.current.qtype;
        let is_it = |tried: &&mut Tried| tried.server.addr == addr;
        if let Some(tried) = goal.at().and_then(|at| at.tried.iter_mut().find(is_it)) {
            tried.doubt = Doubt::None;
            if !pending.how.over_udp() {
                tried.opens();
            }
        }
        // Who answers in time and was not thought dead is not known to be.
        if pending.late || pending.doubt == Doubt::Dead {
            turn.around.servers.is_back(addr, &pending.zone, qtype);
        }
    }

    /// What was just sent shows whether somebody is back: until then nobody else need ask.
    pub(super) fn keeps_others_away(&self, turn: &Turn<'_, '_>) {
        let sent = self.pending.last().filter(|_| !self.asks_nobody);
        if let Some(pending) = sent.filter(|pending| pending.doubt == Doubt::Dead) {
            turn.around.servers.tried(pending.server.addr, &pending.zone, pending.late_at);
        }
    }
}

/// Whether a reply to what a goal has asked for `qtype` may still come. Who is probably dead is waited for only where
/// that is how long it takes, and now and then to see whether that has changed.
pub(super) fn may_come(pending: &Pending, qtype: RecordType, servers: &Servers, now: Time) -> bool {
    let (addr, sent) = (pending.server.addr, pending.sent);
    let state = servers.state(addr, now);
    match pending.doubt {
        // It may know what others ask, and has to look this name up.
        _ if pending.forwarded => !state.mute || state.is_slow(sent, now),
        // It may refuse TCP, over which it would have more time.
        Doubt::None if !state.mute && now - sent < HEARD_LEAST => true,
        Doubt::None | Doubt::Silent => state.may_be_slow(sent, now),
        Doubt::Dead if state.is_slow(sent, now) => true,
        Doubt::Dead => servers.dead(addr, &pending.zone, qtype, now).is_some_and(|dead| dead.may_be_slow),
    }
}
