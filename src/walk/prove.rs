//! Validation of what was found: keys and delegations are fetched as the judge asks for them, and its verdict
//! decides what the client gets.

use std::sync::Arc;

use crate::cache::{Cache, DenialKind, Rank, Security};
use crate::dnssec::{Anchors, Cut, Fact, Judge, Known, Learned, Statement, Verdict, ZoneTrust, are_same};
use crate::time::Time;
use crate::trace::{Bogus, Event, Insecure, Judged, Limit, Purpose};
use crate::wire::{Name, Question, RecordType, RrSet};

use super::found::{Found, Proving};
use super::goal::{Goal, State};
use super::limits::MAX_GOALS;
use super::route::Routes;
use super::scrub::synthesise;
use super::{CLIENT, Turn, Walk};

/// What the statements so far came to.
enum Next {
    Judged,
    Needs(Question),
    Bogus(Bogus, Question),
}

impl Walk {
    /// Whether this walk validates what it finds.
    pub(super) fn validates(&self, turn: &Turn<'_, '_>) -> bool {
        self.checking && !turn.around.settings.proofs.anchors.is_empty()
    }

    /// The client's question has an answer: from here on it is judged.
    pub(super) fn prove(&mut self, found: Found, turn: &mut Turn<'_, '_>) {
        let goal = self.goal(CLIENT);
        let mut proof = match &found {
            Found::Denied(_, denied) => denied.proof.clone(),
            _ => Vec::new(),
        };
        proof.extend(goal.proof.iter().cloned());
        let (unsigned, exists) = (false, false);
        let (ttls_secs, shown, zones) = (Vec::new(), Vec::new(), Vec::new());
        let proving = Proving { found, proof, ttls_secs, insecure: None, unsigned, exists, shown, zones };
        goal.state = State::Proving(Box::new(proving));
        self.go_on_proving(turn);
    }

    /// Judges as far as possible with what is known now.
    pub(super) fn go_on_proving(&mut self, turn: &mut Turn<'_, '_>) {
        let (next, learned) = self.judge(turn);
        self.keep_spans(learned.spans, turn);
        // As of the beginning: what it follows from was heard since.
        let since = self.started;
        learned.zones.iter().for_each(|trust| turn.around.cache.put_zone(Arc::clone(trust), since));
        for note in learned.notes.into_iter().map(|proof| Event::Proved { proof }) {
            if self.log.iter().all(|entry| entry.event != note) {
                self.note(turn, CLIENT, note);
            }
        }
        if let State::Proving(proving) = &mut self.goal(CLIENT).state {
            proving.shown.extend(learned.shown);
            proving.zones.extend(learned.zones);
        }
        match next {
            Next::Judged if self.is_asked_elsewhere(learned.unproved, turn) => {}
            Next::Judged => self.proved(turn),
            Next::Needs(question) => self.fetch(question, turn),
            Next::Bogus(reason, about) => self.disbelieve(self.bad(reason, about, learned.fault, turn), turn),
        }
    }

    fn judge(&mut self, turn: &Turn<'_, '_>) -> (Next, Learned) {
        let nothing = || (Next::Judged, Learned::default());
        let Some((client, others)) = self.goals.split_first_mut() else { return nothing() };
        let Goal { state, chain, current, .. } = client;
        let State::Proving(proving) = state else { return nothing() };
        let Proving { found, proof, ttls_secs, insecure, unsigned, exists, zones, .. } = &mut **proving;
        let around = &*turn.around;
        let settings = &around.settings;
        let (cache, since, now, routes) = (around.cache, self.started, turn.now, &settings.routes);
        let anew = &self.anew[..];
        let known = Knowledge { cache, since, now, goals: others, zones, proof, routes, anew };
        let spent = &mut self.budget.proofs;
        let mut judge = Judge::new(&settings.proofs, &settings.limits.proofs, &known, (now, around.unix_secs), spent);
        let statements = statements((chain, proof), current, found, &settings.proofs.anchors);
        let mut next = Next::Judged;
        *unsigned |= matches!(found, Found::Special(_));
        for statement in statements.iter().skip(ttls_secs.len()) {
            let verdict = match statement {
                Some(statement) => judge.judge(statement),
                // Signatures are not signed; nothing can be said of them.
                None => {
                    *unsigned = true;
                    Verdict::Secure { ttl_secs: u32::MAX }
                }
            };
            match verdict {
                Verdict::Secure { ttl_secs } => ttls_secs.push(ttl_secs),
                Verdict::NoData { ttl_secs } => {
                    ttls_secs.push(ttl_secs);
                    *exists = true;
                }
                Verdict::Insecure(why) => {
                    ttls_secs.push(u32::MAX);
                    // Of several reasons the first that clients are told of.
                    if insecure.as_ref().is_none_or(|known| known.ede().is_none()) {
                        *insecure = Some(why);
                    }
                }
                Verdict::Bogus(why) => next = Next::Bogus(why, about(statement.as_ref(), current)),
                Verdict::Needs(question) => next = Next::Needs(question),
            }
            if !matches!(next, Next::Judged) {
                break;
            }
        }
        (next, judge.into_learned())
    }

