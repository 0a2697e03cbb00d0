//! Carries out a walk: turns its asks into packets, and packets into what it heard.

mod local;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use smallvec::SmallVec;
use tokio::time::{Instant, sleep_until};

use crate::cache::{Cache, Servers};
use crate::dnssec::Moment;
use crate::sys::since_boot;
use crate::time::{Time, as_ms};
use crate::trace::{Before, Cost, Entry, Event, GoalId, Judged, Told, Trace};
use crate::upstream::{Upstream, UpstreamSettings};
use crate::walk::ask::{Ask, AskId, Heard};
use crate::walk::outcome::Outcome;
use crate::walk::{Around, Dice, Partial, Step, Walk, WalkSettings};
use crate::wire::Question;

pub use local::{Answers, Local, TRANSPORT};

/// The clock of the edge; the pure half gets its readings as [`Time`]. It goes on while the machine is suspended: what
/// has a TTL of an hour in the evening is over in the morning.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// When it was made, as [`since_boot`] has it.
    made: Duration,
    /// What it showed then.
    shown: Duration,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a clock begins at a moment, not at a default")]
    pub fn new() -> Self {
        // TTLs count whole seconds, which begin here when they begin for everybody else.
        Self { made: since_boot(), shown: Duration::from_nanos(calendar().subsec_nanos().into()) }
    }

    /// The same clock so much further on, for whoever wants to see what comes later without waiting for it.
    #[must_use]
    pub fn ahead(self, by: Duration) -> Self {
        Self { shown: self.shown + by, ..self }
    }

    /// The moment.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::ZERO + (since_boot().saturating_sub(self.made) + self.shown)
    }

    /// Waits for so long by this clock. The timers of the runtime stand still while the machine is suspended, so it is
    /// looked once a minute.
    pub async fn sleep(&self, time: Duration) {
        let until = self.now() + time;
        loop {
            let left = until - self.now();
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(Duration::from_secs(60))).await;
        }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.unix_ms_at(self.now())
    }

    /// Milliseconds since 1970 at `time`, which is not to come.
    #[must_use]
    pub fn unix_ms_at(&self, time: Time) -> u64 {
        as_ms(calendar().saturating_sub(self.now() - time))
    }
}

/// What walks need: knowledge, settings, and a way to the servers.
#[derive(Debug)]
pub struct World {
    /// What is known of names.
    pub cache: Cache,
    /// What is known of servers.
    pub servers: Arc<Servers>,
    /// How walks are done.
    pub settings: WalkSettings,
    /// The way to the servers.
    pub upstream: Upstream,
    /// Who answers in the place of the servers of the root, if anybody does.
    pub local: Local,
    /// The clock.
    pub clock: Clock,
}

/// Octets for the cache of one walk from nothing.
const COLD_CACHE_BYTES: usize = 1 << 20;

impl World {
    /// The same world with nothing known of it, for a walk from the root.
    #[must_use]
    pub fn forgotten(&self) -> Self {
        let cache = Cache::new(COLD_CACHE_BYTES, rand::random(), self.cache.ttl_limits());
        Self {
            cache: cache.watched(self.upstream.guesses()),
            servers: Arc::new(Servers::new(rand::random())),
            settings: self.settings.clone(),
            upstream: self.upstream.anew(),
            local: self.local.clone(),
            clock: self.clock,
        }
    }

    /// The same world under other settings: what is known of names and servers stays known, as it was judged.
    #[must_use]
    pub fn renewed(&self, settings: WalkSettings, upstream: UpstreamSettings) -> Self {
        Self {
            cache: self.cache.renewed(),
            servers: Arc::clone(&self.servers),
            settings,
            upstream: self.upstream.under(upstream),
            local: Local::default(),
            clock: self.clock,
        }
    }

    /// The moment, by the clock and by the calendar.
    #[must_use]
    pub fn moment(&self) -> Moment {
        (self.clock.now(), unix_secs())
    }
}

type Exchange<'a> = Pin<Box<dyn Future<Output = Heard> + 'a>>;
/// Those under way, with the asks to which they belong.
type Exchanges<'a> = SmallVec<[(AskId, Exchange<'a>); 2]>;

/// In which way a question is looked up.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// Without validation: the client checks for itself (CD, RFC 4035 §3.2.2).
    pub checking_disabled: bool,
    /// For an answer that is known and has this long to live: it is not taken from the cache.
    pub refreshing: Option<Duration>,
    /// When whoever waits for it wants to be woken, whatever has come until then: the walk has a timer anyway.
    pub wakes_at: Option<Time>,
}

