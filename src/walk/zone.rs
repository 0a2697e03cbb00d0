//! Asking the servers of one zone: whom, in which way, and what to do when none is left.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::cache::{Cookies, Doubt, NameServer, ServerState, Support};
use crate::time::as_ms;
use crate::trace::{AskWhy, ChoiceWhy, Event, GoalId, Limit, Purpose, RouteKind, ServerAt, Transport};
use crate::wire::{Name, Question, RecordType, edns};

use super::ask::{Ask, AskId, NEAR};
use super::at_zone::Chance;
use super::found::Found;
use super::goal::{Goal, State};
use super::limits::MAX_GOALS;
use super::outcome::Failure;
use super::pending::{How, Pending};
use super::sentinel::tell_key_tags;
use super::servers::{Candidate, choose};
use super::{Reach, Turn, Walk};

/// Listening goes on for this long, or until the question is settled: a late reply is still of use as long as clients
/// wait, which is 5 s. Where all servers of a zone are slow, the reply to the first try comes while others are under
/// way.
const LISTEN: Duration = Duration::from_secs(5);
/// Packets that are almost the reply, after which it is not waited for any more but asked for over TCP: in a flood of
/// guesses the socket has no room for it.
const MOST_GUESSES: usize = 16;

impl Walk {
    /// Asks one more server of the zone that a goal is at, unless a reply may still come in time.
    pub(super) fn ask_next(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) {
        let mine = || self.pending.iter().filter(|pending| pending.serves(id));
        let (any_in_time, late) = (mine().any(|pending| !pending.late), mine().any(|pending| pending.late));
        // A connection that may never stand holds nobody else up, nor does who is probably dead.
        let counts = |pending: &Pending| pending.doubt == Doubt::None && pending.how.why != AskWhy::TcpAfterSilence;
        let in_time = mine().any(|pending| !pending.late && counts(pending));
        let most = turn.around.settings.limits.queries_per_step;
        let Some(at) = self.goal(id).at() else { return };
        if at.queries >= most {
            // What was asked last may still be answered.
            if !any_in_time {
                self.over_limit(id, Limit::QueriesPerStep, turn);
            }
            return;
        }
        if let Some((server, how)) = at.redo.take() {
            let state = turn.around.servers.state(server.addr, turn.now);
            self.send(id, (server, &state), how, ChoiceWhy::Same, turn);
            // Who was not to be had over TCP a while ago is not waited for alone.
            if !how.over_udp() && state.tcp == Support::No {
                self.ask_best(id, |candidate| candidate.tries == 0 && !candidate.rests, turn);
            }
            return;
        }
        if in_time {
            // Who has just been found does not wait for those that were silent before.
            if late {
                self.ask_best(id, |candidate| candidate.tries == 0 && !candidate.rests, turn);
            }
            return;
        }
        if self.is_too_late(id, turn) {
            return self.no_server_left(id, turn);
        }
        let silent = if late && self.is_time_for_tcp(id, turn) { self.silent(id, turn) } else { None };
        if let Some((tries, doubt)) = self.ask_best(id, |_| true, turn) {
            // Those from whom nothing may come are asked side by side, and next to who is alive. So are all once
            // somebody is late where a fallback waits for all of them.
            let (hurries, most) = (late && self.has_fallback(id, turn), turn.around.settings.limits.servers_per_zone);
            let mut goes_on = hurries || doubt > Doubt::None;
            for _ in 1..most {
                let asked = if goes_on { self.ask_best(id, |_| true, turn) } else { None };
                goes_on = asked.is_some_and(|(_, doubt)| hurries || doubt > Doubt::None);
            }
            // Somebody is late already: packets get lost here, or servers are dead. Two are asked from now on, and when
            // everybody whose address is known was silent, the others are looked up. It may also be that nothing comes
            // over UDP here.
            match silent {
                Some(_) if hurries || self.goal(id).is_forwarded() => drop(self.ask_all_silent(id, turn)),
                Some(silent) => self.ask_silent(id, silent, turn),
                None if late => drop(self.ask_best(id, |_| true, turn)),
                None => {}
            }
            if late && tries > 0 {
                self.look_up_servers(id, turn);
            }
            return;
        }
        if self.look_up_servers(id, turn) {
            return;
        }
        if !any_in_time && self.goal(id).at().is_some_and(|at| at.waits.is_empty()) {
            self.resort(id, turn);
        }
    }

