//! The UDP loop of a worker: take what waits, answer it, send the answers, all in batches.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::{spawn_local, yield_now};
use tokio::time::Instant;

use super::waiting::{Place, Waiting};
use super::worker::Worker;
use super::{Now, Peer, Responder, Transport};
use crate::sys::{self, Batch};

/// Pause after an error that a socket should not give, so that it cannot keep the processor busy.
const PAUSE: Duration = Duration::from_millis(10);

/// Batches taken in a row before the other tasks of the worker get their turn: what is known is answered before what has
/// to be looked up, and two thousand queries take a few milliseconds.
const ROUNDS: usize = 64;
/// Queries that have to wait, taken in a row before those that wait already get their turn: else a burst begins more walks at
/// once than can be served before servers seem late to them.
const BEGUN: usize = 256;
/// A worker that sends an answer so long after it was there has more to look up than it can. New queries that would have to
/// wait are dropped then, which a client takes for the loss of a packet: the walks that have begun end before servers seem
/// late to them, at 50 ms at the earliest, and are asked a second time when the load is highest.
const BEHIND: Duration = Duration::from_millis(20);
/// For how long they are, unless that happens again.
const SHEDDING: Duration = Duration::from_millis(20);

/// One UDP socket of a worker.
struct Door {
    socket: AsyncFd<UdpSocket>,
    bound: SocketAddr,
    /// Answers that took time: what one round of tasks brings leaves in one go, and wakes a client nearby once.
    outbox: RefCell<Vec<Late>>,
    work: Notify,
    /// When the oldest of those answers was there.
    since: Cell<Instant>,
    /// Until when nothing new is looked up.
    behind_until: Cell<Instant>,
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
    let mut batch = Batch::new();
    let (mut rounds, mut begun) = (0, 0);
    loop {
        let count = door.receive(&mut batch, rounds > 0).await;
        batch.answer_each(count, |packet, out| {
            let local = packet.local.map_or(door.bound, |mut local| {
                local.set_port(door.bound.port());
                local
            });
            let peer = Peer { client: packet.from, transport: Transport::Udp, local };
            match worker.answer_now(packet.bytes, &peer, out) {
                Now::Sent => return true,
                Now::Drop => {}
                Now::Later if door.is_behind() && waiting.is_crowded() => {}
                Now::Later => {
                    begun += 1;
                    later(&door, worker, waiting, packet.bytes, peer, packet.local);
                }
            }
            false
        });
        door.send(&mut batch).await;
        rounds += 1;
        if rounds == ROUNDS || begun >= BEGUN {
            // More may be waiting, but so may be the answers to the queries that came before.
            yield_now().await;
            (rounds, begun) = (0, 0);
        }
    }
}

impl Door {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        let bound = socket.local_addr()?;
        let (since, behind_until) = (Cell::new(Instant::now()), Cell::new(Instant::now()));
        let (socket, outbox, work) = (sys::register(socket)?, RefCell::default(), Notify::new());
        Ok(Self { socket, bound, outbox, work, since, behind_until })
    }

    /// Whether there is more to look up than this worker can.
    fn is_behind(&self) -> bool {
        Instant::now() < self.behind_until.get()
    }

    /// Has an answer sent with those of this round.
    fn leave(&self, late: Late) {
        let mut outbox = self.outbox.borrow_mut();
        if outbox.is_empty() {
            self.since.set(Instant::now());
            self.work.notify_one();
        }
        outbox.push(late);
    }

    /// Sends the answers that took time.
    async fn post(self: Rc<Self>) {
        loop {
            self.work.notified().await;
            let now = Instant::now();
            if now - self.since.get() > BEHIND {
                self.behind_until.set(now + SHEDDING);
            }
            let late = self.outbox.take();
            for Late { answer, to, from, _place } in late {
                self.send_one(&answer, to, from).await;
            }
        }
    }

    /// Fills the batch with datagrams, waiting for the first one. `eager` looks for them before it asks the
    /// runtime, which under load has them ten times cheaper.
    async fn receive(&self, batch: &mut Batch, eager: bool) -> usize {
        if eager && let Ok(count) = self.socket.try_io(Interest::READABLE, |socket| batch.receive(socket.as_fd())) {
            return count;
        }
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
            match self.socket.writable().await {
                Ok(mut ready) => ready.clear_ready(),
                Err(_) => return,
            }
        }
    }

    async fn send_one(&self, answer: &[u8], to: SocketAddr, from: Option<SocketAddr>) {
        while let Err(error) = sys::send_one(self.socket.get_ref().as_fd(), answer, to, from) {
            if error.kind() != io::ErrorKind::WouldBlock {
                return;
            }
            match self.socket.writable().await {
                Ok(mut ready) => ready.clear_ready(),
                Err(_) => return,
            }
        }
    }
}

async fn pause() -> usize {
    tokio::time::sleep(PAUSE).await;
    0
}

/// Has a query answered by a task of its own, if it finds a place to wait in; otherwise it is dropped, which a
/// client takes for the loss of a packet.
fn later<R: Responder>(
    door: &Rc<Door>,
    worker: &Rc<Worker<R>>,
    waiting: &Rc<Waiting>,
    query: &[u8],
    peer: Peer,
    from: Option<SocketAddr>,
) {
    let Some(place) = waiting.place(peer.client.ip()) else { return };
    let kept = place.kept;
    let (door, worker, query) = (Rc::clone(door), Rc::clone(worker), query.to_vec());
    let task = spawn_local(async move {
        if let Some(answer) = worker.responder.answer_later(query, peer).await.filter(|_| !place.is_void()) {
            door.leave(Late { answer, to: peer.client, from, _place: place });
        }
    });
    waiting.served_by(kept, task.abort_handle());
}
