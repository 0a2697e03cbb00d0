//! What is bogus may be the fault of one server: the others of the zone are asked before the client is told.
//!
//! A secondary with old signatures, one that leaves signatures out, somebody who forges: the zone's other servers have
//! better data, and the signatures say so.

use crate::cache::Delegation;
use crate::trace::{Bogus, Event, GoalId, Informant, Purpose, ServerAt};
use crate::wire::{Name, Question, RecordType, RrSet};

use super::goal::{Found, Pending, State};
use super::scrub::Clean;
use super::{CLIENT, Turn, Walk};

/// A server that is not asked any more by this walk, because what it said was bogus.
#[derive(Debug)]
pub(super) struct Doubted {
    /// For which zone.
    pub(super) zone: Name,
    /// Who.
    pub(super) server: ServerAt,
}

impl Walk {
    /// Asks for what came along behind an alias, and is bogus, by its own name; false when it did not come so. Servers
    /// need not send all that belongs to it (RFC 2181 §5.4.1: only the alias is the answer). Done once, from then on
    /// each alias takes a question.
    pub(super) fn ask_by_name(&mut self, reason: &Bogus, turn: &mut Turn<'_, '_>) -> bool {
        let client = &self.goals[0];
        let came_along = |name: &Name| {
            let is_target = |set: &RrSet| set.rtype == RecordType::CNAME && set.targets().any(|target| target == *name);
            client.chain.iter().any(is_target) && client.told.iter().all(|(asked, _)| asked != name)
        };
        if self.by_name || !reason.set().is_some_and(|(owner, _)| came_along(owner)) {
            return false;
        }
        self.by_name = true;
        self.note(turn, CLIENT, Event::AskedByName { reason: reason.clone() });
        self.begin_anew(turn);
        true
    }

    /// Asks for what is bogus once more: whoever answers, when the cache had it, else another server; false when nobody
    /// can be asked.
    pub(super) fn ask_elsewhere(&mut self, reason: &Bogus, turn: &mut Turn<'_, '_>) -> bool {
        let most = turn.around.settings.limits.bogus_retries as usize;
        if self.doubted.len() >= most || matches!(reason, Bogus::TooCostly { .. }) {
            return false;
        }
        let Some((subject, informant)) = self.culprit(reason, turn) else { return false };
        // RFC 4035 §4.7: what was kept for a client that checks for itself, CD set, must not keep others from what the
        // servers say by now.
        let recalled = match &subject {
            Subject::Client => self.goals[0].recalled,
            Subject::Proof(id) => self.goal(*id).recalled,
            Subject::Cached(_) => true,
        };
        if recalled && self.recalls < most {
            self.recalls += 1;
            self.note(turn, CLIENT, Event::AskedAnew { reason: reason.clone() });
        } else if self.is_anybody_else(&informant, turn) {
            let server = turn.around.settings.routes.server_at(&informant);
            let (zone, because) = (informant.zone, reason.clone());
            self.note(turn, CLIENT, Event::Doubted { zone: zone.clone(), server: server.clone(), reason: because });
            self.doubted.push(Doubted { zone, server });
            self.bogus.get_or_insert_with(|| reason.clone());
        } else {
            return false;
        }
        match subject {
            Subject::Client => self.begin_anew(turn),
            Subject::Proof(id) => {
                let Question { name, qtype, .. } = self.goal(id).question.clone();
                turn.around.cache.disbelieve(&name, qtype, turn.now);
                let goal = self.goal(id);
                goal.restart(turn.around.settings.minimisation);
                goal.waiters.push(CLIENT);
                turn.ready.push(id);
            }
            Subject::Cached(Question { name, qtype, .. }) => {
                turn.around.cache.disbelieve(&name, qtype, turn.now);
                turn.ready.push(CLIENT);
            }
        }
        true
    }

    /// Whether it can be proved that a part of the name does not exist, and so nothing below it (RFC 8020). Without
    /// proof that is not believed: some servers say it of names that only have others below them.
    pub(super) fn may_be_proved(&mut self, pending: &Pending, clean: &Clean, turn: &Turn<'_, '_>) -> bool {
        let signed = |set: &RrSet| !set.sigs.is_empty();
        pending.goal == CLIENT
            && self.validates(turn)
            && self.is_signed(CLIENT, turn)
            && clean.soa.as_ref().is_some_and(signed)
            && !clean.proof.is_empty()
            && clean.proof.iter().all(signed)
    }

    /// That a part of the name does not exist could not be proved: the whole name is asked for. False when it was
    /// the whole name that was asked for.
    pub(super) fn ask_whole(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        let goal = self.goal(CLIENT);
        let Some(whole) = goal.whole.take() else { return false };
        turn.around.cache.disbelieve(&goal.current.name, goal.current.qtype, turn.now);
        goal.current.name = whole;
        goal.minimised.give_up();
        goal.state = State::Begin;
        turn.ready.push(CLIENT);
        true
    }

