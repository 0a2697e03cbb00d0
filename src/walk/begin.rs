//! The beginning of a goal: what the caches know, and from which zone on the servers are asked.

use std::sync::Arc;

use crate::cache::{About, Cache, Delegation, Denial, DenialKind, KnownSet, Security, Upward};
use crate::time::Time;
use crate::trace::{Event, GoalId, Known, Limit, Purpose, ServerAt, Source};
use crate::wire::{Ede, Name, Question, RecordType, RrSet, is_aliased};

use super::at_zone::AtZone;
use super::found::{Denied, Found};
use super::goal::{Goal, Left, State};
use super::minimise::Minimisation;
use super::outcome::Failure;
use super::requery::is_told_again;
use super::scrub::synthesise;
use super::{Around, CLIENT, Turn, Walk, WalkSettings};

/// What the caches say about a question.
enum Look {
    /// The set, and the proof that a wildcard may stand for its owner.
    Set(RrSet, Vec<RrSet>),
    /// The CNAME, behind the DNAME that it is made from if it is; its target; and such a proof.
    Alias(Vec<RrSet>, Name, Vec<RrSet>),
    /// A DNAME that ends it: by the CNAME that is made from it, which was asked for by itself, or by a name too long.
    Ended(RrSet, Found),
    Denial(DenialKind, Denied),
    Failed(Failure),
    Nothing,
}

impl Walk {
    /// Looks into the caches and goes to the servers of the deepest zone that is known.
    pub(super) fn begin(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) {
        let current = self.goal(id).current.clone();
        if self.goal(id).purpose == Purpose::Priming {
            let hints = turn.around.settings.hints.clone();
            return self.enter(id, hints, turn);
        }
        if let Purpose::StubPriming { zone } = self.goal(id).purpose.clone() {
            return self.begin_stub_priming(id, &zone, turn);
        }
        if id == CLIENT {
            self.learn_ds(&current, turn);
        }
        if let Some(zone) = self.led_here(id, &current, turn) {
            return self.finish(id, Found::Special(zone), turn);
        }
        let upward = turn.around.cache.upward(&current.name);
        let (mut look, mut seen) = look(&current, &upward, self.recalls == 0, turn.around, turn.now);
        if let Some(event) = seen.take() {
            self.note(turn, id, event.clone());
            if self.sets_aside(id, &event, turn) {
                (look, seen) = remembered(&current, upward.about(), turn.now);
            } else if let Event::FromCache { source, .. } = event {
                let goal = self.goal(id);
                goal.told.push((current.name.clone(), source));
                goal.recalled = true;
            }
        }
        if let Some(event) = seen {
            self.note(turn, id, event);
        }
        match look {
            Look::Set(set, proof) => {
                self.goal(id).proof.extend(proof);
                self.finish(id, Found::Answer(set), turn);
            }
            Look::Alias(links, target, proof) => {
                if self.extend_chain(id, links, proof, turn) {
                    self.follow(id, target, turn);
                }
            }
            Look::Ended(dname, found) => {
                if self.extend_chain(id, vec![dname], Vec::new(), turn) {
                    self.finish(id, found, turn);
                }
            }
            Look::Denial(kind, denied) => self.finish(id, Found::Denied(kind, denied), turn),
            // What could not be proved is asked for again for those who check for themselves.
            Look::Failed(failure) if !self.checking && failure.edes().iter().any(Ede::is_dnssec) => {
                self.descend(id, &current, &upward, turn);
            }
            Look::Failed(failure) => {
                // RFC 9520 has nobody asked again; what was proved since needs nobody.
                if !self.conclude_from_spans(id, &current, turn) {
                    self.fail(id, failure, turn);
                }
            }
            Look::Nothing => {
                if !self.conclude_from_spans(id, &current, turn) {
                    self.descend(id, &current, &upward, turn);
                }
            }
        }
    }