    /// Asks the best server that may still be asked, of those that `fit`; says how often that was tried before and how
    /// likely nothing comes of it, and nothing if there is none.
    pub(super) fn ask_best(
        &mut self,
        id: GoalId,
        fits: impl Fn(&Candidate<'_>) -> bool,
        turn: &mut Turn<'_, '_>,
    ) -> Option<(u32, Doubt)> {
        if self.join(id, turn) {
            return Some((0, Doubt::None));
        }
        let cut = self.goal(id).at().map(|at| Arc::clone(&at.cut))?;
        let mut candidates = self.candidates(id, &cut.servers, turn);
        candidates.retain(fits);
        let (chosen, choice) = choose(&candidates, turn.around.dice)?;
        let Candidate { name, addr, state, rests, tries, doubt, silent_since, .. } = candidates.swap_remove(chosen);
        // Who sees whether an IP version leads somewhere again is not waited for: somebody better is asked beside it.
        let is_lost = || self.out_of_reach[usize::from(addr.is_ipv6())] || turn.around.servers.family_is_given_up(addr);
        let doubt = match choice {
            ChoiceWhy::Explored if is_lost() => doubt.max(Doubt::Silent),
            _ => doubt,
        };
        let at = self.goal(id).at()?;
        let server = ServerAt::new(name.cloned(), addr, at.port(addr));
        let tried = at.tried(&server);
        (tried.rested, tried.doubt) = (rests, doubt);
        let failed = tried.chance == Chance::Given;
        let is_copy = at.route.as_ref().is_some_and(|route| route.kind == RouteKind::LocalRoot);
        let choice = match silent_since {
            _ if is_copy => ChoiceWhy::Copy,
            Some(since) => ChoiceWhy::MayBeBack { silent_secs: (turn.now - since).as_secs() },
            None => choice,
        };
        // Some servers are silent about parts of a name (RFC 9156 §3, step 6e): the last try is with the whole of it.
        let last_try =
            tries > 0 && tries + 1 >= at.tried(&server).most_tries(turn.around.settings.limits.tries_per_address);
        let hidden = self.goal(id).hides(&turn.around.settings.limits);
        if last_try && hidden {
            self.goal(id).minimised.give_up();
        }
        let edns = state.edns != Support::No || self.is_signed(id, turn);
        let (limits, checks) = (&turn.around.settings.limits, !turn.around.settings.proofs.anchors.is_empty());
        let goal = self.goal(id);
        let why = match goal.hides(limits) {
            _ if failed && goal.is_forwarded() && checks => AskWhy::WithoutCd,
            _ if failed => AskWhy::AfterFailure,
            _ if matches!(goal.purpose, Purpose::Priming | Purpose::StubPriming { .. }) => AskWhy::Priming,
            false if goal.is_forwarded() => AskWhy::Forwarded,
            true => AskWhy::Minimised,
            false if last_try && hidden => AskWhy::FullAfterTrouble,
            false => goal.minimised.why_whole(),
        };
        // Nobody waits three times in vain for who is known to answer over TCP alone, nor where that holds for
        // everybody.
        let (transport, why) = match (state.udp, state.tcp) {
            (Support::No, Support::Yes) => (Transport::Tcp, AskWhy::TcpAsBefore),
            (Support::No | Support::Unknown, Support::Yes | Support::Unknown) if self.reach == Reach::TcpAlone => {
                (Transport::Tcp, AskWhy::TcpAsBefore)
            }
            _ => (Transport::Udp, why),
        };
        // What some servers fail at are options that they do not know, or letters of both cases.
        let cookie = !failed || matches!(state.cookies, Cookies::Given(_));
        self.send(id, (server, &state), How { transport, edns, cookie, why }, choice, turn);
        self.keeps_others_away(turn);
        Some((tries, doubt))
    }

    /// Whether the zone that a goal is at is signed: then its servers know EDNS, whatever somebody says in their name.
    pub(super) fn is_signed(&mut self, id: GoalId, turn: &Turn<'_, '_>) -> bool {
        let anchors = &turn.around.settings.proofs.anchors;
        self.goal(id).at().is_some_and(|at| at.cut.ds.is_some() || anchors.names(&at.cut.zone))
    }

    /// Whether what a goal's zone says without EDNS is of no use: it is to be proved. Where its servers are is not, but
    /// is kept for those who want it with its signatures, and so is whether zones below are signed.
    pub(super) fn needs_edns(&mut self, id: GoalId, turn: &Turn<'_, '_>) -> bool {
        let Some(zone) = self.goal(id).at().map(|at| at.cut.zone.clone()) else { return false };
        self.validates(turn) && self.is_signed(id, turn) && !self.is_exempt(&zone, turn)
    }

    /// Waits for another goal's ask when that is the same minimised question to the same zone: look-ups of several
    /// name servers walk down the same path.
    fn join(&mut self, id: GoalId, turn: &Turn<'_, '_>) -> bool {
        let limits = &turn.around.settings.limits;
        if self.pending.is_empty() || !self.goal(id).hides(limits) {
            return false;
        }
        let goal = self.goal(id);
        let (question, _) = goal.minimised.question(&goal.current, limits);
        let Some(zone) = goal.at().map(|at| at.cut.zone.clone()) else { return false };
        let same = |pending: &&mut Pending| {
            pending.minimised && !pending.late && pending.question == question && pending.zone == zone
        };
        let Some(pending) = self.pending.iter_mut().filter(|pending| !pending.serves(id)).find(same) else {
            return false;
        };
        pending.followers.push(id);
        let ask = pending.id.0;
        self.note(turn, id, Event::Joined { ask, zone, name: question.name, qtype: question.qtype });
        true
    }

    /// Sends the next question to a server, of which `state` is known.
    pub(super) fn send(
        &mut self,
        id: GoalId,
        (server, state): (ServerAt, &ServerState),
        how: How,
        choice: ChoiceWhy,
        turn: &mut Turn<'_, '_>,
    ) {
        let (settings, validates) = (turn.around.settings, self.validates(turn));
        if !self.spend_query(turn) {
            return;
        }
        let how = How { cookie: how.cookie && !(self.loses_cookies() && state.srtt.is_none()), ..how };
        let (ask, goal) = (self.next_id(), self.goal(id));
        let (question, minimised) = goal.minimised.question(&goal.current, &settings.limits);
        let Some(at) = goal.at() else { return };
        let (zone, forwarded, chance) = (at.cut.zone.clone(), at.is_forwarded(), at.tried(&server).chance);
        let attempt = at.attempt(&server, how, settings.limits.tries_per_address);
        let check_case = settings.case_randomisation && at.keeps_case(&server, how);
        let sent = if check_case { turn.around.dice.mix_case(&question) } else { question.clone() };
        let patience = self.patience_with(id, &server, state, how, attempt, turn);
        let event = Event::Asked {
            ask: ask.0,
            zone: zone.clone(),
            server: server.clone(),
            name: sent.name.clone(),
            qtype: sent.qtype,
            transport: how.transport,
            why: how.why,
            choice,
            patience_ms: as_ms(patience),
        };
        self.note(turn, id, event);
        let mut edns = turn.around.opt(&server, state, how, attempt.nth);
        tell_key_tags(edns.as_mut().filter(|_| validates), &settings.proofs, &question);
        let cookie = edns.as_ref().and_then(|edns| edns.option(edns::COOKIE)?.first_chunk().copied());
        turn.asks.push(Ask {
            id: ask,
            server: (server.addr, server.port.unwrap_or(settings.port)).into(),
            transport: how.transport,
            attempt: attempt.nth,
            question: sent,
            edns,
            rd: forwarded,
            // RFC 6840 §5.9: who checks wants what fails the check of others; who does not leaves it to them, for all.
            cd: forwarded && chance != Chance::Given && !settings.proofs.anchors.is_empty(),
            check_case,
            near_misses: settings.limits.near_misses.max(MOST_GUESSES),
            near: state.srtt.is_some_and(|srtt| srtt < NEAR),
            give_up: LISTEN,
        });
        self.pending.push(Pending {
            id: ask,
            goal: id,
            followers: Vec::new(),
            zone,
            server,
            question,
            minimised,
            forwarded,
            how,
            check_case,
            doubt: attempt.doubt,
            cookie,
            sent: turn.now,
            late_at: turn.now + patience,
            late: false,
            source: OnceCell::new(),
        });
    }

    /// What was to be asked for other goals in the step in which the client's ends is not: nor is it told, or counted.
    pub(super) fn take_back(&mut self, unsent: &[Ask]) {
        if unsent.is_empty() {
            return;
        }
        self.log.retain(|entry| match &entry.event {
            Event::Asked { ask, .. } | Event::Joined { ask, .. } => unsent.iter().all(|unsent| unsent.id.0 != *ask),
            _ => true,
        });
        self.budget.take_back(unsent.len());
    }

    fn next_id(&mut self) -> AskId {
        self.next_ask += 1;
        AskId(self.next_ask - 1)
    }

    /// Looks up addresses of servers that have none yet, or none that is of use; true if that may help.
    fn look_up_servers(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) -> bool {
        let limits = turn.around.settings.limits.clone();
        let depth = self.goal(id).depth;
        let Some(at) = self.goal(id).at() else { return false };
        if !at.waits.is_empty() {
            return false;
        }
        if at.failed_lookups >= limits.failed_server_lookups {
            self.note(turn, id, limits.reached(Limit::FailedServerLookups));
            return false;
        }
        let cut = at.cut.clone();
        let fresh = |addr: &IpAddr| turn.around.settings.uses(*addr) && !at.is_spent(*addr, 1);
        // The zone of a server's name may know better than the glue, unless it is the one that cannot be reached.
        let is_elsewhere = |server: &NameServer| at.route.is_none() && !server.name.is_within(&cut.zone);
        let is_unknown =
            |server: &&NameServer| server.addrs.is_empty() || is_elsewhere(server) && !server.addrs.iter().any(fresh);
        let unknown = cut.servers.iter().take(limits.servers_per_zone).filter(is_unknown);
        let unknown = unknown.filter(|server| !at.looked_up.contains(&server.name));
        // Of whom nothing is known there is more hope than of those who were silent.
        let is_found = |server: &&NameServer| at.found.iter().any(|(name, _)| *name == server.name);
        let (silent, new): (Vec<_>, Vec<_>) = unknown.partition(|server| !server.addrs.is_empty() || is_found(server));
        let unknown = if new.is_empty() { silent } else { new }.into_iter().map(|server| server.name.clone());
        // Inside the zone there should have been glue; outside there is more hope.
        let (inside, outside): (Vec<Name>, Vec<Name>) = unknown.partition(|name| name.is_within(&cut.zone));
        let names: Vec<Name> = mixed(outside).chain(inside).take(limits.lookups_at_once).collect();
        if names.is_empty() {
            return false;
        }
        let reached = [(depth >= limits.depth, Limit::Depth), (self.goals.len() >= MAX_GOALS, Limit::Goals)];
        if let Some((_, limit)) = reached.into_iter().find(|(is_reached, _)| *is_reached) {
            self.curbed.push(id);
            self.note(turn, id, limits.reached(limit));
            return false;
        }
        self.note(turn, id, Event::NoAddress { zone: cut.zone.clone(), servers: names.clone() });
        for name in names {
            self.look_up(id, &name, &cut.zone, turn);
        }
        // Goals that the caches answer end at once, so this one goes on in any case.
        turn.ready.insert(0, id);
        true
    }

    /// Opens goals for the addresses of one name server.
    fn look_up(&mut self, id: GoalId, name: &Name, zone: &Name, turn: &mut Turn<'_, '_>) {
        if let Some(at) = self.goal(id).at() {
            at.looked_up.push(name.clone());
        }
        let settings = turn.around.settings;
        // Only the servers above a zone can tell where its own servers are, when they are inside it.
        let above = name.is_within(zone).then(|| zone.clone());
        let families = [(settings.ipv4, RecordType::A), (settings.ipv6, RecordType::AAAA)];
        for (_, rtype) in families.into_iter().filter(|(wanted, _)| *wanted) {
            let question = Question::new(name.clone(), rtype);
            let same = |goal: &Goal| goal.question == question && goal.above == above && !goal.by_glue;
            let awaited = match self.find_goal(same) {
                Some(other) if self.awaited(other).contains(&id) => {
                    self.curbed.push(id);
                    self.note(turn, id, Event::Cycle { name: name.clone(), zone: zone.clone() });
                    if let Some(at) = self.goal(id).at() {
                        at.cycle = Some((name.clone(), zone.clone()));
                    }
                    continue;
                }
                Some(other) if matches!(self.goal(other).state, State::Done(_)) => {
                    let found = self.addresses_of(other);
                    self.curb_with(other, id);
                    if let Some(at) = self.goal(id).at() {
                        at.found.extend(found.into_iter().map(|addr| (name.clone(), addr)));
                    }
                    continue;
                }
                Some(other) => {
                    self.goal(other).waiters.push(id);
                    // Nobody may have wanted it for a while, nor what it waits for.
                    turn.ready.extend(self.awaited(other));
                    other
                }
                None => {
                    let purpose = Purpose::ServerAddress { zone: zone.clone() };
                    let opened = self.open(question, purpose, id, turn);
                    self.goal(opened).ask_above(above.clone());
                    opened
                }
            };
            if let Some(at) = self.goal(id).at() {
                at.waits.push((awaited, name.clone()));
            }
        }
        if let Some(at) = self.goal(id).at() {
            let hope = at.waits.iter().any(|(_, awaited)| awaited == name);
            at.failed_lookups += u32::from(!hope && !at.found.iter().any(|(server, _)| server == name));
        }
    }

    /// A goal and all that it waits for, through others too.
    fn awaited(&self, goal: GoalId) -> Vec<GoalId> {
        let mut seen = vec![goal];
        let mut nth = 0;
        while let Some(id) = seen.get(nth) {
            if let State::At(at) = &self.goals[id.0 as usize].state {
                let new: SmallVec<[GoalId; 4]> =
                    at.waits.iter().map(|(awaited, _)| *awaited).filter(|awaited| !seen.contains(awaited)).collect();
                seen.extend(new);
            }
            nth += 1;
        }
        seen
    }

    /// Whether somebody still waits for a goal: look-ups for a zone that was left are not continued.
    pub(super) fn is_wanted(&self, id: GoalId) -> bool {
        let mut wanted = SmallVec::<[GoalId; 8]>::from_slice(&[id]);
        // There may be more ways up than could ever be gone, and no more goals on them than `MAX_GOALS`.
        let mut seen = SmallVec::<[GoalId; 8]>::new();
        while let Some(id) = wanted.pop() {
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            let goal = &self.goals[id.0 as usize];
            if !matches!(goal.purpose, Purpose::ServerAddress { .. }) {
                return true;
            }
            let waits = |waiter: &&GoalId| match &self.goals[waiter.0 as usize].state {
                State::At(at) => at.waits.iter().any(|(awaited, _)| *awaited == id),
                _ => false,
            };
            wanted.extend(goal.waiters.iter().filter(waits).copied());
        }
        false
    }

    fn addresses_of(&self, goal: GoalId) -> Vec<IpAddr> {
        match &self.goals[goal.0 as usize].state {
            State::Done(Found::Answer(set)) => set.addresses().collect(),
            _ => Vec::new(),
        }
    }

    /// What was not looked for to the end is missing to those who waited for it as well.
    fn curb_with(&mut self, ended: GoalId, waiter: GoalId) {
        if self.curbed.contains(&ended) && self.addresses_of(ended).is_empty() {
            self.curbed.push(waiter);
        }
    }

    /// A look-up of a server's address has ended.
    pub(super) fn address_known(&mut self, waiter: GoalId, ended: GoalId) {
        let found = self.addresses_of(ended);
        self.curb_with(ended, waiter);
        let cycle = match &self.goal(ended).state {
            State::Done(Found::Failed(Failure::Cycle { name, zone })) => Some((name.clone(), zone.clone())),
            _ => None,
        };
        let (paid, by_glue) = (self.goal(ended).entered, self.goal(ended).by_glue);
        let Some(at) = self.goal(waiter).at() else { return };
        at.cycle = cycle.or(at.cycle.take());
        let Some(nth) = at.waits.iter().position(|(goal, _)| *goal == ended) else { return };
        let (_, name) = at.waits.swap_remove(nth);
        if by_glue {
            at.looked_up.retain(|looked_up| *looked_up != name);
        }
        let other_family = at.waits.iter().any(|(_, awaited)| *awaited == name);
        let known = at.found.iter().any(|(server, _)| *server == name);
        at.failed_lookups += u32::from(paid && found.is_empty() && !other_family && !known);
        at.found.extend(found.into_iter().map(|addr| (name.clone(), addr)));
    }
}

/// The same names, one of each zone before the second of any: where one cannot be reached, another one may be.
fn mixed(names: Vec<Name>) -> impl Iterator<Item = Name> {
    let mut zones = Vec::with_capacity(names.len());
    let is_first = |name: &Name| {
        let zone = name.parent();
        let is_first = !zones.contains(&zone);
        zones.push(zone);
        is_first
    };
    let (first, more): (Vec<Name>, Vec<Name>) = names.into_iter().partition(is_first);
    first.into_iter().chain(more)
}
