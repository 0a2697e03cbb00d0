//! What a connection is doing: requests in hand, when an octet last moved, and since when nothing is asked.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};

use crate::time::as_ms;

/// Octets in one write up to which it may be nothing but answers to the pings of HTTP/2.
const CHATTER: usize = 1024;
/// Octets of answers that clients have yet to read, all connections together. When they are so many, a connection gets
/// no more than [`FEW`] of them, or one answer: in HTTP/2 a client has 128 requests at once, and decides when their
/// answers leave, each of 64 KiB and more. So all of them take no more than this, and that on each connection.
const UNREAD: u64 = 16 << 20;
/// Octets of answers that any connection may leave unread: 128 of DNS, padded, which clients ask for in one flight.
const FEW: u64 = 64 << 10;

/// What is known of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    begun: Instant,
    in_hand: AtomicUsize,
    /// Milliseconds from the beginning to the last octet.
    moved_ms: AtomicU64,
    /// Milliseconds from the beginning to the end of the last request.
    rested_ms: AtomicU64,
    /// Octets that have left, and that have come.
    sent: AtomicU64,
    received: AtomicU64,
    /// Octets of answers that have yet to be read.
    unread: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        let [moved_ms, rested_ms, sent, received, unread] = Default::default();
        let in_hand = AtomicUsize::new(0);
        Arc::new(Self { begun: Instant::now(), in_hand, moved_ms, rested_ms, sent, received, unread })
    }

    /// A request that is in hand until the last octet of its answer is handed on.
    pub(super) fn take(self: &Arc<Self>) -> Ticket {
        self.in_hand.fetch_add(1, Ordering::Relaxed);
        Ticket(Arc::clone(self))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_hand.load(Ordering::Relaxed) == 0
    }

    /// When to give up on the connection, as far as can be said now. Without a request in hand octets count for
    /// nothing: a client could send a head one by one, or answer the pings of HTTP/2 for ever.
    pub(super) fn deadline(&self, idle: Duration, stalled: Duration) -> Instant {
        if self.is_idle() { self.at(&self.rested_ms) + idle } else { self.at(&self.moved_ms) + stalled }
    }

    /// Does `work` for as long as something moves; `None` when nothing has for `idle`.
    pub(super) async fn while_moving<T>(&self, idle: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        self.note();
        loop {
            let silent_at = self.at(&self.moved_ms) + idle;
            if silent_at <= Instant::now() {
                return None;
            }
            if let Ok(done) = timeout_at(silent_at, work.as_mut()).await {
                return Some(done);
            }
        }
    }

    /// Octets that have left, and that have come.
    pub(super) fn carried(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed))
    }

    fn at(&self, ms: &AtomicU64) -> Instant {
        self.begun + Duration::from_millis(ms.load(Ordering::Relaxed))
    }

    fn note(&self) {
        self.moved_ms.store(self.ms(), Ordering::Relaxed);
    }

    /// Octets have left; the rest of an answer does so after its request is out of our hands.
    fn note_written(&self, done: &Poll<io::Result<usize>>) {
        if done.is_ready() {
            self.note();
        }
        let Poll::Ready(Ok(octets)) = done else { return };
        self.sent.fetch_add(*octets as u64, Ordering::Relaxed);
        if *octets > CHATTER {
            self.rested_ms.store(self.ms(), Ordering::Relaxed);
        }
    }

    fn ms(&self) -> u64 {
        as_ms(self.begun.elapsed())
    }
}

/// One request in hand.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Activity>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.in_hand.fetch_sub(1, Ordering::Relaxed);
        self.0.rested_ms.store(self.0.ms(), Ordering::Relaxed);
    }
}

