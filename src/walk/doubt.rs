//! What is bogus may be the fault of one server: the others of the zone are asked before the client is told.
//!
//! A secondary with old signatures, one that leaves signatures out, somebody who forges: the zone's other servers have
//! better data, and the signatures say so.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::cache::{Delegation, DenialKind, Security};
use crate::time::Time;
use crate::trace::{Bogus, Event, GoalId, Informant, Judged, Purpose, ServerAt, Source, Verdict};
use crate::wire::{Ede, Name, Question, RecordType, RrSet};

use super::found::Found;
use super::goal::{Goal, State};
use super::outcome::Failure;
use super::pending::Pending;
use super::requery::{AGE_SECS, may_have_moved, servers_of};
use super::scrub::Clean;
use super::servers::given_addresses;
use super::{CLIENT, Turn, Walk};

/// What is bogus.
#[derive(Clone, Debug)]
pub(super) struct Bad {
    /// Why.
    pub(super) reason: Bogus,
    /// What of the client's answer it was that could not be proved: a set, or that there is none.
    about: Question,
    /// The question for a proof that had the bad answer; `None` when it was the client's.
    pub(super) fault: Option<Question>,
    /// A question for a proof whose bad answer came from the same server.
    pub(super) beside: Option<Question>,
}

/// A server that was not believed by this walk, because what it said was bogus.
#[derive(Clone, Debug)]
pub(super) struct Doubted {
    /// For which zone.
    pub(super) zone: Name,
    /// Who.
    pub(super) server: ServerAt,
    /// What it said.
    pub(super) bad: Bad,
    /// Whether it is not asked any more: unless nobody else is heard, and the zone may have other keys.
    pub(super) is_out: bool,
}

/// A denial that need not be proved, and that is not believed as long as others may know better.
#[derive(Debug)]
pub(super) struct Owed {
    /// The zone for which it was asked.
    zone: Name,
    /// What it says, as it stood in the client's goal.
    found: Found,
    current: Question,
    chain: Vec<RrSet>,
    proof: Vec<RrSet>,
    told: SmallVec<[(Name, Source); 1]>,
    /// That it is taken after all, for the trace.
    event: Option<Event>,
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
    pub(super) fn ask_elsewhere(&mut self, bad: &Bad, turn: &mut Turn<'_, '_>) -> bool {
        if self.asks_nobody {
            return true;
        }
        let reason = &bad.reason;
        let most = turn.around.settings.limits.bogus_retries as usize;
        let has_old_keys = has_old_keys(bad, turn);
        if self.doubted.len() >= most && !has_old_keys || matches!(reason, Bogus::TooCostly { .. }) {
            return false;
        }
        let Some((id, informant)) = self.culprit(bad, turn) else { return false };
        // RFC 4035 §4.7: what was kept for a client that checks for itself, CD set, must not keep others from what the
        // servers say by now.
        let recalled = id.is_none_or(|id| self.goal(id).recalled);
        if has_old_keys || recalled && self.recalls < most {
            self.recalls += 1;
            self.note(turn, CLIENT, Event::AskedAnew { reason: reason.clone() });
        } else if self.is_anybody_else(&informant, &[], turn) {
            let server = turn.around.settings.routes.server_at(&informant);
            let (zone, because) = (informant.zone, reason.clone());
            self.note(turn, CLIENT, Event::Doubted { zone: zone.clone(), server: server.clone(), reason: because });
            self.doubted.push(Doubted { zone, server, bad: bad.clone(), is_out: true });
        } else {
            return false;
        }
        let Some(Question { name, qtype, .. }) = &bad.fault else {
            // Keys that a client asks for are to prove themselves, and were taken from the same answer.
            let same = self.proof_goal(&self.goals[0].current);
            self.begin_anew(turn);
            let beside = bad.beside.as_ref().and_then(|question| {
                turn.around.cache.disbelieve(&question.name, question.qtype, turn.now);
                self.proof_goal(question)
            });
            same.into_iter().chain(beside).for_each(|id| self.prove_by(id, turn));
            return true;
        };
        turn.ready.extend(id.is_none().then_some(CLIENT));
        turn.around.cache.disbelieve(name, *qtype, turn.now);
        id.into_iter().for_each(|id| self.prove_by(id, turn));
        true
    }

