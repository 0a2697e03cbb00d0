//! What a walk leaves behind in the caches.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::cache::{Cookies, Delegation, Denial, DenialKind, NameServer, Rank, TtlLimits};
use crate::dnssec;
use crate::time::Time;
use crate::trace::{AskWhy, GoalId, Lack, Limit, Purpose, Source, Transport, Verdict};
use crate::wire::{Name, Octets, Question, RecordType, RrSet};

use super::found::{Denied, Found};
use super::outcome::Failure;
use super::pending::Pending;
use super::requery::is_told_again;
use super::scrub::Clean;
use super::servers::Candidate;
use super::{Turn, Walk};

impl Walk {
    /// Brings the TTLs of a reply within the bounds, before anything of it is served or kept: what the first client
    /// gets must not outlive what the second one gets.
    pub(super) fn bound_ttls(clean: &mut Clean, limits: &TtlLimits) {
        for set in clean.chain.iter_mut().chain(&mut clean.answer) {
            set.ttl_secs = limits.positive(set.ttl_secs);
        }
        for set in &mut clean.proof {
            set.ttl_secs = set.ttl_secs.min(limits.positive_max_secs);
        }
    }

    /// Keeps the aliases and the answer of a reply.
    pub(super) fn learn_answer(&mut self, pending: &Pending, clean: &Clean, turn: &Turn<'_, '_>) {
        // RFC 8482 §4.1: what is told about ANY may be a choice of what there is, and answers no other question.
        if pending.question.qtype == RecordType::ANY {
            return;
        }
        let source = pending.source();
        let cache = turn.around.cache;
        self.learn_merged(pending, clean, turn);
        let proof = |set: &RrSet| if dnssec::is_expanded(set) { clean.proof.clone().into() } else { Box::default() };
        // A DNAME that nobody asked for is used and forgotten: kept, one forged packet would take all names below it.
        // So is the CNAME that was made from one, and what stands behind that.
        let mut rank = if clean.aa { Rank::AuthAnswer } else { Rank::NonAuthAnswer };
        for set in clean.chain.iter().chain(&clean.answer).take_while(|set| set.rtype != RecordType::DNAME) {
            cache.put_set_with(set.clone(), proof(set), rank, source.clone(), turn.now);
            // Asked by their own names they are fetched: one forged packet about a name that nobody has would do else.
            rank = Rank::BehindAlias;
        }
    }

    /// Keeps a denial; returns its SOA with the TTL of the denial (RFC 2308 §3, §5).
    pub(super) fn learn_denial(
        &mut self,
        pending: &Pending,
        clean: &Clean,
        kind: DenialKind,
        turn: &Turn<'_, '_>,
    ) -> Option<RrSet> {
        self.learn_answer(pending, clean, turn);
        let from = pending.source();
        let denial = Denial::heard(kind, clean.soa.clone(), clean.proof.clone(), from);
        let (denial, _) = turn.around.cache.put_denial(&clean.end, pending.question.qtype, denial, turn.now);
        denial.soa.clone()
    }

    /// Keeps the DS set by which a zone was proved as what it is for the client, who asks for it: the answer, although
    /// it came with a referral. The judge looks at it again; where it is bogus, the zone above is asked.
    pub(super) fn learn_ds(&self, asked: &Question, turn: &Turn<'_, '_>) {
        let (cache, now) = (turn.around.cache, turn.now);
        if asked.qtype != RecordType::DS || self.recalls > 0 || cache.zone(&asked.name, now).is_none() {
            return;
        }
        if let Some(cut) = cache.delegation(&asked.name, now)
            && let Some(ds) = cut.ds.clone()
        {
            cache.put_set(ds, Rank::NonAuthAnswer, cut.from.clone(), cut.stored);
        }
    }

