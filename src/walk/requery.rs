//! Asking for a delegation anew whose servers give no answer: the zone may have moved while it was known.
//!
//! A delegation is often good for days, and whoever served a zone that has moved refuses it sooner than that. Where it
//! has not moved, nobody of whom the goal has heard is asked once more. One that is young is asked for again where it
//! leads in a circle, back to those who have told of it.

use std::net::IpAddr;
use std::sync::Arc;

use crate::cache::{Delegation, NameServer};
use crate::time::Time;
use crate::trace::{Event, GoalId, Informant};
use crate::wire::{Name, Question, RecordType};

use super::at_zone::AtZone;
use super::goal::State;
use super::minimise::Minimised;
use super::pending::Pending;
use super::scrub::Clean;
use super::servers::given_addresses;
use super::{Turn, Walk};

/// A delegation of so many seconds is asked for anew. The zone above is to be spared as the zone itself is (RFC 9520
/// §3.3, RFC 4697 §2.1), and no failure is remembered for longer (RFC 9520 §3.2): so a zone without any servers costs
/// the one above a question in five minutes at most, whether or not that one answers.
pub(super) const AGE_SECS: u32 = 300;

impl Walk {
    /// Goes to the zone above for the delegation of the zone that a goal is at; false if that is in vain.
    pub(super) fn requery(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> bool {
        // Where a server was bogus other keys could help, other servers could not.
        let State::At(at) = &self.goals[id.0 as usize].state else { return false };
        if self.doubted.iter().any(|doubted| doubted.is_out && doubted.zone == at.cut.zone) {
            return false;
        }
        if self.forget_list(id, turn) {
            return true;
        }
        // Where nobody at all is heard, the client does not wait for the zone above as well.
        if turn.around.servers.is_cut_off() && turn.now >= self.budget.patient_until() {
            return false;
        }
        let State::At(at) = &self.goals[id.0 as usize].state else { return false };
        if at.route.is_some() || at.requeried {
            return false;
        }
        let (mut cut, mut by) = (Arc::clone(&at.cut), None);
        if !may_have_moved(&cut, turn.now) {
            let Some((circle, teller)) = self.circle(id, cut, turn) else { return false };
            (cut, by) = (circle, Some(teller));
        }
        let requeried = turn.around.cache.delegation(&cut.zone, turn.now).map_or(Time::ZERO, |known| known.requeried);
        if requeried > Time::ZERO && turn.now.secs_since(requeried) < AGE_SECS {
            return false;
        }
        self.leave_for_above(id, &cut, by, turn);
        true
    }

    /// Leaves the servers of a zone for those of the zone above, but for the one that has led in a circle, if there is
    /// one: then these see the whole question, and nobody else in this walk is led there. For others the delegation
    /// holds until one of these has spoken, as they may be silent.
    fn leave_for_above(&mut self, id: GoalId, cut: &Arc<Delegation>, by: Option<Informant>, turn: &mut Turn<'_, '_>) {
        let zone = cut.zone.clone();
        let event = match &by {
            Some(by) => Event::LedAstray { zone, server: turn.around.settings.routes.server_at(by) },
            None => Event::Requeried { zone, age_secs: turn.now.secs_since(cut.stored).into() },
        };
        self.note(turn, id, event);
        let State::At(at) = self.go_elsewhere(id, turn) else { return };
        let goal = self.goal(id);
        goal.left.zones.push((Arc::clone(cut), AtZone { requeried: true, listens: false, ..*at }));
        match by {
            Some(by) => {
                goal.left.astray.push(by);
                goal.minimised.give_up();
                self.anew.push((cut.zone.clone(), turn.now));
            }
            None => turn.around.cache.requeried(cut, turn.now),
        }
    }

    /// The delegation on the way to a zone that leads in a circle, and who has told of it: one of the servers of the
    /// zone above names one of them, who has no answer. Such a server may make zones of the names that it is asked for,
    /// while others of them have the answer. Where they are other servers, the zone above is spared (RFC 4697 §2.1).
    fn circle(
        &self,
        id: GoalId,
        mut cut: Arc<Delegation>,
        turn: &Turn<'_, '_>,
    ) -> Option<(Arc<Delegation>, Informant)> {
        let astray = &self.goals[id.0 as usize].left.astray;
        loop {
            let by = cut.from.informant().filter(|_| is_from_above(&cut))?;
            let above = servers_of(&by.zone, turn);
            let addrs = |server: &NameServer| given_addresses(server, turn.around.cache, turn.now);
            let is_above = |server: &NameServer| {
                let own = addrs(server);
                let is_it =
                    |known: &NameServer| known.name == server.name || addrs(known).iter().any(|at| own.contains(at));
                let is_teller = by.name.as_ref() == Some(&server.name) || own.contains(&by.addr);
                is_teller || above.iter().any(|above| above.servers.iter().any(is_it))
            };
            if !cut.servers.iter().any(is_above) {
                return None;
            }
            if self.is_anybody_else(by, astray, turn) {
                let by = by.clone();
                return Some((cut, by));
            }
            cut = above?;
        }
    }

    /// Goes to the servers that the configuration names for the root, or for a stub zone, where those of the list that
    /// the zone has given of itself give no answer; false where these are the same. There is no zone above to ask, and
    /// that list, which nothing proves when it is asked for (RFC 9609 §6), may be forged: it is forgotten.
    fn forget_list(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> bool {
        let State::At(at) = &self.goal(id).state else { return false };
        let (cut, is_named) = (Arc::clone(&at.cut), at.route.is_some());
        let is_forgotten = !is_named && self.forget(&cut, id, turn);
        if is_forgotten {
            self.go_elsewhere(id, turn);
        }
        is_forgotten
    }

    /// Forgets such a list, where the configuration has others.
    pub(super) fn forget(&mut self, cut: &Delegation, id: GoalId, turn: &Turn<'_, '_>) -> bool {
        let (cache, settings, now) = (turn.around.cache, turn.around.settings, turn.now);
        let of_itself = cut.from.informant().is_some_and(|from| from.zone == cut.zone);
        let stub = settings.routes.primed(&cut.zone).map(|route| &route.cut);
        let given = stub.or_else(|| cut.zone.is_root().then_some(&settings.hints));
        let addrs = |cut: &Delegation| cut.servers.iter().flat_map(|server| server.addrs.clone()).collect::<Vec<_>>();
        let listed = addrs(cut);
        let is_other = |addr: &IpAddr| settings.uses(*addr) && !listed.contains(addr);
        let Some(given) = given.filter(|given| of_itself && addrs(given).iter().any(is_other)) else { return false };
        cache.end_delegation(cut, now);
        if stub.is_some() {
            self.primed.push(cut.zone.clone());
        } else {
            self.root = Some(Arc::clone(given));
        }
        let age_secs = now.secs_since(cut.stored).into();
        self.note(turn, id, Event::ListForgotten { zone: cut.zone.clone(), age_secs });
        true
    }

    /// Leaves the servers that a goal is at, to look where else it may go.
    fn go_elsewhere(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> State {
        self.leave(id, turn);
        turn.ready.push(id);
        let goal = self.goal(id);
        goal.minimised = Minimised::new(turn.around.settings.minimisation);
        std::mem::replace(&mut goal.state, State::Begin)
    }

    /// A zone whose delegation is asked for anew is one with the zone above, or is gone, where that one answers for a
    /// name in it with authority, unless for its DS set, which is not its own (RFC 4035 §3.1.4.1), or refers to another
    /// zone on the way: nobody need ask its servers any more.
    pub(super) fn learn_merged(&self, pending: &Pending, clean: &Clean, turn: &Turn<'_, '_>) {
        let (cache, now) = (turn.around.cache, turn.now);
        let Question { name, qtype, .. } = &pending.question;
        let is_own = |zone: &Name| name.is_within(zone) && (*qtype != RecordType::DS || name != zone);
        let is_past = |zone: &Name| clean.referral.as_ref().is_some_and(|to| to.ns.owner != *zone);
        let has_said = |zone: &Name| (clean.aa || is_past(zone)) && is_own(zone);
        let is_merged = |cut: &Delegation| cut.zone.is_below(&pending.zone) && has_said(&cut.zone);
        let left = self.goals[pending.goal.0 as usize].left.zones.iter().map(|(cut, _)| Arc::clone(cut));
        let anew = self.anew.iter().filter_map(|(zone, _)| cache.delegation(zone, now)).filter(|cut| self.is_left(cut));
        left.chain(anew).filter(|cut| is_merged(cut)).for_each(|cut| cache.end_delegation(&cut, now));
    }

    /// Comes back from the zone above, whose servers gave no answer either, to say what was wrong with those of the
    /// zone itself; false when the goal has not been there, or was led past it to where nobody gave one either.
    pub(super) fn come_back(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> bool {
        let State::At(at) = &self.goals[id.0 as usize].state else { return false };
        let above = at.cut.zone.clone();
        let is_below = |(cut, _): &mut (Arc<Delegation>, AtZone)| cut.zone.is_below(&above);
        let Some((_, at)) = self.goal(id).left.zones.pop_if(is_below) else { return false };
        self.leave(id, turn);
        self.goal(id).state = State::At(Box::new(at));
        turn.ready.push(id);
        true
    }
}

/// Whether the servers of a zone are the same that were asked in vain, a moment after who has told of them had led in a
/// circle: two of the zone above who say the same are believed.
pub(super) fn is_told_again(left: &Delegation, cut: &Delegation, now: Time) -> bool {
    let is_known = |server: &NameServer| left.servers.iter().any(|known| known.name == server.name);
    let is_same = left.servers.len() == cut.servers.len() && cut.servers.iter().all(is_known);
    let teller = |cut: &Delegation| cut.from.informant().map(|by| by.addr);
    let is_circle = !may_have_moved(left, now);
    is_circle && left.zone == cut.zone && is_same && teller(left) != teller(cut)
}

/// The servers of a zone, as the operator names them or as its delegation does, if they are known.
pub(super) fn servers_of(zone: &Name, turn: &Turn<'_, '_>) -> Option<Arc<Delegation>> {
    let named = turn.around.settings.routes.0.iter().find(|route| route.cut.zone == *zone);
    named.map(|route| Arc::clone(&route.cut)).or_else(|| turn.around.cache.delegation(zone, turn.now))
}

/// Whether a delegation is so old that its zone may have others by now, or be gone.
pub(super) fn may_have_moved(cut: &Delegation, now: Time) -> bool {
    is_from_above(cut) && now.secs_since(cut.stored) >= AGE_SECS
}

/// What the operator has named, or a zone has said of itself, nobody above knows.
pub(super) fn is_from_above(cut: &Delegation) -> bool {
    cut.from.informant().is_some_and(|from| cut.zone.is_below(&from.zone))
}
