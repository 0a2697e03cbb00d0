//! The iteration engine: one walk answers one question. It knows no clock and no socket.
//!
//! [`Walk::step`] takes what was heard and says what to ask next. What it needs for that stands in the folder, and is
//! met on the way in this order:
//!
//! * `goal` is the table of what is looked for; where one stands tell `at_zone`, `pending` and `found`. `begin` looks
//!   into the caches, `infer` into what was proved before; `refresh` sets aside what is about to end, and `special`
//!   ends what leads to a special name. Else it goes to the servers of the deepest zone that is known, or by `routed`
//!   to those that the operator names (`route`) or the local copy of the root (`local_root`).
//! * `zone` asks servers, no more of the name than they have to see (`minimise`): `candidates` says who may be asked,
//!   `servers` chooses with `dice`, `patience` says for how long, `cookies` and `sentinel` what else goes along, and
//!   `ask` is the result.
//! * `hear` takes what came of it. `scrub` leaves of a reply what may be believed, `judge` says what that means: pure
//!   functions both. Verdicts become state in `apply` and nowhere else, and `learn` keeps what was learned.
//! * When nobody is left, `resort` finds other ways to ask and `requery` asks the zone above; `lack` knows which
//!   servers have no address, and `dead` which are silent.
//! * `prove` has the answer validated, and `doubt` asks others for what is bogus.
//! * `limits` bounds all of it, and `spent` is where one is reached. `private` and `sentinel` withhold what must not
//!   reach the client; `outcome` is what is left. `synthesis`, `stale` and `partial` are for those around a walk: what
//!   it is sent to besides, what is known when it fails, and what is known when it is not to be made.

pub mod ask;
pub mod judge;
pub mod limits;
pub mod minimise;
pub mod outcome;
pub mod scrub;
pub mod stale;
pub mod synthesis;

mod apply;
mod at_zone;
mod begin;
mod candidates;
mod cookies;
mod dead;
mod dice;
mod doubt;
mod found;
mod goal;
mod hear;
mod infer;
mod lack;
mod learn;
mod local_root;
mod partial;
mod patience;
mod pending;
mod private;
mod prove;
mod refresh;
mod requery;
mod resort;
mod route;
mod routed;
mod sentinel;
mod servers;
mod special;
mod spent;
mod zone;

use std::sync::Arc;

use smallvec::SmallVec;

use crate::cache::{Cache, Delegation, Servers};
use crate::dnssec;
use crate::time::Time;
use crate::trace::{Entry, Event, GoalId, Insecure, Limit, Purpose};
use crate::wire::text::rcode_name;
use crate::wire::{Ede, Name, Question, ResponseCode, RrSet};

use ask::{AskId, Asks, Heard};
use found::Found;
use goal::{Goal, State};
use infer::Inferring;
use limits::{Budget, Limits};
use minimise::Minimisation;
use outcome::{Failure, Outcome, once};
use pending::Pending;
use synthesis::Synthesis;

pub use begin::{dname_above, no_tree};
pub use dice::Dice;
pub use local_root::LocalRoot;
pub use partial::Partial;
pub use private::Private;
pub use route::{Route, Routes};
pub use servers::Avoid;
pub use special::{SpecialZone, SpecialZones};

/// Steps in the story of most walks, which ask two servers; room for them is made at once.
const MOST_ENTRIES: usize = 12;
/// The goal that is the client's question.
const CLIENT: GoalId = GoalId(0);

/// How walks are done; the same for all walks of a resolver.
#[derive(Clone, Debug)]
pub struct WalkSettings {
    /// What one walk may cost.
    pub limits: Limits,
    /// How much of a question servers see.
    pub minimisation: Minimisation,
    /// Whether the case of names is mixed at random in queries over UDP.
    pub case_randomisation: bool,
    /// Whether servers are shown cookies (RFC 7873).
    pub cookies: bool,
    /// Whether servers are asked for their identifier (RFC 5001).
    pub nsid: bool,
    /// Whether servers are asked over IPv4.
    pub ipv4: bool,
    /// Whether servers are asked over IPv6.
    pub ipv6: bool,
    /// Addresses that are never asked.
    pub avoid: Avoid,
    /// Addresses that names on the Internet must not have.
    pub private: Private,
    /// Zones whose servers the operator names.
    pub routes: Routes,
    /// Zones of which the Internet is never asked.
    pub special: SpecialZones,
    /// What answers have beyond what servers say.
    pub synthesis: Synthesis,
    /// The port of all servers: 53, or that of a lab.
    pub port: u16,
    /// The EDNS buffer size in queries (RFC 9715: 1232 avoids fragments).
    pub udp_size: u16,
    /// How answers are validated.
    pub proofs: dnssec::Settings,
    /// The local copy of the root, while there is one.
    pub local_root: LocalRoot,
    /// The root as the hints give it.
    pub hints: Arc<Delegation>,
}

