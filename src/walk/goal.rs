//! The goals of a walk: the client's question and the sub-questions that it needs, in a table.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::cache::{Delegation, DenialKind, Doubt};
use crate::time::Time;
use crate::trace::{AskWhy, GoalId, Purpose, ServerAt, Source, Transport, Verdict, Wrong};
use crate::wire::{Ede, Name, Question, RrSet};

use super::ask::AskId;
use super::limits::Limits;
use super::minimise::{Minimisation, Minimised};
use super::outcome::Failure;
use super::prove::Proving;
use super::requery::Left;
use super::route::Route;
use super::scrub::Clean;
use super::special::SpecialZone;

/// One question on its way to an answer.
#[derive(Debug)]
pub(super) struct Goal {
    /// Why it is asked.
    pub(super) purpose: Purpose,
    /// The goals that wait for it.
    pub(super) waiters: Vec<GoalId>,
    /// The zone above whose servers it is asked: for the address of a server inside that zone.
    pub(super) above: Option<Name>,
    /// How deep it is nested below the client's question.
    pub(super) depth: u32,
    /// What was asked.
    pub(super) question: Question,
    /// What is looked for now: the same, or where the aliases have led.
    pub(super) current: Question,
    /// The aliases so far, each DNAME followed by the CNAME made from it.
    pub(super) chain: Vec<RrSet>,
    /// Proofs that came with aliases made by wildcards.
    pub(super) proof: Vec<RrSet>,
    /// The whole name, while it is being proved that a part of it does not exist.
    pub(super) whole: Option<Name>,
    /// Who said what this goal has found, with the name that was asked.
    pub(super) told: SmallVec<[(Name, Source); 1]>,
    /// Whether some of it is from the cache: said at another time, perhaps to a client that checks for itself.
    pub(super) recalled: bool,
    /// Whether servers had to be asked: what the caches answer costs nobody anything.
    pub(super) entered: bool,
    /// Whether the glue of a referral was enough: it is looked up in earnest when nobody answers there.
    pub(super) by_glue: bool,
    /// Referrals followed for `current`.
    pub(super) referrals: u32,
    /// Zones whose servers, named by the operator, gave no answer, and why: looked up from the root instead.
    pub(super) fallen: Vec<(Name, Ede)>,
    /// Where it has been in vain.
    pub(super) left: Left,
    /// How much of `current` the servers see.
    pub(super) minimised: Minimised,
    /// Where it stands.
    pub(super) state: State,
}

/// Where a goal stands.
#[derive(Debug)]
pub(super) enum State {
    /// The caches have to be looked at.
    Begin,
    /// The servers of the root are being found out.
    AwaitsPriming,
    /// The servers of a zone are asked.
    At(Box<AtZone>),
    /// It has an answer, which is being validated; the client's question alone.
    Proving(Box<Proving>),
    /// It is reached, or given up.
    Done(Found),
}

/// What a goal came to.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// The set that was asked for, at the end of the aliases.
    Answer(RrSet),
    /// The name at the end of the aliases does not exist, or has no such records.
    Denied(DenialKind, Denied),
    /// The aliases lead to a name of which nobody is asked.
    Special(Arc<SpecialZone>),
    /// A DNAME made a name that is too long: the aliases are the answer (RFC 6672 §2.2).
    TooLong,
    /// Nothing.
    Failed(Failure),
}

/// The records of a denial.
#[derive(Clone, Debug, Default)]
pub(super) struct Denied {
    /// The SOA, its TTL already that of the denial.
    pub(super) soa: Option<RrSet>,
    /// NSEC and NSEC3 sets.
    pub(super) proof: Vec<RrSet>,
}

/// A goal that asks the servers of one zone.
#[derive(Debug)]
pub(super) struct AtZone {
    /// The zone and its servers.
    pub(super) cut: Arc<Delegation>,
    /// Queries sent to them.
    pub(super) queries: u32,
    /// What was tried so far.
    pub(super) tried: SmallVec<[Tried; 2]>,
    /// Address look-ups that are awaited, with the server's name.
    pub(super) waits: Vec<(GoalId, Name)>,
    /// Names of servers whose address was looked up, or is.
    pub(super) looked_up: Vec<Name>,
    /// How many of those have none.
    pub(super) failed_lookups: u32,
    /// Addresses that were looked up.
    pub(super) found: Vec<(Name, IpAddr)>,
    /// What was wrong with each server.
    pub(super) problems: Vec<(ServerAt, Wrong)>,
    /// A server whose address depends on itself, and its zone.
    pub(super) cycle: Option<(Name, Name)>,
    /// Whether it listens to servers that may be slow, as nobody is left to be asked.
    pub(super) listens: bool,
    /// Whether the delegation was asked for anew.
    pub(super) requeried: bool,
    /// A server that is to be asked again in another way.
    pub(super) redo: Option<(ServerAt, How)>,
    /// How the operator came into it, when these are the servers that he names.
    pub(super) route: Option<Arc<Route>>,
    /// A reply with a fault that is used when nobody has a better one, or two servers agree.
    pub(super) last_resort: Option<Box<LastResort>>,
}