    /// What the client asked for is looked up once more.
    fn begin_anew(&mut self, turn: &mut Turn<'_, '_>) {
        let State::Proving(proving) = std::mem::replace(&mut self.goal(CLIENT).state, State::Begin) else { return };
        self.forget_answer(proving.found(), turn);
        self.goal(CLIENT).restart(turn.around.settings.minimisation);
        turn.ready.push(CLIENT);
    }

    /// Who gave what was bogus first.
    pub(super) fn told_by(&self, reason: &Bogus, turn: &Turn<'_, '_>) -> Option<ServerAt> {
        let first = self.doubted.first().map(|doubted| doubted.server.clone());
        let last = || Some(turn.around.settings.routes.server_at(&self.culprit(reason, turn)?.1));
        first.or_else(last)
    }

    /// Which question had the bogus answer, and who gave it.
    fn culprit(&self, reason: &Bogus, turn: &Turn<'_, '_>) -> Option<(Subject, Informant)> {
        // Who answered for that name, or else for the deepest zone that it lies in.
        let told = |id: GoalId, name: Option<&Name>| {
            let told = &self.goals[id.0 as usize].told;
            let by_name = told.iter().rev().find(|(asked, _)| Some(asked) == name);
            let lies_in = |zone: &Name| name.is_none_or(|name| name.is_within(zone));
            let by_zone = || {
                let holding =
                    told.iter().filter(|(_, source)| source.informant().is_some_and(|from| lies_in(&from.zone)));
                holding.max_by_key(|(_, source)| source.informant().map(|from| from.zone.label_count()))
            };
            by_name.or_else(by_zone).or(told.last()).and_then(|(_, source)| source.informant().cloned())
        };
        if let Some(question) = proof_of(reason) {
            if let Some(id) = self.proof_goal(&question) {
                return Some((Subject::Proof(id), told(id, None)?));
            }
            if self.goals[0].question != question {
                let known = turn.around.cache.set(&question.name, question.qtype, turn.now)?;
                return Some((Subject::Cached(question), known.from.informant()?.clone()));
            }
        }
        let informant = told(CLIENT, reason.set().map(|(owner, _)| owner))?;
        // What is unsigned may rightly be so, and the zone above hide the proof.
        if let Bogus::SignatureMissing { zone, .. } = reason
            && informant.zone.is_below(zone)
            && let Some(id) = self.proof_goal(&Question::new(informant.zone.clone(), RecordType::DS))
        {
            return Some((Subject::Proof(id), told(id, None)?));
        }
        Some((Subject::Client, informant))
    }

    /// The goal that has got an answer to a question that was asked for a proof.
    fn proof_goal(&self, question: &Question) -> Option<GoalId> {
        self.find_goal(|goal| {
            let answered = matches!(goal.state, State::Done(Found::Answer(_) | Found::NoData(_) | Found::NxDomain(_)));
            answered && goal.purpose == Purpose::Proof && goal.question == *question
        })
    }

    /// Whether a zone has a server that is not doubted.
    fn is_anybody_else(&self, informant: &Informant, turn: &Turn<'_, '_>) -> bool {
        let settings = turn.around.settings;
        let route = settings.routes.0.iter().find(|route| route.cut.zone == informant.zone);
        let known = || turn.around.cache.delegation(&informant.zone, turn.now);
        let Some(cut) = route.map(|route| route.cut.clone()).or_else(known) else { return true };
        let doubted = |addr: &std::net::IpAddr| {
            let before = self.doubted.iter().any(|known| known.zone == cut.zone && known.server.addr == *addr);
            before || *addr == informant.addr
        };
        let Delegation { servers, .. } = &*cut;
        servers.iter().any(|server| {
            let known_by_name = informant.name.as_ref() == Some(&server.name);
            server.addrs.iter().any(|addr| !doubted(addr)) || server.addrs.is_empty() && !known_by_name
        })
    }
}

/// What is asked for once more.
enum Subject {
    /// What the client wants.
    Client,
    /// What a goal fetched for the proof.
    Proof(GoalId),
    /// What the cache had for the proof.
    Cached(Question),
}

/// The question for the proof that had a bogus answer, if it was one of those.
pub(super) fn proof_of(reason: &Bogus) -> Option<Question> {
    match reason {
        Bogus::KeyMissing { zone, .. } | Bogus::NotZoneKey { zone, .. } | Bogus::NoKeys { zone } => {
            Some(Question::new(zone.clone(), RecordType::DNSKEY))
        }
        _ => {
            let (owner, rtype) = reason.set()?;
            let of_zones = matches!(rtype, RecordType::DNSKEY | RecordType::DS);
            of_zones.then(|| Question::new(owner.clone(), rtype))
        }
    }
}