    /// Everything is judged and nothing is bogus: the TTLs are what the signatures allow (RFC 4035 §5.3.3).
    fn proved(&mut self, turn: &mut Turn<'_, '_>) {
        let State::Proving(proving) = std::mem::replace(&mut self.goal(CLIENT).state, State::Begin) else { return };
        // Whether or not a part of the name exists for certain, more of it may; only that it does not is the answer.
        if (proving.insecure.is_some() || proving.exists) && self.ask_whole(turn) {
            return;
        }
        let Proving { mut found, ttls_secs, insecure, unsigned, exists, shown, .. } = *proving;
        self.secure = insecure.is_none() && !unsigned;
        if self.secure {
            // RFC 4035 §3.2.3: all of what AD stands for is proved, the authority section as well.
            keep_shown(&mut self.goal(CLIENT).proof, &shown);
        }
        let (cache, since, now) = (turn.around.cache, self.started, turn.now);
        // Nothing that was let through unproved outlives the reason for it.
        let most_secs = insecure.as_ref().and_then(Insecure::left_secs).unwrap_or(u32::MAX);
        let mut allowed = ttls_secs.into_iter();
        // Insecure statements have no bound.
        let security = |ttl_secs| if ttl_secs == u32::MAX { Security::Insecure } else { Security::Secure };
        let bound = |set: &mut RrSet, ttl_secs: u32| {
            cache.judged_for(set, ttl_secs.min(most_secs), (security(ttl_secs), &shown), (since, now));
        };
        // What a DNAME has made is no statement of its own: it is as sure as the DNAME, and lives no longer.
        let mut secure_secs: Vec<u32> = Vec::new();
        let anchors = turn.around.settings.proofs.anchors.clone();
        let mut next_secs = |set: &RrSet, before: &[RrSet], known: &[u32]| match maker(set, before, &anchors) {
            Some(nth) => known.get(nth).copied().unwrap_or(0),
            None => allowed.next().unwrap_or(u32::MAX),
        };
        let goal = self.goal(CLIENT);
        let current = goal.current.clone();
        for nth in 0..goal.chain.len() {
            let ttl_secs = next_secs(&goal.chain[nth], &goal.chain[..nth], &secure_secs);
            bound(&mut goal.chain[nth], ttl_secs);
            secure_secs.push(ttl_secs);
        }
        let ttl_secs = match &found {
            Found::Answer(set) => next_secs(set, &goal.chain, &secure_secs),
            _ => allowed.next().unwrap_or(u32::MAX),
        };
        match &mut found {
            Found::Answer(set) => bound(set, ttl_secs),
            Found::Denied(kind, denied) => {
                let heard = (*kind, &denied.records()[..]);
                if security(ttl_secs) == Security::Secure {
                    keep_shown(&mut denied.proof, &shown);
                }
                if exists {
                    // The response code said that the name does not exist, and the proof that it does.
                    *kind = DenialKind::NoData;
                }
                let shown = (*kind, &denied.proof[..]);
                let left_secs = ttl_secs.min(most_secs);
                cache.judged_denial(&current, heard, shown, (security(ttl_secs), left_secs), now);
                let sets = denied.soa.iter_mut().chain(&mut denied.proof);
                sets.for_each(|set| set.ttl_secs = set.ttl_secs.min(left_secs));
            }
            Found::Special(_) | Found::TooLong | Found::Failed(_) => {}
        }
        self.keep_dnames(&secure_secs, turn);
        let judged = if self.secure { Judged::Secure } else { Judged::Insecure };
        self.note(turn, CLIENT, Event::Judged { judged });
        if let Some(Insecure::NegativeAnchor { zone, .. }) = &insecure {
            turn.around.settings.proofs.negative.passed(zone, &self.goals[0].question);
        }
        self.insecure = insecure;
        self.conclude(CLIENT, found, turn);
    }