impl Manner {
    fn begin(&self, asked: Question, now: Time, world: &World) -> Walk {
        let mut walk = Walk::new(asked, &world.settings, now);
        if let Some(left) = self.refreshing {
            walk = walk.refreshing(left);
        }
        if self.checking_disabled { walk.unchecked() } else { walk }
    }
}

/// Walks from the root, or from what is known, to the answer; returns the story as well.
pub async fn walk(question: Question, world: &World) -> (Outcome, Trace) {
    walk_watched(&question, &Manner::default(), (world, &world.cache.as_it_is()), &mut |_| {}).await
}

/// As [`walk`], without validation: the client checks for itself (CD, RFC 4035 §3.2.2).
pub async fn walk_unchecked(question: Question, world: &World) -> (Outcome, Trace) {
    let manner = Manner { checking_disabled: true, ..Manner::default() };
    walk_watched(&question, &manner, (world, &world.cache.as_it_is()), &mut |_| {}).await
}

/// As [`walk`], in any `manner`, with the cache as one walk sees it; each step is shown to `watch` as soon as it is
/// done.
pub async fn walk_watched(
    question: &Question,
    manner: &Manner,
    (world, cache): (&World, &Cache),
    watch: &mut dyn FnMut(&Entry),
) -> (Outcome, Trace) {
    let (started, synthesis) = (world.clock.now(), &world.settings.synthesis);
    let detour = synthesis.enter(question);
    let asked = detour.asked();
    let mut steps = Vec::new();
    if let Some(event) = detour.event(question) {
        steps.push(Entry::new(started, started, GoalId(0), event));
        steps.iter().for_each(&mut *watch);
    }
    let mut walk = manner.begin(asked.clone(), started, world);
    let (mut outcome, mut ended) = to_its_end(&mut walk, (started, manner.wakes_at), (world, cache), watch).await;
    match steps.is_empty() {
        true => steps = walk.take_log(),
        false => steps.extend(walk.take_log()),
    }
    if let Some(next) = synthesis.next(asked, &mut outcome, walk.is_checked()) {
        let before = Before::new(&steps, started, ended);
        let mut second = Box::new(manner.begin(next, ended, world).on_budget(walk.budget()));
        let mut shown = |entry: &Entry| watch(&entry.behind(&before));
        // In a box, as few questions need it.
        let (other, now) =
            Box::pin(to_its_end(&mut second, (ended, manner.wakes_at), (world, cache), &mut shown)).await;
        (walk, ended) = (*second, now);
        steps.extend(walk.take_log().iter().map(|entry| entry.behind(&before)));
        let (joined, event) = synthesis.join(asked, *outcome, *other);
        *outcome = joined;
        if let Some(event) = event {
            let made = Entry::new(ended, started, GoalId(0), event);
            watch(&made);
            steps.push(made);
        }
    }
    let outcome = detour.leave(question, *outcome);
    let cost = Cost::new(walk.budget().queries(), walk.budget().bytes(), started, ended);
    let edes = outcome.edes();
    let told = Told { rcode: outcome.rcode, answer: &outcome.answer, authority: &outcome.authority, edes: &edes };
    let mut trace = Trace::new(question, &told, cost, steps);
    if trace.judged() == Some(&Judged::Secure) && !outcome.secure && outcome.failure.is_none() {
        // What the operator says or withholds, or was denied without proof, nobody has signed, however sure the rest
        // is.
        let judged = Entry::new(ended, started, GoalId(0), Event::Judged { judged: Judged::Insecure });
        watch(&judged);
        trace.steps.push(judged);
    }
    (outcome, trace)
}