/// An answer, until all of it has left.
#[derive(Debug)]
struct Owed {
    octets: u64,
    by: Arc<Activity>,
    all: Arc<AtomicU64>,
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.by.unread.fetch_sub(self.octets, Ordering::Relaxed);
        self.all.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

/// A piece of an answer: what is handed on waits in HTTP/2 until the client makes room for it.
struct Piece(Bytes, #[expect(dead_code, reason = "dropped with the piece")] Arc<Owed>);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Marks an answer that is passed on while it comes, and of which hardly anything waits here, however long it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct PassedOn;

/// A body that keeps its request in hand.
#[derive(Debug)]
pub(super) struct Held {
    body: Body,
    /// Whether it has been asked for its first piece.
    begun: bool,
    /// An error in place of the first piece.
    broken: Option<axum::Error>,
    owed: Arc<Owed>,
    _ticket: Arc<Ticket>,
}

impl Held {
    /// The answer to the request of `ticket`, unless its client has to read others first; `all` counts what all have to
    /// read.
    pub(super) fn answer(response: Response, ticket: Arc<Ticket>, all: &Arc<AtomicU64>) -> hyper::Response<Self> {
        let octets = |response: &Response| match response.extensions().get::<PassedOn>() {
            Some(PassedOn) => 0,
            None => response.body().size_hint().lower(),
        };
        let (by, all) = (Arc::clone(&ticket.0), Arc::clone(all));
        let (unread, more) = (by.unread.load(Ordering::Relaxed), octets(&response));
        let is_many = unread > 0 && unread + more > FEW;
        let response = match is_many && all.load(Ordering::Relaxed) + more > UNREAD {
            true => (StatusCode::SERVICE_UNAVAILABLE, "too many answers wait to be read\n").into_response(),
            false => response,
        };
        let octets = octets(&response);
        by.unread.fetch_add(octets, Ordering::Relaxed);
        all.fetch_add(octets, Ordering::Relaxed);
        let owed = Arc::new(Owed { octets, by, all });
        response.map(|body| Self { body, begun: false, broken: None, owed, _ticket: ticket })
    }
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(broken) = self.broken.take() {
            return Poll::Ready(Some(Err(broken)));
        }
        let is_first = !std::mem::replace(&mut self.begun, true);
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        // The head leaves first: hyper would drop it with the connection, and the client would not even have a status.
        if is_first && let Some(Err(broken)) = frame {
            self.broken = Some(broken);
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let owed = |bytes| Bytes::from_owner(Piece(bytes, Arc::clone(&self.owed)));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(owed))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that notes when a piece of it goes on.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) body: Body,
    pub(super) activity: Arc<Activity>,
}

impl hyper::body::Body for Noted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let piece = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.activity.note();
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that notes when something moves, and how much.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let done = Pin::new(&mut self.stream).poll_read(context, into);
        if done.is_ready() {
            self.activity.note();
            self.activity.received.fetch_add((into.filled().len() - before) as u64, Ordering::Relaxed);
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, from);
        self.activity.note_written(&done);
        done
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, from);
        self.activity.note_written(&done);
        done
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// A client of HTTP/2 that makes no room leaves its answers here, whether they were handed on or not.
    #[tokio::test]
    async fn who_reads_nothing_gets_no_more_when_too_much_is_unread() {
        let (all, connections) = (Arc::default(), [Activity::new(), Activity::new()]);
        let ask_for = |octets: usize, nth: usize| {
            let answer = Held::answer(vec![b'x'; octets].into_response(), connections[nth].take().into(), &all);
            (answer.status().as_u16(), answer.into_body())
        };
        let ask = |nth: usize| ask_for(1 << 20, nth);
        let mut unread: Vec<_> = (0..16).map(|_| ask(0)).collect();
        assert!(unread.iter().all(|(status, _)| *status == 200));
        assert_eq!(ask(0).0, 503);
        assert_eq!(ask(1).0, 200, "another client has read what it got");
        let flight: Vec<_> = (0..128).map(|_| ask_for(468, 1)).collect();
        assert!(flight.iter().all(|(status, _)| *status == 200), "a browser asks for A, AAAA and HTTPS at once");
        assert_eq!(ask(1).0, 503);
        drop(flight);
        // What has been handed on is as unread as before.
        let (_, mut body) = unread.pop().unwrap();
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await.unwrap().unwrap();
        let piece = frame.into_data().unwrap();
        drop(body);
        assert_eq!((piece.len(), ask(0).0), (1 << 20, 503));
        drop(piece);
        assert_eq!(ask(0).0, 200);
        unread.clear();
        assert_eq!(all.load(Ordering::Relaxed), 0);
        let mut download = vec![b'x'; 32 << 20].into_response();
        download.extensions_mut().insert(PassedOn);
        let _download = Held::answer(download, connections[0].take().into(), &all);
        assert_eq!(ask(0).0, 200, "a download through the proxy is not in the way of anything else");
    }

    /// The rest of a long answer leaves after its request is out of our hands: the client is not idle meanwhile.
    /// Answers to pings are no such rest.
    #[test]
    fn what_is_written_of_an_answer_keeps_a_connection_awake_and_chatter_does_not() {
        const IDLE: Duration = Duration::from_secs(1);
        const PAUSE: Duration = Duration::from_millis(20);
        let activity = Activity::new();
        let deadline = || activity.deadline(IDLE, Duration::ZERO);
        let fresh = deadline();
        for (written, is_rest) in [
            (Poll::Ready(Ok(CHATTER)), false),
            (Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())), false),
            (Poll::Pending, false),
            (Poll::Ready(Ok(CHATTER + 1)), true),
        ] {
            std::thread::sleep(PAUSE);
            activity.note_written(&written);
            assert_eq!(deadline() >= fresh + PAUSE, is_rest, "{written:?}");
        }
        // With a request in hand every octet counts.
        let ticket = activity.take();
        std::thread::sleep(PAUSE);
        activity.note_written(&Poll::Ready(Ok(1)));
        assert!(activity.deadline(Duration::ZERO, IDLE) > fresh + PAUSE);
        drop(ticket);
        assert!(activity.is_idle());
    }
}
