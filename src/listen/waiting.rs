//! The queries of one worker that wait for their answers, and who may wait when there are too many.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::{ListenSettings, client_key};

/// The places in which queries of one worker wait.
///
/// Half of the places are kept until the answer is there, so that slow answers come through under any load. The
/// queries in the other half can be displaced by new ones once they have waited for a while.
pub(super) struct Waiting {
    kept_places: usize,
    open_places: usize,
    per_client: usize,
    displace_after: Duration,
    discard_after: Duration,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    kept: usize,
    open: usize,
    /// The queries in open places, oldest first, among them some that have finished.
    displaceable: VecDeque<(Instant, AbortHandle)>,
    /// How many queries of each client wait; its places share the count.
    clients: HashMap<IpAddr, Rc<Cell<usize>>>,
    /// Late answers that were sent all the same, and since when they are counted.
    pardoned: usize,
    pardoned_since: Option<Instant>,
}

/// Questions that a client may have waiting without being suspected: a machine that has lost its network and found it
/// again asks so many at once.
const CROWD: usize = 10;

/// Late answers that one worker sends within [`SPREAD`] to clients with more than that: where packets are lost some
/// answers are late, and it takes many to make a pulse.
const FEW: usize = 10;
const SPREAD: Duration = Duration::from_secs(1);

/// Queries that may wait in one worker however late it is: they take a few milliseconds to look up.
const MANY: usize = 128;

/// One place, free again when dropped.
pub(super) struct Place {
    of: Rc<Waiting>,
    client: IpAddr,
    mine: Rc<Cell<usize>>,
    since: Instant,
    /// Whether the query stays until it is answered.
    pub(super) kept: bool,
}

impl Waiting {
    pub(super) fn new(settings: &ListenSettings) -> Self {
        Self {
            kept_places: settings.waiting / 2,
            open_places: settings.waiting.div_ceil(2).max(1),
            per_client: settings.waiting_per_client,
            displace_after: settings.displace_after,
            discard_after: settings.discard_after,
            state: RefCell::default(),
        }
    }

    /// A place for a query of `client` that came `now`, unless that has too many already or all places are taken for
    /// good.
    pub(super) fn place(self: &Rc<Self>, client: IpAddr, now: Instant) -> Option<Place> {
        let client = client_key(client);
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        let kept = state.kept < self.kept_places;
        let mine = state.clients.entry(client).or_default();
        if mine.get() >= self.per_client
            || !kept && state.open >= self.open_places && !self.displace(&mut state.displaceable)
        {
            if mine.get() == 0 {
                state.clients.remove(&client);
            }
            return None;
        }
        mine.set(mine.get() + 1);
        let mine = Rc::clone(mine);
        *if kept { &mut state.kept } else { &mut state.open } += 1;
        Some(Place { of: Rc::clone(self), client, mine, since: now, kept })
    }

    /// Whether so many wait that a worker that lags has more to look up than it can: one that merely lost the processor
    /// for a moment has few.
    pub(super) fn is_crowded(&self) -> bool {
        let state = self.state.borrow();
        state.kept + state.open >= MANY
    }

    /// Says which task serves the query whose place was (or was not) `kept`, so that it can be displaced.
    pub(super) fn served_by(&self, kept: bool, task: AbortHandle) {
        if kept {
            return;
        }
        let mut state = self.state.borrow_mut();
        // Those that have finished add up, and hold the memory of their tasks: no more of them than places are kept.
        if state.displaceable.len() > 2 * self.open_places {
            state.displaceable.retain(|(_, task)| !task.is_finished());
        }
        state.displaceable.push_back((Instant::now(), task));
    }

    /// Ends the oldest query in an open place, if it has waited long enough.
    fn displace(&self, displaceable: &mut VecDeque<(Instant, AbortHandle)>) -> bool {
        while displaceable.front().is_some_and(|(_, task)| task.is_finished()) {
            displaceable.pop_front();
        }
        let long_enough = |(since, _): &(Instant, AbortHandle)| since.elapsed() >= self.displace_after;
        if !displaceable.front().is_some_and(long_enough) {
            return false;
        }
        if let Some((_, oldest)) = displaceable.pop_front() {
            // It gives its place back when the runtime drops it, which is before the worker receives again.
            oldest.abort();
        }
        true
    }
}

impl State {
    /// Whether an answer that is late `now` is one of the few that are sent all the same.
    fn pardons(&mut self, now: Instant) -> bool {
        if self.pardoned_since.is_none_or(|since| now - since >= SPREAD) {
            (self.pardoned, self.pardoned_since) = (0, Some(now));
        }
        self.pardoned += 1;
        self.pardoned <= FEW
    }
}

