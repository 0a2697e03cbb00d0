//! What a walk brought, made ready to send and kept.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{Inner, Resolver};
use crate::cache::{Answer, AnswerKey, Cache, Plain, Ready, Usage};
use crate::drive::unix_secs;
use crate::time::Time;
use crate::trace::{Stale, StaleWhy};
use crate::walk::WalkSettings;
use crate::walk::outcome::{Failure, Outcome};
use crate::walk::stale::{Recollection, StaleLimits, StaleView};
use crate::wire::{Ede, PlainAnswer, QueryView, Question, ResponseCode, RrSet, Sections, Template, ede};

/// How long a failure that nobody has judged is remembered for clients who check for themselves: as long as others are
/// at first.
const UNJUDGED_SECS: u32 = 5;

/// Answers whose time is over (RFC 8767).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleSettings {
    /// For how long they are served, and with which TTL.
    pub limits: StaleLimits,
    /// How long a client waits for a new answer before it gets the stale one (§5: the client response timer).
    pub client_timeout: Duration,
    /// Seconds after a failure for which the stale answer is served before a new one is tried for (§5: the failure
    /// recheck timer).
    pub recheck_secs: u32,
}

/// In which form an answer is wanted: what DO brings with it is another answer (RFC 4035 §3.2.1), and what CD lets
/// through is not for those who want it checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    dnssec_ok: bool,
    checking_disabled: bool,
}

impl Form {
    const ALL: [Self; 4] = [Self::new(0), Self::new(1), Self::new(2), Self::new(3)];

    const fn new(nth: u8) -> Self {
        Self { dnssec_ok: nth & 1 != 0, checking_disabled: nth & 2 != 0 }
    }

    pub(super) fn of(query: &QueryView<'_>) -> Self {
        Self { dnssec_ok: query.dnssec_ok(), checking_disabled: query.flags().cd() }
    }

    /// Whether the client checks for itself.
    pub(super) fn checking_disabled(self) -> bool {
        self.checking_disabled
    }

    fn key(self, question: &Question) -> AnswerKey<'_> {
        let Self { dnssec_ok, checking_disabled } = self;
        AnswerKey { qname_wire: question.name.wire(), qtype: question.qtype.into(), dnssec_ok, checking_disabled }
    }
}

/// What a walk brought, and when.
#[derive(Debug)]
pub(super) struct Landed {
    outcome: Outcome,
    edes: Vec<Ede>,
    at: Time,
    /// The cache as it was when the walk began: what comes of it is nothing to those who come after a flush.
    cache: Cache,
    /// Set when something stale was served instead of a failure.
    stale: OnceLock<Stale>,
    /// Ready to send, made when the first client wants it in that form.
    ready: [OnceLock<Ready>; 4],
}

/// What is still known of a question.
struct StandIn {
    template: Template,
    edes: Vec<Ede>,
    /// Since when its time is over, if it is.
    expired: Option<Duration>,
    /// What the cache had in this form.
    given: Option<Arc<Answer>>,
    /// Whether it was proved, and until when the signatures over it hold. That its TTL is over takes nothing from that:
    /// a stale record is used as if it were not (RFC 8767 §4).
    secure: bool,
    signed_until: u32,
}

impl Landed {
    /// What a walk came to that saw this cache.
    pub(super) fn new(outcome: Outcome, at: Time, cache: Cache) -> Self {
        Self { edes: outcome.edes(), outcome, at, cache, stale: OnceLock::new(), ready: Default::default() }
    }

    /// Whether DNSSEC has found something wrong, and not only that keys are out of reach.
    fn is_bogus(&self) -> bool {
        let network = [ede::NO_REACHABLE_AUTHORITY, ede::NETWORK_ERROR];
        self.edes.iter().any(Ede::is_dnssec) && !self.edes.iter().any(|ede| network.contains(&ede.code))
    }

    /// Whether the walk came to no answer.
    pub(super) fn failed(&self) -> bool {
        self.outcome.failure.is_some()
    }

    /// What was stale and is served instead, if anything is.
    pub(super) fn stale(&self) -> Option<Stale> {
        self.stale.get().copied()
    }
}

impl StandIn {
    /// Nothing is known.
    fn failure(template: Template, edes: Vec<Ede>) -> Self {
        Self { template, edes, expired: None, given: None, secure: false, signed_until: 0 }
    }

    /// Why it is served: the sentence for clients, and what went `wrong`.
    fn explain(&mut self, why: StaleWhy, wrong: &[Ede]) -> Option<Stale> {
        let stale = Stale { expired_secs: self.expired?.as_secs(), why };
        let denied = self.template.rcode() == ResponseCode::NXDomain;
        let code = if denied { ede::STALE_NXDOMAIN_ANSWER } else { ede::STALE_ANSWER };
        self.edes.insert(0, Ede::new(code, stale.to_string()));
        let new = wrong.iter().filter(|ede| !self.edes.contains(ede));
        self.edes.extend(new.cloned().collect::<Vec<_>>());
        Some(stale)
    }

