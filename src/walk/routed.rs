//! Walks that go to the servers that the operator names, and fall back from them.

use std::sync::Arc;

use crate::cache::Delegation;
use crate::trace::{Event, GoalId, Purpose, ServerAt};
use crate::wire::{Ede, Name, Question, RecordType, RrSet, ede};

use super::goal::State;
use super::learn::delegation;
use super::minimise::Minimised;
use super::pending::Pending;
use super::route::Route;
use super::scrub::Clean;
use super::{CLIENT, Turn, Walk};

impl Walk {
    /// Goes to the servers that the operator names for `place`; false when there are none, or when the deeper zone
    /// `known` is the better place.
    pub(super) fn take_route(
        &mut self,
        id: GoalId,
        place: &Name,
        known: Option<&Delegation>,
        turn: &mut Turn<'_, '_>,
    ) -> bool {
        let settings = turn.around.settings;
        // Once the client's question is looked up from the root, so is what proves the answer.
        let fallen = [CLIENT, id].into_iter().flat_map(|id| &self.goals[id.0 as usize].fallen);
        let fallen: Vec<Name> = fallen.map(|(zone, _)| zone.clone()).collect();
        let named = settings.routes.deepest(place, &fallen).cloned();
        let Some(route) = named.or_else(|| settings.local_root.route(&fallen)) else { return false };
        if known.is_some_and(|cut| route.yields_to(cut)) {
            return false;
        }
        let zone = &route.cut.zone;
        if route.prime && !route.is_forward() && !self.primed.contains(zone) {
            self.prime_stub(id, zone, turn);
        } else {
            self.enter_route(id, &route, turn);
        }
        true
    }

    /// Goes to the servers of a route.
    fn enter_route(&mut self, id: GoalId, route: &Arc<Route>, turn: &mut Turn<'_, '_>) {
        let addrs = route.cut.servers.iter().flat_map(|server| server.addrs.iter().copied());
        let servers = addrs.map(|addr| ServerAt::new(None, addr, route.port(addr))).collect();
        self.note(turn, id, Event::Routed { zone: route.cut.zone.clone(), kind: route.kind, servers });
        if route.is_forward() {
            // Who looks up for others has to see all of the name.
            self.goal(id).minimised.give_up();
        }
        self.enter(id, Arc::clone(&route.cut), turn);
        if let Some(at) = self.goal(id).at() {
            at.route = Some(Arc::clone(route));
        }
    }

    /// The servers of a stub zone are asked for the zone's own list first.
    fn prime_stub(&mut self, id: GoalId, zone: &Name, turn: &mut Turn<'_, '_>) {
        let purpose = Purpose::StubPriming { zone: zone.clone() };
        self.goal(id).state = State::AwaitsPriming;
        match self.goals.iter_mut().find(|goal| goal.purpose == purpose) {
            Some(goal) => goal.waiters.push(id),
            None => drop(self.open(Question::new(zone.clone(), RecordType::NS), purpose, id, turn)),
        }
    }

    /// Begins the goal that asks a stub zone's servers for the zone's list.
    pub(super) fn begin_stub_priming(&mut self, id: GoalId, zone: &Name, turn: &mut Turn<'_, '_>) {
        self.primed.push(zone.clone());
        if let Some(route) = turn.around.settings.routes.deepest(zone, &[]).map(Arc::clone) {
            self.enter_route(id, &route, turn);
        }
    }

    /// Keeps a stub zone's own list of servers, if it says where at least one of them is.
    pub(super) fn learn_stub(pending: &Pending, ns: &RrSet, clean: &Clean, turn: &Turn<'_, '_>) {
        let list = delegation(ns, None, clean, pending.source(), turn);
        if list.servers.iter().any(|server| !server.addrs.is_empty()) {
            turn.around.cache.put_delegation(list, turn.now);
        }
    }

    /// Whether a goal is looked up from the root when nobody where it is gives an answer.
    pub(super) fn has_fallback(&self, id: GoalId, turn: &Turn<'_, '_>) -> bool {
        let State::At(at) = &self.goals[id.0 as usize].state else { return false };
        at.route(&turn.around.settings.routes).is_some_and(|route| route.fallback)
    }

    /// Nobody whom the operator named gave an answer: looks the question up from the root, where that is allowed.
    pub(super) fn fall_back(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> bool {
        let settings = turn.around.settings;
        let goal = &self.goals[id.0 as usize];
        // Priming is about these very servers: whoever waits for it asks them without, and may fall back then.
        let may = !matches!(goal.purpose, Purpose::StubPriming { .. });
        let State::At(at) = &goal.state else { return false };
        let Some(route) = at.route(&settings.routes).filter(|route| may && route.fallback).cloned() else {
            return false;
        };
        if at.route.is_none() {
            turn.around.cache.end_delegation(&at.cut, turn.now);
        }
        let zone = route.cut.zone.clone();
        let Some(failure) = self.failure_at(id, turn) else { return false };
        let goal = self.goal(id);
        goal.fallen.push((zone.clone(), Ede::new(ede::NO_REACHABLE_AUTHORITY, failure.to_string())));
        goal.minimised = Minimised::new(turn.around.settings.minimisation);
        self.leave(id, turn);
        self.goal(id).state = State::Begin;
        self.note(turn, id, Event::FellBack { zone, kind: route.kind });
        turn.ready.push(id);
        true
    }
}