    /// Asks another server for what a signed zone denies without the proof that it owes; false when there is no other,
    /// or one has said the same: what lies in an unsigned zone below may be denied so, as a zone may be like that.
    pub(super) fn is_asked_elsewhere(&mut self, unproved: Option<Bogus>, turn: &mut Turn<'_, '_>) -> bool {
        let client = &self.goals[0];
        let is_owed = !self.took_owed && client.whole.is_none() && !self.is_exempt(&client.current.name, turn);
        let Some(reason) = unproved.filter(|_| is_owed && !self.was_believed(turn)) else { return false };
        let bad = self.bad(reason, client.current.clone(), None, turn);
        let owed = self.owed(&bad, turn);
        let is_asked = !self.agrees(&bad, turn) && self.ask_elsewhere(&bad, turn);
        if is_asked {
            self.owed = owed;
            self.look_again.get_or_insert(self.budget.patient_until());
        }
        is_asked
    }

    /// Whether the client's denial was in the cache, and was believed when it came there: another was asked then.
    fn was_believed(&self, turn: &Turn<'_, '_>) -> bool {
        let Goal { recalled, current: Question { name, qtype, .. }, .. } = &self.goals[0];
        let known = || turn.around.cache.denial(name, *qtype, turn.now);
        *recalled && known().is_some_and(|known| known.security == Security::Insecure)
    }

    /// Whether those who are doubted were so for the same reason, and who gives it now is another server.
    fn agrees(&self, bad: &Bad, turn: &Turn<'_, '_>) -> bool {
        let server = self.culprit(bad, turn).map(|(_, informant)| turn.around.settings.routes.server_at(&informant));
        let is_another = |doubted: &Doubted| server.as_ref().is_none_or(|server| server.is_another(&doubted.server));
        let mut same = self.doubted.iter().filter(|doubted| doubted.bad.reason == bad.reason).peekable();
        same.peek().is_some() && same.all(is_another)
    }

    fn owed(&self, bad: &Bad, turn: &Turn<'_, '_>) -> Option<Box<Owed>> {
        let Goal { current, chain, proof, told, state: State::Proving(proving), .. } = &self.goals[0] else {
            return None;
        };
        let found = proving.found.clone();
        let (_, by) = self.culprit(bad, turn)?;
        // Nobody has said now what the cache had.
        let own = self.log.iter().rev().filter(|entry| entry.goal == CLIENT).map(|entry| &entry.event);
        let event = own.take_while(|event| !matches!(event, Event::FromCache { .. })).find_map(|event| match event {
            Event::Heard { ask, server, .. } if server.addr == by.addr => {
                let no_name = matches!(found, Found::Denied(DenialKind::NxDomain, _));
                let verdict = if no_name { Verdict::NxDomain } else { Verdict::NoData };
                Some(Event::LastResort { ask: *ask, server: server.clone(), verdict })
            }
            _ => None,
        });
        let (current, chain, proof, told) = (current.clone(), chain.clone(), proof.clone(), told.clone());
        Some(Box::new(Owed { zone: by.zone, found, current, chain, proof, told, event }))
    }

    /// Takes such a denial for want of anything better; false if there is none.
    pub(super) fn take_owed(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        let Some(owed) = self.owed.take().filter(|owed| !self.is_contradicted(owed)) else { return false };
        let Owed { found, current, chain, proof, told, event, .. } = *owed;
        self.took_owed = true;
        event.into_iter().for_each(|event| self.note(turn, CLIENT, event));
        let goal = self.goal(CLIENT);
        (goal.current, goal.chain, goal.proof, goal.told) = (current, chain, proof, told);
        self.prove(found, turn);
        true
    }

