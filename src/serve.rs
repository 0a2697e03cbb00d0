//! The life of one query. Start reading here.
//!
//! A query is read ([`crate::wire`]), judged ([`crate::policy`]), looked up ([`crate::cache`]); those three are
//! [`Resolver::answer_now`] and take no time. Only when the answer is not known does a walk begin
//! ([`crate::drive`]), which equal questions share; that is [`Resolver::answer_later`].

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::Notify;

use crate::cache::{Answer, AnswerKey};
use crate::drive::{World, known, walk, walk_watched};
use crate::listen::{Now, Peer, Responder, Transport};
use crate::policy::{LocalAnswer, PolicySettings, Verdict, admits, judge};
use crate::time::Time;
use crate::trace::{Cost, Entry, Told, Trace};
use crate::walk::outcome::Outcome;
use crate::wire::{
    BadQuery, DNSClass, Ede, Extras, QueryView, Question, ResponseCode, Sections, Template, answer_bad, cookie, ede,
    edns,
};

/// How queries are answered.
#[derive(Clone, Debug)]
pub struct ServeSettings {
    /// Who may ask, and what is answered here.
    pub policy: PolicySettings,
    /// The largest UDP message in octets, towards clients too (RFC 9715).
    pub udp_size: u16,
    /// Whether clients get extended errors (RFC 8914).
    pub ede: bool,
    /// What this server calls itself when asked for its NSID (RFC 5001); empty says nothing.
    pub nsid: Box<[u8]>,
    /// What the cookies for clients are made with (RFC 9018).
    pub cookie_secret: [u8; 16],
}

/// A resolver: cheap to clone, shared by all workers.
#[derive(Clone, Debug)]
pub struct Resolver(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: World,
    settings: ServeSettings,
    flights: Mutex<HashMap<Question, Arc<Flight>>>,
}

/// From what a walk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// From all that is known now.
    Current,
    /// From the root, as if nothing had ever been asked; what is learned is forgotten again.
    Nothing,
}

/// One walk that several clients may wait for.
#[derive(Debug, Default)]
struct Flight {
    landed: OnceLock<Arc<Landed>>,
    signal: Notify,
}

/// What a walk brought, and when.
#[derive(Debug)]
struct Landed {
    outcome: Outcome,
    edes: Vec<Ede>,
    at: Time,
}

impl Resolver {
    /// A resolver that lives in `world`.
    #[must_use]
    pub fn new(world: World, settings: ServeSettings) -> Self {
        Self(Arc::new(Inner { world, settings, flights: Mutex::default() }))
    }

    /// Whether a client may ask at all.
    #[must_use]
    pub fn admits(&self, client: IpAddr) -> bool {
        admits(client, &self.0.settings.policy)
    }

    /// Resolves one question of a client and tells the story; each step is shown to `watch` as soon as it is done.
    /// Nobody shares this walk.
    pub async fn trace(
        &self,
        question: Question,
        client: IpAddr,
        from: Knowledge,
        watch: &mut dyn FnMut(&Entry),
    ) -> Trace {
        if let Some((_, trace)) = told_here(&question, client, &self.0.settings.policy) {
            return trace;
        }
        let (_, trace) = match from {
            Knowledge::Current => walk_watched(question, &self.0.world, watch).await,
            Knowledge::Nothing => walk_watched(question, &self.0.world.forgotten(), watch).await,
        };
        trace
    }

    fn respond(&self, query: &QueryView<'_>, answer: &Answer, now: Time, peer: &Peer, out: &mut Vec<u8>) {
        let age_secs = u32::try_from((now - answer.stored).as_secs()).unwrap_or(u32::MAX);
        let edes: &[Ede] = if self.0.settings.ede { &answer.edes } else { &[] };
        let cookie = self.cookie(query, peer);
        let cookie = cookie.as_ref().map(|cookie| (edns::COOKIE, &cookie[..]));
        // RFC 5001 §2.2: only who asks for it gets it.
        let nsid = Some(&*self.0.settings.nsid).filter(|id| !id.is_empty() && option(query, edns::NSID).is_some());
        let options: SmallVec<[(u16, &[u8]); 2]> = cookie.into_iter().chain(nsid.map(|id| (edns::NSID, id))).collect();
        let extras = Extras { ad: false, aa: false, edes, options: &options, udp_size: self.0.settings.udp_size };
        answer.template.respond(query, age_secs, &extras, self.limit(query, peer), out);
    }