impl Place {
    /// Whether its answer comes too late for a client that has many questions waiting: sent all the same, the answers
    /// that it has saved up would make a pulse, towards whoever's address it has used (DNSBomb).
    pub(super) fn is_void(&self) -> bool {
        let after = self.of.discard_after;
        let is_late = self.mine.get() > CROWD && !after.is_zero() && self.since.elapsed() >= after;
        is_late && !self.of.state.borrow_mut().pardons(Instant::now())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.of.state.borrow_mut();
        let state = &mut *state;
        *if self.kept { &mut state.kept } else { &mut state.open } -= 1;
        self.mine.set(self.mine.get() - 1);
        if self.mine.get() == 0 {
            state.clients.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::future::pending;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use tokio::runtime;
    use tokio::task::{JoinHandle, LocalSet, spawn_local, yield_now};

    use super::*;

    fn client(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn waiting(change: impl FnOnce(&mut ListenSettings)) -> Rc<Waiting> {
        let mut settings = ListenSettings::default();
        change(&mut settings);
        Rc::new(Waiting::new(&settings))
    }

    /// One that waits, until it is told that it need not, or somebody else has its place.
    struct Query {
        client: u8,
        kept: bool,
        task: JoinHandle<()>,
    }

    /// Queries come and go in any order: each has a place that is there, no client has more than its share, and of
    /// those that wait the oldest makes room that has no place for good, once it has waited for long enough.
    async fn come_and_go(seed: u64, displace_after: Duration) {
        const SHARE: usize = 3;
        let places = usize::try_from(seed).expect("small");
        let waiting = waiting(|settings| {
            (settings.waiting, settings.waiting_per_client) = (places, SHARE);
            settings.displace_after = displace_after;
        });
        let (mut rng, mut all) = (StdRng::seed_from_u64(seed), Vec::<Query>::new());
        for _ in 0..300 {
            let mut gone = None;
            if rng.random_bool(0.3) && !all.is_empty() {
                let ended = all.remove(rng.random_range(0..all.len()));
                ended.task.abort();
                gone = Some(ended);
            } else {
                let new = rng.random_range(0..6);
                let mine = all.iter().filter(|query| query.client == new).count();
                let kept = all.iter().filter(|query| query.kept).count();
                let is_full = all.len() == places.max(1);
                let place = waiting.place(client(new), Instant::now());
                let expected = mine < SHARE && (!is_full || displace_after.is_zero());
                assert_eq!(place.is_some(), expected, "{mine} of {} in {places} places", all.len());
                if let Some(place) = place {
                    assert_eq!(place.kept, kept < places / 2, "{kept} of {} in {places} places", all.len());
                    let oldest = all.iter().position(|query| !query.kept).filter(|_| is_full);
                    gone = oldest.map(|oldest| all.remove(oldest));
                    let kept = place.kept;
                    let task = spawn_local(async move {
                        let _place = place;
                        pending::<()>().await;
                    });
                    waiting.served_by(kept, task.abort_handle());
                    all.push(Query { client: new, kept, task });
                }
            }
            for _ in 0..3 {
                yield_now().await;
            }
            assert!(gone.is_none_or(|query| query.task.is_finished()));
            assert!(all.iter().all(|query| !query.task.is_finished()), "nobody else has lost a place");
            let (state, kept) = (waiting.state.borrow(), all.iter().filter(|query| query.kept).count());
            let clients: BTreeSet<u8> = all.iter().map(|query| query.client).collect();
            assert_eq!((state.kept, state.open, state.clients.len()), (kept, all.len() - kept, clients.len()));
            assert!(state.displaceable.len() <= 2 * waiting.open_places + 1, "{}", state.displaceable.len());
        }
    }

    #[test]
    fn whoever_waits_has_a_place_and_the_oldest_makes_room() {
        let runtime = runtime::Builder::new_current_thread().build().expect("a runtime");
        for places in 0..12 {
            for displace_after in [Duration::ZERO, Duration::from_hours(1)] {
                LocalSet::new().block_on(&runtime, come_and_go(places, displace_after));
            }
        }
    }

    /// Late answers to a client with many questions are a pulse (DNSBomb); a few of them are none, nor are those to a
    /// client with few questions, nor answers in time.
    #[test]
    fn of_late_answers_to_many_questions_a_few_are_sent() {
        let (now, hour) = (Instant::now(), Duration::from_hours(1));
        let sent = |discard_after, count, since| {
            let waiting = waiting(|settings| {
                (settings.waiting, settings.waiting_per_client) = (1000, 1000);
                settings.discard_after = discard_after;
            });
            // Others have few questions each, and those do not count.
            let others = (0..20).flat_map(|nth| [nth; CROWD]).filter_map(|nth| waiting.place(client(nth), since));
            let others: Vec<_> = others.collect();
            assert!(others.iter().all(|place| !place.is_void()));
            let mine: Vec<_> = (0..count).filter_map(|_| waiting.place(client(200), since)).collect();
            mine.iter().filter(|place| !place.is_void()).count()
        };
        assert_eq!(sent(Duration::from_nanos(1), 60, now), FEW);
        assert_eq!(sent(hour, 60, now), 60, "in time");
        assert_eq!(sent(Duration::ZERO, 60, now), 60, "nothing is too late");
        let mut state = State::default();
        for second in 0..3 {
            let pardoned = (0..50).filter(|nth| state.pardons(now + second * SPREAD + Duration::from_millis(*nth)));
            assert_eq!(pardoned.count(), FEW, "in second {second}");
        }
    }

    #[test]
    fn a_worker_with_few_queries_is_not_crowded() {
        let waiting = waiting(|settings| settings.waiting_per_client = MANY);
        let few: Vec<_> = (1..MANY).map(|_| waiting.place(client(1), Instant::now())).collect();
        assert!(few.iter().all(Option::is_some) && !waiting.is_crowded());
        let _one_more = waiting.place(client(1), Instant::now());
        assert!(waiting.is_crowded());
    }
}
