//! Asking for a delegation anew whose servers give no answer: the zone may have moved while it was known.
//!
//! A delegation is often good for days, and whoever served a zone that has moved refuses it sooner than that. Where it
//! has not moved, nobody of whom the goal has heard is asked once more.

use crate::cache::Delegation;
use crate::time::Time;
use crate::trace::{Event, GoalId};

use super::goal::{Pending, State};
use super::minimise::Minimised;
use super::scrub::Clean;
use super::{Turn, Walk};

/// A delegation of so many seconds is asked for anew. The zone above is to be spared as the zone itself is (RFC 9520
/// §3.3, RFC 4697 §2.1), and no failure is remembered for longer (RFC 9520 §3.2): so a zone without any servers costs
/// the one above a question in five minutes at most, whether or not that one answers.
pub(super) const AGE_SECS: u32 = 300;

impl Walk {
    /// Goes to the zone above for the delegation of the zone that a goal is at; false if that is in vain.
    pub(super) fn requery(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> bool {
        // Where something is bogus other keys could help, other servers could not. Where nobody at all is heard, the
        // client does not wait for the zone above as well.
        let in_vain = turn.around.servers.is_cut_off() && turn.now >= self.budget.patient_until();
        if self.bogus.is_some() || in_vain {
            return false;
        }
        let State::At(at) = &mut self.goal(id).state else { return false };
        let cut = &at.cut;
        // What the operator has named, or a zone has said of itself, nobody above knows.
        let is_from_above = cut.from.informant().is_some_and(|from| cut.zone.is_below(&from.zone));
        let age_secs = turn.now.secs_since(cut.stored);
        let cache = turn.around.cache;
        let is_asked = || {
            let requeried = cache.delegation(&cut.zone, turn.now).map_or(Time::ZERO, |known| known.requeried);
            requeried > Time::ZERO && turn.now.secs_since(requeried) < AGE_SECS
        };
        if at.route.is_some() || !is_from_above || at.requeried || age_secs < AGE_SECS || is_asked() {
            return false;
        }
        cache.requeried(cut, turn.now);
        (at.requeried, at.listens) = (true, false);
        let event = Event::Requeried { zone: cut.zone.clone(), age_secs: age_secs.into() };
        self.note(turn, id, event);
        self.leave(id, turn);
        let goal = self.goal(id);
        goal.minimised = Minimised::new(turn.around.settings.minimisation);
        if let State::At(at) = std::mem::replace(&mut goal.state, State::Begin) {
            goal.left.push(*at);
        }
        turn.ready.push(id);
        true
    }

    /// A zone whose delegation is asked for anew is one with the zone above, or is gone, where that one answers for a
    /// name in it with authority: nobody need ask its servers any more.
    pub(super) fn learn_merged(&mut self, pending: &Pending, clean: &Clean, turn: &Turn<'_, '_>) {
        let is_merged = |cut: &Delegation| {
            clean.aa && cut.zone.is_below(&pending.zone) && pending.question.name.is_within(&cut.zone)
        };
        for at in self.goal(pending.goal).left.iter().filter(|at| is_merged(&at.cut)) {
            turn.around.cache.end_delegation(&at.cut, turn.now);
        }
    }

    /// Comes back from the zone above, whose servers gave no answer either, to say what was wrong with those of the
    /// zone itself; false when the goal has not been there.
    pub(super) fn come_back(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> bool {
        let Some(at) = self.goal(id).left.pop() else { return false };
        self.leave(id, turn);
        self.goal(id).state = State::At(Box::new(at));
        turn.ready.push(id);
        true
    }
}