    /// The cookie for the client, if it sent one (RFC 7873 §5.2).
    fn cookie(&self, query: &QueryView<'_>, peer: &Peer) -> Option<[u8; cookie::WHOLE]> {
        let shown = option(query, edns::COOKIE)?;
        cookie::answer(shown, peer.client.ip(), &self.0.settings.cookie_secret, self.0.world.clock.unix_secs())
    }

    /// Octets that the client can take.
    fn limit(&self, query: &QueryView<'_>, peer: &Peer) -> usize {
        match peer.transport {
            Transport::Tcp => usize::from(u16::MAX),
            Transport::Udp => query.udp_limit().min(self.0.settings.udp_size.into()),
        }
    }

    fn answer_locally(&self, query: &QueryView<'_>, local: &LocalAnswer, peer: &Peer, out: &mut Vec<u8>) {
        let sections = Sections {
            answer: &local.answer,
            authority: &local.authority,
            additional: &[],
            aa: local.authoritative,
            no_recursion: local.no_recursion,
        };
        let template = Template::build(&query.question(), local.rcode, &sections, query.dnssec_ok());
        let now = self.0.world.clock.now();
        let answer = Answer { template, edes: local.edes.clone().into(), stored: now, expires: now, secure: false };
        self.respond(query, &answer, now, peer, out);
    }

    fn refuse(&self, query: &QueryView<'_>, why: Ede, no_recursion: bool, peer: &Peer, out: &mut Vec<u8>) {
        let local =
            LocalAnswer { rcode: ResponseCode::Refused, edes: vec![why], no_recursion, ..LocalAnswer::default() };
        self.answer_locally(query, &local, peer, out);
    }

    /// Answers a client that does not desire recursion from what is known (RFC 1034 §4.3.1), or refuses.
    fn answer_from_cache(&self, query: &QueryView<'_>, now: Time, peer: &Peer, out: &mut Vec<u8>) {
        let question = query.question();
        let Some(outcome) = known(question.clone(), &self.0.world) else {
            let why = "recursion was not desired, and the answer is not in the cache";
            return self.refuse(query, Ede::new(ede::NOT_AUTHORITATIVE, why), false, peer, out);
        };
        let landed = Landed { edes: outcome.edes(), outcome, at: now };
        let answer = self.keep(&key(query), &question, &landed);
        self.respond(query, &answer, now, peer, out);
    }

    fn answer_unreadable(&self, bytes: &[u8], bad: BadQuery, out: &mut Vec<u8>) -> Now {
        let BadQuery::Answer { rcode, why } = bad else { return Now::Drop };
        let ede = Ede::new(ede::OTHER, why.to_string());
        answer_bad(bytes, rcode, self.0.settings.udp_size, self.0.settings.ede.then_some(&ede), out);
        Now::Sent
    }

    /// Waits for the walk that answers `question`; begins it when nobody has.
    async fn landed(&self, question: &Question) -> Arc<Landed> {
        let (flight, is_first) = {
            let mut flights = self.0.flights.lock();
            match flights.get(question) {
                Some(flight) => (Arc::clone(flight), false),
                None => {
                    let flight = Arc::new(Flight::default());
                    flights.insert(question.clone(), Arc::clone(&flight));
                    (flight, true)
                }
            }
        };
        if is_first {
            // A task of its own: the walk goes on for the others, and for the cache, when this client leaves.
            tokio::task::spawn_local(self.clone().fly(question.clone(), Arc::clone(&flight)));
        }
        loop {
            let landed = flight.signal.notified();
            if let Some(landed) = flight.landed.get() {
                return Arc::clone(landed);
            }
            landed.await;
        }
    }

    async fn fly(self, question: Question, flight: Arc<Flight>) {
        let _ticket = Ticket { resolver: &self, question: &question, flight: &flight };
        let (outcome, trace) = walk(question.clone(), &self.0.world).await;
        for step in &trace.steps {
            tracing::trace!(question = %trace.title(), at_us = step.at_us, "{}", step.event);
        }
        tracing::debug!(question = %trace.title(), rcode = %trace.rcode, queries = trace.cost.queries,
            time_us = trace.cost.time_us, "walked");
        let edes = outcome.edes();
        let landed = Landed { outcome, edes, at: self.0.world.clock.now() };
        let _ = flight.landed.set(Arc::new(landed));
    }