    /// Whether there turned out to be more than such a denial has said: an alias, or a zone below the one of whoever
    /// gave it.
    fn is_contradicted(&self, owed: &Owed) -> bool {
        let (goal, name) = (&self.goals[0], &owed.current.name);
        let leads_on = |cut: &Delegation| name.is_within(&cut.zone) && cut.zone.is_below(&owed.zone);
        let is_led_on = matches!(&goal.state, State::At(at) if leads_on(&at.cut));
        is_led_on || goal.chain.iter().any(|set| set.owner == *name)
    }

    /// Whether there is such a denial, and nothing says otherwise.
    pub(super) fn is_owed(&self) -> bool {
        self.owed.as_ref().is_some_and(|owed| !self.is_contradicted(owed))
    }

    /// Asks once more for what is to prove something.
    fn prove_by(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) {
        let goal = self.goal(id);
        goal.restart(turn.around.settings.minimisation);
        goal.waiters.push(CLIENT);
        turn.ready.push(id);
    }

    /// What cannot be believed goes out of the cache, so that the next question begins anew.
    pub(super) fn disbelieve(&mut self, bad: Bad, turn: &mut Turn<'_, '_>) {
        if self.take_back_inferred(turn)
            || self.ask_whole(turn)
            || self.ask_by_name(&bad.reason, turn)
            || self.ask_elsewhere(&bad, turn)
        {
            return;
        }
        let because = bad.fault.as_ref().map(|question| self.failure_of(question)).unwrap_or_default();
        let by = self.culprit(&bad, turn).map(|(_, by)| by);
        let is_same = |doubted: &&Doubted| match &by {
            Some(by) => doubted.zone == by.zone,
            None => doubted.bad.fault == bad.fault,
        };
        let first = self.doubted.iter().find(is_same).cloned();
        let is_proved_anew = match &first {
            _ if because.is_empty() => self.prove_anew(&bad, by.as_ref().map(|by| &by.zone), turn),
            Some(first) => self.prove_by_others(first, turn),
            // What cannot be had just now says nothing against what it would prove.
            None => false,
        };
        if is_proved_anew {
            return;
        }
        if because.is_empty()
            && let State::Proving(proving) = std::mem::replace(&mut self.goal(CLIENT).state, State::Begin)
        {
            self.forget_answer(&proving.found, turn);
        }
        let (reason, from) = match first {
            Some(Doubted { bad, server, .. }) => (bad.reason, Some(server)),
            None => (bad.reason, by.map(|by| turn.around.settings.routes.server_at(&by))),
        };
        self.is_bogus(Failure::Bogus { reason, from, because }, turn);
    }

    /// Ends the client's question, or asks it anew unless a limit was met, where it has no answer of a zone's servers,
    /// one of whom was not believed; false when all were.
    pub(super) fn end_in_doubt(&mut self, has_limit: bool, turn: &mut Turn<'_, '_>) -> bool {
        let State::At(at) = &self.goals[0].state else { return false };
        let first = self.doubted.iter().find(|doubted| doubted.zone == at.cut.zone).cloned();
        let Some(first) = first else { return false };
        if has_limit || !self.prove_by_others(&first, turn) {
            let Doubted { server, bad, .. } = first;
            self.is_bogus(Failure::Bogus { reason: bad.reason, from: Some(server), because: Vec::new() }, turn);
        }
        true
    }

    /// The client's question has no answer that could be believed.
    fn is_bogus(&mut self, failure: Failure, turn: &mut Turn<'_, '_>) {
        if self.take_owed(turn) {
            return;
        }
        if let Failure::Bogus { reason, .. } = &failure {
            self.note(turn, CLIENT, Event::Judged { judged: Judged::Bogus { reason: reason.clone() } });
        }
        self.conclude(CLIENT, Found::Failed(failure), turn);
    }

