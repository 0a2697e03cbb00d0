//! What follows from a reply: verdicts become state.

use crate::cache::DenialKind;
use crate::trace::{AskWhy, Event, GoalId, Known, Purpose, Transport, Verdict, Wrong};
use crate::wire::{Name, Question, RecordType, ResponseCode};

use super::at_zone::{Chance, LastResort};
use super::found::{Denied, Found};
use super::outcome::Failure;
use super::pending::{How, Pending};
use super::scrub::Clean;
use super::{Turn, Walk, judge, scrub};

impl Walk {
    /// The same server is asked once more, in another way.
    pub(super) fn again(&mut self, pending: &Pending, transport: Transport, why: AskWhy) {
        let edns = pending.how.edns && why != AskWhy::WithoutEdns;
        let how = How { transport, edns, cookie: pending.how.cookie && why != AskWhy::WithoutCookie, why };
        if let Some(at) = self.goal(pending.goal).at() {
            at.redo = Some((pending.server.clone(), how));
        }
    }

    /// Turns the verdict on a reply into state.
    pub(super) fn apply(&mut self, pending: &Pending, clean: Clean, verdict: Verdict, turn: &mut Turn<'_, '_>) {
        let id = pending.goal;
        if self.mend_cookie(pending, &verdict) {
            return;
        }
        match verdict {
            Verdict::Truncated if pending.how.transport == Transport::Udp => {
                self.again(pending, Transport::Tcp, AskWhy::TcpAfterTruncation);
            }
            Verdict::Truncated => self.wrong(pending, Wrong::Truncated, clean, turn),
            Verdict::Wrong(Wrong::NoEdns) if !self.needs_edns(id, turn) => {
                self.again(pending, pending.how.transport, AskWhy::WithoutEdns);
            }
            // Without EDNS a signed zone has nothing to say that could be proved; without a cookie the server may
            // have, and else another one.
            Verdict::Wrong(Wrong::NoEdns) if pending.cookie.is_some() => {
                self.again(pending, pending.how.transport, AskWhy::WithoutCookie);
            }
            // Neither proves anything, and who knows of a zone cut knows more.
            Verdict::Wrong(Wrong::Bare) if pending.minimised && self.is_unproved(id) => {
                self.take_last_resort(id, turn);
            }
            // A minimised question shows where the zone cuts are and nothing else.
            ref verdict if pending.minimised && judge::shows_no_cut(verdict, &clean) => self.deeper(pending, turn),
            Verdict::Wrong(wrong) => self.wrong(pending, wrong, clean, turn),
            Verdict::Referral { .. } => self.refer(pending, &clean, turn),
            Verdict::NxDomain if pending.minimised && self.goal(id).minimised.believes_denial() => {
                self.denied(pending, clean, DenialKind::NxDomain, turn);
            }
            Verdict::NxDomain if pending.minimised && self.may_be_proved(pending, &clean, turn) => {
                let goal = self.goal(id);
                let whole = std::mem::replace(&mut goal.current.name, pending.question.name.clone());
                goal.whole = Some(whole);
                self.denied(pending, clean, DenialKind::NxDomain, turn);
            }
            Verdict::NxDomain if pending.minimised => {
                self.goal(id).minimised.doubt_denial();
                self.ask_anew(id, turn);
            }
            _ if pending.minimised => {
                self.goal(id).minimised.give_up();
                self.ask_anew(id, turn);
            }
            Verdict::Answer { .. } => self.answered(pending, clean, turn),
            Verdict::NoData => self.denied(pending, clean, DenialKind::NoData, turn),
            Verdict::NxDomain => self.denied(pending, clean, DenialKind::NxDomain, turn),
            Verdict::Alias { .. } => self.aliased(pending, clean, turn),
            Verdict::TooLong => {
                let goal = self.goal(id);
                goal.chain.extend(clean.chain);
                goal.told.push((pending.question.name.clone(), pending.source()));
                self.finish(id, Found::TooLong, turn);
            }
            // As any other aliases: who sends them may have made them up.
            Verdict::AliasLoop { name } => {
                self.goal(id).told.push((pending.question.name.clone(), pending.source()));
                if self.extend_chain(id, clean.chain, clean.proof, turn) {
                    self.follow(id, name, turn);
                }
            }
            Verdict::Deeper => {}
        }
    }