    fn into_answer(self, at: Time, expires: Time) -> Answer {
        let Self { template, edes, given, secure, signed_until, .. } = self;
        Answer { template, edes: edes.into(), stored: at, expires, secure, signed_until, usage: Usage::stopgap(given) }
    }
}

impl Inner {
    /// The last answer that is known: as it was given in this form, or from its record sets where those were learned
    /// later. Not every set of an answer is kept by itself, and not every form of an answer was asked for.
    fn stand_in(&self, question: &Question, form: Form, cache: &Cache) -> Option<StandIn> {
        let (over, moment) = (self.settings.stale.as_ref()?.limits, self.world.moment());
        let (settings, now) = (&self.world.settings, moment.0);
        let given = cache.stale_answer(&form.key(question), now, over.max);
        let validates = !settings.proofs.anchors.is_empty() && !form.checking_disabled;
        let judged_by = validates.then_some(settings);
        let WalkSettings { limits, private, synthesis, .. } = settings;
        let view = StaleView { cache, limits, private, over, judged_by, moment };
        // What is known is known of the name to which a walk goes.
        let detour = synthesis.enter(question);
        let asked = detour.asked();
        let Recollection { links, answer, ended } = view.answer(asked);
        // That there is no AAAA record is half of an answer when others may be made of A (RFC 6147 §5.1.6).
        let sets =
            answer.and_then(|mut first| match synthesis.next(asked, &mut first.outcome, !form.checking_disabled) {
                Some(next) => {
                    Some(first.with(view.answer(&next).answer?, |first, second| synthesis.join(asked, first, second).0))
                }
                None => Some(first),
            });
        // An alias that leads elsewhere by now was refreshed, and what it led to before is not stale but wrong.
        let moved = |given: &Answer, (link, learned): &(RrSet, Time)| {
            *learned > given.stored && !given.template.has_alias(link)
        };
        let given = given
            .filter(|given| !links.iter().any(|link| moved(given, link)) && ended.is_none_or(|at| given.stored > at));
        let unsigned = || view.may_be_unsigned(&asked.name);
        match (given, sets) {
            (given, Some(sets)) if given.as_ref().is_none_or(|given| given.stored < sets.learned) => {
                let outcome = detour.leave(question, sets.outcome);
                // Its parts have the TTLs that they get by now.
                let template = template(question, &outcome, form).aged(0, over.reply_ttl_secs);
                let (edes, secure, signed_until) = (outcome.edes(), outcome.secure, signed_until(&outcome, moment.1));
                Some(StandIn { template, edes, expired: sets.expired, given, secure, signed_until })
            }
            (Some(given), sets) if given.secure || sets.is_some() || unsigned() => {
                let template = given.template.aged(given.age_secs(now), over.reply_ttl_secs);
                let expired = (given.expires <= now).then(|| now - given.expires);
                let (edes, secure, signed_until) = (given.edes.to_vec(), given.secure, given.signed_until);
                Some(StandIn { template, edes, expired, given: Some(given), secure, signed_until })
            }
            _ => None,
        }
    }
}

impl Resolver {
    /// The stale answer for a client that is not kept waiting; the walk may soon have a better one, so it is not kept.
    pub(super) fn meanwhile(&self, question: &Question, form: Form, why: StaleWhy) -> Option<Answer> {
        let mut stand_in = self.0.stand_in(question, form, &self.0.world.cache)?;
        stand_in.explain(why, &[]);
        let now = self.0.world.clock.now();
        Some(stand_in.into_answer(now, now))
    }

    /// Makes what a walk brought ready to send, and keeps it for as long as it is good; not when others are to make it
    /// (see [`Resolver::retire`]).
    pub(super) fn ready(&self, question: &Question, form: Form, landed: &Landed) -> Ready {
        let nth = usize::from(form.dnssec_ok) | usize::from(form.checking_disabled) << 1;
        let ready = landed.ready[nth].get_or_init(|| match &landed.outcome.failure {
            None => keep(question, form, &landed.outcome, (&landed.cache, landed.at)),
            Some(_) => self.failed(question, form, landed),
        });
        ready.clone()
    }