    /// Follows a referral, and keeps it: the parent is the one who says where a zone's servers are.
    pub(super) fn refer(&mut self, pending: &Pending, clean: &Clean, turn: &mut Turn<'_, '_>) {
        let id = pending.goal;
        let Some(referral) = &clean.referral else { return };
        let from = pending.source();
        let mut delegation = delegation(&referral.ns, referral.ds.clone(), clean, from, turn);
        // What a zone says of the zones below it is worth no longer than its own delegation ("phoenix" domains).
        if let Some(at) = self.goal(id).at().filter(|at| !at.cut.zone.is_root()) {
            delegation.expires = delegation.expires.min(at.cut.expires);
        }
        let limits = &turn.around.settings.limits;
        self.goal(id).referrals += 1;
        if pending.minimised {
            self.goal(id).minimised.led_on();
        }
        if self.goal(id).referrals > limits.referrals {
            return self.over_limit(id, Limit::Referrals, turn);
        }
        if referral.ns.rdatas.len() > limits.servers_per_zone {
            self.note(turn, id, limits.reached(Limit::ServersPerZone));
        }
        if delegation.servers.iter().any(|server| clean.addresses_of(&server.name).count() > server.addrs.len()) {
            self.note(turn, id, limits.reached(Limit::AddressesPerServer));
        }
        let is_above = self.goal(id).above.as_ref().is_some_and(|zone| referral.ns.owner.is_within(zone));
        // Without glue it shall not take the place of one that has some.
        if is_above && delegation.servers.iter().all(|server| server.addrs.is_empty()) {
            return self.take_glue(pending, clean, turn);
        }
        if self.goal(id).left.zones.last().is_some_and(|(known, _)| is_told_again(known, &delegation, turn.now)) {
            delegation.requeried = turn.now;
        }
        self.learn_merged(pending, clean, turn);
        let (kept, _) = turn.around.cache.put_delegation(delegation, turn.now);
        // What servers that the operator names say of others is between them and him.
        if self.goal(id).at().is_some_and(|at| at.route.is_none()) {
            turn.around.cache.put_glue(&kept, turn.now);
        }
        if is_above {
            return self.take_glue(pending, clean, turn);
        }
        self.leave(id, turn);
        if !self.take_address(id, &kept, turn) {
            self.enter(id, kept, turn);
        }
    }

    /// Ends the look-up of a server's address when the referral to its zone has it as glue: it was about to be asked at
    /// that very address where it is. A round trip less, and no less sure than what it would be asked for.
    fn take_address(&mut self, id: GoalId, cut: &Delegation, turn: &mut Turn<'_, '_>) -> bool {
        let goal = self.goal(id);
        let question = goal.question.clone();
        let is_server = matches!(goal.purpose, Purpose::ServerAddress { .. }) && goal.current == question;
        let server = cut.servers.iter().find(|server| server.name == question.name && !server.addrs.is_empty());
        let Some(server) = server.filter(|_| is_server) else { return false };
        if self.goals.iter().any(|goal| goal.by_glue && goal.question == question) {
            return false;
        }
        self.goal(id).by_glue = true;
        let found = address_set(&question, server.addrs.iter().copied());
        let nothing = Found::Denied(DenialKind::NoData, Denied::default());
        self.finish(id, found.map_or(nothing, Found::Answer), turn);
        true
    }

    /// The servers above a zone were asked for the address of a server inside it, and referred to the zone: what they
    /// know is the glue, or nothing. One that leaves glue out (RFC 9471 §3 forbids it) does not speak for all of them:
    /// another one is asked, and no third, as a zone without glue must not cost its parent more.
    fn take_glue(&mut self, pending: &Pending, clean: &Clean, turn: &mut Turn<'_, '_>) {
        let (id, said) = (pending.goal, pending.server.addr);
        let question = self.goal(id).current.clone();
        let mut glue = clean.glue.iter().filter(|(name, _)| *name == question.name).map(|(_, addr)| *addr).peekable();
        // Whose question another goal has asked, has tried nobody itself.
        let is_first = glue.peek().is_none() && self.goal(id).at().is_some_and(|at| at.tried.len() <= 1);
        let is_other = |candidate: &Candidate<'_>| candidate.tries == 0 && candidate.addr != said;
        match address_set(&question, glue) {
            Some(set) => self.finish(id, Found::Answer(set), turn),
            None if is_first && self.ask_best(id, is_other, turn).is_some() => {}
            None => {
                // The zone that it serves, and not one further down to which the referral may lead.
                let zone = self.goal(id).above.clone().unwrap_or_else(Name::root);
                let servers = vec![(question.name, Lack::NoGlue)];
                self.fail(id, Failure::NoAddress { zone, servers, limit: None }, turn);
            }
        }
    }

    /// Keeps the root's own list of its servers (RFC 9609 §4.2); addresses that it lacks are taken from
    /// the hints.
    pub(super) fn learn_root(&mut self, pending: &Pending, ns: &RrSet, clean: &Clean, turn: &Turn<'_, '_>) {
        let from = pending.source();
        let mut root = delegation(ns, None, clean, from, turn);
        let servers = Arc::make_mut(&mut root.servers);
        for server in servers.iter_mut().filter(|server| server.addrs.is_empty()) {
            let hints = &turn.around.settings.hints.servers;
            if let Some(hint) = hints.iter().find(|hint| hint.name == server.name) {
                server.addrs = hint.addrs.clone();
            }
        }
        if root.servers.iter().any(|server| !server.addrs.is_empty()) {
            self.root = Some(turn.around.cache.put_delegation(root, turn.now).0);
        }
    }