    /// No zone cut here: the same servers see more of the name.
    fn deeper(&mut self, pending: &Pending, turn: &mut Turn<'_, '_>) {
        let id = pending.goal;
        let limits = &turn.around.settings.limits;
        turn.around.cache.put_no_cut(&pending.question.name, pending.source(), turn.now);
        let goal = self.goal(id);
        goal.minimised.deeper(&goal.current, limits);
        self.pass_known(id, turn);
        self.ask_anew(id, turn);
    }

    /// Passes over the labels at which no zone begins, as was seen a while ago.
    pub(super) fn pass_known(&mut self, id: GoalId, turn: &Turn<'_, '_>) {
        let around = &turn.around;
        let limits = &around.settings.limits;
        loop {
            let goal = self.goal(id);
            let (Question { name, .. }, true) = goal.minimised.question(&goal.current, limits) else { return };
            let Some(known) = around.cache.no_cut(&name, turn.now) else { return };
            goal.minimised.deeper(&goal.current, limits);
            let told = (&known.from, known.stored, known.expires);
            self.note(turn, id, Event::from_cache(Known::NoCut, (&name, RecordType::NS), told, turn.now));
        }
    }

    /// A server was of no use; before it is given up, the whole question is tried (RFC 9156 §3, step 6e).
    fn wrong(&mut self, pending: &Pending, wrong: Wrong, clean: Clean, turn: &mut Turn<'_, '_>) {
        let now = turn.now;
        // Who proves nothing of a cut would not do so if it were shown all of the name.
        let is_unproved = matches!(wrong, Wrong::Unproved { .. });
        if pending.minimised && !is_unproved {
            self.goal(pending.goal).minimised.give_up();
            return self.again(pending, pending.how.transport, AskWhy::FullAfterTrouble);
        }
        let Some(at) = self.goal(pending.goal).at() else { return };
        // Some refuse a type, ANY above all (RFC 8482 §4) and what else is no data, and know the zone.
        let qtype = pending.question.qtype;
        let refusable = qtype == RecordType::RRSIG || (128..=255).contains(&u16::from(qtype));
        let refused = clean.rcode == ResponseCode::Refused && !refusable;
        let lame = [Wrong::Recursive, Wrong::Empty].contains(&wrong)
            || matches!(wrong, Wrong::UpwardReferral { .. } | Wrong::OtherZone { .. });
        // A forwarder that refuses a name may be alone in answering all others.
        if refused && !at.is_forwarded() || lame {
            turn.around.servers.lame(pending.server.addr, &at.cut.zone, now);
        }
        // Who refuses does not serve the zone, or has too much to do: one of them is asked once more.
        let may_again = clean.rcode == ResponseCode::ServFail
            || refused && at.tried.iter().all(|tried| tried.chance == Chance::Undue);
        let tried = at.tried(&pending.server);
        tried.complains = scrub::complains(clean.rcode) && pending.how.edns;
        if may_again && tried.chance == Chance::Undue {
            tried.chance = Chance::Due;
        }
        let verdict = judge::last_resort(&wrong, &clean);
        // Two servers that agree are believed (RFC 2308 §2.2): a zone may be like that.
        let agreed = at.last_resort.as_ref().is_some_and(|last| {
            let is_same = is_unproved || wrong == Wrong::Bare && Some(&last.verdict) == verdict.as_ref();
            is_same && last.wrong == wrong && last.pending.server.is_another(&pending.server)
        });
        let is_best = at.last_resort.as_ref().is_none_or(|last| match last.wrong {
            Wrong::Empty => true,
            Wrong::Bare => is_unproved,
            _ => false,
        });
        if let Some(verdict) = verdict.filter(|_| is_best) {
            let (pending, wrong) = (pending.clone(), wrong.clone());
            at.last_resort = Some(Box::new(LastResort { pending, clean, wrong, verdict }));
        }
        at.problem(&pending.server, wrong, true);
        if agreed {
            self.take_last_resort(pending.goal, turn);
        }
    }