    /// Why something that was asked for as a proof could not be had.
    fn failure_of(&self, wanted: &Question) -> Vec<Ede> {
        match self.find_goal(|goal| goal.question == *wanted).map(|id| (id, &self.goals[id.0 as usize].state)) {
            Some((id, State::Done(Found::Failed(failure)))) => self.reasons(id, failure),
            _ => Vec::new(),
        }
    }

    /// Asks anew who has the zone whose keys do not fit what its servers say, and proves it anew: it may have others by
    /// now, or none, as when it has moved to other hands. What was proved of it holds for others until then. Where
    /// those of a zone `by` below it said so, that one is asked for, as it may be gone. False when all is young: a zone
    /// that is bogus costs the one above no more than one whose servers give no answer.
    fn prove_anew(&mut self, bad: &Bad, by: Option<&Name>, turn: &mut Turn<'_, '_>) -> bool {
        let (cache, now) = (turn.around.cache, turn.now);
        let Some(zone) = bad.reason.misfit() else { return false };
        let cut = cache.delegation(zone, now);
        // Whoever has a zone below knows nothing of these keys.
        let below = by.filter(|by| by.is_below(zone));
        let left = match (below, cut.as_deref()) {
            (Some(below), _) => self.may_be_gone(zone, below, turn),
            // Who lists servers that lie may have been forged himself, a moment ago.
            (None, Some(cut)) if self.forget(cut, CLIENT, turn) => Some(zone.clone()),
            (None, cut) => may_have_other_keys(zone, cut, turn).then(|| zone.clone()),
        };
        let Some(left) = left else { return false };
        self.note(turn, CLIENT, Event::AskedAnew { reason: bad.reason.clone() });
        self.anew.push((left, now));
        let [keys, ds] = [RecordType::DNSKEY, RecordType::DS].map(|rtype| Question::new(zone.clone(), rtype));
        if below.is_none() {
            cache.distrust_keys(zone, now);
        }
        let own = [&ds, &keys].into_iter().filter(|_| below.is_none());
        let has_moved = below.is_some() || cut.is_some();
        for question in own.chain(&bad.fault) {
            cache.disbelieve(&question.name, question.qtype, now);
            // What the zone was asked for just now its old servers have said.
            let is_old = |id: &GoalId| self.goals[id.0 as usize].recalled || has_moved && *question != ds;
            if let Some(id) = self.proof_goal(question).filter(is_old) {
                self.prove_by(id, turn);
            }
        }
        self.begin_anew(turn);
        true
    }

    /// The same where nobody was heard but who was not believed: by what the zone above says he may be right.
    fn prove_by_others(&mut self, doubted: &Doubted, turn: &mut Turn<'_, '_>) -> bool {
        self.doubted.iter_mut().filter(|them| them.zone == doubted.zone).for_each(|them| them.is_out = false);
        self.prove_anew(&doubted.bad, Some(&doubted.zone), turn)
    }

    /// The uppermost zone below `above`, which has the say, by which one came to `below`, whose servers gave what does
    /// not fit: it may be gone, with those below it, and who had it go on answering. None that is young, or was asked
    /// for anew.
    fn may_be_gone(&self, above: &Name, below: &Name, turn: &Turn<'_, '_>) -> Option<Name> {
        let may_be_gone = |zone: &Name| {
            let is_asked = self.anew.iter().any(|(known, _)| known == zone);
            let cut = || turn.around.cache.delegation(zone, turn.now);
            !is_asked && cut().is_some_and(|cut| may_have_moved(&cut, turn.now))
        };
        let mut between = (above.label_count() + 1..=below.label_count()).map(|count| below.suffix(count));
        between.find(may_be_gone)
    }

    /// Whether a delegation is left aside by this walk: it was known when it turned out that its zone, or one above it,
    /// may have others by now. Who had that one goes on referring to those below it.
    pub(super) fn is_left(&self, cut: &Delegation) -> bool {
        let is_older = |(zone, since): &(Name, Time)| cut.stored < *since && cut.zone.is_within(zone);
        self.anew.iter().any(is_older)
    }