/// What a walk sees of the world around it.
#[derive(Debug)]
pub struct Around<'a> {
    /// What is known of names.
    pub cache: &'a Cache,
    /// What is known of servers.
    pub servers: &'a Servers,
    /// How walks are done.
    pub settings: &'a WalkSettings,
    /// Chance.
    pub dice: &'a mut Dice,
    /// Seconds since 1970, modulo 2^32: signatures are dated by the calendar.
    pub unix_secs: u32,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step {
    /// The walk is over.
    Done(Box<Outcome>),
    /// Carry out `asks`, stop listening for `forget`, and step again when something is heard, at `wake`
    /// at the latest.
    Wait {
        /// New asks.
        asks: Asks,
        /// Asks whose replies are of no use any more.
        forget: Vec<AskId>,
        /// When to step again although nothing was heard.
        wake: Time,
    },
}

/// Over what a walk has reached anybody. Some networks let nothing of UDP through: once that shows, the walk has no
/// time to find it out again at each zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Nothing has come yet.
    Nobody,
    /// Somebody who was silent over UDP has answered over TCP, and nobody over UDP.
    TcpAlone,
    /// Somebody has answered over UDP.
    Udp,
}

/// One question on its way to an answer.
#[derive(Debug)]
pub struct Walk {
    goals: Vec<Goal>,
    pending: Vec<Pending>,
    budget: Budget,
    /// Whether a query did not leave, as there were as many as may be.
    starved: bool,
    /// Whether another walk has spent some of that before.
    shares_budget: bool,
    log: Vec<Entry>,
    started: Time,
    next_ask: u32,
    /// When goals that listen to slow servers, or have a denial that is not believed yet, look whether there is hope.
    look_again: Option<Time>,
    /// Whether IPv4 and IPv6 have failed in this walk and never worked.
    out_of_reach: [bool; 2],
    /// Whether IPv4 and IPv6 have worked in this walk.
    in_reach: [bool; 2],
    /// What has brought an answer in this walk.
    reach: Reach,
    /// The goals for which the address of a server was not looked up because of what that would add or lead back to.
    curbed: Vec<GoalId>,
    /// How often somebody has answered without a cookie alone; nothing once a question with one was answered.
    lost_cookies: Option<u8>,
    /// The root for this walk, once it is known.
    root: Option<Arc<Delegation>>,
    /// Stub zones whose servers were asked for the zone's own list.
    primed: Vec<Name>,
    /// Whether the answer is fetched anew although it is known.
    refresh: bool,
    /// Whether nobody is asked: it ends before its first ask would leave, or where it would look for somebody to ask.
    asks_nobody: bool,
    /// Whether the answer may follow from what was proved before.
    inferring: Inferring,
    /// Whether the answer is validated, as it is unless the client does that itself (CD, RFC 4035 §3.2.2).
    checking: bool,
    /// Servers that said what turned out to be bogus.
    doubted: Vec<doubt::Doubted>,
    /// How often what the cache knew was set aside because it was bogus.
    recalls: usize,
    /// Whether replies are not read on behind aliases, as what stood there was bogus.
    by_name: bool,
    /// The zones that are asked for anew, as they may have other keys by now, or be gone; and up to when what was known
    /// of their servers is left aside.
    anew: Vec<(Name, Time)>,
    /// A denial that counts when nobody has anything better.
    owed: Option<Box<doubt::Owed>>,
    /// Whether one was taken: it is the last word.
    took_owed: bool,
    /// Whether all of the answer was proved.
    secure: bool,
    /// Why not all of it could be.
    insecure: Option<Insecure>,
}

/// One call of [`Walk::step`].
struct Turn<'t, 'a> {
    now: Time,
    around: &'t mut Around<'a>,
    asks: Asks,
    forget: Vec<AskId>,
    ready: SmallVec<[GoalId; 8]>,
}