    /// Remembers what a reply shows of the server. That it does without EDNS is believed when it answers the very
    /// question that it refused with EDNS, and never for a signed zone: a forger who could make us believe it would
    /// switch off DNSSEC (CVE-2026-52690).
    pub(super) fn learn_server(&mut self, pending: &Pending, verdict: &Verdict, turn: &Turn<'_, '_>) {
        let servers = turn.around.servers;
        if pending.how.transport == Transport::Tcp {
            servers.tcp_works(pending.server.addr, turn.now);
        }
        if pending.how.why == AskWhy::TcpAfterSilence {
            servers.silent_over_udp(pending.server.addr, turn.now);
        }
        if pending.how.why == AskWhy::WithoutCookie && !matches!(verdict, Verdict::Wrong(_)) {
            servers.cookies(pending.server.addr, Cookies::Refused, turn.now);
        }
        let signed = self.is_signed(pending.goal, turn);
        if pending.how.why == AskWhy::WithoutEdns && !signed && !matches!(verdict, Verdict::Wrong(_)) {
            servers.edns_broken(pending.server.addr, turn.now);
        }
    }

    /// Remembers that a question failed (RFC 9520), unless it was only this walk's budget that ran out.
    pub(super) fn learn_failure(&self, id: GoalId, failure: &Failure, turn: &Turn<'_, '_>) {
        let some_left_out = !self.doubted.is_empty();
        let goal = &self.goals[id.0 as usize];
        let client = goal.purpose == Purpose::Client;
        match failure {
            Failure::Remembered { .. } => {}
            // Some of the zone's servers were left out.
            _ if some_left_out && !client => {}
            // The same question of a client has a fallback.
            _ if matches!(goal.purpose, Purpose::StubPriming { .. }) => {}
            // For a client that checks for itself nobody has judged it (RFC 4035 §4.7).
            _ if failure.is_told() && !self.checking => {}
            // What was not looked for to the end because of where this walk came from, others may find.
            _ if self.curbed.contains(&id) && !client => {}
            // The zone's own servers, once one is found, may know what those above it do not.
            _ if goal.above.is_some() => {}
            // That little was left for this question says nothing of what comes of it by itself.
            Failure::OutOfBudget { .. } if !client || self.shares_budget => {}
            // It is known of the servers, who may be back sooner than what is known of a question ends.
            Failure::Servers { problems, .. } if problems.iter().all(|(_, wrong)| wrong.is_left_alone()) => {}
            _ => {
                // Who comes back to the network does not want to wait for minutes; no server is spared anything.
                let is_cut_off = turn.around.servers.is_cut_off();
                if is_cut_off {
                    turn.around.cache.forget_failure(&goal.question);
                }
                let why = (self.reasons(id, failure), failure.is_told());
                turn.around.cache.put_failure(&goal.question, why.clone(), turn.now);
                // Whoever is led to the same name by another alias need not ask for it again. One that was silent may
                // have had little time left, and a walk at its limits has not looked for all that could be asked.
                let is_whole = !is_cut_off && !self.curbed.contains(&id) && failure.is_heard();
                if goal.current != goal.question && is_whole {
                    turn.around.cache.put_failure(&goal.current, why, turn.now);
                }
            }
        }
    }
}

/// Those of `addrs` that answer the question, as a set that is not kept.
fn address_set(question: &Question, addrs: impl Iterator<Item = IpAddr>) -> Option<RrSet> {
    let fitting = addrs.filter(|addr| addr.is_ipv4() == (question.qtype == RecordType::A));
    let rdatas: Vec<Octets> = fitting.map(Octets::from).collect();
    let set = || RrSet::new(question.name.clone(), question.qtype, 0, rdatas.iter().map(|rdata| &**rdata));
    (!rdatas.is_empty()).then(set)
}

/// A delegation as a reply gave it.
pub(super) fn delegation(
    ns: &RrSet,
    ds: Option<RrSet>,
    clean: &Clean,
    from: Source,
    turn: &Turn<'_, '_>,
) -> Delegation {
    let limits = &turn.around.settings.limits;
    let glue =
        |name: &Name| -> SmallVec<[IpAddr; 2]> { clean.addresses_of(name).take(limits.addresses_per_server).collect() };
    let servers: Vec<NameServer> =
        ns.targets().take(limits.servers_per_zone).map(|name| NameServer { addrs: glue(&name), name }).collect();
    Delegation {
        zone: ns.owner.clone(),
        servers: servers.into(),
        ds,
        proof: clean.proof.clone().into(),
        from,
        stored: turn.now,
        requeried: Time::ZERO,
        expires: turn.now.after_ttl(ns.ttl_secs),
    }
}