/// A faulty reply and what it says.
#[derive(Debug)]
pub(super) struct LastResort {
    /// The ask to which it came.
    pub(super) pending: Pending,
    /// What is in it.
    pub(super) clean: Clean,
    /// The fault.
    pub(super) wrong: Wrong,
    /// What it would mean without the fault.
    pub(super) verdict: Verdict,
}

/// What happened with one address.
#[derive(Debug)]
pub(super) struct Tried {
    /// The server.
    pub(super) server: ServerAt,
    /// How often it was asked, but for what came after silence over UDP.
    pub(super) times: u32,
    /// How often it was asked over TCP.
    pub(super) over_tcp: u32,
    /// Whether it has shown that it is of no use here.
    pub(super) out: bool,
    /// Whether nothing listens there on UDP.
    pub(super) closed: bool,
    /// Whether it is asked once more after it failed.
    pub(super) chance: Chance,
    /// Whether it was silent so often before that it gets one try (RFC 9520 §3.2).
    pub(super) rested: bool,
    /// How likely nothing would come from it when it was asked.
    pub(super) doubt: Doubt,
    /// Whether it complained of a query with EDNS, and of nothing that could be left out of that.
    pub(super) complains: bool,
    /// Whether its replies over UDP do not keep the case of the question.
    pub(super) loses_case: bool,
}

impl Tried {
    fn new(server: ServerAt) -> Self {
        let (times, over_tcp, out, closed, rested, doubt, complains, loses_case) = Default::default();
        Self { server, times, over_tcp, out, closed, chance: Chance::Undue, rested, doubt, complains, loses_case }
    }

    /// It has answered over TCP: that nothing listens there on UDP does not make it useless.
    pub(super) fn opens(&mut self) {
        self.out &= !std::mem::take(&mut self.closed);
    }

    /// How often it is asked, where others are asked `most` times: who is probably dead twice, as it may be back and
    /// packets get lost, and who rested once.
    pub(super) fn most_tries(&self, most: u32) -> u32 {
        match self.doubt {
            Doubt::Dead => most.min(2),
            _ if self.rested => 1,
            _ => most,
        }
    }

    fn has_try(&self, most: u32) -> bool {
        self.times < self.most_tries(most)
    }
}

/// One of the times that a server is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// The how many-th over this transport.
    pub(super) nth: u32,
    /// How likely it is that nothing comes of it.
    pub(super) doubt: Doubt,
    /// Whether others may follow over TCP.
    pub(super) has_more: bool,
}

/// A second chance for a server that answered SERVFAIL or REFUSED, or ended the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chance {
    /// It did nothing of that.
    Undue,
    /// It may have one when nobody else has an answer.
    Due,
    /// It has had it.
    Given,
}

/// In which way a server is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// UDP or TCP.
    pub(super) transport: Transport,
    /// With EDNS or without.
    pub(super) edns: bool,
    /// With a cookie or without.
    pub(super) cookie: bool,
    /// Why so.
    pub(super) why: AskWhy,
}

impl How {
    pub(super) fn over_udp(self) -> bool {
        self.transport == Transport::Udp
    }
}

/// An ask whose reply has not come.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// Its number.
    pub(super) id: AskId,
    /// For which goal.
    pub(super) goal: GoalId,
    /// Other goals that would ask the same.
    pub(super) followers: Vec<GoalId>,
    /// The zone for which the server is asked.
    pub(super) zone: Name,
    /// Who was asked.
    pub(super) server: ServerAt,
    /// The question as sent.
    pub(super) question: Question,
    /// Whether that is less than the whole question.
    pub(super) minimised: bool,
    /// Whether the server was asked to do the looking up.
    pub(super) forwarded: bool,
    /// In which way.
    pub(super) how: How,
    /// Whether the reply has to repeat the case of the letters.
    pub(super) check_case: bool,
    /// How likely it is that nothing comes of it.
    pub(super) doubt: Doubt,
    /// Our part of the cookie that was sent.
    pub(super) cookie: Option<[u8; 8]>,
    /// When.
    pub(super) sent: Time,
    /// When another server is asked as well.
    pub(super) late_at: Time,
    /// Whether that moment has passed.
    pub(super) late: bool,
    /// Who says what comes of it.
    pub(super) source: OnceCell<Source>,
}

