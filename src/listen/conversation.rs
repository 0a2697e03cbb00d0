//! One connection, with TLS inside or without: queries pipelined, answers in the order in which they are ready
//! (RFC 7766 §6.2.1, §7).

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{JoinError, JoinSet, yield_now};
use tokio::time::Instant;

use super::flow::{Flow, LONGEST, Moved};
use super::quota::Seat;
use super::waiting::Waiting;
use super::worker::Worker;
use super::{Now, Peer, Responder};
use crate::wire::{HEADER, edns, spot_opt};

/// No more queries are taken from a client that has this much to read, in octets.
const UNREAD_PAUSE: usize = 128 << 10;
/// A client that lets this much pile up, in octets, is disconnected: it asks for large answers and reads none.
const UNREAD_END: usize = 1 << 20;
/// Parts of the shorter time-out after which a connection is looked at.
const TICKS: u32 = 8;

/// What is known of one connection. Dropping it ends the queries that it waits for.
pub(super) struct Conversation<R> {
    peer: Peer,
    seat: Seat,
    /// How long it may be idle in quiet times.
    idle: Duration,
    worker: Rc<Worker<R>>,
    waiting: Rc<Waiting>,
    flow: Flow,
    answer: Vec<u8>,
    later: JoinSet<Option<Vec<u8>>>,
    /// Whether more queries are wanted and may come.
    open: bool,
}

impl<R: Responder> Conversation<R> {
    pub(super) fn new(peer: Peer, seat: Seat, worker: Rc<Worker<R>>, waiting: Rc<Waiting>) -> Self {
        Self {
            peer,
            seat,
            idle: worker.settings.tcp_idle,
            worker,
            waiting,
            flow: Flow::new(),
            answer: Vec::new(),
            later: JoinSet::new(),
            open: true,
        }
    }

    pub(super) fn client(&self) -> SocketAddr {
        self.peer.client
    }

    /// How long the connection may stay without a query as things are.
    pub(super) fn patience(&self) -> Duration {
        self.seat.share(self.idle)
    }

    pub(super) fn worker(&self) -> Rc<Worker<R>> {
        Rc::clone(&self.worker)
    }

    /// Serves the connection to its end.
    pub(super) async fn hold<S: AsyncRead + AsyncWrite + Unpin>(mut self, stream: &mut S) {
        let mut stop = self.worker.stop.clone();
        let closing = stop.wait_for(|stop| *stop);
        tokio::pin!(closing);
        let shorter = self.worker.settings.tcp_idle.min(self.worker.settings.tcp_stalled);
        let mut tick = tokio::time::interval(shorter / TICKS);
        loop {
            let reads = self.wants_more();
            tokio::select! {
                biased;
                Some(answer) = self.later.join_next(), if !self.later.is_empty() => self.answered(answer),
                moved = poll_fn(|context| self.flow.poll_move(Pin::new(&mut *stream), reads, context)) => match moved {
                    Ok(Moved::Octets) => {}
                    // A client may close its direction and still read the answers.
                    Ok(Moved::End) => self.open = false,
                    Err(_) => return,
                },
                _ = &mut closing, if self.open => self.hang_up(),
                _ = tick.tick() => if self.is_overdue() { return },
            }
            while let Some(answer) = self.later.try_join_next() {
                self.answered(answer);
            }
            loop {
                self.take_queries();
                let was_full = !self.has_room();
                // As much as goes at once.
                let write = poll_fn(|context| Poll::Ready(self.flow.poll_write(Pin::new(&mut *stream), context)));
                if matches!(write.await, Poll::Ready(Err(_))) || self.flow.unread() > UNREAD_END {
                    return;
                }
                // Where that made room, the rest of the queries that have come is next; nothing else would say so.
                if !(was_full && self.has_room()) {
                    break;
                }
                yield_now().await;
            }
            if self.is_over() {
                return;
            }
        }
    }

    /// Whether one more query can be taken.
    fn has_room(&self) -> bool {
        self.later.len() < self.worker.settings.tcp_pipeline && self.flow.unread() < UNREAD_PAUSE
    }

    fn wants_more(&self) -> bool {
        self.open && self.has_room() && self.flow.inbox.len() < LONGEST
    }

    /// Nothing more will come or is owed.
    fn is_over(&self) -> bool {
        !self.open && self.later.is_empty() && !self.flow.is_owing()
    }

    /// Whether the client has been idle or has not read for too long. A connection is not idle while an answer
    /// is awaited (RFC 7766 §3).
    fn is_overdue(&self) -> bool {
        let patience = match (self.flow.is_owing(), self.later.is_empty()) {
            (true, _) => self.worker.settings.tcp_stalled,
            (false, true) => self.patience(),
            (false, false) => return false,
        };
        self.flow.last.elapsed() >= patience
    }

    /// Takes no more queries; what is owed is still delivered.
    fn hang_up(&mut self) {
        self.open = false;
        self.flow.inbox.clear();
    }

    /// Takes every whole query for which there is room out of the inbox.
    fn take_queries(&mut self) {
        let mut inbox = std::mem::take(&mut self.flow.inbox);
        let mut taken = 0;
        while self.has_room() {
            let Some((len, rest)) = inbox[taken..].split_first_chunk::<2>() else { break };
            let len = usize::from(u16::from_be_bytes(*len));
            let Some(query) = rest.get(..len) else { break };
            taken += 2 + len;
            self.flow.last = Instant::now();
            // What is no DNS message shows that the lengths cannot be trusted either.
            if len < HEADER || !self.take_query(query) {
                self.open = false;
                taken = inbox.len();
                break;
            }
        }
        inbox.drain(..taken);
        self.flow.inbox = inbox;
    }