    /// Begins at the deepest known zone cut above the question.
    fn descend(&mut self, id: GoalId, current: &Question, upward: &Upward<'_>, turn: &mut Turn<'_, '_>) {
        // RFC 4035 §3.1.4.1: the DS set of a zone is asked from its parent.
        let parent = (current.qtype == RecordType::DS).then(|| current.name.parent()).flatten();
        let goal = self.goal(id);
        let left = goal.left.zones.last().map(|(cut, _)| &cut.zone);
        let above = left.or(goal.above.as_ref().filter(|zone| current.name.is_within(zone))).map(Name::parent);
        let mut parent = above.unwrap_or(parent);
        let mut known = match &parent {
            Some(parent) => turn.around.cache.deepest(parent, turn.now),
            None => upward.deepest(turn.now),
        };
        loop {
            let place = parent.as_ref().unwrap_or(&current.name);
            if self.take_route(id, place, known.as_deref(), turn) {
                return;
            }
            let Some(cut) = known else { break };
            if !self.passes_over(id, &cut, turn) {
                return self.enter(id, cut, turn);
            }
            parent = cut.zone.parent();
            known = parent.as_ref().and_then(|parent| turn.around.cache.deepest(parent, turn.now));
        }
        match self.root.clone() {
            Some(root) => self.enter(id, root, turn),
            None => self.prime(id, turn),
        }
    }

    /// The servers of the root are asked for their own list first (RFC 9609).
    fn prime(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) {
        self.goal(id).state = State::AwaitsPriming;
        if let Some(goal) = self.goals.iter_mut().find(|goal| goal.purpose == Purpose::Priming) {
            goal.waiters.push(id);
            return;
        }
        let question = Question::new(Name::root(), RecordType::NS);
        self.open(question, Purpose::Priming, id, turn);
    }

    /// Opens a sub-goal for `parent`.
    pub(super) fn open(
        &mut self,
        question: Question,
        purpose: Purpose,
        parent: GoalId,
        turn: &mut Turn<'_, '_>,
    ) -> GoalId {
        let id = GoalId(u32::try_from(self.goals.len()).unwrap_or(u32::MAX));
        let depth = self.goal(parent).depth + 1;
        let event = Event::Goal {
            name: question.name.clone(),
            qtype: question.qtype,
            purpose: purpose.clone(),
            parent: Some(parent),
        };
        let mut goal = Goal::new(question, purpose, depth, turn.around.settings.minimisation);
        goal.waiters.push(parent);
        self.goals.push(goal);
        self.note(turn, id, event);
        turn.ready.push(id);
        id
    }

    /// A goal for which `waiter` waited has ended.
    pub(super) fn resume(&mut self, waiter: GoalId, ended: GoalId, turn: &mut Turn<'_, '_>) {
        let is_proving = matches!(self.goal(waiter).state, State::Proving(_));
        match self.goal(ended).purpose {
            Purpose::Priming => {
                let hints = &turn.around.settings.hints;
                self.root.get_or_insert_with(|| hints.clone());
                self.goal(waiter).state = State::Begin;
            }
            Purpose::StubPriming { .. } => self.goal(waiter).state = State::Begin,
            // The keys were asked for in advance: the question itself is still under way.
            Purpose::Proof if !is_proving => return,
            Purpose::Proof => {}
            Purpose::Client | Purpose::ServerAddress { .. } => self.address_known(waiter, ended),
        }
        turn.ready.push(waiter);
    }

    /// Goes to the servers of `cut`.
    pub(super) fn enter(&mut self, id: GoalId, cut: Arc<Delegation>, turn: &mut Turn<'_, '_>) {
        if id == CLIENT {
            self.note(turn, id, Event::Entered { zone: cut.zone.clone(), servers: Arc::clone(&cut.servers) });
            self.foresee(&cut.zone, cut.ds.is_some(), turn);
        }
        let seen = self.have_seen(id, &cut.zone);
        let goal = self.goal(id);
        goal.minimised.enter(&cut.zone);
        if seen {
            goal.minimised.give_up();
        }
        goal.entered = true;
        let left = &mut goal.left;
        let mut at = match left.zones.pop_if(|(known, _)| known.zone == cut.zone) {
            Some((known, at)) => AtZone { requeried: is_told_again(&known, &cut, turn.now), cut, ..at },
            // Who leads astray gets no more names looked up than who does not (NXNSAttack).
            None => {
                AtZone { failed_lookups: left.zones.last().map_or(0, |(_, at)| at.failed_lookups), ..AtZone::new(cut) }
            }
        };
        let zone = at.cut.zone.clone();
        for by in left.astray.iter().filter(|by| by.zone == zone) {
            at.tried(&ServerAt::new(by.name.clone(), by.addr, None)).out = true;
        }
        for doubted in self.doubted.iter().filter(|doubted| doubted.is_out && doubted.zone == zone) {
            at.tried(&doubted.server).out = true;
        }
        self.goal(id).state = State::At(Box::new(at));
        self.pass_known(id, turn);
        turn.ready.push(id);
    }