    /// Whether somebody has told of a zone cut without the proof that a signed zone owes for it.
    fn is_unproved(&mut self, id: GoalId) -> bool {
        let last = self.goal(id).at().and_then(|at| at.last_resort.as_ref());
        last.is_some_and(|last| matches!(last.wrong, Wrong::Unproved { .. }))
    }

    /// The whole answer came.
    pub(super) fn answered(&mut self, pending: &Pending, clean: Clean, turn: &mut Turn<'_, '_>) {
        let id = pending.goal;
        let Some(answer) = clean.answer.clone() else { return };
        self.goal(id).told.push((pending.question.name.clone(), pending.source()));
        self.learn_answer(pending, &clean, turn);
        match self.goal(id).purpose {
            Purpose::Priming => self.learn_root(pending, &answer, &clean, turn),
            Purpose::StubPriming { .. } => Self::learn_stub(pending, &answer, &clean, turn),
            Purpose::Client | Purpose::Proof | Purpose::ServerAddress { .. } => {}
        }
        self.goal(id).current.name = clean.end;
        if self.extend_chain(id, clean.chain, clean.proof, turn) {
            self.finish(id, Found::Answer(answer), turn);
        }
    }

    /// The name or the type does not exist.
    pub(super) fn denied(&mut self, pending: &Pending, clean: Clean, kind: DenialKind, turn: &mut Turn<'_, '_>) {
        let id = pending.goal;
        if self.is_childs_word(pending, &clean) {
            return self.ask_anew(id, turn);
        }
        let soa = self.learn_denial(pending, &clean, kind, turn);
        self.goal(id).told.push((pending.question.name.clone(), pending.source()));
        let denied = Denied { soa, proof: clean.proof };
        if self.extend_chain(id, clean.chain, Vec::new(), turn) {
            self.finish(id, Found::Denied(kind, denied), turn);
        }
    }

    /// Whether a denial of a DS set is that of the zone below, which knows nothing of it (RFC 4035 §3.1.4.1): it has
    /// the SOA record of the very name. That is so where a server has a zone and the one two steps above, but not the
    /// one between them, as the servers of the root have root-servers.net. The one between is then looked for label by
    /// label.
    fn is_childs_word(&mut self, pending: &Pending, clean: &Clean) -> bool {
        let Question { name, qtype, .. } = &pending.question;
        let of_child = *qtype == RecordType::DS && clean.soa.as_ref().is_some_and(|soa| soa.owner == *name);
        let goal = self.goal(pending.goal);
        let zone = goal.at().map(|at| at.cut.zone.clone()).filter(|zone| zone.label_count() + 1 < name.label_count());
        of_child && !goal.is_forwarded() && zone.is_some_and(|zone| goal.minimised.resume(&zone))
    }

    /// The name is an alias: goes on with the target.
    pub(super) fn aliased(&mut self, pending: &Pending, clean: Clean, turn: &mut Turn<'_, '_>) {
        let id = pending.goal;
        self.learn_answer(pending, &clean, turn);
        self.goal(id).told.push((pending.question.name.clone(), pending.source()));
        let end = clean.end.clone();
        if self.extend_chain(id, clean.chain, clean.proof, turn) {
            self.leave(id, turn);
            self.follow(id, end, turn);
        }
    }

    pub(super) fn loops(&mut self, id: GoalId, name: Name, turn: &mut Turn<'_, '_>) {
        self.note(turn, id, Event::AliasLoop { name: name.clone() });
        self.fail(id, Failure::AliasLoop { name }, turn);
    }

    /// The servers of the same zone get another question.
    fn ask_anew(&mut self, id: GoalId, turn: &mut Turn<'_, '_>) {
        self.leave(id, turn);
        if let Some(at) = self.goal(id).at() {
            at.fresh_tries();
        }
    }
}