impl Walk {
    /// A walk that has not begun.
    #[must_use]
    pub fn new(question: Question, settings: &WalkSettings, now: Time) -> Self {
        let goal = Goal::new(question.clone(), Purpose::Client, 0, settings.minimisation);
        let begun = Event::Goal { name: question.name, qtype: question.qtype, purpose: Purpose::Client, parent: None };
        // Room for the story of most walks.
        let mut log = Vec::with_capacity(MOST_ENTRIES);
        log.push(Entry::new(now, now, CLIENT, begun));
        Self {
            goals: vec![goal],
            pending: Vec::with_capacity(2),
            budget: Budget::new(&settings.limits, now),
            starved: false,
            shares_budget: false,
            log,
            started: now,
            next_ask: 0,
            look_again: None,
            out_of_reach: [false; 2],
            in_reach: [false; 2],
            reach: Reach::Nobody,
            curbed: Vec::new(),
            lost_cookies: Some(0),
            root: None,
            primed: Vec::new(),
            refresh: false,
            asks_nobody: false,
            inferring: Inferring::Allowed,
            checking: true,
            doubted: Vec::new(),
            recalls: 0,
            by_name: false,
            anew: Vec::new(),
            owed: None,
            took_owed: false,
            secure: false,
            insecure: None,
        }
    }