    /// Whether the servers of `zone` have been shown all of the name that is asked for a proof: to show it to them
    /// label by label hides nothing, and for each label of an unsigned name costs as many questions as there are labels
    /// above.
    fn have_seen(&self, id: GoalId, zone: &Name) -> bool {
        let goal = &self.goals[id.0 as usize];
        let shown = |(name, source): &(Name, Source)| {
            name.is_within(&goal.current.name) && source.informant().is_some_and(|informant| informant.zone == *zone)
        };
        goal.purpose == Purpose::Proof && self.goals[0].told.iter().any(shown)
    }

    /// Adds aliases to the chain of a goal; false when that ended the goal.
    pub(super) fn extend_chain(
        &mut self,
        id: GoalId,
        links: Vec<RrSet>,
        proof: Vec<RrSet>,
        turn: &mut Turn<'_, '_>,
    ) -> bool {
        let goal = self.goal(id);
        goal.proof.extend(proof);
        for link in links {
            let again = goal.chain.iter().any(|known| known.rtype == RecordType::CNAME && known.owner == link.owner);
            if again && link.rtype == RecordType::CNAME {
                self.loops(id, link.owner, turn);
                return false;
            }
            // RFC 2181 §5: the same DNAME, met again further on, stands in the answer once.
            if !goal.chain.contains(&link) {
                goal.chain.push(link);
            }
        }
        let aliases = goal.chain.iter().filter(|set| set.rtype == RecordType::CNAME).count();
        if aliases > turn.around.settings.limits.cname_links as usize {
            self.over_limit(id, Limit::CnameLinks, turn);
            return false;
        }
        true
    }

    /// Goes on with the name to which the aliases have led.
    pub(super) fn follow(&mut self, id: GoalId, target: Name, turn: &mut Turn<'_, '_>) {
        let mode = turn.around.settings.minimisation;
        // An alias is no zone cut: where it leads is no concern of the proof.
        if self.goal(id).purpose == Purpose::Proof {
            return self.finish(id, Found::Denied(DenialKind::NoData, Denied::default()), turn);
        }
        let goal = self.goal(id);
        if goal.chain.iter().any(|set| set.rtype == RecordType::CNAME && set.owner == target) {
            return self.loops(id, target, turn);
        }
        goal.current.name = target;
        goal.referrals = 0;
        goal.left = Left::default();
        goal.minimised = super::minimise::Minimised::new(mode);
        goal.ask_above(goal.above.clone());
        goal.state = State::Begin;
        turn.ready.push(id);
    }
}

/// Asks the caches: the set itself, an alias, a denial, a failure; and unless some of that was bogus already, whether
/// there is a name above: the proof of that need not show what it says of those below (RFC 9824 §3.1).
fn look(
    question: &Question,
    upward: &Upward<'_>,
    by_tree: bool,
    around: &Around<'_>,
    now: Time,
) -> (Look, Option<Event>) {
    let (name, qtype) = (&question.name, question.qtype);
    let about = upward.about();
    // Most names for which a walk begins were never asked for.
    let is_new = about.is_new(qtype);
    let seen =
        |known, what: (&Name, RecordType), told: (&Source, Time, Time)| Some(Event::from_cache(known, what, told, now));
    if !is_new && let Some(known) = about.set(qtype, now) {
        let event = seen(Known::Set, (name, qtype), (&known.from, known.stored, known.expires));
        let proof = known.proof.iter().map(|set| aged(set, known.stored, now)).collect();
        return (Look::Set(aged(&known.set, known.stored, now), proof), event);
    }
    if !is_new && let Some(denial) = about.denial(qtype, now) {
        let known = if denial.kind == DenialKind::NxDomain { Known::NxDomain } else { Known::NoData };
        let event = seen(known, (name, qtype), (&denial.from, denial.stored, denial.expires));
        return (Look::Denial(denial.kind, denied(&denial, now)), event);
    }
    if !is_new
        && is_aliased(qtype)
        && let Some(known) = about.set(RecordType::CNAME, now)
    {
        let set = aged(&known.set, known.stored, now);
        let target = set.targets().next();
        let event = seen(Known::Alias, (name, RecordType::CNAME), (&known.from, known.stored, known.expires));
        if let Some(target) = target {
            let proof = known.proof.iter().map(|set| aged(set, known.stored, now)).collect();
            return (Look::Alias(vec![set], target, proof), event);
        }
    }
    if by_tree && let Some((above, denial)) = no_tree(name, upward, around.settings, now) {
        let event = seen(Known::NoTree, (&above, qtype), (&denial.from, denial.stored, denial.expires));
        return (Look::Denial(DenialKind::NxDomain, denied(&denial, now)), event);
    }
    if let Some((dname, known)) = dname_above(name, (around.cache, around.settings), now) {
        let event = seen(Known::Alias, (&dname.owner, RecordType::DNAME), (&known.from, known.stored, known.expires));
        return (redirect(question, dname), event);
    }
    if is_new { (Look::Nothing, None) } else { remembered(question, about, now) }
}

