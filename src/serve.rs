//! The life of one query. Start reading here.
//!
//! A query is read ([`crate::wire`]), its client admitted ([`crate::policy`]), its answer looked for in the cache
//! ([`crate::cache`]), and where it is not there the question is judged: what is answered here needs nobody else.
//! That is [`Resolver::answer_now`], which takes no time. Only when the answer is not known does a walk begin
//! ([`crate::drive`]), which equal questions share; that is [`Resolver::answer_later`].

mod counts;
mod explain;
mod flights;
mod known;
mod landed;
mod outage;
mod reply;
mod ring;

use std::mem::ManuallyDrop;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::{Due, Ready};
use crate::drive::{Manner, World, known, walk_watched};
use crate::listen::{Now, Peer, Responder};
use crate::policy::{PolicySettings, admits, judge};
use crate::time::{Time, as_ms};
use crate::trace::{Entry, Event, GoalId, StaleWhy, Trace};
use crate::walk::outcome::{Failure, Outcome};
use crate::wire::{BadQuery, DNSClass, Ede, Name, QueryFault, QueryView, Question, ResponseCode, cookie, edns};

use counts::{Count, Counts};
use flights::{Asked, Boarding, Flight, Flights, Passenger};
use landed::{Form, Landed, keep_unless_failed};
use outage::{News, Outage};
use reply::{key, option};

pub use counts::{Figures, SPANS_US, Slow};
pub use explain::{Explained, Telling, told_here};
pub use known::Piece;
pub use landed::StaleSettings;
pub use ring::{Id, Kept, NoId, Occasion, Ring, Walked};

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
    /// When answers in use are fetched anew before their time is over, if they are.
    pub prefetch: Option<Due>,
    /// Whether answers are served after their time, and how.
    pub stale: Option<StaleSettings>,
    /// After how long an answer is not sent to clients with many questions waiting; 0 is never.
    pub discard_after: Duration,
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
    counts: Arc<Counts>,
    outage: Arc<Outage>,
}

impl Responder for Resolver {
    fn foresee<'a>(&self, queries: impl Iterator<Item = &'a [u8]>) {
        let queries = queries.filter_map(|bytes| QueryView::read(bytes).ok());
        self.0.world.cache.draw_near(queries.map(|query| key(&query)));
    }

    fn answer_now(&self, bytes: &[u8], peer: &Peer, out: &mut Vec<u8>) -> Now {
        let query = match QueryView::read(bytes) {
            Ok(query) => query,
            Err(bad) => return self.answer_unreadable(bytes, bad, peer, out),
        };
        let policy = &self.0.settings.policy;
        let now = self.0.world.clock.now();
        // RFC 7873 §5.2.2.
        if option(&query, edns::COOKIE).is_some_and(|shown| !cookie::is_well_formed(shown)) {
            let bad = BadQuery::Answer { rcode: ResponseCode::FormErr, why: QueryFault::Cookie };
            return self.answer_unreadable(bytes, bad, peer, out);
        }
        // Before the rest is judged: what is answered here by policy is never kept in the cache.
        if query.class_sought() == DNSClass::IN
            && admits(peer.client.ip(), policy)
            && self.answer_known(&query, now, peer, out)
        {
            self.0.counts.one(Count::Hit);
            return Now::Sent;
        }
        match judge(&query.question_sought(), peer.client.ip(), policy) {
            Some(local) => self.answer_locally(&query, &local, peer, out),
            None if !query.flags().rd() => self.answer_from_cache(&query, now, peer, out),
            None => {
                self.0.counts.one(Count::Miss);
                return Now::Later;
            }
        }
        self.0.counts.one(Count::Local);
        Now::Sent
    }

    async fn answer_later(&self, bytes: Vec<u8>, peer: Peer) -> Option<Vec<u8>> {
        let query = QueryView::read(&bytes).ok()?;
        let question = query.question_sought();
        let began = self.0.world.clock.now();
        let ready = self.found(&question, Form::of(&query), began).await;
        let (mut out, now) = (Vec::with_capacity(512), self.0.world.clock.now());
        self.0.counts.waited(now - began);
        self.send(&query, &ready, now, &peer, &mut out);
        Some(out)
    }

    fn admits(&self, client: IpAddr) -> bool {
        Self::admits(self, client)
    }
}

