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
        if !kept {
            self.state.borrow_mut().displaceable.push_back((Instant::now(), task));
        }
    }

    /// Ends the oldest query in an open place, if it has waited long enough.
    fn displace(&self, displaceable: &mut VecDeque<(Instant, AbortHandle)>) -> bool {
        // Finished ones behind an unfinished head add up; more than one for each place are not kept.
        if displaceable.len() > 2 * self.open_places {
            displaceable.retain(|(_, task)| !task.is_finished());
        }
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