impl Pending {
    /// Who says what comes of it; all that is kept of one reply shares the value.
    pub(super) fn source(&self) -> Source {
        let source = || Source::server(self.zone.clone(), self.server.addr, self.server.name.clone());
        self.source.get_or_init(source).clone()
    }

    /// Whether a goal waits for it.
    pub(super) fn serves(&self, goal: GoalId) -> bool {
        self.goal == goal || self.followers.contains(&goal)
    }
}

impl Goal {
    /// A goal that has not begun.
    pub(super) fn new(question: Question, purpose: Purpose, depth: u32, mode: Minimisation) -> Self {
        Self {
            purpose,
            waiters: Vec::new(),
            above: None,
            depth,
            current: question.clone(),
            question,
            chain: Vec::new(),
            proof: Vec::new(),
            whole: None,
            told: SmallVec::new(),
            recalled: false,
            entered: false,
            by_glue: false,
            referrals: 0,
            fallen: Vec::new(),
            left: Left::default(),
            minimised: Minimised::new(mode),
            state: State::Begin,
        }
    }

    /// Forgets what was found, and looks for what was asked once more.
    pub(super) fn restart(&mut self, mode: Minimisation) {
        self.current = self.question.clone();
        self.whole = None;
        self.chain.clear();
        self.proof.clear();
        self.told.clear();
        self.recalled = false;
        self.referrals = 0;
        self.left = Left::default();
        self.minimised = Minimised::new(mode);
        self.state = State::Begin;
    }

    /// Asks the servers above `zone` and nobody else.
    pub(super) fn ask_above(&mut self, zone: Option<Name>) {
        if zone.is_some() {
            self.minimised.give_up();
        }
        self.above = zone;
    }

    /// Whether the servers see only a part of the question.
    pub(super) fn hides(&self, limits: &Limits) -> bool {
        self.minimised.hides(&self.current, limits)
    }

    /// Whether it asks servers to do the looking up.
    pub(super) fn is_forwarded(&self) -> bool {
        matches!(&self.state, State::At(at) if at.is_forwarded())
    }

    /// The zone that it is asking, if it is.
    pub(super) fn at(&mut self) -> Option<&mut AtZone> {
        let State::At(at) = &mut self.state else { return None };
        Some(at)
    }
}

impl AtZone {
    /// Nothing asked yet.
    pub(super) fn new(cut: Arc<Delegation>) -> Self {
        Self {
            cut,
            queries: 0,
            tried: SmallVec::new(),
            waits: Vec::new(),
            looked_up: Vec::new(),
            failed_lookups: 0,
            found: Vec::new(),
            problems: Vec::new(),
            cycle: None,
            listens: false,
            requeried: false,
            redo: None,
            last_resort: None,
            route: None,
        }
    }

    /// Whether its servers do the looking up.
    pub(super) fn is_forwarded(&self) -> bool {
        self.route.as_ref().is_some_and(|route| route.is_forward())
    }

    /// Whether each of its servers is asked once.
    pub(super) fn is_asked_once(&self) -> bool {
        self.route.as_ref().is_some_and(|route| route.is_asked_once())
    }

    /// The port that the operator has given the server with this address.
    pub(super) fn port(&self, addr: IpAddr) -> Option<u16> {
        self.route.as_ref()?.port(addr)
    }

    /// The record of what was tried with a server.
    pub(super) fn tried(&mut self, server: &ServerAt) -> &mut Tried {
        let at = self.tried.iter().position(|tried| tried.server.addr == server.addr).unwrap_or_else(|| {
            self.tried.push(Tried::new(server.clone()));
            self.tried.len() - 1
        });
        &mut self.tried[at]
    }

    /// Notes that a server is asked, over TCP `most_over_tcp` times.
    pub(super) fn attempt(&mut self, server: &ServerAt, how: How, most_over_tcp: u32) -> Attempt {
        self.queries += 1;
        let tried = self.tried(server);
        tried.times += u32::from(how.why != AskWhy::TcpAfterSilence);
        tried.over_tcp += u32::from(!how.over_udp());
        let (nth, doubt) = if how.over_udp() { (tried.times, tried.doubt) } else { (tried.over_tcp, Doubt::None) };
        Attempt { nth, doubt, has_more: self.over_tcp() < most_over_tcp }
    }