    /// Whether it can be proved that a part of the name does not exist, and so nothing below it (RFC 8020). Without
    /// proof that is not believed: some servers say it of names that only have others below them.
    pub(super) fn may_be_proved(&mut self, pending: &Pending, clean: &Clean, turn: &Turn<'_, '_>) -> bool {
        pending.goal == CLIENT && self.validates(turn) && self.is_signed(CLIENT, turn) && !clean.proof.is_empty()
    }

    /// That a part of the name does not exist could not be proved: the whole name is asked for. False when it was
    /// the whole name that was asked for.
    pub(super) fn ask_whole(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        let goal = self.goal(CLIENT);
        let Some(whole) = goal.whole.take() else { return false };
        turn.around.cache.disbelieve_denial(&goal.current.name, goal.current.qtype, turn.now);
        goal.current.name = whole;
        // Who denied the part is not who told what the name is known by: it may be an alias on the way.
        goal.told.pop();
        goal.minimised.doubt_denial();
        goal.state = State::Begin;
        turn.ready.push(CLIENT);
        true
    }

    /// What the client asked for is looked up once more.
    fn begin_anew(&mut self, turn: &mut Turn<'_, '_>) {
        if let State::Proving(proving) = std::mem::replace(&mut self.goal(CLIENT).state, State::Begin) {
            self.forget_answer(&proving.found, turn);
        }
        self.goal(CLIENT).restart(turn.around.settings.minimisation);
        turn.ready.push(CLIENT);
    }

    /// What is bogus for this reason, as was found with the answer to `fault`.
    pub(super) fn bad(&self, reason: Bogus, about: Question, fault: Option<Question>, turn: &Turn<'_, '_>) -> Bad {
        let client = &self.goals[0];
        let answer = match &client.state {
            State::Proving(proving) => proving.answer(),
            _ => None,
        };
        let mut own = client.chain.iter().chain(answer);
        let is_own =
            reason.set().is_some_and(|(owner, rtype)| own.any(|set| set.owner == *owner && set.rtype == rtype));
        // An answer that is unsigned may rightly be so where somebody hides the proof of a cut on the way to it, be it
        // one that has the same servers on both sides. Who gave both, of what there is in a zone of his, says of the
        // one no better than of the other; no zone is a forwarder's own.
        let routes = &turn.around.settings.routes;
        let said_by = self.informant(CLIENT, reason.set()).filter(|by| is_own && !routes.forward(&by.zone));
        let is_same = |ds: &Question| {
            let also = self.proof_goal(ds).and_then(|id| self.informant(id, None));
            said_by.is_some_and(|by| !by.zone.is_within(&ds.name) && also.is_none_or(|also| also.addr == by.addr))
        };
        let fault = fault.filter(|question| *question != client.current);
        match fault {
            Some(ds) if ds.qtype == RecordType::DS && is_same(&ds) => {
                Bad { reason, about, fault: None, beside: Some(ds) }
            }
            fault => Bad { reason, about, fault, beside: None },
        }
    }

    /// Which goal got the bogus answer, if it is not the cache that had it, and who gave it.
    fn culprit(&self, bad: &Bad, turn: &Turn<'_, '_>) -> Option<(Option<GoalId>, Informant)> {
        let Some(question) = &bad.fault else {
            return Some((Some(CLIENT), self.informant(CLIENT, Some((&bad.about.name, bad.about.qtype)))?));
        };
        match self.proof_goal(question) {
            Some(id) => Some((Some(id), self.informant(id, None)?)),
            None => {
                let known = turn.around.cache.set(&question.name, question.qtype, turn.now)?;
                Some((None, known.from.informant()?.clone()))
            }
        }
    }