    /// A DNAME that is proved answers for all names below it (RFC 6672 §3.4).
    fn keep_dnames(&mut self, secure_secs: &[u32], turn: &Turn<'_, '_>) {
        let (cache, since) = (turn.around.cache, self.started);
        let goal = self.goal(CLIENT);
        for (link, ttl_secs) in goal.chain.iter().zip(secure_secs) {
            let asked = |asked: &Name| asked.is_below(&link.owner);
            let source = goal.told.iter().find(|(name, _)| asked(name)).map(|(_, source)| source.clone());
            let is_kept = link.rtype == RecordType::DNAME && *ttl_secs != u32::MAX && link.ttl_secs > 0;
            if let Some(source) = source.filter(|_| is_kept) {
                // As of the beginning: one that came from the cache and ended meanwhile does not begin anew.
                cache.put_set(link.clone(), Rank::AuthAnswer, source, since);
                cache.judged(link, (Security::Secure, &[]), (since, turn.now));
            }
        }
    }

    /// Something must be asked before the judge can go on. Where it is asked for already, the client waits for it.
    fn fetch(&mut self, question: Question, turn: &mut Turn<'_, '_>) {
        if self.find_goal(|goal| goal.purpose == Purpose::Proof && goal.question == question).is_some() {
            return;
        }
        if self.goals.len() >= MAX_GOALS {
            return self.over_limit(CLIENT, Limit::Goals, turn);
        }
        self.open(question, Purpose::Proof, CLIENT, turn);
    }

    /// Takes the answer out of the cache.
    pub(super) fn forget_answer(&mut self, found: &Found, turn: &Turn<'_, '_>) {
        let (cache, now) = (turn.around.cache, turn.now);
        let goal = self.goal(CLIENT);
        goal.chain.iter().for_each(|set| cache.disbelieve_set(set, now));
        match found {
            Found::Answer(set) => cache.disbelieve_set(set, now),
            Found::Denied(..) => {
                cache.disbelieve_denial(&goal.current.name, goal.current.qtype, now);
            }
            Found::Special(_) | Found::TooLong | Found::Failed(_) => {}
        }
    }

    /// Whether nothing of a zone is to be proved, as the operator wants it (RFC 7646).
    pub(super) fn is_exempt(&self, zone: &Name, turn: &Turn<'_, '_>) -> bool {
        let now = (turn.now, turn.around.unix_secs);
        turn.around.settings.proofs.negative.at(zone, &Name::root(), now).is_some()
    }

    /// The keys of a zone that the client's question goes through will be needed: they are asked for while the
    /// question itself is under way, so that validation costs no round trip of its own.
    pub(super) fn foresee(&mut self, zone: &Name, signed: bool, turn: &mut Turn<'_, '_>) {
        if !self.validates(turn) {
            return;
        }
        let around = &*turn.around;
        let (settings, cache) = (around.settings, around.cache);
        let question = Question::new(zone.clone(), RecordType::DNSKEY);
        let anchored = settings.proofs.anchors.names(zone);
        let off = self.is_exempt(zone, turn) || settings.routes.own(zone).is_some() && !anchored;
        if !(signed || anchored)
            || off
            || cache.zone(zone, turn.now).is_some()
            || self.goals.len() >= MAX_GOALS
            || self.goals.iter().any(|goal| goal.question == question)
        {
            return;
        }
        self.open(question, Purpose::Proof, CLIENT, turn);
    }
}

