//! The life of one query. Start reading here.
//!
//! A query is read ([`crate::wire`]), judged ([`crate::policy`]), looked up ([`crate::cache`]); those three are
//! [`Resolver::answer_now`] and take no time. Only when the answer is not known does a walk begin
//! ([`crate::drive`]), which equal questions share; that is [`Resolver::answer_later`].

mod counts;
mod flights;
mod landed;
mod ring;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::cache::{Answer, AnswerKey, Plain, Usage};
use crate::drive::{World, known, refresh, walk, walk_unchecked, walk_watched};
use crate::listen::{Now, Peer, Responder, Transport};
use crate::policy::{LocalAnswer, PolicySettings, Verdict, admits, judge};
use crate::time::Time;
use crate::trace::{Cost, Entry, Event, GoalId, StaleWhy, Told, Trace};
use crate::walk::outcome::{Failure, Outcome};
use crate::wire::{
    BadQuery, DNSClass, Ede, Extras, PlainAnswer, QueryView, Question, ResponseCode, RrSet, Sections, Template,
    answer_bad, cookie, ede, edns,
};

use counts::{Count, Counts};
use flights::{Asked, Boarding, Flight, Flights};
use landed::{Form, Landed, Ready};

pub use counts::{Figures, SPANS_US, Slow};
pub use landed::StaleSettings;
pub use ring::{Id, Kept, NoId, Occasion, Ring, Walked};

/// An answer whose refresh has failed is not tried again for this long (RFC 8767 §5).
const REFRESH_PAUSE: Duration = Duration::from_secs(30);

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
    /// Most questions that are looked up at once.
    pub walks: usize,
    /// Whether answers in use are fetched anew before their time is over.
    pub prefetch: bool,
    /// Whether answers are served after their time, and how.
    pub stale: Option<StaleSettings>,
    /// Octets for the traces of past walks.
    pub past_bytes: usize,
}

/// A resolver: cheap to clone, shared by all workers.
#[derive(Clone, Debug)]
pub struct Resolver(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: World,
    settings: ServeSettings,
    flights: Flights,
    past: Arc<Ring<Walked>>,
    counts: Counts,
}

/// From what a walk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// From all that is known now.
    Current,
    /// From the root, as if nothing had ever been asked; what is learned is forgotten again.
    Nothing,
}

/// Why a walk begins.
#[derive(Clone, Copy)]
enum Why {
    /// A client waits.
    Asked,
    /// The answer is known and in use, and has this long to live.
    Refresh(Duration),
}

impl Why {
    fn occasion(self) -> Occasion {
        match self {
            Self::Asked => Occasion::Query,
            Self::Refresh(_) => Occasion::Refresh,
        }
    }
}

impl Resolver {
    /// A resolver that lives in `world`.
    #[must_use]
    pub fn new(world: World, settings: ServeSettings) -> Self {
        let (flights, past) = (Flights::new(settings.walks), Arc::new(Ring::new(settings.past_bytes)));
        Self(Arc::new(Inner { world, settings, flights, past, counts: Counts::new() }))
    }

