//! Answers that follow from what was proved for other questions (RFC 8198). They are candidates as what the cache knows
//! is: the judge has the last word on them, and when it finds them bogus, the servers are asked after all.

use crate::cache::DenialKind;
use crate::dnssec::{Span, infer};
use crate::trace::{self, Event, GoalId, Purpose, Shows};
use crate::wire::{Name, Question, RecordType};

use super::found::{Denied, Found};
use super::{CLIENT, Turn, Walk};

/// Whether the answer to the client may be inferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Inferring {
    /// It may.
    #[default]
    Allowed,
    /// Some of it was.
    Done,
    /// What was inferred did not stand.
    Refuted,
}

impl Walk {
    /// Ends, or goes on with an alias, where what was proved before says enough; false when somebody must be asked.
    pub(super) fn conclude_from_spans(&mut self, id: GoalId, current: &Question, turn: &mut Turn<'_, '_>) -> bool {
        let around = &*turn.around;
        let (settings, cache) = (around.settings, around.cache);
        let fits = match self.goal(id).purpose {
            Purpose::Client => self.inferring != Inferring::Refuted && !self.refresh,
            Purpose::ServerAddress { .. } => self.goal(id).above.is_none(),
            Purpose::Priming | Purpose::StubPriming { .. } | Purpose::Proof => false,
        };
        if !fits || !settings.proofs.aggressive || !self.validates(turn) {
            return false;
        }
        // A zone with servers of the operator's own, or with a trust anchor, is nothing of which those above can tell.
        let own = settings.routes.own(&current.name).cloned().unwrap_or_else(Name::root);
        let anchored = settings.proofs.anchors.top(&current.name).unwrap_or_else(Name::root);
        let top = if own.label_count() > anchored.label_count() { own } else { anchored };
        let spans = cache.spans(turn.now);
        let spent = &mut self.budget.proofs;
        let Some(inferred) = infer(current, &top, &spans, &settings.limits.proofs, spent) else { return false };
        let (all, by) = (inferred.soa.iter().chain(&inferred.answer).chain(&inferred.proof), RecordType::NSEC);
        let by = inferred.proof.first().map_or(by, |set| set.rtype);
        let event = Event::Inferred {
            inferred: trace::Inferred {
                name: current.name.clone(),
                rtype: current.qtype,
                shows: inferred.shows,
                zone: inferred.zone.clone(),
                by,
                owners: inferred.proof.iter().map(|set| set.owner.clone()).collect(),
                left_secs: all.map(|set| set.ttl_secs).min().unwrap_or_default(),
            },
        };
        self.note(turn, id, event);
        if id == CLIENT {
            self.inferring = Inferring::Done;
        }
        self.take_inferred(id, inferred, turn);
        true
    }

    fn take_inferred(&mut self, id: GoalId, inferred: crate::dnssec::Inferred, turn: &mut Turn<'_, '_>) {
        let denied = Denied { soa: inferred.soa, proof: inferred.proof };
        match (inferred.shows, inferred.answer) {
            (Shows::NoName, _) => self.finish(id, Found::Denied(DenialKind::NxDomain, denied), turn),
            (Shows::Wildcard, Some(set)) => {
                let wanted = self.goal(id).current.qtype;
                let target = set.targets().next().filter(|_| wanted != set.rtype);
                match target {
                    Some(target) => {
                        if self.extend_chain(id, vec![set], denied.proof, turn) {
                            self.follow(id, target, turn);
                        }
                    }
                    None => {
                        self.goal(id).proof.extend(denied.proof);
                        self.finish(id, Found::Answer(set), turn);
                    }
                }
            }
            (Shows::NoData | Shows::Wildcard, _) => self.finish(id, Found::Denied(DenialKind::NoData, denied), turn),
        }
    }

    /// What was inferred for the client does not stand: begins anew, and asks. False when nothing was.
    pub(super) fn take_back_inferred(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        if self.inferring != Inferring::Done {
            return false;
        }
        self.inferring = Inferring::Refuted;
        self.goal(CLIENT).restart(turn.around.settings.minimisation);
        turn.ready.push(CLIENT);
        true
    }

    /// Keeps what was proved on the way and says something of other questions.
    pub(super) fn keep_spans(&self, spans: Vec<Span>, turn: &Turn<'_, '_>) {
        // What was inferred from spans is there already.
        if turn.around.settings.proofs.aggressive && self.inferring == Inferring::Allowed {
            spans.into_iter().for_each(|span| turn.around.cache.put_span(span, self.started));
        }
    }
}