/// A DNAME above `name` that is proved, as it stands in an answer `now` (RFC 6672 §3.4). Believed unproved, one forged
/// packet would take all names below it.
#[must_use]
pub fn dname_above(name: &Name, (cache, settings): (&Cache, &WalkSettings), now: Time) -> Option<(RrSet, KnownSet)> {
    if settings.proofs.anchors.is_empty() {
        // Nothing is proved.
        return None;
    }
    // What is above a zone with servers that the operator names does not concern that zone.
    let most = settings.routes.own(name).map_or(1, Name::label_count);
    (most..name.label_count()).map(|count| name.suffix(count)).find_map(|above| {
        let known = cache.set(&above, RecordType::DNAME, now)?;
        (known.security == Security::Secure).then(|| (aged(&known.set, known.stored, now), known))
    })
}

/// What a DNAME above makes of a question.
fn redirect(question: &Question, dname: RrSet) -> Look {
    let Some(made) = synthesise(&question.name, &dname) else { return Look::Ended(dname, Found::TooLong) };
    let target = made.targets().next();
    match target {
        Some(target) if question.qtype != RecordType::CNAME => Look::Alias(vec![dname, made], target, Vec::new()),
        _ => Look::Ended(dname, Found::Answer(made)),
    }
}

/// The name above `name` of which it is known that it does not exist: then nothing does below it (RFC 8020 §2).
///
/// Believed of what is proved, and by those who want it so: many servers deny names that have others below them
/// (empty non-terminals), and one forged packet would take all of a subtree away.
#[must_use]
pub fn no_tree(name: &Name, upward: &Upward<'_>, settings: &WalkSettings, now: Time) -> Option<(Name, Arc<Denial>)> {
    let believed =
        |denial: &Denial| denial.security == Security::Secure || settings.minimisation == Minimisation::Strict;
    // What others say of the names above a zone with servers that the operator names does not concern that zone.
    let least = settings.routes.own(name).map_or(1, Name::label_count);
    upward.no_name_above(least, believed, now)
}

/// A denial as it stands in an answer `now`.
fn denied(denial: &Denial, now: Time) -> Denied {
    let aged = |set: &RrSet| aged(set, denial.stored, now);
    Denied { soa: denial.soa.as_ref().map(aged), proof: denial.proof.iter().map(aged).collect() }
}

/// Asks the cache whether the question failed a moment ago (RFC 9520).
fn remembered(question: &Question, about: About<'_>, now: Time) -> (Look, Option<Event>) {
    let Some(failure) = about.failure(question.qtype, now) else { return (Look::Nothing, None) };
    let told = (&Source::Local, failure.stored, failure.expires);
    let event = Event::from_cache(Known::Failure, (&question.name, question.qtype), told, now);
    (Look::Failed(Failure::Remembered { edes: failure.edes.to_vec(), is_told: failure.is_told }), Some(event))
}

/// A set as it stands in an answer `now`: its TTL counts down from when it was `stored`.
pub(super) fn aged(set: &RrSet, stored: Time, now: Time) -> RrSet {
    RrSet { ttl_secs: set.ttl_secs.saturating_sub(now.secs_since(stored)), ..set.clone() }
}
