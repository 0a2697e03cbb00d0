//! The octets of one connection: queries that come in, answers that go out, each behind its length (RFC 1035 §4.2.2).

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::time::Instant;

/// A length and the longest message (RFC 1035 §4.2.2).
pub(super) const LONGEST: usize = 2 + 65535;
/// Octets to read at once; enough for some dozens of queries.
const READ_ROOM: usize = 2048;
/// Octets that are gone, after which the room that they took is used again although others wait behind them: a client
/// that reads steadily and never all of it would make it grow for ever.
const GONE: usize = 64 << 10;

/// What is on its way in either direction.
pub(super) struct Flow {
    /// Octets that were read and make no whole query yet, or for which there is no room yet.
    pub(super) inbox: Vec<u8>,
    /// Answers with their lengths; the first `written` octets are gone.
    outbox: Vec<u8>,
    written: usize,
    /// Whether what was written is out of our hands: TLS keeps some of it while the client does not read.
    flushed: bool,
    /// When a whole query or answer last passed, or part of an answer.
    pub(super) last: Instant,
}

/// What has happened to a stream.
pub(super) enum Moved {
    /// Octets came, or went.
    Octets,
    /// No more will come.
    End,
}

impl Flow {
    pub(super) fn new() -> Self {
        let (inbox, outbox) = (Vec::new(), Vec::new());
        Self { inbox, outbox, written: 0, flushed: true, last: Instant::now() }
    }

    /// Answers that are due to be written, in octets.
    pub(super) fn unread(&self) -> usize {
        self.outbox.len() - self.written
    }

    /// Whether something is to be written.
    pub(super) fn is_owing(&self) -> bool {
        self.unread() > 0 || !self.flushed
    }

    /// Appends a message behind its length; one that is too long for that is left out.
    pub(super) fn push(&mut self, answer: &[u8]) {
        debug_assert!(answer.len() < LONGEST - 1, "the responder keeps to what TCP carries");
        if let Ok(len) = u16::try_from(answer.len()) {
            self.outbox.extend_from_slice(&len.to_be_bytes());
            self.outbox.extend_from_slice(answer);
        }
    }

    /// Waits until what is owed is written or, if that is wanted, something was read.
    pub(super) fn poll_move<S>(
        &mut self,
        mut stream: Pin<&mut S>,
        reads: bool,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Moved>>
    where
        S: AsyncRead + AsyncWrite,
    {
        if self.is_owing()
            && let Poll::Ready(written) = self.poll_write(stream.as_mut(), context)
        {
            return Poll::Ready(written.map(|()| Moved::Octets));
        }
        if reads { self.poll_read(stream, context) } else { Poll::Pending }
    }

    fn poll_read<S: AsyncRead>(
        &mut self,
        mut stream: Pin<&mut S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Moved>> {
        self.make_room();
        // The future holds nothing but the two.
        let read = ready!(pin!(stream.read_buf(&mut self.inbox)).poll(context));
        Poll::Ready(match read {
            Ok(0) => Ok(Moved::End),
            Ok(_) => Ok(Moved::Octets),
            // An end without the alert that announces it (RFC 8446 §6.1) could cut a message off: its length shows it.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Moved::End),
            Err(error) => Err(error),
        })
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

    /// Writes what the client has room for, all answers that are ready at once (RFC 7766 §8), which over TLS is one
    /// record as long as they fit into it (RFC 7858 §3.3).
    pub(super) fn poll_write<S: AsyncWrite>(
        &mut self,
        mut stream: Pin<&mut S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread() > 0 {
            match ready!(stream.as_mut().poll_write(context, &self.outbox[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
            (self.flushed, self.last) = (false, Instant::now());
            if self.written > GONE {
                self.outbox.drain(..self.written);
                self.written = 0;
            }
        }
        self.outbox.clear();
        self.outbox.shrink_to(READ_ROOM);
        self.written = 0;
        if !self.flushed {
            ready!(stream.poll_flush(context))?;
            (self.flushed, self.last) = (true, Instant::now());
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes some octets and then none, in turn, and flushes never.
    struct Slow {
        takes: bool,
    }

    impl AsyncWrite for Slow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
            self.takes = !self.takes;
            if self.takes { Poll::Ready(Ok(octets.len().min(1000))) } else { Poll::Pending }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_client_that_is_always_behind_holds_no_more_than_what_it_has_not_read() {
        let (mut flow, mut stream) = (Flow::new(), Slow { takes: false });
        let mut context = Context::from_waker(std::task::Waker::noop());
        flow.push(&[0; 3000]);
        assert!(flow.is_owing());
        for _ in 0..2000 {
            flow.push(&[0; 998]);
            assert!(flow.poll_write(Pin::new(&mut stream), &mut context).is_pending());
            assert!(flow.is_owing() && flow.outbox.len() <= 80 << 10, "{}", flow.outbox.len());
        }
        while flow.unread() > 0 {
            assert!(flow.poll_write(Pin::new(&mut stream), &mut context).is_pending());
        }
        assert!(flow.is_owing(), "until it is flushed");
    }

    #[test]
    fn what_is_owed_leaves_whether_or_not_something_is_read() {
        let mut context = Context::from_waker(std::task::Waker::noop());
        for reads in [false, true] {
            let (mut near, _far) = tokio::io::duplex(4096);
            let mut flow = Flow::new();
            flow.push(&[0; 998]);
            let moved = flow.poll_move(Pin::new(&mut near), reads, &mut context);
            assert!(matches!(moved, Poll::Ready(Ok(Moved::Octets))) && !flow.is_owing());
            assert!(flow.poll_move(Pin::new(&mut near), reads, &mut context).is_pending());
        }
    }

    #[test]
    fn the_room_of_one_long_message_is_given_back() {
        let mut flow = Flow::new();
        flow.inbox.reserve_exact(LONGEST);
        flow.make_room();
        assert!((READ_ROOM / 4..=READ_ROOM).contains(&flow.inbox.capacity()), "{}", flow.inbox.capacity());
        let (mut near, _far) = tokio::io::duplex(LONGEST);
        flow.push(&[0; LONGEST - 2]);
        let written = flow.poll_write(Pin::new(&mut near), &mut Context::from_waker(std::task::Waker::noop()));
        assert!(written.is_ready() && flow.outbox.capacity() <= READ_ROOM, "{}", flow.outbox.capacity());
        // As long as some of it is there the rest may come.
        flow.inbox = vec![0; LONGEST];
        flow.make_room();
        assert!(flow.inbox.len() == LONGEST && flow.inbox.capacity() >= LONGEST + READ_ROOM / 4);
    }
}