/// Leaves in `proof` what was `shown`, for no longer than its signatures allow (RFC 4035 §5.3.3).
fn keep_shown(proof: &mut Vec<RrSet>, shown: &[RrSet]) {
    proof.retain_mut(|set| {
        let found = shown.iter().find(|shown| shown.is_as(set));
        set.ttl_secs = set.ttl_secs.min(found.map_or(0, |shown| shown.ttl_secs));
        found.is_some()
    });
}

/// What there is to judge, in order: the aliases, then the answer. `None` for what is never signed.
fn statements<'s>(
    (chain, proof): (&'s [RrSet], &'s [RrSet]),
    question: &'s Question,
    found: &'s Found,
    anchors: &Anchors,
) -> Vec<Option<Statement<'s>>> {
    let state = |set: &'s RrSet| (set.rtype != RecordType::RRSIG).then_some(Statement::Set { set, proof });
    let is_own = |nth: &usize| maker(&chain[*nth], &chain[..*nth], anchors).is_none();
    let mut all: Vec<_> = (0..chain.len()).filter(is_own).map(|nth| state(&chain[nth])).collect();
    match found {
        Found::Answer(set) if maker(set, chain, anchors).is_some() => {}
        Found::Answer(set) => all.push(state(set)),
        Found::Denied(kind, denied) => {
            let no_name = *kind == DenialKind::NxDomain;
            let (soa, proof) = (denied.soa.as_ref(), denied.proof.as_slice());
            all.push(Some(Statement::Denial { question, no_name, soa, proof }));
        }
        Found::Special(_) | Found::TooLong | Found::Failed(_) => {}
    }
    all
}

/// What a statement answers: the proof that it needs came with it, whatever names that has.
fn about(statement: Option<&Statement<'_>>, current: &Question) -> Question {
    match statement {
        Some(Statement::Set { set, .. }) => Question::new(set.owner.clone(), set.rtype),
        _ => current.clone(),
    }
}

/// Which of the sets that came before is the DNAME from which this CNAME was made (RFC 6672 §5.3.1): that one is
/// signed. Nothing above a trust anchor makes what is below: there all is signed, or bogus.
fn maker(cname: &RrSet, before: &[RrSet], anchors: &Anchors) -> Option<usize> {
    let makes = |dname: &RrSet| {
        let has_say = || anchors.top(&cname.owner).is_none_or(|top| dname.owner.is_within(&top));
        let below = dname.rtype == RecordType::DNAME && cname.owner.is_below(&dname.owner) && has_say();
        below && synthesise(&cname.owner, dname).is_some_and(|made| made.targets().eq(cname.targets()))
    };
    let may_be = cname.rtype == RecordType::CNAME && cname.sigs.is_empty();
    if may_be { before.iter().position(makes) } else { None }
}

/// What the walk knows, for the judge.
#[derive(Debug)]
struct Knowledge<'k> {
    cache: &'k Cache,
    /// When the walk began.
    since: Time,
    now: Time,
    /// All goals but the client's.
    goals: &'k [Goal],
    /// What was proved of zones a moment ago.
    zones: &'k [Arc<ZoneTrust>],
    /// What came with the answer.
    proof: &'k [RrSet],
    /// Zones whose servers the operator names.
    routes: &'k Routes,
    /// The zones that are asked for anew.
    anew: &'k [(Name, Time)],
}

impl Knowledge<'_> {
    fn is_anew(&self, zone: &Name) -> bool {
        self.anew.iter().any(|(anew, _)| anew == zone)
    }

    fn done(&self, name: &Name, qtype: RecordType) -> Option<(&Goal, &Found)> {
        let asked = |goal: &&Goal| goal.question.qtype == qtype && goal.question.name == *name;
        self.goals.iter().rev().filter(asked).find_map(|goal| match &goal.state {
            State::Done(found) => Some((goal, found)),
            _ => None,
        })
    }
}