    /// Whether it validates, unless validation is off altogether.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.checking
    }

    /// The same, with what another walk for the same client has left of its budget.
    #[must_use]
    pub fn on_budget(mut self, budget: &Budget) -> Self {
        (self.budget, self.shares_budget) = (budget.clone(), true);
        self
    }

    /// The same, without validation: the client checks for itself.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.checking = false;
        self
    }

    /// The same for who takes what is known, and ends it where somebody would have to be asked: others may see whether
    /// a server is back, or ask for a delegation or keys anew, as if it had not been, and lose nothing that is known.
    #[must_use]
    pub fn asking_nobody(mut self) -> Self {
        self.asks_nobody = true;
        self
    }

    /// Goes on as far as possible with what was heard; `None` begins the walk, or wakes it.
    pub fn step(&mut self, now: Time, heard: Option<Heard>, around: &mut Around<'_>) -> Step {
        let mut turn = Turn { now, around, asks: Asks::new(), forget: Vec::new(), ready: SmallVec::new() };
        if self.next_ask == 0 {
            turn.ready.push(CLIENT);
        }
        if let Some(heard) = heard {
            self.hear(heard, &mut turn);
        }
        self.notice_late(&mut turn);
        self.look_again(&mut turn);
        self.go_on(&mut turn);
        if now >= self.budget.deadline() {
            self.over_limit(CLIENT, Limit::Time, &mut turn);
        }
        if let State::Done(found) = &self.goals[0].state {
            let mut outcome = self.outcome(found);
            self.take_back(&turn.asks);
            self.withhold_private(&mut outcome, &turn);
            self.heed_sentinel(&mut outcome, &turn);
            return Step::Done(Box::new(outcome));
        }
        let late = self.pending.iter().filter(|pending| !pending.late).map(|pending| pending.late_at);
        let wake = late.chain(self.look_again).min().unwrap_or(Time::FAR).min(self.budget.deadline());
        Step::Wait { asks: turn.asks, forget: turn.forget, wake }
    }

    /// What happened so far.
    #[must_use]
    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// What happened, taken out.
    pub fn take_log(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.log)
    }

    /// What was spent.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    fn note(&mut self, turn: &Turn<'_, '_>, goal: GoalId, event: Event) {
        self.log.push(Entry::new(turn.now, self.started, goal, event));
    }

    fn goal(&mut self, id: GoalId) -> &mut Goal {
        &mut self.goals[id.0 as usize]
    }

    /// The first goal that `fits`.
    fn find_goal(&self, fits: impl Fn(&Goal) -> bool) -> Option<GoalId> {
        self.goals.iter().zip(0..).find(|(goal, _)| fits(goal)).map(|(_, nth)| GoalId(nth))
    }

    /// Goes on with all goals that can. Once a query could not leave any more, the walk ends when no reply is awaited
    /// that may come in time.
    fn go_on(&mut self, turn: &mut Turn<'_, '_>) {
        loop {
            while let Some(goal) = turn.ready.pop() {
                self.advance(goal, turn);
            }
            let is_over = self.starved && self.pending.iter().all(|pending| pending.late);
            if !is_over || matches!(self.goals[0].state, State::Done(_)) {
                return;
            }
            self.over_limit(CLIENT, Limit::Queries, turn);
        }
    }

    fn advance(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) {
        if !self.is_wanted(id) {
            return;
        }
        match self.goal(id).state {
            State::Begin => self.begin(id, turn),
            State::At(_) => self.ask_next(id, turn),
            State::Proving(_) => self.go_on_proving(turn),
            State::AwaitsPriming | State::Done(_) => {}
        }
    }

    fn outcome(&self, found: &Found) -> Outcome {
        let goal = &self.goals[0];
        let (rcode, set, authority): (_, Option<&RrSet>, Vec<RrSet>) = match found {
            Found::Answer(set) => (ResponseCode::NoError, Some(set), Vec::new()),
            Found::Denied(kind, denied) => (kind.rcode(), None, denied.records()),
            Found::Special(zone) => (zone.rcode(&goal.current.name), None, vec![zone.soa.clone()]),
            Found::TooLong => (ResponseCode::YXDomain, None, Vec::new()),
            Found::Failed(failure) => {
                let notes = goal.fallen.iter().map(|(_, why)| why.clone()).collect();
                return Outcome { notes, ..Outcome::failed(failure.clone()) };
            }
        };
        let answer = goal.chain.iter().chain(set).cloned().collect();
        let authority = once(authority.into_iter().chain(goal.proof.iter().cloned()));
        let special = if let Found::Special(zone) = found { Some(zone.why.clone()) } else { None };
        let notes = special.into_iter().chain(self.insecure.iter().filter_map(Insecure::ede)).collect();
        Outcome { rcode, answer, authority, failure: None, notes, secure: self.secure }
    }

    /// A goal is reached or given up; those who wait for it go on.
    fn finish(&mut self, id: GoalId, found: Found, turn: &mut Turn<'_, '_>) {
        self.leave(id, turn);
        let is_told = !matches!(&found, Found::Failed(failure) if !failure.is_told());
        if id == CLIENT && self.validates(turn) && is_told {
            return self.prove(found, turn);
        }
        if id == CLIENT && self.take_owed(turn) {
            return;
        }
        let has_limit = matches!(&found, Found::Failed(Failure::OutOfBudget { .. }));
        if id == CLIENT && self.end_in_doubt(has_limit, turn) {
            return;
        }
        self.conclude(id, found, turn);
    }

    /// Why a goal has failed, and before that those whom the operator has named.
    fn reasons(&self, id: GoalId, failure: &Failure) -> Vec<Ede> {
        let fallen = self.goals[id.0 as usize].fallen.iter().map(|(_, why)| why.clone());
        failure.edes().into_iter().chain(fallen).collect()
    }

    fn conclude(&mut self, id: GoalId, found: Found, turn: &mut Turn<'_, '_>) {
        let (rcode, edes) = match &found {
            Found::Failed(failure) => (ResponseCode::ServFail, self.reasons(id, failure)),
            Found::Denied(kind, _) => (kind.rcode(), Vec::new()),
            Found::Special(zone) => (zone.rcode(&self.goal(id).current.name), vec![zone.why.clone()]),
            Found::TooLong => (ResponseCode::YXDomain, Vec::new()),
            Found::Answer(_) => (ResponseCode::NoError, Vec::new()),
        };
        self.note(turn, id, Event::Ended { rcode: rcode_name(rcode), edes });
        if let Found::Failed(failure) = &found {
            self.learn_failure(id, failure, turn);
        }
        let goal = self.goal(id);
        goal.state = State::Done(found);
        let waiters = std::mem::take(&mut goal.waiters);
        for waiter in waiters {
            self.resume(waiter, id, turn);
        }
    }

    fn fail(&mut self, id: GoalId, failure: Failure, turn: &mut Turn<'_, '_>) {
        self.finish(id, Found::Failed(failure), turn);
    }

    /// Replies to what a goal has asked so far are of no use any more.
    fn leave(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) {
        let forget = &mut turn.forget;
        self.pending.retain_mut(|pending| {
            pending.followers.retain(|follower| *follower != id);
            if pending.goal != id {
                return true;
            }
            let Some(heir) = pending.followers.pop() else {
                forget.push(pending.id);
                return false;
            };
            pending.goal = heir;
            true
        });
    }
}