    /// Whether an address that was asked before was resting then.
    pub(super) fn rests(&self, addr: IpAddr) -> Option<bool> {
        let tried = self.tried.iter().find(|tried| tried.server.addr == addr && tried.times > 0);
        tried.map(|tried| tried.rested)
    }

    /// How often an address was asked the question.
    pub(super) fn tries(&self, addr: IpAddr) -> u32 {
        self.tried.iter().find(|tried| tried.server.addr == addr).map_or(0, |tried| tried.times)
    }

    /// Whether an address is not asked again: it is of no use, or was tried `most` times.
    pub(super) fn is_spent(&self, addr: IpAddr, most: u32) -> bool {
        let tried = self.tried.iter().find(|tried| tried.server.addr == addr);
        tried.is_some_and(|tried| tried.out || !tried.has_try(most))
    }

    /// Asks since the last answer of which nothing has come.
    pub(super) fn silences(&self) -> u32 {
        self.tried.iter().filter(|tried| !tried.out).map(|tried| tried.times).sum()
    }

    /// How often servers were asked over TCP.
    pub(super) fn over_tcp(&self) -> u32 {
        self.tried.iter().map(|tried| tried.over_tcp).sum()
    }

    /// A server that stayed silent over UDP, or is not there, and has a try over TCP left, of as many `tries` as it may
    /// have: after three a server counts as unresponsive over one transport only (RFC 9520 §3.1).
    pub(super) fn silent_over_udp(&self, tries: impl Fn(&ServerAt) -> u32) -> Option<ServerAt> {
        let is_lost = |tried: &Tried| !tried.out || tried.closed;
        let silent = |tried: &&Tried| {
            tried.times > 0
                && is_lost(tried)
                && !tried.rested
                && tried.doubt < Doubt::Dead
                && tried.over_tcp < tries(&tried.server)
        };
        let silent = self.tried.iter().filter(silent).min_by_key(|tried| tried.over_tcp);
        silent.map(|tried| tried.server.clone())
    }

    /// Whether it makes sense to mix the case of a question: over TCP nobody off the path can forge, and a server that
    /// loses it, and did not do TCP when it was asked for that, or has failed, is asked as by those who mix nothing.
    pub(super) fn keeps_case(&mut self, server: &ServerAt, how: How) -> bool {
        let tried = self.tried(server);
        how.over_udp() && !tried.loses_case && tried.chance != Chance::Given
    }

    /// Lets a server that failed be asked once more, if it has a try of `most_tries` left; false when there is none, or
    /// `most` have had that chance.
    pub(super) fn forgive(&mut self, most: usize, most_tries: u32) -> bool {
        let given = self.tried.iter().filter(|tried| tried.chance == Chance::Given).count();
        let is_due = |tried: &&mut Tried| tried.chance == Chance::Due && tried.has_try(most_tries);
        let due = self.tried.iter_mut().find(is_due).filter(|_| given < most);
        due.map(|tried| (tried.out, tried.chance) = (false, Chance::Given)).is_some()
    }

    /// A server that complained of a query with EDNS and was not asked without, if there is one.
    pub(super) fn complaining(&mut self) -> Option<ServerAt> {
        let tried = self.tried.iter_mut().find(|tried| tried.complains)?;
        tried.complains = false;
        Some(tried.server.clone())
    }

    /// Another question goes to the same zone: everybody who is not out has all tries again.
    pub(super) fn fresh_tries(&mut self) {
        self.tried.iter_mut().for_each(|tried| (tried.times, tried.over_tcp) = (0, 0));
        self.problems.clear();
        self.last_resort = None;
        self.listens = false;
    }

    /// Notes what was wrong with a server; it is not asked again here when it is `out`. What came of UDP and what came
    /// of TCP is noted side by side.
    pub(super) fn problem(&mut self, server: &ServerAt, wrong: Wrong, out: bool) {
        self.tried(server).out |= out;
        let over = |wrong: &Wrong| match wrong {
            Wrong::Unreachable { transport, .. } => Some(*transport),
            _ => None,
        };
        let same = |(known, what): &&mut (ServerAt, Wrong)| {
            known.addr == server.addr && (over(what).is_none() || over(&wrong).is_none() || over(what) == over(&wrong))
        };
        match self.problems.iter_mut().find(same) {
            Some((_, known)) => *known = wrong,
            None => self.problems.push((server.clone(), wrong)),
        }
    }
}