    /// Answers one query now or later; returns false if it deserves no answer.
    fn take_query(&mut self, query: &[u8]) -> bool {
        self.answer.clear();
        self.peer.keepalive = asks_keepalive(query).then(|| {
            self.idle = self.worker.settings.tcp_keepalive;
            self.patience()
        });
        match self.worker.answer_now(query, &self.peer, &mut self.answer) {
            Now::Sent => self.flow.push(&self.answer),
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
        self.flow.last = Instant::now();
        if let Ok(Some(answer)) = answer {
            self.flow.push(&answer);
        }
    }
}

/// Whether a client asks how long the connection may be idle: without a time of its own (RFC 7828 §3.2.1).
fn asks_keepalive(query: &[u8]) -> bool {
    spot_opt(query).and_then(|opt| opt.option(edns::TCP_KEEPALIVE)).is_some_and(<[u8]>::is_empty)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::runtime::Builder;
    use tokio::sync::watch;
    use tokio::task::{LocalSet, spawn_local};
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::listen::{ListenSettings, Transport};

    /// Octets of each answer.
    const LARGE: usize = 20_000;
    const LONG: Duration = Duration::from_secs(3600);

    /// Answers what has the id 1 a moment later, and everything else at once.
    #[derive(Clone)]
    struct Large;

    impl Responder for Large {
        fn foresee<'a>(&self, _: impl Iterator<Item = &'a [u8]>) {}

        fn answer_now(&self, query: &[u8], _: &Peer, out: &mut Vec<u8>) -> Now {
            if query[1] == 1 {
                return Now::Later;
            }
            out.resize(LARGE, 0);
            Now::Sent
        }

        async fn answer_later(&self, _: Vec<u8>, _: Peer) -> Option<Vec<u8>> {
            sleep(Duration::from_millis(20)).await;
            Some(vec![0; LARGE])
        }

        fn admits(&self, _: IpAddr) -> bool {
            true
        }
    }

    /// Has a client talk that has sent so many queries with this id, over a connection that holds less than an answer.
    fn talk<F: Future<Output = ()>>(
        settings: ListenSettings,
        (count, id): (usize, u8),
        client: impl FnOnce(DuplexStream, tokio::task::JoinHandle<()>) -> F,
    ) {
        LocalSet::new().block_on(&Builder::new_current_thread().enable_time().build().expect("a runtime"), async {
            let (_running, stop) = watch::channel(false);
            let (waiting, at) = (Rc::new(Waiting::new(&settings)), SocketAddr::from(([127, 0, 0, 1], 5300)));
            let worker = Rc::new(Worker::alone(settings, Large, stop));
            let (mut near, mut far) = duplex(LARGE / 2);
            let seat = worker.quota.seat(at.ip()).expect("a seat");
            let peer = Peer { client: at, transport: Transport::Tcp, local: at, keepalive: None };
            let conversation = Conversation::new(peer, seat, worker, waiting);
            let held = spawn_local(async move { conversation.hold(&mut near).await });
            let query = [&[0, 12, 0, id][..], &[0; 10]].concat();
            far.write_all(&query.repeat(count)).await.expect("they are taken");
            client(far, held).await;
        });
    }

    fn settings(idle: Duration, stalled: Duration) -> ListenSettings {
        ListenSettings { tcp_idle: idle, tcp_stalled: stalled, ..ListenSettings::default() }
    }

    /// RFC 7766 §6.2.1.1: whoever has said that it will ask no more has all answers nevertheless.
    #[test]
    fn a_client_that_asks_no_more_gets_what_it_is_owed() {
        for id in [0, 1] {
            talk(settings(LONG, LONG), (3, id), async |mut client, _held| {
                client.shutdown().await.expect("it is heard");
                sleep(Duration::from_millis(50)).await;
                let mut all = Vec::new();
                client.read_to_end(&mut all).await.expect("answers");
                assert_eq!(all.len(), 3 * (2 + LARGE), "{id}");
            });
        }
    }

    #[test]
    fn answers_do_not_pile_up_for_a_client_that_reads_none() {
        let (most, wait) = (UNREAD_END / LARGE, Duration::from_secs(5));
        talk(settings(LONG, LONG), (most + 2, 1), async |_client, held| {
            assert!(timeout(wait, held).await.is_ok(), "they came all at once");
        });
        talk(settings(LONG, LONG), (most - 1, 1), async |_client, held| {
            assert!(timeout(wait / 20, held).await.is_err(), "so many may");
        });
    }

    #[test]
    fn a_client_that_reads_slowly_is_waited_for() {
        let stalled = Duration::from_millis(500);
        talk(settings(LONG, stalled), (1, 0), async |mut client, _held| {
            let (mut all, mut piece) = (0, [0; 1000]);
            while all < 2 + LARGE {
                sleep(stalled / 5).await;
                all += client.read(&mut piece).await.ok().filter(|count| *count > 0).expect("more of the answer");
            }
        });
    }

    #[test]
    fn a_client_that_reads_nothing_has_another_time_than_one_that_asks_nothing() {
        let (short, wait) = (Duration::from_millis(80), Duration::from_secs(5));
        for (idle, stalled, count, ends) in
            [(LONG, short, 1, true), (short, LONG, 1, false), (short, LONG, 0, true), (LONG, short, 0, false)]
        {
            talk(settings(idle, stalled), (count, 0), async |_client, held| {
                let wait = if ends { wait } else { 4 * short };
                assert_eq!(timeout(wait, held).await.is_ok(), ends, "{idle:?} {stalled:?} {count}");
            });
        }
    }
}