    /// Makes what a walk brought ready to send, and keeps it for as long as it is good.
    fn keep(&self, key: &AnswerKey<'_>, question: &Question, landed: &Landed) -> Arc<Answer> {
        let cache = &self.0.world.cache;
        if let Some(kept) = cache.answer(key, landed.at) {
            return kept;
        }
        let Outcome { rcode, answer, authority, .. } = &landed.outcome;
        let sections = Sections { answer, authority, ..Sections::default() };
        let template = Template::build(question, *rcode, &sections, key.dnssec_ok);
        let ttl_secs = match &landed.outcome.failure {
            // RFC 9520: a failure is kept by the cache of failures, which knows for how long.
            Some(_) => cache.failure(question, landed.at).map_or(0, |known| (known.expires - landed.at).as_secs()),
            None => template.min_ttl_secs().into(),
        };
        let (stored, expires) = (landed.at, landed.at.plus_secs(ttl_secs));
        let answer = Answer { template, edes: landed.edes.clone().into(), stored, expires, secure: false };
        cache.put_answer(key, answer).0
    }
}

/// What policy answers without a walk, as a trace without steps.
#[must_use]
pub fn told_here(question: &Question, client: IpAddr, policy: &PolicySettings) -> Option<(ResponseCode, Trace)> {
    let answer = match judge(question, client, policy) {
        Verdict::Resolve => return None,
        Verdict::Answer(answer) => answer,
        Verdict::Refuse(why) => LocalAnswer { rcode: ResponseCode::Refused, edes: vec![why], ..LocalAnswer::default() },
    };
    let LocalAnswer { rcode, answer, authority, edes, .. } = answer;
    let told = Told { rcode, answer: &answer, authority: &authority, edes: &edes };
    Some((rcode, Trace::new(question, &told, Cost::new(0, 0, Time::ZERO, Time::ZERO), Vec::new())))
}

/// However a flight ends, those who wait are told and the next question begins anew.
struct Ticket<'a> {
    resolver: &'a Resolver,
    question: &'a Question,
    flight: &'a Flight,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.resolver.0.flights.lock().remove(self.question);
        let failed = || {
            let outcome = Outcome::abandoned();
            Arc::new(Landed { edes: outcome.edes(), outcome, at: self.resolver.0.world.clock.now() })
        };
        self.flight.landed.get_or_init(failed);
        self.flight.signal.notify_waiters();
    }
}

impl Responder for Resolver {
    fn answer_now(&self, bytes: &[u8], peer: &Peer, out: &mut Vec<u8>) -> Now {
        let query = match QueryView::read(bytes) {
            Ok(query) => query,
            Err(bad) => return self.answer_unreadable(bytes, bad, out),
        };
        let policy = &self.0.settings.policy;
        let now = self.0.world.clock.now();
        if option(&query, edns::COOKIE).is_some_and(|shown| !cookie::is_well_formed(shown)) {
            answer_bad(bytes, ResponseCode::FormErr, self.0.settings.udp_size, None, out);
            return Now::Sent;
        }
        if query.qclass() == DNSClass::IN
            && admits(peer.client.ip(), policy)
            && let Some(answer) = self.0.world.cache.answer(&key(&query), now)
        {
            self.respond(&query, &answer, now, peer, out);
            return Now::Sent;
        }
        match judge(&query.question(), peer.client.ip(), policy) {
            Verdict::Answer(local) => self.answer_locally(&query, &local, peer, out),
            Verdict::Refuse(why) => self.refuse(&query, why, true, peer, out),
            Verdict::Resolve if !query.flags().rd() => self.answer_from_cache(&query, now, peer, out),
            Verdict::Resolve => return Now::Later,
        }
        Now::Sent
    }

    fn answer_later(&self, bytes: Vec<u8>, peer: Peer) -> impl Future<Output = Option<Vec<u8>>> {
        let resolver = self.clone();
        async move {
            let query = QueryView::read(&bytes).ok()?;
            let question = query.question();
            let landed = resolver.landed(&question).await;
            let answer = resolver.keep(&key(&query), &question, &landed);
            let mut out = Vec::with_capacity(512);
            resolver.respond(&query, &answer, resolver.0.world.clock.now(), &peer, &mut out);
            Some(out)
        }
    }
}

/// The data of an EDNS option of the query.
fn option<'a>(query: &QueryView<'a>, code: u16) -> Option<&'a [u8]> {
    query.edns().and_then(|edns| edns.option(code))
}

/// Under which an answer is kept: what DO brings with it is another answer (RFC 4035 §3.2.1).
fn key<'a>(query: &QueryView<'a>) -> AnswerKey<'a> {
    AnswerKey {
        qname_wire: query.qname_wire(),
        qtype: query.qtype().into(),
        dnssec_ok: query.dnssec_ok(),
        checking_disabled: query.flags().cd(),
    }
}