impl Resolver {
    /// Answers from the cache, if the answer is there.
    fn answer_known(&self, query: &QueryView<'_>, now: Time, peer: &Peer, out: &mut Vec<u8>) -> bool {
        let refresh = self.0.settings.prefetch.filter(|_| query.flags().rd());
        let Some(ready) = self.0.world.cache.ready(&key(query), now, refresh) else { return false };
        let (is_due, expires) = match ready {
            Ready::Plain(plain) => {
                self.respond_plain(query, &plain, peer, out);
                (plain.is_due, plain.expires)
            }
            // RFC 8767 §5: who does not want recursion gets nothing that is stale.
            Ready::Written(answer) if answer.is_stopgap() && !query.flags().rd() => return false,
            Ready::Written(answer) => {
                self.respond(query, &answer, now, peer, out);
                (refresh.is_some_and(|due| answer.used(now, due)), answer.expires)
            }
        };
        if is_due {
            self.fetch_anew(query, expires - now, now);
        }
        true
    }

    /// Answers a client that does not desire recursion from what is known (RFC 1034 §4.3.1): all of the answer, or the
    /// aliases and the closest zone that are known of it (§4.3.2, step 4); or refuses.
    fn answer_from_cache(&self, query: &QueryView<'_>, now: Time, peer: &Peer, out: &mut Vec<u8>) {
        let question = query.question_sought();
        // What is found is kept as an answer: not when it is flushed in between.
        let cache = self.0.world.cache.as_it_is();
        let outcome = match known(&question, query.flags().cd(), (&self.0.world, &cache)) {
            Ok(outcome) => outcome,
            Err(partial) => return self.refer(query, partial, now, peer, out),
        };
        let ready = keep_unless_failed(&question, Form::of(query), &outcome, (&cache, now));
        self.send(query, &ready, now, peer, out);
    }

    /// The answer for a client who asks `now`: what the walk brings, or what is still known when that takes too long.
    async fn found(&self, question: &Question, form: Form, now: Time) -> Ready {
        let Some(mut passenger) = self.board(question, form, None, now) else {
            let busy = Outcome::failed(Failure::Busy { walks: self.0.settings.walks });
            return self.ready(question, form, &Landed::new(busy, now, self.0.world.cache.clone()));
        };
        let Some(patient_until) = self.patient_until(&passenger.flight) else {
            return self.ready(question, form, &*passenger.landed().await);
        };
        // The timer of the runtime takes a millisecond for nothing at all, in which a server nearby has answered.
        let landed = match patient_until <= now {
            true => passenger.landed_already(),
            false => passenger.landed_by(patient_until, &self.0.world.clock).await,
        };
        if let Some(landed) = landed {
            return self.ready(question, form, &landed);
        }
        let why = match as_ms(patient_until - passenger.flight.began) {
            0 => StaleWhy::AtOnce,
            after_ms => StaleWhy::Slow { after_ms },
        };
        match self.meanwhile(question, form, why) {
            Some(stale) => Ready::Written(Arc::new(stale)),
            None => self.ready(question, form, &*passenger.landed().await),
        }
    }

    /// Until when those on `flight` wait, if they get what is still known then: counted from its beginning, so that who
    /// joins late has no longer to wait.
    fn patient_until(&self, flight: &Flight) -> Option<Time> {
        self.0.settings.stale.as_ref().map(|settings| flight.began + settings.client_timeout)
    }

    /// Fetches an answer anew that is about to end; who asked has been served.
    fn fetch_anew(&self, query: &QueryView<'_>, left: Duration, now: Time) {
        let (question, form) = (query.question_sought(), Form::of(query));
        // Nobody waits for it, so it gets a task of its own. Too many walks: those for which somebody waits come first.
        drop(self.board(&question, form, Some(left), now));
    }

    /// The walk for `question`: the one under way, or a new one, for an answer that is known and has only `left` to
    /// live if it has; `None` when there are too many.
    fn board(&self, question: &Question, form: Form, left: Option<Duration>, now: Time) -> Option<Passenger> {
        let asked = Asked { question: question.clone(), checking_disabled: form.checking_disabled() };
        match self.0.flights.board(&asked, now) {
            Boarding::Joined(flight) => Some(Passenger::new(flight, None)),
            Boarding::Full => None,
            Boarding::First(flight) => {
                let pilot = Box::pin(self.clone().fly(asked, form, left, Arc::clone(&flight)));
                Some(Passenger::new(flight, Some(pilot)))
            }
        }
    }

