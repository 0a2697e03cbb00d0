//! TCP connections: queries pipelined, answers in the order in which they are ready (RFC 7766 §6.2.1, §7).

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::tcp::WriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet, spawn_local};
use tokio::time::Instant;

use super::quota::Seat;
use super::waiting::Waiting;
use super::worker::Worker;
use super::{Now, Peer, Responder, Transport};
use crate::wire::{HEADER, edns, spot_opt};

/// Pause after an error of `accept`, mostly "too many open files", which only time heals.
const PAUSE: Duration = Duration::from_millis(20);
/// A length and the longest message (RFC 1035 §4.2.2).
const LONGEST: usize = 2 + 65535;
/// Octets to read at once; enough for some dozens of queries.
const READ_ROOM: usize = 2048;
/// No more queries are taken from a client that has this much to read, in octets.
const UNREAD_PAUSE: usize = 128 << 10;
/// A client that lets this much pile up, in octets, is disconnected: it asks for large answers and reads none.
const UNREAD_END: usize = 1 << 20;
/// Parts of the shorter time-out after which a connection is looked at.
const TICKS: u32 = 8;

/// Accepts connections until the task is aborted.
pub(super) async fn serve<R: Responder>(
    listener: std::net::TcpListener,
    worker: &Rc<Worker<R>>,
    waiting: &Rc<Waiting>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("a TCP socket cannot be served: {error}"),
    };
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                // Over the limit the connection is closed at once rather than left to wait in the kernel
                // (RFC 7766 §6.2.2), where it would hold up those of other clients.
                if let Some(seat) = worker.quota.seat(client.ip()) {
                    spawn_local(converse(stream, client, seat, Rc::clone(worker), Rc::clone(waiting)));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Serves one connection to its end.
async fn converse<R: Responder>(
    mut stream: TcpStream,
    client: SocketAddr,
    seat: Seat,
    worker: Rc<Worker<R>>,
    waiting: Rc<Waiting>,
) {
    let Ok(local) = stream.local_addr() else { return };
    // An answer must not wait for the acknowledgement of the one before it.
    let _ = stream.set_nodelay(true);
    let (mut reader, writer) = stream.split();
    let mut stop = worker.stop.clone();
    let closing = stop.wait_for(|stop| *stop);
    tokio::pin!(closing);
    let mut tick = tokio::time::interval(worker.settings.tcp_idle.min(worker.settings.tcp_stalled) / TICKS);
    let peer = Peer { client, transport: Transport::Tcp, local, keepalive: None };
    let mut talk = Conversation::new(peer, seat, Rc::clone(&worker), waiting);
    loop {
        talk.make_room();
        tokio::select! {
            biased;
            Some(answer) = talk.later.join_next(), if !talk.later.is_empty() => talk.answered(answer),
            read = reader.read_buf(&mut talk.inbox), if talk.wants_more() => match read {
                // A client may close its direction and still read the answers.
                Ok(0) => talk.open = false,
                Ok(_) => {}
                Err(_) => return,
            },
            ready = writer.writable(), if talk.unread() > 0 => if ready.is_err() { return },
            _ = &mut closing, if talk.open => talk.hang_up(),
            _ = tick.tick() => if talk.is_overdue() { return },
        }
        while let Some(answer) = talk.later.try_join_next() {
            talk.answered(answer);
        }
        talk.take_queries();
        if talk.write(&writer).is_err() || talk.unread() > UNREAD_END || talk.is_over() {
            return;
        }
    }
}

/// What is known of one connection. Dropping it ends the queries that it waits for.
struct Conversation<R> {
    peer: Peer,
    seat: Seat,
    /// How long it may be idle in quiet times.
    idle: Duration,
    worker: Rc<Worker<R>>,
    waiting: Rc<Waiting>,
    /// Octets that were read and make no whole query yet, or for which there is no room yet.
    inbox: Vec<u8>,
    /// Answers with their lengths; the first `written` octets are gone.
    outbox: Vec<u8>,
    written: usize,
    answer: Vec<u8>,
    later: JoinSet<Option<Vec<u8>>>,
    /// Whether more queries are wanted and may come.
    open: bool,
    /// When a whole query or answer last passed, or part of an answer.
    last: Instant,
}

impl<R: Responder> Conversation<R> {
    fn new(peer: Peer, seat: Seat, worker: Rc<Worker<R>>, waiting: Rc<Waiting>) -> Self {
        Self {
            peer,
            seat,
            idle: worker.settings.tcp_idle,
            worker,
            waiting,
            inbox: Vec::new(),
            outbox: Vec::new(),
            written: 0,
            answer: Vec::new(),
            later: JoinSet::new(),
            open: true,
            last: Instant::now(),
        }
    }

    /// Answers that are due to be written, in octets.
    fn unread(&self) -> usize {
        self.outbox.len() - self.written
    }

    /// Whether one more query can be taken.
    fn has_room(&self) -> bool {
        self.later.len() < self.worker.settings.tcp_pipeline && self.unread() < UNREAD_PAUSE
    }

    fn wants_more(&self) -> bool {
        self.open && self.has_room() && self.inbox.len() < LONGEST
    }

    /// Nothing more will come or is owed.
    fn is_over(&self) -> bool {
        !self.open && self.later.is_empty() && self.unread() == 0
    }

    /// Whether the client has been idle or has not read for too long. A connection is not idle while an answer
    /// is awaited (RFC 7766 §3).
    fn is_overdue(&self) -> bool {
        let patience = match (self.unread() > 0, self.later.is_empty()) {
            (true, _) => self.worker.settings.tcp_stalled,
            (false, true) => self.seat.share(self.idle),
            (false, false) => return false,
        };
        self.last.elapsed() >= patience
    }

    /// Takes no more queries; what is owed is still delivered.
    fn hang_up(&mut self) {
        self.open = false;
        self.inbox.clear();
    }

    /// Sees to it that a read has room, and that one long message does not hold memory for ever.
    fn make_room(&mut self) {
        if self.inbox.is_empty() {
            self.inbox.shrink_to(READ_ROOM);
        }
        if self.inbox.capacity() - self.inbox.len() < READ_ROOM / 4 {
            self.inbox.reserve(READ_ROOM);
        }
    }

    /// Takes every whole query for which there is room out of the inbox.
    fn take_queries(&mut self) {
        let mut inbox = std::mem::take(&mut self.inbox);
        let mut taken = 0;
        while self.has_room() {
            let Some((len, rest)) = inbox[taken..].split_first_chunk::<2>() else { break };
            let len = usize::from(u16::from_be_bytes(*len));
            let Some(query) = rest.get(..len) else { break };
            taken += 2 + len;
            self.last = Instant::now();
            // What is no DNS message shows that the lengths cannot be trusted either.
            if len < HEADER || !self.take_query(query) {
                self.open = false;
                inbox.clear();
                break;
            }
        }
        inbox.drain(..taken.min(inbox.len()));
        self.inbox = inbox;
    }

    /// Answers one query now or later; returns false if it deserves no answer.
    fn take_query(&mut self, query: &[u8]) -> bool {
        self.answer.clear();
        self.peer.keepalive = asks_keepalive(query).then(|| {
            self.idle = self.worker.settings.tcp_keepalive;
            self.seat.share(self.idle)
        });
        match self.worker.answer_now(query, &self.peer, &mut self.answer) {
            Now::Sent => push_framed(&mut self.outbox, &self.answer),
            Now::Drop => return false,
            Now::Later => {
                // Without a place the query is dropped, and the client asks again (RFC 7766 §6.2.1.1 has it match
                // answers to queries by id, so that a missing one disturbs none of the others).
                let Some(place) = self.waiting.place(self.peer.client.ip(), Instant::now()) else { return true };
                let kept = place.kept;
                let (worker, peer, query) = (Rc::clone(&self.worker), self.peer, query.to_vec());
                let task = self.later.spawn_local(async move {
                    let answer = worker.answer_later(query, peer).await;
                    drop(place);
                    answer
                });
                self.waiting.served_by(kept, task);
            }
        }
        true
    }

    /// A query that waited has ended: with an answer, without one, displaced, or in a panic.
    fn answered(&mut self, answer: Result<Option<Vec<u8>>, JoinError>) {
        self.last = Instant::now();
        if let Ok(Some(answer)) = answer {
            push_framed(&mut self.outbox, &answer);
        }
    }

    /// Writes what the client has room for, all answers that are ready at once (RFC 7766 §8).
    fn write(&mut self, writer: &WriteHalf<'_>) -> io::Result<()> {
        while self.unread() > 0 {
            match writer.try_write(&self.outbox[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.last = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.outbox.clear();
        self.outbox.shrink_to(READ_ROOM);
        self.written = 0;
        Ok(())
    }
}

/// Whether a client asks how long the connection may be idle: without a time of its own (RFC 7828 §3.2.1).
fn asks_keepalive(query: &[u8]) -> bool {
    spot_opt(query).and_then(|opt| opt.option(edns::TCP_KEEPALIVE)).is_some_and(<[u8]>::is_empty)
}

/// Appends a message behind its length (RFC 1035 §4.2.2); one that is too long for that is left out.
fn push_framed(outbox: &mut Vec<u8>, answer: &[u8]) {
    debug_assert!(answer.len() < LONGEST - 1, "the responder keeps to what TCP carries");
    if let Ok(len) = u16::try_from(answer.len()) {
        outbox.extend_from_slice(&len.to_be_bytes());
        outbox.extend_from_slice(answer);
    }
}