/// One walk, which has just `begun` and sees this cache: what it came to, and when it did.
async fn to_its_end(
    walk: &mut Walk,
    (begun, wakes_at): (Time, Option<Time>),
    (world, cache): (&World, &Cache),
    watch: &mut dyn FnMut(&Entry),
) -> (Box<Outcome>, Time) {
    // A walk takes seconds at most: it needs one look at the calendar.
    let unix_secs = unix_secs();
    let mut exchanges = Exchanges::new();
    let (mut now, mut heard, mut shown) = (begun, None, 0);
    // One timer for the whole walk, which is moved when it would come late. When it comes early the walk looks at the
    // time and waits on: nearly all are over long before.
    let clock = Instant::now();
    let (timer, mut due) = (sleep_until(clock), begun);
    tokio::pin!(timer);
    loop {
        // In a block: the step is over before the wait begins, and a walk under way has no room for it.
        let wake = {
            let step = around((world, cache), unix_secs, |around| walk.step(now, heard.take(), around));
            walk.log()[shown..].iter().for_each(&mut *watch);
            shown = walk.log().len();
            match step {
                Step::Done(outcome) => return (outcome, now),
                Step::Wait { asks, forget, wake } => {
                    exchanges.retain(|(id, _)| !forget.contains(id));
                    for ask in asks {
                        let (id, ask) = (ask.id, Rc::new(ask));
                        exchanges.push((id, Box::pin(async move { exchange(&ask, now, world).await })));
                    }
                    wake
                }
            }
        };
        let wake = wakes_at.filter(|at| *at > now).map_or(wake, |at| wake.min(at));
        if wake < due || due <= now {
            timer.as_mut().reset(Instant::now() + (wake - now));
            due = wake;
        }
        heard = tokio::select! {
            biased;
            heard = next(&mut exchanges) => Some(heard),
            () = &mut timer => None,
        };
        // By the clock of the timer, which stands still while the machine sleeps: nobody was silent then.
        now = begun + clock.elapsed();
    }
}

/// Lets a walk take a step in a world, of which it sees this cache.
fn around<T>((world, cache): (&World, &Cache), unix_secs: u32, step: impl FnOnce(&mut Around<'_>) -> T) -> T {
    thread_local! {
        /// The stream of a cipher: what one walk shows of it says nothing about what the next one gets.
        static DICE: RefCell<Dice> = RefCell::new(Dice::from_entropy(rand::random()));
    }
    let World { servers, settings, .. } = world;
    DICE.with_borrow_mut(|dice| step(&mut Around { cache, servers, settings, dice, unix_secs }))
}

/// What comes of what is asked `now`: from the local copy when it is for that, else over the network.
async fn exchange(ask: &Rc<Ask>, now: Time, world: &World) -> Heard {
    match world.local.heard(ask, now) {
        Some(heard) => heard,
        None => world.upstream.exchange(ask).await,
    }
}

/// The answer, if nobody has to be asked for it: what a client gets that does not desire recursion (RFC 1034 §4.3.1).
///
/// # Errors
/// When somebody has to be asked: what is known of the answer, and whom it would be.
pub fn known(
    question: &Question,
    checking_disabled: bool,
    (world, cache): (&World, &Cache),
) -> Result<Outcome, Partial> {
    let synthesis = &world.settings.synthesis;
    let detour = synthesis.enter(question);
    let all = || {
        let mut outcome = known_of(detour.asked(), checking_disabled, (world, cache))?;
        Ok(match synthesis.next(detour.asked(), &mut outcome, !checking_disabled) {
            Some(next) => {
                synthesis.join(detour.asked(), outcome, known_of(&next, checking_disabled, (world, cache))?).0
            }
            None => outcome,
        })
    };
    match all() {
        Ok(outcome) => Ok(detour.leave(question, outcome)),
        Err(partial) => Err(detour.leave_partial(partial)),
    }
}

fn known_of(
    question: &Question,
    checking_disabled: bool,
    (world, cache): (&World, &Cache),
) -> Result<Outcome, Partial> {
    let now = world.clock.now();
    let manner = Manner { checking_disabled, ..Manner::default() };
    let mut walk = manner.begin(question.clone(), now, world).asking_nobody();
    around((world, cache), unix_secs(), |around| match walk.step(now, None, around) {
        Step::Done(outcome) => Ok(*outcome),
        // The walk ends here, before its first ask has left.
        Step::Wait { .. } => Err(walk.partial(around, now)),
    })
}

/// Time since 1970, by the calendar as it is now: a machine without a battery sets it when it has found the network.
fn calendar() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "signatures, cookies and the walks of the past are dated")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // A clock before 1970 is wrong in any case.
    since.unwrap_or_default()
}

/// Seconds since 1970, modulo 2^32, by which signatures (RFC 4034 §3.1.5) and cookies (RFC 9018 §4.3) are dated.
#[must_use]
pub fn unix_secs() -> u32 {
    u32::try_from(calendar().as_secs() & u64::from(u32::MAX)).unwrap_or_default()
}

/// The first of the exchanges that comes to an end; it is taken out of the list.
async fn next(exchanges: &mut Exchanges<'_>) -> Heard {
    poll_fn(|context| {
        for at in 0..exchanges.len() {
            if let Poll::Ready(heard) = exchanges[at].1.as_mut().poll(context) {
                drop(exchanges.swap_remove(at));
                return Poll::Ready(heard);
            }
        }
        Poll::Pending
    })
    .await
}
