//! Walks for those who want to hear the story.

use std::net::IpAddr;
use std::sync::Arc;

use super::counts::Counts;
use super::flights::Flights;
use super::{Kept, Occasion, Resolver, Walked, log};
use crate::cache::AnswerKey;
use crate::drive::{Manner, walk_watched};
use crate::policy::{LocalAnswer, PolicySettings, judge};
use crate::time::Time;
use crate::trace::{Cost, Entry, Event, GoalId, Told, Trace};
use crate::wire::{Ede, Question, ResponseCode, RrSet};

/// How a question is looked up for those who want to hear the story.
#[derive(Clone, Copy, Debug, Default)]
pub struct Telling {
    /// From the root, as if nothing had ever been asked; what is learned is forgotten again.
    pub cold: bool,
    /// Without validation (CD).
    pub checking_disabled: bool,
}

/// An answer with the story of how it was found.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The response code.
    pub rcode: ResponseCode,
    /// The answer section.
    pub answer: Vec<RrSet>,
    /// Extended errors (RFC 8914).
    pub edes: Vec<Ede>,
    /// The story, as it is kept.
    pub kept: Arc<Kept<Walked>>,
}

impl Resolver {
    /// Resolves one question of a client and tells the story; each step is shown to `watch` as soon as it is done.
    /// Nobody shares this walk.
    pub async fn explain(
        &self,
        question: Question,
        client: IpAddr,
        Telling { cold, checking_disabled }: Telling,
        watch: &mut dyn FnMut(&Entry),
    ) -> Explained {
        let began = self.0.world.clock.unix_ms();
        let occasion = if cold { Occasion::Cold } else { Occasion::Watched };
        let keep = |trace| self.remember(Walked { unix_ms: began, occasion, checking_disabled, trace });
        if let Some((local, trace)) = told_here(&question, client, &self.0.settings.policy) {
            let LocalAnswer { rcode, answer, edes, .. } = local;
            return Explained { rcode, answer, edes, kept: keep(trace) };
        }
        let forgotten = cold.then(|| self.0.world.forgotten());
        let world = forgotten.as_ref().unwrap_or(&self.0.world);
        // The walk does not look there.
        let ready = if cold || checking_disabled { None } else { self.ready_secs(&question) }.map(|(age, left)| {
            let event = Event::Ready { age_secs: age.into(), left_secs: left.into() };
            Entry { at_us: 0, goal: GoalId(0), event }
        });
        ready.iter().for_each(&mut *watch);
        let (manner, cache) = (Manner { checking_disabled, ..Manner::default() }, world.cache.as_it_is());
        let (outcome, mut trace) = walk_watched(&question, &manner, (world, &cache), watch).await;
        trace.steps.splice(0..0, ready);
        log(&trace);
        Explained { rcode: outcome.rcode, edes: outcome.edes(), answer: outcome.answer, kept: keep(trace) }
    }

    /// A resolver with the same settings that knows nothing yet. Its walks are kept beside those of this one.
    #[must_use]
    pub fn forgotten(&self) -> Self {
        let (world, settings, past) = (self.0.world.forgotten(), self.0.settings.clone(), Arc::clone(&self.0.past));
        let flights = Flights::new(settings.walks);
        Self::made(world, settings, flights, past, (Arc::new(Counts::new()), Arc::default()))
    }

    /// The age of the answer to a question and the time left, in seconds as TTLs count them, where it is known as a
    /// whole, so that no walk is needed.
    #[must_use]
    pub fn ready_secs(&self, question: &Question) -> Option<(u32, u32)> {
        let (qname_wire, qtype) = (question.name.wire(), question.qtype.into());
        let key = AnswerKey { qname_wire, qtype, dnssec_ok: false, checking_disabled: false };
        let now = self.0.world.clock.now();
        let (stored, expires) = self.0.world.cache.ready(&key, now, None)?.times();
        Some((now.secs_since(stored), expires.secs_since(now)))
    }
}

/// What policy answers without a walk, and that as a trace without steps.
#[must_use]
pub fn told_here(question: &Question, client: IpAddr, policy: &PolicySettings) -> Option<(LocalAnswer, Trace)> {
    let answer = judge(question, client, policy)?;
    let told = Told { rcode: answer.rcode, answer: &answer.answer, authority: &answer.authority, edes: &answer.edes };
    let trace = Trace::new(question, &told, Cost::new(0, 0, Time::ZERO, Time::ZERO), Vec::new());
    Some((answer, trace))
}
