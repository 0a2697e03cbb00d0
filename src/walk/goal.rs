//! The goals of a walk: the client's question and the sub-questions that it needs, in a table.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::cache::Delegation;
use crate::trace::{GoalId, Informant, Purpose, Source};
use crate::wire::{Ede, Name, Question, RrSet};

use super::at_zone::AtZone;
use super::found::{Found, Proving};
use super::limits::Limits;
use super::minimise::{Minimisation, Minimised};

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

/// Where a goal has been in vain.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Delegations that are asked for anew, each with the servers that gave no answer: those of the zone, or of one
    /// below it.
    pub(super) zones: Vec<(Arc<Delegation>, AtZone)>,
    /// Servers that have led in a circle, and for which zone they were asked.
    pub(super) astray: Vec<Informant>,
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