    /// What is known, and how walks are done.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.0.world
    }

    /// Whether a client may ask at all.
    #[must_use]
    pub fn admits(&self, client: IpAddr) -> bool {
        admits(client, &self.0.settings.policy)
    }

    /// Resolves one question of a client and tells the story; each step is shown to `watch` as soon as it is done.
    /// Nobody shares this walk. With `unchecked` nothing is validated (CD).
    pub async fn trace(
        &self,
        question: Question,
        client: IpAddr,
        (from, unchecked): (Knowledge, bool),
        watch: &mut dyn FnMut(&Entry),
    ) -> Arc<Kept<Walked>> {
        self.explain(question, client, (from, unchecked), watch).await.kept
    }

    /// As [`Resolver::trace`], with the records themselves.
    pub async fn explain(
        &self,
        question: Question,
        client: IpAddr,
        (from, unchecked): (Knowledge, bool),
        watch: &mut dyn FnMut(&Entry),
    ) -> Explained {
        let (began, cold) = (self.0.world.clock.unix_ms(), from == Knowledge::Nothing);
        let occasion = if cold { Occasion::Cold } else { Occasion::Watched };
        let keep = |trace| self.remember(Walked { unix_ms: began, occasion, unchecked, trace });
        if let Some((local, trace)) = told_here(&question, client, &self.0.settings.policy) {
            let LocalAnswer { rcode, answer, edes, .. } = local;
            return Explained { rcode, answer, edes, kept: keep(trace) };
        }
        let forgotten = cold.then(|| self.0.world.forgotten());
        let world = forgotten.as_ref().unwrap_or(&self.0.world);
        // The walk does not look there.
        let ready = if cold || unchecked { None } else { self.is_known(&question) }.map(|(age, left)| {
            let event = Event::Ready { age_secs: age.as_secs(), left_secs: left.as_secs() };
            Entry { at_us: 0, goal: GoalId(0), event }
        });
        ready.iter().for_each(&mut *watch);
        let (outcome, mut trace) = walk_watched(question, unchecked, world, watch).await;
        trace.steps.splice(0..0, ready);
        Explained { rcode: outcome.rcode, edes: outcome.edes(), answer: outcome.answer, kept: keep(trace) }
    }

    /// The walks of the past.
    #[must_use]
    pub fn past(&self) -> &Ring<Walked> {
        &self.0.past
    }

    fn remember(&self, walked: Walked) -> Arc<Kept<Walked>> {
        let bytes = walked.trace.bytes();
        self.0.past.keep(walked, bytes)
    }

    /// A resolver with the same settings that knows nothing yet. Its walks are kept beside those of this one.
    #[must_use]
    pub fn forgotten(&self) -> Self {
        let (world, settings, past) = (self.0.world.forgotten(), self.0.settings.clone(), Arc::clone(&self.0.past));
        Self(Arc::new(Inner { world, flights: Flights::new(settings.walks), settings, past, counts: Counts::new() }))
    }

    /// Whether the answer to a question is known as a whole, so that no walk is needed: its age and the time left.
    #[must_use]
    pub fn is_known(&self, question: &Question) -> Option<(Duration, Duration)> {
        let (qname_wire, qtype) = (question.name.wire(), question.qtype.into());
        let key = AnswerKey { qname_wire, qtype, dnssec_ok: false, checking_disabled: false };
        let now = self.0.world.clock.now();
        let cache = &self.0.world.cache;
        if let Some(plain) = cache.plain(&key, now, None) {
            return Some((now - plain.stored, plain.expires - now));
        }
        let answer = cache.answer(&key, now)?;
        Some((now - answer.stored, answer.expires - now))
    }

    fn respond(&self, query: &QueryView<'_>, answer: &Answer, now: Time, peer: &Peer, out: &mut Vec<u8>) {
        let edes: &[Ede] = if self.0.settings.ede { &answer.edes } else { &[] };
        self.extras(query, answer.secure, edes, peer, |extras, limit| {
            answer.template.respond(query, answer.age_secs(now), extras, limit, out);
        });
    }

    fn send(&self, query: &QueryView<'_>, ready: &Ready, now: Time, peer: &Peer, out: &mut Vec<u8>) {
        match ready {
            Ready::Written(answer) => self.respond(query, answer, now, peer, out),
            Ready::Plain(plain) => self.respond_plain(query, plain, peer, out),
        }
    }

    fn respond_plain(&self, query: &QueryView<'_>, plain: &Plain, peer: &Peer, out: &mut Vec<u8>) {
        let answer = PlainAnswer { ttl_secs: plain.ttl_secs, rdatas: plain.data(), sigs: plain.sigs.block() };
        self.extras(query, plain.secure, &[], peer, |extras, limit| answer.respond(query, extras, limit, out));
    }

    /// Answers from the cache, if the answer is there.
    fn answer_known(&self, query: &QueryView<'_>, now: Time, peer: &Peer, out: &mut Vec<u8>) -> bool {
        let (key, cache) = (key(query), &self.0.world.cache);
        let refresh = (self.0.settings.prefetch && query.flags().rd()).then_some(REFRESH_PAUSE);
        let (is_due, expires) = if let Some(plain) = cache.plain(&key, now, refresh) {
            self.respond_plain(query, &plain, peer, out);
            (plain.is_due, plain.expires)
        } else {
            // RFC 8767 §5: who does not want recursion gets nothing that is stale.
            let known = cache.answer(&key, now).filter(|answer| query.flags().rd() || !answer.is_stopgap());
            let Some(answer) = known else { return false };
            self.respond(query, &answer, now, peer, out);
            (refresh.is_some_and(|pause| answer.used(now, pause)), answer.expires)
        };
        if is_due {
            self.fetch_anew(query, expires - now);
        }
        true
    }

    /// Hands `respond` what this client gets besides the records, and the octets that it can take.
    fn extras(
        &self,
        query: &QueryView<'_>,
        secure: bool,
        edes: &[Ede],
        peer: &Peer,
        respond: impl FnOnce(&Extras<'_>, usize),
    ) {
        // RFC 6840 §5.7, §5.8: for those who show that they know what AD means.
        let ad = secure && (query.dnssec_ok() || query.flags().ad());
        let cookie = self.cookie(query, peer);
        let cookie = cookie.as_ref().map(|cookie| (edns::COOKIE, &cookie[..]));
        // RFC 5001 §2.2: only who asks for it gets it.
        let nsid = Some(&*self.0.settings.nsid).filter(|id| !id.is_empty() && option(query, edns::NSID).is_some());
        let options: SmallVec<[(u16, &[u8]); 2]> = cookie.into_iter().chain(nsid.map(|id| (edns::NSID, id))).collect();
        let extras = Extras { ad, aa: false, edes, options: &options, udp_size: self.0.settings.udp_size };
        respond(&extras, self.limit(query, peer));
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
        let edes = local.edes.clone().into();
        let answer = Answer { template, edes, stored: now, expires: now, secure: false, usage: Usage::stopgap(None) };
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
        let Some(outcome) = known(&question, query.flags().cd(), &self.0.world) else {
            let why = "recursion was not desired, and the answer is not in the cache";
            return self.refuse(query, Ede::new(ede::NOT_AUTHORITATIVE, why), false, peer, out);
        };
        let ready = self.keep_unless_failed(&question, Form::of(query), &outcome, now);
        self.send(query, &ready, now, peer, out);
    }

    fn answer_unreadable(&self, bytes: &[u8], bad: BadQuery, out: &mut Vec<u8>) -> Now {
        self.0.counts.one(Count::Unreadable);
        let BadQuery::Answer { rcode, why } = bad else { return Now::Drop };
        let ede = Ede::new(ede::OTHER, why.to_string());
        answer_bad(bytes, rcode, self.0.settings.udp_size, self.0.settings.ede.then_some(&ede), out);
        Now::Sent
    }

    /// The walk for `question`: the one under way, or a new one; `None` when there are too many.
    fn board(&self, question: &Question, form: Form, why: Why) -> Option<Arc<Flight>> {
        let asked = Asked { question: question.clone(), checking_disabled: form.checking_disabled() };
        match self.0.flights.board(&asked, self.0.world.clock.now()) {
            Boarding::Joined(flight) => Some(flight),
            Boarding::Full => None,
            Boarding::First(flight) => {
                // A task of its own: the walk goes on for the others, and for the cache, when this client leaves.
                spawn_local(self.clone().fly(asked, form, why, Arc::clone(&flight)));
                Some(flight)
            }
        }
    }

    async fn fly(self, asked: Asked, form: Form, why: Why, flight: Arc<Flight>) {
        let ticket = Ticket { resolver: &self, asked: &asked, flight: &flight };
        let (question, world, unchecked) = (&asked.question, &self.0.world, asked.checking_disabled);
        let (unix_ms, occasion) = (world.clock.unix_ms(), why.occasion());
        let (outcome, mut trace) = match why {
            Why::Asked if unchecked => walk_unchecked(question.clone(), world).await,
            Why::Asked => walk(question.clone(), world).await,
            Why::Refresh(left) => refresh(question.clone(), left, unchecked, world).await,
        };
        let landed = Landed::new(outcome, world.clock.now());
        // Kept also when nobody waits any more.
        self.ready(question, form, &landed);
        if let Some(stale) = landed.stale() {
            trace.steps.push(Entry::new(world.clock.now(), flight.began, GoalId(0), Event::Stale { stale }));
        }
        for step in &trace.steps {
            tracing::trace!(question = %trace.title(), at_us = step.at_us, "{}", step.event);
        }
        tracing::debug!(question = %trace.title(), rcode = %trace.rcode, queries = trace.cost.queries,
            time_us = trace.cost.time_us, "walked");
        self.0.counts.walked(&trace.cost, landed.failed());
        // Before those who wait are told, so that they find it.
        if self.0.settings.past_bytes > 0 {
            self.remember(Walked { unix_ms, occasion, unchecked, trace });
        }
        ticket.land(landed);
    }

    /// Fetches an answer anew that is about to end; who asked has been served.
    fn fetch_anew(&self, query: &QueryView<'_>, left: Duration) {
        let (question, form) = (query.question(), Form::of(query));
        // Too many walks: those for which somebody waits come first.
        let _ = self.board(&question, form, Why::Refresh(left));
    }

    /// The answer for a client: what the walk brings, or what is still known when that takes too long.
    async fn found(&self, question: &Question, form: Form) -> Ready {
        let Some(flight) = self.board(question, form, Why::Asked) else {
            let busy = Outcome::failed(Failure::Busy { walks: self.0.settings.walks });
            return self.ready(question, form, &Landed::new(busy, self.0.world.clock.now()));
        };
        let Some(settings) = &self.0.settings.stale else {
            return self.ready(question, form, &*flight.landed().await);
        };
        // Counted from the beginning of the walk: who joins late has no longer to wait.
        let patience = flight.began + settings.client_timeout - self.0.world.clock.now();
        // The timer of the runtime takes a millisecond for nothing at all, in which a server nearby has answered.
        let landed = match patience.is_zero() {
            true => flight.landed_already(),
            false => timeout(patience, flight.landed()).await.ok(),
        };
        if let Some(landed) = landed {
            return self.ready(question, form, &landed);
        }
        let why = match u64::try_from(settings.client_timeout.as_millis()).unwrap_or(u64::MAX) {
            0 => StaleWhy::AtOnce,
            after_ms => StaleWhy::Slow { after_ms },
        };
        match self.meanwhile(question, form, why) {
            Some(stale) => Ready::Written(Arc::new(stale)),
            None => self.ready(question, form, &*flight.landed().await),
        }
    }
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

/// What policy answers without a walk, and that as a trace without steps.
#[must_use]
pub fn told_here(question: &Question, client: IpAddr, policy: &PolicySettings) -> Option<(LocalAnswer, Trace)> {
    let answer = match judge(question, client, policy) {
        Verdict::Resolve => return None,
        Verdict::Answer(answer) => answer,
        Verdict::Refuse(why) => LocalAnswer { rcode: ResponseCode::Refused, edes: vec![why], ..LocalAnswer::default() },
    };
    let told = Told { rcode: answer.rcode, answer: &answer.answer, authority: &answer.authority, edes: &answer.edes };
    let trace = Trace::new(question, &told, Cost::new(0, 0, Time::ZERO, Time::ZERO), Vec::new());
    Some((answer, trace))
}

/// However a flight ends, those who wait are told and the next question begins anew.
struct Ticket<'a> {
    resolver: &'a Resolver,
    asked: &'a Asked,
    flight: &'a Flight,
}

