//! Bodies with something wrong in their time or their length.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Sleep, sleep};

/// Pieces that come one after another, each after a pause. Its length is whatever the head promises.
pub(super) struct Paced {
    pieces: VecDeque<Bytes>,
    pause: Duration,
    waits: Pin<Box<Sleep>>,
}

impl Paced {
    pub(super) fn new(pieces: impl IntoIterator<Item = String>, pause: Duration) -> Self {
        Self { pieces: pieces.into_iter().map(Bytes::from).collect(), pause, waits: Box::pin(sleep(pause)) }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.pieces.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.waits.as_mut().poll(context));
        self.waits = Box::pin(sleep(self.pause));
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}
