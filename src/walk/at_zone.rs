//! A goal at the servers of one zone: who was asked how often, and what was wrong with each.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::cache::{Delegation, Doubt};
use crate::trace::{AskWhy, GoalId, ServerAt, Verdict, Wrong};
use crate::wire::Name;

use super::pending::{How, Pending};
use super::route::{Route, Routes};
use super::scrub::Clean;

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

    /// Whose servers these are, if the operator names them, or his stub zone has listed them.
    pub(super) fn route<'r>(&'r self, routes: &'r Routes) -> Option<&'r Arc<Route>> {
        let is_listed = || self.cut.from.informant().is_some_and(|from| from.zone == self.cut.zone);
        self.route.as_ref().or_else(|| routes.primed(&self.cut.zone).filter(|_| is_listed()))
    }

    /// How often one of the servers is asked, where others are asked `most` times.
    pub(super) fn most_tries(&self, routes: &Routes, most: u32) -> u32 {
        self.route(routes).map_or(most, |route| route.most_tries(most, self.cut.servers.len()))
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

    /// Whether all others that were asked are of no use here, of one or more.
    pub(super) fn is_last(&self, server: &ServerAt) -> bool {
        let mut others = self.tried.iter().filter(|tried| tried.server.addr != server.addr).peekable();
        others.peek().is_some() && others.all(|tried| tried.out)
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
        let is_out = |at: &ServerAt| self.tried.iter().any(|tried| tried.out && tried.server.addr == at.addr);
        self.problems.retain(|(server, _)| is_out(server));
        self.last_resort = None;
        self.listens = false;
    }

    /// Notes what was wrong with a server; it is not asked again here when it is `out`. What came of UDP and what came
    /// of TCP is noted side by side; that nothing came once more takes nothing back that it has said.
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
            Some((_, known)) if wrong.is_silence() && !known.is_silence() => {}
            Some((_, known)) => *known = wrong,
            None => self.problems.push((server.clone(), wrong)),
        }
    }
}