impl Known for Knowledge<'_> {
    fn zone(&self, zone: &Name) -> Option<Arc<ZoneTrust>> {
        let known = self.zones.iter().find(|known| known.zone == *zone).cloned();
        known.or_else(|| self.cache.zone(zone, self.now).filter(|_| !self.is_anew(zone)))
    }

    fn cut(&self, name: &Name) -> (Option<Cut>, bool) {
        let asked = self.done(name, RecordType::DS);
        let cut = match asked {
            Some((_, Found::Answer(set))) => Some(Cut { ds: Some(set.clone()), ..Cut::default() }),
            Some((goal, Found::Denied(_, denied))) => {
                let proof = goal.proof.iter().chain(&denied.proof).cloned().collect();
                Some(Cut { ds: None, alias: goal.chain.first().cloned(), proof })
            }
            Some(_) => None,
            None if self.is_anew(name) => None,
            None => self.cache.delegation(name, self.now).map(|referral| {
                let (ds, proof) = referral.signed(self.now);
                Cut { ds, alias: None, proof }
            }),
        };
        (cut, asked.is_some())
    }

    fn told(&self) -> &[RrSet] {
        self.proof
    }

    fn own_zone(&self, name: &Name) -> Option<Name> {
        self.routes.own(name).cloned()
    }

    fn keys(&self, zone: &Name) -> Fact<RrSet> {
        match self.done(zone, RecordType::DNSKEY) {
            Some((_, Found::Answer(set))) => return Fact::Is(set.clone()),
            Some(_) => return Fact::Missing,
            None => {}
        }
        match self.cache.set(zone, RecordType::DNSKEY, self.now) {
            Some(known) => Fact::Is(RrSet { ttl_secs: known.expires.secs_since(self.now), ..known.set }),
            None => Fact::Unknown,
        }
    }

    fn proved_secs(&self, set: &RrSet) -> Option<u32> {
        let known = self.cache.set(&set.owner, set.rtype, self.now)?;
        // What was fetched anew, and has longer to live than what is known, does so as far as its signatures allow.
        let is_new = self.since.after_ttl(set.ttl_secs) > known.expires;
        let is_it = !is_new
            && known.security == Security::Secure
            && are_same(set.rtype, &known.set.rdatas, &set.rdatas)
            && are_same(RecordType::RRSIG, &known.set.sigs, &set.sigs);
        is_it.then(|| known.expires.secs_since(self.now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6672 §2.2, §2.3: a CNAME needs no signature when a DNAME above its owner makes the very same, that DNAME
    /// stands before it, and nobody who has the say below lies between. Nothing else makes anything.
    #[test]
    fn only_a_dname_above_makes_an_alias() {
        let name = |text: &str| text.parse::<Name>().expect("a name");
        let set = |owner: &str, rtype, target: &str| RrSet::new(name(owner), rtype, 60, [name(target).wire()]);
        let island = "i.d.z. DS 1 15 2 00".parse::<Anchors>().expect("an anchor");
        let (dname, cname) = (RecordType::DNAME, RecordType::CNAME);
        for before in [dname, cname, RecordType::NS, RecordType::PTR] {
            for rtype in [cname, RecordType::NS, RecordType::PTR, dname] {
                for (owner, target) in
                    [("x.d.z.", "x.t."), ("x.d.z.", "y.t."), ("d.z.", "t."), ("x.e.z.", "x.t."), ("x.i.d.z.", "x.i.t.")]
                {
                    for signed in [false, true] {
                        let (first, mut second) = (set("d.z.", before, "t."), set(owner, rtype, target));
                        second.sigs = [&b"a signature"[..]].into_iter().take(usize::from(signed)).collect();
                        let made = (before, rtype) == (dname, cname) && !signed;
                        let own = |anchors: &Anchors| maker(&second, std::slice::from_ref(&first), anchors).is_some();
                        let makes = made && ["x.t.", "x.i.t."].contains(&target) && owner != "x.e.z.";
                        assert_eq!(own(&Anchors::default()), makes, "{before} {rtype} {owner} {target}");
                        assert_eq!(own(&island), makes && owner != "x.i.d.z.", "{before} {rtype} {owner} {target}");
                    }
                }
            }
        }
    }
}