    async fn fly(self, asked: Asked, form: Form, left: Option<Duration>, flight: Arc<Flight>) {
        let ticket = Ticket { resolver: &self, flight: &flight };
        let (question, world, checking_disabled) = (&asked.question, &self.0.world, asked.checking_disabled);
        let manner = Manner { checking_disabled, refreshing: left, wakes_at: self.patient_until(&flight) };
        let cache = world.cache.as_it_is();
        let (outcome, mut trace) = walk_watched(question, &manner, (world, &cache), &mut |_| {}).await;
        let now = world.clock.now();
        let landed = Arc::new(Landed::new(outcome, now, cache));
        // Kept also when nobody waits any more.
        self.ready(question, form, &landed);
        if let Some(stale) = landed.stale() {
            trace.steps.push(Entry::new(now, flight.began, GoalId(0), Event::Stale { stale }));
        }
        let limit = self.0.settings.discard_after;
        if !limit.is_zero() && now - flight.began >= limit && left.is_none() {
            let event = Event::Overdue { after_ms: as_ms(now - flight.began), most_ms: as_ms(limit) };
            trace.steps.push(Entry::new(now, flight.began, GoalId(0), event));
        }
        log(&trace);
        self.0.counts.walked(&trace.cost, landed.failed());
        self.0.outage.walked(&trace.steps, flight.began, now).iter().for_each(News::log);
        // Before those who wait are told, so that they find it.
        if self.0.settings.past_bytes > 0 {
            let occasion = if left.is_some() { Occasion::Refresh } else { Occasion::Query };
            let unix_ms = world.clock.unix_ms_at(flight.began);
            self.remember(Walked { unix_ms, occasion, checking_disabled, trace });
        }
        ticket.land(landed);
    }
}

/// Tells the log of a walk, with its steps where they are wanted.
fn log(trace: &Trace) {
    if tracing::enabled!(tracing::Level::TRACE) {
        for line in trace.lines() {
            tracing::trace!(question = %trace.title(), at_us = line.at_us, "{}", line.text);
        }
    }
    tracing::debug!(question = %trace.title(), rcode = %trace.rcode, queries = trace.cost.queries,
        time_us = trace.cost.time_us, why = reasons(&trace.edes), "walked");
}

/// What clients are told of an answer, for the log.
fn reasons(edes: &[Ede]) -> Option<String> {
    (!edes.is_empty()).then(|| edes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// However a flight ends, those who wait are told and the next question begins anew.
struct Ticket<'a> {
    resolver: &'a Resolver,
    flight: &'a Flight,
}

impl Ticket<'_> {
    fn land(self, landed: Arc<Landed>) {
        let ticket = ManuallyDrop::new(self);
        ticket.resolver.0.flights.land(ticket.flight, landed);
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let inner = &self.resolver.0;
        let landed = Landed::new(Outcome::abandoned(), inner.world.clock.now(), inner.world.cache.clone());
        inner.flights.land(self.flight, Arc::new(landed));
    }
}

impl Resolver {
    /// A resolver that lives in `world`.
    #[must_use]
    pub fn new(world: World, settings: ServeSettings) -> Self {
        let (past, flights) = (Arc::new(Ring::new(settings.past_bytes)), Flights::new(settings.walks));
        Self::made(world, settings, flights, past, (Arc::new(Counts::new()), Arc::default()))
    }

    fn made(
        world: World,
        settings: ServeSettings,
        flights: Flights,
        past: Arc<Ring<Walked>>,
        (counts, outage): (Arc<Counts>, Arc<Outage>),
    ) -> Self {
        Self(Arc::new(Inner { world, settings, flights, past, counts, outage }))
    }

    /// The same resolver under other settings: what it remembers and has counted stays, and so do the records that it
    /// knows. This one goes on with what it has begun, also after [`Resolver::retire`].
    #[must_use]
    pub fn renewed(&self, world: World, settings: ServeSettings) -> Self {
        let Inner { flights, past, counts, outage, .. } = &*self.0;
        let flights = flights.renewed(settings.walks);
        Self::made(world, settings, flights, Arc::clone(past), (Arc::clone(counts), Arc::clone(outage)))
    }

    /// Forgets what is known of `name`, with `tree` of all names below it as well (see [`Cache::flush`]). Who asks from
    /// now on gets what servers say from now on, and joins no walk and no exchange that is under way.
    ///
    /// [`Cache::flush`]: crate::cache::Cache::flush
    pub fn flush(&self, name: &Name, tree: bool) {
        let Inner { world, flights, .. } = &*self.0;
        // Before the cache, so that nobody who finds nothing there takes what was asked for before.
        world.upstream.part();
        world.cache.flush(name, tree);
        flights.part();
    }

    /// Another resolver has taken the place of this one: none of the answers that this one has made is given again.
    /// They are sent, and not kept.
    pub fn retire(&self) {
        self.0.world.cache.retire(|| self.0.world.clock.now());
    }

    /// How it answers.
    #[must_use]
    pub fn settings(&self) -> &ServeSettings {
        &self.0.settings
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

    /// The walks of the past.
    #[must_use]
    pub fn past(&self) -> &Ring<Walked> {
        &self.0.past
    }

    fn remember(&self, walked: Walked) -> Arc<Kept<Walked>> {
        let bytes = walked.trace.bytes();
        self.0.past.keep(walked, bytes)
    }
}
