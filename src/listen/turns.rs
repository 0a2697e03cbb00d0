//! Dear work in turns: a little of it, and then everybody else on the thread.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::yield_now;
use tokio::time::Instant;

/// How long dear work may go on before others do. To shake hands takes a tenth of a millisecond or, with RSA, half of
/// one, and the runtime would have sixty tasks do it before it looks at a socket: what is known is answered that much
/// later.
const TURN: Duration = Duration::from_micros(500);
/// How often all others go on then, with what the sockets have brought them meanwhile: whatever came during the turn,
/// and what that has led to. Where nobody wants anything it takes some microseconds.
const OTHERS: usize = 2;

/// The turns of one thread.
pub(crate) struct Turns {
    free: Semaphore,
    /// What was spent of the present turn.
    spent: Cell<Duration>,
}

/// Remembers that work can go on, although its task was woken for something else since.
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { free: Semaphore::new(1), spent: Cell::default() }
    }

    /// Does `work` in pieces, each as far as it gets without waiting. Who waits for somebody else holds up nobody, and
    /// pieces come in the order in which they can go on.
    pub(crate) async fn take<F: Future>(&self, work: F) -> F::Output {
        let (mut work, bell) = (pin!(work), Arc::new(Bell(Notify::new())));
        let waker = Waker::from(Arc::clone(&bell));
        loop {
            let turn = self.free.acquire().await;
            let begun = Instant::now();
            let done = work.as_mut().poll(&mut Context::from_waker(&waker));
            self.spent.set(self.spent.get() + begun.elapsed());
            if self.spent.get() >= TURN {
                self.spent.take();
                for _ in 0..OTHERS {
                    yield_now().await;
                }
            }
            drop(turn);
            match done {
                Poll::Ready(done) => return done,
                Poll::Pending => bell.0.notified().await,
            }
        }
    }

    /// Accepts a connection. Who is to shake hands comes in when those before have had their turn, and waits in the
    /// kernel until then: else a flood would fill all seats with connections that wait for it.
    pub(crate) async fn accept(&self, listener: &TcpListener, shakes: bool) -> io::Result<(TcpStream, SocketAddr)> {
        if shakes { self.take(listener.accept()).await } else { listener.accept().await }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::rc::Rc;

    use tokio::runtime::Builder;
    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    /// Runs `test` as a worker does.
    fn on_a_worker(test: impl Future<Output = ()>) {
        LocalSet::new().block_on(&Builder::new_current_thread().build().unwrap(), test);
    }

    #[test]
    fn others_go_on_between_two_turns() {
        on_a_worker(async {
            let (turns, others, seen) =
                (Rc::new(Turns::new()), Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
            let dear: Vec<_> = (0..50)
                .map(|_| {
                    let (turns, others, seen) = (Rc::clone(&turns), Rc::clone(&others), Rc::clone(&seen));
                    spawn_local(async move {
                        let dear = async {
                            seen.borrow_mut().push(others.get());
                            let begun = Instant::now();
                            while begun.elapsed() < TURN {}
                        };
                        turns.take(dear).await;
                    })
                })
                .collect();
            let count = Rc::clone(&others);
            let other = spawn_local(async move {
                loop {
                    count.set(count.get() + 1);
                    yield_now().await;
                }
            });
            for dear in dear {
                dear.await.unwrap();
            }
            other.abort();
            let seen = seen.borrow();
            assert_eq!(seen.len(), 50);
            assert!(seen.windows(2).all(|pair| pair[1] - pair[0] >= OTHERS), "{seen:?}");
        });
    }

    /// A client that stops in the middle of its handshake, or goes, keeps nobody from theirs.
    #[test]
    fn who_waits_or_goes_holds_up_nobody() {
        on_a_worker(async {
            let turns = Rc::new(Turns::new());
            let waits = Rc::clone(&turns);
            let silent = spawn_local(async move { waits.take(std::future::pending::<()>()).await });
            for _ in 0..3 {
                let goes = Rc::clone(&turns);
                let gone = spawn_local(async move { goes.take(std::future::pending::<()>()).await });
                yield_now().await;
                gone.abort();
            }
            assert_eq!(turns.take(async { 7 }).await, 7);
            assert!(!silent.is_finished());
        });
    }

    /// Also when it can go on before its turn is over.
    #[test]
    fn work_that_can_go_on_does() {
        on_a_worker(async {
            for late in 0..2 * OTHERS {
                let (bell, mut pieces) = (Rc::new(Cell::new(None::<Waker>)), 0);
                let ring = Rc::clone(&bell);
                spawn_local(async move {
                    for _ in 0..20 {
                        for _ in 0..late {
                            yield_now().await;
                        }
                        while let Some(waker) = ring.take() {
                            waker.wake();
                        }
                        yield_now().await;
                    }
                });
                let work = poll_fn(|context| {
                    pieces += 1;
                    bell.set(Some(context.waker().clone()));
                    if pieces == 3 { Poll::Ready(()) } else { Poll::Pending }
                });
                Turns::new().take(work).await;
                assert_eq!(pieces, 3);
            }
        });
    }
}