impl Ticket<'_> {
    fn land(self, landed: Landed) {
        self.resolver.0.flights.land(self.asked, self.flight, || landed);
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let inner = &self.resolver.0;
        inner.flights.land(self.asked, self.flight, || Landed::new(Outcome::abandoned(), inner.world.clock.now()));
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
            && self.answer_known(&query, now, peer, out)
        {
            self.0.counts.one(Count::Hit);
            return Now::Sent;
        }
        match judge(&query.question(), peer.client.ip(), policy) {
            Verdict::Answer(local) => self.answer_locally(&query, &local, peer, out),
            Verdict::Refuse(why) => self.refuse(&query, why, true, peer, out),
            Verdict::Resolve if !query.flags().rd() => self.answer_from_cache(&query, now, peer, out),
            Verdict::Resolve => {
                self.0.counts.one(Count::Miss);
                return Now::Later;
            }
        }
        self.0.counts.one(Count::Local);
        Now::Sent
    }

    fn answer_later(&self, bytes: Vec<u8>, peer: Peer) -> impl Future<Output = Option<Vec<u8>>> {
        let resolver = self.clone();
        async move {
            let query = QueryView::read(&bytes).ok()?;
            let question = query.question();
            let began = resolver.0.world.clock.now();
            let ready = resolver.found(&question, Form::of(&query)).await;
            let (mut out, now) = (Vec::with_capacity(512), resolver.0.world.clock.now());
            resolver.0.counts.waited(now - began);
            resolver.send(&query, &ready, now, &peer, &mut out);
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
