//! The UDP loop of a worker: take what waits, answer it, send the answers, all in batches.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::collections::vec_deque::Drain;
use std::net::{SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;
use std::{io, mem};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::{spawn_local, yield_now};
use tokio::time::{Instant, sleep};

use super::waiting::{Place, Waiting};
use super::worker::Worker;
use super::{Now, Peer, Responder, Transport};
use crate::sys::{self, BATCH, Batch};

/// Pause after an error that a socket should not give, so that it cannot keep the processor busy.
const PAUSE: Duration = Duration::from_millis(10);
/// Pause when the kernel has no room for another answer: the network sends thousands meanwhile.
const FULL: Duration = Duration::from_millis(1);

/// Batches taken in a row before the other tasks of the worker get their turn: what is known is answered before what
/// has to be looked up, and two thousand queries take a few milliseconds.
const ROUNDS: usize = 64;
/// How long a worker may be away from its socket while queries wait to be looked up: what is known is answered that
/// much later, and what the kernel cannot hold meanwhile is lost. So many walks begin in a turn that turns last this
/// long. A walk whose servers are near takes a few turns: with twice as long ones twice as many are under way, which do
/// not fit into the processor's cache.
const TURN: Duration = Duration::from_millis(1);
/// Fewest and most walks that begin in one turn.
const BEGIN: RangeInclusive<usize> = 8..=256;
/// A worker in which queries wait so long for their walks to begin, and have done so for longer than a [`BURST`], has
/// more to look up than it can. New ones that would have to wait are dropped then, which a client takes for the loss of
/// a packet: newest first, since whoever asked last has waited least and asks again. It is over when nothing has waited
/// for as long. Half of the time after which those that wait can be displaced: none is looked up in vain.
const BEHIND: Duration = Duration::from_millis(100);
/// How long a burst may take until nothing of it waits any more: about what the places hold. Whoever was dropped would
/// ask again much later than that.
const BURST: Duration = Duration::from_millis(200);

/// How often the log has a line about that.
const TELL: Duration = Duration::from_secs(10);

/// One UDP socket of a worker.
struct Door {
    socket: AsyncFd<UdpSocket>,
    bound: SocketAddr,
    /// Answers that took time: what one round of tasks brings leaves in one go, and wakes a client nearby once.
    outbox: RefCell<Vec<Late>>,
    work: Notify,
}

/// What has to be looked up, oldest first: everything is taken from the socket at once, so that what is known does not
/// wait behind it.
struct Queue {
    queries: VecDeque<Queued>,
    /// How many of them begin in one turn.
    begin: usize,
    /// When the last turn ended with queries left.
    since: Option<Instant>,
    /// Since when turns have ended so, without calm between for as long as [`BEHIND`].
    trouble: Option<Instant>,
    /// Since when none has.
    calm: Option<Instant>,
    /// Queries that were dropped and are not in the log yet.
    dropped: usize,
    told: Option<Instant>,
}

struct Queued {
    query: Vec<u8>,
    peer: Peer,
    from: Option<SocketAddr>,
    place: Place,
    since: Instant,
}

/// An answer that took time.
struct Late {
    answer: Vec<u8>,
    to: SocketAddr,
    from: Option<SocketAddr>,
    /// Held until the answer has left, so that a door that closes waits for it.
    _place: Place,
}

/// Serves `socket` until the task is aborted.
pub(super) async fn serve<R: Responder>(socket: UdpSocket, worker: &Rc<Worker<R>>, waiting: &Rc<Waiting>) {
    let door = match Door::new(socket) {
        Ok(door) => Rc::new(door),
        Err(error) => return tracing::error!("a UDP socket cannot be served: {error}"),
    };
    spawn_local(Rc::clone(&door).post());
    let (mut batch, mut queue, mut rounds) = (Batch::new(), Queue::new(), 0);
    loop {
        // Under load it is ten times cheaper to look before the runtime is asked.
        let there = if rounds > 0 || !queue.is_empty() { door.look(&mut batch) } else { None };
        let count = match there {
            Some(count) => count,
            None if queue.is_empty() => door.receive(&mut batch).await,
            None => 0,
        };
        let now = Instant::now();
        let shed = waiting.is_crowded() && queue.is_late(now);
        // Alone, a look into memory has no other to overlap with.
        if count > 1 {
            worker.foresee(batch.received(count));
        }
        batch.answer_each(count, |packet, out| {
            let local = packet.local.map_or(door.bound, |mut local| {
                local.set_port(door.bound.port());
                local
            });
            let peer = Peer { client: packet.from, transport: Transport::Udp, local, keepalive: None };
            match worker.answer_now(packet.bytes, &peer, out) {
                Now::Sent => return true,
                Now::Drop => {}
                // Who asks again finds another process, or is told by the system that there is none.
                Now::Later if worker.is_closing.get() => {}
                Now::Later if shed => queue.dropped += 1,
                // Without a place to wait in it is dropped, which a client takes for the loss of a packet.
                Now::Later => match waiting.place(peer.client.ip(), now) {
                    Some(place) => {
                        let (query, from) = (packet.bytes.to_vec(), packet.local);
                        queue.queries.push_back(Queued { query, peer, from, place, since: now });
                    }
                    None => queue.dropped += 1,
                },
            }
            false
        });
        door.send(&mut batch).await;
        rounds += 1;
        if count == BATCH && rounds < ROUNDS {
            continue;
        }
        for queued in queue.turn(now) {
            later(&door, worker, waiting, queued);
        }
        if rounds == ROUNDS || !queue.is_empty() {
            // More may be waiting, but so may be the answers to the queries that came before.
            yield_now().await;
            rounds = 0;
        }
    }
}

impl Queue {
    fn new() -> Self {
        Self {
            queries: VecDeque::new(),
            begin: *BEGIN.end(),
            since: None,
            trouble: None,
            calm: None,
            dropped: 0,
            told: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    /// Whether there is more to look up than this worker can.
    fn is_late(&self, now: Instant) -> bool {
        let is_flood = self.calm.is_none() && self.trouble.is_some_and(|since| now - since > BURST);
        is_flood && self.queries.front().is_some_and(|oldest| now - oldest.since > BEHIND)
    }

    /// The queries that begin now. Their number follows from how long the turn before has taken, in which as many
    /// began.
    fn turn(&mut self, now: Instant) -> Drain<'_, Queued> {
        if self.dropped > 0 && self.told.is_none_or(|told| now - told > TELL) {
            tracing::warn!("dropped {} queries: more came than may wait or can be looked up in time", self.dropped);
            (self.dropped, self.told) = (0, Some(now));
        }
        if let Some(since) = self.since.take() {
            let next = if now - since > TURN { self.begin / 2 } else { self.begin + self.begin / 4 };
            self.begin = next.clamp(*BEGIN.start(), *BEGIN.end());
        }
        if self.queries.len() > self.begin {
            self.since = Some(now);
            let is_over = self.calm.take().is_some_and(|since| now - since > BEHIND);
            self.trouble = self.trouble.filter(|_| !is_over).or(Some(now));
        } else {
            self.calm = self.calm.or(Some(now));
        }
        self.queries.drain(..self.begin.min(self.queries.len()))
    }
}

impl Door {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        let bound = socket.local_addr()?;
        let (socket, outbox, work) = (sys::register(socket)?, RefCell::default(), Notify::new());
        Ok(Self { socket, bound, outbox, work })
    }

    /// Has an answer sent with those of this round.
    fn leave(&self, late: Late) {
        let mut outbox = self.outbox.borrow_mut();
        if outbox.is_empty() {
            self.work.notify_one();
        }
        outbox.push(late);
    }

    /// Sends the answers that took time.
    async fn post(self: Rc<Self>) {
        let mut batch = Batch::new();
        loop {
            self.work.notified().await;
            for late in self.outbox.take().chunks_mut(BATCH) {
                batch.put_each(late.iter_mut().map(|late| (mem::take(&mut late.answer), late.to, late.from)));
                self.send(&mut batch).await;
            }
        }
    }

    /// Fills the batch with the datagrams that are there.
    fn look(&self, batch: &mut Batch) -> Option<usize> {
        self.socket.try_io(Interest::READABLE, |socket| batch.receive(socket.as_fd())).ok()
    }

    /// Fills the batch with datagrams, waiting for the first one.
    async fn receive(&self, batch: &mut Batch) -> usize {
        loop {
            let Ok(mut ready) = self.socket.readable().await else { return pause().await };
            match ready.try_io(|socket| batch.receive(socket.get_ref().as_fd())) {
                Ok(Ok(count)) => {
                    if count == 1 {
                        // Hardly more than that is going on. As the batch was not filled the kernel has no more, and
                        // what arrives from here on is a new event: no call is needed that would say so.
                        ready.clear_ready();
                    }
                    return count;
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(_)) => return pause().await,
                Err(_would_block) => {}
            }
        }
    }

    async fn send(&self, batch: &mut Batch) {
        while let Err(full) = batch.send(self.socket.get_ref().as_fd()) {
            debug_assert_eq!(full.kind(), io::ErrorKind::WouldBlock, "batches keep other errors to themselves");
            sleep(FULL).await;
        }
    }
}

async fn pause() -> usize {
    sleep(PAUSE).await;
    0
}

/// Has a query answered by a task of its own.
fn later<R: Responder>(door: &Rc<Door>, worker: &Rc<Worker<R>>, waiting: &Rc<Waiting>, queued: Queued) {
    let Queued { query, peer, from, place, since: _ } = queued;
    let kept = place.kept;
    let (door, worker) = (Rc::clone(door), Rc::clone(worker));
    // In a box: what is moved into a task, and taken out of it, is moved several times.
    let answer = Box::pin(async move { worker.answer_later(query, peer).await });
    let task = spawn_local(async move {
        if let Some(answer) = answer.await.filter(|_| !place.is_void()) {
            door.leave(Late { answer, to: peer.client, from, _place: place });
        }
    });
    waiting.served_by(kept, task.abort_handle());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::ListenSettings;

    fn ask(queue: &mut Queue, waiting: &Rc<Waiting>, nth: usize, since: Instant) {
        let client = SocketAddr::from(([127, 0, 0, 1], 5300));
        let peer = Peer { client, transport: Transport::Udp, local: client, keepalive: None };
        let place = waiting.place(client.ip(), since).unwrap();
        queue.queries.push_back(Queued { query: nth.to_be_bytes().to_vec(), peer, from: None, place, since });
    }

    #[test]
    fn as_many_begin_as_fit_into_a_turn_oldest_first() {
        let waiting = Rc::new(Waiting::new(&ListenSettings { waiting_per_client: 4096, ..ListenSettings::default() }));
        let (mut queue, mut now) = (Queue::new(), Instant::now());
        (0..4000).for_each(|nth| ask(&mut queue, &waiting, nth, now));
        let (mut begun, mut lengths) = (Vec::new(), Vec::new());
        // Each walk takes 40 us: 25 of them make a turn.
        while !queue.is_empty() {
            let turn: Vec<_> = queue.turn(now).map(|queued| queued.query).collect();
            now += Duration::from_micros(40) * u32::try_from(turn.len()).unwrap();
            lengths.push(turn.len());
            begun.extend(turn);
        }
        assert!(begun.is_sorted() && begun.len() == 4000);
        let steady = &lengths[3..lengths.len() - 1];
        assert!(steady.iter().all(|length| (12..=32).contains(length)), "{lengths:?}");
        // All of them are slow: a few begin in each turn nevertheless.
        (0..100).for_each(|nth| ask(&mut queue, &waiting, nth, now));
        for _ in 0..5 {
            assert!(queue.turn(now).len() >= *BEGIN.start());
            now += TURN * 2;
        }
        // However fast they are, something else has its turn.
        (0..4000).for_each(|nth| ask(&mut queue, &waiting, nth, now));
        while !queue.is_empty() {
            assert!(queue.turn(now).len() <= *BEGIN.end());
        }
    }

    /// What a turn begins takes 40 us each.
    fn take_turn(queue: &mut Queue, now: &mut Instant) {
        let begun = u32::try_from(queue.turn(*now).count()).unwrap();
        *now += Duration::from_micros(40) * begun;
    }

    #[test]
    fn a_burst_is_looked_up_and_a_flood_is_dropped_until_all_that_waits_is_gone() {
        let waiting = Rc::new(Waiting::new(&ListenSettings { waiting_per_client: 8192, ..ListenSettings::default() }));
        let (mut queue, mut now) = (Queue::new(), Instant::now());
        (0..4000).for_each(|nth| ask(&mut queue, &waiting, nth, now));
        while !queue.is_empty() {
            take_turn(&mut queue, &mut now);
            assert!(!queue.is_late(now), "it takes 160 ms and is over");
        }
        // A third more than can be looked up, much later.
        now += 2 * BURST;
        let began = now;
        (0..1000).for_each(|_| ask(&mut queue, &waiting, 0, now));
        while !queue.is_late(now) && now - began < 2 * BURST {
            let before = now;
            take_turn(&mut queue, &mut now);
            let came = (now - before).as_micros() / 30;
            (0..came).for_each(|_| ask(&mut queue, &waiting, 0, now));
        }
        assert!(now - began > BURST && queue.is_late(now));
        while !queue.is_empty() {
            take_turn(&mut queue, &mut now);
        }
        (0..4000).for_each(|_| ask(&mut queue, &waiting, 0, now));
        assert!(!queue.is_late(now), "who comes now does not wait long");
        take_turn(&mut queue, &mut now);
        assert!(!queue.is_late(now), "nor does who came a moment ago");
        (0..140).for_each(|_| take_turn(&mut queue, &mut now));
        assert!(queue.is_late(now), "but the flood is not over");
        while !queue.is_empty() {
            take_turn(&mut queue, &mut now);
        }
        ask(&mut queue, &waiting, 0, now);
        now += 2 * BEHIND;
        assert!(!queue.is_late(now), "a worker that was away has no flood");
        take_turn(&mut queue, &mut now);
        (0..4000).for_each(|_| ask(&mut queue, &waiting, 0, now));
        (0..140).for_each(|_| take_turn(&mut queue, &mut now));
        assert!(!queue.is_late(now), "now it is over");
    }

    #[test]
    fn what_was_dropped_is_told_now_and_then_and_none_of_it_twice() {
        let (mut queue, start) = (Queue::new(), Instant::now());
        let moment = Duration::from_millis(1);
        for (after, more, left, told) in [
            (moment, 0, 0, None),
            (2 * moment, 5, 0, Some(2 * moment)),
            (3 * moment, 3, 3, Some(2 * moment)),
            (2 * moment + TELL, 1, 4, Some(2 * moment)),
            (3 * moment + TELL, 0, 0, Some(3 * moment + TELL)),
            (3 * TELL, 0, 0, Some(3 * moment + TELL)),
        ] {
            queue.dropped += more;
            drop(queue.turn(start + after));
            assert_eq!((queue.dropped, queue.told), (left, told.map(|told| start + told)), "{after:?}");
        }
    }

    #[test]
    fn turns_that_take_long_are_no_calm() {
        let waiting = Rc::new(Waiting::new(&ListenSettings { waiting_per_client: 4096, ..ListenSettings::default() }));
        let (mut queue, mut now) = (Queue::new(), Instant::now());
        (0..1000).for_each(|_| ask(&mut queue, &waiting, 0, now));
        for _ in 0..10 {
            drop(queue.turn(now));
            now += 2 * BEHIND;
        }
        assert!(queue.is_late(now));
    }
}
