//! What a connection is doing: requests in hand, and when an octet last moved.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::time::as_ms;

/// What is known of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    begun: Instant,
    in_hand: AtomicUsize,
    /// Milliseconds from the beginning to the last octet.
    moved_ms: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), in_hand: AtomicUsize::new(0), moved_ms: AtomicU64::new(0) })
    }

    /// A request that is in hand until the last octet of its answer is handed on.
    pub(super) fn take(self: &Arc<Self>) -> Ticket {
        self.in_hand.fetch_add(1, Ordering::Relaxed);
        Ticket(Arc::clone(self))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_hand.load(Ordering::Relaxed) == 0
    }

    /// When to give up on the connection, as far as can be said now.
    pub(super) fn deadline(&self, idle: Duration, stalled: Duration) -> Instant {
        let moved = Duration::from_millis(self.moved_ms.load(Ordering::Relaxed));
        self.begun + moved + if self.is_idle() { idle } else { stalled }
    }

    fn note(&self) {
        self.moved_ms.store(as_ms(self.begun.elapsed()), Ordering::Relaxed);
    }
}

/// One request in hand.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Activity>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.in_hand.fetch_sub(1, Ordering::Relaxed);
        self.0.note();
    }
}

/// A body that keeps its request in hand.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) body: Body,
    pub(super) _ticket: Ticket,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that notes when something moves.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) activity: Arc<Activity>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_read(context, into);
        if done.is_ready() {
            self.activity.note();
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, from);
        if done.is_ready() {
            self.activity.note();
        }
        done
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, from);
        if done.is_ready() {
            self.activity.note();
        }
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