    /// Who answered a goal's question for the name of that set, or below it where that is a DNAME (RFC 6672 §2.2), or
    /// else for the deepest zone that it lies in.
    fn informant(&self, id: GoalId, set: Option<(&Name, RecordType)>) -> Option<Informant> {
        let told = &self.goals[id.0 as usize].told;
        let is_of = |asked: &Name, (owner, rtype): (&Name, RecordType)| {
            asked == owner || rtype == RecordType::DNAME && asked.is_below(owner)
        };
        let by_name = told.iter().rev().find(|(asked, _)| set.is_some_and(|set| is_of(asked, set)));
        let lies_in = |zone: &Name| set.is_none_or(|(owner, _)| owner.is_within(zone));
        let by_zone = || {
            let holding = told.iter().filter(|(_, source)| source.informant().is_some_and(|from| lies_in(&from.zone)));
            holding.max_by_key(|(_, source)| source.informant().map(|from| from.zone.label_count()))
        };
        by_name.or_else(by_zone).or(told.last()).and_then(|(_, source)| source.informant().cloned())
    }

    /// The goal in which a question for a proof has come to its end.
    fn proof_goal(&self, question: &Question) -> Option<GoalId> {
        self.find_goal(|goal| {
            let is_it = goal.purpose == Purpose::Proof && goal.question == *question;
            is_it && matches!(goal.state, State::Done(_))
        })
    }

    /// Whether a zone has a server that is not doubted and may be asked.
    pub(super) fn is_anybody_else(&self, informant: &Informant, astray: &[Informant], turn: &Turn<'_, '_>) -> bool {
        let settings = turn.around.settings;
        let Some(cut) = servers_of(&informant.zone, turn) else { return true };
        let is_named = settings.routes.0.iter().any(|route| route.cut.zone == cut.zone);
        let no_way_out = self.no_way_out(turn);
        let is_good = |addr: IpAddr| {
            let is_it = |known: &Doubted| known.is_out && known.zone == cut.zone && known.server.addr == addr;
            let doubted =
                self.doubted.iter().any(is_it) || astray.iter().any(|by| by.zone == cut.zone && by.addr == addr);
            let may_be = settings.uses(addr) && !no_way_out[usize::from(addr.is_ipv6())];
            let avoided = settings.avoids(addr, &cut.zone, is_named).is_some();
            may_be && !avoided && !doubted && addr != informant.addr
        };
        let Delegation { servers, .. } = &*cut;
        // At worst somebody counts who is then not asked, or the other way round: one try more or less.
        servers.iter().any(|server| {
            let addrs = given_addresses(server, turn.around.cache, turn.now);
            // Of one whose addresses are not known any more only the name says whether it was that one.
            let is_new = addrs.is_empty() && informant.name.as_ref() != Some(&server.name);
            is_new || addrs.iter().any(|addr| is_good(*addr))
        })
    }
}

/// Whether the keys that do not fit were told before the zone above has said who has the zone: perhaps by who had it
/// until then. That one need not be asked for it again.
fn has_old_keys(bad: &Bad, turn: &Turn<'_, '_>) -> bool {
    let (cache, now) = (turn.around.cache, turn.now);
    let keys = bad.fault.as_ref().filter(|question| question.qtype == RecordType::DNSKEY);
    let told =
        |asked: &Question| Some((cache.set(&asked.name, asked.qtype, now)?, cache.delegation(&asked.name, now)?));
    keys.and_then(told).is_some_and(|(keys, cut)| keys.stored < cut.stored)
}

/// Whether all that is known of who has a zone, and with which keys, is so old that it may have others by now. Where
/// the zone above has the same servers, nothing is known of the delegation. Where it has other keys as well, a new
/// delegation stands beside an old DS set, by which the zone may have been proved just now.
fn may_have_other_keys(zone: &Name, cut: Option<&Delegation>, turn: &Turn<'_, '_>) -> bool {
    let (cache, now) = (turn.around.cache, turn.now);
    let ds = cache.set(zone, RecordType::DS, now).map(|known| known.stored);
    let oldest = [cut.map(|cut| cut.stored), ds, cache.zone_proved_at(zone, now)].into_iter().flatten().min();
    oldest.max(cut.map(|cut| cut.requeried)).is_some_and(|since| now.secs_since(since) >= AGE_SECS)
}