    /// A failure, or what is served in its place. It is kept until the next try makes sense: a failure for as long as
    /// the cache of failures says (RFC 9520 §3.2), what is stale until the recheck (RFC 8767 §5).
    fn failed(&self, question: &Question, form: Form, landed: &Landed) -> Ready {
        let (cache, key, at) = (&landed.cache, form.key(question), landed.at);
        // A refresh has failed before it was needed.
        if let Some(ready) = cache.ready(&key, at, None) {
            return ready;
        }
        // Also for what is bogus now: whoever can forge an answer can as well hold it back, and then the old one is
        // served. But not for aliases that lead nowhere now: that is what their zones say, and no failure to refresh
        // them (RFC 8767 §5).
        let is_told = landed.outcome.failure.as_ref().is_some_and(Failure::was_told);
        if let Some(StaleSettings { limits, recheck_secs, .. }) = self.0.settings.stale
            && !is_told
            && let Some(mut stand_in) = self.0.stand_in(question, form, cache)
        {
            // However late the next try comes, it is served no longer than stale answers are at all (§5: the maximum
            // stale timer).
            let left = limits.max.saturating_sub(stand_in.expired.unwrap_or_default());
            let again_secs = left.as_secs().min(recheck_secs.into());
            let why = if landed.is_bogus() { StaleWhy::Bogus { again_secs } } else { StaleWhy::Failed { again_secs } };
            let Some(stale) = stand_in.explain(why, &landed.edes) else {
                // Meanwhile somebody else has brought what is good.
                return Ready::Written(Arc::new(stand_in.into_answer(at, at)));
            };
            let _ = landed.stale.set(stale);
            let answer = stand_in.into_answer(at, at.after_ttl(recheck_secs).min(at + left));
            let tried = !matches!(landed.outcome.failure, Some(Failure::Busy { .. } | Failure::Abandoned));
            return Ready::Written(if tried { cache.put_answer(&key, answer).0 } else { Arc::new(answer) });
        }
        let template = template(question, &landed.outcome, form);
        // RFC 9520 §3.2: what nobody has judged is remembered for those who want it so.
        let unknown = if form.checking_disabled() && is_told { at.after_ttl(UNJUDGED_SECS) } else { at };
        // It is remembered of the name to which the walk went.
        let detour = self.0.world.settings.synthesis.enter(question);
        let expires = cache.failure(detour.asked(), at).map_or(unknown, |known| known.expires);
        // RFC 8914 §4.14: what those get who come later.
        let edes = match landed.edes.iter().any(|ede| ede.code == ede::CACHED_ERROR) {
            true => landed.edes.clone(),
            false => Failure::Remembered { edes: landed.edes.clone(), is_told }.edes(),
        };
        let failure = |edes| {
            let template = template.clone();
            StandIn::failure(template, edes).into_answer(at, expires)
        };
        if expires > at {
            cache.put_answer(&key, failure(edes));
        }
        Ready::Written(Arc::new(failure(landed.edes.clone())))
    }
}

/// What is known without asking anybody, as it is: nothing stale for a failure (RFC 8767 §5).
pub(super) fn keep_unless_failed(
    question: &Question,
    form: Form,
    outcome: &Outcome,
    (cache, at): (&Cache, Time),
) -> Ready {
    if outcome.failure.is_none() {
        return keep(question, form, outcome, (cache, at));
    }
    let template = template(question, outcome, form);
    Ready::Written(Arc::new(StandIn::failure(template, outcome.edes()).into_answer(at, at)))
}

/// Keeps the answer that was found, ready to send.
fn keep(question: &Question, form: Form, outcome: &Outcome, (cache, at): (&Cache, Time)) -> Ready {
    let key = form.key(question);
    if let Some(set) = plain(question, outcome)
        && cache.mark_plain(&key, set, outcome.secure, at)
    {
        return Ready::Plain(Plain::new(set, outcome.secure, at));
    }
    // In the other forms what was known before must not be served stale from now on; but whoever wants it checked keeps
    // what was, as this may turn out to be bogus.
    for other in Form::ALL.into_iter().filter(|other| other.checking_disabled || !form.checking_disabled) {
        cache.forget_stale(&other.key(question), at);
    }
    cache.unmark_plain(&key);
    let answer = answer(question, form, outcome, (at, unix_secs()));
    Ready::Written(cache.put_answer(&key, answer).0)
}

/// What a walk brought, ready to send.
fn answer(question: &Question, form: Form, outcome: &Outcome, (at, unix_secs): (Time, u32)) -> Answer {
    let template = template(question, outcome, form);
    let expires = at.after_ttl(template.min_ttl_secs());
    let (edes, secure) = (outcome.edes().into(), outcome.secure);
    let (signed_until, usage) = (signed_until(outcome, unix_secs), Usage::default());
    Answer { template, edes, stored: at, expires, secure, signed_until, usage }
}

/// Until when the signatures over it hold.
fn signed_until(outcome: &Outcome, unix_secs: u32) -> u32 {
    unix_secs.wrapping_add(outcome.signed_secs(unix_secs))
}

/// The one set that is the whole answer, if one is, and no sentence goes with it.
fn plain<'a>(question: &Question, outcome: &'a Outcome) -> Option<&'a RrSet> {
    let [set] = &outcome.answer[..] else { return None };
    let alone = outcome.rcode == ResponseCode::NoError && outcome.authority.is_empty() && outcome.edes().is_empty();
    let asked = set.rtype == question.qtype && set.owner == question.name;
    (alone && asked && PlainAnswer::fits(set)).then_some(set)
}

fn template(question: &Question, outcome: &Outcome, form: Form) -> Template {
    let Outcome { rcode, answer, authority, .. } = outcome;
    let sections = Sections { answer, authority, ..Sections::default() };
    Template::build(question, *rcode, &sections, form.dnssec_ok)
}
